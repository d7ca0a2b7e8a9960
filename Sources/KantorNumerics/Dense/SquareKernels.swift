import COpenBLAS
import KantorCore

/// Products, Cholesky factors, singular values, eigenvectors and least eigenvalues of square
/// matrices of one order, by columns, again and again: plain loops for small ones; for the others
/// our own products, and LAPACK from OpenBLAS for the rest. All memory is taken at the start,
/// where the library is opened if it is needed.
///
/// Source: G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed. (2013), sections 4.2 and
/// 8.6.3 (one-sided Jacobi).
public final class SquareKernels {
  public let order: Int
  private let library: kn_openblas?
  private let least: LeastEigenvalue?
  private let work: Buffer<Double>
  private let integers: Buffer<Int32>
  private let values: Buffer<Double>
  private let side: Int32
  private let product: MatrixProduct?

  /// Largest order that is left to plain loops.
  public static let smallOrder = 16

  public init(order n: Int) throws(KantorError) {
    order = n
    let what = "matrices of order \(n)"
    let size = try checkedProduct(n, n, of: "matrix")
    values = try Buffer(count: n)
    side = try DenseLibrary.int32(n, "order")
    guard n > Self.smallOrder else {
      (library, product) = (nil, nil)
      least = try LeastEigenvalue(order: n)
      work = try Buffer(count: size)
      integers = try Buffer(count: 0)
      return
    }
    least = nil
    let functions = try DenseLibrary.functions(for: what)
    library = functions
    integers = try Buffer(count: try checkedProduct(8, n, of: what) + 3)
    let scratch = try Buffer<Double>(count: 1)
    var (length, info, answer, second) = (Int32(-1), Int32(0), 0.0, Int32(0))
    var order32 = side
    functions.dgesdd(
      "A", &order32, &order32, scratch.pointer, &order32, scratch.pointer, scratch.pointer,
      &order32, scratch.pointer, &order32, &answer, &length, integers.pointer, &info, 1)
    var most = try DenseLibrary.workSize(answer, what)
    functions.dsyevd(
      "V", "L", &order32, scratch.pointer, &order32, scratch.pointer, &answer, &length, &second,
      &length, &info, 1, 1)
    // Some versions answer a little too little; the documented size is the least.
    let documented = try checkedProduct(n, 6 + 2 * n, of: what) + 1
    most = max(most, try DenseLibrary.workSize(answer, what), documented)
    _ = try DenseLibrary.int32(most, "\(what): work memory")
    work = try Buffer(count: most)
    // The first product takes the memory for packing.
    let product = try MatrixProduct()
    self.product = product
    let square = try Buffer<Double>(count: size)
    try product.multiply(
      MatrixView(square.pointer, rows: n, columns: n),
      MatrixView(square.pointer, rows: n, columns: n), into: work.pointer)
  }

  /// c = op(a) op(b), op the transpose where it is turned.
  public func multiply(
    _ a: UnsafePointer<Double>, turned ta: Bool = false, by b: UnsafePointer<Double>,
    turnedRight tb: Bool = false, into c: UnsafeMutablePointer<Double>
  ) {
    let n = order
    if let product {
      // By rows the memory holds transposes: c' = op(b)' op(a)'.
      let left = MatrixView(b, rows: n, columns: n)
      let right = MatrixView(a, rows: n, columns: n)
      // Nothing is allocated after the start, so nothing is thrown.
      _ = try? product.multiply(
        tb ? left.transposed : left, ta ? right.transposed : right, into: c)
      return
    }
    multiplySmall(a, ta, b, tb, c)
  }

  /// By columns, or by inner products of columns where the left factor is turned.
  private func multiplySmall(
    _ a: UnsafePointer<Double>, _ ta: Bool, _ b: UnsafePointer<Double>, _ tb: Bool,
    _ c: UnsafeMutablePointer<Double>
  ) {
    let n = order
    for j in 0..<n {
      let (out, right) = (c + j &* n, b + (tb ? j : j &* n))
      let stride = tb ? n : 1
      if ta {
        for i in 0..<n {
          let column = a + i &* n
          var sum = 0.0
          for k in 0..<n { sum += column[k] * right[k &* stride] }
          out[i] = sum
        }
        continue
      }
      for i in 0..<n { out[i] = 0 }
      for k in 0..<n {
        let (t, column) = (right[k &* stride], a + k &* n)
        for i in 0..<n { out[i] += t * column[i] }
      }
    }
  }

