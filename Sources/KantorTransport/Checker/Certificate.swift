import KantorCore

/// What the checker found out about a proposal, all in f64 on the caller's data.
package struct TransportCertificate: Sendable {
  /// Value of the problem that the method solves at the proposal (for entropic methods with the
  /// entropy), the unregularised cost of the plan, and the value of a feasible dual point.
  package var objective = Double.nan
  package var transportCost = Double.nan
  package var dualObjective = Double.nan
  /// L1 distances of the plan's marginals from the weights, relative to the mass.
  package var rowResidual = Double.nan
  package var columnResidual = Double.nan
  /// Upper minus lower bound of the optimal value of the problem that the method solves.
  package var gap = Double.nan
  /// Bounds of the unregularised optimal cost.
  package var lowerBound = -Double.infinity
  package var upperBound = Double.infinity
  /// What a gap is compared with.
  package var scale = Double.nan

  package var marginalResidual: Double { rowResidual + columnResidual }
  package var relativeGap: Double { gap == 0 ? 0 : gap / scale }
  /// Distance of the bounds of the unregularised optimal cost.
  package var relativeBoundGap: Double {
    let distance = upperBound - lowerBound
    return distance <= 0 ? 0 : distance / scale
  }
}

extension Status {
  /// The one rule by which transport results get their status: the certificate first, then the
  /// reason why the method was interrupted, then how far the certificate falls short.
  package static func judge(
    residual: Double, tolerance: Double, gap: Double = 0, gapTolerance: Double = .infinity,
    stop: Status?
  ) -> Status {
    // The slack is for the rounding of two different summations, not for the method.
    let slack = 1 + 1e-6
    if residual <= tolerance * slack, gap <= gapTolerance * slack { return .solved }
    if residual.isNaN || gap.isNaN { return .numericalError }
    if let stop { return stop }
    let inaccuracy = 1e3
    if residual <= tolerance * inaccuracy, gap <= gapTolerance * inaccuracy {
      return .solvedInaccurate
    }
    return .stalled
  }
}
