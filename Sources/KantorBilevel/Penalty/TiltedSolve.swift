import KantorCore

/// y_s = argmin over the lower rows and bounds of f + s F, its value l(x, s), and the derivative of
/// that in x by the envelope theorem: f_x + s F_x + multipliers times derivatives of the rows.
final class TiltedSolve {
  let blend: LowerBlend
  let answer: LowerAnswer
  /// l and its derivative, of the last solve.
  private(set) var value = Double.infinity
  let gradient: Buffer<Double>
  private(set) var solves = 0
  private let solver: LowerSolver
  private let joined: Buffer<Double>
  private let y: Buffer<Double>

  /// `second`: whether second derivatives are used where they are offered.
  init(_ oracle: BilevelOracle, second: Bool) throws(KantorError) {
    blend = try LowerBlend(oracle, .init(keepsRows: true, second: second))
    solver = try LowerSolver(blend.oracle)
    answer = try LowerAnswer(blend.problem)
    gradient = try Buffer(count: oracle.problem.nx)
    joined = try Buffer(count: oracle.problem.n)
    y = try oracle.problem.startY.copy()
  }

  /// Where the next solve starts.
  func start(at point: UnsafePointer<Double>) { y.pointer.update(from: point, count: y.count) }

  /// False where there is no minimum, or a function is not defined; see `answer.end`.
  func solve(
    x: UnsafePointer<Double>, tilt: Double, tolerance: Double, iterations: Int = 100
  ) throws(KantorError) -> Bool {
    solves += 1
    value = .infinity
    blend.upperWeight = tilt
    try solver.solve(
      x: x, y: y.pointer, tolerance: tolerance, iterations: iterations, into: answer)
    try blend.rethrow()
    guard answer.isUsable else { return false }
    guard
      try blend.oracle.lagrangianGradient(
        .lower, answer.w.pointer, sigma: 1, answer.rows.pointer, joined.pointer)
    else {
      try blend.rethrow()
      return false
    }
    value = answer.value
    start(at: answer.y)
    gradient.pointer.update(from: joined.pointer, count: gradient.count)
    return true
  }
}
