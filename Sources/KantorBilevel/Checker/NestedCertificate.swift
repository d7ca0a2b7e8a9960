import KantorCore

/// What a point x of a nested problem is worth, by lower solves of the checker's own.
struct NestedCertificate {
  /// F(x, z) for the answer z of a fresh lower solve.
  var objective = Double.nan
  /// How that solve ended; nil where it gave no answer.
  var lowerStatus: Status?
  /// Distance of F from what the method saw: not 0 where the lower problem has several answers.
  var difference = Double.nan
  /// How far x is from X.
  var feasibility = Double.nan
  /// Largest violation of the upper rows.
  var violation = 0.0
  /// Largest entry of x - P(x - Phi'), or with rows of what multipliers leave of Phi'.
  var hypergradient = Double.nan
  /// The upper rows and their multipliers.
  var rows: Buffer<Double>?
  var multipliers: Buffer<Double>?
  /// Largest distance of a difference quotient of F, or of an upper row, from its derivative; NaN
  /// where none was taken.
  var derivativeCheck = Double.nan
  /// The upper row that it is the distance of; nil where it is that of F.
  var worstRow: Int?
  /// How far F falls at a point that a difference was taken with.
  var improvement = 0.0
  /// |F|, the entries of its gradient, and 1: what entries are relative to.
  var size = 1.0
  /// What was seen, for the result's fields.
  var sight: NestedSight?

  /// The entry that decides, beside the lower status and the differences; NaN counts as infinite.
  var worst: Double {
    let entries = [
      difference / size, feasibility, violation, hypergradient / size, improvement / size,
    ]
    return entries.reduce(0) { max($0, $1.isNaN ? .infinity : $1) }
  }

  /// Differences show about half of the digits.
  static func differenceTolerance(_ tolerance: Double) -> Double { tolerance.squareRoot() }
}

extension Status {
  static func judge(
    _ certificate: NestedCertificate, tolerance: Double, stop: Status?
  ) -> Status {
    // The slack is for the rounding of two different summations, not for the method.
    let isExact = certificate.worst <= tolerance * (1 + 1e-6)
    let check = certificate.derivativeCheck / certificate.size
    let isConfirmed = check <= NestedCertificate.differenceTolerance(tolerance)
    if isExact, isConfirmed, certificate.lowerStatus == .solved { return .solved }
    if let stop { return stop }
    guard certificate.lowerStatus != nil, !certificate.objective.isNaN else {
      return .numericalError
    }
    // A point that is known not to be a minimum, or a derivative that is none, is no answer.
    if certificate.improvement > tolerance * certificate.size { return .stalled }
    if !check.isNaN, !isConfirmed { return .stalled }
    return certificate.worst <= max(1e3 * tolerance, 1e-6) ? .solvedInaccurate : .stalled
  }
}
