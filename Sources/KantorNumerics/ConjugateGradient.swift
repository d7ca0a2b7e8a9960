import KantorCore

/// Solves A x = r for a symmetric positive semidefinite A given by products, preconditioned by a
/// symmetric positive M^-1, also given by products.
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
  private let solved: Buffer<Double>
  private let direction: Buffer<Double>
  private let product: Buffer<Double>
  private let count: Int

  public init(count: Int) throws(KantorError) {
    self.count = count
    residual = try Buffer(count: count)
    solved = try Buffer(count: count)
    direction = try Buffer(count: count)
    product = try Buffer(count: count)
  }

  /// x holds the start on entry. multiply(p, q) sets q = A p, precondition(s, z) sets z = M^-1 s;
  /// shouldStop is asked per iteration.
  public func solve<Failure: Error>(
    rightHandSide r: UnsafePointer<Double>, x: UnsafeMutablePointer<Double>, tolerance: Double,
    maxIterations: Int,
    multiply: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) throws(Failure) -> Void,
    precondition: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void,
    shouldStop: () -> Bool = { false }
  ) throws(Failure) -> Outcome {
    let (s, z, p, q) = (residual.pointer, solved.pointer, direction.pointer, product.pointer)
    precondition(r, z)
    let initial = dot(r, z)
    try multiply(x, q)
    for i in 0..<count { s[i] = r[i] - q[i] }
    precondition(s, z)
    for i in 0..<count { p[i] = z[i] }
    var rho = dot(s, z)
    let goal = tolerance * tolerance * initial
    var iterations = 0
    while rho > goal && iterations < maxIterations {
      if shouldStop() { return outcome(iterations, rho, initial, true) }
      try multiply(p, q)
      iterations += 1
      let curvature = dot(p, q)
      guard curvature > 0, curvature.isFinite else {
        return outcome(iterations, rho, initial, true)
      }
      let alpha = rho / curvature
      for i in 0..<count {
        x[i] += alpha * p[i]
        s[i] -= alpha * q[i]
      }
      precondition(s, z)
      let next = dot(s, z)
      let beta = next / rho
      rho = next
      for i in 0..<count { p[i] = z[i] + beta * p[i] }
    }
    return outcome(iterations, rho, initial, false)
  }

  private func outcome(_ k: Int, _ rho: Double, _ initial: Double, _ broke: Bool) -> Outcome {
    Outcome(
      iterations: k, relativeResidual: initial > 0 ? (rho / initial).squareRoot() : 0,
      brokeOff: broke)
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
