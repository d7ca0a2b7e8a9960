import KantorCore
import KantorNumerics

/// The system of the proximal loop where most of G is not zero: the rows are eliminated, which
/// leaves M = P + X + G'Y^-1 G, of the order of the variables. The sparse factorisation takes the
/// same pivots in the same order; here nothing is looked for or looked up.
///
/// Rounding in M is made up for by refinement with P and G themselves.
final class DenseKKT: ProximalSystem {
  var shift = 0.0
  private let form: LinearForm
  /// P by columns from the diagonal down.
  private let lower: SparseMatrix
  private let matrix: DenseLDL
  private let signs: Buffer<Int8>
  /// X, then -Y.
  private let diagonal: Buffer<Double>
  private let refinement: Refinement

  private var n: Int { form.n }
  private var rows: Int { form.rows }
  var outcome: FactorOutcome { matrix.outcome }
  var factorEntries: Int { n * (n - 1) / 2 }

  /// Half of the entries of G, and pivots that a sparse factorisation would take in this order too:
  /// rows first, as there are many or P is as full.
  static func suits(_ form: LinearForm) -> Bool {
    let (n, rows) = (form.n, form.rows)
    let (all, overflow) = n.multipliedReportingOverflow(by: max(n, rows))
    guard n >= 16, rows > 0, !overflow, all < SparseMatrix.largest else { return false }
    guard 2 * form.g.count >= n * rows else { return false }
    return rows >= 2 * n || 4 * form.p.count >= n * n
  }

  init(_ form: LinearForm, threads: Int) throws(KantorError) {
    let (n, rows) = (form.n, form.rows)
    self.form = form
    lower = try form.p.transposed().matrix
    matrix = try DenseLDL(order: n, given: rows, threads: threads)
    signs = try Buffer(count: n, repeating: 1)
    diagonal = try Buffer(count: n + rows)
    refinement = try Refinement(order: n + rows, rounds: 5)
    let (g, to, leading) = (form.g, matrix.givenColumns, matrix.leading)
    for j in 0..<n {
      for k in g.starts.pointer[j]..<g.starts.pointer[j + 1] {
        to[Int(g.indices.pointer[k]) * leading + j] = g.values.pointer[k]
      }
    }
  }

  func addDiagonal(_ d: UnsafePointer<Double>) {
    diagonal.pointer.update(from: d, count: n + rows)
  }

  func factor(_ interruption: Interruption) -> Bool {
    let (first, row, value) = (lower.starts.pointer, lower.indices.pointer, lower.values.pointer)
    for j in 0..<n {
      let column = matrix.entries + j * matrix.leading
      for i in j..<n { column[i] = 0 }
      for k in first[j]..<first[j + 1] { column[Int(row[k])] = value[k] }
      column[j] += diagonal.pointer[j]
    }
    for i in 0..<rows { matrix.givenWeights[i] = weight(i) }
    matrix.factor(
      signs: signs.pointer, rule: PivotRule(shift: shift), interruption: interruption)
    return matrix.outcome.isUsable
  }

  /// -1 / Y with the shift.
  private func weight(_ i: Int) -> Double { 1 / (diagonal.pointer[n + i] - shift) }

  func solve(_ b: UnsafePointer<Double>, into x: UnsafeMutablePointer<Double>) -> Bool {
    refinement.solve(b, x, subtract: subtract, by: eliminate).isFinite
  }

  /// r -= K v.
  private func subtract(_ v: UnsafePointer<Double>, from r: UnsafeMutablePointer<Double>) {
    for k in 0..<(n + rows) { r[k] -= diagonal.pointer[k] * v[k] }
    form.p.multiplySymmetric(v, into: r, scale: -1)
    form.g.multiplyTransposed(v + n, into: r, scale: -1)
    form.g.multiply(v, into: r + n, scale: -1)
  }

  /// (x, y) with M x = b_x + G'Y^-1 b_y and Y y = G x - b_y, in place.
  private func eliminate(_ b: UnsafeMutablePointer<Double>) {
    let y = b + n
    for i in 0..<rows { y[i] *= -matrix.givenWeights[i] }
    form.g.multiplyTransposed(y, into: b)
    matrix.solve(b)
    for i in 0..<rows { y[i] /= matrix.givenWeights[i] }
    form.g.multiply(b, into: y)
    for i in 0..<rows { y[i] *= -matrix.givenWeights[i] }
  }
}
