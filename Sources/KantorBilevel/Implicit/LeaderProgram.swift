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
  var rows: Int { places.count }
  var equalities: Int { places.equalities }
  var isStopped: Bool { oracle.stopped }
  private let places: RowPlaces

  init(_ hyper: HyperOracle, start y: Buffer<Double>, tolerance: Double) throws(KantorError) {
    self.hyper = hyper
    self.tolerance = tolerance
    problem = hyper.problem
    oracle = hyper.oracle
    (lower, upper) = try problem.leader.bounds()
    places = RowPlaces(
      problem.leader, rows: problem.upper.rows, equalities: problem.upper.equalities)
    gradient = try Buffer(count: problem.nx)
    jacobian = try Buffer(count: try checkedProduct(problem.upper.rows, problem.n, of: "Jacobian"))
    lastY = try y.copy()
  }

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
    for r in 0..<level.rows { c[places.of(r)] = values.pointer[r] }
    if let set = places.set { c[set] = problem.leader.row(x) }
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
      guard
        try hyper.reduce(
          jacobian.pointer + r * n, tolerance: 1e-10, into: j + places.of(r) * nx)
      else { return false }
    }
    if let set = places.set { _ = problem.leader.row(x, slope: j + set * nx) }
    return true
  }
}
