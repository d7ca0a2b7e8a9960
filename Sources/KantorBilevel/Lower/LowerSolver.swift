import KantorCore

/// Solves the lower level for one x after the other, each from the answer of the one before:
/// descent within bounds, or sequential quadratic programming with rows.
public final class LowerSolver {
  public let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let descent: LowerDescent?
  private let program: LowerProgram?
  private let solver: SequentialQuadratic?
  public private(set) var solves = 0

  convenience init(_ oracle: BilevelOracle) throws(KantorError) {
    try self.init(oracle, CurvaturePairs(oracle))
  }

  init(_ oracle: BilevelOracle, _ pairs: CurvaturePairs) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    if problem.lower.rows == 0 {
      descent = try LowerDescent(oracle, pairs)
      (program, solver) = (nil, nil)
    } else {
      descent = nil
      let program = try LowerProgram(oracle)
      self.program = program
      solver = try SequentialQuadratic(program)
    }
  }

  /// The answer for `x` from the start `y`, into `answer`.
  public func solve(
    x: UnsafePointer<Double>, y: UnsafePointer<Double>, tolerance: Double, iterations: Int = 1000,
    into answer: LowerAnswer
  ) throws(KantorError) {
    solves += 1
    let (nx, ny) = (problem.nx, problem.ny)
    for i in 0..<nx { answer.w.pointer[i] = x[i] }
    for j in 0..<ny { answer.w.pointer[nx + j] = y[j] }
    if let descent {
      try descent.solve(answer, tolerance: tolerance, iterations: iterations)
      return
    }
    answer.gradient = nil
    guard let program, let solver else { return }
    program.w.pointer.update(from: answer.w.pointer, count: problem.n)
    for j in 0..<ny { solver.x.pointer[j] = y[j] }
    var settings = SequentialQuadratic.Settings()
    settings.tolerance = tolerance
    settings.feasibility = min(tolerance, 1e-9)
    settings.iterations = iterations
    var end = try solver.solve(settings)
    if end == .stalled || end == .limit {
      // Once more without the Hessian, whose changed eigenvalues may be what holds it up.
      settings.second = false
      end = try solver.solve(settings)
    }
    problem.clampY(solver.x.pointer)
    for j in 0..<ny { answer.y[j] = solver.x.pointer[j] }
    answer.value = solver.value
    answer.residual = solver.residual
    for i in 0..<problem.lower.rows { answer.rows.pointer[i] = solver.multipliers.pointer[i] }
    for j in 0..<ny { answer.bounds.pointer[j] = solver.boundMultipliers.pointer[j] }
    let feasible = program.violation(solver.c.pointer) <= max(1e-7, settings.feasibility)
    switch end {
    case .solved: answer.end = .solved
    case .infeasible: answer.end = feasible ? .stalled : .infeasible
    case .unbounded: answer.end = .unbounded
    case .stalled, .limit: answer.end = feasible ? .stalled : .infeasible
    case .undefined: answer.end = .undefined
    case .stopped: answer.end = .stopped
    }
  }
}
