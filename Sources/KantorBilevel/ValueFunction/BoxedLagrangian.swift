import KantorCore
import KantorNumerics

/// Smooth programs with many variables by an augmented Lagrangian over their rows, each minimised
/// within the bounds by limited-memory quasi-Newton steps. Without rows one minimisation is all.
///
/// Source: R. T. Rockafellar, "Augmented Lagrange multiplier functions and duality in nonconvex
/// programming" (1974); update of the weight as in E. G. Birgin, J. M. Martinez, "Practical
/// Augmented Lagrangian Methods" (2014).
final class BoxedLagrangian {
  private let program: any SmoothProgram
  private var method: BoundedLBFGS
  let x: Buffer<Double>
  let multipliers: Buffer<Double>
  private var weight = 10.0
  private let c: Buffer<Double>
  private let jacobian: Buffer<Double>
  private let shifted: Buffer<Double>
  private(set) var residual = Double.infinity

  init(_ program: any SmoothProgram) throws(KantorError) {
    self.program = program
    method = try BoundedLBFGS(count: program.count, memory: 20)
    x = try Buffer(count: program.count)
    multipliers = try Buffer(count: program.rows)
    c = try Buffer(count: program.rows)
    shifted = try Buffer(count: program.rows)
    jacobian = try Buffer(count: try checkedProduct(program.rows, program.count, of: "Jacobian"))
  }

  /// From `x`, which holds the answer afterwards; true when gradient and violation are small.
  func solve(tolerance: Double, iterations: Int) throws(KantorError) -> Bool {
    var before = Double.infinity
    for round in 0..<(program.rows == 0 ? 1 : 30) {
      let goal = program.rows == 0 ? tolerance : max(tolerance, 0.1 * min(before, 0.1))
      let outcome = try method.minimise(
        x: x.pointer, lower: program.lower.pointer, upper: program.upper.pointer,
        tolerance: goal, maxIterations: iterations,
        evaluate: { (x, g) throws(KantorError) -> Double in try evaluate(x, g) },
        goesOn: { _ in !program.isStopped })
      residual = outcome.gradient
      if program.isStopped { return false }
      if program.rows == 0 { return outcome.end == .converged }
      _ = try program.evaluate(x.pointer, c.pointer)
      let violation = program.violation(c.pointer)
      place()
      multipliers.pointer.update(from: shifted.pointer, count: program.rows)
      if violation <= tolerance, residual <= max(tolerance, 1e-12) { return true }
      if round > 0, violation > 0.25 * before { weight = min(10 * weight, 1e10) }
      before = violation
    }
    return false
  }

  /// The multipliers that the rows at hand lead to.
  private func place() {
    for r in 0..<program.rows {
      let moved = multipliers.pointer[r] + weight * c.pointer[r]
      shifted.pointer[r] = r < program.rows - program.equalities ? max(0, moved) : moved
    }
  }

  private func evaluate(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    var value = try program.evaluate(x, c.pointer)
    guard value.isFinite, try program.differentiate(x, g, jacobian.pointer) else {
      return .infinity
    }
    place()
    let n = program.count
    for r in 0..<program.rows {
      let (m, old) = (shifted.pointer[r], multipliers.pointer[r])
      value += (m - old) * (m + old) / (2 * weight)
      guard m != 0 else { continue }
      let row = jacobian.pointer + r * n
      for i in 0..<n { g[i] += m * row[i] }
    }
    return value
  }
}
