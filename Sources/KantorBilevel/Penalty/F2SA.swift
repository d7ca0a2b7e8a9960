import KantorBlocks
import KantorCore

/// **Solves** min F(x, y(x)) over x in X, y(x) the solution of the lower level, which has to be
/// strongly convex near it: f - nu F needs a minimum for some nu > 0. With gradients only.
///
/// **Method** The derivative of F along y(x) is that of l(x, s) = min over y of f + s F in s, at
/// s = 0. It is taken by central differences:
///
///     psi(x) = (l(x, nu) - l(x, -nu)) / (2 nu),  psi = F(x, y(x)) + O(nu^2),
///
/// whose gradient in x needs no derivative of y, by the envelope theorem.
///
/// **Symbols** y+, y- the solutions for s = nu and -nu; shift |y+ - y-| / 2, proportional to nu;
/// lam = 1 / nu the multiplier of the published form.
///
/// **Iteration** `adaptive`: quasi-Newton steps on psi; nu is chosen by the shift that it causes,
/// the cube root of the tolerance of the lower solves. At the end the differences of order 4, with
/// 2 nu beside nu, tell the error; where it is too large they take over.
///
/// `adaptive` on batches: 2 gradient steps on y+ and y-, of the length 0.6 over the secant
/// curvature, for each normalised momentum step of x; nu keeps the shift at a twentieth of |y|; the
/// answer is the mean of the last quarter of the iterates of x, with y solved for.
///
/// `published`: with a_k = c_alpha (k + k0)^-a, g_k = c_gamma (k + k0)^-c, lam_k = g_k / (2 a_k),
/// `lower_steps` times z <- z - g_k f_y(x, z), y <- y - a_k (F_y + lam_k f_y)(x, y); then
/// x <- x - xi a_k (F_x(x, y) + lam_k (f_x(x, y) - f_x(x, z))). `momentum` replaces all gradients
/// by recursive estimates, with one lower step.
///
/// **Stops when** the projected gradient of psi is a tenth of `tolerance`; on batches when its mean
/// over a window is small or F no longer falls; or at a limit.
///
/// **Guarantee** `published`: a point with |grad| <= e in O(e^-7/2) steps with noise at both
/// levels, O(e^-5/2) with noise at the upper one, O(e^-3/2) without, up to the bias 1 / lam.
///
/// **Cost** Of a gradient of psi: two lower solves from the last answers, with gradients of f and
/// F.
///
/// **Reference** kwon2023fully; chen2024nearoptimal.
///
/// Deviation: (`adaptive`) two sides instead of one, nu fixed by a rule instead of growing lam, and
/// whole lower solves; psi itself is the value of the line search, so that value and gradient
/// belong together.
public enum F2SA: BilevelMethod {
  public static let spec = MethodSpec(
    name: "f2sa", kind: BilevelKind.kind.name,
    summary: "Fully first-order: two tilted lower levels instead of second derivatives; batches.",
    source: "J. Kwon, D. Kwon, S. Wright, R. Nowak, A fully first-order method for stochastic "
      + "bilevel optimization (2023)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 5000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Central differences with chosen nu, or the loop of the paper."),
      OptionSpec(
        "nu", .real(0, min: 0, max: 1e3),
        "Weight of F in the tilted lower levels of the adaptive variant; 0 chooses it by the shift "
          + "of y that it causes, and passes from order 2 to 4 where that is needed."),
      OptionSpec(
        "order", .int(2, min: 2, max: 4),
        "Order of the differences, 2 or 4; adaptive variant."),
      OptionSpec(
        "polish", .flag(true),
        "Whether the adaptive variant on whole functions solves on the active set at the end, "
          + "where the certificate does not hold before."),
      BilevelOptions.batchSize,
      OptionSpec(
        "momentum", .flag(false), "Recursive gradient estimates; published variant."),
      OptionSpec(
        "noise", .text("auto", choices: ["auto", "both", "upper", "none"]),
        "Which gradients are noisy, for the exponents of the published steps.", advanced: true),
      OptionSpec(
        "lower_steps", .int(10, min: 1, max: 1_000_000),
        "Steps of y and z for each one of x; published variant.", advanced: true),
      OptionSpec(
        "eta", .real(0, min: 0, max: 1e6),
        "First length of the normalised steps of x on batches; 0 takes 0.06 sqrt(nx) (1 + median "
          + "|x|).", advanced: true),
      OptionSpec(
        "c_alpha", .real(0.1, min: 0, max: 1e6), "Factor of the published steps of y and x.",
        advanced: true),
      OptionSpec(
        "c_gamma", .real(0.5, min: 0, max: 1e6), "Factor of the published steps of z.",
        advanced: true),
      OptionSpec(
        "k0", .real(10, min: 1, max: 1e12), "Offset of k in the published steps.", advanced: true),
      OptionSpec(
        "xi", .real(1, min: 0, max: 1e6), "Ratio of the published steps of x and y.",
        advanced: true),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("nu", .real, .output, "Last weight of F in the tilted lower levels."),
    FieldSpec("order_used", .int, .output, "Order of the last differences; 1 for one side."),
    FieldSpec("lower_solves", .int, .output, "Lower-level solves."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      let batches = run.options.int("batch_size") > 0 && problem.isStochastic
      let isPublished = run.options.text("variant") == "published"
      if problem.lower.rows > 0, isPublished || batches {
        throw KantorError(
          .unsupported,
          "'f2sa' takes \(problem.lower.rows) rows of the lower level only with variant 'adaptive' "
            + "and batch_size 0")
      }
      if isPublished { return try F2SALoop(oracle, run, start).propose() }
      if batches { return try F2SASampling(oracle, run, start).propose() }
      return try F2SASearch(oracle, run, start).propose()
    }
  }
}
