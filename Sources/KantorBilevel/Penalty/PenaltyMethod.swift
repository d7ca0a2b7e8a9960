import KantorBlocks
import KantorCore

/// **Solves** min F(x, y) over x in X, y in S(x), the solutions of the lower level, which may be
/// more than one. With gradients only.
///
/// **Method** A penalty on both levels: with h_s = s F + f and l(x, s) = min over y of h_s,
///
///     psi_s(x) = (l(x, s) - l(x, 0)) / s,
///     grad psi_s = F_x(x, y_s) + (f_x(x, y_s) - f_x(x, y_0)) / s  (and the rows' part),
///
/// which tends to the optimistic F over S(x) as s falls.
///
/// **Symbols** s (`sigma`) the penalty; y_s, y_0 minimisers of h_s and f; rho strength of the
/// proximal terms; a, g, b (`alpha`, `gamma`, `beta`) steps.
///
/// **Iteration** `adaptive`, for s from `sigma`, each 0.3 times the last:
/// 1. Quasi-Newton steps on psi_s over X, with whole lower solves for y_s and y_0.
/// 2. Certify (x, y_s); where that fails, solve on the active set that multipliers tell.
///
/// `published`, for fixed s: `lower_steps` times
/// wz <- P(wz - g (f_y(x, wz) + (wz - z) / rho)), wy <- P(wy - g ((s F_y + f_y)(x, wy) +
/// (wy - y) / rho)); then x <- P_X(x - a (F_x(x, wy) + (f_x(x, wy) - f_x(x, wz)) / s)),
/// y <- (1 - b) y + b wy, z <- (1 - b) z + b wz. `momentum` is the single loop: one lower step, all
/// gradients recursive estimates.
///
/// **Stops when** the certificate holds, s has come to `sigma_min`, or at a limit; `published` when
/// the step of x over its length is at most `tolerance`.
///
/// **Guarantee** |psi_s - F| = O(s) under a proximal error bound near the solutions; `published`: a
/// point with |grad psi_s| <= e in O(e^-3) steps, O(e^-7) with noise, O(e^-5) in the single loop.
///
/// **Cost** Of a gradient of psi_s: two lower solves from the last answers.
///
/// **Reference** kwon2024penalty.
///
/// Deviation: (`adaptive`) whole lower solves, without proximal terms, and falling s.
public enum PenaltyMethod: BilevelMethod {
  public static let spec = MethodSpec(
    name: "penalty", kind: BilevelKind.kind.name,
    summary: "First-order penalty on both levels, for lower levels with many solutions; batches.",
    source: "J. Kwon, D. Kwon, S. Wright, R. Nowak, On penalty methods for nonconvex bilevel "
      + "optimization and first-order stochastic approximation (2023)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 5000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Minimisations for falling s, or the loop of the paper."),
      OptionSpec(
        "sigma", .real(0, min: 0, max: 1e6),
        "First s; 0 takes the one that moves y by about a tenth (published: 0.01)."),
      OptionSpec(
        "sigma_min", .real(1e-7, min: 1e-15, max: 1),
        "Smallest s of the adaptive variant, over the first one."),
      BilevelOptions.polish,
      OptionSpec("rho", .real(0.2, min: 1e-12, max: 1e12), "Published: proximal strength."),
      OptionSpec("gamma", .real(0.05, min: 0, max: 1e6), "Published: step of the lower level."),
      OptionSpec("alpha", .real(0.01, min: 0, max: 1e6), "Published: step of x."),
      OptionSpec(
        "beta", .real(0.5, min: 0, max: 1), "Published: weight of the new proximal centres."),
      OptionSpec(
        "lower_steps", .int(1, min: 1, max: 1_000_000), "Published: lower steps for each of x."),
      OptionSpec(
        "momentum", .flag(false), "Published: the single loop with recursive estimates."),
      OptionSpec(
        "batch_size", .int(64, min: 0, max: 1 << 40),
        "Published: components of a batch where a level is a finite sum; 0 takes whole functions."),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("sigma", .real, .output, "Last s."),
    FieldSpec("lower_solves", .int, .output, "Lower-level solves."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      guard run.options.text("variant") == "published" else {
        return try PenaltySearch(oracle, run, start).propose()
      }
      guard problem.lower.rows == 0 else {
        throw KantorError(
          .unsupported,
          "'penalty' takes \(problem.lower.rows) rows of the lower level only with variant "
            + "'adaptive'")
      }
      return try PenaltyLoop(oracle, run, start).propose()
    }
  }
}
