import KantorCore

/// **Solves** the barycentre of histograms p_1 ... p_k for the Sinkhorn divergence S,
///     min_q sum_k lambda_k S(p_k, q),
/// which is not blurred by the entropy.
///
/// **Method** Iterated Bregman projections with one more scaling d, in logarithms, with Anderson's
/// acceleration.
///
/// **Symbols** K = exp(-C / eps), symmetric; u_k, v_k scalings of the plans; d that of the plan of
/// q with itself, q = d (K d).
///
/// **Iteration**
/// 1. u_k = p_k / (K v_k) for every k.
/// 2. log q = log d + sum_k lambda_k log K' u_k.
/// 3. v_k = q / (K' u_k), d = sqrt(d q / (K d)); then the mixed step of `AndersonMemory`.
///
/// **Stops when** sum_k lambda_k |q_k - q|_1 + |d K d - q|_1 <= tolerance, q_k the plans' other
/// marginals and log d = sum_k lambda_k log v_k.
///
/// **Guarantee** For costs whose exp(-C / eps) is positive definite the problem is convex, and its
/// optimality conditions hold up to the residual; in particular for squared distances.
///
/// **Cost** That of `entropic_barycentre` and one product with K per iteration.
///
/// **Reference** janati2020debiased, algorithm 1.
public enum DebiasedBarycentre {
  public static let spec = MethodSpec(
    name: "debiased_barycentre", kind: BarycentreKind.kind.name,
    summary: "Barycentre for the Sinkhorn divergence: entropic, but without the blur.",
    source: "H. Janati and others, Debiased Sinkhorn barycenters (2020)",
    guarantee: "The optimality conditions hold within the tolerance (L1 error of marginals).",
    options: BarycentreOutputs.options(tolerance: 1e-6),
    outputs: BarycentreOutputs.outputs(
      BarycentreOutputs.debiased,
      objective: "Sum of lambda_k V(p_k, q) minus V(q, q) / 2, V entropic values as for "
        + "entropic_barycentre; the divergence up to terms without q."),
    usesWarmStart: false, hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    try BarycentreResult.solve(spec, sealed, run, debiased: true)
  }
}
