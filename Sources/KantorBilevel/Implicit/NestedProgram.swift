import KantorCore

/// A nested problem with upper rows in x alone: min F(x, z(x)) subject to G(x, z(x)) <= 0,
/// H(x, z(x)) = 0 and x in X; one product with the derivative of the lower result for F and for
/// each row.
final class NestedProgram: SmoothProgram {
  /// F with its derivative at x, which the oracle keeps.
  typealias Evaluate =
    (_ x: Point, _ gradient: Out) throws(KantorError) -> NestedOracle.Outcome

  let lower: Buffer<Double>
  let upper: Buffer<Double>
  private let problem: NestedProblem
  private let oracle: NestedOracle
  private let run: Run
  private let places: RowPlaces
  private let gradient: Buffer<Double>
  private let values: Buffer<Double>
  private let jacobian: Buffer<Double>
  private let phi: Evaluate
  private let keep: (Point) -> Void
  /// Points that were taken, of the same solve.
  private(set) var iterations: Int

  var count: Int { problem.nx }
  var rows: Int { places.count }
  var equalities: Int { places.equalities }
  var isStopped: Bool { oracle.monitor.stop != nil }

  /// - Parameters:
  ///   - keep: called with each point that is taken.
  init(
    _ problem: NestedProblem, _ oracle: NestedOracle, _ run: Run, iterations: Int,
    evaluate: @escaping Evaluate, keep: @escaping (Point) -> Void
  ) throws(KantorError) {
    self.problem = problem
    self.oracle = oracle
    self.run = run
    self.iterations = iterations
    phi = evaluate
    self.keep = keep
    places = RowPlaces(problem.leader, rows: problem.rows, equalities: problem.equalities)
    (lower, upper) = try problem.leader.bounds()
    gradient = try Buffer(count: problem.nx)
    values = try Buffer(count: problem.rows)
    jacobian = try Buffer(
      count: try checkedProduct(problem.rows, problem.nx, of: "upper Jacobian"))
  }

  func evaluate(_ x: Point, _ c: Out) throws(KantorError) -> Double {
    guard case .fine = try phi(x, gradient.pointer), try oracle.rows(into: values.pointer)
    else { return .infinity }
    for r in 0..<problem.rows { c[places.of(r)] = values.pointer[r] }
    if let set = places.set { c[set] = problem.leader.row(x) }
    return oracle.value
  }

  func differentiate(_ x: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    let nx = problem.nx
    for i in 0..<nx where oracle.w.pointer[i] != x[i] {
      // Another point was tried in between.
      guard case .fine = try phi(x, gradient.pointer) else { return false }
      break
    }
    keep(x)
    if run.monitor.check(iteration: iterations, objective: oracle.value, residual: .nan) != nil {
      return false
    }
    iterations += 1
    g.update(from: gradient.pointer, count: nx)
    guard try oracle.rowDerivatives(x, into: jacobian.pointer) else { return false }
    for r in 0..<problem.rows {
      (j + places.of(r) * nx).update(from: jacobian.pointer + r * nx, count: nx)
    }
    if let set = places.set { _ = problem.leader.row(x, slope: j + set * nx) }
    return true
  }
}
