import KantorCore

/// **Solves** entropic optimal transport between point clouds, as `sinkhorn` does, for clouds so
/// large that a pass over all pairs is too long.
///
/// **Method** Coarser clouds give a start; sweeps leave out the pairs of cells that cannot matter;
/// between sweeps a small transport problem between cells corrects what sweeps are slow at.
///
/// **Symbols** phi = f/eps + log a, gamma = g/eps + log b (`EntropicState`); w column sums of the
/// plan with exact rows; E = |w - b|_1 / mass; M the plan added up over cells.
///
/// **Iteration**
/// 1. k-d trees over both clouds; their levels are the coarser clouds, points at centres of mass.
/// 2. The coarsest, some thousand points, by `sinkhorn`, eps no smaller than its cells.
/// 3. To the next: g by the soft c-transform over the coarse sources, f from the coarse points.
/// 4. A sweep (`CellSweep`): exact rows, w, and M, over pairs of nodes whose mass can matter.
/// 5. Newton's method on M (`CellCorrection`) and the plain step within cells; 4 again.
///
/// **Stops when** E <= tolerance after a sweep in f64.
///
/// **Guarantee** as `sinkhorn`. What the sweeps leave out is bounded at every sweep by potentials
/// and boxes and kept below 1/100 of the error; the certificate bounds it anew, by other cells.
///
/// **Cost** a pass costs an exponential for each pair that matters, and some 10 passes do; O(n + m)
/// memory.
///
/// **Reference** schmitzer2019stabilized (coarse to fine, truncation by bounds); the correction by
/// cells is ours.
public enum MultiscaleSinkhorn: TransportMethod {
  public static let spec = MethodSpec(
    name: "multiscale_sinkhorn", kind: TransportKind.kind.name,
    summary: "Entropic optimal transport between large point clouds, coarse to fine.",
    source: "B. Schmitzer, Stabilized sparse scaling algorithms for entropy regularized transport "
      + "problems (2019)",
    guarantee: "Marginals of the plan within the tolerance (L1, relative to the mass); pairs that "
      + "were not looked at are bounded by their cells and counted as errors; the entropic "
      + "primal-dual gap and bounds of the unregularised cost are computed.",
    options: options,
    outputs: TransportOutputs.with([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
      FieldSpec("passes", .int, .output, "Passes over the pairs that can matter."),
      FieldSpec("levels", .int, .output, "Clouds, from the coarsest to the caller's."),
      FieldSpec("pair_share", .real, .output, "Share of the pairs in the last pass."),
      FieldSpec("cells", .int, .output, "Cells of the last correction, of the larger side."),
      FieldSpec("newton_steps", .int, .output, "Newton steps between cells."),
      FieldSpec("inner_iterations", .int, .output, "Conjugate gradient iterations in them."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost, which is "
        + "estimated from 200 sources."),
    OptionSpec(
      "tolerance", .real(1e-6, min: 0, max: 1),
      "L1 error of the marginals relative to the mass, what was left out included."),
    OptionSpec(
      "max_iterations", .int(1000, min: 1, max: .max),
      "Passes, over coarse clouds or the caller's, after which the solve stops."),
    OptionSpec(
      "scaling_factor", .real(0.25, min: 0.01, max: 0.95),
      "Ratio of neighbouring steps of epsilon.", advanced: true),
    OptionSpec(
      "plan_threshold", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "mass",
      "Entries of the plan above this mass are listed in plan_row, plan_column, plan_value."),
  ]

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    var settings = MultiscaleSettings(
      epsilon: run.options.real("epsilon"), tolerance: run.options.real("tolerance"),
      threads: run.threads)
    settings.scalingFactor = run.options.real("scaling_factor")
    let solver = try MultiscaleSolver(problem, settings, run.monitor)
    var proposal = try solver.proposal(warm: try warmStart(problem, run))
    proposal.planThreshold = run.options.real("plan_threshold")
    return proposal
  }

  /// Both potentials, or none.
  static func warmStart(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>)? {
    guard let f = try run.start.vector("potential_source", count: problem.n),
      let g = try run.start.vector("potential_target", count: problem.m)
    else { return nil }
    return (f, g)
  }
}

/// The options of `multiscale_sinkhorn`, read once.
struct MultiscaleSettings {
  var epsilon: Double
  var tolerance: Double
  var threads: Int
  var scalingFactor = 0.25
}

extension MultiscaleSolver {
  func proposal(
    warm: (f: Buffer<Double>, g: Buffer<Double>)?
  ) throws(KantorError) -> TransportProposal {
    let state = try run(warm: warm)
    let answer = try EntropicPotentials(state, problem)
    var figures = ResultFields()
    figures.add("passes", passes)
    figures.add("levels", levels)
    figures.add("pair_share", pairShare)
    figures.add("cells", cells)
    figures.add("newton_steps", newtonSteps)
    figures.add("inner_iterations", innerIterations)
    return TransportProposal(
      plan: .entropic(epsilon: target), f: answer.f, g: answer.g, figures: figures,
      tolerance: settings.tolerance)
  }
}
