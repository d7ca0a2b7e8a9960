import KantorCore
import KantorNumerics

/// Products with the rows of a matrix, each gathered by one thread.
struct GatheredProduct {
  private let columns: SparseMatrix
  private let parallel: Parallel

  /// Entries from which threads pay.
  private static let least = 100_000

  /// Of the transpose of `columns`.
  init(_ columns: SparseMatrix, threads: Int) {
    self.columns = columns
    parallel = Parallel(threads: columns.count >= Self.least ? threads : 1)
  }

  func multiply(_ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>) {
    let (first, index, value) = (
      columns.starts.pointer, columns.indices.pointer, columns.values.pointer)
    parallel.forEach(columns.columns) { _, start, end in
      for j in start..<end {
        var (even, odd) = (0.0, 0.0)
        var k = first[j]
        let stop = first[j &+ 1]
        while k &+ 2 <= stop {
          even += value[k] * x[Int(index[k])]
          odd += value[k &+ 1] * x[Int(index[k &+ 1])]
          k &+= 2
        }
        if k < stop { even += value[k] * x[Int(index[k])] }
        y[j] = even + odd
      }
    }
  }
}

/// min 1/2 x'Px + q'x, l <= [G; I] x <= u, in the units of the primal-dual iteration: on top of the
/// form's scales, rows and columns of G with sums near 1, limits and objective of length near 1.
///
/// Source: T. Pock, A. Chambolle, "Diagonal preconditioning for first order primal-dual algorithms
/// in convex optimization", ICCV (2011).
final class PrimalDualForm {
  let form: LinearForm
  let n: Int
  let rows: Int
  let p: SparseMatrix
  let q: Buffer<Double>
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  /// The form's x over ours, and the form's y over ours.
  let columns: Buffer<Double>
  let multipliers: Buffer<Double>
  let timesG: GatheredProduct
  let timesGTransposed: GatheredProduct
  /// Lengths (largest singular values) of G and P.
  let lengthOfG: Double
  let lengthOfP: Double

  init(_ form: LinearForm, threads: Int) throws(KantorError) {
    self.form = form
    n = form.n
    rows = form.rows
    let (n, rows) = (n, rows)
    columns = try Buffer(count: n)
    multipliers = try Buffer(count: rows)
    form.g.columnNorms(.one, into: columns.pointer)
    form.g.rowNorms(.one, into: multipliers.pointer)
    Self.invertRoots(columns)
    Self.invertRoots(multipliers)
    let g = try form.g.scaled(rows: multipliers, columns: columns)
    p = try form.p.scaled(rows: columns, columns: columns)
    q = try form.q.copy()
    lower = try form.lower.copy()
    upper = try form.upper.copy()
    for j in 0..<n {
      q.pointer[j] *= columns.pointer[j]
      lower.pointer[rows + j] /= columns.pointer[j]
      upper.pointer[rows + j] /= columns.pointer[j]
    }
    var square = 0.0
    for i in 0..<rows {
      lower.pointer[i] *= multipliers.pointer[i]
      upper.pointer[i] *= multipliers.pointer[i]
      let (l, u) = (lower.pointer[i], upper.pointer[i])
      let size = max(l.isFinite ? abs(l) : 0, u.isFinite ? abs(u) : 0)
      square += size * size
    }
    let limits = 1 + square.squareRoot()
    square = 0
    for j in 0..<n { square += q.pointer[j] * q.pointer[j] }
    let objective = 1 + square.squareRoot()
    for k in 0..<(rows + n) {
      lower.pointer[k] /= limits
      upper.pointer[k] /= limits
    }
    for j in 0..<n {
      q.pointer[j] /= objective
      columns.pointer[j] *= limits
    }
    for i in 0..<rows { multipliers.pointer[i] *= objective }
    for k in 0..<p.count { p.values.pointer[k] *= limits / objective }
    let transposed = try g.transposed().matrix
    timesG = GatheredProduct(transposed, threads: threads)
    timesGTransposed = GatheredProduct(g, threads: threads)
    let (forward, backward, p) = (timesG, timesGTransposed, p)
    let work = try Buffer<Double>(count: rows)
    lengthOfG = try Self.power(n) { x, y in
      forward.multiply(x, into: work.pointer)
      backward.multiply(work.pointer, into: y)
    }.squareRoot()
    lengthOfP = p.count == 0 ? 0 : try Self.power(n) { x, y in
      for j in 0..<n { y[j] = 0 }
      p.multiplySymmetric(x, into: y)
    }
  }

  private static func invertRoots(_ v: Buffer<Double>) {
    for i in 0..<v.count { v.pointer[i] = v.pointer[i] > 0 ? 1 / v.pointer[i].squareRoot() : 1 }
  }

  /// The largest eigenvalue of a positive semidefinite map, by power iteration.
  private static func power(
    _ n: Int, _ map: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) throws(KantorError) -> Double {
    let x = try Buffer<Double>(count: n)
    let y = try Buffer<Double>(count: n)
    var stream = RandomStream(seed: 1)
    for j in 0..<n { x.pointer[j] = 0.5 + stream.uniform() }
    var value = 0.0
    for _ in 0..<200 {
      var square = 0.0
      for j in 0..<n { square += x.pointer[j] * x.pointer[j] }
      if square == 0 { return 0 }
      let unit = 1 / square.squareRoot()
      for j in 0..<n { x.pointer[j] *= unit }
      map(x.pointer, y.pointer)
      square = 0
      for j in 0..<n {
        square += y.pointer[j] * y.pointer[j]
        x.pointer[j] = y.pointer[j]
      }
      let last = value
      value = square.squareRoot()
      if abs(value - last) <= 1e-5 * value { break }
    }
    // The iteration comes from below.
    return value * 1.01
  }
}
