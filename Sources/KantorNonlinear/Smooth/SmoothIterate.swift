import KantorBlocks
import KantorCore
import KantorNumerics

/// What methods for programs without rows share: the iterate with value and gradient, a trial
/// point, and when to stop.
final class SmoothIterate {
  let problem: NonlinearProblem
  let run: Run
  let oracle: NonlinearOracle
  let n: Int
  let x: Buffer<Double>
  let gradient: Buffer<Double>
  let step: Buffer<Double>
  let newX: Buffer<Double>
  let newGradient: Buffer<Double>
  /// Multipliers of the rows: there are none.
  let none: Buffer<Double>
  private(set) var value = Double.nan
  private(set) var newValue = Double.nan
  private(set) var iteration = 0
  private(set) var figures = ResultFields()
  let tolerance: Double
  let goal: Double
  private var failedAtStart = false
  private var hasNewGradient = false
  var remark = ""

  /// Values below this count as minus infinity.
  static let bottomless = -1e20
  /// Values that differ by less, relative to their size, are equal.
  static let rounding = 1e-14
  /// Differences become central where the scaled gradient is below this.
  private static let sharpen = 1e-4

  init(_ problem: NonlinearProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    n = problem.n
    oracle = try NonlinearOracle(problem, run)
    if let given = try run.start.vector("x", count: problem.n) {
      x = try given.copy()
    } else {
      x = try problem.start.copy()
    }
    for j in 0..<n {
      x.pointer[j] = max(problem.lower.pointer[j], min(problem.upper.pointer[j], x.pointer[j]))
    }
    gradient = try Buffer(count: n)
    step = try Buffer(count: n)
    newX = try Buffer(count: n)
    newGradient = try Buffer(count: n)
    none = try Buffer(count: problem.m)
    tolerance = run.options.real("tolerance")
    // The checker takes differences of its own.
    goal = oracle.usesDifferences ? 0.5 * tolerance : tolerance
  }

  /// Refuses what a method cannot take.
  static func check(
    _ problem: NonlinearProblem, _ name: String, takesBounds: Bool = false
  ) throws(KantorError) {
    guard problem.m == 0 else {
      throw KantorError(
        .unsupported,
        "'\(name)' takes no constraints, these have \(problem.m) rows; 'interior_point' takes them")
    }
    guard takesBounds || problem.isUnconstrained else {
      throw KantorError(
        .unsupported, "'\(name)' takes no bounds; 'lbfgs' and 'interior_point' take them")
    }
  }

  /// Value and gradient at the start; false when there are none.
  func begin() throws(KantorError) -> Bool {
    let (outcome, f) = try oracle.valueAndGradient(at: x.pointer, into: gradient.pointer)
    value = f
    if case .fine = outcome { return true }
    if case .undefined = outcome { failedAtStart = true }
    return false
  }

  /// Largest entry of the gradient that a bound does not hold, over max(1, largest entry).
  var residual: Double {
    var (top, size) = (0.0, 1.0)
    for j in 0..<n {
      let g = gradient.pointer[j]
      size = max(size, abs(g))
      if g > 0 && x.pointer[j] <= problem.lower.pointer[j] { continue }
      if g < 0 && x.pointer[j] >= problem.upper.pointer[j] { continue }
      top = max(top, abs(g))
    }
    return top / size
  }

  /// False when the solve is over: converged, or a limit.
  func goesOn() throws(KantorError) -> Bool {
    var r = residual
    if run.monitor.check(iteration: iteration, objective: value, residual: r) != nil {
      return false
    }
    if r <= Self.sharpen, try sharpen() { r = residual }
    if r <= goal || value <= Self.bottomless { return false }
    return !run.monitor.reachesIterationLimit(iteration)
  }

  /// From one-sided differences to central ones, once.
  func sharpen() throws(KantorError) -> Bool {
    guard oracle.usesDifferences, oracle.scheme == .forward else { return false }
    oracle.scheme = .central
    let outcome = try oracle.gradient(at: x.pointer, value: value, into: gradient.pointer)
    if case .fine = outcome { return true }
    return false
  }

