import KantorBlocks
import KantorCore
import KantorNumerics

/// The sparse matrix of an active set with a factor of it plus small shifts; refinement makes up
/// for these.
final class SparseActiveFactor {
  private let matrix: SparseMatrix
  private let scale: Buffer<Double>
  private let factor: LDLFactor
  private let refinement: Refinement
  private let right: Buffer<Double>
  private static let shift = 1e-10
  /// Residuals, relative, above which an answer is none.
  private static let accurate = 1e-9

  /// `column` and `row` are the places of variables and rows in the system, -1 for those that are
  /// not in it; `positive` of them are variables. Nil where the factor is no good.
  init?(
    hessian: SparseMatrix, jacobian: SparseMatrix, column: [Int], row: [Int], positive: Int,
    order: Int
  ) throws(KantorError) {
    var assembly = try SymmetricAssembly(order: order)
    for j in 0..<hessian.columns where column[j] >= 0 {
      for k in hessian.starts.pointer[j]..<hessian.starts.pointer[j + 1] {
        let i = column[Int(hessian.indices.pointer[k])]
        if i >= 0 { try assembly.append(i, column[j], hessian.values.pointer[k]) }
      }
    }
    for j in 0..<jacobian.columns where column[j] >= 0 {
      for k in jacobian.starts.pointer[j]..<jacobian.starts.pointer[j + 1] {
        let i = row[Int(jacobian.indices.pointer[k])]
        if i >= 0 { try assembly.append(i, column[j], jacobian.values.pointer[k]) }
      }
    }
    matrix = try assembly.finish().matrix
    scale = try Buffer(count: order)
    right = try Buffer(count: order)
    refinement = try Refinement(order: order, rounds: 20, relative: 1e-14, leastGain: 1.5)
    guard let analysis = try LDLAnalysis(matrix) else { return nil }
    factor = try LDLFactor(analysis)
    let work = try Buffer<Double>(count: order)
    equilibrate(matrix, scale.pointer, work.pointer)
    let values = try Buffer<Double>(count: matrix.count)
    for j in 0..<order {
      let s = scale.pointer[j]
      for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] {
        values.pointer[k] =
          matrix.values.pointer[k] * s * scale.pointer[Int(matrix.indices.pointer[k])]
      }
      values.pointer[matrix.starts.pointer[j + 1] - 1] += j < positive ? Self.shift : -Self.shift
    }
    let outcome = factor.factor(
      values: values.pointer, rule: PivotRule(threshold: 1e-14, replacement: 1e-8))
    guard outcome.isFinite, outcome.replaced == 0 else { return nil }
    // A singular matrix shows in answers that do not fit.
    for k in 0..<order { right.pointer[k] = k % 2 == 0 ? 1 : -0.7 }
    guard solve(right) else { return nil }
  }

  /// In place; false when the answer does not fit.
  func solve(_ b: Buffer<Double>) -> Bool {
    let order = b.count
    var size = 0.0
    for k in 0..<order { size = max(size, abs(b.pointer[k])) }
    guard size > 0, let copy = try? b.copy() else { return size == 0 }
    let (s, factor) = (scale.pointer, factor)
    let outcome = refinement.solve(matrix, copy.pointer, b.pointer) { (x) in
      for k in 0..<order { x[k] *= s[k] }
      factor.solve(x)
      for k in 0..<order { x[k] *= s[k] }
    }
    return outcome.isFinite && outcome.residual <= Self.accurate * size
  }
}
