import KantorCore

/// The single-level program on a guess of what is active in the lower level,
///
///     min F  subject to  L_y(x, y, lam) = 0 in the free variables of y,  g_A = 0,  h = 0,
///            g <= 0 elsewhere,  lam_A >= 0,  rows of the upper level,
///
/// started at a point that a penalty came to: it takes the rest of the error away. Variables are
/// (x, y, multipliers of A and of h); held variables of y stay at their bound, with the sign of L_y
/// as a row.
final class ActiveSetPolish: SmoothProgram {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let joint: JointRows
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  private let start: Buffer<Double>
  private let active: [Int]
  private let free: [Int]
  private let held: [(place: Int, sign: Double)]
  private let jointValues: Buffer<Double>
  private let jointJacobian: Buffer<Double>
  private let weights: Buffer<Double>
  private let gradient: Buffer<Double>
  private let unit: Buffer<Double>
  private let column: Buffer<Double>
  private let lowerJacobian: Buffer<Double>
  /// Rows of `joint` that stay inequalities, and its equalities followed by the rows of A.
  private let kept: [Int]
  private let fixed: [Int]

  var count: Int { problem.n + active.count }
  var rows: Int { kept.count + held.count + equalities }
  var equalities: Int { fixed.count + free.count }
  var isStopped: Bool { oracle.stopped }

  /// Programs above this many unknowns are left alone.
  static let most = 400

  init(
    _ oracle: BilevelOracle, _ guess: LowerActivity, x: Buffer<Double>, y: Buffer<Double>
  ) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    joint = try JointRows(oracle)
    let problem = self.problem
    let (n, level) = (problem.n, problem.lower)
    active = guess.rows
    held = guess.held
    let heldPlaces = Set(guess.held.map(\.place))
    free = (0..<problem.ny).filter { !heldPlaces.contains($0) }
    let inequalities = joint.rows - joint.equalities
    let activeInequalities = active.filter { $0 < level.inequalities }
    let taken = Set(activeInequalities)
    kept = (0..<inequalities).filter { !taken.contains($0) }
    fixed = (inequalities..<joint.rows) + activeInequalities
    lower = try Buffer(count: n + active.count, repeating: -.infinity)
    upper = try Buffer(count: n + active.count, repeating: .infinity)
    start = try Buffer(count: n + active.count)
    joint.placeBounds(lower.pointer, upper.pointer)
    start.pointer.update(from: x.pointer, count: problem.nx)
    (start.pointer + problem.nx).update(from: y.pointer, count: problem.ny)
    for (place, sign) in held {
      let bound = (sign < 0 ? problem.yLower : problem.yUpper).pointer[place]
      lower.pointer[problem.nx + place] = bound
      upper.pointer[problem.nx + place] = bound
    }
    for (k, row) in active.enumerated() {
      start.pointer[n + k] = guess.multipliers[k]
      if row < level.inequalities { lower.pointer[n + k] = 0 }
    }
    jointValues = try Buffer(count: joint.rows)
    jointJacobian = try Buffer(
      count: try checkedProduct(joint.rows, n + active.count, of: "Jacobian"))
    weights = try Buffer(count: level.rows)
    gradient = try Buffer(count: n)
    unit = try Buffer(count: n)
    column = try Buffer(count: n)
    lowerJacobian = try Buffer(count: try checkedProduct(level.rows, n, of: "Jacobian"))
  }

  /// The point of the program nearest to the given one, or nil.
  func solve(tolerance: Double) throws(KantorError) -> (x: Buffer<Double>, y: Buffer<Double>)? {
    let solver = try SequentialQuadratic(self)
    solver.x.pointer.update(from: start.pointer, count: count)
    var settings = SequentialQuadratic.Settings()
    settings.tolerance = tolerance
    settings.feasibility = tolerance
    settings.iterations = 200
    settings.second = false
    let end = try solver.solve(settings)
    guard end == .solved || end == .stalled || end == .limit, solver.value.isFinite,
      violation(solver.c.pointer) <= 1e-6
    else { return nil }
    let (nx, ny) = (problem.nx, problem.ny)
    return (
      try Buffer(copying: solver.x.pointer, count: nx),
      try Buffer(copying: solver.x.pointer + nx, count: ny)
    )
  }

  private func placeWeights(_ u: Point) {
    weights.fill(0)
    for (k, row) in active.enumerated() { weights.pointer[row] = u[problem.n + k] }
  }

  func evaluate(_ u: Point, _ c: Out) throws(KantorError) -> Double {
    let nx = problem.nx
    let value = try oracle.value(.upper, u)
    placeWeights(u)
    guard value.isFinite, try joint.values(u, jointValues.pointer),
      try oracle.lagrangianGradient(.lower, u, sigma: 1, weights.pointer, gradient.pointer)
    else { return .infinity }
    var r = 0
    for row in kept {
      c[r] = jointValues.pointer[row]
      r += 1
    }
    for (place, sign) in held {
      c[r] = sign * gradient.pointer[nx + place]
      r += 1
    }
    for row in fixed {
      c[r] = jointValues.pointer[row]
      r += 1
    }
    for place in free {
      c[r] = gradient.pointer[nx + place]
      r += 1
    }
    return value
  }

  func differentiate(_ u: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    let (n, columns) = (problem.n, count)
    guard try oracle.gradient(.upper, u, g) else { return false }
    for k in n..<columns { g[k] = 0 }
    placeWeights(u)
    guard try joint.jacobian(u, columns: columns, jointJacobian.pointer),
      try oracle.jacobian(.lower, u, lowerJacobian.pointer)
    else { return false }
    func copy(_ row: Int, to r: Int) {
      (j + r * columns).update(from: jointJacobian.pointer + row * columns, count: columns)
    }
    var r = 0
    for row in kept {
      copy(row, to: r)
      r += 1
    }
    for (place, sign) in held {
      guard try stationarityRow(u, place, sign, j + r * columns) else { return false }
      r += 1
    }
    for row in fixed {
      copy(row, to: r)
      r += 1
    }
    for place in free {
      guard try stationarityRow(u, place, 1, j + r * columns) else { return false }
      r += 1
    }
    return true
  }

  /// The derivative of the entry of L_y at `place`, times `sign`.
  private func stationarityRow(
    _ u: Point, _ place: Int, _ sign: Double, _ out: Out
  ) throws(KantorError) -> Bool {
    let (nx, n) = (problem.nx, problem.n)
    unit.pointer[nx + place] = 1
    defer { unit.pointer[nx + place] = 0 }
    guard
      try oracle.hessianProduct(
        .lower, u, sigma: 1, weights.pointer, times: unit.pointer, column.pointer)
    else { return false }
    for k in 0..<n { out[k] = sign * column.pointer[k] }
    for (k, row) in active.enumerated() {
      out[n + k] = sign * lowerJacobian.pointer[row * n + nx + place]
    }
    return true
  }
}
