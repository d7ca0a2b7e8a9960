import KantorCore

/// What a method for the kind "gromov" proposes. The checker decides what it is worth.
public struct GromovProposal: Sendable {
  /// What the plan is meant to be a stationary point of.
  public enum Model: Sendable {
    /// Both marginals fixed.
    case balanced
    /// Both fixed, with epsilon KL(P | a b^T) added.
    case entropic(epsilon: Double)
    /// Only the sources' marginal fixed.
    case semirelaxed
  }

  public var model: Model
  /// Dense, row-major.
  public var plan: Buffer<Double>
  /// Potentials of the targets in the problem linearised at the plan; semi-relaxed problems have
  /// none, and what is given is not read.
  public var g: Buffer<Double>
  public var figures: ResultFields
  /// What the certificate has to meet for `solved`.
  public var marginalTolerance: Double
  public var gapTolerance: Double
}

/// A method for problems of the kind "gromov".
public protocol GromovMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(_ problem: GromovProblem, _ run: Run) throws(KantorError) -> GromovProposal
}

extension GromovMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? GromovProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind gromov")
      }
      let proposal = try propose(problem, run)
      return try GromovResult.make(spec, problem, proposal, run)
    }
  }
}
