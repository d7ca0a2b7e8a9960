import KantorBlocks
import KantorCore

/// What a method for nonlinear programs proposes. `NonlinearCheck` decides what it is worth.
public struct NonlinearProposal: Sendable {
  public enum Claim: Sendable {
    /// x is near a solution, y and z near its multipliers.
    case point
    /// The violation cannot be reduced near x; y are weights of the rows that show it.
    case infeasible
    /// x is feasible and its objective as good as minus infinity.
    case unbounded
  }

  public var claim: Claim
  public var x: Buffer<Double>
  /// Multipliers of the rows; zeros stand for none.
  public var y: Buffer<Double>
  /// Multipliers of bounds; nil: the checker takes the parts of f' + c''y that fit their signs.
  public var zLower: Buffer<Double>?
  public var zUpper: Buffer<Double>?
  /// What is proposed instead when a claim does not hold.
  public var fallback: NonlinearPoint?
  /// Method-specific figures, shown as they are.
  public var figures: ResultFields
  /// What the scaled residuals may be for `solved`.
  public var tolerance: Double
  /// Calls of the host's functions.
  public var counts: NonlinearCounts
  /// The host's answers about x, where they were the last.
  let known: KnownAnswers?
  /// What the evaluator complained about last.
  public var complaint: String?
  /// The method saw residuals within the tolerance.
  public var isDone = false
  /// The functions could not be evaluated at the start.
  public var failedAtStart = false
  /// A word or sentence on how the method ended, for the message; empty for none.
  public var remark = ""
  /// Whether the curvature on the active constraints is wanted.
  public var secondOrder = false
  public var reusable: (any Sendable)?

  public init(
    claim: Claim = .point, x: Buffer<Double>, y: Buffer<Double>, zLower: Buffer<Double>? = nil,
    zUpper: Buffer<Double>? = nil, figures: ResultFields = ResultFields(), tolerance: Double,
    oracle: NonlinearOracle
  ) {
    self.claim = claim
    self.x = x
    self.y = y
    self.zLower = zLower
    self.zUpper = zUpper
    self.figures = figures
    self.tolerance = tolerance
    counts = NonlinearCounts(oracle.evaluator)
    known = try? oracle.evaluator.handOver(at: x)
    complaint = oracle.evaluator.complaint
  }
}

/// A point with its multipliers.
public struct NonlinearPoint: Sendable {
  public var x: Buffer<Double>
  public var y: Buffer<Double>
  public var zLower: Buffer<Double>?
  public var zUpper: Buffer<Double>?

  public init(
    x: Buffer<Double>, y: Buffer<Double>, zLower: Buffer<Double>? = nil,
    zUpper: Buffer<Double>? = nil
  ) {
    self.x = x
    self.y = y
    self.zLower = zLower
    self.zUpper = zUpper
  }
}

extension NonlinearProposal {
  /// A mere point, the fallback if there is one.
  func withoutClaim() -> NonlinearProposal {
    var other = self
    other.claim = .point
    guard let fallback else { return other }
    other.x = fallback.x
    other.y = fallback.y
    other.zLower = fallback.zLower
    other.zUpper = fallback.zUpper
    return other
  }
}

/// Calls of the host's functions in one solve.
public struct NonlinearCounts: Sendable {
  public var values = 0
  public var gradients = 0
  public var constraints = 0
  public var jacobians = 0
  public var jacobianProducts = 0
  public var hessians = 0
  public var hessianProducts = 0
  public var seconds = 0.0
  /// Those that `max_evaluations` limits.
  public var limited = 0

  public init(_ evaluator: Evaluator) {
    let joint = evaluator.count(.valueGradient)
    values = evaluator.count(.value) + joint + evaluator.count(.valueComplex)
    gradients = evaluator.count(.gradient) + joint
    constraints = evaluator.count(.map) + evaluator.count(.mapComplex)
    jacobians = evaluator.count(.jacobian)
    jacobianProducts =
      evaluator.count(.jacobianProduct) + evaluator.count(.jacobianTransposeProduct)
    hessians = evaluator.count(.hessian)
    hessianProducts = evaluator.count(.hessianProduct)
    seconds = evaluator.hostSeconds
    limited = evaluator.count(.value) + joint
  }

  static func += (a: inout NonlinearCounts, b: NonlinearCounts) {
    a.values += b.values
    a.gradients += b.gradients
    a.constraints += b.constraints
    a.jacobians += b.jacobians
    a.jacobianProducts += b.jacobianProducts
    a.hessians += b.hessians
    a.hessianProducts += b.hessianProducts
    a.seconds += b.seconds
    a.limited += b.limited
  }
}

/// A method for nonlinear programs: proposes x, y and z.
public protocol NonlinearMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal
}

/// Options that methods for nonlinear programs share.
public enum NonlinearOptions {
  public static let tolerance = OptionSpec(
    "tolerance", .real(1e-8, min: 1e-13, max: 1),
    "Largest scaled residual of the optimality conditions of a solved result.")
  public static let evaluations = OptionSpec(
    "max_evaluations", .int(.max, min: 1, max: .max),
    "Most calls of value and value_gradient together, those of the checker included; exact.")
  public static let secondOrder = OptionSpec(
    "second_order", .flag(false),
    "Compute the least curvature on the active constraints (dense, n up to 1000).")
  public static func iterations(_ count: Int64) -> OptionSpec {
    OptionSpec(
      "max_iterations", .int(count, min: 1, max: .max),
      "Iterations after which the solve stops.")
  }
}
