import KantorBlocks
import KantorCore
import KantorNumerics

/// Iterates the operator until the residuals are small or a ray has shown up.
final class DouglasRachford {
  enum Outcome {
    /// Converged, stopped or out of iterations: `best` is the answer.
    case ended
    case infeasible(Buffer<Double>)
    case unbounded(Buffer<Double>)
  }

  let form: SplittingForm
  let best: SplittingPoint
  private(set) var scale: Double
  private(set) var extrapolations = 0
  var restarts: Int { anchor?.restarts ?? 0 }
  private let map: SplittingOperator
  private let settings: SplittingSettings
  private let monitor: Monitor
  private let residuals: SplittingResiduals
  private let memory: SplittingExtrapolation?
  private var anchor: HalpernAnchor?
  private let image: Buffer<Double>
  private let proposal: Buffer<Double>
  private let slack: Buffer<Double>
  private var bestWorst = Double.infinity
  private var iterations = 0
  /// Length of the step before an extrapolation that has not proved itself yet.
  private var pending: Double?
  private var firstLength = 0.0
  private var lastScaling = 0
  private var scalings = 0

  init(
    _ form: SplittingForm, _ system: SplittingSystem, _ settings: SplittingSettings,
    _ monitor: Monitor
  ) throws(KantorError) {
    self.form = form
    self.settings = settings
    self.monitor = monitor
    scale = settings.scale
    map = try SplittingOperator(form, system)
    residuals = try SplittingResiduals(form)
    best = try SplittingPoint(form)
    memory =
      settings.acceleration == .anderson
      ? try SplittingExtrapolation(size: map.size, memory: settings.memory) : nil
    anchor = settings.acceleration == .halpern ? try HalpernAnchor(count: map.size) : nil
    image = try Buffer(count: map.size)
    proposal = try Buffer(count: memory == nil ? 0 : map.size)
    slack = try Buffer(count: form.rows)
  }

  func run(from warm: SplittingWarmStart?) throws(KantorError) -> Outcome {
    guard map.setScale(scale) else { return .ended }
    if let warm {
      place(warm)
      if judge(report: 0) <= 0.9 * settings.tolerance || monitor.stop != nil { return .ended }
    } else {
      map.w.pointer[map.size - 1] = 1
    }
    anchor?.place(map.w.pointer)
    while true {
      iterations += 1
      step()
      if !map.isFine { return .ended }
      if isCheckDue {
        let worst = judge(report: iterations)
        if worst <= 0.9 * settings.tolerance || monitor.stop != nil { return .ended }
        if monitor.reachesIterationLimit(iterations) { return .ended }
        if let claim = try ray() { return claim }
        if !adapt() { return .ended }
        keepSize()
      } else if monitor.heartbeat() != nil {
        _ = judge(report: iterations)
        return .ended
      }
      advance()
    }
  }

  /// Residuals cost two products: every 25th iteration, and more often at the start.
  private var isCheckDue: Bool {
    iterations % 25 == 0 || (iterations < 25 && (iterations & (iterations - 1)) == 0)
      || iterations >= monitor.iterationLimit
  }

  // MARK: Steps

  /// Applies the operator, and takes an extrapolation back that made the step much longer. What a
  /// step may grow by is little enough to be paid for by the plain steps between extrapolations;
  /// and the more of them were kept, the shorter steps have to be, so that the plain iteration
  /// decides in the end: without a solution extrapolations can circle for ever.
  private func step() {
    let isFirst = iterations == 1
    map.apply(fixing: isFirst ? 1 : nil)
    guard let before = pending else { return }
    pending = nil
    let now = length()
    if now <= 2 * before, now * Double(extrapolations + 1) <= 100 * firstLength {
      extrapolations += 1
      return
    }
    memory?.clear()
    map.w.pointer.update(from: image.pointer, count: map.size)
    map.apply()
  }

