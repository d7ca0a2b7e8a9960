import KantorCore
import KantorNumerics

/// The conditions of first order of the single-level problem: with multipliers v of the lower
/// stationarity, u of active lower rows and bounds, and those of the upper level,
///
///     F_y - L_yy v - J_A,y' u + G_y' mu = 0,   F_x - L_xy v - J_A,x' u + G_x' mu + bounds = 0,
///     J_A v = 0 for rows with a multiplier.
///
/// Where the lower answer is unique and regular, the second line is the hypergradient; this form
/// also holds for linear lower levels, and fails where y could move within the lower solutions.
/// Where another y' has the same f, the leader may be held by f(x, y) <= f(x, y'), whose derivative
/// joins with a multiplier of its own.
extension BilevelCheck {
  func measureStationarity() throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    guard nx + ny > 0 else { return }
    let fits = problem.lower.rows == 0 && problem.upper.rows == 0 && ny > 60
    if fits {
      try iterativeStationarity()
    } else {
      guard ny <= 1000, nx <= 4000 else { return }
      try denseStationarity()
    }
  }

  private var upperSize: Double {
    var size = max(1, abs(certificate.objective))
    for i in 0..<problem.n { size = max(size, abs(upperGradient.pointer[i])) }
    return size
  }

  /// Lower multipliers above this are taken for positive.
  private func least() -> Double {
    var size = 1.0
    if let multipliers = certificate.multipliers {
      for i in 0..<multipliers.count { size = max(size, abs(multipliers.pointer[i])) }
    }
    return Self.active * size
  }

  private func denseStationarity() throws(KantorError) {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    guard let hessian = try lowerHessian(at: w.pointer), let multipliers = certificate.multipliers,
      let bounds = certificate.boundMultipliers
    else { return }
    let least = least()
    let free = (0..<ny).filter { boundState($0) == 0 }
    // Variables of y at a bound without a multiplier may have an adjoint; their row is dropped.
    let moving = (0..<ny).filter {
      boundState($0) == 0 || (boundState($0) != 2 && abs(bounds.pointer[$0]) <= least)
    }
    let rows = activeLowerRows
    let strong = rows.filter {
      $0 >= problem.lower.inequalities || multipliers.pointer[$0] > least
    }
    let upper = (0..<problem.upper.rows).filter {
      $0 >= problem.upper.inequalities || upperRows.pointer[$0] > -Self.active
    }
    let sides = activeSides()
    let columns = moving.count + rows.count + upper.count + sides.count + ties.count
    let fit = try SignedLeastSquares(rows: free.count + nx + strong.count, columns: columns)
    for (a, j) in free.enumerated() { fit.b.pointer[a] = upperGradient.pointer[nx + j] }
    for i in 0..<nx { fit.b.pointer[free.count + i] = upperGradient.pointer[i] }
    var isSigned = [Bool](repeating: false, count: moving.count + rows.count)
    for (k, j) in moving.enumerated() {
      let (column, source) = (fit.column(k), hessian.pointer + j * n)
      for (a, i) in free.enumerated() { column[a] = source[nx + i] }
      for i in 0..<nx { column[free.count + i] = source[i] }
      for (s, r) in strong.enumerated() {
        column[free.count + nx + s] = lowerJacobian.pointer[r * n + nx + j]
      }
    }
    for (k, r) in rows.enumerated() {
      fill(fit.column(moving.count + k), lowerJacobian.pointer + r * n, free, 1)
    }
    for (k, r) in upper.enumerated() {
      fill(fit.column(moving.count + rows.count + k), upperJacobian.pointer + r * n, free, -1)
      isSigned.append(r < problem.upper.inequalities)
    }
    for (k, side) in sides.enumerated() {
      let column = fit.column(moving.count + rows.count + upper.count + k)
      for i in 0..<nx { column[free.count + i] = -side.direction(i, w.pointer) }
      isSigned.append(side.isSigned)
    }
    for (k, tie) in ties.enumerated() {
      let column = fit.column(columns - ties.count + k)
      for i in 0..<nx {
        // Of f along the active rows.
        var own = lowerGradient.pointer[i]
        for r in rows { own += multipliers.pointer[r] * lowerJacobian.pointer[r * n + i] }
        column[free.count + i] = -(own - tie.pointer[i])
      }
      isSigned.append(true)
    }
    fit.solve(isSigned: isSigned)
    var worst = 0.0
    for i in 0..<fit.rows { worst = max(worst, abs(fit.residual.pointer[i])) }
    certificate.hypergradient = worst
    certificate.relativeHypergradient = worst / upperSize
    let adjoint = try Buffer<Double>(count: ny)
    for (k, j) in moving.enumerated() { adjoint.pointer[j] = fit.u.pointer[k] }
    certificate.adjoint = adjoint
    try classify(hessian, moving, strong)
  }

  private func fill(
    _ column: UnsafeMutablePointer<Double>, _ row: UnsafePointer<Double>, _ free: [Int],
    _ sign: Double
  ) {
    for (a, i) in free.enumerated() { column[a] = sign * row[problem.nx + i] }
    for i in 0..<problem.nx { column[free.count + i] = sign * row[i] }
  }

  /// A side of X that the point lies on: its outward normal.
  private struct Side {
    enum Form { case lower(Int), upper(Int), ball, sum }
    let form: Form
    let isSigned: Bool

    func direction(_ i: Int, _ x: UnsafePointer<Double>) -> Double {
      switch form {
      case .lower(let k): return i == k ? -1 : 0
      case .upper(let k): return i == k ? 1 : 0
      case .ball: return x[i]
      case .sum: return 1
      }
    }
  }

  private func activeSides() -> [Side] {
    var sides: [Side] = []
    for i in 0..<problem.nx {
      let (low, high) = (problem.xLower.pointer[i], problem.xUpper.pointer[i])
      switch Self.state(w.pointer[i], low, high) {
      case -1: sides.append(Side(form: .lower(i), isSigned: true))
      case 1: sides.append(Side(form: .upper(i), isSigned: true))
      case 2: sides.append(Side(form: .upper(i), isSigned: false))
      default: break
      }
      if case .simplex = problem.xSet, w.pointer[i] <= Self.active {
        sides.append(Side(form: .lower(i), isSigned: true))
      }
    }
    switch problem.xSet {
    case .box: break
    case .ball(let radius):
      var square = 0.0
      for i in 0..<problem.nx { square += w.pointer[i] * w.pointer[i] }
      if square.squareRoot() > radius * (1 - Self.active) {
        sides.append(Side(form: .ball, isSigned: true))
      }
    case .simplex: sides.append(Side(form: .sum, isSigned: false))
    }
    return sides
  }

  /// Columns (0, e_j) of the lower Lagrangian's Hessian, joined; nil where it is not defined.
  func lowerHessian(at point: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double>? {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    let columns = try Buffer<Double>(count: try checkedProduct(ny, n, of: "Hessian"))
    let unit = try Buffer<Double>(count: n)
    guard let multipliers = certificate.multipliers else { return nil }
    for j in 0..<ny {
      unit.pointer[nx + j] = 1
      guard
        try oracle.hessianProduct(
          .lower, point, multipliers.pointer, times: unit.pointer, columns.pointer + j * n)
      else { return nil }
      unit.pointer[nx + j] = 0
    }
    return columns
  }

  /// Whether f is convex at the point, on the directions that the active rows leave, and whether
  /// its minimiser there is the only one.
  private func classify(
    _ hessian: Buffer<Double>, _ free: [Int], _ strong: [Int]
  ) throws(KantorError) {
    let (nx, n, k) = (problem.nx, problem.n, free.count)
    guard k > 0 else {
      certificate.selection = .unique
      return
    }
    guard k <= 300 else { return }
    let matrix = try Buffer<Double>(count: k * k)
    var size = 1e-300
    for (a, i) in free.enumerated() {
      for (b, j) in free.enumerated() {
        matrix.pointer[a * k + b] =
          0.5 * (hessian.pointer[i * n + nx + j] + hessian.pointer[j * n + nx + i])
        size = max(size, abs(matrix.pointer[a * k + b]))
      }
    }
    // Strong weights on the normals of active rows push their directions out of the way.
    for r in strong {
      let row = lowerJacobian.pointer + r * n + nx
      var square = 0.0
      for i in free { square += row[i] * row[i] }
      guard square > 1e-20 else { continue }
      for (a, i) in free.enumerated() {
        for (b, j) in free.enumerated() {
          matrix.pointer[a * k + b] += 1e4 * max(size, 1e-8) * row[i] * row[j] / square
        }
      }
    }
    let spectrum = try SymmetricSpectrum(order: k)
    guard spectrum.decompose(matrix.pointer) else { return }
    let lowest = spectrum.values.pointer[0]
    certificate.lowerIsNotConvex = lowest < -1e-7 * max(size, 1e-8)
    if lowest > 1e-7 * size { certificate.selection = .unique }
  }

  /// Large lower levels without rows: the adjoint by conjugate gradients in the free variables.
  private func iterativeStationarity() throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    let p = try Buffer<Double>(count: problem.n)
    let q = try Buffer<Double>(count: problem.n)
    let v = try Buffer<Double>(count: problem.n)
    let r = try Buffer<Double>(count: ny)
    var (rho, first) = (0.0, 0.0)
    for j in 0..<ny {
      r.pointer[j] = boundState(j) == 0 ? upperGradient.pointer[nx + j] : 0
      p.pointer[nx + j] = r.pointer[j]
      rho += r.pointer[j] * r.pointer[j]
    }
    first = rho
    var isConvex = true
    // What is left of the residual counts in the entry.
    let goal = max(1e-22, 1e-4 * tolerance * tolerance) * first
    for _ in 0..<min(5 * ny, 3000) {
      if rho <= goal { break }
      guard try oracle.innerProduct(w.pointer, times: p.pointer, q.pointer) else { return }
      var curvature = 0.0
      for j in 0..<ny { curvature += p.pointer[nx + j] * q.pointer[nx + j] }
      guard curvature > 0 else {
        isConvex = false
        break
      }
      let alpha = rho / curvature
      var next = 0.0
      for j in 0..<ny where boundState(j) == 0 {
        v.pointer[nx + j] += alpha * p.pointer[nx + j]
        r.pointer[j] -= alpha * q.pointer[nx + j]
        next += r.pointer[j] * r.pointer[j]
      }
      for j in 0..<ny {
        p.pointer[nx + j] = r.pointer[j] + next / rho * p.pointer[nx + j]
      }
      rho = next
    }
    certificate.lowerIsNotConvex = !isConvex
    guard try oracle.hessianProduct(.lower, w.pointer, times: v.pointer, q.pointer) else { return }
    let x = try Buffer<Double>(count: nx)
    for i in 0..<nx {
      x.pointer[i] = w.pointer[i] - (upperGradient.pointer[i] - q.pointer[i])
    }
    problem.projectX(x.pointer)
    var worst = 0.0
    for i in 0..<nx { worst = max(worst, abs(w.pointer[i] - x.pointer[i])) }
    for j in 0..<ny { worst = max(worst, abs(r.pointer[j])) }
    certificate.hypergradient = worst
    certificate.relativeHypergradient = worst / upperSize
    certificate.adjoint = try Buffer(copying: UnsafePointer(v.pointer + nx), count: ny)
    if isConvex { certificate.selection = .unique }
  }
}
