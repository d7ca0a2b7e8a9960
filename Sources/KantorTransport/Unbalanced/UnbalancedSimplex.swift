import KantorCore

/// Exact unbalanced transport with total-variation penalties, by the network simplex method.
///
/// **Solves** min <P, C> + rho1 |P 1 - a|_1 + rho2 |P' 1 - b|_1 over P >= 0.
///
/// **Method** To leave a unit of source i costs rho1, or, where sending it to a target that is
/// already full is cheaper, min_j C_ij + rho2; targets likewise. With one more target and one more
/// source for these units, which may send to each other for nothing, the masses are equal, and
/// `NetworkSimplex` solves the problem.
///
/// **Symbols** rho1, rho2 the strengths; a side that is fixed has an infinite one.
///
/// **Iteration** That of `NetworkSimplex`, on n + 1 sources with weights (a, |b|), m + 1 targets
/// with weights (b, |a|).
///
/// **Stops when** the simplex method does.
///
/// **Guarantee** Exact up to rounding: potentials in [-rho1, rho1] and [-rho2, rho2], f_i + g_j <=
/// C_ij. Pairs with C_ij > rho1 + rho2 carry nothing.
///
/// **Cost** That of the simplex method on the larger problem; (n + 1)(m + 1) costs are stored.
///
/// **Reference** piccoli2014generalized; caffarelli2010free (the Lagrangian form of partial
/// transport).
public enum UnbalancedSimplex: RelaxedMethod {
  public static let spec = MethodSpec(
    name: "unbalanced_simplex", kind: UnbalancedKind.kind.name,
    summary: "Exact unbalanced transport for penalties |P 1 - a|_1 and |P' 1 - b|_1.",
    source: "B. Piccoli, F. Rossi, Generalized Wasserstein distance and its application to "
      + "transport equations with source (2014); L. Caffarelli, R. McCann, Free boundaries in "
      + "optimal transport and Monge-Ampere obstacle problems (2010)",
    guarantee: "Optimal up to rounding, with feasible potentials.",
    options: DummyTransport.options, outputs: RelaxedOutputs.unbalanced(DummyTransport.figures),
    usesWarmStart: false, hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedProblem, _ run: Run
  ) throws(KantorError) -> RelaxedProposal {
    let (n, m) = (problem.n, problem.m)
    let terms = problem.terms
    let rho = try (strength(terms.source), strength(terms.target))
    let (leaveSource, toTarget) = (try Buffer<Double>(count: n), try Buffer<Int>(count: n))
    let leaveTarget = try Buffer<Double>(count: m, repeating: .infinity)
    let toSource = try Buffer<Int>(count: m)
    let rows = try CostRows(problem.geometry.cost)
    for i in 0..<n {
      let c = rows.row(i)
      var least = Double.infinity
      for j in 0..<m {
        if c[j] < least { (least, toTarget.pointer[i]) = (c[j], j) }
        if c[j] < leaveTarget.pointer[j] {
          (leaveTarget.pointer[j], toSource.pointer[j]) = (c[j], i)
        }
      }
      guard least >= -(rho.0 + rho.1) else {
        throw KantorError(
          .range, "cost is \(least) at (\(i), \(toTarget.pointer[i])); below -(strength_source + "
            + "strength_target) = \(-(rho.0 + rho.1)) it pays to create mass without end")
      }
      // Where both cost the same, less mass is moved.
      let beyond = least + rho.1
      leaveSource.pointer[i] = min(rho.0, beyond)
      if !(beyond < rho.0) { toTarget.pointer[i] = -1 }
    }
    for j in 0..<m {
      let beyond = leaveTarget.pointer[j] + rho.0
      leaveTarget.pointer[j] = min(rho.1, beyond)
      if !(beyond < rho.1) { toSource.pointer[j] = -1 }
    }
    let larger = try DummyTransport(
      problem, leaveSource: leaveSource, leaveTarget: leaveTarget, corner: 0,
      masses: (problem.targetMass, problem.sourceMass), run)
    return try larger.solve(tolerance: PartialSimplex.tolerance) { i, j in
      if i < n { return toTarget.pointer[i] < 0 ? nil : (i, toTarget.pointer[i]) }
      return j == m || toSource.pointer[j] < 0 ? nil : (toSource.pointer[j], j)
    }
  }

  private static func strength(_ penalty: MarginalPenalty) throws(KantorError) -> Double {
    switch penalty.form {
    case .tv: return penalty.strength
    case .fixed: return .infinity
    case .kl, .l2, .cap:
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems with the penalty tv, not "
          + penalty.form.rawValue)
    }
  }
}
