import KantorCore

/// Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations: simple, and more
/// accurate on small eigenvalues than reductions to tridiagonal form. For small matrices: some
/// eight sweeps of 4 n^3 operations.
///
/// Source: J. Demmel, K. Veselic, "Jacobi's method is more accurate than QR" (1992).
public struct SymmetricEigen {
  public let count: Int
  /// In ascending order.
  public let values: Buffer<Double>
  /// Row k is the unit eigenvector of values[k].
  public let vectors: Buffer<Double>

  private static let maxSweeps = 60

  /// Reads the mean of the matrix, n x n and row-major, and its transpose. All entries are finite.
  public init(_ a: UnsafePointer<Double>, count n: Int) throws(KantorError) {
    count = n
    let size = try checkedProduct(n, n, of: "matrix")
    let work = try Buffer<Double>(count: size)
    let basis = try Buffer<Double>(count: size)
    let (m, v) = (work.pointer, basis.pointer)
    for i in 0..<n {
      for j in 0..<n { m[i * n + j] = 0.5 * (a[i * n + j] + a[j * n + i]) }
      v[i * n + i] = 1
    }
    for _ in 0..<Self.maxSweeps where !Self.sweep(m, v, n) { break }
    let order = (0..<n).sorted { m[$0 * n + $0] < m[$1 * n + $1] }
    values = try Buffer(count: n)
    vectors = try Buffer(count: size)
    for k in 0..<n {
      values.pointer[k] = m[order[k] * n + order[k]]
      (vectors.pointer + k * n).update(from: v + order[k] * n, count: n)
    }
  }

  /// One rotation for every pair that still matters; false when none did.
  private static func sweep(
    _ m: UnsafeMutablePointer<Double>, _ v: UnsafeMutablePointer<Double>, _ n: Int
  ) -> Bool {
    var hasRotated = false
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) {
        let (x, y, off) = (m[p * n + p], m[q * n + q], m[p * n + q])
        guard abs(off) > 0x1p-53 * (abs(x) * abs(y)).squareRoot(), abs(off) > 1e-300 else {
          continue
        }
        hasRotated = true
        rotate(m, v, n, p, q, x, y, off)
      }
    }
    return hasRotated
  }

  private static func rotate(
    _ m: UnsafeMutablePointer<Double>, _ v: UnsafeMutablePointer<Double>, _ n: Int, _ p: Int,
    _ q: Int, _ x: Double, _ y: Double, _ off: Double
  ) {
    let ratio = (y - x) / (2 * off)
    let t = (ratio >= 0 ? 1 : -1) / (abs(ratio) + (1 + ratio * ratio).squareRoot())
    let c = 1 / (1 + t * t).squareRoot()
    let s = t * c
    let (rowP, rowQ) = (m + p * n, m + q * n)
    for k in 0..<n {
      let (a, b) = (rowP[k], rowQ[k])
      rowP[k] = c * a - s * b
      rowQ[k] = s * a + c * b
      let (e, f) = (v[p * n + k], v[q * n + k])
      v[p * n + k] = c * e - s * f
      v[q * n + k] = s * e + c * f
    }
    for k in 0..<n where k != p && k != q {
      m[k * n + p] = rowP[k]
      m[k * n + q] = rowQ[k]
    }
    (rowP[p], rowQ[q]) = (x - t * off, y + t * off)
    (rowP[q], rowQ[p]) = (0, 0)
  }

  /// out = sum_k f(value_k) v_k v_k'.
  public func apply(_ out: UnsafeMutablePointer<Double>, _ f: (Double) -> Double) {
    let n = count
    for i in 0..<n * n { out[i] = 0 }
    for k in 0..<n {
      let (weight, v) = (f(values.pointer[k]), vectors.pointer + k * n)
      for i in 0..<n {
        let left = weight * v[i]
        for j in 0..<n { out[i * n + j] += left * v[j] }
      }
    }
  }
}
