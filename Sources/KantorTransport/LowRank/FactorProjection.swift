import KantorCore
import KantorNumerics

/// Projects two thin kernels K_1, K_2 and weights k, in the Kullback-Leibler sense, on
///     Q 1 = a, R 1 = b, Q' 1 = R' 1 = g,
/// by Newton's method on the dual in the logarithms x, y of the columns' scalings:
///     min sum_i a_i log sum_s K_1is exp(x_s) + sum_j b_j log sum_s K_2js exp(y_s)
///         + mass log sum_s k_s exp(-x_s - y_s),
/// smooth and convex in 2 r variables, whatever n and m are.
final class FactorProjection {
  let rank: Int
  /// g, and (x, y).
  private(set) var weights: [Double]
  private(set) var scalings: [Double]
  /// L1 error of the columns relative to the mass.
  private(set) var error = Double.infinity
  private(set) var iterations = 0
  private let monitor: Monitor
  private let engine: MatrixProduct
  private let system: DenseLDL
  private let grams: [Buffer<Double>]
  private let direction: Buffer<Double>

  private static let goal = 1e-12
  private static let limit = 60
  private static let longestStep = 30.0

  init(rank: Int, _ run: Run) throws(KantorError) {
    self.rank = rank
    monitor = run.monitor
    engine = try MatrixProduct(threads: run.threads)
    system = try DenseLDL(order: 2 * rank, threads: run.threads)
    grams = [try Buffer(count: rank * rank), try Buffer(count: rank * rank)]
    direction = try Buffer(count: 2 * rank)
    weights = [Double](repeating: 0, count: rank)
    scalings = [Double](repeating: 0, count: 2 * rank)
  }

  private struct Point {
    var value = 0.0
    var first: [Double] = []
    var second: [Double] = []
    var weights: [Double] = []
  }

  /// Leaves the factors in the sides; false when the solve is to stop.
  func run(
    _ sources: FactorSide, _ targets: FactorSide, logs: [Double], mass: Double, guess: [Double]?
  ) throws(KantorError) -> Bool {
    scalings = [Double](repeating: 0, count: 2 * rank)
    var point = evaluate(scalings, sources, targets, logs, mass)
    if let guess {
      let other = evaluate(guess, sources, targets, logs, mass)
      if other.value < point.value {
        scalings = guess
        point = other
      } else {
        point = evaluate(scalings, sources, targets, logs, mass)
      }
    }
    for _ in 0..<Self.limit {
      measure(point, mass)
      if error <= Self.goal { break }
      iterations += 1
      try formSystem(point, sources, targets, mass)
      guard let next = search(&point, sources, targets, logs, mass) else { break }
      point = next
      if monitor.heartbeat() != nil { return false }
    }
    // The rows that go with the scalings kept.
    point = evaluate(scalings, sources, targets, logs, mass)
    measure(point, mass)
    weights = point.weights
    sources.finish(scalings[0..<rank])
    targets.finish(scalings[rank...])
    return true
  }

  private func evaluate(
    _ x: [Double], _ sources: FactorSide, _ targets: FactorSide, _ logs: [Double], _ mass: Double
  ) -> Point {
    var point = Point()
    let (one, two) = (sources.scale(x[0..<rank]), targets.scale(x[rank...]))
    (point.first, point.second) = (one.sums, two.sums)
    var high = -Double.infinity
    var exponents = logs
    for s in 0..<rank {
      exponents[s] -= x[s] + x[rank + s]
      high = max(high, exponents[s])
    }
    point.weights = exponents.map { Double.exp($0 - high) }
    let total = point.weights.reduce(0, +)
    for s in 0..<rank { point.weights[s] *= mass / total }
    point.value = one.value + two.value + mass * (high + Double.log(total))
    return point
  }

  private func measure(_ point: Point, _ mass: Double) {
    var sum = 0.0
    for s in 0..<rank {
      sum += abs(point.first[s] - point.weights[s]) + abs(point.second[s] - point.weights[s])
    }
    error = sum / mass
  }

  /// The Hessian, with a ridge for the two directions in which nothing changes, and the gradient.
  private func formSystem(
    _ point: Point, _ sources: FactorSide, _ targets: FactorSide, _ mass: Double
  ) throws(KantorError) {
    try sources.gram(engine, into: grams[0])
    try targets.gram(engine, into: grams[1])
    let (entries, leading, g) = (system.entries, system.leading, point.weights)
    let ridge = 1e-11 * mass / Double(rank)
    for s in 0..<rank {
      for t in s..<rank {
        let shared = (s == t ? g[s] : 0) - g[s] * g[t] / mass
        let one = (s == t ? point.first[s] + ridge : 0) - grams[0].pointer[s * rank + t]
        let two = (s == t ? point.second[s] + ridge : 0) - grams[1].pointer[s * rank + t]
        entries[s * leading + t] = one + shared
        entries[(rank + s) * leading + rank + t] = two + shared
        entries[s * leading + rank + t] = shared
        entries[t * leading + rank + s] = shared
      }
      direction.pointer[s] = point.weights[s] - point.first[s]
      direction.pointer[rank + s] = point.weights[s] - point.second[s]
    }
    system.factor()
    system.solve(direction.pointer)
  }

  /// The point at the first of the lengths 1, 1/2, 1/4, ... that lowers the dual enough.
  private func search(
    _ point: inout Point, _ sources: FactorSide, _ targets: FactorSide, _ logs: [Double],
    _ mass: Double
  ) -> Point? {
    var (slope, longest) = (0.0, 0.0)
    for s in 0..<rank {
      slope += direction.pointer[s] * (point.first[s] - point.weights[s])
      slope += direction.pointer[rank + s] * (point.second[s] - point.weights[s])
      longest = max(longest, abs(direction.pointer[s]), abs(direction.pointer[rank + s]))
    }
    guard slope < 0, longest.isFinite else { return nil }
    var length = min(1, Self.longestStep / longest)
    let old = (scalings, error)
    for _ in 0..<40 {
      for k in 0..<2 * rank { scalings[k] = old.0[k] + length * direction.pointer[k] }
      let next = evaluate(scalings, sources, targets, logs, mass)
      if next.value <= point.value + 1e-4 * length * slope { return next }
      // Where the dual's changes are rounding, the error tells.
      measure(next, mass)
      if error < 0.9 * old.1, next.value <= point.value + 1e-12 * mass { return next }
      length *= 0.5
    }
    (scalings, error) = old
    return nil
  }
}
