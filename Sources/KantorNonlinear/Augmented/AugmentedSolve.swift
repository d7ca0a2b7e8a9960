import KantorBlocks
import KantorCore

/// The outer iterations: multipliers and penalty.
final class AugmentedSolve {
  typealias Numbers = UnsafeMutablePointer<Double>

  let problem: NonlinearProblem
  let run: Run
  let model: AugmentedModel
  let inner: BoundedMinimiser
  let tolerance: Double
  let x: Buffer<Double>
  private let before: Buffer<Double>
  private let multiplier: Buffer<Double>
  private let reduced: Buffer<Double>
  private let violationWeights: Buffer<Double>
  private let leapWeights: Buffer<Double>
  private let kept: AugmentedState
  private let bestPoint: AugmentedState
  private var outer = 0
  /// The residual from which on `accelerate` is tried.
  private var reach = Double.infinity
  private var remark = ""
  private var restarts = 0
  private var firstPenalty = 1.0

  init(_ problem: NonlinearProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    tolerance = run.options.real("tolerance")
    model = try AugmentedModel(problem, run)
    x = try Buffer(count: problem.n)
    before = try Buffer(count: problem.n)
    reduced = try Buffer(count: problem.n)
    multiplier = try Buffer(count: problem.m)
    violationWeights = try Buffer(count: problem.m)
    leapWeights = try Buffer(count: problem.m)
    kept = try AugmentedState(model)
    bestPoint = try AugmentedState(model)
    inner = try BoundedMinimiser(model, run)
  }

  func propose() throws(KantorError) -> NonlinearProposal {
    let start = try run.start.vector("x", count: problem.n) ?? problem.start
    for j in 0..<problem.n {
      x.pointer[j] = min(
        max(start.pointer[j], problem.lower.pointer[j]), problem.upper.pointer[j])
    }
    guard case .fine = try model.evaluate(x.pointer) else { return try failed() }
    model.adopt()
    guard case .fine = try model.derivatives(x.pointer),
      case .fine = try model.scale(x.pointer)
    else { return try failed() }
    if try begin() { return try proposal(.point) }
    var claim = try loop()
    // A small penalty may have let x go where the violation is stationary: twice again, from the
    // start, with a much larger one.
    while claim == .infeasible, restarts < 2, try again(start) { claim = try loop() }
    return try proposal(claim)
  }

  private func again(_ start: Buffer<Double>) throws(KantorError) -> Bool {
    let found = try x.copy()
    restarts += 1
    firstPenalty *= 1e3
    for j in 0..<problem.n {
      before.pointer[j] = min(
        max(start.pointer[j], problem.lower.pointer[j]), problem.upper.pointer[j])
    }
    guard firstPenalty < 1e10, case .fine = try model.evaluate(before.pointer) else { return false }
    for j in 0..<problem.n { x.pointer[j] = before.pointer[j] }
    for i in 0..<problem.m { model.y[i] = 0 }
    model.rho = firstPenalty
    model.adopt()
    if case .fine = try model.derivatives(x.pointer) { return true }
    for j in 0..<problem.n { x.pointer[j] = found.pointer[j] }
    return false
  }

  private func failed() throws(KantorError) -> NonlinearProposal {
    var result = try proposal(.point)
    result.failedAtStart = run.monitor.stop == nil
    return result
  }

  private func proposal(
    _ claim: NonlinearProposal.Claim
  ) throws(KantorError) -> NonlinearProposal {
    let y = claim == .infeasible ? violationWeights : multiplier
    var result = NonlinearProposal(
      claim: claim, x: x, y: y, tolerance: tolerance, oracle: model.oracle)
    if claim == .point { try addBounds(&result) }
    result.remark = remark
    result.secondOrder = run.options.flag("second_order")
    result.figures.add("outer_iterations", outer)
    result.figures.add("penalty", model.rho)
    result.figures.add("cg_iterations", inner.products)
    return result
  }

