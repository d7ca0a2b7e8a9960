import KantorCore
import KantorNumerics

/// Interior-point steps inside the proximal method of multipliers, for linear and quadratic
/// programs.
///
/// Each system is that of a program with rho/2 |x - x_c|^2 added and delta/2 |y - y_c|^2 taken
/// away, so it stays solvable for dependent rows and singular P; the centres follow the iterates,
/// and the strengths fall with the residuals.
final class ProximalLoop {
  enum Outcome { case converged, infeasible, unbounded, stalled, stopped }

  let state: ProximalState
  let step: ProximalStep
  private let monitor: Monitor
  private let interruption: Interruption
  private let tolerance: Double
  private var smallest = 1e-10
  private var missedPrimal = 0
  private var missedDual = 0
  /// The best point so far, and how good it is.
  private let best: ProximalSnapshot
  private let probe: ProximalState
  private(set) var iterations = 0
  private(set) var residuals = ProximalState.Residuals()

  init(
    _ form: LinearForm, _ system: any ProximalSystem, _ monitor: Monitor, tolerance: Double
  ) throws(KantorError) {
    state = try ProximalState(form)
    step = try ProximalStep(state, system)
    best = try ProximalSnapshot(state)
    probe = try ProximalState(form)
    self.monitor = monitor
    interruption = Interruption(monitor)
    self.tolerance = tolerance
  }

  func run(from warm: ProximalWarmStart? = nil) -> Outcome {
    if let warm {
      warm.place(self, tolerance: tolerance)
      step.rho = 1e-8
      step.delta = 1e-8
    } else {
      guard start() else { return monitor.stop == nil ? .stalled : .stopped }
    }
    step.centrePrimal()
    step.centreDual()
    residuals = state.residuals()
    let outcome = iterate()
    if outcome != .infeasible && outcome != .unbounded && best.worst < residuals.worst {
      best.restore(state)
      residuals = state.residuals()
    }
    return outcome
  }

  private func iterate() -> Outcome {
    var failures = 0
    while true {
      let worst = residuals.worst
      if best.worst.isNaN || worst < best.worst { best.keep(state, worst) }
      let stop = monitor.check(
        iteration: iterations, objective: residuals.objective,
        residual: max(residuals.relativePrimal, residuals.relativeDual), gap: residuals.gap)
      if worst <= tolerance { return .converged }
      if stop != nil { return .stopped }
      if monitor.reachesIterationLimit(iterations) { return .stopped }
      if let claim = ProximalRays(state).claim() { return claim }
      if missedPrimal + missedDual > 3, let claim = probeDirection() { return claim }
      if !worst.isFinite || iterations >= 250 { return .stalled }
      if !advance() {
        if monitor.stop != nil { return .stopped }
        failures += 1
        if failures > 10 { return .stalled }
        step.rho *= 100
        step.delta *= 100
        smallest = min(smallest * 10, 1e-8)
        continue
      }
      if stuck() { return .stalled }
    }
  }

  /// The last step as a ray: what it has in common with the point, q and b, has cancelled.
  private func probeDirection() -> Outcome? {
    for k in 0..<state.count {
      probe.upperDual.pointer[k] = max(step.dUpperDual.pointer[k], 0)
      probe.lowerDual.pointer[k] = max(step.dLowerDual.pointer[k], 0)
      probe.y.pointer[k] = step.dy.pointer[k]
    }
    probe.x.pointer.update(from: step.dx.pointer, count: state.n)
    probe.refresh()
    guard let claim = ProximalRays(probe).claim() else { return nil }
    state.x.pointer.update(from: probe.x.pointer, count: state.n)
    for (to, from) in [
      (state.y, probe.y), (state.upperDual, probe.upperDual), (state.lowerDual, probe.lowerDual),
    ] { to.pointer.update(from: from.pointer, count: state.count) }
    state.refresh()
    return claim
  }

  // MARK: Start

