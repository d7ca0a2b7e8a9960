import KantorCore

/// The lower level for a fixed x as a smooth program in y.
final class LowerProgram: SmoothProgram {
  let oracle: BilevelOracle
  private let problem: BilevelProblem
  let w: Buffer<Double>
  private let gradient: Buffer<Double>
  private let jacobian: Buffer<Double>
  private let column: Buffer<Double>
  private let unit: Buffer<Double>
  /// Below this many variables, Hessians are put together from products.
  static let mostColumns = 40

  var count: Int { problem.ny }
  var rows: Int { problem.lower.rows }
  var equalities: Int { problem.lower.equalities }
  var lower: Buffer<Double> { problem.yLower }
  var upper: Buffer<Double> { problem.yUpper }
  var isStopped: Bool { oracle.stopped }

  init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    w = try Buffer(count: problem.n)
    gradient = try Buffer(count: problem.n)
    jacobian = try Buffer(count: try checkedProduct(problem.lower.rows, problem.n, of: "Jacobian"))
    column = try Buffer(count: problem.n)
    unit = try Buffer(count: problem.n)
  }

  private func place(_ y: Point) {
    for j in 0..<problem.ny { w.pointer[problem.nx + j] = y[j] }
  }

  func evaluate(_ y: Point, _ c: Out) throws(KantorError) -> Double {
    place(y)
    let value = try oracle.value(.lower, w.pointer)
    guard value.isFinite, try oracle.constraints(.lower, w.pointer, c) else { return .infinity }
    return value
  }

  func differentiate(_ y: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    place(y)
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    guard try oracle.gradient(.lower, w.pointer, gradient.pointer),
      try oracle.jacobian(.lower, w.pointer, jacobian.pointer)
    else { return false }
    for k in 0..<ny { g[k] = gradient.pointer[nx + k] }
    for r in 0..<rows {
      for k in 0..<ny { j[r * ny + k] = jacobian.pointer[r * n + nx + k] }
    }
    return true
  }

  func hessian(_ y: Point, _ multipliers: Point, _ h: Out) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    guard ny <= Self.mostColumns, oracle.offersSecondDerivative(.lower) else { return false }
    place(y)
    for k in 0..<ny {
      unit.pointer[nx + k] = 1
      defer { unit.pointer[nx + k] = 0 }
      guard
        try oracle.innerProduct(
          w.pointer, multipliers, times: unit.pointer, column.pointer)
      else { return false }
      for i in 0..<ny { h[k * ny + i] = column.pointer[nx + i] }
    }
    return true
  }
}
