import KantorCore

/// The lower minima that lead on from one answer y' as x moves: value and derivative of
/// v(x) = f(x, y(x)), where y(x) is what a local solve from y' comes to.
final class LowerBranch {
  private let oracle: BilevelOracle
  private let start: Buffer<Double>
  private let solver: LowerSolver
  private let answer: LowerAnswer
  private var isThere = false
  private var isFresh = false

  init(_ oracle: BilevelOracle, from y: Buffer<Double>) throws(KantorError) {
    self.oracle = oracle
    start = try y.copy()
    solver = try LowerSolver(oracle)
    answer = try LowerAnswer(oracle.problem)
  }

  var value: Double { answer.value }

  /// Solves at x; false where there is no minimum.
  func follow(_ x: UnsafePointer<Double>) throws(KantorError) -> Bool {
    let nx = oracle.problem.nx
    if isFresh, (0..<nx).allSatisfy({ answer.w.pointer[$0] == x[$0] }) { return isThere }
    try solver.solve(x: x, y: start.pointer, tolerance: 1e-10, iterations: 100, into: answer)
    isThere = answer.isUsable && answer.value.isFinite
    isFresh = !oracle.stopped
    return isThere
  }

  /// The joined derivative of the Lagrangian at the last answer; its part of x is that of v.
  func gradient(_ out: UnsafeMutablePointer<Double>) throws(KantorError) -> Bool {
    try oracle.lagrangianGradient(
      .lower, answer.w.pointer, sigma: 1, answer.rows.pointer, out)
  }
}
