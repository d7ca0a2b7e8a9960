import KantorCore

/// Entropic partial transport.
///
/// **Solves** min <P, C> + eps KL(P | Q) over P >= 0 with P 1 <= a, P' 1 <= b, |P| = s; Q = a b'
/// or 1.
///
/// **Method** Block-coordinate ascent of the dual in the log domain, in f, and in g together with
/// the multiplier of the mass; Anderson's mixing on top; a ladder of decreasing eps where it is
/// small.
///
/// **Symbols** P_ij = Q_ij exp((f_i + g_j + l - C_ij)/eps), f, g <= 0, l free.
///
/// **Iteration**
/// 1. f_i = min(0, the f_i with which row i sums to a_i).
/// 2. l so that the columns, capped by b, sum to s (by sorting); g_j = min(0, the g_j with which
///    column j sums to b_j).
/// 3. l falls by how far all f are below 0.
/// 4. g + l <- the mix of the last ones whose residual is least.
///
/// **Stops when** columns exceed b, miss it where g < 0, and miss s, by at most `tolerance` in all
/// (L1, relative to the larger mass), rows being right, and the certified gap is within it too.
///
/// **Guarantee** Ascent converges wherever the mass can be moved. The gap is computed on the
/// caller's data.
///
/// **Cost** That of `unbalanced_sinkhorn`, and m log m per pass.
///
/// **Reference** benamou2015iterative (section 5, as Bregman projections).
/// Deviation: column caps and mass are one block, not two; step 3, without which nearly whole masses
/// take passes without end; projections are taken in the log domain, where a small eps neither under-
/// nor overflows.
public enum EntropicPartial: RelaxedMethod {
  public static let spec = MethodSpec(
    name: "entropic_partial", kind: PartialKind.kind.name,
    summary: "Entropic partial transport: a smooth plan that moves a given part of the mass.",
    source: "J.-D. Benamou, G. Carlier, M. Cuturi, L. Nenna, G. Peyre, Iterative Bregman "
      + "projections for regularized transportation problems (2015)",
    guarantee: "Caps, mass and relative primal-dual gap within the tolerance, computed on all "
      + "pairs in f64; infeasibility is detected.",
    options: RelaxedSinkhorn.options,
    outputs: RelaxedOutputs.partial([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used.")
    ]),
    usesWarmStart: true, hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedProblem, _ run: Run
  ) throws(KantorError) -> RelaxedProposal {
    if try CostSummary.hasForbiddenPairs(problem.geometry) {
      let inner = InnerRun(run: run).run(PartialSimplex.spec, g: nil)
      var exact = try PartialSimplex.propose(problem, inner)
      if case .infeasible = exact.plan {
        exact.figures = ResultFields()
        return exact
      }
    }
    let entropy = try RelaxedSinkhorn.entropy(problem, run)
    return try RelaxedSinkhorn(problem, entropy, run).solve(run)
  }
}
