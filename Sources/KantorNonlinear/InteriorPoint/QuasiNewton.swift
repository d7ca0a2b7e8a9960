import KantorCore

/// A dense approximation B of the Hessian of the Lagrangian from differences of its gradient:
/// BFGS with Powell's damping, which keeps B positive definite.
///
/// Source: M. J. D. Powell, "A fast algorithm for nonlinearly constrained optimization
/// calculations" (1978).
final class QuasiNewton: CurvatureModel {
  private let n: Int
  let matrix: Buffer<Double>
  private let before: Buffer<Double>
  private let step: Buffer<Double>
  private let change: Buffer<Double>
  private let product: Buffer<Double>
  private(set) var updates = 0

  init(_ n: Int) throws(KantorError) {
    self.n = n
    matrix = try Buffer(count: try checkedProduct(n, n, of: "quasi-Newton matrix"))
    before = try Buffer(count: n)
    step = try Buffer(count: n)
    change = try Buffer(count: n)
    product = try Buffer(count: n)
    reset(1)
  }

  func fill(_ model: ScaledModel) {
    guard let target = model.hessianDense else { return }
    target.pointer.update(from: matrix.pointer, count: target.count)
  }

  /// B = scale I.
  func reset(_ scale: Double) {
    matrix.fill(0)
    for k in 0..<n { matrix.pointer[k * n + k] = scale }
    updates = 0
  }

  /// Remembers the gradient of the Lagrangian at the old point with the new multipliers; `model`
  /// still has the old derivatives.
  func leave(_ model: ScaledModel, sigma: Double, y: UnsafePointer<Double>) {
    gradient(model, sigma, y, before.pointer)
  }

  /// Updates B with the step from `old` to `new`, at which `model` has derivatives now.
  func arrive(
    _ model: ScaledModel, sigma: Double, y: UnsafePointer<Double>, old: UnsafePointer<Double>,
    new: UnsafePointer<Double>
  ) {
    let (s, r, p, b) = (step.pointer, change.pointer, product.pointer, matrix.pointer)
    gradient(model, sigma, y, r)
    var (ss, sr, rr) = (0.0, 0.0, 0.0)
    for k in 0..<n {
      s[k] = new[k] - old[k]
      r[k] -= before.pointer[k]
      ss += s[k] * s[k]
      sr += s[k] * r[k]
      rr += r[k] * r[k]
    }
    guard ss > 1e-30, rr.isFinite else { return }
    if updates == 0 {
      // Between the curvature along the first step and the largest that it shows.
      reset(min(max((rr / ss).squareRoot(), 1e-6), 1e6))
    }
    var sbs = 0.0
    for i in 0..<n {
      let row = b + i &* n
      var sum = 0.0
      for k in 0..<n { sum += row[k] * s[k] }
      p[i] = sum
      sbs += sum * s[i]
    }
    guard sbs > 0 else { return }
    if sr < 0.2 * sbs {
      let theta = 0.8 * sbs / (sbs - sr)
      for k in 0..<n { r[k] = theta * r[k] + (1 - theta) * p[k] }
      sr = theta * sr + (1 - theta) * sbs
    }
    guard sr > 0 else { return }
    for i in 0..<n {
      let (row, u, w) = (b + i &* n, r[i] / sr, p[i] / sbs)
      for k in 0..<n { row[k] += u * r[k] - w * p[k] }
    }
    updates += 1
  }
}
