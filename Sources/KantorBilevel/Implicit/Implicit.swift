import KantorCore

/// **Solves** bilevel problems whose lower level has, near the x that are visited, one answer y(x)
/// that depends smoothly on x; upper rows may hold both x and y.
///
/// **Method** The leader's objective Phi(x) = F(x, y(x)) is minimised by quasi-Newton steps; its
/// derivative comes from the implicit function theorem.
///
/// **Symbols** f the lower objective, L its Lagrangian, A its active rows, v the adjoint, P the
/// projection on the set X of x, delta the tolerance of the lower solves.
///
/// **Iteration**
/// 1. y: solve the lower level from the last answer, to delta.
/// 2. v, u: [L_yy, J_A'; J_A, 0] (v, u) = (F_y, 0); conjugate gradients without rows.
/// 3. Phi = F - v.f_y - u.g and Phi' = F_x - L_xy v - J_A,x' u.
/// 4. A step of limited-memory BFGS, along its projection on X, shortened until Phi falls up to the
///    values' errors; where these are what is in the way, delta falls instead.
/// 5. delta follows 0.1 |x - P(x - Phi')|.
/// With upper rows, steps 1-3 serve sequential quadratic programming in x.
///
/// **Stops when** |x - P(x - Phi')| is at most half the tolerance, relative to 1 + |F|; the lower
/// level is then solved to rounding.
///
/// **Guarantee** A `solved` result meets the certificate: y is an answer of the lower level to the
/// tolerance, by solves of the checker's own, and x stationary. It is a local statement.
///
/// **Cost** One lower solve, one adjoint system and a Hessian product for each x; memory for 120
/// vectors of x, 40 of more than 1000 variables.
///
/// **Reference** lorraine2020optimizing; pedregosa2016hyperparameter; salehi2025adaptively.
///
/// Deviation: values corrected by the adjoint, which the papers do not use; with them the line
/// search works at lower tolerances near the size of the gradient.
public enum Implicit: BilevelMethod {
  public static let spec = MethodSpec(
    name: "implicit", kind: BilevelKind.kind.name,
    summary: "Quasi-Newton steps in x with derivatives by implicit differentiation.",
    source: "J. Lorraine, P. Vicol and D. Duvenaud, Optimizing millions of hyperparameters by "
      + "implicit differentiation (2020)",
    guarantee: "Lower-level gap and residual, feasibility and the projected hypergradient within "
      + "the tolerance, by the checker's own solves; local in x.",
    options: BilevelOptions.specs(iterations: 500) + options,
    outputs: BilevelOutputs.specs + outputs, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "adjoint",
      .text("automatic", choices: AdjointSolver.allCases.map(\.rawValue)),
      "Solver of the adjoint system: cg, minres, dense, neumann (a truncated series) or identity; "
        + "automatic takes dense for lower levels with rows or up to 100 variables, else cg."),
    OptionSpec(
      "neumann_terms", .int(20, min: 0, max: 1_000_000), "Terms of the Neumann series.",
      advanced: true),
    OptionSpec(
      "init", .text("warm", choices: ["warm", "cold"]),
      "Start of lower solves: the last answer, or the problem's start_y every time."),
    OptionSpec(
      "check_directions", .int(0, min: 0, max: 1_000_000),
      "Directions along which kantor_bilevel_hypergradient compares with differences.",
      advanced: true),
    OptionSpec(
      "lower_tolerance_factor", .real(0.1, min: 1e-6, max: 1),
      "Lower tolerance over the size of the projected hypergradient.", advanced: true),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("lower_solves", .int, .output, "Lower-level solves."),
    FieldSpec("adjoint_iterations", .int, .output, "Iterations of the last adjoint system."),
    FieldSpec("adjoint_residual", .real, .output, "Its residual, relative."),
    FieldSpec(
      "adjoint_state", .text, .output,
      "'regular', 'singular' (least squares), 'concave' (y is no minimiser) or 'kink' (a row or "
        + "bound holds without a multiplier: one of several one-sided derivatives)."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    let oracle = try BilevelOracle(problem, run)
    let solve = try ImplicitSolve(oracle, run)
    let (x, y) = try start(problem, run)
    return try solve.propose(x, y)
  }
}

/// One solve by implicit differentiation.
final class ImplicitSolve {
  private let problem: BilevelProblem
  private let oracle: BilevelOracle
  private let run: Run
  private let hyper: HyperOracle
  private let tolerance: Double
  private let factor: Double
  private let y: Buffer<Double>
  private var failure: LowerAnswer.End?

