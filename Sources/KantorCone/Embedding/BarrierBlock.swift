import Glibc
import KantorCore
import KantorNumerics

/// A cone that is not symmetric, known by barriers: f* of the dual cone at z, and the gradient of
/// its conjugate f at s.
///
/// In three dimensions H is the primal-dual scaling that takes z to s and the gradient of f to that
/// of f*; else, and when the two are too close to tell apart, H = mu Hess f*(z).
///
/// Source: L. Tuncel, "Generalization of primal-dual interior-point methods to convex optimization
/// problems in conic form", Found. Comput. Math. 1 (2001); J. Dahl, E. D. Andersen, "A primal-dual
/// interior-point algorithm for nonsymmetric exponential-cone optimization", Math. Program. 194
/// (2022); P. J. Goulart, Y. Chen, "Clarabel: an interior-point solver for conic programs with
/// quadratic objectives" (2024).
class BarrierBlock: ConeBlock {
  /// Gradient and Hessian of f* at z.
  let gradient: Buffer<Double>
  let hessian: Buffer<Double>
  private let scaling: Buffer<Double>
  /// Cholesky factors of the Hessian and, once asked for, of H.
  private let factor: Buffer<Double>
  private let scalingFactor: Buffer<Double>
  private let work: Buffer<Double>
  private var isFactored = false
  private var hasFactor = false
  private var hasScalingFactor = false
  private var slots = 0..<0

  init(row: Int, size: Int) throws(KantorError) {
    let square = try checkedProduct(size, size, of: "cone")
    gradient = try Buffer(count: size)
    hessian = try Buffer(count: square)
    scaling = try Buffer(count: square)
    factor = try Buffer(count: square)
    scalingFactor = try Buffer(count: square)
    work = try Buffer(count: 5 * size)
    super.init(row: row, count: size)
  }

  // MARK: What a cone tells

  func holdsPrimal(_ s: Given) -> Bool { false }
  func holdsDual(_ z: Given) -> Bool { false }
  /// f* at z.
  func dualValue(_ z: Given) -> Double { .infinity }
  /// Fills `gradient` and `hessian`, by columns.
  func derive(_ z: Given) {}
  /// The gradient of f at s: its negative is the point of the dual cone whose gradient is -s.
  func primalGradient(_ s: Given, into out: Entries) {}
  /// x = (Hess f*(z))^-1 b; false where the numbers do not allow that. By default with the factor
  /// of `hessian`.
  func solveHessian(_ z: Given, _ b: Given, into x: Entries) -> Bool {
    if !isFactored {
      isFactored = true
      hasFactor = makeFactor(hessian, factor)
    }
    guard hasFactor else { return false }
    solveFactor(factor, b, into: x)
    return true
  }
  /// Half the third derivative of f* at z along u and v.
  func third(_ z: Given, _ u: Given, _ v: Given, into out: Entries) {}

  // MARK: The same for all

  override var isSymmetric: Bool { false }
  override var hasPrimalDualScaling: Bool { count == 3 }
  override var needsCommonScale: Bool { true }
  override func margin(_ v: Given, isDual: Bool) -> (least: Double, sum: Double) { (.nan, 0) }
  override func shift(_ v: Entries, _ t: Double, isDual: Bool) {}

  override func updateScaling(_ s: Given, _ z: Given, mu: Double, dual: Bool) -> Bool {
    guard holdsPrimal(s), holdsDual(z) else { return false }
    derive(z)
    (isFactored, hasScalingFactor) = (false, false)
    if dual || count != 3 || !primalDual(s, z) {
      for e in 0..<(count * count) { scaling.pointer[e] = mu * hessian.pointer[e] }
    }
    for e in 0..<(count * count) where !scaling.pointer[e].isFinite { return false }
    return true
  }

