import KantorBlocks
import KantorCore
import KantorNumerics

/// The course of a solve: residuals, the best point, signs of divergence, limits.
final class Track {
  enum Verdict {
    case proceed
    /// The tolerance is met, or the monitor has a reason to stop.
    case end
    /// The residual has grown, or the point has run away.
    case diverging
  }

  let oracle: Oracle
  let tolerance: Double
  let best: Buffer<Double>
  private(set) var bestResidual = Double.infinity
  /// What `best` was judged by: the largest residual that counts as solved.
  private(set) var target = Double.infinity
  private(set) var evidence: String?
  private let scratch: Buffer<Double>
  private let drift: Drift
  private let n: Int
  private var bestIteration = 0
  private var patience: Int
  private var startSize = 1.0

  private static let firstPatience = 200
  private static let growth = 100.0
  private static let farAway = 1e12

  init(_ oracle: Oracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    tolerance = run.options.real("tolerance")
    best = try Buffer(copying: oracle.problem.start.pointer, count: n)
    scratch = try Buffer(count: n)
    patience = Self.firstPatience
    drift = try Drift(start: oracle.problem.start)
  }

  /// The point to start from, and the size of F at the problem's start, which residuals are
  /// compared with.
  func begin(_ run: Run, into z: Buffer<Double>, _ f: Buffer<Double>) throws(KantorError) -> Bool {
    z.pointer.update(from: oracle.problem.start.pointer, count: n)
    guard case .fine = try oracle.value(at: z.pointer, into: f.pointer) else { return false }
    target = tolerance * (1 + Vectors.norm(f.pointer, n))
    if let given = try StartPoint.read(oracle.problem, run.start) {
      z.pointer.update(from: given.pointer, count: n)
      best.pointer.update(from: given.pointer, count: n)
      withExtendedLifetime(given) {}
      guard case .fine = try oracle.value(at: z.pointer, into: f.pointer) else { return false }
    }
    startSize = 1 + Vectors.norm(z.pointer, n)
    return true
  }

  /// |z - prox(z - F(z))|; infinite where prox is not defined.
  func residual(_ z: Buffer<Double>, _ f: Buffer<Double>) throws(KantorError) -> Double {
    let (p, x, v) = (scratch.pointer, z.pointer, f.pointer)
    for i in 0..<n { p[i] = x[i] - v[i] }
    guard case .fine = try oracle.prox(p, step: 1) else { return .infinity }
    return Vectors.distance(x, p, n)
  }

  /// Looks at the point of a finished iteration.
  func observe(
    _ iteration: Int, _ z: Buffer<Double>, _ f: Buffer<Double>
  ) throws(KantorError) -> Verdict {
    let verdict = observe(iteration, z, residual: try residual(z, f))
    guard case .proceed = verdict,
      try drift.observe(iteration, z, bestResidual: bestResidual, oracle)
    else { return verdict }
    evidence = "the residual has settled and the iterates run away: there seems to be no solution"
    return .end
  }

  func observe(_ iteration: Int, _ z: Buffer<Double>, residual: Double) -> Verdict {
    if residual < bestResidual {
      bestResidual = residual
      bestIteration = iteration
      best.pointer.update(from: z.pointer, count: n)
    }
    let monitor = oracle.monitor
    if monitor.check(iteration: iteration, objective: residual, residual: residual) != nil {
      return .end
    }
    if residual <= target || monitor.reachesIterationLimit(iteration) { return .end }
    let isFar = !(Vectors.norm(z.pointer, n) <= Self.farAway * startSize)
    let hasGrown =
      residual > Self.growth * bestResidual && iteration - bestIteration >= patience
    guard isFar || hasGrown || residual.isNaN else { return .proceed }
    evidence =
      isFar
      ? "the iterates ran away, to the norm \(shortText(Vectors.norm(z.pointer, n)))"
      : "the residual grew from \(shortText(bestResidual)) at iteration \(bestIteration) to "
        + "\(shortText(residual)) at iteration \(iteration)"
    return .diverging
  }

  /// After going back to the best point: growth is counted from here.
  func forgive(_ iteration: Int) { bestIteration = iteration }

  /// Leaves the best point, which is a solution but not the one that is looked for: forgets it and
  /// puts a point nearby into `z`.
  func leave(
    _ stream: inout RandomStream, into z: Buffer<Double>, _ f: Buffer<Double>
  ) throws(KantorError) {
    let size = 1e-3 * (1 + Vectors.norm(best.pointer, n) / Double(n).squareRoot())
    for i in 0..<n { z.pointer[i] = best.pointer[i] + size * (2 * stream.uniform() - 1) }
    guard case .fine = try oracle.value(at: z.pointer, into: f.pointer) else {
      fail()
      return
    }
    bestResidual = .infinity
  }

  /// F could not be evaluated at the start, or the host ended the solve there.
  func fail() { oracle.monitor.end(.callbackError) }

  func note(_ evidence: String) { self.evidence = evidence }

  func proposal(_ figures: ResultFields) throws(KantorError) -> InclusionProposal {
    var all = oracle.figures
    all.append(figures)
    return InclusionProposal(
      x: best, figures: all, tolerance: tolerance, evidence: evidence,
      complaint: oracle.complaint, farPoint: drift.farPoint,
      hostEnded: oracle.monitor.stop == .stoppedByCallback && oracle.complaint != nil)
  }
}

/// The point that a warm start gives.
enum StartPoint {
  static func read(
    _ problem: InclusionProblem, _ start: WarmStart
  ) throws(KantorError) -> Buffer<Double>? {
    guard case .saddle(let split) = problem.form else {
      return try start.vector("x", count: problem.n)
    }
    let x = try start.vector("x", count: split)
    let y = try start.vector("y", count: problem.n - split)
    if x == nil && y == nil { return nil }
    let joined = try problem.start.copy()
    if let x { joined.pointer.update(from: x.pointer, count: split) }
    if let y { (joined.pointer + split).update(from: y.pointer, count: y.count) }
    withExtendedLifetime((x, y)) {}
    return joined
  }
}