  /// The parts of the reduced gradient that bounds nearby take up.
  private func addBounds(_ result: inout NonlinearProposal) throws(KantorError) {
    let low = try Buffer<Double>(count: problem.n)
    let high = try Buffer<Double>(count: problem.n)
    for j in 0..<problem.n {
      let r = reduced.pointer[j]
      let slack =
        r > 0
        ? x.pointer[j] - problem.lower.pointer[j] : problem.upper.pointer[j] - x.pointer[j]
      guard slack < 1 else { continue }
      if r > 0 { low.pointer[j] = r } else { high.pointer[j] = -r }
    }
    result.zLower = low
    result.zUpper = high
  }

  // MARK: Iterations

  /// Multipliers to start from, and the first penalty. True: the start is an answer with them.
  private func begin() throws(KantorError) -> Bool {
    if let y = try run.start.vector("y", count: problem.m) {
      for i in 0..<problem.m {
        model.weight[i] = y.pointer[i] * model.factor
        model.y[i] = model.weight[i] / model.rowFactor[i]
      }
      if !model.oracle.usesDifferences, case .fine = try model.assemble(x.pointer) {
        let worst = residual()
        if worst <= tolerance {
          _ = run.monitor.check(
            iteration: 0, objective: model.value / model.factor, residual: worst)
          return true
        }
      }
    }
    let given = run.options.real("penalty")
    if given > 0 {
      model.rho = given
    } else {
      var square = 0.0
      for i in 0..<problem.m {
        let c = model.c[i]
        let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
        let v = max(low - c, c - high, 0)
        square += v * v * model.rowFactor[i] * model.rowFactor[i]
      }
      let wanted = 2 * max(1, abs(model.value)) / max(square, 1e-300)
      model.rho = min(max(wanted, 1e-3), 10)
      if !run.start.isEmpty { model.rho = 10 }
    }
    firstPenalty = model.rho
    model.setWeights()
    // The penalty is part of the gradient.
    _ = try model.assemble(x.pointer)
    return false
  }

  private func loop() throws(KantorError) -> NonlinearProposal.Claim {
    let (n, m) = (problem.n, problem.m)
    var epsilon = 1e-2
    var last = Double.infinity
    var (best, stalls) = (Double.infinity, 0)
    while true {
      for j in 0..<n { before.pointer[j] = x.pointer[j] }
      let end = try inner.minimise(x.pointer, tolerance: epsilon)
      outer += 1
      if end == .unbounded {
        guard try retreat() else { return .unbounded }
        continue
      }
      var (violation, measure) = model.violations()
      model.updateMultipliers()
      var worst = residual()
      if end != .stopped, worst > tolerance, worst <= reach, try accelerate(&worst) {
        (violation, measure) = model.violations()
      }
      if worst <= tolerance, end != .stopped, model.oracle.usesDifferences,
        case .forward = model.oracle.scheme
      {
        // Forward differences are too coarse to tell an optimum.
        model.oracle.scheme = .central
        guard case .fine = try model.derivatives(x.pointer) else { return .point }
        epsilon = min(epsilon, 0.5 * tolerance * model.factor)
        continue
      }
      if worst <= tolerance || end == .stopped { return .point }
      let isStuck = end == .rounding
      stalls = isStuck && worst > 0.5 * best ? stalls + 1 : 0
      if worst < best {
        best = worst
        bestPoint.keep(model, x.pointer)
      }
      if violation > 1e-6, model.rho > 1e8, isStationary(violation) { return .infeasible }
      if model.rho > 1e14 || stalls > 5 {
        remark = violation > 1e-5 ? "the penalty has no effect any more" : "rounding level"
        if violation > 1e-5 { return .infeasible }
        // What came after the best point was noise.
        if try bestPoint.restore(model, x.pointer) { _ = residual() }
        return .point
      }
      if m == 0 && isStuck { return .point }
      if measure > 0.25 * last && !(isStuck && violation <= 1e2 * tolerance) { model.rho *= 10 }
      last = measure
      let least = 0.5 * tolerance * model.factor
      epsilon = m == 0 ? least : max(least, min(0.5 * epsilon, 0.1 * measure))
      if outer >= 200 {
        remark = "the multipliers do not settle"
        return .point
      }
      model.setWeights()
      guard case .fine = try model.assemble(x.pointer) else { return .point }
    }
  }

