import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport

/// A problem of the kind "gromov" for tests, with the sums written out as they are defined.
struct GromovSample {
  var c: [Double]
  var d: [Double]
  var cost: [Double]?
  var alpha = 1.0
  var a: [Double]
  var b: [Double]
  var loss = "square"

  var n: Int { a.count }
  var m: Int { b.count }

  /// Two clouds in the plane with any weights.
  static func clouds(_ n: Int, _ m: Int, seed: UInt64) -> GromovSample {
    GromovSample(
      c: GromovSpecimens.distances(n, seed), d: GromovSpecimens.distances(m, seed + 1),
      a: GromovSpecimens.weights(n, seed + 2), b: GromovSpecimens.weights(m, seed + 3))
  }

  /// The same with a cost of features.
  static func fused(_ n: Int, _ m: Int, alpha: Double, seed: UInt64) -> GromovSample {
    var sample = clouds(n, m, seed: seed)
    sample.cost = GromovSpecimens.numbers(n * m, seed + 4)
    sample.alpha = alpha
    return sample
  }

  /// Structures that are neither symmetric nor small in any sense.
  static func random(_ n: Int, _ m: Int, seed: UInt64) -> GromovSample {
    var sample = clouds(n, m, seed: seed)
    sample.c = GromovSpecimens.numbers(n * n, seed + 5).map { $0 + 0.2 }
    sample.d = GromovSpecimens.numbers(m * m, seed + 6).map { $0 + 0.2 }
    return sample
  }

  func problem(
    _ kind: ProblemKind = GromovKind.kind, _ numbers: [String: Double] = [:]
  ) throws -> Problem {
    let problem = Problem(kind: kind)
    func set(_ name: String, _ numbers: [Double], _ shape: [Int]) throws {
      try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
    }
    try set("structure_source", c, [n, n])
    try set("structure_target", d, [m, m])
    try set("weights_source", a, [n])
    try set("weights_target", b, [m])
    if let cost {
      try set("cost", cost, [n, m])
      try problem.set("alpha", .real(alpha))
    }
    try problem.set("loss", .text(loss))
    for (name, value) in numbers { try problem.set(name, .real(value)) }
    return problem
  }

  func sealed() throws -> GromovProblem {
    guard let sealed = try problem().seal() as? GromovProblem else {
      throw KantorError(.internal, "another kind")
    }
    return sealed
  }

  func solve(
    _ method: String = "gromov_conditional_gradient", options: [String: OptionValue] = [:],
    start: [String: Tensor] = [:], kind: ProblemKind = GromovKind.kind,
    numbers: [String: Double] = [:]
  ) throws -> Result {
    let entry = try Catalog.standard.method(method)
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    for (name, tensor) in start { settings.setStart(name, tensor) }
    return try Catalog.standard.solve(
      try problem(kind, numbers), method: method, settings: settings)
  }

  func loss(_ x: Double, _ y: Double) -> Double {
    if loss == "square" { return (x - y) * (x - y) }
    return x * log((x + 1e-18) / (y + 1e-18)) - x + y
  }

  /// The objective, by the sum over four indices.
  func value(_ plan: [Double]) -> Double {
    var (quadratic, linear) = (0.0, 0.0)
    for e in 0..<(n * m) where plan[e] != 0 {
      if let cost { linear += plan[e] * cost[e] }
      for h in 0..<(n * m) where plan[h] != 0 {
        quadratic +=
          plan[e] * plan[h] * loss(c[e / m * n + h / m], d[e % m * m + h % m])
      }
    }
    return (1 - alpha) * linear + alpha * quadratic
  }

  /// Its gradient, likewise.
  func gradient(_ plan: [Double]) -> [Double] {
    (0..<(n * m)).map { e in
      var sum = 0.0
      for h in 0..<(n * m) where plan[h] != 0 {
        let (i, j, k, l) = (e / m, e % m, h / m, h % m)
        sum += plan[h] * (loss(c[i * n + k], d[j * m + l]) + loss(c[k * n + i], d[l * m + j]))
      }
      return alpha * sum + (1 - alpha) * (cost?[e] ?? 0)
    }
  }
}
