import KantorCore
import KantorNumerics

/// Projection on the cone of positive semidefinite matrices of one order, given as scaled
/// triangles: the upper triangle by columns, off-diagonal entries times sqrt 2, so that the scaled
/// triangle has the length of the matrix.
///
/// Source: N. J. Higham, "Computing a nearest symmetric positive semidefinite matrix", Linear
/// Algebra Appl. 103 (1988).
final class SemidefiniteProjection {
  let side: Int
  let spectrum: SymmetricSpectrum
  private let matrix: Buffer<Double>

  init(side: Int) throws(KantorError) {
    self.side = side
    spectrum = try SymmetricSpectrum(order: side)
    matrix = try Buffer(count: try checkedProduct(side, side, of: "psd cone"))
  }

  /// The eigenvalues and vectors of a triangle; false if an entry is not finite.
  func decompose(_ v: UnsafePointer<Double>) -> Bool {
    ScaledTriangle.unpack(v, side, into: matrix.pointer)
    return spectrum.decompose(matrix.pointer)
  }

  func project(_ v: UnsafeMutablePointer<Double>) -> Bool {
    guard side > 1 else {
      if side == 1 { v[0] = max(v[0], 0) }
      return side == 0 || v[0].isFinite
    }
    guard decompose(v) else { return false }
    let lambda = spectrum.values.pointer
    if lambda[0] >= 0 { return true }
    var negative = 0
    while negative < side && lambda[negative] < 0 { negative += 1 }
    if negative == side {
      for i in 0..<(side * (side + 1) / 2) { v[i] = 0 }
    } else if 2 * negative <= side {
      // Fewer vectors: v less its negative part.
      spectrum.assemble(into: matrix.pointer) { max(-$0, 0) }
      ScaledTriangle.add(matrix.pointer, side, to: v)
    } else {
      spectrum.assemble(into: matrix.pointer) { max($0, 0) }
      ScaledTriangle.pack(matrix.pointer, side, into: v)
    }
    return true
  }
}

/// Symmetric matrices, row-major, and their scaled triangles.
package enum ScaledTriangle {
  package static func unpack(
    _ v: UnsafePointer<Double>, _ k: Int, into m: UnsafeMutablePointer<Double>
  ) {
    let half = 0.5.squareRoot()
    var p = 0
    for j in 0..<k {
      for i in 0..<j {
        let x = half * v[p]
        m[i &* k &+ j] = x
        m[j &* k &+ i] = x
        p &+= 1
      }
      m[j &* k &+ j] = v[p]
      p &+= 1
    }
  }

  package static func pack(
    _ m: UnsafePointer<Double>, _ k: Int, into v: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<(k &* (k &+ 1) / 2) { v[i] = 0 }
    add(m, k, to: v)
  }

  static func add(
    _ m: UnsafePointer<Double>, _ k: Int, to v: UnsafeMutablePointer<Double>
  ) {
    let root = 2.0.squareRoot()
    var p = 0
    for j in 0..<k {
      for i in 0..<j {
        v[p] += root * (0.5 * (m[i &* k &+ j] + m[j &* k &+ i]))
        p &+= 1
      }
      v[p] += m[j &* k &+ j]
      p &+= 1
    }
  }
}
