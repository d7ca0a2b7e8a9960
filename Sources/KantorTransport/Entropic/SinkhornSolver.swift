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
  private(set) var iterations = 0
  private var passes = 0
  private var newtonSteps = 0
  private var innerIterations = 0
  private var isForbidden = false
  private var isHard = false

  /// `warmG`: potentials of the targets to start from, in units of the cost; `iterations`: what
  /// other solves of the same run have used up.
  init(
    _ problem: TransportProblem, _ settings: SinkhornSettings, _ monitor: Monitor,
    warmG: Buffer<Double>? = nil, iterations: Int = 0
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    self.settings = settings
    self.warmG = warmG
    self.iterations = iterations
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
      problem.geometry, precision: .double, threads: settings.threads, monitor: monitor)
    relaxation = try Relaxation(b.count, mode: settings.relaxation)
  }

  let meanCost: Double
  private let warmG: Buffer<Double>?

  /// Down the ladder of epsilon, then to the tolerance asked for.
  func run() throws(KantorError) {
    let isWarm = try startWarm()
    let levels = isWarm ? [target] : ladder + [target]
    if !isWarm { state.restart(at: levels[0]) }
    for epsilon in levels {
      if epsilon != state.epsilon { state.move(to: epsilon) }
      let isLast = epsilon == target
      guard try reach(isLast ? settings.tolerance : settings.levelTolerance) else { return }
      if !isLast { try prepareStored() }
    }
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

  /// Brings the error over all pairs down to `goal`.
  private func reach(_ goal: Double) throws(KantorError) -> Bool {
    relaxation.reset()
    newtonPause = 0
    sweep.precision = settings.precision(goal: goal, cost: meanCost, epsilon: state.epsilon)
    while true {
      let outcome = try newton(goal)
      if stored != nil, outcome == .converged, settings.endsInDouble, state.epsilon == target {
        sweep.precision = .double
      }
      guard outcome != .stopped, pass(sweep) else { return false }
      let error = state.columnError
      if isFinished(error, goal) { return true }
      guard goOn(error) else { return false }
      if outcome == .failed { newtonPause = 30 }
      try storePairs(error, goal)
      if stored == nil { relaxation.advance(state, sweep, error: error) }
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

  /// After a pass over all pairs that did not finish: chooses the pairs that matter anew, or for
  /// the first time when sweeps alone would take long.
  private func storePairs(_ error: Double, _ goal: Double) throws(KantorError) {
    let wasStored = stored != nil
    stored = nil
    newtonPause -= 1
    guard settings.usesNewton, newtonPause < 0 else { return }
    if !wasStored {
      guard state.epsilon == target, error < 0.1 else { return }
      let isSlow = relaxation.predictedSweeps(from: error, to: goal) > 20
      guard settings.engine == "newton" || isSlow else { return }
    }
    stored = try choose(goal)
    if stored == nil { newtonPause = 100 }
  }
  /// Sweeps to go before Newton's method is tried again.
  private var newtonPause = 0

  /// Newton's method on the stored pairs, if there are any.
  private func newton(_ goal: Double) throws(KantorError) -> SparseNewton.Outcome {
    guard let plan = stored else { return .converged }
    let method = try SparseNewton(
      state, plan, nu0: settings.newtonDrop, threads: settings.threads, isHard: isHard)
    let outcome = try method.run(
      tolerance: 0.5 * goal, cut: cut(goal), goesOn: goOn,
      shouldStop: { monitor.heartbeat() != nil })
    newtonSteps += method.steps
    innerIterations += method.innerIterations
    isHard = method.isHard
    return outcome
  }

  /// At the end of a level: keeps the pairs that matter for the next.
  private func prepareStored() throws(KantorError) {
    guard settings.usesNewton else { return }
    stored = try choose(settings.levelTolerance)
  }

  /// Pairs with exponents below this, relative to their weights, do not matter for an error of
  /// `goal`.
  private func cut(_ goal: Double) -> Double {
    Double.log(0.01 * goal / Double(max(state.n, state.m)))
  }

  /// The pairs that matter for an error of `goal`, with room for the potentials to move; nil when
  /// they are too many.
  private func choose(_ goal: Double) throws(KantorError) -> RestrictedPlan? {
    let limit = SinkhornSettings.storedLimit(
      problem.geometry, density: settings.newtonDensity)
    for (margin, share) in [(20.0, 8), (3.0, 1)] {
      if let plan = try RestrictedPlan.choose(
        state, problem.geometry, cut: cut(goal) - margin, limit: limit / share,
        threads: settings.threads)
      {
        return plan
      }
    }
    return nil
  }

  private func startWarm() throws(KantorError) -> Bool {
    guard let g = warmG else { return false }
    state.set(g: g.pointer)
    sweep.precision = .double
    guard pass(sweep) else { return false }
    // A start that is far off is worse than none.
    return state.columnError < 0.1
  }

  static func warmStart(
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