  /// Length of w - T(w), without relaxation, over that of w: 0 solves every homogeneous problem and
  /// must not look good.
  private func length() -> Double {
    var (sum, size) = (0.0, 0.0)
    for i in 0..<map.size {
      let d = map.u.pointer[i] - map.half.pointer[i]
      sum += d * d
      size += map.w.pointer[i] * map.w.pointer[i]
    }
    return size > 0 ? (sum / size).squareRoot() : .infinity
  }

  private func advance() {
    let (w, u, half) = (map.w.pointer, map.u.pointer, map.half.pointer)
    if anchor != nil {
      for i in 0..<map.size { image.pointer[i] = w[i] + 2 * (u[i] - half[i]) }
      if anchor?.wantsRestart(error: map.error) == true {
        for i in 0..<map.size { w[i] += u[i] - half[i] }
        anchor?.place(w)
        return
      }
      anchor?.advance(w, image.pointer)
      return
    }
    let alpha = settings.relaxation
    if let memory, iterations % settings.interval == 0 {
      for i in 0..<map.size { image.pointer[i] = w[i] + alpha * (u[i] - half[i]) }
      let isProposed = memory.extrapolate(
        w, image.pointer, metric: map.metric.pointer, into: proposal.pointer)
      if isProposed {
        let before = length()
        if firstLength == 0 { firstLength = before }
        pending = before
        w.update(from: proposal.pointer, count: map.size)
      } else {
        w.update(from: image.pointer, count: map.size)
      }
      return
    }
    for i in 0..<map.size { w[i] += alpha * (u[i] - half[i]) }
  }

  // MARK: Looking at the point

  private func judge(report iteration: Int) -> Double {
    let n = form.n
    let (x, y, tau) = (map.u.pointer, map.u.pointer + n, map.tau)
    map.slack(into: slack.pointer)
    residuals.update(x: x, y: y, s: slack.pointer, tau: max(tau, 1e-300))
    let worst = residuals.worst
    if worst < bestWorst {
      bestWorst = worst
      for j in 0..<n { best.x.pointer[j] = x[j] / tau }
      for i in 0..<form.rows {
        best.y.pointer[i] = y[i] / tau
        best.s.pointer[i] = slack.pointer[i] / tau
      }
    }
    _ = monitor.check(
      iteration: iteration, objective: residuals.objective,
      residual: max(residuals.relativePrimal, residuals.relativeDual), gap: residuals.gap)
    return worst.isNaN ? .infinity : worst
  }

  /// tau has gone when the point is far and the products show a ray.
  private func ray() throws(KantorError) -> Outcome? {
    let n = form.n
    let (x, y) = (map.u.pointer, map.u.pointer + n)
    var (value, size) = (0.0, 0.0)
    for i in 0..<form.problem.m {
      value += form.b.pointer[i] * y[i]
      guard form.kind.pointer[i] == SplittingForm.Kind.box else { continue }
      value -= min(form.low.pointer[i] * y[i], form.high.pointer[i] * y[i])
    }
    for j in 0..<n { size = max(size, abs(residuals.aty.pointer[j])) }
    if value < 0, size <= -1e-3 * value {
      let z = try form.multipliers(y)
      if try SplittingRays(problem: form.problem).provesInfeasible(z) { return .infeasible(z) }
    }
    (value, size) = (0, 0)
    for j in 0..<n {
      value += form.q.pointer[j] * x[j]
      size = max(size, abs(residuals.px.pointer[j]))
    }
    guard value < 0, size <= -1e-3 * value else { return nil }
    let ray = try form.variables(x)
    let direction = try recession(ray)
    if try SplittingRays(problem: form.problem).provesUnbounded(ray, slack: direction) {
      return .unbounded(ray)
    }
    return nil
  }

