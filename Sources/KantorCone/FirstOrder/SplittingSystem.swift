import KantorCore
import KantorNumerics

/// [P + R_x, A'; A, -R_y] and its factor, for as many right-hand sides as there are iterations.
final class SplittingSystem {
  let n: Int
  let order: Int
  let shared: PatternAnalysis
  private(set) var factorisations = 0
  private let matrix: SparseMatrix
  private let diagonal: Buffer<Int32>
  private let objective: Buffer<Double>
  private var factor: LDLFactor?
  private let interruption: Interruption

  /// Nil when the host asked to stop.
  init?(
    _ form: SplittingForm, reuse: PatternAnalysis?, interruption: Interruption
  ) throws(KantorError) {
    n = form.n
    order = form.n + form.rows
    self.interruption = interruption
    var assembly = try SymmetricAssembly(order: order, capacity: form.p.count + form.a.count)
    _ = try assembly.append(form.p, rowOffset: 0, columnOffset: 0)
    _ = try assembly.append(form.a, rowOffset: n, columnOffset: 0)
    matrix = try assembly.finish().matrix
    diagonal = try Buffer(count: order)
    objective = try Buffer(count: n)
    for j in 0..<order {
      // The diagonal entry is the last one of an upper triangle's column.
      diagonal.pointer[j] = Int32(truncatingIfNeeded: matrix.starts.pointer[j + 1] - 1)
    }
    for j in 0..<n { objective.pointer[j] = matrix.values.pointer[Int(diagonal.pointer[j])] }
    if let reuse, reuse.fits(matrix) {
      shared = reuse
    } else {
      guard let found = try LDLAnalysis(matrix, interruption: interruption) else { return nil }
      shared = PatternAnalysis(pattern: matrix, analysis: found)
    }
  }

  /// Takes the memory of the factor.
  func allocate(threads: Int) throws(KantorError) {
    let factor = try LDLFactor(shared.analysis, threads: threads)
    let signs = try Buffer<Int8>(count: order, repeating: 1)
    for i in n..<order { signs.pointer[i] = -1 }
    factor.expect(signs: signs.pointer)
    self.factor = factor
  }

  /// Factors with this metric. False when the host asked to stop, or the numbers broke down.
  func refactor(_ metric: UnsafePointer<Double>) -> Bool {
    for j in 0..<n {
      matrix.values.pointer[Int(diagonal.pointer[j])] = objective.pointer[j] + metric[j]
    }
    for i in n..<order { matrix.values.pointer[Int(diagonal.pointer[i])] = -metric[i] }
    factorisations += 1
    guard let factor else { return false }
    return factor.factor(
      values: matrix.values.pointer, rule: PivotRule(shift: 0), interruption: interruption
    ).isUsable
  }

  func solve(_ v: UnsafeMutablePointer<Double>) { factor?.solve(v) }

  /// Solves that one factorisation costs, roughly.
  var solvesPerFactorisation: Double {
    shared.analysis.work / Double(max(4 * shared.analysis.factorEntries, 1))
  }
}
