import KantorCore
import KantorNumerics

/// Anderson's extrapolation of type II for w = T(w), on the last few differences.
///
/// With S the differences of w, Y those of the residual r = w - T(w), and gamma the minimiser of
/// |r - Y gamma| in the metric of T, it proposes T(w) - (S - Y) gamma. The caller decides whether
/// the proposal is any better.
///
/// Source: H. F. Walker, P. Ni, "Anderson acceleration for fixed-point iterations", SIAM J. Numer.
/// Anal. 49 (2011).
package final class SplittingExtrapolation {
  private let size: Int
  private let capacity: Int
  /// S - Y: the differences of T(w).
  private let steps: Buffer<Double>
  private let changes: Buffer<Double>
  private let lastImage: Buffer<Double>
  private let lastResidual: Buffer<Double>
  /// Y'RY, row-major of `capacity` columns.
  private let products: Buffer<Double>
  private let system: Buffer<Double>
  private let gamma: Buffer<Double>
  private var count = 0
  private var next = 0
  private var hasLast = false

  private static let regularisation = 1e-10
  private static let largest = 1e8

  package init(size: Int, memory: Int) throws(KantorError) {
    self.size = size
    capacity = memory
    let total = try checkedProduct(size, memory, of: "acceleration")
    steps = try Buffer(count: total)
    changes = try Buffer(count: total)
    lastImage = try Buffer(count: size)
    lastResidual = try Buffer(count: size)
    products = try Buffer(count: memory * memory)
    system = try Buffer(count: memory * memory)
    gamma = try Buffer(count: memory)
  }

  package func clear() {
    count = 0
    next = 0
    hasLast = false
  }

  /// Takes in w and T(w); false when there is no proposal yet.
  package func extrapolate(
    _ w: UnsafePointer<Double>, _ image: UnsafePointer<Double>, metric: UnsafePointer<Double>,
    into proposal: UnsafeMutablePointer<Double>
  ) -> Bool {
    remember(w, image, metric)
    guard count > 0, solve(metric) else { return false }
    for i in 0..<size { proposal[i] = image[i] }
    for k in 0..<count {
      let (s, g) = (steps.pointer + k * size, gamma.pointer[k])
      for i in 0..<size { proposal[i] -= s[i] * g }
    }
    return true
  }

  private func remember(
    _ w: UnsafePointer<Double>, _ image: UnsafePointer<Double>, _ metric: UnsafePointer<Double>
  ) {
    let (f, r) = (lastImage.pointer, lastResidual.pointer)
    guard hasLast else {
      hasLast = true
      for i in 0..<size {
        f[i] = image[i]
        r[i] = w[i] - image[i]
      }
      return
    }
    let slot = next
    let (s, y) = (steps.pointer + slot * size, changes.pointer + slot * size)
    for i in 0..<size {
      let residual = w[i] - image[i]
      s[i] = image[i] - f[i]
      y[i] = residual - r[i]
      f[i] = image[i]
      r[i] = residual
    }
    next = (next + 1) % capacity
    count = min(count + 1, capacity)
    for k in 0..<count {
      let t = Self.dot(y, changes.pointer + k * size, metric, size)
      products.pointer[slot * capacity + k] = t
      products.pointer[k * capacity + slot] = t
    }
  }

  /// gamma from the normal equations, which are small, regularised and of low accuracy needed.
  private func solve(_ metric: UnsafePointer<Double>) -> Bool {
    let (m, g, k) = (system.pointer, gamma.pointer, count)
    var trace = 0.0
    for i in 0..<k { trace += products.pointer[i * capacity + i] }
    guard trace > 0, trace.isFinite else { return false }
    for i in 0..<k {
      for j in 0..<k { m[i * k + j] = products.pointer[i * capacity + j] }
      m[i * k + i] += Self.regularisation * trace
      g[i] = Self.dot(changes.pointer + i * size, lastResidual.pointer, metric, size)
    }
    for c in 0..<k {
      let pivot = m[c * k + c]
      guard pivot > 0 else { return false }
      for r in (c + 1)..<max(k, c + 1) {
        let f = m[r * k + c] / pivot
        for j in c..<k { m[r * k + j] -= f * m[c * k + j] }
        g[r] -= f * g[c]
      }
    }
    var square = 0.0
    for c in stride(from: k - 1, through: 0, by: -1) {
      var x = g[c]
      for j in (c + 1)..<max(k, c + 1) { x -= m[c * k + j] * g[j] }
      g[c] = x / m[c * k + c]
      square += g[c] * g[c]
    }
    return square < Self.largest * Self.largest
  }

  /// x'Ry.
  @inline(__always)
  private static func dot(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ r: UnsafePointer<Double>,
    _ count: Int
  ) -> Double {
    var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i &+ 4 <= count {
      s0 += x[i] * r[i] * y[i]
      s1 += x[i &+ 1] * r[i &+ 1] * y[i &+ 1]
      s2 += x[i &+ 2] * r[i &+ 2] * y[i &+ 2]
      s3 += x[i &+ 3] * r[i &+ 3] * y[i &+ 3]
      i &+= 4
    }
    while i < count {
      s0 += x[i] * r[i] * y[i]
      i &+= 1
    }
    return (s0 + s1) + (s2 + s3)
  }
}
