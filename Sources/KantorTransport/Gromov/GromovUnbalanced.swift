import KantorCore

/// Unbalanced Gromov-Wasserstein and fused problems, with entropy or without.
///
/// **Solves** min over P >= 0 of F(P) = E(P, P),
///     E(P, Q) = (1 - alpha) <M, P + Q>/2 + alpha sum_ijkl L(C_ik, D_jl) P_ij Q_kl
///       + rho1 KL(P 1 x Q 1 | a x a) + rho2 KL(P' 1 x Q' 1 | b x b)
///       + eps KL(P x Q | a b' x a b'),
/// to a stationary point.
///
/// **Method** With P held, E(P, .) is an unbalanced transport problem, which is solved to the end;
/// P then moves towards its solution by a line search on F.
///
/// **Symbols** m(P) the mass; p, q marginals of P; c = (1 - alpha) M/2 + alpha L P + rho1 <p,
/// log p/a> + rho2 <q, log q/b> + eps <P, log P/(a b')> the costs of E(P, .).
///
/// **Iteration**
/// 1. Q = argmin <c, Q> + m(P) (rho1 KL(Q 1 | a) + rho2 KL(Q' 1 | b) + eps KL(Q | a b'))
///    (`unbalanced_sinkhorn`; for eps = 0 `unbalanced_active_set`).
/// 2. P <- P + t (Q - P) with the first t of 1, 1/2, 1/4, ... that brings 1e-4 of what the gap
///    E(P, P) - E(P, Q) promises.
///
/// **Stops when** E(P, P) - E(P, Q) <= tolerance times the size of its terms.
///
/// **Guarantee** F does not rise: E(P, .) is convex, so that Q - P is a direction of descent unless
/// P is stationary. The value is a local optimum.
///
/// **Cost** One unbalanced transport and 2 n m (n + m) operations per step; memory for eight n x m
/// matrices.
///
/// **Reference** sejourne2021unbalanced (algorithm 1).
/// Deviation: the published alternation moves between two plans and stops when they agree, which
/// is not the minimum of F where the form is not convex; here both factors are one plan, and a line
/// search sees that F falls. No rescaling of masses is needed then.
public enum GromovUnbalanced: RelaxedGromovMethod {
  public static let spec = MethodSpec(
    name: "gromov_unbalanced", kind: UnbalancedGromovKind.kind.name,
    summary: "Unbalanced Gromov-Wasserstein and fused problems with KL penalties.",
    source: "T. Sejourne, F.-X. Vialard, G. Peyre, The unbalanced Gromov Wasserstein distance: "
      + "conic formulation and relaxation (2021)",
    guarantee: "The plan is stationary: the certified gap of the convex problem that is left when "
      + "one factor is held is at most the tolerance times the size of its terms. The value is a "
      + "local optimum.",
    options: [
      OptionSpec(
        "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
        "Strength of the entropy KL(P x P | a b' x a b'); 0 for none."),
      OptionSpec(
        "tolerance", .real(1e-9, min: 0, max: 1),
        "Gap, relative to the size of its terms, at which a plan is stationary."),
      OptionSpec(
        "max_iterations", .int(1000, min: 1, max: .max), "Steps after which the solve stops."),
    ],
    outputs: RelaxedGromovOutputs.with(isPartial: false, []), usesWarmStart: true,
    hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedGromovProblem, _ run: Run
  ) throws(KantorError) -> RelaxedGromovProposal {
    let epsilon = run.options.real("epsilon")
    return try RelaxedGromovDescent.propose(
      problem, run, epsilon > 0 ? RelaxedEntropy(epsilon: epsilon, isUniform: false) : nil,
      marginalTolerance: 1e-11)
  }
}
