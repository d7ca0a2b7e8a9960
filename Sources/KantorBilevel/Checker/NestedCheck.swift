import KantorCore
import KantorNumerics

/// Looks at a point of a nested problem anew: the lower problem is solved without a start and
/// judged by the checker of its own kind, F is evaluated for that answer, and the derivative is
/// compared with differences of F, each by lower solves of their own.
final class NestedCheck {
  private let problem: NestedProblem
  private let oracle: NestedOracle
  private let tolerance: Double
  private let lowerTolerance: Double
  private let directions: Int
  private let seed: UInt64
  /// Derivatives of the upper rows over x at the point, by rows.
  private var slopes: Buffer<Double>?

  /// Calls are not limited by the run's budgets; its time and its cancel reach in.
  init(_ problem: NestedProblem, _ run: Run, directions: Int) throws(KantorError) {
    self.problem = problem
    self.directions = directions
    tolerance = run.options.real("tolerance")
    lowerTolerance = run.options.real("lower_tolerance")
    seed = run.seed
    oracle = try NestedOracle(
      problem,
      monitor: Monitor(
        timeLimit: run.monitor.timeLimit - run.monitor.seconds, cancel: run.monitor.cancel),
      presets: run.lowerPresets)
  }

  func certify(_ x: Buffer<Double>, seen: Double?) throws(KantorError) -> NestedCertificate {
    var certificate = NestedCertificate()
    let gradient = try Buffer<Double>(count: problem.nx)
    let room = try x.copy()
    problem.leader.project(room.pointer)
    certificate.feasibility = 0
    for i in 0..<problem.nx {
      let apart = abs(room.pointer[i] - x.pointer[i]) / max(1, abs(x.pointer[i]))
      certificate.feasibility = max(certificate.feasibility, apart)
    }
    let outcome = try oracle.differentiate(
      x.pointer, tolerance: lowerTolerance, start: nil, into: gradient.pointer)
    guard case .fine = outcome, let sight = try NestedSight(oracle, gradient: gradient.pointer)
    else { return certificate }
    certificate.sight = sight
    certificate.lowerStatus = sight.lower.status
    certificate.objective = sight.value
    certificate.difference = abs(sight.value - (seen ?? sight.value))
    certificate.size = max(1, abs(sight.value))
    for i in 0..<problem.n {
      certificate.size = max(certificate.size, abs(oracle.joined.pointer[i]))
    }
    if problem.rows > 0 {
      guard try measureRows(x, gradient, &certificate) else { return certificate }
    } else {
      certificate.hypergradient = problem.leader.residual(
        x.pointer, gradient.pointer, room: room.pointer)
    }
    try compare(sight, &certificate)
    return certificate
  }

  /// Violation and stationarity with upper rows; false where they are not defined.
  private func measureRows(
    _ x: Buffer<Double>, _ gradient: Buffer<Double>, _ certificate: inout NestedCertificate
  ) throws(KantorError) -> Bool {
    certificate.violation = .nan
    let values = try Buffer<Double>(count: problem.rows)
    let slopes = try Buffer<Double>(
      count: try checkedProduct(problem.rows, problem.nx, of: "upper Jacobian"))
    guard try oracle.rows(into: values.pointer),
      try oracle.rowDerivatives(x.pointer, into: slopes.pointer)
    else { return false }
    let stationarity = try NestedStationarity(
      problem, x: x, gradient: gradient, values: values, slopes: slopes)
    certificate.violation = violation(values)
    certificate.hypergradient = stationarity.residual
    certificate.multipliers = stationarity.multipliers
    certificate.rows = values
    self.slopes = slopes
    return true
  }

  private func violation(_ values: Buffer<Double>) -> Double {
    var worst = 0.0
    for r in 0..<problem.rows {
      let value = values.pointer[r]
      worst = max(worst, r < problem.inequalities ? value : abs(value))
    }
    return worst
  }

  // MARK: Differences

