import KantorCore

/// Solves A x = r for a symmetric positive semidefinite A given by products, preconditioned by a
/// positive diagonal.
///
/// Semidefinite systems whose right-hand side lies in the range are fine; the caller removes what
/// the null space adds to x.
///
/// Source: M. R. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear
/// systems" (1952).
public struct ConjugateGradient {
  public struct Outcome: Sendable {
    public var iterations: Int
    /// Norm of the final residual relative to that of r, both in the preconditioner's norm.
    public var relativeResidual: Double
    /// A direction of no curvature was met, or the host asked to stop.
    public var brokeOff: Bool
  }

  private let residual: Buffer<Double>
  private let direction: Buffer<Double>
  private let product: Buffer<Double>
  private let count: Int

  public init(count: Int) throws(KantorError) {
    self.count = count
    residual = try Buffer(count: count)
    direction = try Buffer(count: count)
    product = try Buffer(count: count)
  }

  /// x holds the start on entry. multiply(p, q) sets q = A p; shouldStop is asked per iteration.
  public func solve(
    rightHandSide r: UnsafePointer<Double>, inverseDiagonal d: UnsafePointer<Double>,
    x: UnsafeMutablePointer<Double>, tolerance: Double, maxIterations: Int,
    multiply: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void,
    shouldStop: () -> Bool = { false }
  ) -> Outcome {
    let (s, p, q) = (residual.pointer, direction.pointer, product.pointer)
    multiply(x, q)
    var (initial, rho) = (0.0, 0.0)
    for i in 0..<count {
      s[i] = r[i] - q[i]
      p[i] = d[i] * s[i]
      initial += r[i] * r[i] * d[i]
      rho += s[i] * p[i]
    }
    let goal = tolerance * tolerance * initial
    var iterations = 0
    while rho > goal && iterations < maxIterations {
      if shouldStop() { return outcome(iterations, rho, initial, true) }
      multiply(p, q)
      iterations += 1
      let curvature = dot(p, q)
      guard curvature > 0, curvature.isFinite else { return outcome(iterations, rho, initial, true) }
      let alpha = rho / curvature
      let next = step(alpha, d, x)
      let beta = next / rho
      rho = next
      for i in 0..<count { p[i] = d[i] * s[i] + beta * p[i] }
    }
    return outcome(iterations, rho, initial, false)
  }

  private func outcome(_ k: Int, _ rho: Double, _ initial: Double, _ broke: Bool) -> Outcome {
    Outcome(
      iterations: k, relativeResidual: initial > 0 ? (rho / initial).squareRoot() : 0,
      brokeOff: broke)
  }

  /// x += alpha p, s -= alpha q; the new s' D s.
  @inline(__always)
  private func step(
    _ alpha: Double, _ d: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>
  ) -> Double {
    let (s, p, q) = (residual.pointer, direction.pointer, product.pointer)
    var sums = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i &+ 4 <= count {
      sums.0 += update(i, alpha, d, x, s, p, q)
      sums.1 += update(i &+ 1, alpha, d, x, s, p, q)
      sums.2 += update(i &+ 2, alpha, d, x, s, p, q)
      sums.3 += update(i &+ 3, alpha, d, x, s, p, q)
      i &+= 4
    }
    while i < count {
      sums.0 += update(i, alpha, d, x, s, p, q)
      i &+= 1
    }
    return (sums.0 + sums.1) + (sums.2 + sums.3)
  }

  @inline(__always)
  private func update(
    _ i: Int, _ alpha: Double, _ d: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>,
    _ s: UnsafeMutablePointer<Double>, _ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>
  ) -> Double {
    x[i] += alpha * p[i]
    s[i] -= alpha * q[i]
    return s[i] * s[i] * d[i]
  }

  @inline(__always)
  private func dot(_ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>) -> Double {
    var sums = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i &+ 4 <= count {
      sums.0 += p[i] * q[i]
      sums.1 += p[i &+ 1] * q[i &+ 1]
      sums.2 += p[i &+ 2] * q[i &+ 2]
      sums.3 += p[i &+ 3] * q[i &+ 3]
      i &+= 4
    }
    while i < count {
      sums.0 += p[i] * q[i]
      i &+= 1
    }
    return (sums.0 + sums.1) + (sums.2 + sums.3)
  }
}
