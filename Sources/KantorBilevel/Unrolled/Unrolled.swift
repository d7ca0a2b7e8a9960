import KantorCore

/// **Solves** bilevel problems with a smooth lower level without rows, bounds allowed, by looking
/// at T gradient steps in its place.
///
/// **Method** Phi(x) = F(x, y_T(x)), y_T the end of T projected gradient steps from the problem's
/// start, is minimised by quasi-Newton steps; its derivative goes backwards through the steps.
///
/// **Symbols** a the step; M_t the derivative of the projection, 0 where a bound holds; K how many
/// steps the way back goes.
///
/// **Iteration**
/// 1. y_{t+1} = P(y_t - a f_y(x, y_t)) for t < T.
/// 2. u = F_y, d = F_x; for t = T-1 .. T-K: u <- M_t u, d -= a f_xy u, u -= a f_yy u.
/// 3. A step of limited-memory BFGS in x, along its projection on X.
/// 4. Where that has converged and y_T is no lower answer yet: T doubles, up to `max_steps`.
///
/// **Stops when** |x - P(x - d)| is at most half the tolerance, relative to 1 + |F|, and the last
/// step shows a lower residual below the tolerance.
///
/// **Guarantee** A `solved` result meets the certificate. With T steps only, the error of y_T is a
/// share (1 - a mu)^T of that of the start for strongly convex f of modulus mu; truncation to K
/// adds an error of order (1 - a mu)^K to the derivative.
///
/// **Cost** 2 T gradients and K Hessian products for each x; memory for 2 sqrt(T) vectors y.
///
/// **Reference** franceschi2017forward; shaban2019truncated; griewank1992achieving.
///
/// Deviation: checkpoints every sqrt(T) steps instead of a logarithmic schedule; T is doubled until
/// the lower level is solved, where the papers take it as given.
public enum Unrolled: BilevelMethod {
  public static let spec = MethodSpec(
    name: "unrolled", kind: BilevelKind.kind.name,
    summary: "Quasi-Newton steps in x with derivatives backwards through lower gradient steps.",
    source: "L. Franceschi, M. Donini, P. Frasconi and M. Pontil, Forward and reverse "
      + "gradient-based hyperparameter optimization (2017)",
    guarantee: "Lower-level gap and residual, feasibility and the projected hypergradient within "
      + "the tolerance, by the checker's own solves; local in x.",
    options: BilevelOptions.specs(iterations: 500) + options,
    outputs: BilevelOutputs.specs + outputs, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec("steps", .int(100, min: 1, max: 100_000_000), "Lower gradient steps T at first."),
    OptionSpec(
      "max_steps", .int(20_000, min: 1, max: 100_000_000),
      "T is doubled up to this while the lower level is not solved."),
    OptionSpec(
      "truncate", .int(0, min: 0, max: .max),
      "Steps K that the derivative goes back through; 0 for all."),
    OptionSpec(
      "lower_step", .real(0, min: 0, max: 1e100),
      "Step a; 0 takes the inverse of the largest curvature found at the start, and less where "
        + "steps diverge."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("steps", .int, .output, "The last T."),
    FieldSpec("lower_step", .real, .output, "The step a."),
    FieldSpec("last_residual", .real, .output, "Largest entry of the last lower step over a."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    guard problem.lower.rows == 0, problem.upper.rows == 0 else {
      let level = problem.lower.rows > 0 ? "lower" : "upper"
      throw KantorError(
        .unsupported, "'unrolled' takes bounds, and no rows; the \(level) level has rows")
    }
    let oracle = try BilevelOracle(problem, run)
    let (x, y) = try start(problem, run)
    return try UnrolledSolve(oracle, run).propose(x, y)
  }
}

/// One solve by unrolled lower steps.
final class UnrolledSolve {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let tolerance: Double
  private let upper: Buffer<Double>
  private var map: UnrolledMap
  private var a = 0.0
  private var diverges = false
  private var hasStarted = false
  private let startY: Buffer<Double>

  init(_ oracle: BilevelOracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    tolerance = run.options.real("tolerance")
    upper = try Buffer(count: problem.n)
    startY = try Buffer(count: problem.ny)
    map = try Self.map(oracle, run, steps: run.options.int("steps"))
  }

  private static func map(
    _ oracle: BilevelOracle, _ run: Run, steps: Int
  ) throws(KantorError) -> UnrolledMap {
    let truncation = run.options.int("truncate")
    return try UnrolledMap(
      oracle, steps: steps, truncation: truncation > 0 ? truncation : steps)
  }

  func propose(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> BilevelProposal {
    startY.pointer.update(from: y.pointer, count: problem.ny)
    try chooseStep(x)
    let search = try ProjectedQuasiNewton(problem.leader)
    search.x.pointer.update(from: x.pointer, count: problem.nx)
    let bestY = try y.copy()
    if let first = try evaluate(search.x.pointer, search.gradient.pointer), first.value.isFinite {
      search.start(first)
      bestY.pointer.update(from: map.end.pointer, count: problem.ny)
      try iterate(search, bestY)
    }
    var proposal = BilevelProposal(x: try search.x.copy(), y: bestY)
    proposal.selection = .nearest
    proposal.counts = oracle.counts
    proposal.figures.add("steps", map.steps)
    proposal.figures.add("lower_step", a)
    proposal.figures.add("last_residual", map.residual)
    if diverges { proposal.remark = "lower steps diverged at the start, and were shortened" }
    return proposal
  }

  private func chooseStep(_ x: Buffer<Double>) throws(KantorError) {
    a = run.options.real("lower_step")
    guard a == 0 else { return }
    let largest = try map.curvature(x: x.pointer, y: startY.pointer)
    a = largest > 0 ? 1 / (1.05 * largest) : 1
  }

  /// Shortens a where the curvature has grown too large for it; true if it did.
  private func shorten(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> Bool {
    guard run.options.real("lower_step") == 0 else { return false }
    let largest = try map.curvature(x: x.pointer, y: y.pointer)
    guard a * largest > 1.3 else { return false }
    a = 1 / (1.05 * largest)
    return true
  }

  private func iterate(
    _ search: ProjectedQuasiNewton, _ bestY: Buffer<Double>
  ) throws(KantorError) {
    var (iteration, failures) = (0, 0)
    var residualAt = map.residual
    while true {
      let residual = search.projectedGradient()
      let goal = 0.5 * tolerance * max(1, abs(search.value.value))
      let stop = run.monitor.check(
        iteration: iteration, objective: search.value.value, residual: residual, gap: residualAt)
      if stop != nil || run.monitor.reachesIterationLimit(iteration) { return }
      if residual <= goal || failures > 0 {
        let most = run.options.int("max_steps")
        if residualAt <= 0.5 * tolerance || map.steps >= most { return }
        map = try Self.map(oracle, run, steps: min(2 * map.steps, most))
        guard let again = try evaluate(search.x.pointer, search.gradient.pointer) else { return }
        search.start(again)
        search.forget()
        failures = 0
        bestY.pointer.update(from: map.end.pointer, count: problem.ny)
        residualAt = map.residual
        iteration += 1
        continue
      }
      let step = try search.step { () throws(KantorError) in
        try self.evaluate(search.trial.pointer, search.trialGradient.pointer)
      }
      switch step {
      case .taken:
        iteration += 1
        bestY.pointer.update(from: map.end.pointer, count: problem.ny)
        residualAt = map.residual
        // A new step makes Phi another function.
        if try shorten(search.x, bestY) {
          guard let again = try evaluate(search.x.pointer, search.gradient.pointer) else { return }
          search.start(again)
        }
      case .wantsPrecision, .failed:
        if search.hasMemory { search.forget() } else { failures += 1 }
        iteration += 1
      case .stopped: return
      }
    }
  }

  private func evaluate(
    _ x: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> ProjectedQuasiNewton.Value? {
    // At the start the step is shortened until the steps do not diverge; later x is.
    var halvings = 0
    while try !map.forward(x: x, start: startY.pointer, a: a) {
      if oracle.stopped { return nil }
      halvings += 1
      guard run.options.real("lower_step") == 0, !hasStarted, halvings < 20 else {
        return ProjectedQuasiNewton.Value(value: .infinity, error: 0)
      }
      diverges = true
      a *= 0.5
    }
    hasStarted = true
    let point = try Buffer<Double>(count: problem.n)
    for i in 0..<problem.nx { point.pointer[i] = x[i] }
    for j in 0..<problem.ny { point.pointer[problem.nx + j] = map.end.pointer[j] }
    let value = try oracle.valueAndGradient(.upper, point.pointer, upper.pointer)
    guard value.isFinite, try map.backward(upper.pointer, a: a, gradient) else {
      return oracle.stopped ? nil : ProjectedQuasiNewton.Value(value: .infinity, error: 0)
    }
    return ProjectedQuasiNewton.Value(value: value, error: 0)
  }
}
