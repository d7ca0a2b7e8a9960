import KantorCore
import KantorNumerics

/// The largest curvature of f in y at a point, by power iterations, and the size of the rows'
/// derivatives in y there.
enum LowerScale {
  static func curvature(
    _ oracle: BilevelOracle, _ level: BilevelLevel = .lower, w: UnsafePointer<Double>,
    rounds: Int = 10
  ) throws(KantorError) -> Double {
    let problem = oracle.problem
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    let v = try Buffer<Double>(count: n)
    let image = try Buffer<Double>(count: n)
    var stream = RandomStream(seed: 1, stream: 77)
    for j in 0..<ny { v.pointer[nx + j] = stream.uniform() - 0.5 }
    var estimate = 0.0
    for _ in 0..<rounds {
      var square = 0.0
      for j in 0..<ny { square += v.pointer[nx + j] * v.pointer[nx + j] }
      guard square > 0 else { return estimate }
      let length = square.squareRoot()
      for j in 0..<ny { v.pointer[nx + j] /= length }
      guard try oracle.hessianProduct(level, w, times: v.pointer, image.pointer) else {
        return estimate
      }
      var norm = 0.0
      for j in 0..<ny { norm += image.pointer[nx + j] * image.pointer[nx + j] }
      let next = norm.squareRoot()
      for j in 0..<ny { v.pointer[nx + j] = image.pointer[nx + j] }
      if abs(next - estimate) <= 0.02 * next { return next }
      estimate = next
    }
    return estimate
  }

  /// The curvature, or for f linear in y the one with which a step of theta leaves the region at
  /// hand: shorter steps would not see the rows, and f - v would be flat.
  static func curvatureOrSlope(
    _ oracle: BilevelOracle, w: UnsafePointer<Double>
  ) throws(KantorError) -> Double {
    let found = try curvature(oracle, w: w)
    if found > 1e-12 { return found }
    let problem = oracle.problem
    let gradient = try Buffer<Double>(count: problem.n)
    guard try oracle.gradient(.lower, w, gradient.pointer) else { return 1 }
    var (length, size) = (0.0, 1.0)
    for j in problem.nx..<problem.n {
      length = max(length, abs(gradient.pointer[j]))
      size = max(size, abs(w[j]))
    }
    return length > 0 ? length / (10 * size) : 1
  }

  /// |g_y|_F^2.
  static func rows(_ oracle: BilevelOracle, w: UnsafePointer<Double>) throws(KantorError) -> Double
  {
    let problem = oracle.problem
    let (nx, n, rows) = (problem.nx, problem.n, problem.lower.rows)
    guard rows > 0 else { return 0 }
    let jacobian = try Buffer<Double>(count: try checkedProduct(rows, n, of: "Jacobian"))
    guard try oracle.jacobian(.lower, w, jacobian.pointer) else { return 0 }
    var sum = 0.0
    for r in 0..<rows {
      for k in nx..<n { sum += jacobian.pointer[r * n + k] * jacobian.pointer[r * n + k] }
    }
    return sum
  }
}
