import KantorBlocks
import KantorCore

/// Reads the fields that describe a term: the text "simplex 1, box 0 2" with an entry for each
/// block, or one for all, and arrays for parameters that have no number in the text.
struct TermParser {
  /// The text field's name; the parameter p has the field `name_p`.
  let name: String
  let fields: ProblemFields
  let hasHostProx: Bool
  private let parameters: [String: Tensor]

  /// What may stand in an entry. Methods here measure with the Euclidean length.
  static let names: [String] = ["callback"] + ProximalSlot.choices.map(\.name)
  private static let own: Set<String> = ["zero", "nonnegative", "box", "simplex", "callback"]

  init(_ name: String, _ fields: ProblemFields, hasHostProx: Bool) {
    self.name = name
    self.fields = fields
    self.hasHostProx = hasHostProx
    var parameters: [String: Tensor] = [:]
    let known = Set(ProximalSlot.choices.flatMap(\.parameters).map(\.name))
    for parameter in known { parameters[parameter] = fields.tensor("\(name)_\(parameter)") }
    self.parameters = parameters
  }

  static func specs(_ name: String, _ role: String) -> [FieldSpec] {
    let text = FieldSpec(
      name, .text, .input,
      "\(role): a proximal map by name with its numbers, such as zero, nonnegative, box 0 1, "
        + "simplex 2, l2_ball 1, l1 0.5, second_order, total_variation 1; numbers in the order of "
        + "the map's parameters, or as parameter=number. One for all parts, or one for each with "
        + "commas between them. zero if not set, or callback, the function 'prox'.")
    let others = ProximalSlot(name).fields(role).dropFirst().map { spec in
      spec.name == "\(name)_blocks"
        ? FieldSpec(
          spec.name, .array, .input, shape: spec.shape, ranks: spec.ranks,
          "Sizes of the consecutive parts that have terms of their own, or one size for all; one "
            + "part if not set.")
        : FieldSpec(
          spec.name, .array, .input, shape: spec.shape, ranks: spec.ranks,
          sentence(spec.doc))
    }
    return [text] + others
  }

  private static func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  /// The blocks of `n` variables from `offset` on, whose bounds go into `lower` and `upper`.
  func parse(
    sizes: [Int], offset: Int, _ lower: Buffer<Double>, _ upper: Buffer<Double>
  ) throws(KantorError) -> [TermBlock] {
    let entries = try split(fields.text(name), count: sizes.count)
    var blocks: [TermBlock] = []
    var start = 0
    let total = sizes.reduce(0, +)
    for (k, (entry, size)) in zip(entries, sizes).enumerated() {
      let part = Part(
        index: k, count: sizes.count, start: start, size: size, total: total, offset: offset)
      let shape: TermShape
      do throws(KantorError) {
        shape = try self.shape(entry, part, lower, upper)
      } catch {
        throw KantorError(error.code, "field '\(name)': \(error.message)")
      }
      blocks.append(TermBlock(start: offset + start, count: size, shape: shape))
      start += size
    }
    if blocks.count > 1, blocks.contains(where: { $0.shape.name == "callback" }) {
      throw KantorError(
        .unsupported,
        "field '\(name)': callback is the term of all variables, and cannot be that of a part")
    }
    return blocks
  }

  private struct Part {
    let index: Int
    let count: Int
    let start: Int
    let size: Int
    let total: Int
    let offset: Int
  }

