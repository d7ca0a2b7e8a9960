import KantorBlocks
import KantorCore
import KantorNumerics

/// What the checker found out about x, on the caller's functions.
package struct CompositeCertificate: Sendable {
  /// f(x), and f(x) + g(x); the second is NaN where g is known by its map only.
  package var smooth = Double.nan
  package var objective = Double.nan
  /// Largest entry of x - P(x - f'(x)).
  package var residual = Double.nan
  /// The same over max(1, largest |f'(x)|).
  package var scaledResidual = Double.nan
  /// How far x lies outside the domain of g.
  package var violation = 0.0
  /// g(x) + g*(-f'(x)) + x'f'(x): f + g is within it of its minimum where f is convex. Infinite
  /// where -f'(x) lies outside the domain of g*.
  package var gap = Double.nan
  package var complaint: String?
}

extension Status {
  /// The one rule by which points of composite problems get their status.
  package static func judge(
    _ certificate: CompositeCertificate, tolerance: Double, stop: Status?
  ) -> Status {
    let worst = max(certificate.scaledResidual, certificate.violation)
    if certificate.smooth <= CompositeCheck.bottomless { return .unbounded }
    if worst <= tolerance * (1 + 1e-6) { return .solved }
    if let stop { return stop }
    if certificate.scaledResidual.isNaN || certificate.violation.isNaN { return .callbackError }
    return worst <= max(1e3 * tolerance, CompositeCheck.inaccurate) ? .solvedInaccurate : .stalled
  }
}

/// Certifies points of composite problems: calls the caller's functions again.
package struct CompositeCheck {
  package static let inaccurate = 1e-5
  package static let bottomless = -1e20

  private let problem: CompositeProblem

  package init(_ problem: CompositeProblem) { self.problem = problem }

  package func certify(_ x: Buffer<Double>) throws(KantorError) -> CompositeCertificate {
    var certificate = CompositeCertificate()
    let n = problem.n
    let evaluator = try Evaluator(problem.functions, variables: n, monitor: Monitor())
    let gradient = try Buffer<Double>(count: n)
    let moved = try Buffer<Double>(count: n)
    let (outcome, f) = try evaluator.valueAndGradient(at: x.pointer, into: gradient.pointer)
    guard case .fine = outcome else {
      certificate.complaint = evaluator.complaint
      return certificate
    }
    certificate.smooth = f
    var size = 1.0
    for j in 0..<n {
      size = max(size, abs(gradient.pointer[j]))
      moved.pointer[j] = x.pointer[j] - gradient.pointer[j]
    }
    if let choice = problem.term {
      let map = try choice.make()
      let g = map.value(x.pointer)
      certificate.objective = f + g.value
      certificate.violation = g.violation
      guard map.apply(moved.pointer, step: 1, into: moved.pointer) else { return certificate }
      var product = CompensatedSum()
      let dual = try Buffer<Double>(count: n)
      for j in 0..<n {
        product.add(x.pointer[j] * gradient.pointer[j])
        dual.pointer[j] = -gradient.pointer[j]
      }
      let conjugate = map.conjugate(dual.pointer)
      certificate.gap =
        conjugate.violation > 0 ? .infinity : g.value + conjugate.value + product.value
    } else {
      let answer = try evaluator.prox(at: moved.pointer, step: 1, into: moved.pointer)
      certificate.objective = f
      guard case .fine = answer else {
        certificate.complaint = evaluator.complaint
        return certificate
      }
      certificate.gap = .infinity
    }
    var top = 0.0
    for j in 0..<n {
      let d = abs(x.pointer[j] - moved.pointer[j])
      if !(d <= top) { top = d }
    }
    certificate.residual = top
    certificate.scaledResidual = top / size
    return certificate
  }
}
