import CKantorKernels
import KantorCore
import KantorNumerics

/// Mirror descent over the factors of a low-rank plan: the engine of `LowRankSinkhorn`.
final class FactorDescent {
  struct Settings {
    var rank: Int
    var tolerance: Double
    /// Largest change of a logarithm in a step.
    var step: Double
  }

  let sources: FactorSide
  let targets: FactorSide
  /// g, and the duals of Q' 1 = g and R' 1 = g in the problem linearised at the factors.
  private(set) var weights: [Double]
  private(set) var h: [Double]
  private(set) var l: [Double]
  private(set) var iterations = 0
  var innerIterations: Int { projection.iterations }

  private let problem: TransportProblem
  private let monitor: Monitor
  private let settings: Settings
  private let products: ThinProducts
  private var accepted: [Double]
  private var logWeights: [Double]
  private var weightGradient: [Double]
  private var value = Double.infinity
  private var size = 1.0

  private let projection: FactorProjection

  private static let leastShare = 1e-7
  private static let growth = 1.5
  /// Of a logarithm in a step. Beyond it entries vanish at once, and the projection may take dozens
  /// of iterations; steps grow further only while it stays easy, as it does at the end.
  private static let longStep = 400.0
  private static let easyProjection = 6
  private static let largestShare = 1e4
  /// Marginal errors of a step that count as failure, relative to the mass.
  private static let looseProjection = 1e-6
  /// Groups do not get lighter than this logarithm of their share of the heaviest.
  private static let lowestWeight = -40.0

  init(_ problem: TransportProblem, _ settings: Settings, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.settings = settings
    monitor = run.monitor
    let rank = settings.rank
    sources = try FactorSide(weights: problem.a, rank: rank, threads: run.threads)
    targets = try FactorSide(weights: problem.b, rank: rank, threads: run.threads)
    products = try ThinProducts(problem, rank: rank, run)
    projection = try FactorProjection(rank: rank, run)
    let zeros = [Double](repeating: 0, count: rank)
    weights = [Double](repeating: problem.mass / Double(rank), count: rank)
    accepted = weights
    (h, l, logWeights) = (zeros, zeros, zeros)
    (weightGradient, nextWeightGradient) = (zeros, zeros)
  }

  /// Descends from logits that the caller has set. The factors are those of the last accepted step,
  /// whatever ended it.
  func run() throws(KantorError) {
    guard try project(step: 0), try differentiate() else { return }
    take(step: 0)
    if try !descend() { goBack() }
  }

  /// False when the host or a limit ended it.
  private func descend() throws(KantorError) -> Bool {
    var share = 1.0
    while true {
      let range = max(
        sources.gradientRange, targets.gradientRange,
        (weightGradient.max() ?? 0) - (weightGradient.min() ?? 0))
      guard range > 0, range.isFinite else { return true }
      let step = settings.step * share / range
      let before = projection.iterations
      guard try project(step: step) else { return false }
      for s in 0..<settings.rank {
        h[s] = projection.scalings[s] / step
        l[s] = projection.scalings[settings.rank + s] / step
      }
      let gap = gap()
      iterations += 1
      let stop = monitor.check(
        iteration: iterations, objective: value, residual: gap / size, gap: gap)
      let old = value
      guard try differentiate() else { return false }
      let isWorse = !(value <= old + 1e-12 * size) || projection.error > Self.looseProjection
      if isWorse, share > Self.leastShare {
        value = old
        share *= 0.25
      } else {
        take(step: step)
        share = longer(share, work: projection.iterations - before)
        // What the same duals prove at the new factors is what the certificate will say.
        if self.gap() <= 0.9 * settings.tolerance * size { return true }
      }
      if stop != nil || monitor.reachesIterationLimit(iterations) { return false }
    }
  }

  /// The share of the next step after an accepted one whose projection took `work` iterations.
  private func longer(_ share: Double, work: Int) -> Double {
    let long = max(1, Self.longStep / settings.step)
    if Self.growth * share <= long || work <= Self.easyProjection {
      return min(Self.largestShare, Self.growth * share)
    }
    return min(share, long)
  }

  /// The factors of the last step that was accepted.
  private func goBack() {
    let zeros = [Double](repeating: 0, count: settings.rank)
    for side in [sources, targets] {
      side.form(step: 0)
      _ = side.scale(zeros[...])
      side.finish(zeros[...])
    }
    weights = accepted
  }

  /// Exact marginals for the factors at hand.
  func round() {
    sources.round(to: weights)
    targets.round(to: weights)
  }

  /// Brings exp(logits - step gradient) to the right marginals; false when the solve is to stop.
  private func project(step: Double) throws(KantorError) -> Bool {
    let rank = settings.rank
    sources.form(step: step)
    targets.form(step: step)
    var logs = logWeights
    for s in 0..<rank { logs[s] -= step * weightGradient[s] }
    // Near a stationary point the scalings of a step are its length times the duals.
    let guess = (0..<2 * rank).map { step * ($0 < rank ? h[$0] : l[$0 - rank]) }
    guard
      try projection.run(
        sources, targets, logs: logs, mass: problem.mass, guess: iterations > 0 ? guess : nil)
    else { return false }
    weights = projection.weights
    return true
  }

  /// Gradients and value at the factors of the last projection.
  private func differentiate() throws(KantorError) -> Bool {
    guard
      try products.multiply(
        q: sources.factor, r: targets.factor, into: sources.nextGradient, targets.nextGradient)
    else { return false }
    sources.scaleNextGradient(by: weights)
    targets.scaleNextGradient(by: weights)
    let rank = settings.rank
    var sums = [Double](repeating: 0, count: rank)
    var total = CompensatedSum()
    for i in 0..<sources.count {
      let (q, g) = (sources.factor.pointer + i * rank, sources.nextGradient.pointer + i * rank)
      var row = 0.0
      for s in 0..<rank {
        let term = q[s] * g[s]
        sums[s] += term
        row += abs(term)
      }
      total.add(row)
    }
    for s in 0..<rank { nextWeightGradient[s] = -sums[s] / weights[s] }
    value = sums.reduce(0, +)
    nextSize = max(total.value, .leastNormalMagnitude)
    return true
  }
  private var nextWeightGradient: [Double]
  private var nextSize = 1.0

  private func take(step: Double) {
    sources.accept(step: step, projection.scalings[0..<settings.rank])
    targets.accept(step: step, projection.scalings[settings.rank...])
    accepted = weights
    let high = weights.max() ?? 1
    logWeights = weights.map { max(Self.lowestWeight, Double.log($0 / high)) }
    weightGradient = nextWeightGradient
    size = nextSize
  }

  /// The gap that the duals prove at the factors at hand.
  private func gap() -> Double {
    var shift = -Double.infinity
    for s in 0..<settings.rank { shift = max(shift, -(weightGradient[s] + h[s] + l[s])) }
    return max(0, value - sources.bound(h.map { $0 + shift }) - targets.bound(l))
  }
}
