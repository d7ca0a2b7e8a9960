import KantorBlocks
import KantorCore

/// What g is on a block of consecutive variables.
package enum TermShape: Sendable {
  /// No term.
  case zero
  case nonnegative
  /// Between bounds, which may be infinite.
  case box
  /// x >= 0 with the sum `radius`.
  case simplex(radius: Double)
  /// Another one of the library, with its parameters.
  case library(ProximalEntry, [String: Tensor])
  /// The function `prox` of the host; always of all variables.
  case host

  package var name: String {
    switch self {
    case .zero: return "zero"
    case .nonnegative: return "nonnegative"
    case .box: return "box"
    case .simplex: return "simplex"
    case .library(let entry, _): return entry.name
    case .host: return "callback"
    }
  }
}

/// A block of consecutive variables and its term.
package struct TermBlock: Sendable {
  package let start: Int
  package let count: Int
  package let shape: TermShape
}

/// g as a sum over blocks of variables.
package struct ProximalTerm: Sendable {
  package let n: Int
  package let blocks: [TermBlock]
  /// Bounds of the variables that lie in boxes; others' are not read.
  package let lower: Buffer<Double>
  package let upper: Buffer<Double>

  package var isHost: Bool {
    blocks.contains { if case .host = $0.shape { true } else { false } }
  }
  package var isZero: Bool {
    blocks.allSatisfy { if case .zero = $0.shape { true } else { false } }
  }
}

/// Reads the text fields that describe a term: "simplex 1, box 0 2", an entry for each block.
struct TermParser {
  /// The field's name, for messages.
  let field: String
  /// Bounds that `box` without numbers means.
  let lower: Buffer<Double>?
  let upper: Buffer<Double>?
  let hasHostProx: Bool

  /// What may stand in an entry. Methods here measure with the Euclidean length.
  static let names: [String] =
    ["callback"]
    + ProximalLibrary.all.filter { if case .mirror = $0.form { false } else { true } }
    .map(\.name)

  /// The term of `sizes.count` blocks; one entry holds for all of them.
  func parse(_ text: String?, sizes: [Int]) throws(KantorError) -> ProximalTerm {
    let n = sizes.reduce(0, +)
    let low = try Buffer<Double>(count: n, repeating: -.infinity)
    let high = try Buffer<Double>(count: n, repeating: .infinity)
    if let lower { low.pointer.update(from: lower.pointer, count: n) }
    if let upper { high.pointer.update(from: upper.pointer, count: n) }
    let entries = try split(text, count: sizes.count)
    var blocks: [TermBlock] = []
    var start = 0
    for (entry, size) in zip(entries, sizes) {
      let shape = try shape(entry, start, size, low, high)
      blocks.append(TermBlock(start: start, count: size, shape: shape))
      start += size
    }
    let term = ProximalTerm(n: n, blocks: blocks, lower: low, upper: high)
    guard !term.isHost || blocks.count == 1 else {
      throw KantorError(
        .unsupported,
        "field '\(field)': callback is the term of all variables, and cannot be that of a block")
    }
    return term
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
        "field '\(field)' has \(entries.count) entries; one for all, or \(count), one for each "
          + "block, are needed")
    }
    return entries
  }

  private func shape(
    _ entry: [String], _ start: Int, _ size: Int, _ low: Buffer<Double>, _ high: Buffer<Double>
  ) throws(KantorError) -> TermShape {
    guard let name = entry.first else {
      throw KantorError(.range, "field '\(field)' has an empty entry")
    }
    guard Self.names.contains(name) else {
      throw unknownName("term of the field '\(field)'", name, among: Self.names)
    }
    guard ["zero", "nonnegative", "box", "simplex", "callback"].contains(name) else {
      return try library(name, entry, start, size)
    }
    let numbers = try numbers(entry)
    func expect(_ counts: [Int]) throws(KantorError) {
      if counts.contains(numbers.count) { return }
      let needed = counts.map { "\($0)" }.joined(separator: " or ")
      throw KantorError(
        .range,
        "field '\(field)': \(name) is followed by \(numbers.count) numbers; needed: \(needed)")
    }
    switch name {
    case "zero":
      try expect([0])
      return .zero
    case "nonnegative":
      try expect([0])
      return .nonnegative
    case "simplex":
      try expect([0, 1])
      let radius = numbers.first ?? 1
      guard radius >= 0, radius.isFinite else {
        throw KantorError(
          .range, "field '\(field)': the simplex of radius \(radius) is empty; >= 0 is allowed")
      }
      return .simplex(radius: radius)
    case "box":
      try expect([0, 2])
      if numbers.count == 2 {
        for i in start..<(start + size) {
          low.pointer[i] = numbers[0]
          high.pointer[i] = numbers[1]
        }
      } else if lower == nil && upper == nil {
        throw KantorError(
          .missing, "field '\(field)': box needs two numbers, or the fields 'lower' and 'upper'")
      }
      try checkBounds(start, size, low, high)
      return .box
    case "callback":
      try expect([0])
      guard hasHostProx else {
        throw KantorError(
          .missing, "field '\(field)' is callback, and the functions do not offer 'prox'")
      }
      return .host
    default: return .zero
    }
  }

  /// "l1 0.5", or "box_sum total=1 upper=0.4": numbers in the order of the parameters, or by name.
  /// The fields 'lower' and 'upper' serve where a term has such parameters and no number for them.
  private func library(
    _ name: String, _ words: [String], _ start: Int, _ size: Int
  ) throws(KantorError) -> TermShape {
    let entry = try ProximalLibrary.entry(name)
    var values: [String: Tensor] = [:]
    var free = entry.parameters.map(\.name)
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard let text = parts.last, let number = Double(text), !number.isNaN else {
        throw KantorError(.range, "field '\(field)': '\(word.prefix(60))' is no number")
      }
      guard let parameter = parts.count == 2 ? parts[0] : free.first else {
        throw KantorError(.range, "field '\(field)': \(name) has too many numbers")
      }
      free.removeAll { $0 == parameter }
      values[parameter] = Tensor(try Buffer([number]), shape: [])
    }
    for (parameter, bounds) in [("lower", lower), ("upper", upper)] {
      guard let bounds, free.contains(parameter) else { continue }
      values[parameter] = Tensor(try Buffer(copying: bounds.pointer + start, count: size))
    }
    // Refuses what the term does not know or cannot take.
    _ = try entry.make(count: size, values)
    return .library(entry, values)
  }

  private func numbers(_ entry: [String]) throws(KantorError) -> [Double] {
    var numbers: [Double] = []
    for word in entry.dropFirst() {
      guard let x = Double(word), !x.isNaN else {
        throw KantorError(
          .range, "field '\(field)': '\(word.prefix(60))' is no number")
      }
      numbers.append(x)
    }
    return numbers
  }

  private func checkBounds(
    _ start: Int, _ size: Int, _ low: Buffer<Double>, _ high: Buffer<Double>
  ) throws(KantorError) {
    for i in start..<(start + size) {
      let (l, u) = (low.pointer[i], high.pointer[i])
      if l <= u && l < .infinity && u > -.infinity { continue }
      throw KantorError(
        .range,
        "field '\(field)': the box of variable \(i) has the bounds \(l) and \(u) and is empty")
    }
  }
}
