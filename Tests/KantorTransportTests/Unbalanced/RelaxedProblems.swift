import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport

/// A relaxed problem for tests, with its objective written out as it is defined.
struct RelaxedSample {
  var cost: [Double]
  var a: [Double]
  var b: [Double]
  /// nil: partial transport.
  var penalty: String? = "kl"
  var source = 1.0
  var target = 1.0
  var mass: Double?
  var fixed = "none"

  var n: Int { a.count }
  var m: Int { b.count }

  static func random(
    _ n: Int, _ m: Int, seed: UInt64, penalty: String? = "kl", masses: (Double, Double) = (1, 1.3)
  ) -> RelaxedSample {
    RelaxedSample(
      cost: TransportSpecimens.numbers(n * m, seed),
      a: RelaxedSample.weights(n, seed + 1).map { masses.0 * $0 },
      b: RelaxedSample.weights(m, seed + 2).map { masses.1 * $0 }, penalty: penalty)
  }

  static func weights(_ count: Int, _ seed: UInt64) -> [Double] {
    let raw = TransportSpecimens.numbers(count, seed).map { $0 + 0.1 }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  func problem() throws -> Problem {
    let problem = Problem(kind: penalty == nil ? PartialKind.kind : UnbalancedKind.kind)
    try problem.set("cost", .array(Tensor(try Buffer(cost), shape: [n, m])))
    try problem.set("weights_source", .array(Tensor(try Buffer(a))))
    try problem.set("weights_target", .array(Tensor(try Buffer(b))))
    if let penalty {
      try problem.set("penalty", .text(penalty))
      try problem.set("strength_source", .real(source))
      try problem.set("strength_target", .real(target))
      try problem.set("fixed_side", .text(fixed))
    } else if let mass {
      try problem.set("mass", .real(mass))
    }
    return problem
  }

  func solve(
    _ method: String? = nil, _ options: [String: OptionValue] = [:], start: Result? = nil
  ) throws -> Result {
    let problem = try problem()
    guard let method else { return try Catalog.standard.solve(problem) }
    let entry = try Catalog.standard.method(method)
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    if let start { settings.setStart(start) }
    return try Catalog.standard.solve(problem, method: method, settings: settings)
  }

  private func divergence(_ r: Double, _ a: Double, _ rho: Double) -> Double {
    switch penalty {
    case "kl": return rho * (r > 0 ? r * log(r / a) - r + a : a)
    case "l2": return 0.5 * rho * (r - a) * (r - a)
    case "tv": return rho * abs(r - a)
    default: return 0
    }
  }

  func rows(_ plan: [Double]) -> [Double] {
    (0..<n).map { i in (0..<m).reduce(0) { $0 + plan[i * m + $1] } }
  }

  func columns(_ plan: [Double]) -> [Double] {
    (0..<m).map { j in (0..<n).reduce(0) { $0 + plan[$1 * m + j] } }
  }

  /// The objective by its definition; eps KL(P | a b') with an epsilon, or relative to 1.
  func value(_ plan: [Double], epsilon: Double = 0, isUniform: Bool = false) -> Double {
    var sum = 0.0
    for e in plan.indices {
      sum += plan[e] > 0 ? plan[e] * cost[e] : 0
      let q = isUniform ? 1 : a[e / m] * b[e % m]
      guard epsilon > 0 else { continue }
      sum += epsilon * ((plan[e] > 0 ? plan[e] * log(plan[e] / q) : 0) - plan[e] + q)
    }
    for (r, w) in zip(rows(plan), a) where fixed != "source" { sum += divergence(r, w, source) }
    for (c, w) in zip(columns(plan), b) where fixed != "target" { sum += divergence(c, w, target) }
    return sum
  }

  /// (value(x + h) - value(x - h)) / 2h of the optimum, for one number of the problem.
  func difference(
    _ method: String, _ options: [String: OptionValue], _ h: Double,
    _ change: (inout RelaxedSample, Double) -> Void
  ) throws -> Double {
    var (up, down) = (self, self)
    change(&up, h)
    change(&down, -h)
    return try (up.solve(method, options).real("objective")
      - down.solve(method, options).real("objective")) / (2 * h)
  }
}