  private func split(_ text: String?, count: Int) throws(KantorError) -> [[String]] {
    guard let text else {
      let fallback = hasHostProx && count == 1 ? "callback" : "zero"
      return [[String]](repeating: [fallback], count: count)
    }
    let entries = text.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.split(separator: " ").map(String.init)
    }
    if entries.count == 1 { return [[String]](repeating: entries[0], count: count) }
    guard entries.count == count else {
      throw KantorError(
        .shape,
        "field '\(name)' has \(entries.count) entries; one for all, or \(count), one for each "
          + "part, are needed")
    }
    return entries
  }

  private func shape(
    _ words: [String], _ part: Part, _ lower: Buffer<Double>, _ upper: Buffer<Double>
  ) throws(KantorError) -> TermShape {
    guard let map = words.first else { throw KantorError(.range, "an entry is empty") }
    guard Self.names.contains(map) else {
      throw unknownName("proximal map", map, among: Self.names)
    }
    if map == "callback" {
      guard words.count == 1 else { throw KantorError(.range, "callback takes no numbers") }
      guard hasHostProx else {
        throw KantorError(.missing, "callback, and the functions do not offer 'prox'")
      }
      return .host
    }
    let entry = try ProximalLibrary.entry(map)
    let values = try values(entry, words, part)
    guard Self.own.contains(map) else {
      // Refuses what the map cannot take.
      _ = try entry.make(count: part.size, values)
      return .library(entry, values)
    }
    switch map {
    case "nonnegative": return .nonnegative
    case "simplex": return .simplex(radius: try radius(values["radius"]))
    case "box":
      try setBounds(values, part, lower, upper)
      return .box
    default: return .zero
    }
  }

  /// Parameters by name: numbers of the text first, then the fields.
  private func values(
    _ entry: ProximalEntry, _ words: [String], _ part: Part
  ) throws(KantorError) -> [String: Tensor] {
    var values: [String: Tensor] = [:]
    var free = entry.parameters.map(\.name)
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard let text = parts.last, let number = Double(text), !number.isNaN else {
        throw KantorError(.range, "'\(word.prefix(60))' is no number")
      }
      let named = parts.count == 2 ? parts[0] : free.first
      guard let parameter = named, free.contains(parameter) else {
        throw KantorError(
          .range, "\(entry.name) has no place for '\(word.prefix(60))'; its parameters are "
            + (entry.parameters.isEmpty
              ? "none" : entry.parameters.map(\.name).joined(separator: ", ")))
      }
      free.removeAll { $0 == parameter }
      values[parameter] = Tensor(try Buffer([number]), shape: [])
    }
    for parameter in free {
      if let tensor = parameters[parameter] {
        values[parameter] = try section(tensor, parameter, part)
      }
    }
    return values
  }

  /// What of a parameter's array concerns one part.
  private func section(
    _ tensor: Tensor, _ parameter: String, _ part: Part
  ) throws(KantorError) -> Tensor {
    guard tensor.rank == 1, part.count > 1 else { return tensor }
    let all = try tensor.doubles()
    defer { withExtendedLifetime(all) {} }
    if tensor.shape[0] == part.total {
      return Tensor(try Buffer(copying: all.pointer + part.start, count: part.size))
    }
    guard tensor.shape[0] == part.count else {
      throw KantorError(
        .shape,
        "'\(name)_\(parameter)' has the shape \(tensor.shapeText); a number, one for each of "
          + "\(part.count) parts or \(part.total) numbers are needed")
    }
    return Tensor(try Buffer(copying: all.pointer + part.index, count: 1), shape: [])
  }

  private func radius(_ tensor: Tensor?) throws(KantorError) -> Double {
    guard let tensor else { return 1 }
    let values = try tensor.doubles()
    guard values.count == 1 else {
      throw KantorError(.shape, "the radius has the shape \(tensor.shapeText); a number is needed")
    }
    let radius = values[0]
    guard radius.isFinite else { throw KantorError(.notFinite, "the radius is \(radius)") }
    guard radius >= 0 else {
      throw KantorError(
        .range, "the simplex of radius \(radius) is empty; radii of 0 and more are allowed")
    }
    return radius
  }

  private func setBounds(
    _ values: [String: Tensor], _ part: Part, _ lower: Buffer<Double>, _ upper: Buffer<Double>
  ) throws(KantorError) {
    guard values["lower"] != nil || values["upper"] != nil else {
      throw KantorError(
        .missing, "box needs two numbers, or the fields '\(name)_lower' and '\(name)_upper'")
    }
    for (key, bounds) in [("lower", lower), ("upper", upper)] {
      guard let tensor = values[key] else { continue }
      let given = try tensor.doubles()
      defer { withExtendedLifetime(given) {} }
      guard given.count == 1 || given.count == part.size else {
        throw KantorError(
          .shape, "'\(key)' has the shape \(tensor.shapeText); needed is () or (\(part.size),)")
      }
      for i in 0..<part.size {
        let bound = given.pointer[given.count == 1 ? 0 : i]
        if bound.isNaN { throw KantorError(.notFinite, "'\(key)' is nan at \(i)") }
        bounds.pointer[part.offset + part.start + i] = bound
      }
    }
    for i in 0..<part.size {
      let place = part.offset + part.start + i
      let (l, u) = (lower.pointer[place], upper.pointer[place])
      if l <= u && l < .infinity && u > -.infinity { continue }
      throw KantorError(
        .range, "the box of variable \(part.start + i) has the bounds \(l) and \(u) and is empty")
    }
  }
}

extension InclusionFields {
  /// The term of all n variables from the fields of one slot.
  func term(
    _ name: String, n: Int, sizes: [Int]? = nil, hasHostProx: Bool
  ) throws(KantorError) -> ProximalTerm {
    try term([(name, n)], sizes: sizes, hasHostProx: hasHostProx)
  }

  /// The term of consecutive slots; `sizes` are the parts where the slots do not say them.
  func term(
    _ slots: [(name: String, count: Int)], sizes: [Int]? = nil, hasHostProx: Bool
  ) throws(KantorError) -> ProximalTerm {
    let n = slots.reduce(0) { $0 + $1.count }
    let lower = try Buffer<Double>(count: n, repeating: -.infinity)
    let upper = try Buffer<Double>(count: n, repeating: .infinity)
    var blocks: [TermBlock] = []
    var offset = 0
    for slot in slots {
      let own = try self.sizes(slot.name + "_blocks", n: slot.count)
      let parser = TermParser(slot.name, fields, hasHostProx: hasHostProx && slots.count == 1)
      blocks += try parser.parse(
        sizes: own ?? sizes ?? [slot.count], offset: offset, lower, upper)
      offset += slot.count
    }
    return ProximalTerm(n: n, blocks: blocks, lower: lower, upper: upper)
  }
}