  /// The vector of the recession cones that is nearest to -Ax; for general cones, s.
  private func recession(_ x: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let problem = form.problem
    let v = try Buffer<Double>(count: problem.m)
    problem.a.multiply(x.pointer, into: v.pointer, scale: -1)
    for i in 0..<problem.m {
      switch form.kind.pointer[i] {
      case SplittingForm.Kind.zero, SplittingForm.Kind.box: v.pointer[i] = 0
      case SplittingForm.Kind.nonnegative:
        let s = form.sign.pointer[i]
        v.pointer[i] = s * max(0, s * v.pointer[i])
      case SplittingForm.Kind.general:
        v.pointer[i] = slack.pointer[i] / (form.rowScale.pointer[i] * form.sigma)
      default: break
      }
    }
    return v
  }

  // MARK: Scale

  /// Another scale when one of the residuals has been much larger than the other. False when the
  /// factorisation failed.
  private func adapt() -> Bool {
    guard settings.adapts else { return true }
    let (p, d) = (residuals.primalRatio, residuals.dualRatio)
    guard p > 0, d > 0, p.isFinite, d.isFinite else { return true }
    // Ever more reason is needed, so that the scale settles.
    let patience = 1 + Double(scalings) / 4
    guard Double(iterations - lastScaling) >= 50 * patience else { return true }
    let factor = (p / d).squareRoot()
    guard factor > 2 * patience || factor < 0.5 / patience else { return true }
    let next = min(max(scale * factor, 1e-6), 1e6)
    lastScaling = iterations
    scalings += 1
    if next == scale { return true }
    scale = next
    // u and s stay, w moves: w = u + R^-1 v.
    let n = form.n
    let last = map.size - 1
    let (w, u, half, r) = (map.w.pointer, map.u.pointer, map.half.pointer, map.metric.pointer)
    for i in 0..<last { image.pointer[i] = r[i] * (u[i] + w[i] - 2 * half[i]) }
    image.pointer[last] = u[last] + w[last] - 2 * half[last]
    guard map.setScale(scale) else { return false }
    for j in 0..<n { w[j] = u[j] + image.pointer[j] / r[j] }
    for i in n..<last { w[i] = u[i] + image.pointer[i] / r[i] }
    w[last] = u[last] + image.pointer[last]
    memory?.clear()
    pending = nil
    anchor?.place(w)
    map.apply()
    return true
  }

  /// The operator is homogeneous: a w that grows or shrinks without end is brought back.
  private func keepSize() {
    var square = 0.0
    for i in 0..<map.size { square += map.w.pointer[i] * map.w.pointer[i] }
    let length = square.squareRoot() / Double(map.size).squareRoot()
    guard length.isFinite, length > 0, length > 1e6 || length < 1e-6 else { return }
    for i in 0..<map.size { map.w.pointer[i] /= length }
    memory?.clear()
    pending = nil
    anchor?.place(map.w.pointer)
    map.apply()
  }

  // MARK: Warm start

  private func place(_ warm: SplittingWarmStart) {
    let (n, last) = (form.n, map.size - 1)
    let (w, u, half, r) = (map.w.pointer, map.u.pointer, map.half.pointer, map.metric.pointer)
    for j in 0..<n { u[j] = warm.x.pointer[j] }
    for i in 0..<form.rows { u[n + i] = warm.y.pointer[i] }
    _ = map.cones.projectDual(u + n)
    u[last] = 1
    if let s = warm.s {
      slack.pointer.update(from: s.pointer, count: form.rows)
    } else {
      slack.pointer.update(from: form.b.pointer, count: form.rows)
      form.a.multiply(warm.x.pointer, into: slack.pointer, scale: -1)
    }
    // Moreau: s - (the part of -s in the dual cone, with its sign) lies in the cone.
    for i in 0..<form.rows { image.pointer[i] = -slack.pointer[i] }
    _ = map.cones.projectDual(image.pointer)
    for i in 0..<form.rows { slack.pointer[i] += image.pointer[i] }
    for j in 0..<n { w[j] = u[j] }
    for i in 0..<form.rows { w[n + i] = u[n + i] + slack.pointer[i] / r[n + i] }
    w[last] = 1
    // As after a step: the slack is read from u + w - 2u~.
    for i in 0..<map.size { half[i] = u[i] }
  }
}
