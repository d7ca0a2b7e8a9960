import KantorCore

/// What a pair (x, y) is worth, computed on the caller's functions.
public struct BilevelCertificate: Sendable {
  /// F(x, y) and f(x, y).
  public var objective = Double.nan
  public var lowerObjective = Double.nan
  /// f(x, y) less the smallest value that solves of the checker's own found for this x; 0 where
  /// they found none below.
  public var lowerGap = Double.nan
  /// Largest entry of the gradient in y of the lower Lagrangian, multipliers fitted.
  public var lowerStationarity = Double.nan
  /// Largest violation of lower rows and bounds, and of upper ones.
  public var lowerFeasibility = Double.nan
  public var upperFeasibility = Double.nan
  /// Largest |multiplier x slack| of the lower rows and bounds.
  public var lowerComplementarity = Double.nan
  /// Largest entry of the gradient of F along the solution y(x), projected on X: the residual of
  /// the conditions of first order of the single-level problem, multipliers fitted.
  public var hypergradient = Double.nan
  /// How far F falls, by lower-level solves of the checker's own, at some x near the point; 0 where
  /// nothing lower was found.
  public var improvement = 0.0

  /// The same over the size of what they are differences of.
  public var relativeGap = Double.nan
  public var relativeStationarity = Double.nan
  public var relativeLowerFeasibility = Double.nan
  public var relativeUpperFeasibility = Double.nan
  public var relativeHypergradient = Double.nan
  public var relativeImprovement = 0.0

  /// What is known about the choice among lower-level solutions.
  public var selection = BilevelSelection.unknown
  /// True when the lower Hessian, on the free directions, has a negative eigenvalue.
  public var lowerIsNotConvex = false
  /// A y' with a lower f for this x, where there is one.
  public var betterLower: Buffer<Double>?
  /// A pair with a lower F, where a probe found one.
  public var betterPair: (x: Buffer<Double>, y: Buffer<Double>)?
  /// Multipliers of the lower rows, and of the lower and upper bounds of y.
  public var multipliers: Buffer<Double>?
  public var boundMultipliers: Buffer<Double>?
  /// The adjoint vector of the lower variables, with which `hypergradient` was computed.
  public var adjoint: Buffer<Double>?

  public init() {}

  /// How far y is from an answer of the lower level: its stationarity and complementarity, or,
  /// where multipliers do not exist, the root of the gap, which grows with the square of the
  /// distance.
  public var relativeLowerResidual: Double {
    let fit = max(relativeStationarity, lowerComplementarity / (1 + abs(lowerObjective)))
    let root = relativeGap.squareRoot()
    return fit.isNaN ? root : min(fit, root)
  }

  /// The entry that decides; NaN counts as infinite.
  public var worst: Double {
    var worst = 0.0
    for entry in [
      relativeGap, relativeLowerResidual, relativeLowerFeasibility, relativeUpperFeasibility,
      relativeHypergradient, relativeImprovement,
    ] {
      worst = max(worst, entry.isNaN ? .infinity : entry)
    }
    return worst
  }
}

extension Status {
  static func judge(
    _ certificate: BilevelCertificate, tolerance: Double, stop: Status?
  ) -> Status {
    // The slack is for the rounding of two different summations, not for the method.
    let worst = certificate.worst
    if worst <= tolerance * (1 + 1e-6) { return .solved }
    if let stop { return stop }
    if certificate.objective.isNaN || certificate.lowerObjective.isNaN { return .numericalError }
    // A point that is known not to be a minimum is none to some accuracy.
    if certificate.relativeImprovement > tolerance { return .stalled }
    return worst <= max(1e3 * tolerance, 1e-6) ? .solvedInaccurate : .stalled
  }
}
