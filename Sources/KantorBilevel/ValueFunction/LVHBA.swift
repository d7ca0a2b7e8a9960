import KantorBlocks
import KantorCore

/// **Solves** min F(x, y) over x in X and the rows of the upper level, where y solves
/// min f(x, y) over the bounds of y, g(x, y) <= 0, h(x, y) = 0. The lower level has to be convex
/// in y (f may be weakly convex with a modulus below 1 / g1); its solution need not be unique.
///
/// **Method** A penalty on f - v, where v is the proximal Lagrangian value function
///
///     v(x, y, z) = min over theta, max over lam >= 0 of
///       f(x, theta) + lam.g(x, theta) + |theta - y|^2 / (2 g1) - |lam - z|^2 / (2 g2).
///
/// **Symbols** theta, lam the saddle point; z the multipliers that v is taken around; c the
/// penalty; g1, g2 the strengths of the proximal terms; C the set of (x, y) with the rows and
/// bounds of both levels.
///
/// **Iteration** `adaptive`, for c = 1, 10, 100 and, while the certificate fails, up to `c_max`:
/// 1. Minimise F + c (f - v) over (x, y) in C and z >= 0 jointly, by sequential quadratic
///    programming or, with many variables, by an augmented Lagrangian; v by a minimisation over
///    theta, its gradient by (f_x(theta) + lam.g_x(theta), (y - theta) / g1, (lam - z) / g2).
/// 2. Polish: solve the single-level program on the active set that multipliers fitted there tell.
/// 3. Certify both and keep the better one.
///
/// `published`: one step per iteration k with c_k = c (k + 1)^p, of theta, then lam, by eta along
/// the saddle function; of (x, y) by alpha along (F / c_k + f - v), projected on C; of z by beta.
///
/// **Stops when** the certificate holds, c has passed `c_max`, or a limit is met; `published` when
/// all its steps, over their lengths, are below `tolerance`.
///
/// **Guarantee** `published`: the residual of the penalised problem falls as K^-(1-2p)/2 for steps
/// that are short enough. `adaptive`: what the certificate shows, locally in x.
///
/// **Cost** Of a step of 1.: gradients of F and f, a minimisation over theta (some ten gradients of
/// f and derivatives of the rows). The polish takes second derivatives, differenced if not offered.
///
/// **Reference** yao2024constrained.
///
/// Deviation: (`adaptive`) the best lam is max(0, z + g2 g), so no dual steps are taken: theta
/// minimises an augmented Lagrangian with a proximal term; z moves with (x, y); the polish.
public enum LVHBA: BilevelMethod {
  public static let spec = MethodSpec(
    name: "lv_hba", kind: BilevelKind.kind.name,
    summary: "Proximal Lagrangian value function: lower levels that are constrained, or have many "
      + "solutions.",
    source: "W. Yao, C. Yu, S. Zeng, J. Zhang, Constrained bi-level optimization: proximal "
      + "Lagrangian value function approach and Hessian-free algorithm (2024)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 20_000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Minimisations for a few penalties and a polish, or the single loop of the paper."),
      OptionSpec(
        "gamma1", .real(0, min: 0, max: 1e8),
        "Strength g1 of the proximal term of theta; 0 takes 1 over the curvature of f at the start "
          + "(published: 1)."),
      OptionSpec(
        "gamma2", .real(0, min: 0, max: 1e8),
        "Strength g2 of the proximal term of the multipliers; 0 takes the curvature of f over the "
          + "squares of the rows' derivatives at the start (published: 1)."),
      OptionSpec(
        "c_start", .real(1, min: 1e-6, max: 1e6),
        "First penalty c; the adaptive variant counts c in a power of ten where the sizes of F "
          + "and f are far apart."),
      OptionSpec(
        "c_max", .real(1e5, min: 1, max: 1e10), "Largest penalty of the adaptive variant."),
      OptionSpec(
        "polish", .flag(true), "Whether the adaptive variant solves on the active set at the end."),
      OptionSpec(
        "r", .real(.infinity, min: 0, max: .infinity), "Largest multiplier z.", advanced: true),
      OptionSpec(
        "alpha", .real(0.02, min: 0, max: 1e6), "Step of (x, y); published only.", advanced: true),
      OptionSpec("beta", .real(0.001, min: 0, max: 1e6), "Step of z; published only.",
        advanced: true),
      OptionSpec(
        "eta", .real(0.1, min: 0, max: 1e6), "Step of theta and lam; published only.",
        advanced: true),
      OptionSpec(
        "p", .real(0.3, min: 0, max: 0.5), "Exponent of the growth of c; published only.",
        advanced: true),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("penalty", .real, .output, "Last penalty c."),
    FieldSpec("penalised_gap", .real, .output, "Gap f - v at the last point of the penalty."),
    FieldSpec("inner_solves", .int, .output, "Minimisations over theta."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      if run.options.text("variant") == "published" {
        return try LVHBALoop(oracle, run, start).propose()
      }
      return try LVHBASearch(oracle, run, start).propose()
    }
  }
}
