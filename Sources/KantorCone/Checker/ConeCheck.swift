import KantorBlocks
import KantorCore
import KantorNumerics

/// What the checker found out about x, s and z, on the caller's data.
package struct ConeCertificate: Sendable {
  package var objective = Double.nan
  package var dualObjective = Double.nan
  /// Largest entries of Ax + s - b and of Px + A'z + q.
  package var primalResidual = Double.nan
  package var dualResidual = Double.nan
  /// The same over max(unit, largest entry of the terms that are added up); see `DataUnits`.
  package var relativePrimalResidual = Double.nan
  package var relativeDualResidual = Double.nan
  /// Distances of s from K and of z from its dual, and those over max(unit, largest entry).
  package var primalViolation = Double.nan
  package var dualViolation = Double.nan
  package var relativePrimalViolation = Double.nan
  package var relativeDualViolation = Double.nan

  /// Unit of the objective.
  package var unit = 1.0
  package var gap: Double { abs(objective - dualObjective) }
  package var relativeGap: Double {
    gap / max(unit, min(abs(objective), abs(dualObjective)))
  }

  /// The largest of all that has to be small.
  package var worst: Double {
    let all = [
      relativePrimalResidual, relativeDualResidual, relativePrimalViolation,
      relativeDualViolation, relativeGap,
    ]
    return all.contains { $0.isNaN } ? .nan : all.reduce(0, max)
  }
}

extension Status {
  /// The one rule by which points of cone programs get their status: the certificate first, then
  /// the reason why the method was interrupted, then how far the certificate falls short.
  package static func judge(
    _ certificate: ConeCertificate, tolerance: Double, stop: Status?
  ) -> Status {
    // The slack is for the rounding of two different summations, not for the method.
    let worst = certificate.worst
    if worst <= tolerance * (1 + 1e-6) { return .solved }
    if worst.isNaN { return stop ?? .numericalError }
    if let stop { return stop }
    return worst <= max(1e3 * tolerance, ConeCheck.inaccurate) ? .solvedInaccurate : .stalled
  }
}

/// Certifies points of cone programs, in compensated arithmetic and on the data as given.
package struct ConeCheck {
  /// What `solved_inaccurate` promises at the least.
  package static let inaccurate = 1e-5

  let problem: ConeProblem
  private let units: DataUnits

  package init(_ problem: ConeProblem) {
    self.problem = problem
    units = problem.units
  }

  func certify(_ proposal: ConeProposal) throws(KantorError) -> ConeCertificate {
    try certify(x: proposal.x.pointer, s: proposal.s.pointer, z: proposal.z.pointer)
  }

  package func certify(
    x: UnsafePointer<Double>, s: UnsafePointer<Double>, z: UnsafePointer<Double>
  ) throws(KantorError) -> ConeCertificate {
    var certificate = ConeCertificate()
    certificate.unit = units.value
    try primal(&certificate, x, s)
    try dual(&certificate, x, z)
    certificate.primalViolation = try distance(s, ConeDistance.primal)
    certificate.dualViolation = try distance(z, ConeDistance.dual)
    certificate.relativePrimalViolation =
      certificate.primalViolation / max(units.primal, Self.largest(s, problem.m))
    certificate.relativeDualViolation =
      certificate.dualViolation / max(units.dual, Self.largest(z, problem.m))
    return certificate
  }

  private func primal(
    _ certificate: inout ConeCertificate, _ x: UnsafePointer<Double>, _ s: UnsafePointer<Double>
  ) throws(KantorError) {
    let b = problem.b.pointer
    let rows = try ExactSums(count: problem.m)
    rows.addProduct(problem.a, x)
    let scale = max(rows.largest, Self.largest(s, problem.m), Self.largest(b, problem.m))
    rows.add(s)
    rows.add(b, sign: -1)
    certificate.primalResidual = rows.largest
    certificate.relativePrimalResidual = rows.largest / max(units.primal, scale)
  }

  private func dual(
    _ certificate: inout ConeCertificate, _ x: UnsafePointer<Double>, _ z: UnsafePointer<Double>
  ) throws(KantorError) {
    let (n, q) = (problem.n, problem.q.pointer)
    let px = try ExactSums(count: n)
    px.addSymmetricProduct(problem.p, x)
    let az = try ExactSums(count: n)
    az.addTransposedProduct(problem.a, z)
    let scale = max(px.largest, az.largest, Self.largest(q, n))
    // x'Px from the rounded products: their errors are relative to the terms.
    var quadratic = CompensatedSum()
    for j in 0..<n { quadratic.add(px[j] * x[j]) }
    certificate.objective = 0.5 * quadratic.value + exactDot(q, x, n)
    certificate.dualObjective = -0.5 * quadratic.value - exactDot(problem.b.pointer, z, problem.m)
    certificate.dualObjective += support(z)
    az.addSymmetricProduct(problem.p, x)
    az.add(q)
    certificate.dualResidual = az.largest
    certificate.relativeDualResidual = az.largest / max(units.dual, scale)
  }

  /// Sum over the rows of boxes of min(lower z, upper z); a side at infinity counts as 0, and is a
  /// violation of the dual cone.
  func support(_ z: UnsafePointer<Double>) -> Double {
    guard let lower = problem.lower?.pointer, let upper = problem.upper?.pointer else { return 0 }
    var sum = CompensatedSum()
    for i in 0..<problem.m where z[i] != 0 {
      let side = z[i] > 0 ? lower[i] : upper[i]
      guard side.isFinite else { continue }
      let p = side * z[i]
      sum.add(p)
      sum.add((-p).addingProduct(side, z[i]))
    }
    return sum.value
  }

  typealias Measure = (
    Cone, UnsafePointer<Double>, UnsafePointer<Double>?, UnsafePointer<Double>?
  ) throws(KantorError) -> Double

  /// The largest distance over all cones.
  func distance(
    _ v: UnsafePointer<Double>, _ measure: Measure
  ) throws(KantorError) -> Double {
    var top = 0.0
    for (k, cone) in problem.cones.enumerated() {
      let t = try distance(k, cone, v, measure)
      if t.isNaN { return .nan }
      top = max(top, t)
    }
    return top
  }

  func distance(
    _ k: Int, _ cone: Cone, _ v: UnsafePointer<Double>, _ measure: Measure
  ) throws(KantorError) -> Double {
    let row = problem.rowStarts[k]
    return try measure(
      cone, v + row, problem.lower.map { UnsafePointer($0.pointer + row) },
      problem.upper.map { UnsafePointer($0.pointer + row) })
  }

  static func largest(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    var top = 0.0
    for i in 0..<count {
      let x = abs(v[i])
      if x.isNaN { return .nan }
      if x > top { top = x }
    }
    return top
  }
}