  private func compare(
    _ sight: NestedSight, _ certificate: inout NestedCertificate
  ) throws(KantorError) {
    let enough = 0.1 * NestedCertificate.differenceTolerance(tolerance) * certificate.size
    let direction = try Buffer<Double>(count: problem.nx)
    for k in 0..<directions where problem.nx > 0 {
      var stream = RandomStream(seed: seed, stream: 0x6e65_7374 &+ UInt64(k))
      direct(direction, &stream)
      // Steps of different sizes, as curvature or errors of the lower answers may want them.
      var least: (apart: Double, row: Int?) = (.nan, nil)
      for step in [1e-4, 1e-3, 1e-5, 1e-6] {
        guard let seen = try difference(sight, direction, step, &certificate) else { continue }
        if !(seen.apart >= least.apart) { least = seen }
        if least.apart <= enough { break }
      }
      if oracle.monitor.stop != nil { return }
      let before = certificate.derivativeCheck
      // A direction along which F could not be evaluated confirms nothing.
      let apart = least.apart.isNaN ? .infinity : least.apart
      guard !(apart <= before) else { continue }
      (certificate.derivativeCheck, certificate.worstRow) = (apart, least.row)
    }
    if problem.nx == 0 { certificate.derivativeCheck = 0 }
  }

  /// |(F(p) - F(q)) - Phi'.(p - q)| / |p - q| for the points p, q of X beside x, or the same of an
  /// upper row where that is larger, and which; nil where one of them is not defined.
  private func difference(
    _ sight: NestedSight, _ direction: Buffer<Double>, _ step: Double,
    _ certificate: inout NestedCertificate
  ) throws(KantorError) -> (apart: Double, row: Int?)? {
    let nx = problem.nx
    var size = 1.0
    for i in 0..<nx { size = max(size, abs(sight.x.pointer[i])) }
    let (ahead, behind) = (try sight.x.copy(), try sight.x.copy())
    for i in 0..<nx {
      ahead.pointer[i] += step * size * direction.pointer[i]
      behind.pointer[i] -= step * size * direction.pointer[i]
    }
    var values = [0.0, 0.0]
    let rows = try Buffer<Double>(count: problem.rows)
    let change = try Buffer<Double>(count: problem.rows)
    for (side, point) in [ahead, behind].enumerated() {
      problem.leader.project(point.pointer)
      let outcome = try oracle.evaluate(
        point.pointer, tolerance: lowerTolerance, start: sight.lower)
      guard case .fine = outcome else { return nil }
      values[side] = oracle.value
      guard try oracle.rows(into: rows.pointer) else { return nil }
      for r in 0..<problem.rows { change.pointer[r] += (side == 0 ? 1 : -1) * rows.pointer[r] }
      // Points beyond the rows are no better ones.
      if violation(rows) <= certificate.violation {
        certificate.improvement = max(certificate.improvement, sight.value - oracle.value)
      }
    }
    var (along, square) = (0.0, 0.0)
    for i in 0..<nx {
      let d = ahead.pointer[i] - behind.pointer[i]
      along += sight.gradient.pointer[i] * d
      square += d * d
      if let slopes {
        for r in 0..<problem.rows { change.pointer[r] -= slopes.pointer[r * nx + i] * d }
      }
    }
    guard square > 0 else { return (0, nil) }
    var (apart, row): (Double, Int?) = (abs(values[0] - values[1] - along), nil)
    for r in 0..<problem.rows where abs(change.pointer[r]) > apart {
      (apart, row) = (abs(change.pointer[r]), r)
    }
    return (apart / square.squareRoot(), row)
  }

  /// A random direction of unit length.
  private func direct(_ u: Buffer<Double>, _ stream: inout RandomStream) {
    var square = 0.0
    for i in 0..<u.count {
      u.pointer[i] = 2 * stream.uniform() - 1
      square += u.pointer[i] * u.pointer[i]
    }
    let length = max(square.squareRoot(), 1e-300)
    for i in 0..<u.count { u.pointer[i] /= length }
  }
}
