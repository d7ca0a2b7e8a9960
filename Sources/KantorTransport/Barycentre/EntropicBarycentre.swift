import KantorCore

/// **Solves** the entropic barycentre of histograms p_1 ... p_k on a support that is given:
///     min_q sum_k lambda_k min { <P, C> + eps sum P log P : P 1 = p_k, P' 1 = q }.
///
/// **Method** Iterated Bregman projections, that is block ascent of the dual, in logarithms, with
/// Anderson's acceleration. On a regular grid the kernel is applied axis by axis.
///
/// **Symbols** K = exp(-C / eps); u_k, v_k = exp(gamma_k) scalings of the plans; q the barycentre.
///
/// **Iteration**
/// 1. u_k = p_k / (K v_k) for every k.
/// 2. log q = sum_k lambda_k log K' u_k.
/// 3. v_k = q / (K' u_k); then the mixed step of `AndersonMemory`.
///
/// **Stops when** sum_k lambda_k |q_k - q|_1 <= tolerance, q_k the plans' other marginals.
///
/// **Guarantee** The problem is convex; the certificate brackets its optimum between the dual value
/// of the potentials, whose sum is made 0, and the value of plans rounded to have the marginals p_k
/// and q exactly.
///
/// **Cost** One pass over K for all measures per iteration, 16 bytes a pair at most; on a grid of N
/// points and sides s, 2 k N (s_1 + s_2 + ..) multiplications and O(k N) memory.
///
/// **Reference** benamou2015iterative, section 3; solomon2015convolutional for grids.
public enum EntropicBarycentre {
  public static let spec = MethodSpec(
    name: "entropic_barycentre", kind: BarycentreKind.kind.name,
    summary: "Entropic barycentre on given points or a grid, by iterated Bregman projections.",
    source: "J.-D. Benamou and others, Iterative Bregman projections for regularized "
      + "transportation problems (2015)",
    guarantee: "The plans' marginals agree with the barycentre within the tolerance (L1), and a "
      + "bracket of the optimal value.",
    options: BarycentreOutputs.options(tolerance: 1e-9),
    outputs: BarycentreOutputs.outputs(
      BarycentreOutputs.bounds, objective: "Sum of lambda_k (<P_k, C> + eps sum P_k log P_k)."),
    usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    try BarycentreResult.solve(spec, sealed, run, debiased: false)
  }
}
