import KantorCore
import KantorNumerics

/// One solve of `quadratic` or `sparsity_constrained`, on a problem whose rows are the lines that
/// carry the regularisation and the capacity.
final class SmoothSolver {
  let problem: TransportProblem
  let dual: SmoothDual
  let newton: SmoothNewton
  let monitor: Monitor
  let tolerance: Double
  private let limit: Int
  private let gamma: Double
  private(set) var iterations = 0
  private(set) var proximalSteps = 0
  /// L1 error of the marginals that the dual's own plan had at the end.
  private(set) var error = Double.infinity
  /// The plan that is proposed, of mass 1, and what the lines' potentials are.
  private(set) var plan: LinePlan
  /// The plan with at most `limit` entries a line that the dual's maximiser gives.
  private(set) var sparsePlan: LinePlan?
  private(set) var f: Buffer<Double>
  private(set) var ray: (f: Buffer<Double>, g: Buffer<Double>)?

  /// tau/gamma of the first proximal step, its decrease per step, and the most steps.
  private static let firstProximal = 0.3
  private static let proximalDecrease = 0.4
  private static let proximalLimit = 60
  /// Errors are brought this far below the tolerance, so that the checker's sums agree.
  private static let margin = 0.2

  init(
    _ problem: TransportProblem, gamma: Double, limit: Int, tolerance: Double, threads: Int,
    monitor: Monitor
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    self.tolerance = tolerance
    self.limit = limit
    // With P = mass P', gamma/2 |P|^2 is mass times (gamma mass)/2 |P'|^2.
    self.gamma = gamma * problem.mass
    dual = try SmoothDual(
      problem, SmoothLine(gamma: self.gamma, proximal: 0, limit: problem.m), threads: threads,
      monitor: monitor)
    newton = try SmoothNewton(dual, monitor)
    plan = dual.plan
    f = try Buffer(count: problem.n)
  }

  private var goal: Double { Self.margin * tolerance }

  /// The start: given potentials or an entropic run. False when the solve is over already.
  func prepare(
    warm: Buffer<Double>?, threads: Int
  ) throws(KantorError) -> Bool {
    if try CostSummary.hasForbiddenPairs(problem.geometry) {
      ray = try SmoothFeasibility.ray(problem, monitor)
      if ray != nil { return false }
    }
    if let warm {
      for j in 0..<dual.m where dual.b.pointer[j] > 0 { dual.g.pointer[j] = warm.pointer[j] }
      return true
    }
    let start = try SmoothStart(dual, problem, threads: threads, monitor: monitor)
    return try start.run() || monitor.stop == nil
  }

  // MARK: Newton's method

  /// The quadratic problem without capacity, which is the answer where its lines are short enough.
  func solveQuadratic() throws(KantorError) -> SmoothNewton.Outcome {
    dual.line = SmoothLine(gamma: gamma, proximal: 0, limit: problem.m)
    let outcome = try newton.run(tolerance: goal, goesOn: record)
    takePotentials()
    error = dual.error
    return outcome
  }

  var isWithinLimit: Bool { dual.plan.cardinality(above: limit).exceeding == 0 }

  /// Proximal steps on the convex hull of the problem with capacity: each is smooth and solved by
  /// Newton's method; tau falls, so that they converge fast.
  func solveHull() throws(KantorError) {
    var proximal = Self.firstProximal * gamma
    var inner = 1e-3
    var prior = try dual.plan.copied()
    for _ in 0..<Self.proximalLimit {
      dual.prior = prior
      dual.line = SmoothLine(gamma: gamma, proximal: proximal, limit: limit)
      let outcome = try newton.run(tolerance: max(inner, goal), goesOn: record)
      proximalSteps += 1
      guard outcome == .converged || outcome == .stalled else { return try finishSparse() }
      let (primal, error) = (dual.primalValue, dual.error)
      plan = try dual.plan.copied()
      try finishSparse()
      guard monitor.stop == nil else { return }
      let size = max(abs(primal), abs(dual.value), .leastNormalMagnitude)
      if primal - dual.value <= goal * size && error <= goal { return }
      guard proximal > 1e-9 * gamma else { return }
      prior = plan
      proximal *= Self.proximalDecrease
      inner *= 0.1
    }
  }

  /// The sparse plan of the dual's maximiser at the present potentials, and their dual value.
  func finishSparse() throws(KantorError) {
    guard monitor.stop == nil else { return }
    dual.prior = nil
    dual.line = SmoothLine(gamma: gamma, proximal: 0, limit: limit)
    guard case .complete = try dual.evaluate() else { return }
    takePotentials()
    sparsePlan = try dual.plan.copied()
  }

  private func takePotentials() {
    for i in 0..<dual.n { f.pointer[i] = dual.plan.answers.pointer[i].shift }
  }

  func record(_ error: Double) -> Bool {
    if monitor.reachesIterationLimit(iterations) { return false }
    iterations += 1
    return monitor.check(
      iteration: iterations, objective: dual.value * problem.mass, residual: error) == nil
  }

  // MARK: First-order method

  /// L-BFGS on the semi-dual in g, or on the dual in f and g. Without capacity it converges; with
  /// it, it ends near a kink of the dual.
  func ascend(isDual: Bool) throws(KantorError) {
    dual.line = SmoothLine(gamma: gamma, proximal: 0, limit: limit)
    let ascent = try SmoothAscent(dual, isDual: isDual)
    try ascent.run(tolerance: goal, goesOn: record)
    evaluations += ascent.evaluations
    takePotentials()
    plan = try dual.plan.copied()
    sparsePlan = plan
    error = dual.error
    dual.given = nil
  }

  private(set) var evaluations = 0
}

/// Whether a plan avoids the forbidden pairs, by the network simplex method.
enum SmoothFeasibility {
  /// The proof that none does; nil if one does, or if that was not found out in time.
  static func ray(
    _ problem: TransportProblem, _ monitor: Monitor
  ) throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>)? {
    let exact = Run(
      options: OptionValues(specs: NetworkSimplex.spec.options), monitor: monitor.quiet)
    let proposal = try NetworkSimplex.propose(problem, exact)
    guard case .infeasible = proposal.plan else { return nil }
    return (proposal.f, proposal.g)
  }
}

extension Monitor {
  /// Stops with this one on cancel and time; keeps no trace and calls no hook.
  fileprivate var quiet: Monitor {
    Monitor(timeLimit: max(0, timeLimit - seconds), cancel: cancel)
  }
}
