import KantorCore

/// What a transport method proposes. The checker decides what it is worth.
public struct TransportProposal: Sendable {
  public enum Plan: Sendable {
    /// A basic or otherwise sparse plan.
    case sparse(SparsePlan)
    /// p_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon), not stored.
    case entropic(epsilon: Double)
    /// No feasible plan exists; f and g then hold a ray of the dual that proves it:
    /// f_i + g_j <= 0 for every pair that is not forbidden, <a, f> + <b, g> > 0.
    case infeasible
  }

  public var plan: Plan
  /// Potentials of sources and targets, in units of the cost; finite also where the mass is 0.
  public var f: Buffer<Double>
  public var g: Buffer<Double>
  /// Method-specific figures, shown as they are.
  public var figures: ResultFields
  /// What the certificate has to meet for `solved`: a sparse plan its marginals and relative gap,
  /// an entropic plan its marginals.
  public var tolerance: Double
  /// Entropic plans: the relative gap asked for in addition; 0 for none.
  public var gapTolerance = 0.0
  /// Entropic plans: the relative distance asked for between the bounds of the unregularised
  /// cost; 0 for none.
  public var boundTolerance = 0.0
  /// Entropic plans: target potentials for a better lower bound of that cost.
  public var boundG: Buffer<Double>?
  /// Entropic plans: whether the plan returned is the feasible rounding.
  public var rounds = false
  /// Entropic plans: smallest mass of the entries listed.
  public var planThreshold = 0.0

  public init(
    plan: Plan, f: Buffer<Double>, g: Buffer<Double>, figures: ResultFields = ResultFields(),
    tolerance: Double
  ) {
    self.plan = plan
    self.f = f
    self.g = g
    self.figures = figures
    self.tolerance = tolerance
  }
}

/// A method for transport problems: proposes a plan and potentials. `TransportCheck` certifies.
public protocol TransportMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal
}

extension TransportMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? TransportProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind transport")
      }
      if spec.usesWarmStart && !run.start.isEmpty {
        // Wrong starts are refused also where the data are so few that none is needed.
        _ = try run.start.vector("potential_source", count: problem.n)
        _ = try run.start.vector("potential_target", count: problem.m)
      }
      let proposal = try propose(problem, run)
      return try TransportResult.make(spec, problem, proposal, run)
    }
  }
}
