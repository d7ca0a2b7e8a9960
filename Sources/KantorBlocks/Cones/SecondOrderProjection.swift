import Glibc
import KantorCore

/// Projection on the second-order cone { (t, y): t >= |y| } and on its rotation
/// { (a, b, y): 2 a b >= |y|^2, a, b >= 0 }; both are their own duals.
package enum SecondOrderProjection {
  /// t and |y| decide: inside nothing changes, inside -K all is 0, else ((t + |y|)/2) (1, y/|y|).
  package static func project(_ v: UnsafeMutablePointer<Double>, _ count: Int) -> Bool {
    let (t, n) = (v[0], length(v + 1, count - 1))
    guard t.isFinite && n.isFinite else { return false }
    if n <= t { return true }
    if n <= -t {
      for i in 0..<count { v[i] = 0 }
      return true
    }
    // Halves first: the sum may overflow.
    let head = 0.5 * t + 0.5 * n
    v[0] = head
    let factor = head / n
    if n > 1e-290 {
      for i in 1..<max(count, 1) { v[i] *= factor }
    } else {
      for i in 1..<max(count, 1) { v[i] = v[i] / n * head }
    }
    return true
  }

  static func projectRotated(_ v: UnsafeMutablePointer<Double>, _ count: Int) -> Bool {
    if v[0] >= 0 && v[1] >= 0 && isFlat(v + 2, count - 2) && v[0].isFinite && v[1].isFinite {
      return true
    }
    turn(v)
    let isFine = project(v, count)
    turn(v)
    return isFine
  }

  private static func isFlat(_ v: UnsafePointer<Double>, _ count: Int) -> Bool {
    for i in 0..<count where v[i] != 0 { return false }
    return true
  }

  /// The rotation that makes one cone of the other; its own inverse.
  @inline(__always) static func turn(_ v: UnsafeMutablePointer<Double>) {
    let half = 0.5.squareRoot()
    let (a, b) = (half * v[0], half * v[1])
    (v[0], v[1]) = (a + b, a - b)
  }

  /// Euclidean length that neither overflows nor loses small entries; NaN if an entry is not
  /// finite.
  package static func length(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += v[i] * v[i] }
    if sum > 1e-280 && sum < 1e300 { return sum.squareRoot() }
    var top = 0.0
    for i in 0..<count {
      guard v[i].isFinite else { return .nan }
      top = max(top, abs(v[i]))
    }
    guard top > 0 else { return 0 }
    sum = 0
    for i in 0..<count { sum += (v[i] / top) * (v[i] / top) }
    return top * sum.squareRoot()
  }
}

/// H = I - beta u u', the reflection that takes y/|y| to the first axis, up to sign.
///
/// Source: A. S. Householder, "Unitary triangularization of a nonsymmetric matrix" (1958).
struct Reflection {
  /// y/|y| + sign e_1, in memory of the owner.
  let u: UnsafeMutablePointer<Double>
  let count: Int
  /// The sign of the first coordinate of y; H y/|y| = -sign e_1.
  let sign: Double
  private let beta: Double

  /// Writes u over y, which must not be zero.
  init(_ y: UnsafeMutablePointer<Double>, _ count: Int, length: Double) {
    for i in 0..<count { y[i] /= length }
    sign = y[0] < 0 ? -1 : 1
    let size = 1 + abs(y[0])
    y[0] += sign
    // |y/|y| + sign e_1|^2 = 2 (1 + |y_1|).
    beta = 1 / size
    u = y
    self.count = count
  }

  /// v <- H v, with the sign changed so that the first coordinate becomes y'v / |y|.
  func apply(_ v: UnsafeMutablePointer<Double>) {
    reflect(v)
    v[0] *= -sign
  }

  /// Undoes `apply`.
  func undo(_ v: UnsafeMutablePointer<Double>) {
    v[0] *= -sign
    reflect(v)
  }

  private func reflect(_ v: UnsafeMutablePointer<Double>) {
    var dot = 0.0
    for i in 0..<count { dot += u[i] * v[i] }
    dot *= beta
    for i in 0..<count { v[i] -= dot * u[i] }
  }
}