  /// Multipliers and slacks of the program with s = -z, moved inside.
  private func start() -> Bool {
    let form = state.form
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      state.upperSlack.pointer[k] = 1
      state.lowerSlack.pointer[k] = 1
      state.upperDual.pointer[k] = kind & ProximalState.hasUpper != 0 ? 1 : 0
      state.lowerDual.pointer[k] = kind & ProximalState.hasLower != 0 ? 1 : 0
    }
    state.x.fill(0)
    state.y.fill(0)
    // The residuals of the point 0 with s = z = 1, whose step leads to s = -z.
    state.px.fill(0)
    state.gy.fill(0)
    state.value.fill(0)
    step.upperTarget.fill(-2)
    step.lowerTarget.fill(-2)
    step.xCentre.fill(0)
    step.yCentre.fill(0)
    step.upperCentre.fill(0)
    step.lowerCentre.fill(0)
    // delta (z - z_c) with z = 1 would be a residual; the centre is where the point is.
    for k in 0..<state.count {
      step.upperCentre.pointer[k] = state.upperDual.pointer[k]
      step.lowerCentre.pointer[k] = state.lowerDual.pointer[k]
      if state.kind.pointer[k] & ProximalState.hasUpper == 0 { step.upperTarget.pointer[k] = 0 }
      if state.kind.pointer[k] & ProximalState.hasLower == 0 { step.lowerTarget.pointer[k] = 0 }
    }
    // G'z of z = 1 belongs to the residual of the dual.
    for k in 0..<state.count where state.kind.pointer[k] != ProximalState.isEquation {
      state.y.pointer[k] = state.upperDual.pointer[k] - state.lowerDual.pointer[k]
    }
    for j in 0..<state.n { state.gy.pointer[j] = state.y.pointer[state.rows + j] }
    form.g.multiplyTransposed(state.y.pointer, into: state.gy.pointer)
    guard step.factor(interruption), step.solve() else { return false }
    step.move(1, 1)
    centreStart()
    state.refresh()
    return true
  }

  /// s and z become positive with one common product.
  private func centreStart() {
    var (leastSlack, leastDual) = (0.0, 0.0)
    forPairs { s, z in
      leastSlack = min(leastSlack, s)
      leastDual = min(leastDual, z)
    }
    let (upSlack, upDual) = (-1.5 * leastSlack, -1.5 * leastDual)
    var sum = 0.0
    forPairs { s, z in sum += (s + upSlack) * (z + upDual) }
    let mu = state.pairs > 0 ? max(sum / Double(state.pairs), 1e-10) : 0
    forPairs { s, z in
      // z - s stays what it was, their product becomes mu.
      let c = z - s
      let root = (c * c + 4 * mu).squareRoot()
      z = c > 0 ? 0.5 * (c + root) : 2 * mu / (root - c)
      s = mu / z
    }
  }

  private func forPairs(_ visit: (inout Double, inout Double) -> Void) {
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      if kind & ProximalState.hasUpper != 0 {
        visit(&state.upperSlack.pointer[k], &state.upperDual.pointer[k])
      }
      if kind & ProximalState.hasLower != 0 {
        visit(&state.lowerSlack.pointer[k], &state.lowerDual.pointer[k])
      }
    }
  }

  // MARK: One iteration

  /// Predictor, corrector, step, centres. False when the system could not be solved.
  private func advance() -> Bool {
    guard step.factor(interruption) else { return false }
    let mu = state.mu
    step.target(0, corrects: false)
    guard step.solve() else { return false }
    if state.pairs > 0 {
      let (a, b) = step.lengths()
      let ratio = step.complementarity(a, b) / (Double(state.pairs) * mu)
      let sigma = min(max(ratio, 0), 1)
      step.target(sigma * sigma * sigma * mu, corrects: true)
      guard step.solve() else { return false }
    }
    var (a, b) = step.lengths()
    if a < 1 { a *= 0.99 }
    if b < 1 { b *= 0.99 }
    step.move(a, b)
    step.keepInside()
    iterations += 1
    follow(mu)
    return true
  }

  /// Moves the centres and lowers the strengths: where a residual has fallen, and where the program
  /// with the proximal terms is solved, so that only its centre keeps the residual up.
  private func follow(_ oldMu: Double) {
    let old = residuals
    residuals = state.residuals()
    let newMu = state.mu
    let fall = oldMu > 0 ? min(max((oldMu - newMu) / oldMu, 0), 1) : 0.99
    let misses = step.misses()
    if residuals.dual < 0.95 * old.dual || residuals.relativeDual <= tolerance || misses.dualDone {
      step.centrePrimal()
      step.rho = max(smallest, (1 - fall) * step.rho)
    } else {
      missedDual += 1
      if iterations < 5 || step.rho * distance(state.x, step.xCentre) < 0.9 {
        step.rho = max(smallest, (1 - 0.666 * fall) * step.rho)
      }
    }
    if residuals.slackMiss < 0.95 * old.slackMiss || residuals.relativePrimal <= tolerance
      || misses.primalDone
    {
      step.centreDual()
      step.delta = max(smallest, (1 - fall) * step.delta)
    } else {
      missedPrimal += 1
      if iterations < 5 || step.delta * distance(state.y, step.yCentre) < 0.9 {
        step.delta = max(smallest, (1 - 0.666 * fall) * step.delta)
      }
    }
  }

  private func distance(_ a: Buffer<Double>, _ b: Buffer<Double>) -> Double {
    var top = 0.0
    for k in 0..<a.count { top = max(top, abs(a.pointer[k] - b.pointer[k])) }
    return top
  }

  private var lastGain = 0
  private var gainLevel = Double.infinity

  /// Floor of rho and delta where all pivots stand without them.
  private static let least = 1e-14

  /// Less than a digit in many iterations: the centres crawl after a solution far away. While no
  /// pivot has been lost, lower floors of the proximal terms let them run; after that the embedding
  /// may reach it in a few steps.
  private func stuck() -> Bool {
    if residuals.worst < 0.1 * gainLevel {
      gainLevel = residuals.worst
      lastGain = iterations
    }
    let isSlow = iterations > 25 || iterations - lastGain > 15
    if isSlow, smallest > Self.least, !step.lostPivots {
      smallest = Self.least
      lastGain = iterations
    }
    return iterations - lastGain > (step.lostPivots ? 40 : 80)
  }
}

