import KantorBlocks
import KantorCore

/// How residuals without products of multipliers and slacks have fallen: Newton's method takes them
/// from e to about C e^2, and C follows from the last two.
struct Convergence {
  private var before = Double.infinity
  private var last = Double.infinity

  mutating func take(_ error: Double) { (before, last) = (last, error) }

  /// What a full step times `a` should leave.
  func left(after a: Double) -> Double {
    guard last < before, before < .infinity else { return .infinity }
    let ratio = last / before
    return last * max(1 - a, ratio * ratio)
  }
}

extension BarrierLoop {
  /// Tries the full step without a value of f where everything promises that it ends at an answer:
  /// residuals say that alone, and nothing has to be compared. Accepted: it did, and everything is
  /// there. Failed: nothing has changed.
  func arrive(_ full: Double) throws(KantorError) -> Advance {
    guard promisesAnswer(full) else { return .failed }
    let t = trial.pointer
    for k in 0..<nv { t[k] = v.pointer[k] + full * dv.pointer[k] }
    keepInside(t)
    let point = try LoopPoint(self)
    switch try form.evaluateRows(t, residual: trialResidual.pointer) {
    case .stop: return .stopped
    case .undefined: return .failed
    case .fine: break
    }
    isAway = true
    switch try model.derivatives(t, value: objective, constraints: form.lastRows.pointer) {
    case .stop: return .stopped
    case .undefined: return .failed
    case .fine: break
    }
    swap(&v, &trial)
    swap(&residual, &trialResidual)
    for i in 0..<m { y.pointer[i] += full * dy.pointer[i] }
    takeBoundMultipliers()
    updateDual()
    if assess() <= 0.5 * context.tolerance {
      isAway = false
      return .accepted
    }
    swap(&v, &trial)
    swap(&residual, &trialResidual)
    point.put(into: self)
    return .failed
  }

  private func promisesAnswer(_ full: Double) -> Bool {
    guard !form.isRestoration, watchdog == nil, quasi == nil, model.hasValueAlone else {
      return false
    }
    guard convergence.left(after: min(full, alphaDual)) <= 0.1 * context.tolerance else {
      return false
    }
    let most = 0.5 * context.tolerance * productUnit
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    for k in 0..<nv {
      let t = x[k] + full * dv.pointer[k]
      if l[k] != -.infinity,
        (t - l[k]) * (zl.pointer[k] + alphaDual * dzl.pointer[k]) > most { return false }
      if u[k] != .infinity,
        (u[k] - t) * (zu.pointer[k] + alphaDual * dzu.pointer[k]) > most { return false }
    }
    return true
  }

  /// What products of slacks and multipliers are measured in, in scaled terms.
  private var productUnit: Double {
    let s = model.objectiveScale
    return s * max(abs(objective) / s, min(certificateUnit, 100))
  }
}
