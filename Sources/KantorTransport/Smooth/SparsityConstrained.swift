import KantorCore
import KantorNumerics

/// **Solves** transport with at most k entries in each line (column or row) of the plan,
///     min <P, C> + gamma/2 |P|^2,   P 1 = a, P' 1 = b, |P_line|_0 <= k,
/// through its dual, which is that of the convex hull: gamma/2 |P_line|^2 becomes gamma/2 times the
/// squared k-support norm.
///
/// **Method** 1. `quadratic`; if its lines have at most k entries, they are the answer. 2. The
/// hull, by proximal steps each solved by semismooth Newton. Or, for both, L-BFGS on semi-dual or
/// dual. 3. The repair asked for, where the dual's plan misses the marginals.
///
/// **Symbols** x_j = g - C_j for line j; y_j its plan; D the dual value; H the hull's value.
///
/// **Iteration** (proximal step t, tau decreasing)
/// 1. y_j = argmax <x_j + tau p_j, y> - (gamma/2) |y|_ksp^2 - (tau/2) |y|^2 on the simplex of the
///    line, p the plan of step t-1, until the other marginal is met (`SmoothNewton`).
/// 2. D at g: the best plan with at most k entries per line for these potentials.
///
/// **Stops when** H - D <= tolerance/5 x |H| and the marginals hold to tolerance/5.
///
/// **Guarantee** D is a lower bound for the problem with capacity. The plan of repair `ties` meets
/// the marginals and is optimal for the hull; it is optimal for the problem if no line exceeds k.
/// Deciding whether any plan with capacity k meets the marginals is NP-hard.
///
/// **Cost** Some ten proximal steps of five to ten Newton steps; see `quadratic`.
///
/// **Reference** liu2023sparsity (problem, dual, L-BFGS); argyriou2012sparse (k-support norm).
/// Deviation: proximal steps instead of L-BFGS alone. The dual has kinks below the natural support
/// size; L-BFGS ends near one, with the marginals missed by some percent and no tight bound.
public enum SparsityConstrained {
  public static let spec = MethodSpec(
    name: "sparsity_constrained", kind: TransportKind.kind.name,
    summary: "Transport with at most k entries per column (or row) and quadratic regularisation.",
    source: "T. Liu, J. Puigcerver, M. Blondel, Sparsity-constrained optimal transport (2023); "
      + "A. Argyriou, R. Foygel, N. Srebro, Sparse prediction with the k-support norm (2012)",
    guarantee: "Marginals and relative gap of the convex hull within the tolerance; entries above "
      + "the capacity are counted in exceeding_lines, and 0 there proves optimality.",
    options: options, outputs: SmoothOptions.outputs(figures), usesWarmStart: false,
    hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "cardinality", .int(0, min: 0, max: .max),
      "k, the most entries in a line, from 1 to its length; 0 for no limit."),
    OptionSpec(
      "side", .text("columns", choices: LineSide.allCases.map(\.rawValue)),
      "Lines that the capacity holds for: columns (targets) or rows (sources)."),
    SmoothOptions.gamma,
    OptionSpec(
      "repair", .text("ties", choices: ["ties", "support", "none"]),
      "Where the dual's plan misses the marginals. ties: share mass between tied entries, so that "
        + "they hold; some lines may exceed k. support: keep k entries and their places, move as "
        + "much mass as they can. none: the dual's plan as it is."),
    SmoothOptions.tolerance,
    SmoothOptions.maxIterations,
    OptionSpec(
      "solver", .text("newton", choices: ["newton", "lbfgs"]),
      "Proximal Newton, which finds the optimum of the hull; or limited-memory BFGS alone."),
    SmoothOptions.formulation,
  ]

  static let figures: [FieldSpec] = Quadratic.figures + [
    FieldSpec("cardinality", .int, .output, "The capacity k that was used."),
    FieldSpec("proximal_steps", .int, .output, "Proximal steps; 0 if the capacity does not bind."),
    FieldSpec(
      "capacity_source", .array, .output, shape: "(n,)",
      "Infeasible problems: marks sources that need more entries than the columns have room for, "
        + "or a row that needs more mass than k targets have."),
    FieldSpec(
      "capacity_target", .array, .output, shape: "(m,)",
      "The same for targets and rows, or for a column that needs more mass than k sources have."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? TransportProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind transport")
    }
    let side = LineSide(rawValue: run.options.text("side")) ?? .columns
    let limit = try capacity(problem, side, run.options.int("cardinality"))
    let term = SmoothTerm(
      gamma: try SmoothOptions.gamma(problem, run), limit: limit, side: side)
    let input = try SmoothInput(problem, side)
    if let chosen = try CapacityCover.find(input.oriented, limit) {
      return try SmoothResult.beyondCapacity(
        spec, problem, term, isLine: false, chosen: chosen, run)
    }
    if let line = try CapacityCover.findHeavyLine(input.oriented, limit) {
      return try SmoothResult.beyondCapacity(
        spec, problem, term, isLine: true, chosen: line, run)
    }
    let solver = try SmoothSolver(
      input.oriented, gamma: term.gamma, limit: limit, tolerance: run.options.real("tolerance"),
      threads: run.threads, monitor: run.monitor)
    if try solver.prepare(warm: nil, threads: run.threads) { try solve(solver, run) }
    if let ray = solver.ray {
      let (f, g) = side == .rows ? (ray.f, ray.g) : (ray.g, ray.f)
      return try SmoothResult.infeasible(spec, problem, (f, g), run)
    }
    var figures = SmoothOptions.figures(solver)
    figures.add("cardinality", limit)
    figures.add("proximal_steps", solver.proximalSteps)
    var proposal = try input.proposal(
      solver, try chosenPlan(solver, run), term, figures: figures)
    let isExact = solver.proximalSteps == 0 && solver.error <= solver.tolerance
    if run.options.text("repair") == "support", !isExact, run.monitor.stop == nil {
      proposal.plan = try SupportRepair.plan(problem, on: proposal.plan, run.monitor)
      proposal.remark = "; the plan moves what its support can carry"
    }
    return try SmoothResult.make(spec, problem, proposal, run)
  }

  private static func capacity(
    _ problem: TransportProblem, _ side: LineSide, _ asked: Int
  ) throws(KantorError) -> Int {
    let length = side == .columns ? problem.n : problem.m
    guard asked <= length else {
      throw KantorError(
        .range,
        "option 'cardinality' is \(asked); \(side.rawValue) have \(length) entries, so 1 to "
          + "\(length) is allowed, or 0 for no limit")
    }
    return asked == 0 ? length : asked
  }

  private static func solve(_ solver: SmoothSolver, _ run: Run) throws(KantorError) {
    try SmoothOptions.maximise(solver, run)
    guard run.monitor.stop == nil else { return }
    if run.options.text("solver") == "lbfgs" {
      let isDone = solver.error <= solver.tolerance
      if !isDone && run.options.text("repair") == "ties" { try solver.solveHull() }
    } else if !solver.isWithinLimit {
      try solver.solveHull()
    }
  }

  private static func chosenPlan(
    _ solver: SmoothSolver, _ run: Run
  ) throws(KantorError) -> LinePlan {
    run.options.text("repair") == "ties" ? solver.plan : solver.sparsePlan ?? solver.plan
  }
}
