import KantorCore

/// **Solves** entropic optimal transport, as `sinkhorn` does.
///
/// **Method** Greedy coordinate ascent on the dual: of all sources and targets the one whose
/// marginal is worst is made exact.
///
/// **Symbols** K_ij = exp(phi0_i + gamma0_j - C_ij/eps), P = diag(u) K diag(v), r and c its row and
/// column sums, rho(w, s) = s - w + w log(w/s): by how much the dual rises when a sum s becomes w.
///
/// **Iteration**
/// 1. i = argmax rho(a_i, r_i), j = argmax rho(b_j, c_j).
/// 2. The larger of the two: u_i <- u_i a_i / r_i, c_j += (change of u_i) K_ij v_j for all j, r_i =
///    a_i; or the same with the sides exchanged.
/// 3. Now and then r and c are summed afresh; K is made anew where u or v left the middle of the
///    floating-point range.
///
/// **Stops when** |r - a|_1 + |c - b|_1 <= tolerance x mass, on sums that were made afresh.
///
/// **Guarantee** The dual rises at every step. A plan within delta of the unregularised optimum
/// takes O(n^2 log(n) max(C)^2 / delta^2) operations for n = m (lin2022efficiency).
///
/// **Cost** a step costs O(n) or O(m); K and its transpose are stored, 16 bytes per pair.
///
/// **Reference** altschuler2017nearlinear, algorithm 4; lin2022efficiency.
///
/// Deviation: it starts from rows made exact once, which costs one pass and keeps K in range.
public enum Greenkhorn: TransportMethod {
  public static let spec = MethodSpec(
    name: "greenkhorn", kind: TransportKind.kind.name,
    summary: "Entropic optimal transport by greedy scaling of single rows and columns.",
    source: "J. Altschuler, J. Weed, P. Rigollet, Near-linear time approximation algorithms for "
      + "optimal transport via Sinkhorn iteration (2017)",
    guarantee: "Marginals of the plan within the tolerance (L1, relative to the mass), measured "
      + "on all pairs in f64; the entropic primal-dual gap and bounds of the unregularised cost "
      + "are computed.",
    options: options,
    outputs: TransportOutputs.with([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
      FieldSpec("refreshes", .int, .output, "Times that the sums were made afresh."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost under the "
        + "product of the weights."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 0, max: 1),
      "L1 error of the marginals relative to the mass."),
    OptionSpec(
      "max_iterations", .int(10_000_000, min: 1, max: .max),
      "Rows and columns that are scaled, after which the solve stops."),
    OptionSpec(
      "round", .flag(false),
      "Return the plan rounded to exactly feasible marginals, and its value; where pairs are "
        + "forbidden the plan is left as it is."),
    OptionSpec(
      "plan_threshold", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "mass",
      "Entries of the plan above this mass are listed in plan_row, plan_column, plan_value."),
  ]

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    let tolerance = run.options.real("tolerance")
    let solver = try GreedyScaling(
      problem, epsilon: run.options.real("epsilon"), threads: run.threads, run.monitor)
    if let g = try SinkhornSolver.warmStart(problem, run) { solver.state.set(g: g.pointer) }
    try solver.run(tolerance: tolerance)
    var figures = ResultFields()
    figures.add("refreshes", solver.refreshes)
    if let ray = solver.ray {
      return TransportProposal(
        plan: .infeasible, f: ray.f, g: ray.g, figures: figures, tolerance: tolerance)
    }
    let answer = try EntropicPotentials(solver.state, problem)
    var proposal = TransportProposal(
      plan: .entropic(epsilon: solver.state.epsilon), f: answer.f, g: answer.g, figures: figures,
      tolerance: tolerance)
    proposal.rounds = run.options.flag("round")
    proposal.planThreshold = run.options.real("plan_threshold")
    return proposal
  }
}
