import KantorBlocks
import KantorCore
import KantorNumerics

/// Certifies points of nonlinear programs by evaluations of its own. What the host has just
/// answered about that very point is looked up where it is handed over; nothing else is.
/// Derivatives that the host does not offer are central differences here.
package final class NonlinearCheck {
  /// What `solved_inaccurate` promises at the least.
  package static let inaccurate = 1e-5
  /// What violations may be, in the caller's units over max(1, |bound|), for `solved`.
  package static let mostViolation = 1e-6

  let problem: NonlinearProblem
  let oracle: NonlinearOracle
  /// c(x), f'(x), the gradient of the Lagrangian without bounds, and sizes of the rows of c'(x).
  package let c: Buffer<Double>
  let gradient: Buffer<Double>
  let reduced: Buffer<Double>
  let rowSize: Buffer<Double>

  /// - Parameters:
  ///   - limit: calls of value and value_gradient together.
  ///   - known: the host's last answers.
  package init(
    _ problem: NonlinearProblem, limit: Int = .max, known: KnownAnswers? = nil
  ) throws(KantorError) {
    self.problem = problem
    oracle = try NonlinearOracle(
      problem, monitor: Monitor(), limit: limit, scheme: .central, known: known)
    c = try Buffer(count: problem.m)
    gradient = try Buffer(count: problem.n)
    reduced = try Buffer(count: problem.n)
    rowSize = try Buffer(count: problem.m)
  }

  /// Bound multipliers that are nil are made from the gradient of the Lagrangian.
  package func certify(
    _ proposal: NonlinearProposal
  ) throws(KantorError) -> (
    certificate: NonlinearCertificate, zLower: Buffer<Double>, zUpper: Buffer<Double>
  ) {
    let (n, m) = (problem.n, problem.m)
    let (x, y) = (proposal.x.pointer, proposal.y.pointer)
    var certificate = NonlinearCertificate()
    let zLower = try orMake(proposal.zLower) { () throws(KantorError) in try Buffer(count: n) }
    let zUpper = try orMake(proposal.zUpper) { () throws(KantorError) in try Buffer(count: n) }
    guard try evaluate(x, &certificate) else {
      certificate.complaint = oracle.evaluator.complaint
      return (certificate, zLower, zUpper)
    }
    try lagrangian(x, y)
    if proposal.zLower == nil || proposal.zUpper == nil { split(zLower, zUpper) }
    var unit = 1.0
    for j in 0..<n { unit = max(unit, abs(gradient.pointer[j])) }
    var multiplier = 0.0
    for i in 0..<m { multiplier = max(multiplier, abs(y[i])) }
    certificate.unit = max(unit, min(multiplier, 100))
    stationarity(&certificate, zLower.pointer, zUpper.pointer)
    violations(&certificate, x)
    complementarity(&certificate, x, y, zLower.pointer, zUpper.pointer)
    if proposal.secondOrder {
      certificate.curvature = try curvature(x, y, zLower.pointer, zUpper.pointer)
    }
    return (certificate, zLower, zUpper)
  }

  /// f, f', c and c' at x; false when something is not there.
  func evaluate(
    _ x: UnsafePointer<Double>, _ certificate: inout NonlinearCertificate
  ) throws(KantorError) -> Bool {
    let (first, f) = try oracle.valueAndGradient(at: x, into: gradient.pointer)
    guard case .fine = first else { return false }
    certificate.objective = f
    guard case .fine = try oracle.constraints(at: x, into: c.pointer) else { return false }
    guard usesProducts else {
      guard case .fine = try oracle.jacobian(at: x, constraints: c.pointer) else { return false }
      oracle.jacobianMatrix.rowSizes(into: rowSize.pointer)
      return true
    }
    return true
  }

  /// Where the host offers products only, no Jacobian is formed.
  private var usesProducts: Bool {
    problem.functions.jacobian == nil && problem.functions.jacobianTransposeProduct != nil
  }

  func lagrangian(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) throws(KantorError) {
    let r = reduced.pointer
    for j in 0..<problem.n { r[j] = gradient.pointer[j] }
    guard problem.m > 0 else { return }
    if usesProducts {
      let part = try Buffer<Double>(count: problem.n)
      guard case .fine = try oracle.jacobianTransposeProduct(at: x, times: y, into: part.pointer)
      else {
        for j in 0..<problem.n { r[j] = .nan }
        return
      }
      for j in 0..<problem.n { r[j] += part.pointer[j] }
    } else {
      oracle.jacobianMatrix.multiplyTransposed(y, into: r)
    }
  }

  private func split(_ zLower: Buffer<Double>, _ zUpper: Buffer<Double>) {
    for j in 0..<problem.n {
      let r = reduced.pointer[j]
      zLower.pointer[j] = problem.lower.pointer[j].isFinite ? max(r, 0) : 0
      zUpper.pointer[j] = problem.upper.pointer[j].isFinite ? max(-r, 0) : 0
    }
  }

  private func stationarity(
    _ certificate: inout NonlinearCertificate, _ zLower: UnsafePointer<Double>,
    _ zUpper: UnsafePointer<Double>
  ) {
    var top = 0.0
    for j in 0..<problem.n {
      let r = abs(reduced.pointer[j] - zLower[j] + zUpper[j])
      if !(r <= top) { top = r }
    }
    certificate.stationarity = top
  }

  /// How far `value` lies outside [low, high].
  static func outside(_ value: Double, _ low: Double, _ high: Double) -> Double {
    max(low - value, value - high, 0)
  }

  func violations(
    _ certificate: inout NonlinearCertificate, _ x: UnsafePointer<Double>
  ) {
    var (top, scaled, place) = (0.0, 0.0, -1)
    func look(_ v: Double, _ low: Double, _ high: Double, _ size: Double, _ at: Int) {
      let d = Self.outside(v, low, high)
      guard d > 0 || d.isNaN else { return }
      let bound = abs(v < low ? low : high)
      let relative = d / max(1, bound)
      if !(relative <= top) { (top, place) = (relative, at) }
      let s = d / max(1, bound, size)
      if !(s <= scaled) { scaled = s }
    }
    for j in 0..<problem.n {
      look(x[j], problem.lower.pointer[j], problem.upper.pointer[j], 1, j)
    }
    for i in 0..<problem.m {
      look(
        c.pointer[i], problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i],
        rowSize.pointer[i], problem.n + i)
    }
    certificate.violation = top
    certificate.scaledViolation = scaled
    certificate.worstPlace = place
  }

  private func complementarity(
    _ certificate: inout NonlinearCertificate, _ x: UnsafePointer<Double>,
    _ y: UnsafePointer<Double>, _ zLower: UnsafePointer<Double>, _ zUpper: UnsafePointer<Double>
  ) {
    var (top, wrong) = (0.0, 0.0)
    /// A multiplier of a bound with some slack; without a bound it has no business.
    func look(_ z: Double, _ slack: Double) {
      if z.isNaN || slack.isNaN { top = .nan }
      if z < 0 { wrong = max(wrong, -z) }
      guard z > 0 else { return }
      if slack == .infinity {
        wrong = max(wrong, z)
      } else {
        top = max(top, z * max(slack, 0))
      }
    }
    for j in 0..<problem.n {
      look(zLower[j], x[j] - problem.lower.pointer[j])
      look(zUpper[j], problem.upper.pointer[j] - x[j])
    }
    for i in 0..<problem.m where !problem.isEquality(i) {
      look(max(y[i], 0), problem.constraintUpper.pointer[i] - c.pointer[i])
      look(max(-y[i], 0), c.pointer[i] - problem.constraintLower.pointer[i])
      if y[i].isNaN { top = .nan }
    }
    certificate.complementarity = top
    certificate.wrongSign = wrong
  }
}
