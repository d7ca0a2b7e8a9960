import KantorCore
import KantorNumerics

/// Certifies a pair (x, y) on the caller's functions, by solves and fits that share nothing with
/// the methods: feasibility, the lower level's value-function gap and multipliers, the conditions
/// of first order of the single-level problem, and probes of nearby x.
///
/// The certificate is local in x. The gap is measured against the best of several solves; of a
/// lower level that is not convex it is a lower bound of the true one.
public final class BilevelCheck {
  let problem: BilevelProblem
  let oracle: BilevelOracle
  private let solve: CheckSolve
  let w: Buffer<Double>
  let upperGradient: Buffer<Double>
  let lowerGradient: Buffer<Double>
  let upperRows: Buffer<Double>
  let lowerRows: Buffer<Double>
  let upperJacobian: Buffer<Double>
  let lowerJacobian: Buffer<Double>
  var certificate = BilevelCertificate()
  private(set) var tolerance = 1e-9
  /// Derivatives in x of the lower Lagrangian at other lower answers with the same f.
  var ties: [Buffer<Double>] = []

  /// Rows and bounds nearer than this, relative, count as active.
  static let active = 1e-6

  public struct Effort: Sendable {
    /// Random starts of the lower solve, and directions of probes; -1 chooses.
    public var starts = -1
    public var probes = -1
    public var seed: UInt64 = 0
    /// What the entries are compared with: how far the adjoint is solved.
    public var tolerance = 1e-9
    /// Only what takes no lower-level solve: for solves that ended early.
    public var isBrief = false
    public init() {}
  }

  public init(_ problem: BilevelProblem) throws(KantorError) {
    self.problem = problem
    let (n, upper, lower) = (problem.n, problem.upper.rows, problem.lower.rows)
    oracle = try BilevelOracle(problem, monitor: Monitor())
    solve = try CheckSolve(oracle)
    w = try Buffer(count: n)
    upperGradient = try Buffer(count: n)
    lowerGradient = try Buffer(count: n)
    upperRows = try Buffer(count: upper)
    lowerRows = try Buffer(count: lower)
    upperJacobian = try Buffer(count: try checkedProduct(upper, n, of: "Jacobian"))
    lowerJacobian = try Buffer(count: try checkedProduct(lower, n, of: "Jacobian"))
  }

  public func certify(
    x: Buffer<Double>, y: Buffer<Double>, others: [Buffer<Double>] = [], effort: Effort = Effort()
  ) throws(KantorError) -> BilevelCertificate {
    certificate = BilevelCertificate()
    ties = []
    tolerance = effort.tolerance
    let (nx, ny) = (problem.nx, problem.ny)
    for i in 0..<nx { w.pointer[i] = x.pointer[i] }
    for j in 0..<ny { w.pointer[nx + j] = y.pointer[j] }
    certificate.objective = finite(
      try oracle.valueAndGradient(.upper, w.pointer, upperGradient.pointer))
    certificate.lowerObjective = finite(
      try oracle.valueAndGradient(.lower, w.pointer, lowerGradient.pointer))
    guard certificate.objective.isFinite, certificate.lowerObjective.isFinite,
      try oracle.constraints(.upper, w.pointer, upperRows.pointer),
      try oracle.constraints(.lower, w.pointer, lowerRows.pointer),
      try oracle.jacobian(.upper, w.pointer, upperJacobian.pointer),
      try oracle.jacobian(.lower, w.pointer, lowerJacobian.pointer)
    else { return certificate }
    measureFeasibility()
    try fitMultipliers()
    try measureStationarity()
    try measureGap(y, others, effort)
    if !ties.isEmpty, certificate.selection == .unique {
      try measureStationarity()
      certificate.selection = .unknown
    }
    if !effort.isBrief { try probe(effort) }
    return certificate
  }

  private func finite(_ value: Double) -> Double { value.isFinite ? value : .nan }

  // MARK: Feasibility