  /// The value at x + step; infinite where there is none, nil when the host ends the solve.
  func trial() throws(KantorError) -> Double? {
    hasNewGradient = false
    for j in 0..<n { newX.pointer[j] = x.pointer[j] + step.pointer[j] }
    let (outcome, f) = try oracle.value(at: newX.pointer)
    return keep(outcome, f)
  }

  /// Value and gradient at x + step.
  func trialWithGradient() throws(KantorError) -> Double? {
    for j in 0..<n { newX.pointer[j] = x.pointer[j] + step.pointer[j] }
    let (outcome, f) = try oracle.valueAndGradient(at: newX.pointer, into: newGradient.pointer)
    hasNewGradient = true
    return keep(outcome, f)
  }

  private func keep(_ outcome: Evaluation, _ f: Double) -> Double? {
    switch outcome {
    case .fine: newValue = f
    case .undefined: newValue = .infinity
    case .stop: return nil
    }
    return newValue
  }

  /// The trial point becomes the iterate, where its gradient is there; nil when the host ends the
  /// solve.
  func accept() throws(KantorError) -> Bool? {
    if !hasNewGradient {
      let outcome = try oracle.gradient(
        at: newX.pointer, value: newValue, into: newGradient.pointer)
      if case .stop = outcome { return nil }
      guard case .fine = outcome else { return false }
    }
    x.pointer.update(from: newX.pointer, count: n)
    gradient.pointer.update(from: newGradient.pointer, count: n)
    value = newValue
    iteration += 1
    hasNewGradient = false
    return true
  }

  /// For methods that keep iterates of their own.
  func move(
    to point: UnsafePointer<Double>, _ f: Double, _ g: UnsafePointer<Double>, iteration k: Int
  ) {
    x.pointer.update(from: point, count: n)
    gradient.pointer.update(from: g, count: n)
    value = f
    iteration = k
  }

  /// True when x + step is x.
  var isStuck: Bool {
    for j in 0..<n where x.pointer[j] + step.pointer[j] != x.pointer[j] { return false }
    return true
  }

  var gradientNorm: Double { dotProduct(gradient.pointer, gradient.pointer, n).squareRoot() }

  func show(_ name: String, _ count: Int) { figures.add(name, count) }

  func propose() throws(KantorError) -> NonlinearProposal {
    let zLower = try Buffer<Double>(count: n)
    let zUpper = try Buffer<Double>(count: n)
    for j in 0..<n {
      let g = gradient.pointer[j]
      if g > 0 && x.pointer[j] <= problem.lower.pointer[j] { zLower.pointer[j] = g }
      if g < 0 && x.pointer[j] >= problem.upper.pointer[j] { zUpper.pointer[j] = -g }
    }
    var proposal = NonlinearProposal(
      claim: value <= Self.bottomless ? .unbounded : .point, x: x, y: none, zLower: zLower,
      zUpper: zUpper, figures: figures, tolerance: tolerance, oracle: oracle)
    proposal.failedAtStart = failedAtStart
    proposal.remark = remark
    proposal.secondOrder = run.options.flag("second_order")
    return proposal
  }
}

/// Outputs of programs without rows, of which nothing can be infeasible.
enum SmoothOutputs {
  private static let absent: Set<String> = [
    "contradiction", "contradiction_residual", "radius", "weights",
  ]
  static let all = (NonlinearOutputs.certificate + NonlinearOutputs.common).filter {
    !absent.contains($0.name)
  }
}

/// Options that every method of this room has.
enum SmoothOptions {
  static func shared(iterations: Int64) -> [OptionSpec] {
    [
      NonlinearOptions.tolerance, NonlinearOptions.iterations(iterations),
      NonlinearOptions.evaluations, NonlinearOptions.secondOrder,
    ]
  }
}
