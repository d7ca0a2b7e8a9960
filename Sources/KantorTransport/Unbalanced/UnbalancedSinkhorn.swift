import KantorCore

/// Entropic unbalanced transport.
///
/// **Solves** min <P, C> + eps KL(P | Q) + D1(P 1 | a) + D2(P' 1 | b) over P >= 0, Q = a b' or 1,
/// D = rho KL, rho/2 |.|^2, rho |.|_1, or a marginal that is fixed.
///
/// **Method** Block-coordinate ascent of the dual in the log domain, Sinkhorn's iteration with its
/// update passed through the penalty; after each step the best shift of f against g; Anderson's
/// mixing of g on top; a ladder of decreasing eps where it is small.
///
/// **Symbols** f, g potentials; rho1, rho2 strengths; aprox the update of a penalty
/// (`RelaxedSide`); t the shift.
///
/// **Iteration**
/// 1. f = aprox1(-eps log sum_j b_j exp((g_j - C_ij)/eps)), g likewise.
/// 2. KL: f + t, g - t with t = rho1 rho2/(rho1 + rho2) (log <a, exp(-f/rho1)> -
///    log <b, exp(-g/rho2)>).
/// 3. g <- the mix of the last g whose residual is least.
///
/// **Stops when** the columns of the plan are within `tolerance` of what g asks for (L1, relative
/// to the larger mass), rows being exact, and the certified gap is too.
///
/// **Guarantee** The ascent converges for every finite cost; KL contracts by rho/(rho + eps) per
/// half step, and the shift removes the mode that is slow when rho is much larger than eps. The gap
/// is computed on the caller's data.
///
/// **Cost** One read of a stored kernel per pass, 8 bytes per pair; or two exponentials per pair
/// and O(n + m) memory.
///
/// **Reference** chizat2018scaling (algorithm 2, table 1); sejourne2022faster (translations);
/// walker2011anderson.
public enum UnbalancedSinkhorn: RelaxedMethod {
  public static let spec = MethodSpec(
    name: "unbalanced_sinkhorn", kind: UnbalancedKind.kind.name,
    summary: "Entropic unbalanced transport with KL, quadratic or total-variation penalties.",
    source: "L. Chizat, G. Peyre, B. Schmitzer, F.-X. Vialard, Scaling algorithms for unbalanced "
      + "optimal transport problems (2018); T. Sejourne, F.-X. Vialard, G. Peyre, Faster "
      + "unbalanced optimal transport: translation invariant Sinkhorn (2022)",
    guarantee: "Relative primal-dual gap within the tolerance, computed on all pairs in f64.",
    options: RelaxedSinkhorn.options,
    outputs: RelaxedOutputs.unbalanced([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used.")
    ]),
    usesWarmStart: true, hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedProblem, _ run: Run
  ) throws(KantorError) -> RelaxedProposal {
    if let proof = try UnreachablePoint.proof(problem) { return proof }
    let entropy = try RelaxedSinkhorn.entropy(problem, run)
    return try RelaxedSinkhorn(problem, entropy, run).solve(run)
  }
}

/// A point that has to send or receive and may reach nobody.
enum UnreachablePoint {
  /// The unit potential of such a point is a ray.
  static func proof(_ problem: RelaxedProblem) throws(KantorError) -> RelaxedProposal? {
    let terms = problem.terms
    guard terms.source.form == .fixed || terms.target.form == .fixed,
      try CostSummary.hasForbiddenPairs(problem.geometry)
    else { return nil }
    let (f, g) = (try Buffer<Double>(count: problem.n), try Buffer<Double>(count: problem.m))
    f.fill(1)
    g.fill(1)
    let rows = try CostRows(problem.geometry.cost)
    let isOpen = (mayHold(terms.source), mayHold(terms.target))
    for i in 0..<problem.n {
      let c = rows.row(i)
      for j in 0..<problem.m where c[j] < .infinity {
        if isOpen.1 || problem.b.pointer[j] > 0 { f.pointer[i] = 0 }
        if isOpen.0 || problem.a.pointer[i] > 0 { g.pointer[j] = 0 }
      }
    }
    var isFound = false
    for i in 0..<problem.n {
      if terms.source.form != .fixed || !(problem.a.pointer[i] > 0) { f.pointer[i] = 0 }
      isFound = isFound || f.pointer[i] > 0
    }
    for j in 0..<problem.m {
      if terms.target.form != .fixed || !(problem.b.pointer[j] > 0) { g.pointer[j] = 0 }
      isFound = isFound || g.pointer[j] > 0
    }
    guard isFound else { return nil }
    return RelaxedProposal(plan: .infeasible, f: f, g: g, tolerance: 0, gapTolerance: 0)
  }

  private static func mayHold(_ penalty: MarginalPenalty) -> Bool {
    penalty.form == .tv || penalty.form == .l2
  }
}