  private func measureFeasibility() {
    let (nx, ny) = (problem.nx, problem.ny)
    var (lower, upper) = (0.0, 0.0)
    for i in 0..<problem.lower.rows {
      let row = lowerRows.pointer[i]
      lower = max(lower, i < problem.lower.inequalities ? row : abs(row))
    }
    for i in 0..<problem.upper.rows {
      let row = upperRows.pointer[i]
      upper = max(upper, i < problem.upper.inequalities ? row : abs(row))
    }
    for j in 0..<ny {
      let y = w.pointer[nx + j]
      lower = max(lower, problem.yLower.pointer[j] - y, y - problem.yUpper.pointer[j])
    }
    for i in 0..<nx {
      let x = w.pointer[i]
      upper = max(upper, problem.xLower.pointer[i] - x, x - problem.xUpper.pointer[i])
    }
    switch problem.xSet {
    case .box: break
    case .ball(let radius):
      var square = 0.0
      for i in 0..<nx { square += w.pointer[i] * w.pointer[i] }
      upper = max(upper, square.squareRoot() - radius)
    case .simplex(let total):
      var sum = 0.0
      for i in 0..<nx {
        sum += w.pointer[i]
        upper = max(upper, -w.pointer[i])
      }
      upper = max(upper, abs(sum - total))
    }
    var size = 1.0
    for i in 0..<problem.n { size = max(size, abs(w.pointer[i])) }
    certificate.lowerFeasibility = lower
    certificate.upperFeasibility = upper
    certificate.relativeLowerFeasibility = lower / size
    certificate.relativeUpperFeasibility = upper / size
  }

  /// Lower rows and bounds of y that hold with equality.
  var activeLowerRows: [Int] {
    (0..<problem.lower.rows).filter {
      $0 >= problem.lower.inequalities || lowerRows.pointer[$0] > -10 * Self.active
    }
  }

  /// -1 at a lower bound, 1 at an upper one, 2 where they are the same, 0 between.
  func boundState(_ j: Int) -> Int {
    let (low, high) = (problem.yLower.pointer[j], problem.yUpper.pointer[j])
    return Self.state(w.pointer[problem.nx + j], low, high)
  }

  static func state(_ value: Double, _ low: Double, _ high: Double) -> Int {
    let atLow = low.isFinite && value - low <= active * (1 + abs(low))
    let atHigh = high.isFinite && high - value <= active * (1 + abs(high))
    if atLow && atHigh { return low == high ? 2 : value - low < high - value ? -1 : 1 }
    return atLow ? -1 : atHigh ? 1 : 0
  }

  // MARK: Lower multipliers

  private func fitMultipliers() throws(KantorError) {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    let multipliers = try Buffer<Double>(count: problem.lower.rows)
    let bounds = try Buffer<Double>(count: ny)
    let rows = activeLowerRows
    // A bound's multiplier takes up its entry of the gradient where the sign allows; with rows the
    // entry is fitted with the others, by a column of its own.
    let held = (0..<ny).filter { boundState($0) != 0 }
    if !rows.isEmpty {
      let fit = try SignedLeastSquares(rows: ny, columns: rows.count + held.count)
      for j in 0..<ny { fit.b.pointer[j] = -lowerGradient.pointer[nx + j] }
      var isSigned: [Bool] = []
      for (k, r) in rows.enumerated() {
        for j in 0..<ny { fit.column(k)[j] = lowerJacobian.pointer[r * n + nx + j] }
        isSigned.append(r < problem.lower.inequalities)
      }
      for (k, j) in held.enumerated() {
        let state = boundState(j)
        fit.column(rows.count + k)[j] = state == -1 ? -1 : 1
        isSigned.append(state != 2)
      }
      fit.solve(isSigned: isSigned)
      for (k, r) in rows.enumerated() { multipliers.pointer[r] = fit.u.pointer[k] }
      for (k, j) in held.enumerated() {
        bounds.pointer[j] = fit.u.pointer[rows.count + k] * (boundState(j) == -1 ? -1 : 1)
      }
    } else {
      for j in held {
        let g = lowerGradient.pointer[nx + j]
        let state = boundState(j)
        bounds.pointer[j] = state == -1 ? min(0, -g) : state == 1 ? max(0, -g) : -g
      }
    }
    measureMultipliers(multipliers, bounds)
  }

