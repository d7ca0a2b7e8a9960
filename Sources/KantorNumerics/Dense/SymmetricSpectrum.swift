import COpenBLAS
import KantorCore

/// Eigenvalues and eigenvectors of symmetric matrices of one order, again and again: Jacobi's
/// rotations for small ones, LAPACK's divide and conquer (dsyevd) for the others. All memory is
/// taken at the start, where LAPACK's library is opened if it is needed.
///
/// Source: J. Demmel, K. Veselic, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal.
/// Appl. 13 (1992); M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the symmetric
/// tridiagonal eigenproblem", SIAM J. Matrix Anal. Appl. 16 (1995).
public final class SymmetricSpectrum {
  public let order: Int
  /// In ascending order.
  public let values: Buffer<Double>
  /// Row k is the unit eigenvector of values[k].
  public let vectors: Buffer<Double>
  private let work: Buffer<Double>
  private let integers: Buffer<Int32>
  private let library: kn_openblas?

  /// Largest order that Jacobi's rotations take.
  public static let smallOrder = 20

  public init(order n: Int) throws(KantorError) {
    order = n
    let size = try checkedProduct(n, n, of: "matrix")
    values = try Buffer(count: n)
    vectors = try Buffer(count: size)
    guard n > Self.smallOrder else {
      library = nil
      work = try Buffer(count: size)
      integers = try Buffer(count: 0)
      return
    }
    let functions = try DenseLibrary.functions(for: "eigenvalues of order \(n)")
    library = functions
    var (side, info) = (try DenseLibrary.int32(n, "order"), Int32(0))
    var (minusOne, size64, size32) = (Int32(-1), 0.0, Int32(0))
    functions.dsyevd(
      "V", "L", &side, vectors.pointer, &side, values.pointer, &size64, &minusOne, &size32,
      &minusOne, &info, 1, 1)
    // Some versions answer a little too little; the documented size is the least.
    let least = try checkedProduct(n, 6 + 2 * n, of: "eigenvalues") + 1
    let asked = try DenseLibrary.workSize(size64, "eigenvalues of order \(n)")
    _ = try DenseLibrary.int32(least, "eigenvalues: work memory")
    work = try Buffer(count: max(asked, least))
    integers = try Buffer(count: max(Int(size32), 3 + 5 * n))
  }

  /// Decomposes the matrix, n x n, of which one triangle is read: the upper one if it is row-major,
  /// the lower one if it lies by columns. False when LAPACK did not converge or an entry is not
  /// finite; values and vectors are of no use then.
  public func decompose(_ a: UnsafePointer<Double>) -> Bool {
    let (n, v) = (order, vectors.pointer)
    for k in 0..<n {
      for i in k..<n {
        let x = a[k * n + i]
        guard x.isFinite else { return false }
        v[k * n + i] = x
        v[i * n + k] = x
      }
    }
    guard let library else { return rotate() }
    guard let side = Int32(exactly: n), let lwork = Int32(exactly: work.count),
      let liwork = Int32(exactly: integers.count)
    else { return false }
    var (order32, size64, size32, info) = (side, lwork, liwork, Int32(0))
    library.dsyevd(
      "V", "L", &order32, v, &order32, values.pointer, work.pointer, &size64, integers.pointer,
      &size32, &info, 1, 1)
    return info == 0
  }

  /// V diag(f(lambda)) V' into a row-major matrix: for f = max(0, .) the projection onto the
  /// positive semidefinite cone. Only eigenvalues with f(lambda) != 0 cost anything.
  public func assemble(into out: UnsafeMutablePointer<Double>, _ f: (Double) -> Double) {
    let (n, v) = (order, vectors.pointer)
    guard n > Self.smallOrder, let library, let side = Int32(exactly: n) else {
      assembleSmall(into: out, f)
      return
    }
    // The work memory holds more than two matrices: chosen vectors, and the same times weights.
    let (plain, scaled) = (work.pointer, work.pointer + n * n)
    var chosen: Int32 = 0
    for k in 0..<n {
      let weight = f(values.pointer[k])
      guard weight != 0 else { continue }
      let at = Int(chosen) * n
      for i in 0..<n {
        plain[at + i] = v[k * n + i]
        scaled[at + i] = weight * v[k * n + i]
      }
      chosen += 1
    }
    var (rows, inner, one, zero) = (side, chosen, 1.0, 0.0)
    library.dgemm(
      "N", "T", &rows, &rows, &inner, &one, plain, &rows, scaled, &rows, &zero, out, &rows, 1, 1)
  }