  /// False when H cannot be told from mu Hess f*.
  private func primalDual(_ s: Given, _ z: Given) -> Bool {
    let (g, out) = (gradient.pointer, scaling.pointer)
    let (zt, u, a, ds, dz) = (
      work.pointer, work.pointer + 3, work.pointer + 6, work.pointer + 9, work.pointer + 12)
    primalGradient(s, into: zt)
    var (sz, gz) = (0.0, 0.0)
    for i in 0..<3 {
      sz += s[i] * z[i]
      gz += g[i] * zt[i]
    }
    let mu = sz / 3
    var dsdz = 0.0
    for i in 0..<3 {
      ds[i] = s[i] + mu * g[i]
      dz[i] = z[i] + mu * zt[i]
      dsdz += ds[i] * dz[i]
    }
    // mu_s mu_z = 1 on the central path, where both terms coincide.
    guard abs(mu * gz / 3 - 1) > 1.5e-8, sz > 0, dsdz > 0, dsdz.isFinite else { return false }
    // What is orthogonal to z and to zt.
    a[0] = z[1] * zt[2] - z[2] * zt[1]
    a[1] = z[2] * zt[0] - z[0] * zt[2]
    a[2] = z[0] * zt[1] - z[1] * zt[0]
    let length = (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]).squareRoot()
    guard length > 0 else { return false }
    for i in 0..<3 { a[i] /= length }
    // mu times what the Hessian has beyond the images of z and zt is t aa'. By the inverse of the
    // Hessian it comes without the difference, which cancels.
    guard solveHessian(z, a, into: u) else { return false }
    let t = mu / (a[0] * u[0] + a[1] * u[1] + a[2] * u[2])
    guard t > 0, t.isFinite else { return false }
    for j in 0..<3 {
      for i in 0..<3 {
        out[j * 3 + i] = s[i] * s[j] / sz + ds[i] * ds[j] / dsdz + t * a[i] * a[j]
      }
    }
    return true
  }

  override func apply(_ v: Given, into out: Entries) {
    let (n, h) = (count, scaling.pointer)
    for i in 0..<n { out[i] = 0 }
    for j in 0..<n {
      for i in 0..<n { out[i] += h[j &* n &+ i] * v[j] }
    }
  }

  override func combined(
    _ c: Entries, s: Given, z: Given, ds: Given, dz: Given, weight: Double, sigmaMu: Double
  ) {
    for i in 0..<count { c[i] = s[i] + sigmaMu * gradient.pointer[i] }
    let (u, correction) = (work.pointer, work.pointer + count)
    guard solveHessian(z, ds, into: u) else { return }
    third(z, u, dz, into: correction)
    for i in 0..<count where !correction[i].isFinite { return }
    for i in 0..<count { c[i] -= weight * correction[i] }
  }

  /// Cholesky factor of a matrix.
  private func makeFactor(_ a: Buffer<Double>, _ out: Buffer<Double>) -> Bool {
    let (n, l) = (count, out.pointer)
    l.update(from: a.pointer, count: n * n)
    for j in 0..<n {
      for k in 0..<j {
        let t = l[k &* n &+ j]
        for i in j..<n { l[j &* n &+ i] -= t * l[k &* n &+ i] }
      }
      let pivot = l[j &* n &+ j]
      guard pivot > 0, pivot.isFinite else { return false }
      let root = pivot.squareRoot()
      for i in j..<n { l[j &* n &+ i] /= root }
    }
    return true
  }

  /// x <- L^-1 x, from its entry `first` on: those before are 0.
  private func forward(_ factor: Buffer<Double>, _ x: Entries, first: Int = 0) {
    let (n, l) = (count, factor.pointer)
    for j in first..<n {
      x[j] /= l[j &* n &+ j]
      for i in (j + 1)..<max(n, j + 1) { x[i] -= l[j &* n &+ i] * x[j] }
    }
  }

  private func solveFactor(_ factor: Buffer<Double>, _ b: Given, into x: Entries) {
    let (n, l) = (count, factor.pointer)
    for i in 0..<n { x[i] = b[i] }
    forward(factor, x)
    for j in stride(from: n - 1, through: 0, by: -1) {
      for i in (j + 1)..<max(n, j + 1) { x[j] -= l[j &* n &+ i] * x[i] }
      x[j] /= l[j &* n &+ j]
    }
  }

  // MARK: Parts of the scaling

  /// The factor of H; NaN where there is none, which the system's factor then finds.
  private func needScalingFactor() {
    if hasScalingFactor { return }
    hasScalingFactor = true
    if !makeFactor(scaling, scalingFactor) { scalingFactor.fill(.nan) }
  }

  override func applyInverse(_ v: Given, into out: Entries) {
    needScalingFactor()
    solveFactor(scalingFactor, v, into: out)
  }

  override var rank: Int { count }

  /// H = LL' is the sum over the columns of L, H^-1 that over the rows of L^-1.
  override func parts(inverse: Bool, _ d: Entries, _ vectors: Entries) {
    needScalingFactor()
    let (n, l) = (count, scalingFactor.pointer)
    for i in 0..<n { d[i] = 0 }
    let column = work.pointer
    for j in 0..<n {
      for i in 0..<n { column[i] = i == j ? 1 : 0 }
      if inverse { forward(scalingFactor, column, first: j) }
      for i in 0..<n {
        if inverse {
          vectors[i &* n &+ j] = column[i]
        } else {
          vectors[j &* n &+ i] = i < j ? 0 : l[j &* n &+ i]
        }
      }
    }
  }

  // MARK: Steps

  override func step(s: Given, z: Given, ds: Given, dz: Given, limit: Double) -> Double {
    let first = backtrack(s, ds, limit) { holdsPrimal($0) }
    return backtrack(z, dz, first) { holdsDual($0) }
  }

  private func backtrack(
    _ v: Given, _ d: Given, _ limit: Double, _ holds: (Given) -> Bool
  ) -> Double {
    var t = limit
    let trial = work.pointer
    while t > 1e-5 {
      for i in 0..<count { trial[i] = v[i] + t * d[i] }
      if holds(trial) { return t }
      t *= 0.9
    }
    return 0
  }

  override func barrier(_ s: Given, _ z: Given) -> Double {
    guard holdsPrimal(s), holdsDual(z) else { return .infinity }
    let g = work.pointer
    primalGradient(s, into: g)
    for i in 0..<count { g[i] = -g[i] }
    return dualValue(z) - dualValue(g) - Double(degree)
  }

  // MARK: The sparse system

  override func append(
    _ assembly: inout SymmetricAssembly, at: Int, extra: Int
  ) throws(KantorError) {
    slots = try assembly.appendTriangle(at: at, order: count)
  }

  override func write(_ system: KKTSystem, at: Int) {
    var slot = slots.lowerBound
    for j in 0..<count {
      for i in 0...j {
        system.set(slot, -scaling.pointer[j &* count &+ i])
        slot += 1
      }
    }
  }
}
