import KantorCore

/// The entropy added to a relaxed problem: eps KL(P | Q).
public struct RelaxedEntropy: Sendable {
  public var epsilon: Double
  /// Q = 1 for every pair of points with mass; else Q = a b'.
  public var isUniform: Bool
}

/// What a method for relaxed marginals proposes. The checker decides what it is worth.
public struct RelaxedProposal: Sendable {
  public enum Plan: Sendable {
    case sparse(SparsePlan)
    /// n x m, row-major.
    case dense(Buffer<Double>)
    /// P_ij = Q_ij exp((f_i + g_j + multiplier - C_ij) / epsilon), not stored.
    case entropic(RelaxedEntropy)
    /// Forbidden pairs leave no plan; f, g and the multiplier prove it: f_i + g_j + multiplier <= 0
    /// for every pair that is not forbidden, and the dual rises along them for ever.
    case infeasible
  }

  public var plan: Plan
  public var f: Buffer<Double>
  public var g: Buffer<Double>
  /// Of the total mass; 0 where none is prescribed.
  public var multiplier = 0.0
  public var figures = ResultFields()
  /// What residual and relative gap have to meet for `solved`.
  public var tolerance: Double
  public var gapTolerance: Double
}

/// A method for problems of the kinds "unbalanced_transport" and "partial_transport".
public protocol RelaxedMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(_ problem: RelaxedProblem, _ run: Run) throws(KantorError) -> RelaxedProposal
}

extension RelaxedMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? RelaxedProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind \(spec.kind)")
      }
      if spec.usesWarmStart && !run.start.isEmpty {
        _ = try run.start.vector("potential_source", count: problem.n)
        _ = try run.start.vector("potential_target", count: problem.m)
      }
      let proposal = try propose(problem, run)
      return try RelaxedResult.make(spec, problem, proposal, run)
    }
  }
}