  init(_ oracle: BilevelOracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    tolerance = run.options.real("tolerance")
    // Absent where the default method runs this one.
    let given = run.options.real("lower_tolerance_factor")
    factor = given.isNaN ? 0.1 : given
    let adjoint = AdjointSolver(rawValue: run.options.text("adjoint")) ?? .automatic
    let terms = run.options.int("neumann_terms")
    hyper = try HyperOracle(
      oracle, adjoint: adjoint, neumannTerms: terms, isCold: run.options.text("init") == "cold")
    y = try Buffer(count: problem.ny)
  }

  func propose(_ x: Buffer<Double>, _ start: Buffer<Double>) throws(KantorError) -> BilevelProposal
  {
    y.pointer.update(from: start.pointer, count: problem.ny)
    let found: Buffer<Double>
    var claim = BilevelProposal.Claim.point
    if problem.upper.rows > 0 {
      found = try withRows(x)
    } else {
      (found, claim) = try withoutRows(x)
    }
    try polishLower(found)
    var proposal = BilevelProposal(claim: claim, x: found, y: try y.copy())
    proposal.counts = oracle.counts
    proposal.figures = figures()
    if let complaint = oracle.complaint, failure != nil { proposal.remark = complaint }
    if hyper.wasSingular {
      if !proposal.remark.isEmpty { proposal.remark += "; " }
      proposal.remark +=
        "the lower Hessian is singular on the active rows: the lower level may have several "
        + "answers, and y is the one that the iteration came to; 'mpcc' or the default method "
        + "choose the one best for F"
      proposal.selection = .nearest
    }
    return proposal
  }

  /// The final lower solve, as far as rounding allows.
  private func polishLower(_ x: Buffer<Double>) throws(KantorError) {
    guard !oracle.stopped else { return }
    let answer = try LowerAnswer(problem)
    let cold = run.options.text("init") == "cold"
    let start = cold ? problem.startY : y
    try hyper.lower.solve(
      x: x.pointer, y: start.pointer, tolerance: min(1e-10, 1e-3 * tolerance), into: answer)
    guard answer.isUsable else { return }
    for j in 0..<problem.ny { y.pointer[j] = answer.y[j] }
  }

  private func figures() -> ResultFields {
    var fields = ResultFields()
    let outcome = hyper.adjointOutcome
    fields.add("lower_solves", hyper.lower.solves)
    fields.add("adjoint_iterations", outcome.iterations)
    fields.add("adjoint_residual", outcome.residual)
    fields.add("adjoint_state", hyper.adjointState)
    return fields
  }

  private func withRows(_ x: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let program = try LeaderProgram(hyper, start: y, tolerance: min(1e-9, 1e-2 * tolerance))
    let solver = try SequentialQuadratic(program)
    solver.x.pointer.update(from: x.pointer, count: problem.nx)
    var settings = SequentialQuadratic.Settings()
    settings.tolerance = 0.5 * tolerance
    settings.feasibility = 0.5 * tolerance
    settings.iterations = min(run.options.int("max_iterations"), 100_000)
    let end = try solver.solve(settings)
    _ = run.monitor.check(
      iteration: solver.iterations, objective: solver.value, residual: solver.residual)
    if end == .limit { _ = run.monitor.reachesIterationLimit(run.monitor.iterationLimit) }
    failure = program.failure
    y.pointer.update(from: program.lastY.pointer, count: problem.ny)
    return try solver.x.copy()
  }

  private func withoutRows(
    _ x: Buffer<Double>
  ) throws(KantorError) -> (Buffer<Double>, BilevelProposal.Claim) {
    let descent = try ReducedDescent(
      problem.leader, run, factor: factor,
      evaluate: { [self] (x, tolerance, gradient) throws(KantorError) in
        try evaluate(x, tolerance, gradient)
      },
      keep: { [self] _ in for j in 0..<problem.ny { y.pointer[j] = hyper.answer.y[j] } })
    if try descent.minimise(from: x) { return (try descent.x.copy(), .point) }
    switch failure {
    case .infeasible: return (x, .lowerInfeasible)
    case .unbounded: return (x, .lowerUnbounded)
    default: return (x, .point)
    }
  }

  private func evaluate(
    _ x: UnsafePointer<Double>, _ delta: Double, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> ProjectedQuasiNewton.Value? {
    // The adjoint to a tenth of that, relative to what it brings to the gradient.
    let size = hyper.crossSize
    let fine = size > 0 ? max(delta, 0.1 * delta / size) : delta
    let outcome = try hyper.evaluate(
      x: x, y: y.pointer, lowerTolerance: delta, adjointTolerance: min(0.1, fine),
      gradient: gradient)
    switch outcome {
    case .stopped: return nil
    case .undefined(let end):
      failure = end
      return ProjectedQuasiNewton.Value(value: .infinity, error: 0)
    case .fine: return ProjectedQuasiNewton.Value(value: hyper.value, error: hyper.valueError)
    }
  }
}
