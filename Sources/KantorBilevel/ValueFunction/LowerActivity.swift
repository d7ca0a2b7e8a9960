import KantorCore

/// A guess of what is active in the lower level at a point near a solution: rows with their
/// multipliers, and variables of y held at a bound, from the nonnegative least-squares fit of the
/// lower Lagrangian's gradient.
struct LowerActivity {
  var rows: [Int] = []
  var multipliers: [Double] = []
  /// Sign -1 at the lower bound, 1 at the upper one.
  var held: [(place: Int, sign: Double)] = []

  func hasSameSets(as other: LowerActivity) -> Bool {
    rows == other.rows && held.map(\.place) == other.held.map(\.place)
      && held.map(\.sign) == other.held.map(\.sign)
  }

  /// Rows above -`near` take part in the fit, and bounds nearer than that.
  static func guess(
    _ oracle: BilevelOracle, w: UnsafePointer<Double>, near: Double
  ) throws(KantorError) -> LowerActivity? {
    let problem = oracle.problem
    let (nx, ny, n, level) = (problem.nx, problem.ny, problem.n, problem.lower)
    let gradient = try Buffer<Double>(count: n)
    let values = try Buffer<Double>(count: level.rows)
    let jacobian = try Buffer<Double>(count: try checkedProduct(level.rows, n, of: "Jacobian"))
    guard try oracle.gradient(.lower, w, gradient.pointer),
      try oracle.constraints(.lower, w, values.pointer),
      try oracle.jacobian(.lower, w, jacobian.pointer)
    else { return nil }
    var side = [Double](repeating: 0, count: ny)
    for j in 0..<ny {
      let y = w[nx + j]
      if y - problem.yLower.pointer[j] <= near * (1 + abs(y)) { side[j] = -1 }
      if problem.yUpper.pointer[j] - y <= near * (1 + abs(y)) { side[j] = 1 }
    }
    let candidates = (0..<level.rows).filter {
      $0 >= level.inequalities || values.pointer[$0] > -near
    }
    var fit = Fit(
      residual: (0..<ny).map { gradient.pointer[nx + $0] }, side: side,
      rows: candidates.map { r in (0..<ny).map { jacobian.pointer[r * n + nx + $0] } },
      isFree: candidates.map { $0 >= level.inequalities })
    fit.solve()
    var guess = LowerActivity()
    for (k, row) in candidates.enumerated() {
      let isEquality = row >= level.inequalities
      if isEquality || fit.multipliers[k] > max(1e-8, -values.pointer[row]) {
        guess.rows.append(row)
        guess.multipliers.append(fit.multipliers[k])
      }
    }
    for j in 0..<ny where side[j] != 0 {
      let y = w[nx + j]
      let bound = (side[j] < 0 ? problem.yLower : problem.yUpper).pointer[j]
      // The gradient that the bound has to balance, against the distance to it.
      if -side[j] * fit.residual[j] > max(1e-8, abs(y - bound)) {
        guess.held.append((j, side[j]))
      }
    }
    return guess
  }

  /// min |r + sum m_k a_k|^2 over m, where entries held at a bound count with one sign only.
  private struct Fit {
    var residual: [Double]
    let side: [Double]
    let rows: [[Double]]
    let isFree: [Bool]
    var multipliers: [Double] = []

    init(residual: [Double], side: [Double], rows: [[Double]], isFree: [Bool]) {
      self.residual = residual
      self.side = side
      self.rows = rows
      self.isFree = isFree
      multipliers = [Double](repeating: 0, count: rows.count)
    }

    /// What of an entry the bound at hand does not balance.
    private func open(_ j: Int) -> Double {
      if side[j] < 0 { return min(residual[j], 0) }
      if side[j] > 0 { return max(residual[j], 0) }
      return residual[j]
    }

    /// Rounds of exact steps in one multiplier after the other.
    mutating func solve() {
      for _ in 0..<2000 {
        var moved = 0.0
        for k in 0..<rows.count {
          let row = rows[k]
          var (slope, curvature) = (0.0, 0.0)
          for j in 0..<residual.count {
            slope += row[j] * open(j)
            curvature += row[j] * row[j]
          }
          guard curvature > 0 else { continue }
          var next = multipliers[k] - slope / curvature
          if !isFree[k] { next = max(next, 0) }
          let change = next - multipliers[k]
          guard change != 0 else { continue }
          multipliers[k] = next
          for j in 0..<residual.count { residual[j] += change * row[j] }
          moved = max(moved, abs(change) / (1 + abs(next)))
        }
        if moved < 1e-13 { return }
      }
    }
  }
}
