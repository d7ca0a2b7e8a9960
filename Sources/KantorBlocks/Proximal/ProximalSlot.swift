import KantorCore
import KantorNumerics

/// A place for a proximal map among the fields of a problem's kind: the field `name` holds the
/// map's name, the fields `name_radius`, `name_weight`, ... its parameters, and `name_blocks` cuts
/// the vector into parts that have the map each.
public struct ProximalSlot: Sendable {
  public let name: String
  /// The map when the caller says nothing.
  public let standard: String

  public init(_ name: String, standard: String = "zero") {
    self.name = name
    self.standard = standard
  }

  /// Maps that a slot takes: those of Euclidean distance.
  public static let choices = ProximalLibrary.all.filter { $0.form != .mirror }

  /// For the kind's list of fields; `role` says what the map is to the problem, as in
  /// "The function g of x".
  public func fields(_ role: String) -> [FieldSpec] {
    var specs = [
      FieldSpec(
        name, .text, .input, choices: Self.choices.map(\.name),
        "\(role), a proximal map by name; \(standard) if not given."),
      FieldSpec(
        "\(name)_blocks", .array, .input, shape: "() or (blocks,)", ranks: [0, 1],
        "Sizes of consecutive parts, each of which has the map; one part if not given."),
    ]
    var seen: Set<String> = []
    for parameter in Self.choices.flatMap(\.parameters) where seen.insert(parameter.name).inserted {
      let users = Self.choices.filter { $0.parameters.contains { $0.name == parameter.name } }
      specs.append(
        FieldSpec(
          "\(name)_\(parameter.name)", .array, .input, shape: "(), (n,) or (m, n)",
          ranks: [0, 1, 2],
          "Parameter '\(parameter.name)' of \(users.map(\.name).joined(separator: ", "))."))
    }
    return specs
  }

  /// The map that the fields describe, for `count` numbers; made once, so that all that is wrong
  /// with it is said now.
  public func read(
    _ fields: ProblemFields, count: Int
  ) throws(KantorError) -> ProximalChoice {
    let entry = try ProximalLibrary.entry(fields.text(name) ?? standard)
    var values: [String: Tensor] = [:]
    for (field, value) in fields.values {
      guard field.hasPrefix(name + "_"), field != name + "_blocks",
        case .array(let tensor) = value
      else { continue }
      values[String(field.dropFirst(name.count + 1))] = tensor
    }
    let choice = ProximalChoice(
      entry: entry, count: count, values: values,
      blocks: try fields.tensor(name + "_blocks").map { (t) throws(KantorError) in
        try sizes(t, count)
      })
    do {
      _ = try choice.make()
    } catch {
      throw KantorError(error.code, "field '\(name)': \(error.message)")
    }
    return choice
  }

  private func sizes(_ tensor: Tensor, _ count: Int) throws(KantorError) -> [Int] {
    let buffer = try tensor.doubles()
    var sizes: [Int] = []
    var left = count
    for k in 0..<buffer.count {
      let x = buffer.pointer[k]
      guard x >= 1, let size = Int(exactly: x), size <= left, tensor.rank == 1 || count % size == 0
      else {
        throw KantorError(
          .range,
          "field '\(name)_blocks': part \(k) has the size \(x); whole numbers >= 1 with the sum "
            + "\(count) are needed")
      }
      left -= size
      sizes.append(size)
    }
    if tensor.rank == 0, let size = sizes.first {
      return Array(repeating: size, count: count / size)
    }
    guard left == 0 else {
      throw KantorError(
        .shape, "field '\(name)_blocks': the parts have \(count - left) places, and \(count) exist")
    }
    return sizes
  }
}

/// A proximal map with its data; a solve makes its own object from it.
public struct ProximalChoice: Sendable {
  public let entry: ProximalEntry
  public let count: Int
  let values: [String: Tensor]
  let blocks: [Int]?

  public init(entry: ProximalEntry, count: Int, values: [String: Tensor] = [:]) {
    self.init(entry: entry, count: count, values: values, blocks: nil)
  }

  init(entry: ProximalEntry, count: Int, values: [String: Tensor], blocks: [Int]?) {
    self.entry = entry
    self.count = count
    self.values = values
    self.blocks = blocks
  }

  public func make() throws(KantorError) -> any ProximalMap {
    guard let blocks else { return try entry.make(count: count, values) }
    return try BlockMap(self, blocks)
  }

  /// The parameters of one part: a number for each part, or the part's section of n numbers.
  fileprivate func part(
    _ k: Int, of blocks: [Int], first: Int
  ) throws(KantorError) -> [String: Tensor] {
    var own: [String: Tensor] = [:]
    for (name, tensor) in values {
      guard tensor.rank == 1, let spec = entry.parameters.first(where: { $0.name == name }) else {
        own[name] = tensor
        continue
      }
      let all = try tensor.doubles()
      if tensor.shape[0] == count && spec.shape.contains("(n,)") {
        own[name] = Tensor(
          try Buffer(copying: all.pointer + first, count: blocks[k]), count: blocks[k])
      } else if tensor.shape[0] == blocks.count {
        own[name] = Tensor(try Buffer(copying: all.pointer + k, count: 1), shape: [])
      } else {
        throw KantorError(
          .shape,
          "\(entry.name): parameter '\(name)' has the shape \(tensor.shapeText); a number, one for "
            + "each of \(blocks.count) parts or \(count) numbers are needed")
      }
    }
    return own
  }
}

/// A sum of maps of consecutive parts.
private final class BlockMap: ProximalMap {
  let count: Int
  private let parts: [(first: Int, map: any ProximalMap)]

  init(_ choice: ProximalChoice, _ blocks: [Int]) throws(KantorError) {
    count = choice.count
    var parts: [(first: Int, map: any ProximalMap)] = []
    var first = 0
    for (k, size) in blocks.enumerated() {
      let values = try choice.part(k, of: blocks, first: first)
      parts.append((first, try choice.entry.make(count: size, values)))
      first += size
    }
    self.parts = parts
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    for part in parts {
      guard part.map.apply(x + part.first, step: step, into: out + part.first) else { return false }
    }
    return true
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue { sum { $0.value(x + $1) } }
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue { sum { $0.conjugate(y + $1) } }

  private func sum(_ term: (any ProximalMap, Int) -> ConvexValue) -> ConvexValue {
    var (total, worst) = (CompensatedSum(), 0.0)
    for part in parts {
      let value = term(part.map, part.first)
      total.add(value.value)
      worst = value.violation.isNaN ? .nan : max(worst, value.violation)
    }
    return ConvexValue(total.value, violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    for part in parts {
      let at = part.first
      guard part.map.pullback(x + at, step: step, v + at, into: out + at) else { return false }
    }
    return true
  }
}
