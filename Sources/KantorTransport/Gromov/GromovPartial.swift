import KantorCore

/// Partial Gromov-Wasserstein and fused problems, with entropy or without.
///
/// **Solves** min over P >= 0 with P 1 <= a, P' 1 <= b, |P| = s of
///     F(P) + eps KL(P | R),  F(P) = (1 - alpha) <M, P> + alpha sum_ijkl L(C_ik, D_jl) P_ij P_kl,
/// to a stationary point.
///
/// **Method** Conditional gradient: partial transport with the gradient as its cost, exact or (with
/// eps > 0) entropic, then a line search towards the plan found.
///
/// **Symbols** G = grad F(P), whose parts of both marginals move with P; R = a b' or 1; X the plan
/// found; D = X - P; q = alpha (<r(D 1), D 1>/2 + <c(D' 1), D' 1>/2 - <K(D), D>) with the notation
/// of `GromovModel`.
///
/// **Iteration**
/// 1. X = argmin <G, X> + eps KL(X | R) over partial plans (`partial_simplex`, `entropic_partial`).
/// 2. eps = 0: t = argmin over [0, 1] of F(P + t D), a parabola. eps > 0: the first of t = 1, 1/2,
///    1/4, ... that brings 1e-4 of what the gap promises.
/// 3. P and K(P) move by t.
///
/// **Stops when** <G, P - X> + eps (KL(P | R) - KL(X | R)) <= tolerance times the size of its
/// terms.
///
/// **Guarantee** The objective does not rise; every limit point is stationary, a local optimum in
/// general. The value depends on the start.
///
/// **Cost** One partial transport and 2 n m (n + m) operations per step; memory for eight n x m
/// matrices.
///
/// **Reference** chapel2020partial (algorithm 1); frank1956algorithm.
/// Deviation: the line search takes both marginals' part of the curvature, which the published one
/// leaves to a recomputation of the cost; the entropic form has a line search, so it descends for
/// every eps.
public enum GromovPartial: RelaxedGromovMethod {
  public static let spec = MethodSpec(
    name: "gromov_partial", kind: PartialGromovKind.kind.name,
    summary: "Partial Gromov-Wasserstein and fused problems, exact or entropic.",
    source: "L. Chapel, M. Z. Alaya, G. Gasso, Partial optimal transport with applications on "
      + "positive-unlabeled learning (2020)",
    guarantee: "Caps and mass hold to rounding (entropic: to 1e-9) and the plan is stationary: its "
      + "certified gap is at most the tolerance times the size of its terms. The value is a local "
      + "optimum.",
    options: [
      OptionSpec(
        "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
        "Strength of the entropy; 0 for none."),
      OptionSpec(
        "reference", .text("product", choices: ["product", "uniform"]),
        "What the entropy KL(P | R) is relative to: R = a b', or 1 for every pair with mass."),
      OptionSpec(
        "tolerance", .real(1e-7, min: 0, max: 1),
        "Gap, relative to the size of its terms, at which a plan is stationary."),
      OptionSpec(
        "max_iterations", .int(10000, min: 1, max: .max), "Steps after which the solve stops."),
    ],
    outputs: RelaxedGromovOutputs.with(isPartial: true, []), usesWarmStart: true,
    hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedGromovProblem, _ run: Run
  ) throws(KantorError) -> RelaxedGromovProposal {
    let epsilon = run.options.real("epsilon")
    let entropy = epsilon > 0
      ? RelaxedEntropy(epsilon: epsilon, isUniform: run.options.text("reference") == "uniform")
      : nil
    return try RelaxedGromovDescent.propose(
      problem, run, entropy, marginalTolerance: entropy == nil ? 1e-11 : 1e-9)
  }
}