  private func measureMultipliers(_ multipliers: Buffer<Double>, _ bounds: Buffer<Double>) {
    let (nx, n) = (problem.nx, problem.n)
    var (worst, slack, size) = (0.0, 0.0, 1.0)
    for j in 0..<problem.ny {
      var sum = lowerGradient.pointer[nx + j] + bounds.pointer[j]
      size = max(size, abs(lowerGradient.pointer[nx + j]))
      for i in 0..<problem.lower.rows where multipliers.pointer[i] != 0 {
        let term = multipliers.pointer[i] * lowerJacobian.pointer[i * n + nx + j]
        sum += term
        size = max(size, abs(term))
      }
      worst = max(worst, abs(sum))
      let bound =
        bounds.pointer[j] < 0 ? problem.yLower.pointer[j] : problem.yUpper.pointer[j]
      if bounds.pointer[j] != 0, bound.isFinite {
        slack = max(slack, abs(bounds.pointer[j] * (w.pointer[nx + j] - bound)))
      }
    }
    for i in 0..<problem.lower.inequalities {
      slack = max(slack, abs(multipliers.pointer[i] * lowerRows.pointer[i]))
    }
    certificate.multipliers = multipliers
    certificate.boundMultipliers = bounds
    certificate.lowerStationarity = worst
    certificate.relativeStationarity = worst / size
    certificate.lowerComplementarity = slack
  }

  // MARK: Gap