  /// Newton's steps for the conditions of optimality, as long as each halves their residual; what
  /// follows the last good one is undone. Returns whether there was one.
  private func accelerate(_ worst: inout Double) throws(KantorError) -> Bool {
    let first = worst
    guard inner.way == .newton, problem.m > 0 else { return false }
    for _ in 0..<20 {
      kept.keep(model, x.pointer)
      var next = Double.infinity
      if try inner.leap(x.pointer, weights: leapWeights.pointer) {
        model.updateMultipliers()
        next = residual()
      }
      guard next <= 0.5 * worst else {
        let isBack = try kept.restore(model, x.pointer)
        worst = residual()
        if isBack { break } else { return false }
      }
      worst = next
      if worst <= tolerance { return true }
    }
    reach = 0.3 * worst
    return worst < first
  }

  /// f fell without end before the penalty could hold it: back, with a larger one. False when
  /// the points were feasible.
  private func retreat() throws(KantorError) -> Bool {
    let (violation, _) = model.violations()
    var size = 1.0
    for j in 0..<problem.n { size = max(size, abs(x.pointer[j])) }
    if violation <= 1e-9 * size || model.rho > 1e14 { return false }
    for j in 0..<problem.n { x.pointer[j] = before.pointer[j] }
    model.rho *= 100
    guard case .fine = try model.evaluate(x.pointer) else { return false }
    model.adopt()
    guard case .fine = try model.derivatives(x.pointer) else { return false }
    return true
  }

  /// Whether no direction reduces the violation to first order; then its weights are kept.
  private func isStationary(_ violation: Double) -> Bool {
    guard !model.usesProducts else { return false }
    let (n, m) = (problem.n, problem.m)
    for i in 0..<m {
      let c = model.c[i]
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let r = model.rowFactor[i]
      violationWeights.pointer[i] = r * r * (max(c - high, 0) - max(low - c, 0))
    }
    let g = before.pointer
    for j in 0..<n { g[j] = 0 }
    model.oracle.jacobianMatrix.multiplyTransposed(violationWeights.pointer, into: g)
    var top = 0.0
    for j in 0..<n {
      let to = min(
        max(x.pointer[j] - g[j], problem.lower.pointer[j]), problem.upper.pointer[j])
      top = max(top, abs(x.pointer[j] - to))
    }
    return top <= 1e-7 * violation
  }

  /// The largest scaled residual as the checker will see it; leaves f' + c''y in `reduced` and the
  /// weights as `multiplier`.
  private func residual() -> Double {
    let (n, m) = (problem.n, problem.m)
    for i in 0..<m { multiplier.pointer[i] = model.weight[i] / model.factor }
    model.measureRows()
    var (slope, largest) = (1.0, 0.0)
    var (stationarity, complementarity) = (0.0, 0.0)
    for j in 0..<n {
      slope = max(slope, abs(model.slope[j] / model.factor))
      let r = model.gradient[j] / model.factor
      reduced.pointer[j] = r
      let slack =
        r > 0
        ? x.pointer[j] - problem.lower.pointer[j] : problem.upper.pointer[j] - x.pointer[j]
      if slack < 1 {
        complementarity = max(complementarity, abs(r) * slack)
      } else {
        stationarity = max(stationarity, abs(r))
      }
    }
    var (outside, plain) = (0.0, 0.0)
    for i in 0..<m {
      let (c, y) = (model.c[i], multiplier.pointer[i])
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      largest = max(largest, abs(y))
      let v = max(low - c, c - high, 0)
      if v > 0 {
        let bound = max(1, abs(c < low ? low : high))
        outside = max(outside, v / max(bound, model.rowSize(i)))
        plain = max(plain, v / bound)
      }
      if y == 0 || low == high { continue }
      complementarity = max(complementarity, abs(y) * max(y > 0 ? high - c : c - low, 0))
    }
    // What `solved` asks for beside the scaled violation.
    if plain > 1e-6 { outside = max(outside, 2 * tolerance) }
    let unit = max(slope, min(largest, 100))
    let value = abs(model.value / model.factor)
    return max(stationarity / unit, complementarity / max(value, min(unit, 100)), outside)
  }
}
