import KantorBlocks
import KantorCone
import KantorCore

/// One solve by sequential quadratic programming.
final class SQPSolve {
  static let programTolerance = 1e-11

  let problem: NonlinearProblem
  let run: Run
  let oracle: NonlinearOracle
  let space: SQPSpace
  let tolerance: Double
  let usesHessian: Bool
  var elastic: ElasticSpace?

  /// 1: f and the rows; 0: the rows alone, while feasibility is restored.
  var sigma = 1.0
  var value = Double.nan
  /// Largest violation of a row, over max(1, |bound|, its gradient), and without the gradient.
  var violation = 0.0
  var plainViolation = 0.0
  var curvatureScale = 1.0
  var isFresh = true
  /// The last diagonal that made W positive definite.
  var shift = 0.0
  var programs = 0
  var changes = 0
  var restorations = 0
  var hasMultipliers = false
  private var entryViolation = Double.infinity
  /// Remedies that have been tried at this point.
  private var hasRestarted = false
  private var hasEscaped = false
  /// Violation that no point may exceed.
  var mostViolation = Double.infinity
  var remark = ""
  private var iteration = 0
  /// The residuals are within the tolerance.
  var isDone = false

  init(_ problem: NonlinearProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    tolerance = run.options.real("tolerance")
    oracle = try NonlinearOracle(problem, run, scheme: .forward)
    space = try SQPSpace(problem.n, problem.m)
    let wish = run.options.text("hessian")
    guard wish != "exact" || oracle.offersHessian else {
      throw KantorError(
        .missing, "option 'hessian' is 'exact', but the functions offer no 'hessian'")
    }
    usesHessian = wish != "bfgs" && oracle.offersHessian
  }

  func propose() throws(KantorError) -> NonlinearProposal {
    try begin()
    switch try evaluate(space.x, space.c, space.gradient) {
    case .fine: break
    case .undefined, .stop: return try proposal(.point, failedAtStart: run.monitor.stop == nil)
    }
    value = trialValue
    guard case .fine = try derivatives() else {
      return try proposal(.point, failedAtStart: run.monitor.stop == nil)
    }
    mostViolation = 10 * max(1, totalViolation(space.c))
    resume()
    if try isAnswer() { return try proposal(.point) }
    let claim = try loop()
    return try orMake(rescued(claim)) { () throws(KantorError) in try proposal(claim) }
  }

  /// What the barrier method finds from the start where this method did not get there; nil where
  /// it did, where nothing may be evaluated any more, or where that found no more.
  private func rescued(
    _ claim: NonlinearProposal.Claim
  ) throws(KantorError) -> NonlinearProposal? {
    guard claim != .unbounded, !isDone, run.options.flag("rescue"), run.monitor.stop == nil,
      !run.monitor.reachesIterationLimit(iteration)
    else { return nil }
    var settings = BarrierSettings()
    settings.isCold = true
    settings.iterations = iteration
    if !usesHessian, oracle.offersHessian { settings.hessian = "bfgs" }
    let own = try proposal(claim)
    var other = try BarrierSolve(problem, run, oracle, settings).propose()
    let isBetter = other.claim != .point || other.isDone
    guard isBetter, claim != .infeasible || other.claim != .infeasible else {
      // What is told counts the calls of both.
      (other.claim, other.x, other.y) = (own.claim, own.x, own.y)
      (other.zLower, other.zUpper) = (own.zLower, own.zUpper)
      (other.figures, other.fallback, other.reusable) = (own.figures, nil, own.reusable)
      other.remark = remark
      return other
    }
    other.figures = own.figures
    other.reusable = nil
    other.remark = "found by the barrier method, after no step was left"
    return other
  }

  // MARK: Functions

  private(set) var trialValue = Double.nan

