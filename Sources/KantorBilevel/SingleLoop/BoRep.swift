import KantorBlocks
import KantorCore

/// **Solves** min F(x, y(x)) over x in X with a strongly convex lower level and an upper level
/// whose curvature may grow with its gradient (exponential growth, recurrent networks), from
/// batches.
///
/// **Method** Steps of x have a given length, whatever the size of the gradient: normalised
/// momentum along the hypergradient F_x - f_xy z, where z follows f_yy z = F_y by gradient steps.
/// y is refined at the start and refreshed now and then.
///
/// **Symbols** z the adjoint, nu its step; m the momentum, beta its memory; eta the step length of
/// x; g (`gamma`) the step of y; I (`period`), N (`lower_steps`) rhythm and number of steps of y.
///
/// **Iteration** for t = 0, 1, ...
/// 1. When y is due: N steps y <- P(y - g f_y), of which the mean is kept.
/// 2. z <- z - nu (f_yy z - F_y);  m <- beta m + (1 - beta) (F_x - f_xy z).
/// 3. x <- P_X(x - eta m / |m|).
///
/// `published`: y is due every I iterations, eta is fixed, the last x is the answer. `adaptive`: y
/// is due when |f_y| has doubled since the last time, at the latest after ten iterations; g and nu
/// come from the largest curvature of f; eta falls as 1 / sqrt(1 + t / 500); the answer is the mean
/// of the last quarter of the iterates, with y solved for, and polished on the active set.
///
/// **Stops when** the mean direction over a window is small or F no longer falls, or at a limit.
///
/// **Guarantee** A point with |grad| <= e in O(e^-4) batches, up to logarithms, for F with
/// (L0, L1)-smooth growth.
///
/// **Cost** Of an iteration: a gradient of F, two Hessian products of f, N / I gradients of f.
///
/// **Reference** hao2024bilevel.
///
/// Deviation: z starts at 0; one fresh batch for f_xy z; (`adaptive`) see above.
public enum BoRep: BilevelMethod {
  public static let spec = MethodSpec(
    name: "bo_rep", kind: BilevelKind.kind.name,
    summary: "Normalised momentum for upper levels of unbounded smoothness; batches.",
    source: "J. Hao, X. Gong, M. Liu, Bilevel optimization under unbounded smoothness: a new "
      + "algorithm and convergence analysis (2024)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 5000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Falling steps with estimated curvature, or the fixed ones of the paper."),
      OptionSpec("beta", .real(0.9, min: 0, max: 0.999999), "Memory of the momentum."),
      OptionSpec(
        "eta", .real(0, min: 0, max: 1e6),
        "Length of the steps of x; 0 takes 0.06 sqrt(nx) (1 + median |x|) (published: 0.05)."),
      OptionSpec(
        "nu", .real(0, min: 0, max: 1e6),
        "Step of z; 0 takes 1 over the curvature of f (published: 0.01)."),
      OptionSpec(
        "gamma", .real(0, min: 0, max: 1e6),
        "Step of y; 0 takes 0.6 over the curvature of f (published: 0.05)."),
      OptionSpec("period", .int(2, min: 1, max: 1_000_000), "Published: iterations between two "
        + "refreshes of y."),
      OptionSpec(
        "lower_steps", .int(10, min: 1, max: 1_000_000), "Steps of y in one refresh."),
      OptionSpec(
        "refine", .int(6, min: 0, max: 40),
        "Epochs of the refinement of y at the start, of 1, 2, 4, ... steps."),
      BilevelOptions.polish,
      BilevelOptions.batchSize,
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("refreshes", .int, .output, "Refreshes of y."),
    FieldSpec("step_length", .real, .output, "Last length of the steps of x, without its decay."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    guard problem.lowerIsFree else {
      throw KantorError(
        .unsupported,
        "'bo_rep' takes no rows and bounds of the lower level; 'lv_hba' and 'implicit' do")
    }
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      return try BoRepLoop(oracle, run, start).propose()
    }
  }
}
