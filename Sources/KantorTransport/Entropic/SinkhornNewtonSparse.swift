import KantorCore

/// **Solves** entropic optimal transport, as `sinkhorn` does, to the last digits and at small eps;
/// with proximal steps also unregularised transport, to a certified gap.
///
/// **Method** A few Sinkhorn sweeps, then Newton's method on the dual with a sparse matrix: the
/// Hessian's off-diagonal block is the plan, most of whose entries are negligible once eps is
/// small. Plans that are dense get a low-rank correction in place of what cannot be stored.
///
/// **Symbols** phi = f/eps + log a, gamma = g/eps + log b (`EntropicState`); S the entries of the
/// plan that the matrix keeps; w its column sums when rows are exact; E = |w - b|_1 / mass.
///
/// **Iteration**
/// 1. Sweeps (`FullSweep`), down a ladder of eps unless that is turned off, until E < 0.1 or for
///    as many as asked for.
/// 2. Newton steps on the pairs that matter (`SparseNewton`), S by a `NewtonRule`; if these pairs
///    are too many, steps with the largest of them and a correction (`LowRankNewton`).
/// 3. A sweep over all pairs is the test; where the system was unfit, sweeps follow, then 2 again.
/// 4. Proximal step k, if asked for: C is replaced by C - eps log P_{k-1}, which makes the answer
///    the entropic plan at eps/k of the original costs; steps 2 and 3 from the last potentials.
///
/// **Stops when** E <= tolerance, measured in f64 over all pairs; with proximal steps after the
/// last of them, or once the certified bounds of the unregularised cost are close enough.
///
/// **Guarantee** as `sinkhorn`. With the mass rule Newton's method is locally superlinear: the mass
/// left out falls with the gradient.
///
/// **Cost** a Newton step costs a pass over the stored pairs and conjugate gradients on S; some 20
/// of them replace thousands of sweeps. 20 to 40 bytes per stored pair, of which there are at most
/// newton_density n m.
///
/// **Reference** tang2024sns, algorithms 1 and 2; wang2025splr; wu2025pins for proximal steps.
///
/// Deviation: the fixed share of entries of the paper is an option; by default the mass left out is
/// tied to the gradient, since a fixed share converges linearly or not at all where more entries
/// matter. The system is reduced to the targets, where it is a weighted graph's Laplacian.
public enum SinkhornNewtonSparse: TransportMethod {
  public static let spec = MethodSpec(
    name: "sinkhorn_newton_sparse", kind: TransportKind.kind.name,
    summary: "Entropic optimal transport to high accuracy by sparse Newton steps.",
    source: "X. Tang and others, Accelerating Sinkhorn algorithm with sparse Newton iterations "
      + "(2024); C. Wang, Y. Qiu, The sparse-plus-low-rank quasi-Newton method (2025); D. Wu, "
      + "L. Liang, H. Yang, PINS: proximal iterations with sparse Newton and Sinkhorn (2025)",
    guarantee: "Marginals of the plan within the tolerance (L1, relative to the mass), measured "
      + "on all pairs in f64; the entropic primal-dual gap and bounds of the unregularised cost "
      + "are computed. With bound_tolerance also the distance of these bounds.",
    options: options,
    outputs: TransportOutputs.with([
      FieldSpec(
        "epsilon", .real, .output,
        "Strength of the entropy of the plan returned, after proximal steps."),
      FieldSpec("passes", .int, .output, "Passes over all pairs."),
      FieldSpec("newton_steps", .int, .output, "Newton steps."),
      FieldSpec("inner_iterations", .int, .output, "Conjugate gradient iterations in them."),
      FieldSpec("stored_pairs", .int, .output, "Pairs that Newton's method worked on at last."),
      FieldSpec("proximal_steps", .int, .output, "Proximal steps made."),
      FieldSpec(
        "fallback", .text, .output,
        "Why sweeps stood in for Newton steps: 'none', 'dense' (more pairs matter than may be "
          + "stored) or 'unfit' (the steps gained too little)."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost under the "
        + "product of the weights."),
    OptionSpec(
      "tolerance", .real(1e-12, min: 0, max: 1),
      "L1 error of the marginals relative to the mass."),
    OptionSpec(
      "max_iterations", .int(10000, min: 1, max: .max),
      "Passes over the pairs, all or stored, after which the solve stops."),
    OptionSpec(
      "sparsity", .real(0, min: 0, max: 1),
      "Share of the pairs that the Newton matrix keeps, the largest entries of the plan, as "
        + "published (there 2/n). 0 keeps what newton_drop says."),
    OptionSpec(
      "newton_drop", .real(0.01, min: 0, max: 1),
      "Mass left out of a column of the Newton matrix, relative to the norm of the gradient."),
    OptionSpec(
      "low_rank", .int(8, min: 0, max: 100),
      "Steps that correct the Newton matrix of plans with more pairs than may be stored; 0 makes "
        + "sweeps instead."),
    OptionSpec(
      "newton_density", .real(0.15, min: 0, max: 1),
      "Share of the pairs up to which those that matter are stored.", advanced: true),
    OptionSpec(
      "sweeps", .int(0, min: 0, max: .max),
      "Sweeps at epsilon before the first Newton step; 0 makes them until the error is below 0.1."),
    OptionSpec(
      "epsilon_scaling", .flag(true),
      "Approach epsilon from the mean cost in steps; not done from a good warm start."),
    OptionSpec(
      "scaling_factor", .real(0.25, min: 0.01, max: 0.95), "Ratio of neighbouring steps.",
      advanced: true),
    OptionSpec(
      "proximal_steps", .int(0, min: 0, max: 100_000),
      "Proximal steps towards the unregularised optimum, at most."),
    OptionSpec(
      "proximal_growth", .real(2, min: 1, max: 100),
      "Ratio of the lengths 1/epsilon of neighbouring proximal steps; 1 as published."),
    OptionSpec(
      "bound_tolerance", .real(0, min: 0, max: 1),
      "Relative distance of the certified bounds of the unregularised cost that ends the proximal "
        + "steps and has to be reached; 0 makes all steps."),
    OptionSpec(
      "round", .flag(false),
      "Return the plan rounded to exactly feasible marginals, and its value; where pairs are "
        + "forbidden the plan is left as it is."),
    OptionSpec(
      "plan_threshold", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "mass",
      "Entries of the plan above this mass are listed in plan_row, plan_column, plan_value."),
  ]

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    let solver = try SinkhornSolver(
      problem, settings(run), run.monitor, warmG: try SinkhornSolver.warmStart(problem, run))
    let bound = run.options.real("bound_tolerance")
    var outer = ProximalSteps(
      solver, most: run.options.int("proximal_steps"), growth: run.options.real("proximal_growth"),
      boundTolerance: bound)
    if try solver.run() { try outer.run() }
    var proposal = try solver.proposal()
    proposal.boundTolerance = bound
    proposal.boundG = outer.lastG
    proposal.figures.add("proximal_steps", outer.count)
    proposal.figures.add("fallback", solver.fallback?.rawValue ?? "none")
    return proposal
  }

  private static func settings(_ run: Run) -> SinkhornSettings {
    let options = run.options
    var settings = SinkhornSettings(
      epsilon: options.real("epsilon"), tolerance: options.real("tolerance"), threads: run.threads)
    settings.engine = "newton"
    settings.scalesEpsilon = options.flag("epsilon_scaling")
    settings.scalingFactor = options.real("scaling_factor")
    settings.newtonDensity = options.real("newton_density")
    let share = options.real("sparsity")
    settings.newtonRule = share > 0 ? .share(share) : .droppedMass(options.real("newton_drop"))
    settings.firstSweeps = options.int("sweeps")
    settings.lowRank = options.int("low_rank")
    settings.rounds = options.flag("round")
    settings.planThreshold = options.real("plan_threshold")
    return settings
  }
}
