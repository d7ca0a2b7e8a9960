import KantorCore

/// Conditions of first order of a nested problem with upper rows: the least
/// |Phi' + sum of mu_r G_r' + sum of nu_s n_s| over multipliers mu of the rows that hold with
/// equality and nu of the sides of X that x lies on, with the signs of inequalities.
struct NestedStationarity {
  /// Largest entry of what is left.
  let residual: Double
  /// Multipliers of all rows.
  let multipliers: Buffer<Double>

  /// Rows and bounds count as active up to this violation or slack.
  private static let active = 1e-6

  /// `slopes` are the rows' derivatives over x, by rows.
  init(
    _ problem: NestedProblem, x: Buffer<Double>, gradient: Buffer<Double>,
    values: Buffer<Double>, slopes: Buffer<Double>
  ) throws(KantorError) {
    let (nx, leader) = (problem.nx, problem.leader)
    var columns: [(fill: (UnsafeMutablePointer<Double>) -> Void, isSigned: Bool)] = []
    let rows = (0..<problem.rows).filter {
      $0 >= problem.inequalities || values.pointer[$0] > -Self.active
    }
    for r in rows {
      let slope = slopes.pointer + r * nx
      columns.append(({ $0.update(from: slope, count: nx) }, r < problem.inequalities))
    }
    let (low, high) = try leader.bounds()
    for i in 0..<nx {
      let room = Self.active * (1 + abs(x.pointer[i]))
      if x.pointer[i] - low.pointer[i] <= room { columns.append(({ $0[i] = -1 }, true)) }
      if high.pointer[i] - x.pointer[i] <= room { columns.append(({ $0[i] = 1 }, true)) }
    }
    if leader.hasRow, leader.isEquation || leader.row(x.pointer) > -Self.active {
      columns.append(({ _ = leader.row(x.pointer, slope: $0) }, !leader.isEquation))
    }
    let fit = try SignedLeastSquares(rows: nx, columns: columns.count)
    for (k, column) in columns.enumerated() { column.fill(fit.column(k)) }
    for i in 0..<nx { fit.b.pointer[i] = -gradient.pointer[i] }
    fit.solve(isSigned: columns.map(\.isSigned))
    var worst = 0.0
    for i in 0..<nx { worst = max(worst, abs(fit.residual.pointer[i])) }
    residual = worst
    multipliers = try Buffer(count: problem.rows)
    for (k, r) in rows.enumerated() { multipliers.pointer[r] = fit.u.pointer[k] }
  }
}