  /// f and c at a point; also f' where one call gives both.
  func evaluate(
    _ x: SQPSpace.Numbers, _ c: SQPSpace.Numbers, _ gradient: SQPSpace.Numbers
  ) throws(KantorError) -> Evaluation {
    let outcome: Evaluation
    if problem.functions.value == nil {
      (outcome, trialValue) = try oracle.valueAndGradient(at: x, into: gradient)
    } else {
      (outcome, trialValue) = try oracle.value(at: x)
    }
    guard case .fine = outcome else { return outcome }
    return try oracle.constraints(at: x, into: c)
  }

  /// f' and c' at x, where f and c are known.
  func derivatives() throws(KantorError) -> Evaluation {
    let s = space
    if problem.functions.value != nil {
      let outcome = try oracle.gradient(at: s.x, value: value, into: s.gradient)
      guard case .fine = outcome else { return outcome }
    }
    if s.m > 0 {
      let outcome = try oracle.jacobian(at: s.x, constraints: s.c)
      guard case .fine = outcome else { return outcome }
      loadJacobian()
    }
    measure()
    return .fine
  }

  private func loadJacobian() {
    let (n, m, s) = (space.n, space.m, space)
    if let dense = oracle.jacobianMatrix.dense?.pointer {
      s.jacobian.update(from: dense, count: m * n)
    } else if let sparse = oracle.jacobianMatrix.sparse {
      for k in 0..<(m * n) { s.jacobian[k] = 0 }
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          s.jacobian[Int(sparse.indices.pointer[k]) * n + j] = sparse.values.pointer[k]
        }
      }
    }
    for i in 0..<m {
      var size = 0.0
      for j in 0..<n { size = max(size, abs(s.jacobian[i * n + j])) }
      s.rowSize[i] = size
    }
  }

  /// How far row i with the value c lies outside its bounds.
  @inline(__always)
  func outside(_ i: Int, _ c: Double) -> Double {
    max(problem.constraintLower.pointer[i] - c, c - problem.constraintUpper.pointer[i], 0)
  }

  /// The sum of the violations, each over its bound's size.
  func totalViolation(_ c: SQPSpace.Numbers) -> Double {
    var sum = 0.0
    for i in 0..<space.m {
      let v = outside(i, c[i])
      guard v > 0 else { continue }
      let low = problem.constraintLower.pointer[i]
      sum += v / max(1, abs(c[i] < low ? low : problem.constraintUpper.pointer[i]))
    }
    return sum
  }

  func measure() {
    (violation, plainViolation) = (0, 0)
    for i in 0..<space.m {
      let c = space.c[i]
      let v = outside(i, c)
      guard v > 0 else { continue }
      let low = problem.constraintLower.pointer[i]
      let bound = abs(c < low ? low : problem.constraintUpper.pointer[i])
      violation = max(violation, v / max(1, bound, space.rowSize[i]))
      plainViolation = max(plainViolation, v / max(1, bound))
    }
  }

  // MARK: Iterations

  private enum Direction { case found, none }
  private static let patience = 100

  private func loop() throws(KantorError) -> NonlinearProposal.Claim {
    var (best, age) = (Double.infinity, 0)
    while true {
      guard case .found = try direction() else { return .point }
      let worst = residual()
      let monitor = run.monitor
      if monitor.check(iteration: iteration, objective: value, residual: worst) != nil {
        return .point
      }
      // Forward differences are too coarse to tell an optimum.
      if oracle.usesDifferences, worst < 1e-4, case .forward = oracle.scheme {
        oracle.scheme = .central
        guard case .fine = try derivatives() else { return .point }
        continue
      }
      let isOptimal = sigma != 0 && worst <= tolerance
      if isOptimal, isSettled() {
        isDone = true
        return .point
      }
      // Residuals that do not fall for so long do not fall.
      age = worst < 0.9 * best ? 0 : age + 1
      best = min(best, worst)
      if age >= Self.patience {
        isDone = isOptimal
        remark = "the residuals do not fall any more"
        return .point
      }
      if sigma == 0, worst <= Self.restored {
        guard try escape() else { return .infeasible }
        continue
      }
      if sigma != 0, value < -1e20, violation <= 1e-6 { return .unbounded }
      if monitor.reachesIterationLimit(iteration) { return .point }
      switch try search() {
      case .accepted: hasRestarted = false
      case .stopped: return .point
      case .failed:
        if isOptimal {
          isDone = true
          return .point
        }
        guard try remedy() else { return sigma == 0 ? .infeasible : .point }
      }
      iteration += 1
    }
  }

  /// Whether variables are where their active bounds are, also those whose size is far below 1.
  private func isSettled() -> Bool {
    let (m, s) = (space.m, space)
    for j in 0..<s.n where s.active[m + j] != 0 {
      let bound = s.active[m + j] < 0 ? problem.lower.pointer[j] : problem.upper.pointer[j]
      if abs(s.x[j] - bound) > 1e-6 * max(abs(s.x[j]), abs(bound)) { return false }
    }
    return true
  }

  /// Residual in the rows' units below which a violation counts as stationary.
  private static let restored = 1e-8

  /// A violation may be stationary because the point lies on a ridge of it, as at the origin for
  /// squares: once, the point is moved a little, against the gradient of f.
  private func escape() throws(KantorError) -> Bool {
    guard !hasEscaped else { return false }
    hasEscaped = true
    let s = space
    for j in 0..<s.n {
      let move = (0.1 + 0.01 * Double(j % 7)) * max(1, abs(s.x[j]))
      let (low, high) = (problem.lower.pointer[j], problem.upper.pointer[j])
      let side = s.gradient[j] > 0 ? -move : move
      s.trial[j] = min(max(s.x[j] + side, low), high)
      if s.trial[j] == s.x[j] { s.trial[j] = min(max(s.x[j] - side, low), high) }
    }
    guard case .fine = try evaluate(s.trial, s.trialC, s.trialGradient) else { return false }
    exchange()
    value = trialValue
    if case .fine = try derivatives() {
      resetCurvature()
      return true
    }
    exchange()
    return false
  }

  /// What else can be done when no step helps: exact derivatives, a new B, the other mode.
  private func remedy() throws(KantorError) -> Bool {
    if oracle.usesDifferences, case .forward = oracle.scheme {
      oracle.scheme = .central
      if case .fine = try derivatives() { return true }
      return false
    }
    if !hasRestarted && !isFresh {
      resetCurvature()
      hasRestarted = true
      return true
    }
    guard sigma != 0, violation > tolerance, restorations < 20 else {
      remark = "no step reduces the penalty function"
      return false
    }
    restore()
    return true
  }

  private func restore() {
    sigma = 0
    restorations += 1
    entryViolation = violation
    for i in 0..<space.m { space.weight[i] = 1 / max(1, space.rowSize[i]) }
    hasRestarted = false
    resetCurvature()
  }

  /// The next step with its multipliers.
  private func direction() throws(KantorError) -> Direction {
    let s = space
    setBounds()
    if sigma == 0 {
      guard case .solved = try solveElastic() else { return .none }
      guard returns() else { return .found }
    }
    if usesHessian, try !secondOrder() { return .none }
    if !usesHessian { for j in 0..<s.n { s.linear[j] = s.gradient[j] } }
    var end = try solveProgram()
    if case .failed = end {
      resetCurvature()
      for j in 0..<s.n { s.linear[j] = s.gradient[j] }
      end = try solveProgram()
    }
    if case .infeasible = end, violation <= tolerance {
      for i in 0..<s.m {
        s.rowLow[i] = min(s.rowLow[i], 0)
        s.rowHigh[i] = max(s.rowHigh[i], 0)
      }
      end = try solveProgram()
    }
    if case .solved = end, violation > tolerance, restorations < 20, reach() > 1e3 {
      // Rows that agree so far away contradict each other here.
      end = .infeasible
    }
    switch end {
    case .solved:
      hasMultipliers = true
      return .found
    case .failed where violation <= tolerance:
      remark = "a quadratic program could not be solved"
      return .none
    case .failed, .infeasible:
      restore()
      setBounds()
      if case .solved = try solveElastic() { return .found }
      return .none
    }
  }

  /// The step relative to the point.
  func reach() -> Double {
    var reach = 0.0
    for j in 0..<space.n { reach = max(reach, abs(space.step[j]) / max(1, abs(space.x[j]))) }
    return reach
  }

  /// Whether the rows agree again after a phase of restoration; then the objective counts again.
  private func returns() -> Bool {
    let s = space
    guard violation <= 0.5 * entryViolation || violation <= tolerance else { return false }
    s.multiply(s.step, into: s.rowProduct)
    for i in 0..<s.m {
      let left = outside(i, s.c[i] + s.rowProduct[i]) * s.weight[i]
      if left > 1e-3 * tolerance { return false }
    }
    sigma = 1
    resetCurvature()
    for i in 0..<s.m { s.penalty[i] = 0 }
    return true
  }

  /// B from the host's Hessian. The first multipliers come from a program with a diagonal.
  private func secondOrder() throws(KantorError) -> Bool {
    let (n, m, s) = (space.n, space.m, space)
    if !hasMultipliers && m > 0 {
      resetCurvature()
      for j in 0..<n { s.linear[j] = s.gradient[j] }
      let end = try solveProgram()
      var size = 0.0
      for i in 0..<m { size = max(size, abs(s.multipliers[i])) }
      if end != .solved || !(size <= 1e3) { for i in 0..<m { s.multipliers[i] = 0 } }
    }
    switch try oracle.hessian(at: s.x, sigma: 1, y: s.multipliers) {
    case .stop: return false
    case .undefined:
      resetCurvature()
      for j in 0..<n { s.linear[j] = s.gradient[j] }
    case .fine:
      for j in 0..<n { s.linear[j] = s.gradient[j] }
      convexify(try oracle.hessianMatrix(), linear: s.linear)
      isFresh = true
    }
    return true
  }

  /// The largest scaled residual with the last multipliers; without f while restoring.
  func residual() -> Double {
    let (n, m, s) = (space.n, space.m, space)
    var (unit, top, multiplier) = (1.0, 0.0, 0.0)
    for j in 0..<n {
      s.after[j] = sigma * s.gradient[j] + s.multipliers[m + j]
      unit = max(unit, sigma * abs(s.gradient[j]))
    }
    s.addTransposed(s.multipliers, to: s.after)
    for j in 0..<n {
      top = max(top, abs(s.after[j]))
      let z = s.multipliers[m + j]
      if z > 0 { top = max(top, z * (problem.upper.pointer[j] - s.x[j])) }
      if z < 0 { top = max(top, -z * (s.x[j] - problem.lower.pointer[j])) }
    }
    if sigma == 0 {
      // Stationary only if the violated rows pull with all their weight.
      for i in 0..<m {
        let v = outside(i, s.c[i]) * s.weight[i]
        top = max(top, min(1, v) * (1 - abs(s.multipliers[i]) / s.weight[i]))
      }
      return violation <= tolerance ? .infinity : top
    }
    for i in 0..<m {
      let y = s.multipliers[i]
      multiplier = max(multiplier, abs(y))
      if problem.isEquality(i) || y == 0 { continue }
      let slack =
        y > 0
        ? problem.constraintUpper.pointer[i] - s.c[i] : s.c[i] - problem.constraintLower.pointer[i]
      top = max(top, abs(y) * max(slack, 0))
    }
    let scaled = top / max(unit, min(multiplier, 100))
    let limit = plainViolation > 1e-6 ? max(violation, 2 * tolerance) : violation
    return max(scaled, limit)
  }
}