  /// The lower Cholesky factor in place, zeros above it; false when the matrix is not positive
  /// definite.
  public func cholesky(_ a: UnsafeMutablePointer<Double>) -> Bool {
    let n = order
    if let library {
      var (m, info) = (side, Int32(0))
      library.dpotrf("L", &m, a, &m, &info, 1)
      guard info == 0 else { return false }
    } else {
      for j in 0..<n {
        for k in 0..<j {
          let t = a[k &* n &+ j]
          for i in j..<n { a[j &* n &+ i] -= t * a[k &* n &+ i] }
        }
        let pivot = a[j &* n &+ j]
        guard pivot > 0, pivot.isFinite else { return false }
        let root = pivot.squareRoot()
        for i in j..<n { a[j &* n &+ i] /= root }
      }
    }
    for j in 0..<n {
      for i in 0..<j { a[j &* n &+ i] = 0 }
    }
    return true
  }

  /// a = U diag(s) V'; leaves U in u and V' in vt. What is in a is lost.
  public func singularValues(
    _ a: UnsafeMutablePointer<Double>, u: UnsafeMutablePointer<Double>,
    s: UnsafeMutablePointer<Double>, vt: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let library else { return rotate(a, u, s, vt) }
    var (m, info, length) = (side, Int32(0), Int32(truncatingIfNeeded: work.count))
    library.dgesdd(
      "A", &m, &m, a, &m, s, u, &m, vt, &m, work.pointer, &length, integers.pointer, &info, 1)
    return info == 0
  }

  /// One-sided Jacobi: rotations of the columns of a until they are orthogonal.
  private func rotate(
    _ a: UnsafeMutablePointer<Double>, _ u: UnsafeMutablePointer<Double>,
    _ s: UnsafeMutablePointer<Double>, _ vt: UnsafeMutablePointer<Double>
  ) -> Bool {
    let n = order
    for e in 0..<(n * n) {
      guard a[e].isFinite else { return false }
      vt[e] = 0
    }
    for k in 0..<n { vt[k * n + k] = 1 }
    for _ in 0..<40 {
      var hasRotated = false
      for p in 0..<n {
        for q in (p + 1)..<max(n, p + 1) {
          let (x, y) = (a + p * n, a + q * n)
          var (xx, yy, xy) = (0.0, 0.0, 0.0)
          for i in 0..<n {
            xx += x[i] * x[i]
            yy += y[i] * y[i]
            xy += x[i] * y[i]
          }
          guard abs(xy) > 1e-15 * (xx * yy).squareRoot(), abs(xy) > 1e-300 else { continue }
          hasRotated = true
          let ratio = (yy - xx) / (2 * xy)
          let t = (ratio >= 0 ? 1 : -1) / (abs(ratio) + (1 + ratio * ratio).squareRoot())
          let c = 1 / (1 + t * t).squareRoot()
          let d = t * c
          for i in 0..<n {
            let (f, g) = (x[i], y[i])
            x[i] = c * f - d * g
            y[i] = d * f + c * g
            // V' holds the vectors in its rows.
            let (v, w) = (vt[i * n + p], vt[i * n + q])
            vt[i * n + p] = c * v - d * w
            vt[i * n + q] = d * v + c * w
          }
        }
      }
      if !hasRotated { break }
    }
    for k in 0..<n {
      var sum = 0.0
      for i in 0..<n { sum += a[k * n + i] * a[k * n + i] }
      s[k] = sum.squareRoot()
      guard s[k] > 0 else { return false }
      for i in 0..<n { u[k * n + i] = a[k * n + i] / s[k] }
    }
    return true
  }

  /// Eigenvalues of a symmetric matrix of which the lower triangle is read, ascending, and its
  /// eigenvectors, which replace it by columns; for orders above `smallOrder`.
  public func eigenvectors(
    _ a: UnsafeMutablePointer<Double>, values l: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let library else { return false }
    for e in 0..<(order * order) where !a[e].isFinite { return false }
    var (m, info, length) = (side, Int32(0), Int32(truncatingIfNeeded: work.count))
    var second = Int32(truncatingIfNeeded: integers.count)
    library.dsyevd(
      "V", "L", &m, a, &m, l, work.pointer, &length, integers.pointer, &second, &info, 1, 1)
    return info == 0
  }

  /// The least eigenvalue of a symmetric matrix of which the lower triangle is read; NaN when it
  /// could not be found. What is in a is lost.
  public func leastEigenvalue(_ a: UnsafeMutablePointer<Double>) -> Double {
    if let least { return least.find(a) }
    guard let library else { return .nan }
    for e in 0..<(order * order) where !a[e].isFinite { return .nan }
    var (m, info, length) = (side, Int32(0), Int32(truncatingIfNeeded: work.count))
    var second = Int32(truncatingIfNeeded: integers.count)
    library.dsyevd(
      "N", "L", &m, a, &m, values.pointer, work.pointer, &length, integers.pointer, &second, &info,
      1, 1)
    return info == 0 ? values.pointer[0] : .nan
  }
}
