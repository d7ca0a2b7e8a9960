import KantorCore

/// T projected gradient steps on the lower level, y <- P(y - a f_y(x, y)), and the derivative of F
/// at their end with respect to x, backwards through the steps.
///
/// Only every sqrt(T)-th y is kept; the others are computed again, stretch by stretch, on the way
/// back. Where the projection holds a variable, nothing passes through it.
final class UnrolledMap {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  let steps: Int
  /// Steps that the way back goes through, at most.
  let truncation: Int
  private let stretch: Int
  private let w: Buffer<Double>
  private let gradient: Buffer<Double>
  private let joined: Buffer<Double>
  private let product: Buffer<Double>
  /// y at the beginning of each stretch, and every y of one stretch.
  private let kept: Buffer<Double>
  private let inner: Buffer<Double>
  let end: Buffer<Double>
  /// Largest entry of the last step over a: the lower residual at the last but one y.
  private(set) var residual = Double.infinity

  init(_ oracle: BilevelOracle, steps: Int, truncation: Int) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    self.steps = steps
    self.truncation = min(truncation, steps)
    let root = Double(steps).squareRoot().rounded(.up)
    stretch = max(1, Int(root))
    let (n, ny) = (problem.n, problem.ny)
    w = try Buffer(count: n)
    gradient = try Buffer(count: n)
    joined = try Buffer(count: n)
    product = try Buffer(count: n)
    let stretches = (steps + stretch - 1) / stretch
    kept = try Buffer(count: try checkedProduct(stretches + 1, ny, of: "kept steps"))
    inner = try Buffer(count: try checkedProduct(stretch + 1, ny, of: "kept steps"))
    end = try Buffer(count: ny)
  }

  /// to <- P(from - a f_y(x, from)).
  private func step(
    _ from: UnsafePointer<Double>, _ to: UnsafeMutablePointer<Double>, _ a: Double
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    for j in 0..<ny { w.pointer[nx + j] = from[j] }
    guard try oracle.gradient(.lower, w.pointer, gradient.pointer) else { return false }
    for j in 0..<ny { to[j] = from[j] - a * gradient.pointer[nx + j] }
    problem.clampY(to)
    return true
  }

  /// The steps from `start`; false where a function is not defined, or the host has had enough.
  func forward(
    x: UnsafePointer<Double>, start: UnsafePointer<Double>, a: Double
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    for i in 0..<nx { w.pointer[i] = x[i] }
    let other = try Buffer(copying: start, count: ny)
    for t in 0..<steps {
      if t % stretch == 0 {
        (kept.pointer + t / stretch * ny).update(from: other.pointer, count: ny)
      }
      guard try step(other.pointer, end.pointer, a) else { return false }
      residual = 0
      for j in 0..<ny {
        let move = abs(end.pointer[j] - other.pointer[j]) / a
        // NaN stays.
        residual = move > residual || move.isNaN ? move : residual
        other.pointer[j] = end.pointer[j]
      }
      guard residual.isFinite, residual < 1e100 else { return false }
    }
    return true
  }

  /// Phi' into `out`, with the joined gradient of F at the end.
  func backward(
    _ upper: UnsafePointer<Double>, a: Double, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    for i in 0..<nx { out[i] = upper[i] }
    let u = try Buffer(copying: upper + nx, count: ny)
    var left = truncation
    for s in stride(from: (steps - 1) / stretch, through: 0, by: -1) {
      guard left > 0 else { return true }
      let first = s * stretch
      let count = min(stretch, steps - first)
      inner.pointer.update(from: kept.pointer + s * ny, count: ny)
      for t in 0..<count {
        guard try step(inner.pointer + t * ny, inner.pointer + (t + 1) * ny, a) else {
          return false
        }
      }
      for t in stride(from: count - 1, through: 0, by: -1) {
        guard left > 0 else { return true }
        left -= 1
        guard try pull(u.pointer, inner.pointer + t * ny, inner.pointer + (t + 1) * ny, a, out)
        else { return false }
      }
    }
    return true
  }

  /// One step back: u <- (I - a f_yy) M u and out -= a f_xy M u, M the projection's derivative.
  private func pull(
    _ u: UnsafeMutablePointer<Double>, _ from: UnsafePointer<Double>, _ to: UnsafePointer<Double>,
    _ a: Double, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    for j in 0..<ny {
      let isHeld = to[j] <= problem.yLower.pointer[j] || to[j] >= problem.yUpper.pointer[j]
      if isHeld { u[j] = 0 }
      joined.pointer[nx + j] = u[j]
      w.pointer[nx + j] = from[j]
    }
    guard try oracle.hessianProduct(.lower, w.pointer, times: joined.pointer, product.pointer)
    else { return false }
    for i in 0..<nx { out[i] -= a * product.pointer[i] }
    for j in 0..<ny { u[j] -= a * product.pointer[nx + j] }
    return true
  }

  /// An estimate of the largest eigenvalue of f_yy at (x, y), by ten products.
  func curvature(
    x: UnsafePointer<Double>, y: UnsafePointer<Double>
  ) throws(KantorError) -> Double {
    let (nx, ny) = (problem.nx, problem.ny)
    for i in 0..<nx {
      w.pointer[i] = x[i]
      joined.pointer[i] = 0
    }
    for j in 0..<ny {
      w.pointer[nx + j] = y[j]
      joined.pointer[nx + j] = 1 + 0.1 * Double(j % 7)
    }
    var largest = 0.0
    for _ in 0..<10 {
      var square = 0.0
      for j in nx..<(nx + ny) { square += joined.pointer[j] * joined.pointer[j] }
      let length = square.squareRoot()
      guard length > 0, length.isFinite else { break }
      for j in nx..<(nx + ny) { joined.pointer[j] /= length }
      guard try oracle.hessianProduct(.lower, w.pointer, times: joined.pointer, product.pointer)
      else { return largest }
      square = 0
      for j in nx..<(nx + ny) {
        square += product.pointer[j] * product.pointer[j]
        joined.pointer[j] = product.pointer[j]
      }
      largest = max(largest, square.squareRoot())
    }
    for i in 0..<nx { joined.pointer[i] = 0 }
    return largest
  }
}
