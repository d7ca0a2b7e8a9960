import KantorCore

/// Exact partial transport by the network simplex method.
///
/// **Solves** min <P, C> over P >= 0 with P 1 <= a, P' 1 <= b and |P| = s.
///
/// **Method** What stays behind goes to one more target, what is not served comes from one more
/// source; between these two nothing may flow. That is a transport problem with equal masses,
/// which `NetworkSimplex` solves.
///
/// **Symbols** s = the field `mass`; f, g <= 0 potentials, l the multiplier of the mass.
///
/// **Iteration** That of `NetworkSimplex`, on n + 1 sources with weights (a, |b| - s), m + 1
/// targets with weights (b, |a| - s), costs C, 0 beside them and +infinity in the corner.
///
/// **Stops when** the simplex method does.
///
/// **Guarantee** Exact up to rounding: f_i + g_j + l <= C_ij with equality where mass moves,
/// f_i = 0 where some of a_i stays behind, g_j = 0 likewise. Masses that forbidden pairs keep from
/// being moved are recognised.
///
/// **Cost** That of the simplex method on the larger problem; (n + 1)(m + 1) costs are stored.
///
/// **Reference** caffarelli2010free; chapel2020partial (dummy points).
/// Deviation: the corner is a forbidden pair, not a pair of large cost, so no constant has to be
/// chosen and none spoils the precision of the potentials.
public enum PartialSimplex: RelaxedMethod {
  public static let spec = MethodSpec(
    name: "partial_simplex", kind: PartialKind.kind.name,
    summary: "Exact partial transport: the cheapest way to move a given part of the mass.",
    source: "L. Caffarelli, R. McCann, Free boundaries in optimal transport and Monge-Ampere "
      + "obstacle problems (2010); L. Chapel, M. Z. Alaya, G. Gasso, Partial optimal transport "
      + "with applications on positive-unlabeled learning (2020)",
    guarantee: "Optimal up to rounding, with feasible potentials; infeasibility is detected.",
    options: DummyTransport.options, outputs: RelaxedOutputs.partial(DummyTransport.figures),
    usesWarmStart: false, hasDerivatives: true)

  static let tolerance = 1e-11

  public static func propose(
    _ problem: RelaxedProblem, _ run: Run
  ) throws(KantorError) -> RelaxedProposal {
    guard let total = problem.terms.total else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems with a prescribed mass")
    }
    return try DummyTransport(
      problem, leaveSource: try Buffer(count: problem.n), leaveTarget: try Buffer(count: problem.m),
      corner: .infinity,
      masses: (
        max(0, problem.targetMass - total), max(0, problem.sourceMass - total)
      ), run
    ).solve(tolerance: tolerance)
  }
}
