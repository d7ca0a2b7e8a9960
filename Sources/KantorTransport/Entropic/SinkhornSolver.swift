import CKantorKernels
import KantorCore
import KantorNumerics

/// The state of one `sinkhorn` solve and its steps; see `Sinkhorn`.
final class SinkhornSolver {
  let problem: TransportProblem
  let monitor: Monitor
  let settings: SinkhornSettings
  let state: EntropicState
  let sweep: FullSweep
  let relaxation: Relaxation
  let target: Double

  /// The pairs that matter, while they are few enough to be stored.
  private var stored: RestrictedPlan?
  private var iterations = 0
  private var passes = 0
  private var newtonSteps = 0
  private var innerIterations = 0
  private var isForbidden = false

  init(_ problem: TransportProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    monitor = run.monitor
    settings = SinkhornSettings(run)
    let costs = try CostSummary(problem, monitor)
    target = settings.epsilon > 0 ? settings.epsilon : costs.automaticEpsilon
    meanCost = costs.spread
    let mass = problem.mass
    let a = try problem.a.copy()
    let b = try problem.b.copy()
    for i in 0..<a.count { a.pointer[i] /= mass }
    for j in 0..<b.count { b.pointer[j] /= mass }
    state = try EntropicState(a: a, b: b, mass: 1, epsilon: target)
    sweep = try FullSweep(
      problem.geometry, precision: .double, threads: run.threads, monitor: run.monitor)
    relaxation = try Relaxation(b.count, mode: settings.relaxation)
    warmG = try Self.warmStart(problem, run)
  }

  private let meanCost: Double
  private let warmG: Buffer<Double>?

  /// Down the ladder of epsilon.
  func run() throws(KantorError) {
    if try startWarm() { return try finish() }
    state.restart(at: ladder.first ?? target)
    for (level, epsilon) in ladder.enumerated() {
      if level > 0 { state.move(to: epsilon) }
      guard try reach(settings.levelTolerance) else { return }
      try chooseStored(cut: levelCut)
    }
    state.move(to: target)
    try finish()
  }

  /// At the epsilon asked for, to the tolerance asked for.
  private func finish() throws(KantorError) {
    guard try reach(settings.tolerance) else { return }
  }

  /// Levels above the target.
  private var ladder: [Double] {
    guard settings.scalesEpsilon, meanCost > target else { return [] }
    var levels: [Double] = []
    var epsilon = target / settings.scalingFactor
    while epsilon < meanCost * 1.5, levels.count < 200 {
      levels.append(epsilon)
      epsilon /= settings.scalingFactor
    }
    return levels.reversed()
  }

  // MARK: Steps

  /// Brings the error down to `goal` over all pairs, or over the stored pairs on the way.
  private func reach(_ goal: Double) throws(KantorError) -> Bool {
    relaxation.reset()
    let isLast = state.epsilon == target
    sweep.precision = settings.precision(goal: goal, cost: meanCost, epsilon: state.epsilon)
    if let plan = stored {
      guard try newton(plan, isLast ? 0.5 * goal : goal) else { return false }
      if !isLast { return true }
    }
    while true {
      guard pass(sweep) else { return false }
      let error = state.columnError
      if isFinished(error, goal) { return true }
      if !goOn(error) { return false }
      if isLast, try switchToNewton(error, goal) { continue }
      relaxation.advance(state, sweep, error: error)
    }
  }

  /// In the last passes of f32 sweeps the error is measured again in f64.
  private func isFinished(_ error: Double, _ goal: Double) -> Bool {
    guard sweep.precision != .double, settings.endsInDouble, state.epsilon == target else {
      return error <= goal
    }
    if error <= max(goal, SinkhornSettings.singleFloor) { sweep.precision = .double }
    return false
  }

  private func pass(_ pass: any EntropicPass) -> Bool {
    passes += 1
    switch pass.run(state) {
    case .complete: return true
    case .interrupted: return false
    case .forbidden:
      isForbidden = true
      return false
    }
  }