  private func assembleSmall(
    into out: UnsafeMutablePointer<Double>, _ f: (Double) -> Double
  ) {
    let (n, v) = (order, vectors.pointer)
    for e in 0..<(n * n) { out[e] = 0 }
    for k in 0..<n {
      let weight = f(values.pointer[k])
      guard weight != 0 else { continue }
      let row = v + k * n
      for i in 0..<n {
        let t = weight * row[i]
        for j in 0..<n { out[i * n + j] += t * row[j] }
      }
    }
  }

  /// Cyclic Jacobi on the copy in `vectors`, which is moved to the work memory first.
  private func rotate() -> Bool {
    let (n, m, v, lambda) = (order, work.pointer, vectors.pointer, values.pointer)
    for e in 0..<(n * n) {
      m[e] = v[e]
      v[e] = 0
    }
    for k in 0..<n { v[k * n + k] = 1 }
    for _ in 0..<Self.maxSweeps {
      var hasRotated = false
      for p in 0..<n {
        for q in stride(from: p + 1, to: n, by: 1) {
          if Self.rotate(m, v, n, p, q) { hasRotated = true }
        }
      }
      if !hasRotated { break }
    }
    for k in 0..<n { lambda[k] = m[k * n + k] }
    // Selection sort moves each vector once.
    for k in 0..<n {
      var least = k
      for j in stride(from: k + 1, to: n, by: 1) where lambda[j] < lambda[least] { least = j }
      guard least != k else { continue }
      (lambda[k], lambda[least]) = (lambda[least], lambda[k])
      for i in 0..<n {
        (v[k * n + i], v[least * n + i]) = (v[least * n + i], v[k * n + i])
      }
    }
    return true
  }

  private static let maxSweeps = 40

  /// Takes entry (p, q) to zero; false when it is so small that nothing would change.
  private static func rotate(
    _ m: UnsafeMutablePointer<Double>, _ v: UnsafeMutablePointer<Double>, _ n: Int, _ p: Int,
    _ q: Int
  ) -> Bool {
    let (x, y, off) = (m[p * n + p], m[q * n + q], m[p * n + q])
    guard abs(off) > 0x1p-54 * (abs(x) * abs(y)).squareRoot(), abs(off) > 1e-300 else {
      return false
    }
    let ratio = y / (2 * off) - x / (2 * off)
    // A quotient so large that its square overflows stands for a rotation by almost nothing.
    let t = abs(ratio) > 1e150
      ? 0.5 / ratio
      : (ratio >= 0 ? 1 : -1) / (abs(ratio) + (1 + ratio * ratio).squareRoot())
    let c = 1 / (1 + t * t).squareRoot()
    let s = t * c
    for k in 0..<n {
      let (a, b) = (m[p * n + k], m[q * n + k])
      m[p * n + k] = c * a - s * b
      m[q * n + k] = s * a + c * b
      let (e, f) = (v[p * n + k], v[q * n + k])
      v[p * n + k] = c * e - s * f
      v[q * n + k] = s * e + c * f
    }
    for k in 0..<n where k != p && k != q {
      m[k * n + p] = m[p * n + k]
      m[k * n + q] = m[q * n + k]
    }
    m[p * n + p] = x - t * off
    m[q * n + q] = y + t * off
    m[p * n + q] = 0
    m[q * n + p] = 0
    return true
  }
}
