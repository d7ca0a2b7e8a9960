import KantorBlocks
import KantorCore

extension BarrierLoop {
  /// When no step was acceptable: better derivatives, a fresh start of the filter, or the
  /// restoration of feasibility. Nil: go on.
  func rescue() throws(KantorError) -> Outcome? {
    if context.run.monitor.stop != nil { return .stopped }
    pendingEntry = nil
    if form.isRestoration { return .stuck }
    if isAway { try returnToPoint() }
    if try sharpen() { return nil }
    if quasi != nil {
      if canDifferenceGradients {
        differenceGradients()
        return nil
      }
      if let quasi, quasi.updates > 0 {
        quasi.reset(1)
        filter.removeAll()
        return nil
      }
    }
    if isFree {
      fixBarrier()
      isAdaptive = false
      return nil
    }
    let out = violationLargest(residual)
    if out <= context.tolerance || m == 0 {
      feasibleStalls += 1
      guard feasibleStalls <= 2 else { return .stuck }
      leastSquaresMultipliers()
      updateDual()
      filter.removeAll()
      if feasibleStalls == 2, mu > floor() { lowerBarrier() }
      return nil
    }
    return try restore(out)
  }

  private func restore(_ out: Double) throws(KantorError) -> Outcome? {
    context.restorations += 1
    guard context.restorations <= 50 else { return .stuck }
    let theta = violationSum(residual)
    let phi = objective + barrierTerm(v.pointer)
    filter.append(((1 - 1e-5) * theta, phi - 1e-8 * theta))
    let rho = 1000.0
    let inner = try BarrierLoop(
      BarrierForm(restoring: form, from: v.pointer, rho: rho, zeta: mu.squareRoot()), context)
    inner.prepare(from: self, rho: rho, mu: max(mu, out))
    let goal = max(0.9 * out, min(context.tolerance, 1e-4))
    let least = context.iterations
    inner.leave = { (inner) throws(KantorError) in
      guard inner.context.iterations > least else { return false }
      return try self.canReturn(to: inner, goal: goal, theta: theta, phi: phi)
    }
    inner.objective = try inner.form.evaluate(inner.v.pointer, residual: inner.residual.pointer).1
    var outcome = try inner.run()
    // The proximal term moves the answer; a weaker one around it shows the violation's own.
    for _ in 0..<3 {
      guard outcome == .converged, inner.violationWithout(form) > 100 * context.tolerance else {
        break
      }
      inner.weaken()
      outcome = try inner.run()
    }
    switch outcome {
    case .restored: return try resume(inner)
    case .stopped: return .stopped
    case .converged, .stuck, .infeasible, .undefinedStart, .unbounded:
      let now = inner.violationWithout(form)
      if outcome == .converged, now <= 100 * context.tolerance { return try resume(inner) }
      // Stuck on the way, but nearer: from there on afresh.
      if outcome == .stuck, now <= 0.5 * out {
        filter.removeAll()
        return try resume(inner)
      }
      // Without a stationary point of the violation nothing is known.
      if outcome == .stuck, inner.barrierError(0) > 1e-2 { return .stuck }
      v.pointer.update(from: inner.v.pointer, count: nv)
      weights = inner.y
      return .infeasible
    }
  }

  /// The proximal term of restoration shrinks and moves to where it is.
  private func weaken() {
    guard let weight = form.weight?.pointer, let centre = form.centre?.pointer else { return }
    for k in 0..<nv {
      weight[k] *= 1e-3
      centre[k] = v.pointer[k]
    }
    mu = max(floor(), 1e-5)
    filter.removeAll()
    objective = form.proximity(v.pointer)
  }

  /// Where restoration starts: at the outer point, with p and q in closed form.
  private func prepare(from outer: BarrierLoop, rho: Double, mu start: Double) {
    mu = start
    let base = outer.nv
    for k in 0..<base {
      v.pointer[k] = outer.v.pointer[k]
      zl.pointer[k] = min(rho, outer.zl.pointer[k])
      zu.pointer[k] = min(rho, outer.zu.pointer[k])
    }
    for i in 0..<m {
      let c = outer.residual.pointer[i]
      let half = (mu - rho * c) / (2 * rho)
      let q = half + (half * half + mu * c / (2 * rho)).squareRoot()
      let (place, other) = (base + i, base + m + i)
      v.pointer[other] = max(q, 1e-20)
      v.pointer[place] = max(c + q, 1e-20)
      zl.pointer[place] = mu / v.pointer[place]
      zl.pointer[other] = mu / v.pointer[other]
    }
  }