/// A copy of the point.
final class ProximalSnapshot {
  private(set) var worst = Double.nan
  private var copies: [(Buffer<Double>, Buffer<Double>)]

  init(_ state: ProximalState) throws(KantorError) {
    copies = []
    for v in [
      state.x, state.y, state.upperSlack, state.upperDual, state.lowerSlack, state.lowerDual,
    ] { copies.append((v, try Buffer(count: v.count))) }
  }

  func keep(_ state: ProximalState, _ worst: Double) {
    self.worst = worst
    for (from, to) in copies { to.pointer.update(from: from.pointer, count: from.count) }
  }

  func restore(_ state: ProximalState) {
    for (to, from) in copies { to.pointer.update(from: from.pointer, count: to.count) }
    state.refresh()
  }
}

/// Looks for rays in the iterates, which grow along one when there is no solution.
struct ProximalRays {
  let state: ProximalState
  /// Beyond what the checker asks for, as scales differ.
  private let needed = 1e8

  init(_ state: ProximalState) { self.state = state }

  func claim() -> ProximalLoop.Outcome? {
    if excludesAll() { return .infeasible }
    if fallsForEver() { return .unbounded }
    return nil
  }

  /// G'y = 0 and u'z_u - l'z_l < 0.
  private func excludesAll() -> Bool {
    let (form, y) = (state.form, state.y.pointer)
    var (value, size) = (0.0, 0.0)
    for k in 0..<state.count {
      switch state.kind.pointer[k] {
      case 0: continue
      case ProximalState.isEquation:
        value += form.upper.pointer[k] * y[k]
        size += abs(form.upper.pointer[k] * y[k])
      default:
        if form.upper.pointer[k] < .infinity {
          value += form.upper.pointer[k] * state.upperDual.pointer[k]
          size += abs(form.upper.pointer[k]) * state.upperDual.pointer[k]
        }
        if form.lower.pointer[k] > -.infinity {
          value -= form.lower.pointer[k] * state.lowerDual.pointer[k]
          size += abs(form.lower.pointer[k]) * state.lowerDual.pointer[k]
        }
      }
    }
    guard value < 0, -value > 1e-6 * size else { return false }
    var (left, terms, most) = (0.0, 0.0, 0.0)
    for j in 0..<state.n { left = max(left, abs(state.gy.pointer[j])) }
    // Far from a ray no sum over the columns is needed to say so.
    for k in 0..<state.count { most += abs(y[k]) }
    guard left * size * needed <= max(1, form.largest) * most * -value else { return false }
    for j in 0..<state.n {
      var sum = abs(y[state.rows + j])
      for k in form.g.starts.pointer[j]..<form.g.starts.pointer[j + 1] {
        sum += abs(form.g.values.pointer[k] * y[Int(form.g.indices.pointer[k])])
      }
      terms = max(terms, sum)
    }
    return left * size * needed <= terms * -value
  }

  /// P x = 0, x in the recession cone of the limits, q'x < 0.
  private func fallsForEver() -> Bool {
    let (form, x) = (state.form, state.x.pointer)
    var (value, size) = (0.0, 0.0)
    for j in 0..<state.n {
      value += form.q.pointer[j] * x[j]
      size += abs(form.q.pointer[j] * x[j])
    }
    guard value < 0, -value > 1e-6 * size else { return false }
    var (left, terms) = (0.0, 0.0)
    for j in 0..<state.n {
      left = max(left, abs(state.px.pointer[j]))
      terms = max(terms, abs(x[j]))
    }
    for k in 0..<state.count {
      let v = state.value.pointer[k]
      let kind = state.kind.pointer[k]
      if kind & (ProximalState.hasUpper | ProximalState.isEquation) != 0 { left = max(left, v) }
      if kind & (ProximalState.hasLower | ProximalState.isEquation) != 0 { left = max(left, -v) }
    }
    return left * size * needed <= terms * -value
  }
}
