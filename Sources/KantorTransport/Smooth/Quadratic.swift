import KantorCore
import KantorNumerics

/// **Solves** quadratically regularised transport,
///     V = min_{P 1 = a, P' 1 = b} <P, C> + gamma/2 |P|^2
///       = max_{f,g} <a,f> + <b,g> - sum_ij [f_i + g_j - C_ij]_+^2 / (2 gamma).
///
/// **Method** Semismooth Newton on the semi-dual in g, where f makes every row exact, from the
/// potentials of a short entropic run (`SmoothStart`). Each row is a projection on a simplex of
/// which only the few entries near its threshold are looked at. Or L-BFGS on semi-dual or dual.
///
/// **Symbols** P_ij = [f_i + g_j - C_ij]_+ / gamma; S its support, as a matrix of 0 and 1; E the L1
/// error of the columns relative to the mass.
///
/// **Iteration**
/// 1. f_i with sum_j [f_i + g_j - C_ij]_+ = gamma a_i, for all rows (`SmoothLine`).
/// 2. r = b - P' 1; (diag(S' 1) - S' diag(1/S 1) S + s) d = gamma r by conjugate gradients; s goes
///    to 0 with E.
/// 3. g + t d for the first t in 1, 1/2, 1/4, ... that raises the dual or halves E.
///
/// **Stops when** E <= tolerance / 5.
///
/// **Guarantee** The dual rises at every step. It is piecewise quadratic and concave; once S is
/// right one step solves the problem to rounding.
///
/// **Cost** Some 30 passes of exponentials over the pairs in single precision for the start, then 5
/// to 20 steps of a pass of comparisons and conjugate gradients on the support. Memory for the
/// support, which is sparse: O(n + m) for small gamma.
///
/// **Reference** blondel2018smooth; lorenz2021quadratically (Newton).
/// Deviation: Newton's method on the semi-dual instead of the dual: half the variables, rows exact,
/// and the system that is solved is the same.
public enum Quadratic {
  public static let spec = MethodSpec(
    name: "quadratic", kind: TransportKind.kind.name,
    summary: "Quadratically regularised transport: min <P, C> + gamma/2 |P|^2; sparse plans.",
    source: "M. Blondel, V. Seguy, A. Rolet, Smooth and sparse optimal transport (2018); "
      + "D. Lorenz, P. Manns, C. Meyer, Quadratically regularized optimal transport (2021)",
    guarantee: "Marginals of the plan and relative primal-dual gap within the tolerance.",
    options: options, outputs: SmoothOptions.outputs(figures), usesWarmStart: true,
    hasDerivatives: true)

  static let options: [OptionSpec] = [
    SmoothOptions.gamma,
    SmoothOptions.tolerance,
    SmoothOptions.maxIterations,
    OptionSpec(
      "solver", .text("newton", choices: ["newton", "lbfgs"]),
      "Semismooth Newton, or limited-memory BFGS, which is slower and needs less memory per step."),
    SmoothOptions.formulation,
  ]

  static let figures: [FieldSpec] = [
    FieldSpec("newton_steps", .int, .output, "Newton steps."),
    FieldSpec("inner_iterations", .int, .output, "Conjugate gradient iterations in them."),
    FieldSpec("evaluations", .int, .output, "Evaluations of the dual."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? TransportProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind transport")
    }
    let input = try SmoothInput(problem, .rows)
    let warm = try input.warmStart(run)
    let solver = try SmoothSolver(
      problem, gamma: try SmoothOptions.gamma(problem, run), limit: problem.m,
      tolerance: run.options.real("tolerance"), threads: run.threads, monitor: run.monitor)
    if try solver.prepare(warm: warm, threads: run.threads) {
      try SmoothOptions.maximise(solver, run)
    }
    if let ray = solver.ray { return try SmoothResult.infeasible(spec, problem, ray, run) }
    let proposal = try input.proposal(
      solver, solver.plan,
      SmoothTerm(gamma: try SmoothOptions.gamma(problem, run), limit: problem.m, side: .rows),
      figures: SmoothOptions.figures(solver))
    return try SmoothResult.make(spec, problem, proposal, run)
  }
}

/// Options and outputs that `quadratic` and `sparsity_constrained` share.
enum SmoothOptions {
  static let gamma = OptionSpec(
    "gamma", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost / mass",
    "Strength of the regularisation gamma/2 |P|^2. 0 takes a strength at which a plan has about "
      + "ten entries per source: the mean cost times the smaller of n and m over ten times the "
      + "mass.")

  static let tolerance = OptionSpec(
    "tolerance", .real(1e-9, min: 0, max: 1),
    "L1 error of the marginals relative to the mass, and relative primal-dual gap.")

  static let maxIterations = OptionSpec(
    "max_iterations", .int(10000, min: 1, max: .max), "Steps after which the solve stops.")

  static let formulation = OptionSpec(
    "formulation", .text("semi_dual", choices: ["semi_dual", "dual"]),
    "Function that lbfgs maximises: in one potential, where the lines are exact, or in both.",
    advanced: true)

  static func outputs(_ figures: [FieldSpec]) -> [FieldSpec] {
    TransportOutputs.with(
      [
        FieldSpec("gamma", .real, .output, "Strength of the regularisation that was used."),
        FieldSpec("most_entries", .int, .output, "The most entries in a line of the plan."),
        FieldSpec(
          "exceeding_lines", .int, .output, "Lines with more entries than the capacity allows."),
      ] + figures)
  }

  /// The strength asked for, or one that suits the size of the costs.
  static func gamma(_ problem: TransportProblem, _ run: Run) throws(KantorError) -> Double {
    let given = run.options.real("gamma")
    if given > 0 { return given }
    let costs = try CostSummary(problem, sampled: false, run.monitor)
    let size = costs.mean > 0 ? costs.mean : costs.spread
    let entries = Double(min(problem.n, problem.m)) / (10 * problem.mass)
    let gamma = size * entries
    return gamma > 0 && gamma.isFinite ? gamma : 1
  }

  static func maximise(_ solver: SmoothSolver, _ run: Run) throws(KantorError) {
    let isDual = run.options.text("formulation") == "dual"
    if run.options.text("solver") == "lbfgs" {
      try solver.ascend(isDual: isDual)
      return
    }
    guard !isDual else {
      throw KantorError(
        .range, "option 'formulation' is 'dual', which needs the solver 'lbfgs'; 'newton' works "
          + "on the semi-dual")
    }
    _ = try solver.solveQuadratic()
  }

  static func figures(_ solver: SmoothSolver) -> ResultFields {
    var figures = ResultFields()
    figures.add("newton_steps", solver.newton.steps)
    figures.add("inner_iterations", solver.newton.innerIterations)
    figures.add("evaluations", solver.newton.evaluations + solver.evaluations)
    return figures
  }
}
