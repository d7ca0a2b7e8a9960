import KantorBlocks
import KantorCore

/// What the checker found out about x, on the host's functions.
struct InclusionCertificate {
  var residual = Double.nan
  var relativeResidual = Double.nan
  /// nil where no closed form is at hand.
  var tangentResidual: Double?
  var gap: Double?
  var violation: Double?
  /// Parts of the residual of each player, and of the gap of each part of the term.
  var playerResiduals: [Double] = []
  var blockGaps: [Double?] = []
  /// Distance from the start below which there is no solution, if F is monotone; and the element of
  /// (F + dg)(p) at a point p that says so.
  var solutionDistance: Double?
  var displacement: Buffer<Double>?
  /// Whether x was said to be a local minimax point, and what is known of it.
  var claimsMinimax = false
  var curvatures: MinimaxCheck.Curvatures?
  /// F(x).
  var image: Buffer<Double>?
  var complaint: String?
}

extension InclusionCertificate {
  /// Small residuals are no inaccurate solutions where the next solution is far away.
  var excludesNearby: Bool { (solutionDistance ?? 0) >= 1e6 }
}

extension Status {
  /// The one rule by which inclusions get their status: the certificate first, then the reason why
  /// the method was interrupted, then how far the certificate falls short.
  static func judge(
    _ certificate: InclusionCertificate, tolerance: Double, stop: Status?
  ) -> Status {
    let worst = certificate.relativeResidual
    // The slack is for the rounding of two different summations, not for the method.
    let isRightKind =
      !certificate.claimsMinimax
      || certificate.curvatures?.hold(InclusionCheck.curvatureTolerance) == true
    if worst <= tolerance * (1 + 1e-6), isRightKind { return .solved }
    if let stop { return stop }
    if worst.isNaN { return certificate.complaint == nil ? .numericalError : .callbackError }
    guard isRightKind, !certificate.excludesNearby else { return .stalled }
    return worst <= max(1e3 * tolerance, InclusionCheck.inaccurate) ? .solvedInaccurate : .stalled
  }
}

/// Certifies points with calls of its own of the host's functions, which count for no limit.
struct InclusionCheck {
  /// What `solved_inaccurate` promises at the least.
  static let inaccurate = 1e-5
  /// Curvatures of the wrong sign that count as 0, relative to the Hessian.
  static let curvatureTolerance = 1e-6

  let problem: InclusionProblem

  func certify(
    _ x: Buffer<Double>, claimsMinimax: Bool = false, farPoint: Buffer<Double>? = nil
  ) throws(KantorError) -> InclusionCertificate {
    let n = problem.n
    var certificate = InclusionCertificate()
    let host = try HostOperator(problem)
    let f = try Buffer<Double>(count: n)
    defer { withExtendedLifetime(f) {} }
    guard try host.value(at: x, into: f) else {
      certificate.complaint = host.complaint
      return certificate
    }
    certificate.image = f
    let projection = try SetProjection(term: problem.term)
    let moved = try Buffer<Double>(count: n)
    defer { withExtendedLifetime(moved) {} }
    for i in 0..<n { moved.pointer[i] = x.pointer[i] - f.pointer[i] }
    guard case .fine = try projection.apply(moved.pointer, host: host.evaluator) else {
      certificate.complaint = host.complaint
      return certificate
    }
    certificate.residual = distance(x.pointer, moved.pointer, n)
    if case .game(let sizes) = problem.form {
      var start = 0
      for size in sizes {
        certificate.playerResiduals.append(
          distance(x.pointer + start, moved.pointer + start, size))
        start += size
      }
    }
    if claimsMinimax, case .saddle(let split) = problem.form {
      certificate.claimsMinimax = true
      certificate.curvatures = try MinimaxCheck(problem: problem, split: split).curvatures(at: x)
    }
    let first = try Buffer<Double>(count: n)
    defer { withExtendedLifetime(first) {} }
    let size = try host.value(at: problem.start, into: first) ? norm(first.pointer, n) : 0
    certificate.relativeResidual = certificate.residual / (1 + size)
    addClosedForms(&certificate, x, f, projection)
    if let farPoint { try addDistance(&certificate, farPoint, host, projection) }
    return certificate
  }

  /// With p = prox(u - F(u)) and w = F(p) + u - F(u) - p in (F + dg)(p), monotonicity says that
  /// <w, x> <= <w, p> for each solution x.
  private func addDistance(
    _ certificate: inout InclusionCertificate, _ u: Buffer<Double>, _ host: HostOperator,
    _ projection: SetProjection
  ) throws(KantorError) {
    let n = problem.n
    let (p, w, f) = (
      try Buffer<Double>(count: n), try Buffer<Double>(count: n), try Buffer<Double>(count: n)
    )
    guard try host.value(at: u, into: f) else { return }
    for i in 0..<n { p.pointer[i] = u.pointer[i] - f.pointer[i] }
    guard case .fine = try projection.apply(p.pointer, host: host.evaluator) else { return }
    for i in 0..<n { w.pointer[i] = u.pointer[i] - f.pointer[i] - p.pointer[i] }
    guard try host.value(at: p, into: f) else { return }
    var inner = 0.0
    for i in 0..<n {
      w.pointer[i] += f.pointer[i]
      inner += w.pointer[i] * (problem.start.pointer[i] - p.pointer[i])
    }
    let distance = inner / norm(w.pointer, n)
    guard distance.isFinite else { return }
    certificate.solutionDistance = distance
    certificate.displacement = w
  }

  /// f + phi at x; NaN where it is not defined.
  func value(_ x: Buffer<Double>) throws(KantorError) -> Double {
    let evaluator = try Evaluator(
      problem.hostFunctions, variables: problem.n, monitor: Monitor())
    let phi = try evaluator.value(at: x.pointer).1
    guard let primal = problem.primal, case .saddle(let split) = problem.form else { return phi }
    return phi
      + (try Evaluator(primal, variables: split, monitor: Monitor()).value(at: x.pointer).1)
  }

  private func distance(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ count: Int
  ) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += (a[i] - b[i]) * (a[i] - b[i]) }
    return sum.squareRoot()
  }

  private func norm(_ a: UnsafePointer<Double>, _ count: Int) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += a[i] * a[i] }
    return sum.squareRoot()
  }

  // MARK: What sets tell

  private func addClosedForms(
    _ certificate: inout InclusionCertificate, _ x: Buffer<Double>, _ f: Buffer<Double>,
    _ projection: SetProjection
  ) {
    var (tangent, gap, violation): (Double?, Double?, Double?) = (0, 0, 0)
    for (block, map) in zip(problem.term.blocks, projection.maps) {
      let set = SetForms(
        term: problem.term, block: block, map: map, x: x.pointer + block.start,
        f: f.pointer + block.start)
      tangent = sum(tangent, set.tangentSquare())
      let own = set.gap()
      certificate.blockGaps.append(own)
      gap = sum(gap, own)
      violation = sum(violation, set.violationSquare())
    }
    certificate.tangentResidual = tangent?.squareRoot()
    certificate.gap = gap
    certificate.violation = violation?.squareRoot()
  }

  private func sum(_ a: Double?, _ b: Double?) -> Double? {
    guard let a, let b else { return nil }
    return a + b
  }
}
