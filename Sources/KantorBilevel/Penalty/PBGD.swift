import KantorBlocks
import KantorCore

/// **Solves** min F(x, y) over x in X and the rows of both levels, y a solution of the lower level:
/// one that satisfies the Polyak-Lojasiewicz inequality or grows quadratically around its
/// solutions; it need not be convex.
///
/// **Method** Gradient steps on F + gamma p over (x, y) jointly, where p is zero exactly at lower
/// solutions:
///
///     form `value`     p = f(x, y) - v(x), v(x) = min over y of f(x, y)
///     form `gradient`  p = |f_y(x, y)|^2, for lower levels without rows and bounds.
///
/// **Symbols** gamma the penalty; w the running minimiser of f(x, .); a, b (`alpha`, `beta`) steps
/// of (x, y) and of w.
///
/// **Iteration** `adaptive`, for gamma 1, 10, 100, ... (times the size that F and f ask for):
/// minimise F + gamma p by quasi-Newton or quadratic programming steps, v by whole lower solves;
/// certify; from the third gamma on, solve on the active set where the certificate fails.
///
/// `published`: `lower_steps` times w <- P(w - b f_y(x, w)); then (x, y) <- P((x, y) -
/// a (grad F + gamma (grad f(x, y) - (f_x(x, w), 0)))), in the form `gradient` with
/// 2 gamma (f_xy f_y, f_yy f_y).
///
/// **Stops when** the certificate holds, gamma has passed `gamma_max`, or at a limit; `published`
/// when the projected gradient is at most `tolerance`.
///
/// **Guarantee** `published`: a stationary point of the penalised problem in O(gamma / e) steps;
/// its local solutions are e-close to those of the bilevel problem for gamma of the order e^-1/2.
///
/// **Cost** Of a gradient: one of F, two of f and a lower solve (`value`), or one of each and a
/// Hessian product (`gradient`).
///
/// **Reference** shen2023penalty.
///
/// Deviation: (`adaptive`) line searches, whole lower solves, and gamma raised by the certificate.
public enum PBGD: BilevelMethod {
  public static let spec = MethodSpec(
    name: "pbgd", kind: BilevelKind.kind.name,
    summary: "Penalty of the lower value gap or gradient on (x, y); nonconvex lower levels.",
    source: "H. Shen, T. Chen, On penalty-based bilevel gradient descent method (2023)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 20_000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Minimisations for growing gamma, or the loop of the paper."),
      OptionSpec(
        "form", .text("value", choices: ["value", "gradient"]),
        "Penalty on the value gap f - v, or on the squared gradient of f in y."),
      OptionSpec(
        "gamma", .real(0, min: 0, max: 1e12),
        "First penalty; 0 takes the size that F and f at the start ask for (published: 10)."),
      OptionSpec(
        "gamma_max", .real(1e6, min: 1, max: 1e12),
        "Largest penalty of the adaptive variant, over the first one."),
      BilevelOptions.polish,
      OptionSpec(
        "alpha", .real(0, min: 0, max: 1e6),
        "Published: step of (x, y); 0 takes 0.1 / gamma."),
      OptionSpec("beta", .real(0.1, min: 0, max: 1e6), "Published: step of w."),
      OptionSpec(
        "lower_steps", .int(1, min: 1, max: 1_000_000),
        "Published: steps of w for each of (x, y)."),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("penalty", .real, .output, "Last gamma."),
    FieldSpec("penalised_gap", .real, .output, "Penalty term p at the last point."),
    FieldSpec("lower_solves", .int, .output, "Lower-level solves."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    let isGradient = run.options.text("form") == "gradient"
    if isGradient, !problem.lowerIsFree {
      throw KantorError(
        .unsupported,
        "form 'gradient' of 'pbgd' takes no rows and bounds of the lower level; 'value' does")
    }
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      let program = try GapProgram(oracle, isGradient: isGradient)
      program.start(at: start.y.pointer)
      if run.options.text("variant") == "published" {
        return try PBGDLoop(oracle, run, start, isGradient: isGradient).propose()
      }
      return try PBGDSearch(oracle, run, start, program).propose()
    }
  }
}
