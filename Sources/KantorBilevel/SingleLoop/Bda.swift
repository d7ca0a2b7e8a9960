import KantorBlocks
import KantorCore

/// **Solves** min F(x, y) over x in X, y in S(x), the solutions of a convex lower level with bounds
/// at most, which may be more than one.
///
/// **Method** T steps on y along an aggregate of both levels,
///
///     y_(t+1) = P( y_t - a (alpha_t F_y + (1 - alpha_t) f_y)(x, y_t) ),
///
/// lead to a lower solution that is good for F; F(x, y_T) is differentiated through the steps.
///
/// **Symbols** a the step of y; alpha_t the weight of F; T (`steps`) their number.
///
/// **Iteration** on x: quasi-Newton steps on F(x, y_T(x)) over X, its gradient by a sweep back over
/// the stored y_t. `adaptive`: alpha_t = `aggregation` over three quarters of the steps, then
/// falling to 1e-2 of it in the last quarter; a = 1 over the larger curvature of F and f; T doubles
/// until F changes by less than 1e-3 and the certificate holds; then the active set is solved on.
/// `published`: alpha_t = aggregation / (t + 1), T fixed, a gradient step of length `x_step` each.
///
/// **Stops when** the certificate holds, T has passed `steps_max`, or at a limit.
///
/// **Guarantee** The limit for growing T is an optimistic solution where alpha_t falls to 0 with an
/// infinite sum; for finite T F(x, y_T) is a model of it.
///
/// **Cost** Of a gradient: T gradients and T Hessian products of both levels; memory T ny.
///
/// **Reference** liu2020generic.
///
/// Deviation: (`adaptive`) the schedule of alpha_t, which does not slow down with T.
public enum Bda: BilevelMethod {
  public static let spec = MethodSpec(
    name: "bda", kind: BilevelKind.kind.name,
    summary: "Descent along an aggregate of both levels, differentiated through its steps.",
    source: "R. Liu, P. Mu, X. Yuan, S. Zeng, J. Zhang, A generic first-order algorithmic "
      + "framework for bi-level programming beyond lower-level singleton (2020)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 2000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Growing T and quasi-Newton steps of x, or the scheme of the paper."),
      OptionSpec("steps", .int(64, min: 1, max: 1_000_000), "First T; published: T."),
      OptionSpec("steps_max", .int(1024, min: 1, max: 1_000_000), "Largest T, adaptive."),
      OptionSpec("aggregation", .real(0.5, min: 0, max: 1), "Weight alpha of F."),
      OptionSpec(
        "lower_step", .real(0, min: 0, max: 1e6),
        "Step a of y; 0 takes 1 over the larger curvature of F and f at the start."),
      OptionSpec("x_step", .real(0.1, min: 0, max: 1e6), "Published: step of x."),
      BilevelOptions.polish,
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("steps_used", .int, .output, "Last T."),
    FieldSpec("last_step", .real, .output, "Largest entry of y_T - y_(T-1)."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    guard problem.lower.rows == 0 else {
      throw KantorError(
        .unsupported,
        "'bda' takes no rows of the lower level, of which there are \(problem.lower.rows); "
          + "'lv_hba' and 'penalty' do")
    }
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      return try BdaSearch(oracle, run, start).propose()
    }
  }
}
