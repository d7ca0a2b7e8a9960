import KantorBlocks
import KantorCore

/// The line search along a step.
extension SQPSolve {
  enum SearchEnd { case accepted, failed, stopped }

  /// phi at values f and c.
  private func merit(_ f: Double, _ c: SQPSpace.Numbers) -> Double {
    var sum = sigma == 0 ? 0 : f
    for i in 0..<space.m { sum += space.penalty[i] * outside(i, c[i]) }
    return sum
  }

  /// Sets the penalties and returns D, the change of phi that the step promises: negative.
  private func promise() -> Double {
    let (m, s) = (space.m, space)
    if m > 0 { s.multiply(s.step, into: s.rowProduct) }
    let slope = sigma == 0 ? 0 : s.dot(s.gradient, s.step)
    var gain = 0.0
    for i in 0..<m {
      if sigma == 0 {
        s.penalty[i] = s.weight[i]
      } else {
        let y = abs(s.multipliers[i])
        s.penalty[i] = max(y, 0.5 * (s.penalty[i] + y))
      }
      let now = outside(i, s.c[i])
      gain += s.penalty[i] * (now - outside(i, s.c[i] + s.rowProduct[i]))
    }
    var fall = slope - gain
    if sigma != 0, fall >= 0 {
      // Rows relaxed by the convexification or by rounding: heavier penalties make it a descent.
      var total = 0.0
      for i in 0..<m { total += outside(i, s.c[i]) }
      if total > 0, gain > 0 {
        let factor = 2 * (1 + max(slope, 0) / gain)
        for i in 0..<m { s.penalty[i] *= factor }
        fall = slope - factor * gain
      }
    }
    return fall
  }

  func search() throws(KantorError) -> SearchEnd {
    let (n, m, s) = (space.n, space.m, space)
    let fall = promise()
    let old = merit(value, s.c)
    var size = abs(value) * sigma
    for i in 0..<m { size += s.penalty[i] * abs(s.c[i]) }
    let slack = 10 * Double.ulpOfOne * size
    guard fall < 0 || abs(fall) <= slack else { return .failed }
    let reach = self.reach()
    guard reach.isFinite else { return .failed }
    var length = reach > 1e3 ? 1e3 / reach : 1
    for i in 0..<n { s.before[i] = sigma * s.gradient[i] }
    s.addTransposed(s.multipliers, to: s.before)
    var isFirst = true
    while length * reach > 1e-14 || isFirst {
      for j in 0..<n { s.trial[j] = clipped(j, s.x[j] + length * s.step[j]) }
      if length == 1 { settle(s.active) }
      switch try evaluate(s.trial, s.trialC, s.trialGradient) {
      case .stop: return .stopped
      case .undefined:
        length *= isFirst ? 0.5 : 0.1
        isFirst = false
        continue
      case .fine: break
      }
      let phi = merit(trialValue, s.trialC)
      if phi <= old + 1e-4 * length * fall + slack, isNear() {
        switch try accept() {
        case .accepted: return .accepted
        case .stopped: return .stopped
        case .failed:
          length *= 0.1
          isFirst = false
          continue
        }
      }
      if isFirst, length == 1, m > 0 {
        let end = try correct(old, fall, slack)
        if end != .failed { return end }
      }
      isFirst = false
      let model = phi - old - length * fall
      let shorter = model > 0 ? -0.5 * fall * length * length / model : 0.5 * length
      length = min(max(shorter, 0.1 * length), 0.5 * length)
      if !length.isFinite { return .failed }
    }
    return .failed
  }

  /// Where f falls without end far from the feasible points, penalties alone do not hold x.
  private func isNear() -> Bool {
    sigma == 0 || totalViolation(space.trialC) <= mostViolation
  }

  private func clipped(_ j: Int, _ value: Double) -> Double {
    min(max(value, problem.lower.pointer[j]), problem.upper.pointer[j])
  }

  /// After a whole step, variables that the program holds at a bound are at it to the last digit:
  /// beside a bound of 0 the rounding of x + d would never end. Programs of a restoration have
  /// bounds of their own.
  private func settle(_ active: UnsafeMutablePointer<Int32>) {
    guard sigma != 0 else { return }
    for j in 0..<space.n where active[space.m + j] != 0 {
      let isLow = active[space.m + j] < 0
      space.trial[j] = isLow ? problem.lower.pointer[j] : problem.upper.pointer[j]
    }
  }

  /// The full step with the curvature of the rows taken into account.
  private func correct(
    _ old: Double, _ fall: Double, _ slack: Double
  ) throws(KantorError) -> SearchEnd {
    let (n, s) = (space.n, space)
    guard case .solved = try solveCorrection() else { return .failed }
    var (square, other) = (0.0, 0.0)
    for j in 0..<n {
      square += s.step[j] * s.step[j]
      other += s.correction[j] * s.correction[j]
    }
    guard other <= 16 * square else { return .failed }
    for j in 0..<n { s.trial[j] = clipped(j, s.x[j] + s.correction[j]) }
    settle(s.otherActive)
    switch try evaluate(s.trial, s.trialC, s.trialGradient) {
    case .stop: return .stopped
    case .undefined: return .failed
    case .fine: break
    }
    let phi = merit(trialValue, s.trialC)
    guard phi <= old + 1e-4 * fall + slack, isNear() else { return .failed }
    return try accept()
  }

  /// Makes the trial the point, and brings B up to date. A point without derivatives is left again.
  private func accept() throws(KantorError) -> SearchEnd {
    let (n, m, s) = (space.n, space.m, space)
    exchange()
    let oldValue = value
    value = trialValue
    switch try derivatives() {
    case .stop: return .stopped
    case .undefined:
      exchange()
      value = oldValue
      guard case .fine = try derivatives() else { return .stopped }
      return .failed
    case .fine: break
    }
    if usesHessian && sigma != 0 { return .accepted }
    for j in 0..<n { s.after[j] = sigma * s.gradient[j] }
    if m > 0 { s.addTransposed(s.multipliers, to: s.after) }
    updateCurvature()
    return .accepted
  }

  /// Point and trial change places.
  func exchange() {
    let (n, m, s) = (space.n, space.m, space)
    for j in 0..<n { (s.x[j], s.trial[j]) = (s.trial[j], s.x[j]) }
    for i in 0..<m { (s.c[i], s.trialC[i]) = (s.trialC[i], s.c[i]) }
    for j in 0..<n {
      (s.gradient[j], s.trialGradient[j]) = (s.trialGradient[j], s.gradient[j])
    }
  }
}
