import KantorCore
import KantorNumerics

/// Scales of variables and rows: rounds that bring the largest entries of all columns of [P; A] and
/// all rows of A to 1, and a last one for their lengths. Rows of one cone that is no product of
/// half-lines keep one common scale.
///
/// Source: D. Ruiz, "A scaling algorithm to equilibrate both rows and columns norms in matrices",
/// report RAL-TR-2001-034.
enum SplittingScale {
  private static let least = 1e-4
  private static let most = 1e4
  private static let rounds = 10

  /// Scales P, A and q in place; answers D and E, with E of 1 for rows without entries.
  static func equilibrate(
    p: SparseMatrix, a: SparseMatrix, q: UnsafeMutablePointer<Double>, blocks: [Range<Int>]
  ) throws(KantorError) -> (columns: Buffer<Double>, rows: Buffer<Double>) {
    let (n, m) = (a.columns, a.rows)
    let columns = try Buffer<Double>(count: n, repeating: 1)
    let rows = try Buffer<Double>(count: m, repeating: 1)
    let d = try Buffer<Double>(count: n)
    let e = try Buffer<Double>(count: m)
    let work = try Buffer<Double>(count: n)
    for round in 0...rounds {
      let norm: SparseMatrix.Norm = round < rounds ? .largest : .two
      p.symmetricNorms(norm, into: d.pointer)
      a.columnNorms(norm, into: work.pointer)
      a.rowNorms(norm, into: e.pointer)
      for j in 0..<n {
        let (x, y) = (d.pointer[j], work.pointer[j])
        d.pointer[j] = round < rounds ? max(x, y) : (x * x + y * y).squareRoot()
      }
      share(e, blocks)
      step(d, columns)
      step(e, rows)
      // Clamping must not part the rows of a cone.
      share(e, blocks)
      p.scale(rows: d.pointer, columns: d.pointer, into: p)
      a.scale(rows: e.pointer, columns: d.pointer, into: a)
      for j in 0..<n {
        q[j] *= d.pointer[j]
        columns.pointer[j] *= d.pointer[j]
      }
      for i in 0..<m { rows.pointer[i] *= e.pointer[i] }
    }
    return (columns, rows)
  }

  /// Norms to factors 1/sqrt(norm), 1 where nothing is, with the product of all within bounds.
  private static func step(_ norms: Buffer<Double>, _ grown: Buffer<Double>) {
    for i in 0..<norms.count {
      let (x, old) = (norms.pointer[i], grown.pointer[i])
      let factor = x > 0 ? 1 / x.squareRoot() : 1
      norms.pointer[i] = min(max(factor, least / old), most / old)
    }
  }

  /// Entries of a block become their mean.
  private static func share(_ e: Buffer<Double>, _ blocks: [Range<Int>]) {
    for block in blocks where block.count > 1 {
      var sum = 0.0
      for i in block { sum += e.pointer[i] }
      let mean = sum / Double(block.count)
      for i in block { e.pointer[i] = mean }
    }
  }
}
