import KantorCore
import KantorNumerics

/// Minimises a function of x over the set of x: limited-memory quasi-Newton steps within bounds,
/// spectral projected gradients on balls and simplices.
///
/// Source: for the latter E. G. Birgin, J. M. Martinez, M. Raydan, "Nonmonotone spectral projected
/// gradient methods on convex sets" (2000).
final class UpperDescent {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  private let problem: BilevelProblem
  private let monitor: Monitor
  private var method: BoundedLBFGS
  private let old: Buffer<Double>
  private let gradient: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialGradient: Buffer<Double>
  private(set) var iterations = 0
  private(set) var residual = Double.infinity

  init(_ problem: BilevelProblem, _ monitor: Monitor) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    method = try BoundedLBFGS(count: problem.nx, memory: 20)
    old = try Buffer(count: problem.nx)
    gradient = try Buffer(count: problem.nx)
    trial = try Buffer(count: problem.nx)
    trialGradient = try Buffer(count: problem.nx)
  }

  /// Refuses rows of the upper level on behalf of a method.
  static func refuseRows(_ problem: BilevelProblem, _ name: String) throws(KantorError) {
    guard problem.upper.rows > 0 else { return }
    throw KantorError(
      .unsupported,
      "'\(name)' takes no rows of the upper level, of which there are \(problem.upper.rows); "
        + "'lv_hba' and 'implicit' do")
  }

  /// True when the projected gradient is at most the tolerance; x holds the best point. Counts its
  /// steps on from the last call, and reports them to the monitor.
  func minimise(
    x: Out, tolerance: Double, most: Int = .max,
    evaluate: (Point, Out) throws(KantorError) -> Double
  ) throws(KantorError) -> Bool {
    guard problem.nx > 0 else { return true }
    if case .box = problem.xSet {
      let before = iterations
      let outcome = try method.minimise(
        x: x, lower: problem.xLower.pointer, upper: problem.xUpper.pointer, tolerance: tolerance,
        maxIterations: most, evaluate: evaluate,
        goesOn: { [self] now in
          residual = now.gradient
          return report(before + now.iteration, now.value)
        })
      residual = outcome.gradient
      iterations = before + outcome.iterations
      return outcome.end == .converged
    }
    return try spectral(x, tolerance, most, evaluate)
  }

  private func report(_ iteration: Int, _ value: Double) -> Bool {
    if monitor.check(iteration: iteration, objective: value, residual: residual) != nil {
      return false
    }
    return residual == 0 || !monitor.reachesIterationLimit(iteration)
  }

  private func spectral(
    _ x: Out, _ tolerance: Double, _ most: Int,
    _ evaluate: (Point, Out) throws(KantorError) -> Double
  ) throws(KantorError) -> Bool {
    let nx = problem.nx
    problem.projectX(x)
    var value = try evaluate(x, gradient.pointer)
    guard value.isFinite else { return false }
    var recent = [value]
    var step = 1.0
    for round in 0..<most {
      residual = projected(x, gradient.pointer)
      if round == 0 { step = 1 / max(residual, 1e-12) }
      guard report(iterations, value) else { return false }
      if residual <= tolerance { return true }
      old.pointer.update(from: x, count: nx)
      for i in 0..<nx { trial.pointer[i] = x[i] - step * gradient.pointer[i] }
      problem.projectX(trial.pointer)
      var slope = 0.0
      for i in 0..<nx { slope += gradient.pointer[i] * (trial.pointer[i] - x[i]) }
      let reference = recent.max() ?? value
      var (t, reached) = (1.0, Double.infinity)
      for attempt in 0..<40 {
        if attempt > 0 {
          t *= 0.5
          for i in 0..<nx {
            trial.pointer[i] = old.pointer[i] + 0.5 * (trial.pointer[i] - old.pointer[i])
          }
        }
        reached = try evaluate(trial.pointer, trialGradient.pointer)
        if monitor.stop != nil { return false }
        if reached <= reference + 1e-4 * t * slope + 1e-15 * abs(reference) { break }
        reached = .infinity
      }
      guard reached.isFinite else { return false }
      var (square, product) = (0.0, 0.0)
      for i in 0..<nx {
        let s = trial.pointer[i] - old.pointer[i]
        square += s * s
        product += s * (trialGradient.pointer[i] - gradient.pointer[i])
        x[i] = trial.pointer[i]
        gradient.pointer[i] = trialGradient.pointer[i]
      }
      value = reached
      recent.append(value)
      if recent.count > 8 { recent.removeFirst() }
      step = product > 0 ? min(max(square / product, 1e-10), 1e10) : min(step * 4, 1e10)
      iterations += 1
    }
    return false
  }

  /// Largest |x - P(x - g)|.
  private func projected(_ x: Point, _ g: Point) -> Double {
    for i in 0..<problem.nx { trial.pointer[i] = x[i] - g[i] }
    problem.projectX(trial.pointer)
    var worst = 0.0
    for i in 0..<problem.nx { worst = max(worst, abs(trial.pointer[i] - x[i])) }
    return worst
  }
}
