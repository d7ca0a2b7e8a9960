import KantorBlocks
import KantorCore
import KantorNumerics

/// The system of the active set, factored.
final class ActiveSystem {
  private let oracle: NonlinearOracle
  private let free: [Int]
  private let rows: [Int]
  /// One of them is there: dense with pivoting, or sparse with refinement.
  private let dense: PivotedLDL?
  private let sparse: SparseActiveFactor?
  private let n: Int
  /// Unknowns up to which a dense factor is taken, and up to which there is one at all.
  private static let smallEnough = 100
  private static let mostDense = 4000

  init(_ d: NonlinearDerivative, _ sides: ActiveSides) throws(KantorError) {
    let problem = d.problem
    n = problem.n
    free = (0..<problem.n).filter { sides.bound[$0] == 0 }
    rows = (0..<problem.m).filter { sides.row[$0] != 0 }
    oracle = try NonlinearOracle(problem, monitor: Monitor())
    guard
      case .fine = try oracle.jacobian(at: d.x.pointer),
      case .fine = try oracle.hessian(at: d.x.pointer, sigma: 1, y: d.y.pointer)
    else {
      throw KantorError(
        .unsupported,
        "the functions cannot be evaluated at the solution: \(oracle.evaluator.complaint ?? "")")
    }
    let hessian = try oracle.hessianMatrix()
    sparse = try Self.sparseFactor(hessian, oracle.jacobianMatrix, free, rows)
    if sparse == nil {
      dense = try Self.denseFactor(hessian, oracle.jacobianMatrix, free, rows)
    } else {
      dense = nil
    }
  }

  private static func sparseFactor(
    _ hessian: OracleMatrix, _ jacobian: OracleMatrix, _ free: [Int], _ rows: [Int]
  ) throws(KantorError) -> SparseActiveFactor? {
    let order = free.count + rows.count
    guard order > smallEnough, let h = hessian.sparse, let a = jacobian.sparse else { return nil }
    var column = [Int](repeating: -1, count: hessian.columns)
    var row = [Int](repeating: -1, count: jacobian.rows)
    for (k, j) in free.enumerated() { column[j] = k }
    for (k, i) in rows.enumerated() { row[i] = free.count + k }
    return try SparseActiveFactor(
      hessian: h, jacobian: a, column: column, row: row, positive: free.count, order: order)
  }

  private static func denseFactor(
    _ hessian: OracleMatrix, _ jacobian: OracleMatrix, _ free: [Int], _ rows: [Int]
  ) throws(KantorError) -> PivotedLDL {
    let order = free.count + rows.count
    guard order <= mostDense else {
      throw KantorError(
        .unsupported,
        "derivatives of a solution with \(order) free variables and active rows: beyond "
          + "\(mostDense) they need sparse patterns of the Jacobian and the Hessian, and a system "
          + "of the active constraints that is not singular")
    }
    let factor = try PivotedLDL(order: order)
    let a = factor.entries
    let row = try Buffer<Double>(count: hessian.columns)
    let unit = try Buffer<Double>(count: max(hessian.columns, jacobian.rows))
    for (k, j) in free.enumerated() {
      row.fill(0)
      unit.pointer[j] = 1
      hessian.multiply(unit.pointer, into: row.pointer)
      unit.pointer[j] = 0
      for (l, i) in free.enumerated() { a[k * order + l] = row.pointer[i] }
    }
    for (k, i) in rows.enumerated() {
      row.fill(0)
      unit.pointer[i] = 1
      jacobian.multiplyTransposed(unit.pointer, into: row.pointer)
      unit.pointer[i] = 0
      for (l, j) in free.enumerated() { a[l * order + free.count + k] = row.pointer[j] }
      for l in k..<rows.count { a[(free.count + k) * order + free.count + l] = 0 }
    }
    var size = 0.0
    for k in 0..<order * order { size = max(size, abs(a[k])) }
    factor.factor(threshold: 1e-12 * size)
    guard factor.isFinite, factor.zero == 0 else { throw singular }
    return factor
  }

  private static let singular = KantorError(
    .unsupported,
    "the solution is not a differentiable function of the data: the system of its active "
      + "constraints is singular")

  /// Free variables and active rows are solved for in place; others become 0.
  func solve(_ u: Buffer<Double>, _ v: Buffer<Double>) throws(KantorError) {
    let b = try Buffer<Double>(count: free.count + rows.count)
    for (k, j) in free.enumerated() { b.pointer[k] = u.pointer[j] }
    for (k, i) in rows.enumerated() { b.pointer[free.count + k] = v.pointer[i] }
    if let sparse {
      guard sparse.solve(b) else { throw Self.singular }
    } else {
      dense?.solve(b.pointer)
    }
    u.fill(0)
    v.fill(0)
    for (k, j) in free.enumerated() { u.pointer[j] = b.pointer[k] }
    for (k, i) in rows.enumerated() { v.pointer[i] = b.pointer[free.count + k] }
  }

  func multiplyHessian(_ u: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.hessianStore?.multiply(u.pointer, into: out.pointer, scale: scale)
  }
  func multiplyJacobian(_ u: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.jacobianMatrix.multiply(u.pointer, into: out.pointer, scale: scale)
  }
  func multiplyJacobianTransposed(_ v: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.jacobianMatrix.multiplyTransposed(v.pointer, into: out.pointer, scale: scale)
  }
}
