import KantorBlocks
import KantorCore

/// What the filter line search compares trial points with.
struct SearchBase {
  let theta: Double
  let phi: Double
  /// Slope of the barrier function along the step.
  let slope: Double
}

extension BarrierLoop {
  /// Filter line search along dv; on acceptance everything is at the new point.
  func search() throws(KantorError) -> Advance {
    var slope = 0.0
    for k in 0..<nv { slope += barrierGradient.pointer[k] * dv.pointer[k] }
    let base = SearchBase(
      theta: violationSum(residual), phi: objective + barrierTerm(v.pointer), slope: slope)
    let full = longest(dv.pointer)
    alphaDual = longestDual()
    if watchdog == nil, shortened >= Watchdog.patience {
      watchdog = Watchdog(try LoopPoint(self), base)
    }
    if let watchdog { return try search(full, watchdog) }
    let arrival = try arrive(full)
    if arrival != .failed { return arrival }
    let isFlat = isFlat(base)
    let least = isFlat ? full : leastStep(base)
    var a = full
    while a >= least {
      // A trial without derivatives is as good as one without values.
      let outcome = try attempt(dv.pointer, a, a, base)
      if outcome == .stopped { return .stopped }
      if outcome == .accepted {
        if try finish(dv.pointer, dy.pointer, a) {
          shortened = a < full ? shortened + 1 : 0
          return .accepted
        }
      } else if a == full, lastTheta >= base.theta {
        switch try correct(a, base) {
        case .accepted:
          if try finish(otherV.pointer, otherC.pointer, alphaPrimal) {
            shortened = 0
            return .accepted
          }
        case .stopped: return .stopped
        case .failed: break
        }
      }
      a *= 0.5
    }
    return isFlat ? try soften() : .failed
  }

  private func leastStep(_ base: SearchBase) -> Double {
    var least = 1e-5
    if base.slope < 0 {
      least = min(least, 1e-8 * base.theta / -base.slope)
      if base.theta <= thetaMin {
        least = min(least, power(base.theta, 1.1) / power(-base.slope, 2.3))
      }
    }
    return max(0.05 * least, 1e-16)
  }

  /// Evaluates v + a step; `test` is the length that the tests take the step to have.
  func attempt(
    _ step: UnsafePointer<Double>, _ a: Double, _ test: Double, _ base: SearchBase
  ) throws(KantorError) -> Advance {
    let t = trial.pointer
    for k in 0..<nv { t[k] = v.pointer[k] + a * step[k] }
    keepInside(t)
    let (outcome, value) = try form.evaluate(t, residual: trialResidual.pointer)
    lastTheta = -1
    switch outcome {
    case .stop: return .stopped
    case .undefined: return .failed
    case .fine: break
    }
    let theta = violationSum(trialResidual)
    let phi = value + barrierTerm(t)
    lastTheta = theta
    trialObjective = value
    alphaPrimal = a
    guard theta.isFinite, phi.isFinite, theta <= thetaMax else { return .failed }
    return isAcceptable(theta, phi, test, base) ? .accepted : .failed
  }

  /// Rounding must not put a point on or past its bound.
  func keepInside(_ t: UnsafeMutablePointer<Double>) {
    let (l, u) = (form.lower.pointer, form.upper.pointer)
    for k in 0..<nv {
      if t[k] < l[k] { t[k] = l[k] }
      if t[k] > u[k] { t[k] = u[k] }
    }
  }

  private func isAcceptable(
    _ theta: Double, _ phi: Double, _ a: Double, _ base: SearchBase
  ) -> Bool {
    let rounding = 10 * 2.2e-16 * max(abs(base.phi), flatUnit)
    if phi - base.phi > 1 {
      let scale = abs(base.phi) > 10 ? decades(abs(base.phi)) : 1
      if decades(phi - base.phi) > 5 + scale { return false }
    }
    for entry in filter where theta >= entry.theta && phi - rounding >= entry.phi { return false }
    let isSwitching =
      base.slope < 0 && a * power(-base.slope, 2.3) > power(base.theta, 1.1)
    if isSwitching && base.theta <= thetaMin {
      return phi - base.phi - rounding <= 1e-8 * a * base.slope
    }
    let isBetter =
      theta <= (1 - 1e-5) * base.theta || phi - rounding <= base.phi - 1e-8 * base.theta
    if isBetter, !(isSwitching && phi - base.phi - rounding <= 1e-8 * a * base.slope) {
      pendingEntry = ((1 - 1e-5) * base.theta, base.phi - 1e-8 * base.theta)
    }
    return isBetter
  }

