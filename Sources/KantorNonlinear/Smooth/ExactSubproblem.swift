import KantorBlocks
import KantorCore
import KantorNumerics

/// min g'd + d'Hd/2 subject to |d| <= Delta, for a dense H, as exactly as is asked.
///
/// H + lambda I is factored for a few lambda: Newton's method on 1/|d(lambda)| - 1/Delta, inside an
/// interval that every factor narrows; where g has no part along the least eigenvector of H (the
/// hard case), that vector, by inverse iteration, is added.
///
/// Source: J. J. More, D. C. Sorensen, "Computing a trust region step", SIAM J. Sci. Stat. Comput.
/// 4 (1983).
final class ExactSubproblem {
  private let system: ShiftedHessian
  private let work: Buffer<Double>
  private let null: Buffer<Double>
  private var lambda = 0.0

  /// How far |d| may be from Delta, and the model from its minimum, relative.
  private static let accuracy = 0.01
  private static let mostFactors = 40

  init(_ system: ShiftedHessian) throws(KantorError) {
    self.system = system
    work = try Buffer(count: system.iterate.n)
    null = try Buffer(count: system.iterate.n)
  }

  /// d into the iterate's step; false when the host ended the solve.
  func solve(radius: Double) throws(KantorError) -> Bool {
    let iterate = system.iterate
    let (n, d) = (iterate.n, iterate.step.pointer)
    guard let h = system.entries else { return false }
    let size = iterate.gradientNorm
    var (low, high) = bounds(h, n, size, radius)
    var t = low > 0 ? max(low, min(lambda, high)) : 0
    for _ in 0..<Self.mostFactors {
      if iterate.run.monitor.stop != nil { return false }
      guard try system.factor(lambda: t) else {
        low = max(low, t)
        t = max((low * high).squareRoot(), low + 0.01 * (high - low))
        // Nothing of a positive definite shift below the bound of the spectrum: rounding.
        if high - low <= 1e-14 * high { high *= 2 }
        continue
      }
      for j in 0..<n { d[j] = -iterate.gradient.pointer[j] }
      system.solve(d)
      let length = dotProduct(d, d, n).squareRoot()
      lambda = t
      if length <= radius * (1 + Self.accuracy) {
        if t == 0 || length >= radius * (1 - Self.accuracy) { return true }
        high = min(high, t)
        if let curvature = inHardCase(t, radius, length) {
          low = max(low, t - curvature)
          if isHard(t, radius) { return true }
        }
      } else {
        low = max(low, t)
      }
      for j in 0..<n { work.pointer[j] = d[j] }
      system.solve(work.pointer)
      let slope = dotProduct(d, work.pointer, n)
      let next = t + (length * length / slope) * (length - radius) / radius
      let middle = max((low * high).squareRoot(), low + 0.01 * (high - low))
      t = next > low && next < high ? next : middle
      // A shift of 0 is worth a try before all others below it.
      if next <= 0, low == 0 { t = 0 }
    }
    return shorten(radius)
  }

  /// Between these lies lambda.
  private func bounds(
    _ h: UnsafePointer<Double>, _ n: Int, _ size: Double, _ radius: Double
  ) -> (Double, Double) {
    var (least, most, bottom) = (Double.infinity, 0.0, Double.infinity)
    for i in 0..<n {
      var sum = 0.0
      for j in 0..<n where j != i { sum += abs(h[i * n + j]) }
      least = min(least, h[i * n + i] - sum)
      most = max(most, h[i * n + i] + sum)
      bottom = min(bottom, h[i * n + i])
    }
    let low = max(0, -bottom, size / radius - most)
    return (low, max(low, size / radius - least) * (1 + 1e-10) + 1e-300)
  }

  private var length = 0.0
  private var curvature = 0.0

  /// u'(H + t I)u for a unit vector u along which H is smallest, nearly; nil when that fails.
  private func inHardCase(_ t: Double, _ radius: Double, _ length: Double) -> Double? {
    let (n, u) = (system.iterate.n, null.pointer)
    for j in 0..<n { u[j] = j % 2 == 0 ? 1 : -1 / Double(j + 1) }
    var size = 0.0
    for _ in 0..<3 {
      system.solve(u)
      size = dotProduct(u, u, n).squareRoot()
      guard size > 0, size.isFinite else { return nil }
      for j in 0..<n { u[j] /= size }
    }
    for j in 0..<n { work.pointer[j] = t * u[j] }
    system.multiply(u, into: work.pointer)
    curvature = dotProduct(u, work.pointer, n)
    self.length = length
    return curvature > 0 ? curvature : nil
  }

  /// Adds to d what reaches the boundary along u, if that is as good as asked.
  private func isHard(_ t: Double, _ radius: Double) -> Bool {
    let (n, d, u) = (system.iterate.n, system.iterate.step.pointer, null.pointer)
    let along = dotProduct(d, u, n)
    let rest = radius * radius - length * length
    guard rest > 0 else { return false }
    let root = (along * along + rest).squareRoot()
    // The shorter of both ways to the boundary.
    let way = along >= 0 ? rest / (along + root) : -rest / (root - along)
    for j in 0..<n { work.pointer[j] = t * d[j] }
    system.multiply(d, into: work.pointer)
    let energy = dotProduct(d, work.pointer, n)
    guard way * way * curvature <= Self.accuracy * (energy + t * radius * radius) else {
      return false
    }
    for j in 0..<n { d[j] += way * u[j] }
    return true
  }

  /// The step of the last factor, put inside the region.
  private func shorten(_ radius: Double) -> Bool {
    let (n, d) = (system.iterate.n, system.iterate.step.pointer)
    let size = dotProduct(d, d, n).squareRoot()
    guard size > 0, size.isFinite else { return false }
    if size > radius {
      for j in 0..<n { d[j] *= radius / size }
    }
    return true
  }
}
