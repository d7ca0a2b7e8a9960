import KantorCatalog
import KantorCore

/// Problems of every shape that methods of a kind may meet. A method may refuse one as
/// unsupported; it must not do anything else wrong with it.
public struct Specimen: Sendable, CustomStringConvertible {
  public enum Data: Sendable {
    case cost(rows: [[Double]])
    case points([[Double]], [[Double]], metric: String)
    /// A problem of another kind, by its fields.
    case other(
      kind: String, arrays: [Field], words: [String: String] = [:], reals: [String: Double] = [:])
  }
  /// Numbers of an array field.
  public struct Field: Sendable {
    let name: String
    let shape: [Int]
    let numbers: [Double]
    public init(_ name: String, _ shape: [Int], _ numbers: [Double]) {
      self.name = name
      self.shape = shape
      self.numbers = numbers
    }
  }
  public let name: String
  public let data: Data
  public var a: [Double]?
  public var b: [Double]?
  public var isFeasible = true
  /// Function and integer fields of a problem of another kind.
  public var functions: [String: Functions] = [:]
  public var integers: [String: Int64] = [:]
  /// Problems that are data of this one.
  public var parts: [String: @Sendable () throws -> Subproblem] = [:]
  /// Arrays in which infinities have a meaning; `change` does not see them.
  public var bounds: [Field] = []

  public var description: String { name }

  public var shape: (n: Int, m: Int) {
    switch data {
    case .cost(let rows): return (rows.count, rows[0].count)
    case .points(let x, let y, _): return (x.count, y.count)
    case .other: return (0, 0)
    }
  }

  public var kind: String {
    if case .other(let kind, _, _, _) = data { return kind }
    return "transport"
  }

  /// Lengths of the arrays that a derivative with respect to them has to have.
  public var fieldShapes: [String: [Int]] {
    if case .other(_, let arrays, _, _) = data {
      return Dictionary(uniqueKeysWithValues: arrays.map { ($0.name, $0.shape) })
    }
    return ["weights_source": [shape.n], "weights_target": [shape.m]]
  }

  /// The problem; `change` may replace the numbers of an array field before it is set.
  public func problem(
    changing change: (String, inout [Double]) -> Void = { _, _ in }
  ) throws -> Problem {
    let problem = Problem(kind: try Catalog.standard.kind(kind))
    func set(_ name: String, _ numbers: [Double], _ shape: [Int]) throws {
      var numbers = numbers
      change(name, &numbers)
      try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
    }
    switch data {
    case .cost(let rows):
      try set("cost", rows.flatMap { $0 }, [rows.count, rows[0].count])
      // What a debiased divergence of a dense cost needs in addition.
      let (n, m) = shape
      try set("cost_source", distances(n), [n, n])
      try set("cost_target", distances(m), [m, m])
    case .points(let x, let y, let metric):
      try set("points_source", x.flatMap { $0 }, [x.count, x[0].count])
      try set("points_target", y.flatMap { $0 }, [y.count, y[0].count])
      try problem.set("metric", .text(metric))
    case .other(_, let arrays, let words, let reals):
      for (name, number) in reals { try problem.set(name, .real(number)) }
      for field in arrays { try set(field.name, field.numbers, field.shape) }
      for (name, word) in words { try problem.set(name, .text(word)) }
    }
    for field in bounds {
      try problem.set(
        field.name, .array(Tensor(try Buffer(field.numbers), shape: field.shape)))
    }
    for (name, bundle) in functions { try problem.set(name, .functions(bundle)) }
    for (name, number) in integers { try problem.set(name, .int(number)) }
    for (name, make) in parts { try problem.set(name, .problem(try make())) }
    if let a { try set("weights_source", a, [a.count]) }
    if let b { try set("weights_target", b, [b.count]) }
    return problem
  }

  private func distances(_ n: Int) -> [Double] {
    (0..<n * n).map { Double(abs($0 / n - $0 % n)) / Double(n) }
  }
}

public enum TransportSpecimens {
  /// Numbers in [0, 1) that are the same every time.
  public static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) * 0x1p-31
    }
  }

  static func table(_ n: Int, _ m: Int, _ seed: UInt64) -> [[Double]] {
    let all = numbers(n * m, seed)
    return (0..<n).map { Array(all[$0 * m..<($0 + 1) * m]) }
  }

  static func weights(_ n: Int, _ seed: UInt64) -> [Double] {
    let raw = numbers(n, seed).map { $0 + 0.1 }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  /// Sizes at which an iterative method needs more than one iteration.
  public static let ordinary: [Specimen] = [
    Specimen(name: "dense, any weights", data: .cost(rows: table(40, 55, 1)),
      a: weights(40, 2), b: weights(55, 3)),
    Specimen(name: "dense, uniform square", data: .cost(rows: table(48, 48, 4))),
    Specimen(name: "plane", data: .points(table(45, 2, 5), table(45, 2, 6), metric: "sqeuclidean")),
    Specimen(name: "space, l1, any weights",
      data: .points(table(30, 3, 7), table(41, 3, 8), metric: "l1"),
      a: weights(30, 9), b: weights(41, 10)),
    Specimen(name: "line", data: .points(table(50, 1, 11), table(50, 1, 12), metric: "euclidean")),
    Specimen(name: "line, any weights",
      data: .points(table(30, 1, 13), table(70, 1, 14), metric: "sqeuclidean"),
      a: weights(30, 15), b: weights(70, 16)),
  ]

  public static let extreme: [Specimen] = [
    Specimen(name: "one pair", data: .cost(rows: [[2]])),
    Specimen(name: "one source", data: .cost(rows: [[1, 2, 3]]), b: [0.5, 0.25, 0.25]),
    Specimen(name: "one target", data: .cost(rows: [[1], [2], [3]]), a: [0.5, 0.25, 0.25]),
    Specimen(name: "one pair on a line", data: .points([[1]], [[3]], metric: "sqeuclidean")),
    Specimen(name: "zero weights", data: .cost(rows: table(6, 5, 20)),
      a: [0, 0.5, 0, 0.25, 0.25, 0], b: [0, 0, 0.75, 0.25, 0]),
    Specimen(name: "zero weights on a line",
      data: .points(table(4, 1, 21), table(3, 1, 22), metric: "l1"),
      a: [0, 0.5, 0.5, 0], b: [0.75, 0, 0.25]),
    Specimen(name: "equal costs", data: .cost(rows: [[1, 1], [1, 1]])),
    Specimen(name: "all costs 0", data: .cost(rows: [[0, 0], [0, 0]])),
    Specimen(name: "points on top of each other",
      data: .points([[1, 2], [1, 2]], [[1, 2], [1, 2]], metric: "sqeuclidean")),
    Specimen(name: "large mass", data: .cost(rows: table(5, 5, 23)),
      a: [Double](repeating: 1e6, count: 5), b: [Double](repeating: 1e6, count: 5)),
    Specimen(name: "forbidden pairs", data: .cost(rows: [[0, .infinity], [1, 0]])),
  ]

  public static let infeasible = [
    Specimen(name: "infeasible", data: .cost(rows: [[.infinity, .infinity], [1, 0]]),
      isFeasible: false)
  ]

  public static var all: [Specimen] { ordinary + extreme + infeasible }
}