  private func goOn(_ error: Double) -> Bool {
    iterations += 1
    let objective = monitor.keepsTrace ? state.dualValue : .nan
    if monitor.check(iteration: iterations, objective: objective, residual: error) != nil {
      return false
    }
    return !monitor.reachesIterationLimit(iterations)
  }

  /// Newton's method where it is wanted and possible; the sweep that follows checks it.
  private func switchToNewton(_ error: Double, _ goal: Double) throws(KantorError) -> Bool {
    guard settings.usesNewton, error < 0.5, newtonFailures < 3 else { return false }
    if settings.engine == "auto", stored == nil {
      guard relaxation.predictedSweeps(from: error, to: goal) > 20, error < 0.1 else {
        return false
      }
    }
    let cut = Double.log(0.1 * goal / Double(max(state.n, state.m))) - 3
    guard let plan = try choose(cut: cut) else {
      newtonFailures = 3
      return false
    }
    stored = plan
    newtonFailures += 1
    _ = try newton(plan, 0.5 * goal)
    return monitor.stop == nil
  }
  private var newtonFailures = 0

  private func newton(_ plan: RestrictedPlan, _ goal: Double) throws(KantorError) -> Bool {
    let method = try SparseNewton(state, plan, nu0: settings.newtonDrop, threads: settings.threads)
    _ = method.run(tolerance: goal) { error in goOn(error) }
    newtonSteps += method.steps
    innerIterations += method.innerIterations
    return monitor.stop == nil
  }

  private var levelCut: Double {
    Double.log(1e-2 * settings.levelTolerance / Double(max(state.n, state.m))) - 3
  }

  private func chooseStored(cut: Double) throws(KantorError) {
    guard settings.usesNewton else { return }
    if let plan = stored {
      stored = try plan.narrowed(state, cut: cut, threads: settings.threads)
    } else {
      stored = try choose(cut: cut)
    }
  }

  private func choose(cut: Double) throws(KantorError) -> RestrictedPlan? {
    try RestrictedPlan.choose(
      state, problem.geometry, cut: cut, limit: settings.storedLimit(problem.geometry),
      threads: settings.threads)
  }

  private func startWarm() throws(KantorError) -> Bool {
    guard let g = warmG else { return false }
    state.set(g: g.pointer)
    sweep.precision = .double
    guard pass(sweep) else { return false }
    // A start that is far off is worse than none.
    return state.columnError < 0.1
  }

  private static func warmStart(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> Buffer<Double>? {
    if let g = try run.start.vector("potential_target", count: problem.m) { return g }
    guard let f = try run.start.vector("potential_source", count: problem.n) else { return nil }
    let g = try Buffer<Double>(count: problem.m, repeating: .infinity)
    let scratch = try Buffer<UInt8>(count: Int(kn_sweep_scratch(Int64(problem.m))))
    var cost = problem.geometry.cost
    kn_hardmin_columns_f64(
      &cost, 0, Int64(problem.n), f.pointer, g.pointer, scratch.pointer)
    for j in 0..<problem.m where !g.pointer[j].isFinite { g.pointer[j] = 0 }
    return g
  }

  // MARK: Answer

  func proposal() throws(KantorError) -> TransportProposal {
    let answer = try EntropicPotentials(state, problem)
    var figures = ResultFields()
    figures.add("passes", passes)
    figures.add("newton_steps", newtonSteps)
    figures.add("inner_iterations", innerIterations)
    figures.add("stored_pairs", stored?.count ?? 0)
    var proposal = TransportProposal(
      plan: .entropic(epsilon: target), f: answer.f, g: answer.g, figures: figures,
      tolerance: settings.tolerance)
    proposal.gapTolerance = settings.gapTolerance
    proposal.rounds = settings.rounds
    proposal.planThreshold = settings.planThreshold
    return proposal
  }
}
