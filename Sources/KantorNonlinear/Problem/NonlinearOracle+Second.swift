import KantorBlocks
import KantorCore
import KantorNumerics

extension NonlinearOracle {
  /// The matrix that `hessian` fills: sparse where the host declared a pattern for it.
  public func hessianMatrix() throws(KantorError) -> OracleMatrix {
    if let hessianStore { return hessianStore }
    let made = try OracleMatrix(
      rows: problem.n, columns: problem.n, pattern: problem.hessianPattern, isSymmetric: true)
    hessianStore = made
    return made
  }

  /// sigma f''(x) + sum y_i c_i''(x) into `hessianMatrix()`: the host's, else from its products,
  /// else by differences of the gradient of the Lagrangian.
  public func hessian(
    at x: Functions.Point, sigma: Double, y: Functions.Point
  ) throws(KantorError) -> Evaluation {
    let matrix = try hessianMatrix()
    guard problem.functions.hessian != nil else {
      return try differencedHessian(x, sigma, y, matrix)
    }
    if let pattern = problem.hessianPattern {
      let given = try orMake(rawHessian) { () throws(KantorError) in
        try Buffer<Double>(count: pattern.given)
      }
      rawHessian = given
      let outcome = try evaluator.call(
        .hessian, problem.functions.hessian, at: x, sigma: sigma, y: y, into: given.pointer,
        count: pattern.given)
      if case .fine = outcome { pattern.scatter(given.pointer, into: matrix.values.pointer) }
      return outcome
    }
    let a = matrix.values.pointer
    let outcome = try evaluator.call(
      .hessian, problem.functions.hessian, at: x, sigma: sigma, y: y, into: a,
      count: matrix.values.count)
    return outcome
  }

  /// (sigma f''(x) + sum y_i c_i''(x)) v: the host's product, else the matrix of the last
  /// `hessian` where the host offers that, else by a difference of the gradient of the Lagrangian.
  public func hessianProduct(
    at x: Functions.Point, sigma: Double, y: Functions.Point, times v: Functions.Point,
    into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    if offersHessianProduct {
      return try evaluator.hessianProduct(at: x, sigma: sigma, y: y, times: v, into: out)
    }
    if offersHessian {
      for j in 0..<problem.n { out[j] = 0 }
      try hessianMatrix().multiply(v, into: out)
      return .fine
    }
    let differences = try hessianTool()
    let base = try Buffer<Double>(count: problem.n)
    let outcome = try lagrangianGradient(at: x, sigma: sigma, y: y, into: base.pointer)
    guard case .fine = outcome else { return outcome }
    return try differences.product(
      at: x, base: base.pointer, times: v, scheme: .central,
      of: { (point, out) throws(KantorError) in
        try self.lagrangianGradient(at: point, sigma: sigma, y: y, into: out)
      }, into: out)
  }

  /// sigma f'(x) + c'(x)'y, without touching `jacobianMatrix`.
  public func lagrangianGradient(
    at x: Functions.Point, sigma: Double, y: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    let n = problem.n
    if sigma == 0 {
      for j in 0..<n { out[j] = 0 }
    } else {
      let outcome = try gradient(at: x, into: out)
      guard case .fine = outcome else { return outcome }
      for j in 0..<n { out[j] *= sigma }
    }
    guard problem.m > 0 else { return .fine }
    if problem.functions.jacobianTransposeProduct != nil {
      let outcome = try jacobianTransposeProduct(at: x, times: y, into: work.pointer)
      guard case .fine = outcome else { return outcome }
      for j in 0..<n { out[j] += work.pointer[j] }
      return .fine
    }
    let matrix = try orMake(otherJacobian) { () throws(KantorError) in
      try OracleMatrix(rows: problem.m, columns: n, pattern: problem.jacobianPattern)
    }
    otherJacobian = matrix
    let outcome = try jacobian(at: x, constraints: nil, into: matrix)
    guard case .fine = outcome else { return outcome }
    matrix.multiplyTransposed(y, into: out)
    return .fine
  }

  private func hessianTool() throws(KantorError) -> Differences {
    if let hessianDifferences { return hessianDifferences }
    var whole: SparseMatrix?
    if let pattern = problem.hessianPattern { whole = try Self.mirrored(pattern.matrix) }
    let made = try makeDifferences(rows: problem.n, whole)
    hessianDifferences = made
    return made
  }

  private func differencedHessian(
    _ x: Functions.Point, _ sigma: Double, _ y: Functions.Point, _ matrix: OracleMatrix
  ) throws(KantorError) -> Evaluation {
    let n = problem.n
    if offersHessianProduct, matrix.sparse == nil {
      let unit = try Buffer<Double>(count: n)
      for j in 0..<n {
        unit.pointer[j] = 1
        let outcome = try evaluator.hessianProduct(
          at: x, sigma: sigma, y: y, times: unit.pointer, into: matrix.values.pointer + j * n)
        unit.pointer[j] = 0
        guard case .fine = outcome else { return outcome }
      }
      return .fine
    }
    let differences = try hessianTool()
    let base = try Buffer<Double>(count: n)
    var outcome = try lagrangianGradient(at: x, sigma: sigma, y: y, into: base.pointer)
    guard case .fine = outcome else { return outcome }
    let map: Differences.Map = { (point, out) throws(KantorError) in
      try self.lagrangianGradient(at: point, sigma: sigma, y: y, into: out)
    }
    guard let sparse = matrix.sparse else {
      let a = matrix.values.pointer
      outcome = try differences.jacobian(
        at: x, base: base.pointer, scheme: scheme, of: map, into: a)
      guard case .fine = outcome else { return outcome }
      for i in 0..<n {
        for j in 0..<i {
          let mean = 0.5 * (a[i * n + j] + a[j * n + i])
          a[i * n + j] = mean
          a[j * n + i] = mean
        }
      }
      return .fine
    }
    let whole = try Self.mirrored(sparse)
    outcome = try differences.jacobian(
      at: x, base: base.pointer, scheme: scheme, of: map, into: whole.values.pointer)
    guard case .fine = outcome else { return outcome }
    for j in 0..<n {
      for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
        let i = Int(sparse.indices.pointer[k])
        sparse.values.pointer[k] = 0.5 * (whole[i, j] + whole[j, i])
      }
    }
    return .fine
  }

  /// The whole pattern of a symmetric matrix from its upper triangle.
  private static func mirrored(_ upper: SparseMatrix) throws(KantorError) -> SparseMatrix {
    let n = upper.columns
    let total = 2 * upper.count
    let rows = try Buffer<Int>(count: total)
    let columns = try Buffer<Int>(count: total)
    let ones = try Buffer<Double>(count: total, repeating: 1)
    for j in 0..<n {
      for k in upper.starts.pointer[j]..<upper.starts.pointer[j + 1] {
        let i = Int(upper.indices.pointer[k])
        rows.pointer[2 * k] = i
        columns.pointer[2 * k] = j
        rows.pointer[2 * k + 1] = j
        columns.pointer[2 * k + 1] = i
      }
    }
    return try SparseInput(rows: n, columns: n, name: "Hessian").triplets(
      rowIndices: rows, columnIndices: columns, values: ones
    ).matrix
  }
}
