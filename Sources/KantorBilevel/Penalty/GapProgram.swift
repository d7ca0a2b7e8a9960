import KantorCore

/// min F + gamma p over (x, y) with the rows and bounds of both levels, p = f - v or |f_y|^2.
final class GapProgram: SmoothProgram {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let joint: JointRows
  private let isGradient: Bool
  let solve: TiltedSolve
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  var penalty = 1.0
  private(set) var gap = Double.infinity
  private(set) var objective = Double.infinity
  private(set) var steps = 0
  private let solvedX: Buffer<Double>
  private let upperGradient: Buffer<Double>
  private let lowerGradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let product: Buffer<Double>

  var count: Int { problem.n }
  var rows: Int { joint.rows }
  var equalities: Int { joint.equalities }
  var isStopped: Bool { oracle.stopped }

  init(_ oracle: BilevelOracle, isGradient: Bool) throws(KantorError) {
    self.oracle = oracle
    self.isGradient = isGradient
    problem = oracle.problem
    joint = try JointRows(oracle)
    solve = try TiltedSolve(oracle, second: false)
    let n = problem.n
    lower = try Buffer(count: n)
    upper = try Buffer(count: n)
    joint.placeBounds(lower.pointer, upper.pointer)
    solvedX = try Buffer(count: problem.nx, repeating: .nan)
    upperGradient = try Buffer(count: n)
    lowerGradient = try Buffer(count: n)
    direction = try Buffer(count: n)
    product = try Buffer(count: n)
  }

  func start(at y: Point) { solve.start(at: y) }

  /// v(x) and its gradient, unless they are at hand.
  private func solveLower(_ x: Point) throws(KantorError) -> Bool {
    var isThere = solve.value.isFinite
    for i in 0..<problem.nx where solvedX.pointer[i] != x[i] { isThere = false }
    if isThere { return true }
    guard try solve.solve(x: x, tilt: 0, tolerance: 1e-11) else {
      solvedX.fill(.nan)
      return false
    }
    solvedX.pointer.update(from: x, count: problem.nx)
    return true
  }

  func evaluate(_ u: Point, _ c: Out) throws(KantorError) -> Double {
    guard try joint.values(u, c) else { return .infinity }
    objective = try oracle.value(.upper, u)
    guard objective.isFinite else { return .infinity }
    if isGradient {
      guard try oracle.gradient(.lower, u, lowerGradient.pointer) else { return .infinity }
      gap = 0
      for j in problem.nx..<problem.n {
        gap += lowerGradient.pointer[j] * lowerGradient.pointer[j]
      }
    } else {
      let f = try oracle.value(.lower, u)
      guard f.isFinite, try solveLower(u) else { return .infinity }
      gap = f - solve.value
    }
    return objective + penalty * gap
  }

  func differentiate(_ u: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    let (nx, n) = (problem.nx, problem.n)
    guard try oracle.gradient(.upper, u, upperGradient.pointer),
      try oracle.gradient(.lower, u, lowerGradient.pointer),
      try joint.jacobian(u, columns: n, j)
    else { return false }
    if isGradient {
      for i in 0..<n { direction.pointer[i] = i < nx ? 0 : lowerGradient.pointer[i] }
      guard try oracle.hessianProduct(.lower, u, times: direction.pointer, product.pointer) else {
        return false
      }
      for i in 0..<n { g[i] = upperGradient.pointer[i] + 2 * penalty * product.pointer[i] }
    } else {
      guard try solveLower(u) else { return false }
      for i in 0..<n { g[i] = upperGradient.pointer[i] + penalty * lowerGradient.pointer[i] }
      for i in 0..<nx { g[i] -= penalty * solve.gradient.pointer[i] }
    }
    steps += 1
    if oracle.monitor.check(iteration: steps, objective: objective, gap: gap) != nil {
      return false
    }
    return !oracle.monitor.reachesIterationLimit(steps)
  }
}
