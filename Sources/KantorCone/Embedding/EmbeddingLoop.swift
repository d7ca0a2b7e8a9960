import KantorCore
import KantorNumerics

/// Predictor-corrector steps on the homogeneous embedding of a cone program with quadratic
/// objective: unknowns (x, s, z, tau, kappa), where tau -> 0 shows a ray and tau > 0 a solution.
///
/// Source: P. J. Goulart, Y. Chen, "Clarabel: an interior-point solver for conic programs with
/// quadratic objectives" (2024).
final class EmbeddingLoop {
  enum Outcome { case converged, infeasible, unbounded, stalled, stopped }

  let state: EmbeddingState
  private let problem: ConeProblem
  private let form: EmbeddingForm
  private let step: EmbeddingStep
  private let monitor: Monitor
  private let interruption: Interruption
  private let tolerance: Double
  private let best: EmbeddingSnapshot
  private(set) var iterations: Int
  private var residuals = EmbeddingState.Residuals()
  /// H from the barrier of z alone.
  private var usesDualScaling: Bool
  private var lastStep = 0.0

  private static let leastStep = 1e-4
  private static let useful = 1e-4
  /// A primal-dual scaling that allows no more than this gives way to the dual one.
  private static let leastPrimalDualStep = 0.1

  init(
    _ problem: ConeProblem, _ form: EmbeddingForm, _ system: any EmbeddingSystem,
    _ monitor: Monitor, tolerance: Double, iterations: Int = 0
  ) throws(KantorError) {
    self.problem = problem
    self.form = form
    self.monitor = monitor
    self.tolerance = tolerance
    self.iterations = iterations
    state = try EmbeddingState(form)
    step = try EmbeddingStep(state, system)
    best = try EmbeddingSnapshot(state)
    interruption = Interruption(monitor)
    usesDualScaling = !form.hasPrimalDualScaling
    self.system = system
  }

  private let system: any EmbeddingSystem

  /// From `last`, the point of another loop on the same form, if that was of any use.
  func run(
    from warm: EmbeddingWarmStart? = nil, after last: EmbeddingState? = nil
  ) throws(KantorError) -> Outcome {
    if let last, last.refresh().worst < Self.useful {
      state.copy(last)
      residuals = state.refresh()
    } else if let warm, warm.place(state, tolerance: tolerance) {
      residuals = state.refresh()
    } else {
      guard start() else { return monitor.stop == nil ? .stalled : .stopped }
    }
    let outcome = try iterate()
    switch outcome {
    case .infeasible, .unbounded, .converged: return outcome
    case .stalled, .stopped:
      if outcome == .stalled, let claim = try claim(1e-2) { return claim }
      if !best.worst.isNaN { best.restore(state) }
      residuals = state.refresh()
      return outcome
    }
  }

  private func start() -> Bool {
    guard form.isSymmetric else {
      step.placeUnits()
      return true
    }
    for block in form.blocks { block.resetScaling() }
    return system.refactor(interruption) && step.placeStart()
  }

  private func iterate() throws(KantorError) -> Outcome {
    var first = true
    while true {
      residuals = state.refresh()
      let worst = residuals.worst
      if best.worst.isNaN || worst < best.worst { best.keep(state, worst) }
      let stop = monitor.check(
        iteration: iterations, objective: residuals.objective,
        residual: max(residuals.relativePrimal, residuals.relativeDual), gap: residuals.gap)
      if worst <= tolerance { return .converged }
      if stop != nil || monitor.reachesIterationLimit(iterations) { return .stopped }
      if let claim = try claim(1e-6) { return claim }
      if stuck(worst) { return .stalled }
      switch advance(first) {
      case .moved:
        iterations += 1
        first = false
      case .again: continue
      case .failed: return monitor.stop == nil ? .stalled : .stopped
      }
    }
  }

  private enum Advance { case moved, again, failed }

  private func advance(_ first: Bool) -> Advance {
    var mu = state.mu
    guard mu > 0, mu.isFinite else { return .failed }
    var tries = 0
    while !updateScaling(mu) {
      // The length of the last step was an estimate.
      guard !first, form.isSymmetric, tries < 5 else { return fallBack() }
      step.move(-0.2 * lastStep)
      lastStep *= 0.8
      tries += 1
    }
    if tries > 0 {
      residuals = state.refresh()
      mu = state.mu
    }
    guard step.prepare(interruption), step.predict() else { return fallBack() }
    let affine = step.length()
    let sigma = (1 - affine) * (1 - affine) * (1 - affine)
    guard step.correct(sigma: sigma, mu: mu, weight: first ? affine : 1) else {
      return fallBack()
    }
    var a = 0.99 * step.length()
    if usesDualScaling && !form.isSymmetric { a = step.centred(a) }
    if !usesDualScaling && !form.isSymmetric && a < Self.leastPrimalDualStep {
      return fallBack()
    }
    guard a > Self.leastStep else { return .failed }
    lastStep = min(a, 1)
    step.move(lastStep)
    return .moved
  }

  private func updateScaling(_ mu: Double) -> Bool {
    for block in form.blocks {
      let i = block.row
      let isInside = block.updateScaling(
        state.s.pointer + i, state.z.pointer + i, mu: mu, dual: usesDualScaling)
      if !isInside { return false }
    }
    return true
  }

  private func fallBack() -> Advance {
    if usesDualScaling || form.isSymmetric || monitor.stop != nil { return .failed }
    usesDualScaling = true
    return .again
  }

  /// Asks the checker about the point as a ray once it looks like one.
  private func claim(_ level: Double) throws(KantorError) -> Outcome? {
    if state.infeasibility() <= level {
      if try provesInfeasible() { return .infeasible }
      // Multipliers that play no part but are not yet zero hide a proof.
      state.dropSmallMultipliers()
      if try provesInfeasible() { return .infeasible }
      state.restoreMultipliers()
    }
    if state.unboundedness() <= level {
      let x = try state.variables(1)
      let certificate = try ConeCheck(problem).unbounded(x.pointer)
      return withExtendedLifetime(x) { certificate.holds ? .unbounded : nil }
    }
    return nil
  }

  private func provesInfeasible() throws(KantorError) -> Bool {
    let z = try state.multipliers(1)
    let certificate = try ConeCheck(problem).infeasible(z.pointer)
    return withExtendedLifetime(z) { certificate.holds }
  }

  private var lastGain = 0
  private var gainLevel = Double.infinity
  private var rayLevel = Double.infinity

  /// Neither a better point nor a better ray in some thirty iterations.
  private func stuck(_ worst: Double) -> Bool {
    let ray = state.tau / state.kappa
    if worst < 0.9 * gainLevel || ray < 0.5 * rayLevel {
      gainLevel = min(gainLevel, worst)
      rayLevel = min(rayLevel, ray)
      lastGain = iterations
    }
    return iterations - lastGain > 30 || !worst.isFinite
  }
}
