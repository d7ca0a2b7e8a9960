import KantorBlocks
import KantorCore

/// The matrix of the quadratic program: the damped BFGS update, or the host's Hessian made positive
/// definite.
extension SQPSolve {
  // MARK: Quasi-Newton

  /// A diagonal that makes the first step about as long as the point.
  func resetCurvature() {
    let (n, s) = (space.n, space)
    var size = 0.0
    for j in 0..<n {
      s.scale[j] = max(1, abs(s.x[j]))
      let slope = (sigma * s.gradient[j]) * s.scale[j]
      size += slope * slope
    }
    curvatureScale = sigma == 0 ? 1e-4 : min(max(1, size.squareRoot()), 1e8)
    for k in 0..<(n * n) { s.hessian[k] = 0 }
    for j in 0..<n { s.hessian[j * n + j] = curvatureScale / (s.scale[j] * s.scale[j]) }
    isFresh = true
    shift = 0
  }

  /// B after the step from `space.trial` to `space.x`, with the change of the gradient of the
  /// Lagrangian in `after` - `before`.
  func updateCurvature() {
    let (n, s) = (space.n, space)
    let (move, change, image) = (s.correction, s.after, s.product)
    for j in 0..<n {
      move[j] = s.x[j] - s.trial[j]
      change[j] = s.after[j] - s.before[j]
    }
    if isFresh, sigma != 0 { rescale(change, s.dot(move, change)) }
    isFresh = false
    DampedUpdate.apply(s.hessian, n, move: move, change: change, image: image)
    keepPositive()
  }

  /// Before the first update: the diagonal takes the size of the curvature that was seen.
  private func rescale(_ change: SQPSpace.Numbers, _ curvature: Double) {
    let (n, s) = (space.n, space)
    var square = 0.0
    for j in 0..<n { square += change[j] * change[j] * s.scale[j] * s.scale[j] }
    guard curvature > 1e-12 * square, square > 0 else { return }
    let wanted = min(max(square / curvature, 1e-6), 1e10)
    for j in 0..<n { s.hessian[j * n + j] = wanted / (s.scale[j] * s.scale[j]) }
  }

  /// Rounding may take an eigenvalue to zero: then a new beginning is better.
  private func keepPositive() {
    let (n, s) = (space.n, space)
    var top = 0.0
    for j in 0..<n { top = max(top, s.hessian[j * n + j]) }
    for j in 0..<n where !(s.hessian[j * n + j] > 1e-14 * top) || !top.isFinite {
      resetCurvature()
      return
    }
  }

  // MARK: The host's Hessian

  /// W(x, y), made positive definite: the working set's rows are added first, whose multiples do
  /// not change the solution, and then a diagonal.
  func convexify(_ matrix: OracleMatrix, linear: SQPSpace.Numbers) {
    let (n, s) = (space.n, space)
    load(matrix)
    var size = 0.0
    for i in 0..<n { s.scale[i] = max(1, abs(s.x[i])) }
    for i in 0..<n {
      for j in 0..<n { size = max(size, abs(s.hessian[i * n + j]) * s.scale[i] * s.scale[j]) }
    }
    if size == 0 { size = 1e-8 }
    if isPositive(0, 1e-10 * size) { return }
    addWorkingSet(10 * size, linear)
    if isPositive(0, 1e-9 * size) {
      shift /= 3
      return
    }
    var delta = max(shift / 3, 1e-4 * size)
    while !isPositive(delta, 1e-9 * size) && delta < 1e12 * size { delta *= 6 }
    shift = delta
    for j in 0..<n { s.hessian[j * n + j] += delta / (s.scale[j] * s.scale[j]) }
  }

  private func load(_ matrix: OracleMatrix) {
    let (n, h) = (space.n, space.hessian)
    if let dense = matrix.dense?.pointer {
      for i in 0..<n {
        for j in 0..<n { h[i * n + j] = 0.5 * (dense[i * n + j] + dense[j * n + i]) }
      }
      return
    }
    for k in 0..<(n * n) { h[k] = 0 }
    guard let sparse = matrix.sparse else { return }
    for j in 0..<n {
      for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
        let i = Int(sparse.indices.pointer[k])
        h[i * n + j] = sparse.values.pointer[k]
        h[j * n + i] = sparse.values.pointer[k]
      }
    }
  }

  /// Adds weight (a'd - t)^2 / |a|^2 / 2 for the rows and bounds that were active last.
  private func addWorkingSet(_ weight: Double, _ linear: SQPSpace.Numbers) {
    let (n, m, s) = (space.n, space.m, space)
    for i in 0..<m {
      let isEquality = problem.isEquality(i)
      guard isEquality || s.active[i] != 0 else { continue }
      let row = s.jacobian + i * n
      var square = 0.0
      for j in 0..<n { square += row[j] * row[j] * s.scale[j] * s.scale[j] }
      guard square > 0 else { continue }
      let w = weight / square
      let target = s.active[i] < 0 || isEquality ? s.rowLow[i] : s.rowHigh[i]
      guard target.isFinite else { continue }
      for p in 0..<n where row[p] != 0 {
        let t = w * row[p]
        for q in 0..<n { s.hessian[p * n + q] += t * row[q] }
        linear[p] -= t * target
      }
    }
    for j in 0..<n where s.active[m + j] != 0 {
      let target = s.active[m + j] < 0 ? s.low[j] : s.high[j]
      guard target.isFinite else { continue }
      let w = weight / (s.scale[j] * s.scale[j])
      s.hessian[j * n + j] += w
      linear[j] -= w * target
    }
  }

  /// Cholesky's factorisation of S (H + delta S^-2) S for the sizes S of the variables, for an
  /// answer only.
  private func isPositive(_ delta: Double, _ least: Double) -> Bool {
    let (n, h, l) = (space.n, space.hessian, space.factor)
    for i in 0..<n {
      for j in 0...i {
        var sum = h[i * n + j] * space.scale[i] * space.scale[j]
        if i == j { sum += delta }
        let (a, b) = (l + i * n, l + j * n)
        for k in 0..<j { sum -= a[k] * b[k] }
        if i == j {
          guard sum > least else { return false }
          l[i * n + i] = sum.squareRoot()
        } else {
          l[i * n + j] = sum / b[j]
        }
      }
    }
    return true
  }
}
