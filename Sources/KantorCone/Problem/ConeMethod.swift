import KantorCore

/// What a method for cone programs proposes. `ConeCheck` decides what it is worth.
public struct ConeProposal: Sendable {
  public enum Claim: Sendable {
    /// x, s and z are near a solution and its dual.
    case point
    /// z is a ray of the dual: z in K*, A'z = 0, b'z < 0 (for boxes, with their support function).
    case infeasible
    /// x is a ray along which the objective falls for ever: Px = 0, -Ax in K's recession cone,
    /// q'x < 0.
    case unbounded
  }

  public var claim: Claim
  public var x: Buffer<Double>
  public var s: Buffer<Double>
  public var z: Buffer<Double>
  /// Method-specific figures, shown as they are.
  public var figures: ResultFields
  /// Relative and absolute tolerance that the certificate has to meet for `solved`.
  public var tolerance: Double
  /// What a solve that starts from the result may use again.
  public var reusable: (any Sendable)?

  public init(
    claim: Claim, x: Buffer<Double>, s: Buffer<Double>, z: Buffer<Double>,
    figures: ResultFields = ResultFields(), tolerance: Double
  ) {
    self.claim = claim
    self.x = x
    self.s = s
    self.z = z
    self.figures = figures
    self.tolerance = tolerance
  }
}

/// A method for cone programs: proposes x, s and z.
public protocol ConeMethod: Sendable {
  static var spec: MethodSpec { get }
  /// Whether it has the option of `ConePresolve`.
  static var usesPresolve: Bool { get }
  /// What a start has to meet to be the answer as it is.
  static func startTolerance(_ run: Run) -> Double
  /// The figures of a solve in which the method had nothing to do.
  static func idleFigures(_ run: Run) -> ResultFields
  static func propose(_ problem: ConeProblem, _ run: Run) throws(KantorError) -> ConeProposal
}

extension ConeMethod {
  public static var usesPresolve: Bool { false }
  public static func startTolerance(_ run: Run) -> Double { run.options.real("tolerance") }
  public static func idleFigures(_ run: Run) -> ResultFields { ResultFields() }
}
