import KantorBlocks
import KantorCore

/// Where a loop was, to go back to.
struct LoopPoint {
  private let v: Buffer<Double>
  private let y: Buffer<Double>
  private let zl: Buffer<Double>
  private let zu: Buffer<Double>
  private let gradient: Buffer<Double>
  private let lagrangian: Buffer<Double>

  init(_ loop: BarrierLoop) throws(KantorError) {
    v = try loop.v.copy()
    y = try loop.y.copy()
    zl = try loop.zl.copy()
    zu = try loop.zu.copy()
    gradient = try loop.gradient.copy()
    lagrangian = try loop.lagrangian.copy()
  }

  /// What the loop itself holds; values and derivatives of the model are not taken again.
  func put(into loop: BarrierLoop) {
    loop.v.pointer.update(from: v.pointer, count: v.count)
    loop.y.pointer.update(from: y.pointer, count: y.count)
    loop.zl.pointer.update(from: zl.pointer, count: zl.count)
    loop.zu.pointer.update(from: zu.pointer, count: zu.count)
    loop.gradient.pointer.update(from: gradient.pointer, count: gradient.count)
    loop.lagrangian.pointer.update(from: lagrangian.pointer, count: lagrangian.count)
  }

  /// Values and derivatives are taken again there.
  func restore(_ loop: BarrierLoop) throws(KantorError) {
    put(into: loop)
    loop.hasDirection = false
    try loop.returnToPoint()
  }
}

/// Full steps that need not be better at once: one of them has to be, measured from where they
/// began.
struct Watchdog {
  let point: LoopPoint
  let base: SearchBase
  var steps = 0
  /// Shortened steps in a row before full ones are tried, and how many of these.
  static let patience = 10
  static let most = 3

  init(_ point: LoopPoint, _ base: SearchBase) {
    (self.point, self.base) = (point, base)
  }
}

extension BarrierLoop {
  /// The full step, under the eyes of the watchdog.
  func search(_ full: Double, _ begun: Watchdog) throws(KantorError) -> Advance {
    var outcome = try attempt(dv.pointer, full, full, begun.base)
    if outcome == .accepted {
      (watchdog, shortened) = (nil, 0)
      return try finish(dv.pointer, dy.pointer, full) ? .accepted : .failed
    }
    let isDefined = lastTheta >= 0 && lastTheta.isFinite && trialObjective.isFinite
    var isCorrected = false
    if outcome == .failed, isDefined, lastTheta >= begun.base.theta {
      isCorrected = true
      outcome = try correct(full, begun.base)
      if outcome == .accepted {
        (watchdog, shortened) = (nil, 0)
        return try finish(otherV.pointer, otherC.pointer, alphaPrimal) ? .accepted : .failed
      }
    }
    if outcome == .stopped { return .stopped }
    if isDefined, begun.steps < Watchdog.most {
      watchdog?.steps += 1
      pendingEntry = nil
      if isCorrected {
        // The correction has used the room of the trial point.
        outcome = try attempt(dv.pointer, full, full, begun.base)
        if outcome == .stopped { return .stopped }
        pendingEntry = nil
      }
      if lastTheta >= 0, try finish(dv.pointer, dy.pointer, full) { return .accepted }
    }
    (watchdog, shortened) = (nil, 0)
    try begun.point.restore(self)
    return .accepted
  }

  /// Size of f below which changes mean as little as at f = 1.
  var flatUnit: Double { form.isRestoration ? 0 : model.objectiveScale }

  /// Whether the step promises less than f can show.
  func isFlat(_ base: SearchBase) -> Bool {
    !form.isRestoration && base.theta <= context.tolerance
      && abs(base.slope) <= 1e-13 * max(flatUnit, abs(objective))
  }

  /// The full step of all variables, if the residuals of the barrier conditions fall clearly,
  /// whatever the filter says.
  func soften() throws(KantorError) -> Advance {
    guard hasDirection else { return .failed }
    let before = barrierError(mu)
    let a = min(longest(dv.pointer), alphaDual)
    let point = try LoopPoint(self)
    let base = SearchBase(theta: .infinity, phi: .infinity, slope: 0)
    guard try attempt(dv.pointer, a, a, base) != .stopped else { return .stopped }
    pendingEntry = nil
    guard lastTheta >= 0, trialObjective.isFinite, lastTheta.isFinite else { return .failed }
    alphaDual = a
    guard try finish(dv.pointer, dy.pointer, a) else { return .failed }
    if barrierError(mu) <= 0.9 * before { return .accepted }
    try point.restore(self)
    return .failed
  }
}