  /// Largest entry of the residual of `outer`'s form at this loop's point.
  private func violationWithout(_ outer: BarrierForm) -> Double {
    outer.residuals(v.pointer, form.lastRows.pointer, into: rowWork.pointer)
    return violationLargest(rowWork)
  }

  /// Whether the outer loop accepts restoration's point.
  private func canReturn(
    to inner: BarrierLoop, goal: Double, theta before: Double, phi reference: Double
  ) throws(KantorError) -> Bool {
    let c = inner.rowWork
    form.residuals(inner.v.pointer, inner.rowsNow(), into: c.pointer)
    guard violationLargest(c) <= goal else { return false }
    let theta = violationSum(c)
    let (outcome, f) = try model.value(inner.v.pointer)
    guard case .fine = outcome else { return false }
    let phi = f + barrierTerm(inner.v.pointer)
    for entry in filter where theta >= entry.theta && phi >= entry.phi { return false }
    return theta <= (1 - 1e-5) * before || phi <= reference - 1e-8 * before
  }

  /// D c at v, from the residual and the further variables.
  private func rowsNow() -> UnsafePointer<Double> {
    let c = corrected.pointer
    for i in 0..<m { c[i] = residual.pointer[i] + form.offset.pointer[i] }
    for k in 0..<form.na {
      c[Int(form.row.pointer[k])] -= form.sign.pointer[k] * v.pointer[form.nx + k]
    }
    return UnsafePointer(c)
  }

  /// Goes on from where restoration ended.
  private func resume(_ inner: BarrierLoop) throws(KantorError) -> Outcome? {
    for k in 0..<nv { dv.pointer[k] = inner.v.pointer[k] - v.pointer[k] }
    multiplierSteps()
    let a = longestDual()
    var top = 0.0
    for k in 0..<nv {
      v.pointer[k] = inner.v.pointer[k]
      zl.pointer[k] += a * dzl.pointer[k]
      zu.pointer[k] += a * dzu.pointer[k]
      top = max(top, zl.pointer[k], zu.pointer[k])
    }
    if top > 1e3 {
      for k in 0..<nv {
        zl.pointer[k] = form.lower.pointer[k] == -.infinity ? 0 : 1
        zu.pointer[k] = form.upper.pointer[k] == .infinity ? 0 : 1
      }
    }
    let (outcome, value) = try form.evaluate(v.pointer, residual: residual.pointer)
    guard case .fine = outcome else { return outcome == .stop ? .stopped : .stuck }
    objective = value
    let derivatives = try model.derivatives(
      v.pointer, value: value, constraints: form.lastRows.pointer)
    guard case .fine = derivatives else { return derivatives == .stop ? .stopped : .stuck }
    form.gradient(v.pointer, into: gradient.pointer)
    clipMultipliers()
    leastSquaresMultipliers()
    updateDual()
    return nil
  }

  // MARK: No minimum

  /// Ten feasible steps in a row with falling objective and a point that doubles; then the
  /// direction is followed to where nobody doubts it.
  func isUnbounded() throws(KantorError) -> Bool {
    var size = 0.0
    for k in 0..<form.nx { size = max(size, abs(v.pointer[k])) }
    let isFeasible = violationLargest(residual) <= max(context.tolerance, 1e-6)
    let isFalling = objective < growth.objective
    let isHuge = size > 1e20 || (isFeasible && objective < -1e20)
    if isFeasible, isFalling, size > 2 * growth.size, size > 1e3 {
      growth.run += 1
    } else {
      growth.run = 0
    }
    (growth.size, growth.objective) = (max(size, 1), objective)
    if isHuge { return true }
    guard growth.run >= 8 else { return false }
    growth.run = 0
    // Far along the last step.
    var t = 1.0
    let far = trial
    let scale = model.objectiveScale
    for _ in 0..<40 {
      t *= 10
      for k in 0..<form.nx { far.pointer[k] = v.pointer[k] + t * dv.pointer[k] }
      for k in 0..<form.nx
      where far.pointer[k] < form.lower.pointer[k] || far.pointer[k] > form.upper.pointer[k] {
        return false
      }
      let (outcome, f) = try model.value(far.pointer)
      guard case .fine = outcome, f < objective else { return false }
      if f / scale < -1e19 {
        for k in 0..<form.nx { v.pointer[k] = far.pointer[k] }
        return true
      }
    }
    return false
  }
}
