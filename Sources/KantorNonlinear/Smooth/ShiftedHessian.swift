import KantorBlocks
import KantorCore
import KantorNumerics

/// Systems (H + lambda I) d = -g for the Hessian at one point and many lambda: a dense or a sparse
/// factor, by what the host declares.
final class ShiftedHessian {
  let iterate: SmoothIterate
  private(set) var hessians = 0
  private(set) var factorisations = 0
  private let matrix: OracleMatrix
  private let interruption: Interruption
  private let signs: Buffer<Int8>
  private var dense: DenseLDL?
  private var sparse: (factor: LDLFactor, matrix: SparseMatrix, diagonal: [Int])?

  init(_ iterate: SmoothIterate) throws(KantorError) {
    self.iterate = iterate
    matrix = try iterate.oracle.hessianMatrix()
    interruption = Interruption(iterate.run.monitor)
    signs = try Buffer(count: iterate.n, repeating: 1)
  }

  /// Refuses problems of which no second derivative can be had.
  static func check(_ oracle: NonlinearOracle, _ name: String) throws(KantorError) {
    guard !oracle.offersHessian, !oracle.offersHessianProduct, !oracle.offersLagrangianGradient
    else { return }
    throw KantorError(
      .missing,
      "'\(name)' needs 'hessian', 'hessian_product', or at least 'gradient' to difference; 'lbfgs' "
        + "needs the value only")
  }

  /// H at the iterate; false when there is none.
  func evaluate() throws(KantorError) -> Bool {
    hessians += 1
    let outcome = try iterate.oracle.hessian(
      at: iterate.x.pointer, sigma: 1, y: iterate.none.pointer)
    if case .fine = outcome { return true }
    return false
  }

  /// Largest entry of H in size, 1 if that is 0.
  var size: Double {
    var top = 0.0
    for k in 0..<matrix.values.count { top = max(top, abs(matrix.values.pointer[k])) }
    return top > 0 ? top : 1
  }

  /// Row-major; nil when the Hessian is sparse.
  var entries: UnsafePointer<Double>? { matrix.dense.map { UnsafePointer($0.pointer) } }

  /// out += H v.
  func multiply(_ v: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    matrix.multiply(v, into: out)
  }

  /// Factors H + lambda I; false when it is not positive definite.
  func factor(lambda: Double) throws(KantorError) -> Bool {
    factorisations += 1
    let rule = PivotRule(shift: 0, threshold: 1e-14 * (size + lambda), replacement: 1)
    let outcome: FactorOutcome
    if let a = matrix.dense?.pointer {
      if dense == nil { dense = try DenseLDL(order: iterate.n, threads: iterate.run.threads) }
      guard let dense else { return false }
      dense.load(a)
      for j in 0..<iterate.n { dense.entries[j * dense.leading + j] += lambda }
      outcome = dense.factor(signs: signs.pointer, rule: rule, interruption: interruption)
    } else {
      if sparse == nil { sparse = try analyse() }
      guard let sparse, let a = matrix.sparse else { return false }
      let values = sparse.matrix.values.pointer
      sparse.matrix.values.fill(0)
      var k = 0
      for j in 0..<iterate.n {
        // Both matrices have the same entries, but for diagonal ones that were missing.
        for p in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
          while sparse.matrix.indices.pointer[k] != a.indices.pointer[p] { k += 1 }
          values[k] = a.values.pointer[p]
          k += 1
        }
        k = sparse.matrix.starts.pointer[j + 1]
      }
      for place in sparse.diagonal { values[place] += lambda }
      outcome = sparse.factor.factor(values: values, rule: rule, interruption: interruption)
    }
    return outcome.isUsable && outcome.replaced == 0
  }

  /// b <- (H + lambda I)^-1 b for the lambda of the last factor.
  func solve(_ b: UnsafeMutablePointer<Double>) {
    dense?.solve(b)
    sparse?.factor.solve(b)
  }

  /// Solves for the iterate's step, with lambda raised until the matrix is positive definite.
  /// The lambda that was used; nil when there is none.
  func step(lambda start: Double) throws(KantorError) -> Double? {
    var lambda = start
    for _ in 0..<Self.mostShifts {
      if iterate.run.monitor.stop != nil { return nil }
      if try factor(lambda: lambda) {
        for j in 0..<iterate.n { iterate.step.pointer[j] = -iterate.gradient.pointer[j] }
        solve(iterate.step.pointer)
        return lambda
      }
      lambda = max(4 * lambda, Self.firstShift * size)
    }
    return nil
  }

  private static let mostShifts = 60
  private static let firstShift = 1e-10

  private func analyse() throws(KantorError) -> (LDLFactor, SparseMatrix, [Int])? {
    guard let a = matrix.sparse else { return nil }
    var assembly = try SymmetricAssembly(order: iterate.n, capacity: a.count)
    _ = try assembly.append(a, rowOffset: 0, columnOffset: 0)
    let whole = try assembly.finish().matrix
    guard let analysis = try LDLAnalysis(whole, interruption: interruption) else { return nil }
    let factor = try LDLFactor(analysis, threads: iterate.run.threads)
    factor.expect(signs: signs.pointer)
    var diagonal: [Int] = []
    for j in 0..<iterate.n {
      if let place = whole.position(row: j, column: j) { diagonal.append(place) }
    }
    return (factor, whole, diagonal)
  }
}
