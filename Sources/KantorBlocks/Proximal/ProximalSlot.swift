import KantorCore
import KantorNumerics

/// A place for a proximal map among the fields of a problem's kind: the field `name` holds the
/// text "simplex 1, box 0 2" with an entry for each part of the vector, or one for all; the fields
/// `name_radius`, `name_weight`, ... parameters without a number in the text; `name_blocks` the
/// sizes of the parts.
public struct ProximalSlot: Sendable {
  public let name: String

  public init(_ name: String) { self.name = name }

  /// Maps that a slot takes: those of Euclidean distance.
  public static let choices = ProximalLibrary.all.filter { $0.form != .mirror }
  /// The entry that stands for the function `prox` of the host.
  static let host = "callback"

  /// For the kind's list of fields; `role` says what the map is to the problem, as in
  /// "The function g of x".
  public func fields(_ role: String, takesHost: Bool = false) -> [FieldSpec] {
    var specs = [
      FieldSpec(
        name, .text, .input,
        "\(role): a proximal map by name with its numbers, such as zero, nonnegative, box 0 1, "
          + "simplex 2, l2_ball 1, l1 0.5; numbers in the order of the map's parameters, or as "
          + "parameter=number. One for all parts, or one for each with commas between them. zero "
          + "if not set" + (takesHost ? ", or callback, the function 'prox'." : ".")),
      FieldSpec(
        "\(name)_blocks", .array, .input, shape: "() or (blocks,)", ranks: [0, 1],
        "Sizes of the consecutive parts that have maps of their own, or one size for all; one part "
          + "if not set."),
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

  /// The map that the fields describe, for `count` numbers.
  public func read(
    _ fields: ProblemFields, count: Int
  ) throws(KantorError) -> ProximalChoice {
    ProximalChoice(parts: try parts(fields, count: count, hasHostProx: false))
  }

  /// The parts and their maps; each was made once, so that all that is wrong is said now.
  ///
  /// - Parameter sizes: of the parts where the fields do not say them.
  public func parts(
    _ fields: ProblemFields, count: Int, sizes: [Int]? = nil, hasHostProx: Bool
  ) throws(KantorError) -> [ProximalPart] {
    let sizes = try self.sizes(fields, count) ?? sizes ?? [count]
    do {
      let reader = ProximalReader(self, fields, sizes: sizes, hasHostProx: hasHostProx)
      return try reader.parts()
    } catch {
      throw KantorError(error.code, "field '\(name)': \(error.message)")
    }
  }

  private func sizes(_ fields: ProblemFields, _ count: Int) throws(KantorError) -> [Int]? {
    let field = "\(name)_blocks"
    guard let tensor = fields.tensor(field) else { return nil }
    let given = try tensor.doubles()
    defer { withExtendedLifetime(given) {} }
    var sizes: [Int] = []
    var sum = 0.0
    for k in 0..<given.count {
      let x = given.pointer[k]
      guard x >= 1, x <= Double(count), let size = Int(exactly: x) else {
        throw KantorError(
          x.isFinite ? .range : .notFinite,
          "field '\(field)': part \(k) has the size \(x); whole numbers from 1 to \(count) are "
            + "allowed")
      }
      sum += x
      sizes.append(size)
    }
    if tensor.rank == 0, let size = sizes.first, count % size == 0 {
      return Array(repeating: size, count: count / size)
    }
    guard sum == Double(count) else {
      throw KantorError(
        .shape,
        "field '\(field)': the sizes have the sum \(shortText(sum)); there are \(count) variables")
    }
    return sizes
  }
}

/// One of consecutive parts of a vector, and its map.
public struct ProximalPart: Sendable {
  public let start: Int
  public let count: Int
  /// Nil for the function `prox` of the host.
  public let entry: ProximalEntry?
  public let values: [String: Tensor]
}

/// A proximal map with its data; a solve makes its own object from it.
public struct ProximalChoice: Sendable {
  public let parts: [ProximalPart]

  init(parts: [ProximalPart]) { self.parts = parts }

  /// One map for all `count` numbers.
  public init(entry: ProximalEntry, count: Int, values: [String: Tensor] = [:]) {
    parts = [ProximalPart(start: 0, count: count, entry: entry, values: values)]
  }

  public func make() throws(KantorError) -> any ProximalMap {
    var made: [(first: Int, map: any ProximalMap)] = []
    for part in parts {
      guard let entry = part.entry else {
        throw KantorError(.unsupported, "'\(ProximalSlot.host)' is no map of the library")
      }
      made.append((part.start, try entry.make(count: part.count, part.values)))
    }
    return made.count == 1 ? made[0].map : BlockMap(made)
  }
}

/// A sum of maps of consecutive parts.
private final class BlockMap: ProximalMap {
  let count: Int
  private let parts: [(first: Int, map: any ProximalMap)]

  init(_ parts: [(first: Int, map: any ProximalMap)]) {
    count = parts.reduce(0) { $0 + $1.map.count }
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
