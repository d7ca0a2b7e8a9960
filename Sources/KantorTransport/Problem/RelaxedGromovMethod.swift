import KantorCore

/// What a method for "partial_gromov" or "unbalanced_gromov" proposes. The checker decides what it
/// is worth.
public struct RelaxedGromovProposal: Sendable {
  /// Dense, row-major.
  public var plan: Buffer<Double>
  /// A dual point of the problem in one plan that is left when the objective's other factor is
  /// held at the plan.
  public var f: Buffer<Double>
  public var g: Buffer<Double>
  public var multiplier: Double
  /// The entropy that is part of the objective, if any.
  public var entropy: RelaxedEntropy?
  public var figures = ResultFields()
  /// What residual and relative gap have to meet for `solved`.
  public var tolerance: Double
  public var gapTolerance: Double
}

/// A method for problems of the kinds "partial_gromov" and "unbalanced_gromov".
public protocol RelaxedGromovMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(
    _ problem: RelaxedGromovProblem, _ run: Run
  ) throws(KantorError) -> RelaxedGromovProposal
}

extension RelaxedGromovMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? RelaxedGromovProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind \(spec.kind)")
      }
      let proposal = try propose(problem, run)
      return try RelaxedGromovResult.make(spec, problem, proposal, run)
    }
  }
}
