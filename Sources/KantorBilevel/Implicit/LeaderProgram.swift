import KantorCore

/// The problem in x alone, with upper rows: min Phi(x) subject to G(x, y(x)) <= 0, H(x, y(x)) = 0
/// and x in X; derivatives by adjoints, one for each row.
final class LeaderProgram: SmoothProgram {
  let hyper: HyperOracle
  let problem: BilevelProblem
  private let oracle: BilevelOracle
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  private let gradient: Buffer<Double>
  private let jacobian: Buffer<Double>
  /// The answer at the last point that was defined, to start from.
  let lastY: Buffer<Double>
  let tolerance: Double
  /// Whether some x had no lower answer.
  private(set) var failure: LowerAnswer.End?

  var count: Int { problem.nx }
  var rows: Int { problem.upper.rows + setRows }
  var equalities: Int { problem.upper.equalities + (isSimplex ? 1 : 0) }
  var isStopped: Bool { oracle.stopped }
  private var isSimplex: Bool { if case .simplex = problem.xSet { true } else { false } }
  private var setRows: Int { problem.xSet == .box ? 0 : 1 }

  init(_ hyper: HyperOracle, start y: Buffer<Double>, tolerance: Double) throws(KantorError) {
    self.hyper = hyper
    self.tolerance = tolerance
    problem = hyper.problem
    oracle = hyper.oracle
    lower = try problem.xLower.copy()
    upper = problem.xUpper
    if case .simplex = problem.xSet { lower.fill(0) }
    gradient = try Buffer(count: problem.nx)
    jacobian = try Buffer(count: try checkedProduct(problem.upper.rows, problem.n, of: "Jacobian"))
    lastY = try y.copy()
  }

  /// Rows lie in the order: inequalities of the problem, the ball, equations, the simplex.
  func evaluate(_ x: Point, _ c: Out) throws(KantorError) -> Double {
    let outcome = try hyper.evaluate(
      x: x, y: lastY.pointer, lowerTolerance: tolerance, adjointTolerance: 1e-10,
      gradient: gradient.pointer)
    switch outcome {
    case .stopped: return .infinity
    case .undefined(let end):
      failure = end
      return .infinity
    case .fine: break
    }
    guard try constraints(x, c) else { return .infinity }
    return hyper.value
  }

  private func constraints(_ x: Point, _ c: Out) throws(KantorError) -> Bool {
    let level = problem.upper
    let values = try Buffer<Double>(count: level.rows)
    guard try oracle.constraints(.upper, hyper.answer.w.pointer, values.pointer) else {
      return false
    }
    for i in 0..<level.inequalities { c[i] = values.pointer[i] }
    var next = level.inequalities
    var (square, sum) = (0.0, 0.0)
    for i in 0..<count {
      square += x[i] * x[i]
      sum += x[i]
    }
    if case .ball(let radius) = problem.xSet {
      c[next] = square - radius * radius
      next += 1
    }
    for i in 0..<level.equalities { c[next + i] = values.pointer[level.inequalities + i] }
    if case .simplex(let total) = problem.xSet { c[next + level.equalities] = sum - total }
    return true
  }

  func differentiate(_ x: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    let (nx, n, level) = (problem.nx, problem.n, problem.upper)
    for i in 0..<nx where hyper.answer.w.pointer[i] != x[i] {
      // Another point was tried in between.
      let room = try Buffer<Double>(count: rows)
      guard try evaluate(x, room.pointer).isFinite else { return false }
      break
    }
    for i in 0..<nx { g[i] = gradient.pointer[i] }
    for k in 0..<problem.ny { lastY.pointer[k] = hyper.answer.y[k] }
    guard try oracle.jacobian(.upper, hyper.answer.w.pointer, jacobian.pointer) else {
      return false
    }
    for r in 0..<level.rows {
      let at = r < level.inequalities || setRows == 0 || isSimplex ? r : r + 1
      guard
        try hyper.reduce(jacobian.pointer + r * n, tolerance: 1e-10, into: j + at * nx)
      else { return false }
    }
    switch problem.xSet {
    case .box: break
    case .ball: for i in 0..<nx { j[level.inequalities * nx + i] = 2 * x[i] }
    case .simplex: for i in 0..<nx { j[level.rows * nx + i] = 1 }
    }
    return true
  }
}