  /// Second-order corrections of the full step: the rows' values at its end are taken into the
  /// right-hand side.
  func correct(_ a: Double, _ base: SearchBase) throws(KantorError) -> Advance {
    let (c, r) = (corrected.pointer, rightV.pointer)
    for i in 0..<m { c[i] = a * residual.pointer[i] + trialResidual.pointer[i] }
    var (length, before) = (a, lastTheta)
    for _ in 0..<4 {
      for i in 0..<m { rightC.pointer[i] = -c[i] }
      guard system.solve(r, rightC.pointer, otherV.pointer, otherC.pointer) else { return .failed }
      length = longest(otherV.pointer)
      switch try attempt(otherV.pointer, length, a, base) {
      case .accepted: return .accepted
      case .stopped: return .stopped
      case .failed: break
      }
      guard lastTheta >= 0, lastTheta <= 0.99 * before else { return .failed }
      before = lastTheta
      for i in 0..<m { c[i] = length * c[i] + trialResidual.pointer[i] }
    }
    return .failed
  }

  /// Goes to the trial point, whose values are known. False when its derivatives are not defined.
  func finish(
    _ step: UnsafePointer<Double>, _ stepY: UnsafePointer<Double>, _ a: Double
  ) throws(KantorError) -> Bool {
    for i in 0..<m { y.pointer[i] += a * stepY[i] }
    let sigma = form.isRestoration ? 0.0 : 1.0
    quasi?.leave(model, sigma: sigma, y: y.pointer)
    let outcome = try model.derivatives(
      trial.pointer, value: form.isRestoration ? .nan : trialObjective,
      constraints: form.lastRows.pointer)
    guard case .fine = outcome else {
      for i in 0..<m { y.pointer[i] -= a * stepY[i] }
      pendingEntry = nil
      try returnToPoint()
      return false
    }
    if let entry = pendingEntry { filter.append(entry) }
    pendingEntry = nil
    swap(&v, &trial)
    swap(&residual, &trialResidual)
    objective = trialObjective
    quasi?.arrive(model, sigma: sigma, y: y.pointer, old: trial.pointer, new: v.pointer)
    takeBoundMultipliers()
    updateDual()
    if quasi != nil { reestimate() }
    isAway = false
    return true
  }

  /// Newton's y belongs to the last approximation of the Hessian, which was wrong; once the rows
  /// hold, that of least squares is taken where it leaves less of the gradient.
  private func reestimate() {
    guard m > 0, !form.isRestoration, violationLargest(residual) <= 1e-6 else { return }
    let old = corrected.pointer
    old.update(from: y.pointer, count: m)
    let before = dualSize
    leastSquaresMultipliers()
    updateDual()
    guard dualSize >= before else { return }
    y.pointer.update(from: old, count: m)
    updateDual()
  }

  private var dualSize: Double {
    var top = 0.0
    for k in 0..<nv {
      top = max(top, abs(lagrangian.pointer[k] - zl.pointer[k] + zu.pointer[k]))
    }
    return top
  }

  func takeBoundMultipliers() {
    for k in 0..<nv {
      zl.pointer[k] += alphaDual * dzl.pointer[k]
      zu.pointer[k] += alphaDual * dzu.pointer[k]
    }
    clipMultipliers()
  }

  /// Values and derivatives at v again.
  func returnToPoint() throws(KantorError) {
    let (outcome, value) = try form.evaluate(v.pointer, residual: residual.pointer)
    guard case .fine = outcome else { return }
    objective = value
    _ = try model.derivatives(
      v.pointer, value: form.isRestoration ? .nan : value, constraints: form.lastRows.pointer)
    updateDual()
    isAway = false
  }
}
