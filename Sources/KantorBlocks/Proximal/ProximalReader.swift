import KantorCore

/// Reads the text of a slot, and the fields of parameters that have no number there.
struct ProximalReader {
  private let slot: ProximalSlot
  private let fields: ProblemFields
  private let sizes: [Int]
  private let hasHostProx: Bool
  private let total: Int

  init(_ slot: ProximalSlot, _ fields: ProblemFields, sizes: [Int], hasHostProx: Bool) {
    self.slot = slot
    self.fields = fields
    self.sizes = sizes
    self.hasHostProx = hasHostProx
    total = sizes.reduce(0, +)
  }

  func parts() throws(KantorError) -> [ProximalPart] {
    let entries = try split(fields.text(slot.name))
    var parts: [ProximalPart] = []
    var start = 0
    for (k, size) in sizes.enumerated() {
      parts.append(try part(entries[k], k, start, size))
      start += size
    }
    if parts.count > 1, parts.contains(where: { $0.entry == nil }) {
      throw KantorError(
        .unsupported,
        "\(ProximalSlot.host) is the term of all variables, and cannot be that of a part")
    }
    try checkUse(of: parts)
    return parts
  }

  /// A parameter that no map has was meant for another map.
  private func checkUse(of parts: [ProximalPart]) throws(KantorError) {
    let taken = Set(parts.flatMap { $0.entry?.parameters ?? [] }.map(\.name))
    let known = Set(ProximalSlot.choices.flatMap(\.parameters).map(\.name))
    for name in known.sorted() where !taken.contains(name) {
      guard fields.tensor("\(slot.name)_\(name)") != nil else { continue }
      throw KantorError(
        .name,
        "'\(slot.name)_\(name)' was set, and no map named here has a parameter '\(name)'")
    }
  }

  /// The words of each part's entry.
  private func split(_ text: String?) throws(KantorError) -> [[String]] {
    guard let text else {
      let fallback = hasHostProx && sizes.count == 1 ? ProximalSlot.host : "zero"
      return [[String]](repeating: [fallback], count: sizes.count)
    }
    let entries = text.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.split(separator: " ").map(String.init)
    }
    if entries.count == 1 { return [[String]](repeating: entries[0], count: sizes.count) }
    guard entries.count == sizes.count else {
      throw KantorError(
        .shape,
        "\(entries.count) entries; one for all, or \(sizes.count), one for each part, are needed")
    }
    return entries
  }

  private func part(
    _ words: [String], _ k: Int, _ start: Int, _ size: Int
  ) throws(KantorError) -> ProximalPart {
    guard let map = words.first else { throw KantorError(.range, "an entry is empty") }
    if map == ProximalSlot.host {
      guard words.count == 1 else {
        throw KantorError(.range, "\(ProximalSlot.host) takes no numbers")
      }
      guard hasHostProx else {
        throw KantorError(.missing, "\(ProximalSlot.host), and the functions do not offer 'prox'")
      }
      return ProximalPart(start: start, count: size, entry: nil, values: [:])
    }
    guard let entry = ProximalSlot.choices.first(where: { $0.name == map }) else {
      throw unknownName(
        "proximal map", map, among: ProximalSlot.choices.map(\.name) + [ProximalSlot.host])
    }
    let values = try values(entry, words, k, start)
    if map == "box", values.isEmpty {
      throw KantorError(
        .missing,
        "box needs two numbers, or the fields '\(slot.name)_lower' and '\(slot.name)_upper'")
    }
    _ = try entry.make(count: size, values)
    return ProximalPart(start: start, count: size, entry: entry, values: values)
  }

  /// Parameters by name: numbers of the text first, then the fields.
  private func values(
    _ entry: ProximalEntry, _ words: [String], _ k: Int, _ start: Int
  ) throws(KantorError) -> [String: Tensor] {
    var values: [String: Tensor] = [:]
    var free = entry.parameters.map(\.name)
    for word in words.dropFirst() {
      let pieces = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard let text = pieces.last, let number = Double(text), !number.isNaN else {
        throw KantorError(.range, "'\(word.prefix(60))' is no number")
      }
      let named = pieces.count == 2 ? pieces[0] : free.first
      guard let parameter = named, free.contains(parameter) else {
        throw KantorError(
          .range, "\(entry.name) has no place for '\(word.prefix(60))'; its parameters are "
            + (entry.parameters.isEmpty
              ? "none" : entry.parameters.map(\.name).joined(separator: ", ")))
      }
      free.removeAll { $0 == parameter }
      values[parameter] = Tensor(try Buffer([number]), shape: [])
    }
    for parameter in entry.parameters where free.contains(parameter.name) {
      if let tensor = fields.tensor("\(slot.name)_\(parameter.name)") {
        values[parameter.name] = try section(tensor, parameter, k, start)
      }
    }
    return values
  }

  /// What of a parameter's array concerns one part: its section of n numbers, or its number.
  private func section(
    _ tensor: Tensor, _ parameter: ProximalParameter, _ k: Int, _ start: Int
  ) throws(KantorError) -> Tensor {
    guard tensor.rank == 1, sizes.count > 1 else { return tensor }
    let all = try tensor.doubles()
    defer { withExtendedLifetime(all) {} }
    if tensor.shape[0] == total, parameter.shape.contains("(n,)") {
      return Tensor(try Buffer(copying: all.pointer + start, count: sizes[k]))
    }
    guard tensor.shape[0] == sizes.count else {
      throw KantorError(
        .shape,
        "'\(slot.name)_\(parameter.name)' has the shape \(tensor.shapeText); a number, one for "
          + "each of \(sizes.count) parts or \(total) numbers are needed")
    }
    return Tensor(try Buffer(copying: all.pointer + k, count: 1), shape: [])
  }
}
