import KantorBlocks
import KantorCore

/// **Solves** min f(x) subject to c(x) = b, f and c twice differentiable with the Hessian of the
/// Lagrangian at hand.
///
/// **Method** Newton steps on the conditions of optimality, each found approximately by a
/// randomised (or deterministic) iterative solver whose accuracy adapts, with a line search on the
/// exact augmented Lagrangian.
///
/// **Symbols** L = f + y'(c - b); W its Hessian, B is W plus a multiple of the identity where its
/// curvature on the null space of J = c' is not positive; K = [B J'; J -d I], d = 0 at first;
/// r = (L', c - b); z the step in (x, y); M = L + eta1/2 |c - b|^2 + eta2/2 |L'|^2; S a random
/// matrix with q columns.
///
/// **Iteration** 1. Solve K z = -r until |K z + r| <= kappa |r|, kappa = min(0.1, |r|^(1/2)), by
/// steps z -= K S (S'K K S)^+ S'(K z + r): S a unit vector, drawn by the norms of rows
/// (`kaczmarz`); a Gaussian vector (`gauss`); or random signs in q buckets (`count`); or by
/// `minres`, or a factorisation (`direct`). 2. If M'z > -eta2/2 |r|^2, kappa falls tenfold and 1.
/// goes on; below 1e-10, eta1 grows by 2.25 and eta2 falls by 1.5. 3. a = 1, 1/2, ... until
/// M(x + a dx, y + a dy) <= M + 0.1 a M'z. 4. After a < 0.3 the identity's multiple is fourfold in
/// the next system, after a = 1 a quarter; where no a > 1e-3 does, it is tenfold at once. d grows
/// from 1e-8 to 1 until |y + dy| <= max(100 |f'|, 10 |y|).
///
/// **Stops when** stationarity and violation are within the tolerance.
///
/// **Guarantee** With J of full rank and eta2 small enough, |r| goes to zero almost surely; near
/// solutions with positive curvature on the null space the rate is superlinear, as kappa goes to
/// zero. The checker judges the end.
///
/// **Cost** One Hessian and factorisation of K for each iteration, whose signs tell the curvature;
/// inner steps cost the entries of a row (`kaczmarz`) or of K; rows of K draw at the rate
/// 1 - 1/(|K|_F |K^-1|)^2 each.
///
/// **Reference** hong2023constrained.
///
/// Deviation: 4., and a last resort where the weights of M are spent: Newton's step until |r|
/// falls. The accuracy is measured, not bounded through |K^-1|; with `variant` `published` the
/// bound, constants, uniform rows and the eigenvalues of the paper's code are taken, without 4.
/// There the Hessian of f stands in the derivative of |L'|^2, which holds for affine c alone; here
/// W does in both variants. Signs of pivots take the place of eigenvalues, and -1e-8 |r|^(1/4) on
/// the multipliers' diagonal that of a stop when J loses rank.
public enum SketchedNewton: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "sketched_newton", kind: NonlinearKind.kind.name,
    summary: "Exact augmented Lagrangian with Newton steps from randomised sketching solvers; "
      + "equations only.",
    source: "I. Hong, S. Na, M. W. Mahoney, M. Kolar, Constrained optimization via exact augmented "
      + "Lagrangian and randomized iterative sketching (2023)",
    guarantee: "Stationarity and violation within the tolerance, scaled.",
    options: options, outputs: SmoothOutputs.all + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    NonlinearOptions.tolerance, NonlinearOptions.evaluations,
    NonlinearOptions.iterations(10_000), NonlinearOptions.secondOrder,
    OptionSpec(
      "inner",
      .text("direct", choices: ["direct", "minres", "kaczmarz", "gauss", "count"]),
      "Solver of the Newton system."),
    OptionSpec(
      "variant", .text("measured", choices: ["measured", "published"]),
      "Accuracy of the steps: measured by the residual, or by the published bound."),
    OptionSpec(
      "superlinear", .flag(true),
      "published: the accuracy follows the residual to zero; false keeps it, with a linear rate."),
    OptionSpec(
      "max_inner", .int(1_000_000, min: 1, max: .max),
      "Most steps of a sketching solver for one system; minres goes on after them."),
    OptionSpec("buckets", .int(32, min: 1, max: 512), "Columns q of a count sketch."),
    OptionSpec("eta1", .real(1, min: 1e-8, max: 1e8), "First weight of |c|^2."),
    OptionSpec("eta2", .real(0.1, min: 1e-8, max: 1e8), "First weight of |L'|^2."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("inner_steps", .int, .output, "Steps of the inner solver in all."),
    FieldSpec(
      "flops", .real, .output,
      "Multiplications and additions with K in inner solvers; factorisations that only look at "
        + "signs are not counted."),
    FieldSpec("eta1", .real, .output, "The last weight of |c|^2."),
    FieldSpec("eta2", .real, .output, "The last weight of |L'|^2."),
    FieldSpec("fallbacks", .int, .output, "Systems that minres or a factorisation finished."),
    FieldSpec(
      "residual_course", .array, .output, shape: "(iterations + 1,)",
      "|(L', c - b)| at each iteration."),
    FieldSpec(
      "flops_course", .array, .output, shape: "(iterations + 1,)", "flops at each iteration."),
  ]

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    for i in 0..<problem.m where !problem.isEquality(i) {
      throw KantorError(
        .unsupported,
        "'sketched_newton' takes equations only; row \(i) lies between "
          + "\(problem.constraintLower.pointer[i]) and \(problem.constraintUpper.pointer[i]). "
          + "'interior_point' takes such rows")
    }
    for j in 0..<problem.n
    where problem.lower.pointer[j].isFinite || problem.upper.pointer[j].isFinite {
      throw KantorError(
        .unsupported,
        "'sketched_newton' takes no bounds; variable \(j) has some. 'interior_point' takes them")
    }
    return try SketchedSolve(problem, run).propose()
  }
}
