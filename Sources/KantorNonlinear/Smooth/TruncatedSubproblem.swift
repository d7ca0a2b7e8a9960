import KantorBlocks
import KantorCore
import KantorNumerics

/// min g'd + d'Hd/2 subject to |d| <= Delta, for an H given by products: conjugate gradients until
/// the residual is small, the boundary is reached, or a direction has no positive curvature, which
/// is followed to the boundary.
///
/// Source: T. Steihaug, "The conjugate gradient method and trust regions in large scale
/// optimization", SIAM J. Numer. Anal. 20 (1983).
final class TruncatedSubproblem {
  private let iterate: SmoothIterate
  private let residual: Buffer<Double>
  private let direction: Buffer<Double>
  private let image: Buffer<Double>
  private(set) var products = 0

  init(_ iterate: SmoothIterate) throws(KantorError) {
    self.iterate = iterate
    residual = try Buffer(count: iterate.n)
    direction = try Buffer(count: iterate.n)
    image = try Buffer(count: iterate.n)
  }

  /// d into the iterate's step; false when a product could not be had.
  func solve(radius: Double) throws(KantorError) -> Bool {
    let n = iterate.n
    let (d, r, p, q) = (
      iterate.step.pointer, residual.pointer, direction.pointer, image.pointer)
    var (square, inner, length) = (0.0, 0.0, 0.0)
    for j in 0..<n {
      d[j] = 0
      r[j] = iterate.gradient.pointer[j]
      p[j] = -r[j]
      square += r[j] * r[j]
    }
    let size = square.squareRoot()
    // Superlinear: the smaller the gradient, the more exact.
    let goal = size * min(0.5, size.squareRoot())
    for _ in 0..<max(2 * n, 10) {
      if square.squareRoot() <= goal { return true }
      let outcome = try iterate.oracle.hessianProduct(
        at: iterate.x.pointer, sigma: 1, y: iterate.none.pointer, times: p, into: q)
      products += 1
      guard case .fine = outcome else { return false }
      let curvature = dotProduct(p, q, n)
      let norm = dotProduct(p, p, n)
      inner = dotProduct(d, p, n)
      length = dotProduct(d, d, n)
      let alpha = square / curvature
      let reach = length + 2 * alpha * inner + alpha * alpha * norm
      if curvature <= 0 || !alpha.isFinite || reach >= radius * radius {
        // Further along p, to the boundary.
        let root = (inner * inner + norm * max(0, radius * radius - length)).squareRoot()
        let tau =
          inner > 0 ? (radius * radius - length) / (inner + root) : (root - inner) / norm
        for j in 0..<n { d[j] += tau * p[j] }
        return true
      }
      var next = 0.0
      for j in 0..<n {
        d[j] += alpha * p[j]
        r[j] += alpha * q[j]
        next += r[j] * r[j]
      }
      let beta = next / square
      square = next
      for j in 0..<n { p[j] = beta * p[j] - r[j] }
    }
    return true
  }
}
