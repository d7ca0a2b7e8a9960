import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F Lipschitz and monotone, or negatively comonotone, or with a weak
/// Minty solution (EG+).
///
/// **Method** Korpelevich's extragradient; with `update` below 1 its extrapolated form (EG+), which
/// needs one prox and stands more nonmonotonicity.
///
/// **Symbols** L Lipschitz constant, r <= 0 comonotonicity, eta the step, alpha = `update`.
///
/// **Iteration** u = prox_eta(z - eta F(z)); then
/// - alpha = 1: z <- prox_eta(z - eta F(u));
/// - alpha < 1: z <- z - alpha (z - eta F(z) - u + eta F(u)), without g z - alpha eta F(u).
///
/// **Stops when** the residual is at most the tolerance; limits; the residual grows a hundredfold.
///
/// **Guarantee** Monotone F: converges for eta L < 1. r < 0: for -4r <= eta <= 1/(2L) with
/// alpha = 1 and no g; for eta L <= 1 and alpha < 1 + 2r/eta. When L is given, other steps are
/// refused unless forced.
///
/// **Cost** Two calls of F and two of prox per step.
///
/// **Reference** korpelevich1976extragradient; diakonikolas2021efficient; pethick2022escaping;
/// gorbunov2023convergence; khobotov1987modification.
///
/// Deviation: without L the step is shortened until eta |F(z) - F(u)| <= 0.9 |z - u|, and grows
/// again where it can. Anderson's extrapolation, when asked for, is kept if it does not raise the
/// residual.
public enum Extragradient: InclusionMethod {
  public static let template = MethodTemplate(
    name: "extragradient",
    summary: "Korpelevich's extragradient, and EG+ with separate step sizes.",
    source: "G. M. Korpelevich, The extragradient method for finding saddle points and other "
      + "problems (1976)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      CommonChoices.step,
      OptionSpec(
        "update", .real(0, min: 0, max: 1),
        "Second step over the first; 0 takes 1, or what weakly nonmonotone F allow."),
      CommonChoices.force,
    ] + CommonChoices.acceleration(),
    outputs: [
      CommonChoices.stepOutput,
      FieldSpec("update", .real, .output, "Second step over the first."),
    ] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let plan = try ExtragradientPlan(problem, run)
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try ExtragradientSteps(oracle, plan)
    let kept = try steps.solve(accelerated: run, track)
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.add("update", plan.update)
    figures.append(kept)
    return try track.proposal(figures)
  }
}

/// Which steps are taken, and whether they are proven to converge.
struct ExtragradientPlan {
  /// The first one; 0 when a slope at the start gives it.
  let step: Double
  let update: Double
  /// Whether the step is to stay as it is: the caller's, or one that only a range proves.
  let isFixed: Bool

  init(_ problem: InclusionProblem, _ run: Run) throws(KantorError) {
    let given = run.options.real("step")
    let asked = run.options.real("update")
    let r = min(problem.comonotone ?? 0, 0)
    isFixed = given > 0 || (problem.lipschitz != nil && r < 0)
    guard let l = problem.lipschitz else {
      step = given
      update = asked > 0 ? asked : r < 0 ? 0.5 : 1
      return
    }
    let eta = given > 0 ? given : (r < 0 ? 1 : 0.7) / l
    step = eta
    update = asked > 0 ? asked : r < 0 && given == 0 ? max(0.9 * (1 + 2 * r / eta), 0.01) : 1
    guard !run.options.flag("force") else { return }
    try Self.check(eta, update, l, r, isUnconstrained: problem.term.isZero)
  }

  private static func check(
    _ eta: Double, _ update: Double, _ l: Double, _ r: Double, isUnconstrained: Bool
  ) throws(KantorError) {
    let slack = 1 + 1e-12
    if r == 0 {
      guard eta * l <= slack else {
        throw KantorError(
          .range,
          "option 'step': \(eta) is outside the proven range (0, \(shortText(1 / l))]; "
            + "'force' takes it all the same")
      }
      return
    }
    if update == 1, isUnconstrained, eta >= -4 * r / slack, eta * l <= 0.5 * slack { return }
    if eta * l <= slack, update < 1 + 2 * r / eta { return }
    throw KantorError(
      .range,
      "option 'step': for comonotone \(shortText(r)) and lipschitz \(shortText(l)) the steps "
        + "\(shortText(eta)) and \(shortText(update * eta)) are not proven to converge; proven are "
        + "equal steps in [\(shortText(-4 * r)), \(shortText(0.5 / l))] without prox, and steps "
        + "up to \(shortText(1 / l)) with 'update' below 1 + 2 comonotone / step; 'force' takes "
        + "them all the same")
  }
}
