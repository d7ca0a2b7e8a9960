import KantorCore

/// min F + c (f - v) over (x, y, z) with the rows of both levels, where
///
///     v(x, y, z) = min over theta of f(x, theta) + |theta - y|^2 / (2 g1)
///                  + (|max(0, z + g2 g(x, theta))|^2 - |z|^2) / (2 g2)
///
/// is the proximal Lagrangian value function: differentiable, at most f(x, y) where g(x, y) <= 0,
/// and equal to it only where y solves the lower level with multipliers z.
final class ValueFunctionProgram: SmoothProgram {
  let base: BilevelOracle
  let blend: LowerBlend
  private let solver: LowerSolver
  private let answer: LowerAnswer
  private let problem: BilevelProblem
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  let joint: JointRows
  /// The penalty c and g1.
  var penalty = 1.0
  let g1: Double
  /// Of theta, relative.
  var innerTolerance = 1e-11
  /// f - v and F at the last point.
  private(set) var gap = Double.infinity
  private(set) var objective = Double.infinity
  private(set) var solves = 0
  private(set) var steps = 0
  /// Set where the lower objective, with its proximal term, had no minimum.
  private(set) var innerFailure: LowerAnswer.End?
  private let last: Buffer<Double>
  private let theta: Buffer<Double>
  private let upperGradient: Buffer<Double>
  private let lowerGradient: Buffer<Double>
  private let valueGradient: Buffer<Double>

  var count: Int { problem.n + problem.lower.rows }
  var rows: Int { joint.rows }
  var equalities: Int { joint.equalities }
  var isStopped: Bool { base.stopped }

  init(
    _ base: BilevelOracle, g1: Double, g2: Double, largest r: Double, second: Bool
  ) throws(KantorError) {
    self.base = base
    self.g1 = g1
    problem = base.problem
    blend = try LowerBlend(base, .init(keepsRows: false, second: second))
    blend.proximal = 1 / g1
    blend.strength = g2
    solver = try LowerSolver(blend.oracle)
    answer = try LowerAnswer(blend.problem)
    joint = try JointRows(base)
    let (nx, ny, p) = (problem.nx, problem.ny, problem.lower.rows)
    let n = nx + ny
    lower = try Buffer(count: n + p)
    upper = try Buffer(count: n + p)
    joint.placeBounds(lower.pointer, upper.pointer)
    for i in 0..<p {
      lower.pointer[n + i] = i < problem.lower.inequalities ? 0 : -r
      upper.pointer[n + i] = r
    }
    last = try Buffer(count: n + p, repeating: .nan)
    theta = try Buffer(count: ny)
    upperGradient = try Buffer(count: n)
    lowerGradient = try Buffer(count: n)
    valueGradient = try Buffer(count: n)
    forget(problem.startY.pointer)
  }

  /// Starts the next solve for theta at y.
  func forget(_ y: Point) {
    theta.pointer.update(from: y, count: problem.ny)
    last.fill(.nan)
  }

  /// Theta: another answer of the lower level, near one.
  func copyTheta() throws(KantorError) -> Buffer<Double> { try theta.copy() }

  func evaluate(_ u: Point, _ c: Out) throws(KantorError) -> Double {
    guard try joint.values(u, c) else { return .infinity }
    objective = try base.value(.upper, u)
    guard objective.isFinite else { return .infinity }
    let f = try base.value(.lower, u)
    guard f.isFinite, try solveInner(u) else { return .infinity }
    gap = f - answer.value
    return objective + penalty * gap
  }

  private func solveInner(_ u: Point) throws(KantorError) -> Bool {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    for j in 0..<ny { blend.centre.pointer[j] = u[nx + j] }
    for i in 0..<problem.lower.rows { blend.z.pointer[i] = u[n + i] }
    solves += 1
    var size = 1.0
    for j in 0..<ny { size = max(size, abs(u[nx + j])) }
    size *= max(1, 1 / g1)
    try solver.solve(
      x: u, y: theta.pointer, tolerance: innerTolerance * size, iterations: 100, into: answer)
    try blend.rethrow()
    guard answer.isUsable else {
      innerFailure = answer.end
      last.fill(.nan)
      theta.pointer.update(from: u + nx, count: ny)
      return false
    }
    theta.pointer.update(from: answer.y, count: ny)
    last.pointer.update(from: u, count: count)
    return true
  }

  func differentiate(_ u: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    var isLast = true
    for i in 0..<count where last.pointer[i] != u[i] { isLast = false }
    if !isLast {
      guard try solveInner(u) else { return false }
    }
    // The gradient of the blended objective in x at theta is that of v.
    guard try base.gradient(.upper, u, upperGradient.pointer),
      try base.gradient(.lower, u, lowerGradient.pointer),
      try blend.oracle.gradient(.lower, answer.w.pointer, valueGradient.pointer),
      try blend.placeMultipliers(answer.w.pointer),
      try joint.jacobian(u, columns: count, j)
    else {
      try blend.rethrow()
      return false
    }
    for i in 0..<nx {
      g[i] = upperGradient.pointer[i]
        + penalty * (lowerGradient.pointer[i] - valueGradient.pointer[i])
    }
    for k in 0..<ny {
      let pull = (u[nx + k] - theta.pointer[k]) / g1
      g[nx + k] = upperGradient.pointer[nx + k] + penalty * (lowerGradient.pointer[nx + k] - pull)
    }
    for i in 0..<problem.lower.rows {
      let m = blend.multipliers.pointer[i]
      g[n + i] = -penalty * (m - u[n + i]) / blend.strength
    }
    steps += 1
    let monitor = base.monitor
    if monitor.check(iteration: steps, objective: objective, gap: gap) != nil { return false }
    return !monitor.reachesIterationLimit(steps)
  }
}
