import COpenBLAS
import KantorCore

/// Singular values and, if asked for, thin singular vectors of a dense matrix, by LAPACK's divide
/// and conquer (dgesdd).
public struct SingularValues {
  /// Descending.
  public let values: Buffer<Double>
  /// Row k is the k-th left (of as many entries as the matrix has rows) or right singular vector.
  public let left: Buffer<Double>
  public let right: Buffer<Double>

  /// A row-major matrix of finite entries, which is copied.
  public init(
    _ a: UnsafePointer<Double>, rows: Int, columns: Int, vectors: Bool = true
  ) throws(KantorError) {
    let what = "singular values of a \(rows) x \(columns) matrix"
    let size = try checkedProduct(rows, columns, of: "matrix")
    let k = min(rows, columns)
    values = try Buffer(count: k)
    left = try Buffer(count: vectors ? checkedProduct(k, rows, of: "vectors") : 0)
    right = try Buffer(count: vectors ? checkedProduct(k, columns, of: "vectors") : 0)
    for e in 0..<size where !a[e].isFinite {
      throw KantorError(.notFinite, "\(what): an entry is \(a[e])")
    }
    guard k > 0 else { return }
    let library = try DenseLibrary.functions(for: what)
    let copy = try Buffer<Double>(copying: a, count: size)
    let integers = try Buffer<Int32>(count: try checkedProduct(8, k, of: what))
    // Read by columns the memory is the transpose: its left vectors are our right ones, and come
    // one after the other; V' by columns has ours side by side, so it is transposed below.
    var (m, n) = (try DenseLibrary.int32(columns, what), try DenseLibrary.int32(rows, what))
    let thin = try DenseLibrary.int32(k, what)
    var (info, length, answer) = (Int32(0), Int32(-1), 0.0)
    let job = vectors ? "S" : "N"
    let turned = try Buffer<Double>(count: left.count)
    var (strideLeft, strideRight) = vectors ? (m, thin) : (1, 1)
    library.dgesdd(
      job, &m, &n, copy.pointer, &m, values.pointer, right.pointer, &strideLeft,
      turned.pointer, &strideRight, &answer, &length, integers.pointer, &info, 1)
    let work = try Buffer<Double>(count: try DenseLibrary.workSize(answer, what))
    length = Int32(work.count)
    library.dgesdd(
      job, &m, &n, copy.pointer, &m, values.pointer, right.pointer, &strideLeft,
      turned.pointer, &strideRight, work.pointer, &length, integers.pointer, &info, 1)
    guard info == 0 else {
      throw KantorError(.internal, "\(what): dgesdd did not converge (\(info))")
    }
    for i in 0..<(vectors ? rows : 0) {
      for j in 0..<k { left.pointer[j * rows + i] = turned.pointer[i * k + j] }
    }
  }
}
