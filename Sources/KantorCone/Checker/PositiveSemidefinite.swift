import Glibc
import KantorCore

/// The smallest eigenvalue of a symmetric matrix given as a scaled triangle, for the checker.
///
/// A Cholesky factorisation that succeeds settles the common case. Else the matrix is made
/// tridiagonal by reflections, and its smallest eigenvalue found by bisection on Sturm counts.
package struct PositiveSemidefinite {
  let side: Int

  /// max(0, -smallest eigenvalue); NaN if an entry is.
  func distance(_ triangle: UnsafePointer<Double>) throws(KantorError) -> Double {
    let k = side
    if k == 1 { return triangle[0].isNaN ? .nan : max(0, -triangle[0]) }
    let count = k * (k + 1) / 2
    var top = 0.0
    for i in 0..<count {
      if !triangle[i].isFinite { return .nan }
      top = max(top, abs(triangle[i]))
    }
    if top == 0 { return 0 }
    let matrix = try Buffer<Double>(count: try checkedProduct(k, k, of: "psd cone"))
    fill(matrix, triangle, top)
    if hasCholesky(matrix.pointer) { return 0 }
    fill(matrix, triangle, top)
    let (diagonal, offDiagonal) = try tridiagonal(matrix.pointer)
    return top * max(0, -smallestEigenvalue(diagonal.pointer, offDiagonal.pointer))
  }

  /// Row-major, both triangles, divided by `top`.
  private func fill(_ m: Buffer<Double>, _ v: UnsafePointer<Double>, _ top: Double) {
    let (k, half) = (side, 0.5.squareRoot())
    var p = 0
    for j in 0..<k {
      for i in 0...j {
        let x = (i == j ? v[p] : v[p] * half) / top
        m.pointer[i &* k &+ j] = x
        m.pointer[j &* k &+ i] = x
        p &+= 1
      }
    }
  }

  private func hasCholesky(_ m: UnsafeMutablePointer<Double>) -> Bool {
    let k = side
    for j in 0..<k {
      let rowJ = m + j &* k
      for i in 0...j {
        let rowI = m + i &* k
        var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
        var t = 0
        while t &+ 4 <= i {
          s0 += rowI[t] * rowJ[t]
          s1 += rowI[t &+ 1] * rowJ[t &+ 1]
          s2 += rowI[t &+ 2] * rowJ[t &+ 2]
          s3 += rowI[t &+ 3] * rowJ[t &+ 3]
          t &+= 4
        }
        while t < i {
          s0 += rowI[t] * rowJ[t]
          t &+= 1
        }
        let x = rowJ[i] - ((s0 + s1) + (s2 + s3))
        if i < j {
          rowJ[i] = x / rowI[i]
        } else {
          if !(x >= 0) { return false }
          // A zero pivot is allowed when nothing below it needs it; that is left to eigenvalues.
          if x == 0 { return false }
          rowJ[j] = x.squareRoot()
        }
      }
    }
    return true
  }

  /// Householder's reduction, from the last row up.
  private func tridiagonal(
    _ m: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> (Buffer<Double>, Buffer<Double>) {
    let k = side
    let diagonal = try Buffer<Double>(count: k)
    let offDiagonal = try Buffer<Double>(count: k)
    let product = try Buffer<Double>(count: k)
    let p = product.pointer
    for last in stride(from: k - 1, through: 1, by: -1) {
      let v = m + last * k
      var norm = ConeDistance.length(v, last)
      if last == 1 || norm == 0 {
        offDiagonal.pointer[last] = v[last - 1]
        diagonal.pointer[last] = m[last * k + last]
        continue
      }
      if v[last - 1] > 0 { norm = -norm }
      offDiagonal.pointer[last] = norm
      v[last - 1] -= norm
      var square = 0.0
      for i in 0..<last { square += v[i] * v[i] }
      let beta = 2 / square
      // A <- A - v w' - w v', w = p - (beta/2)(v'p) v, p = beta A v.
      var vp = 0.0
      for i in 0..<last {
        var sum = 0.0
        let row = m + i * k
        for j in 0..<last { sum += row[j] * v[j] }
        p[i] = beta * sum
        vp += p[i] * v[i]
      }
      let shift = 0.5 * beta * vp
      for i in 0..<last { p[i] -= shift * v[i] }
      for i in 0..<last {
        let row = m + i * k
        let (vi, pi) = (v[i], p[i])
        for j in 0..<last { row[j] -= vi * p[j] + pi * v[j] }
      }
      diagonal.pointer[last] = m[last * k + last]
    }
    diagonal.pointer[0] = m[0]
    return (diagonal, offDiagonal)
  }

  private func smallestEigenvalue(
    _ d: UnsafePointer<Double>, _ e: UnsafePointer<Double>
  ) -> Double {
    let k = side
    var (low, high) = (Double.infinity, Double.infinity)
    for i in 0..<k {
      let radius = (i > 0 ? abs(e[i]) : 0) + (i + 1 < k ? abs(e[i + 1]) : 0)
      low = min(low, d[i] - radius)
      high = min(high, d[i])
    }
    // The smallest eigenvalue lies between Gershgorin's bound and the smallest diagonal entry.
    let width = max(abs(low), abs(high)) * 1e-16 + Double.leastNormalMagnitude
    for _ in 0..<200 where high - low > width {
      let x = 0.5 * (low + high)
      if hasEigenvalue(below: x, d, e) { high = x } else { low = x }
    }
    return 0.5 * (low + high)
  }

  private func hasEigenvalue(
    below x: Double, _ d: UnsafePointer<Double>, _ e: UnsafePointer<Double>
  ) -> Bool {
    var q = d[0] - x
    if q < 0 { return true }
    for i in 1..<side {
      let pivot = max(q, Double.ulpOfOne * (abs(e[i]) + Double.leastNormalMagnitude))
      q = d[i] - x - e[i] / pivot * e[i]
      if q < 0 { return true }
    }
    return false
  }
}
