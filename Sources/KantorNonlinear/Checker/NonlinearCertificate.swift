import KantorCore

/// What the checker found out about x, y and z, on the caller's functions.
package struct NonlinearCertificate: Sendable {
  package var objective = Double.nan
  /// Largest entry of f' + c''y - zLower + zUpper.
  package var stationarity = Double.nan
  /// Largest violation of a bound or row, and where: 0..<n bounds, n + i row i.
  package var violation = Double.nan
  package var worstPlace = -1
  /// Largest product of a multiplier and the slack of its bound.
  package var complementarity = Double.nan
  /// Largest multiplier of the wrong sign.
  package var wrongSign = Double.nan
  /// The unit of stationarity and signs: max(1, |f'|, min(|y|, 100)); complementarity, which adds
  /// up to a gap of the objective, is measured in max(1, |f|, min(unit, 100)).
  package var unit = 1.0
  /// Violations over max(1, |bound|, largest entry of the row's gradient).
  package var scaledViolation = Double.nan
  /// Least eigenvalue of the Hessian of the Lagrangian on the active constraints; NaN if not asked
  /// for.
  package var curvature = Double.nan
  /// What the functions said when they could not be evaluated.
  package var complaint: String?

  package var scaledStationarity: Double { stationarity / unit }
  package var scaledComplementarity: Double {
    complementarity / max(abs(objective), min(unit, 100))
  }
  package var scaledWrongSign: Double { wrongSign / unit }

  /// The largest of all that has to be small.
  package var worst: Double {
    let all = [scaledStationarity, scaledViolation, scaledComplementarity, scaledWrongSign]
    return all.contains { $0.isNaN } ? .nan : all.reduce(0, max)
  }
}

extension Status {
  /// The one rule by which points of nonlinear programs get their status: the certificate first,
  /// then the reason why the method was interrupted, then how far the certificate falls short.
  package static func judge(
    _ certificate: NonlinearCertificate, tolerance: Double, stop: Status?, failedAtStart: Bool
  ) -> Status {
    let worst = certificate.worst
    // The slack is for the rounding of two different summations, not for the method.
    let slack = 1 + 1e-6
    if worst <= tolerance * slack,
      certificate.violation <= max(tolerance, NonlinearCheck.mostViolation) * slack
        || certificate.scaledViolation == 0
    {
      return .solved
    }
    if let stop { return stop }
    if failedAtStart { return .callbackError }
    if worst.isNaN { return certificate.complaint != nil ? .callbackError : .numericalError }
    return worst <= max(1e3 * tolerance, NonlinearCheck.inaccurate) ? .solvedInaccurate : .stalled
  }
}
