import KantorCore

/// What a bilevel method proposes. `BilevelCheck` decides what it is worth.
public struct BilevelProposal: Sendable {
  public enum Claim: Sendable {
    /// (x, y) is near a solution.
    case point
    /// No y was found that is feasible for this x.
    case lowerInfeasible
    /// f falls without end for this x.
    case lowerUnbounded
  }

  public var claim: Claim
  public var x: Buffer<Double>
  public var y: Buffer<Double>
  /// Further points y' for which f(x, y') may be lower: other lower-level answers that the method
  /// came by.
  public var others: [Buffer<Double>] = []
  /// Method-specific figures, shown as they are.
  public var figures = ResultFields()
  /// What the method has to say, shown at the end of the message; empty for nothing.
  public var remark = ""
  /// What the method knows about the choice of y among several lower-level solutions.
  public var selection = BilevelSelection.unknown
  /// Calls of the host's functions.
  public var counts = BilevelCounts()
  /// Set where a check of the point was made already, such as by a method that compares candidates.
  public var certificate: BilevelCertificate?

  public init(claim: Claim = .point, x: Buffer<Double>, y: Buffer<Double>) {
    self.claim = claim
    self.x = x
    self.y = y
  }
}

/// How y was chosen where several solve the lower level.
public enum BilevelSelection: String, Sendable {
  /// There is only one, near the point at least.
  case unique
  /// The one best for F.
  case optimistic
  /// The one that the iteration from the start came to.
  case nearest = "nearest_to_start"
  case unknown
}

/// A method for bilevel problems: proposes x and y.
public protocol BilevelMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal
}

/// Options that every bilevel method has, beside the common ones.
public enum BilevelOptions {
  static let polish = OptionSpec(
    "polish", .flag(true),
    "Whether the adaptive variant solves on the active set where the certificate fails.")
  static let batchSize = OptionSpec(
    "batch_size", .int(64, min: 0, max: 1 << 40),
    "Components of a batch where a level is a finite sum; 0 takes whole functions.")

  public static func specs(iterations: Int64 = 1000) -> [OptionSpec] {
    [
      OptionSpec(
        "tolerance", .real(1e-6, min: 1e-12, max: 1),
        "Largest relative value of the certificate's entries of a solved result."),
      OptionSpec(
        "max_iterations", .int(iterations, min: 1, max: .max),
        "Outer iterations after which the solve stops."),
      OptionSpec(
        "max_evaluations", .int(.max, min: 1, max: .max),
        "Calls of the problem's functions after which the solve stops; the certificate's are not "
          + "counted."),
      OptionSpec(
        "gap_starts", .int(-1, min: -1, max: 1_000_000),
        "Further random starts of the certificate's own lower-level solve; -1 takes 8 where the "
          + "lower Hessian has a negative eigenvalue, at the point or, for up to 10 variables, at "
          + "one of eight others; else none.", advanced: true),
      OptionSpec(
        "probes", .int(-1, min: -1, max: 1_000_000),
        "Directions in x along which the certificate looks for a lower F by lower-level solves of "
          + "its own; -1 takes both ends of each axis for up to 3 variables x and 5 y, else none.",
        advanced: true),
    ]
  }
}