  private func measureGap(
    _ y: Buffer<Double>, _ others: [Buffer<Double>], _ effort: Effort
  ) throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    let value = certificate.lowerObjective
    var best = value
    func consider(_ start: UnsafePointer<Double>) throws(KantorError) {
      let found = try solve.least(x: w.pointer, from: start, effort: effort.isBrief ? 50 : 300)
      try compare(found)
      guard found < best - 1e-14 * (1 + abs(best)) else { return }
      best = found
      certificate.betterLower = try Buffer(copying: solve.w.pointer + nx, count: ny)
    }
    try consider(y.pointer)
    if !effort.isBrief {
      for other in others where other.count == ny { try consider(other.pointer) }
      var starts = effort.starts
      if starts < 0 {
        let bends = certificate.lowerIsNotConvex
        starts = bends ? 8 : ny <= 10 ? (try looksConvex(y.pointer, effort.seed) ? 0 : 8) : 0
      }
      let start = try Buffer<Double>(count: ny)
      for k in 0..<starts {
        scatter(y.pointer, start.pointer, RandomStream(seed: effort.seed, stream: UInt64(k + 1)))
        try consider(start.pointer)
      }
    }
    let gap = max(0, value - best)
    certificate.lowerGap = gap
    certificate.relativeGap = gap / (1 + abs(value))
    if certificate.relativeGap <= 1e-12 { certificate.betterLower = nil }
  }

  /// Whether the lower Hessian is positive semidefinite at eight random points too.
  private func looksConvex(
    _ y: UnsafePointer<Double>, _ seed: UInt64
  ) throws(KantorError) -> Bool {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    guard ny > 0 else { return true }
    let point = try w.copy()
    let matrix = try Buffer<Double>(count: ny * ny)
    let spectrum = try SymmetricSpectrum(order: ny)
    for k in 0..<8 {
      scatter(y, point.pointer + nx, RandomStream(seed: seed, stream: UInt64(k + 1) << 20))
      guard let columns = try lowerHessian(at: point.pointer) else { return false }
      var size = 1e-300
      for i in 0..<ny {
        for j in 0..<ny {
          matrix.pointer[i * ny + j] =
            0.5 * (columns.pointer[i * n + nx + j] + columns.pointer[j * n + nx + i])
          size = max(size, abs(matrix.pointer[i * ny + j]))
        }
      }
      guard spectrum.decompose(matrix.pointer), spectrum.values.pointer[0] >= -1e-6 * size else {
        return false
      }
    }
    return true
  }

  /// Keeps an answer as good as the point's and far from it.
  private func compare(_ found: Double) throws(KantorError) {
    let value = certificate.lowerObjective
    guard abs(found - value) <= 1e-6 * (1 + abs(value)), ties.count < 4 else { return }
    var (distance, size) = (0.0, 1.0)
    for j in problem.nx..<problem.n {
      distance = max(distance, abs(solve.w.pointer[j] - w.pointer[j]))
      size = max(size, abs(w.pointer[j]))
    }
    guard distance > 1e-2 * size else { return }
    let gradient = try Buffer<Double>(count: problem.n)
    guard
      try oracle.lagrangianGradient(
        .lower, solve.w.pointer, sigma: 1, solve.multipliers.pointer, gradient.pointer)
    else { return }
    ties.append(gradient)
  }

  /// A random point: within the bounds of y, or around y where there are none.
  private func scatter(
    _ y: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ stream: RandomStream
  ) {
    var stream = stream
    for j in 0..<problem.ny {
      let (low, high) = (problem.yLower.pointer[j], problem.yUpper.pointer[j])
      let reach = 3 * (1 + abs(y[j]))
      let from = low.isFinite ? low : (high.isFinite ? min(high, y[j]) : y[j]) - reach
      let to = high.isFinite ? high : (low.isFinite ? max(low, y[j]) : y[j]) + reach
      out[j] = from + (to - from) * stream.uniform()
    }
  }

  // MARK: Probes

  /// Looks for a lower F at x moved by 5 % of its size, up and down each axis or along random
  /// directions, with a lower-level solve from y.
  private func probe(_ effort: Effort) throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    let count = effort.probes >= 0 ? effort.probes : nx <= 3 && ny <= 5 ? 2 * nx : 0
    guard count > 0, certificate.relativeGap <= 1e-4 else { return }
    let x = try Buffer<Double>(count: nx)
    let y = try Buffer(copying: UnsafePointer(w.pointer + nx), count: ny)
    let joined = try Buffer<Double>(count: problem.n)
    var stream = RandomStream(seed: effort.seed, stream: 1 << 40)
    var size = 1.0
    for i in 0..<nx { size = max(size, 1 + abs(w.pointer[i])) }
    for k in 0..<count {
      for i in 0..<nx {
        let along = effort.probes < 0 || count <= 2 * nx
        let d = along ? (k / 2 == i ? (k % 2 == 0 ? 1.0 : -1.0) : 0) : 2 * stream.uniform() - 1
        x.pointer[i] = w.pointer[i] + 0.05 * size * d
      }
      problem.projectX(x.pointer)
      let least = try solve.least(x: x.pointer, from: y.pointer)
      guard least.isFinite else { continue }
      for i in 0..<problem.n { joined.pointer[i] = solve.w.pointer[i] }
      guard try keepsUpperRows(joined) else { continue }
      let value = try oracle.value(.upper, joined.pointer)
      let fall = certificate.objective - value
      guard fall > 1e-5 * (1 + abs(certificate.objective)), fall > certificate.improvement else {
        continue
      }
      guard try isLowerAnswer(x, joined) else { continue }
      certificate.improvement = fall
      certificate.relativeImprovement = fall / (1 + abs(certificate.objective))
      certificate.betterPair = (
        try x.copy(), try Buffer(copying: UnsafePointer(joined.pointer + nx), count: ny)
      )
    }
  }

  /// Whether the upper rows hold at a joined vector.
  private func keepsUpperRows(_ joined: Buffer<Double>) throws(KantorError) -> Bool {
    guard problem.upper.rows > 0 else { return true }
    let rows = try Buffer<Double>(count: problem.upper.rows)
    guard try oracle.constraints(.upper, joined.pointer, rows.pointer) else { return false }
    return (0..<rows.count).allSatisfy {
      ($0 < problem.upper.inequalities ? rows.pointer[$0] : abs(rows.pointer[$0])) <= 1e-9
    }
  }

  /// Whether random starts find nothing lower than f at (x, y) of the joined vector.
  private func isLowerAnswer(
    _ x: Buffer<Double>, _ joined: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let value = try oracle.value(.lower, joined.pointer)
    let start = try Buffer<Double>(count: problem.ny)
    for k in 0..<8 {
      scatter(
        joined.pointer + problem.nx, start.pointer, RandomStream(seed: 17, stream: UInt64(k)))
      let found = try solve.least(x: x.pointer, from: start.pointer)
      if found < value - 1e-6 * (1 + abs(value)) { return false }
    }
    return true
  }
}
