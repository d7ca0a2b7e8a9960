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
    let costs = try CostSummary(problem, sampled: settings.epsilon > 0, monitor)
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
  /// The kernel of the absorbed scaling iteration, while that is used.
  private var kernel: StoredKernel?
  private var kernelRoom: StoredKernel?
  private var progress = PassProgress()
  private var mayStoreKernel = true
  private let warmG: Buffer<Double>?

  /// Down the ladder of epsilon, then to the tolerance asked for.
  func run() throws(KantorError) {
    let start = try start()
    if start == .cold {
      let levels = ladder + [target]
      state.restart(at: levels[0])
      try descend(levels)
    } else if start == .warm {
      try descend([target])
    }
    if settings.gapTolerance > 0 { try closeGap() }
  }

  private func descend(_ levels: [Double]) throws(KantorError) {
    for epsilon in levels {
      if epsilon != state.epsilon { state.move(to: epsilon) }
      let isLast = epsilon == target
      guard try reach(isLast ? settings.tolerance : settings.levelTolerance) else { return }
      if isLast { return }
      guard try mayGoOn() else { return }
      try prepareStored()
    }
  }

  /// Goes on to smaller errors until the certified gap is small enough too.
  private func closeGap() throws(KantorError) {
    var goal = settings.tolerance
    while goal > 1e-15, monitor.stop == nil, ray == nil {
      let potentials = try EntropicPotentials(state, problem)
      let check = try EntropicCheck(
        problem, epsilon: target, f: potentials.f, g: potentials.g,
        parallel: Parallel(threads: settings.threads))
      let certificate = try check.certify(isInterrupted: false).certificate
      if certificate.relativeGap <= settings.gapTolerance { return }
      goal *= 0.1
      guard try reach(goal) else { return }
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
    relaxation.reset(goal: goal)
    newtonPause = 0
    sweep.precision = settings.precision(cost: meanCost, epsilon: state.epsilon)
    kernel = nil
    mayStoreKernel = true
    progress = PassProgress()
    while true {
      let outcome = try newton(goal)
      if outcome == .stopped { return false }
      if stored != nil, outcome == .converged { useDouble() }
      let iteration: any EntropicPass = kernel ?? sweep
      guard try pass(iteration) else { return false }
      let error = state.columnError
      guard record(error) else { return false }
      if progress.isStuck(error, trusted: isTrusted) {
        if isTrusted { return false }
        distrust()
        continue
      }
      if error <= max(goal, floor(iteration)), confirms(error, goal) { return true }
      guard try mayGoOn() else { return false }
      if outcome == .failed { newtonPause = 30 }
      try storePairs(error, goal)
      if stored == nil {
        try storeKernel(error, goal)
        relaxation.advance(state, iteration, error: error)
      }
    }
  }

  /// Errors below this mean nothing to a pass.
  private func floor(_ pass: any EntropicPass) -> Double {
    if let kernel { return kernel.isSingle ? SinkhornSettings.kernelFloor : 0 }
    return sweep.precision == .double || !settings.endsInDouble ? 0 : SinkhornSettings.singleFloor
  }

  /// At the target the error has to be measured over all costs in f64, unless the options say
  /// otherwise; until then the next pass is one that does.
  private func confirms(_ error: Double, _ goal: Double) -> Bool {
    if isTrusted || state.epsilon != target, error <= goal { return true }
    distrust()
    return false
  }

  private var isTrusted: Bool {
    kernel == nil && (sweep.precision == .double || !settings.endsInDouble)
  }

  private func distrust() {
    kernel = nil
    useDouble()
    progress = PassProgress()
  }

  private func useDouble() {
    if settings.endsInDouble { sweep.precision = .double }
  }

  /// Stores the kernel where many more sweeps are to come, or where it is asked for.
  private func storeKernel(_ error: Double, _ goal: Double) throws(KantorError) {
    guard kernel == nil, mayStoreKernel, settings.usesKernel(problem.geometry) else { return }
    let isSingle = settings.precisionName != "double"
    let nearest = isSingle ? max(goal, SinkhornSettings.kernelFloor) : goal
    if settings.engine != "scaling" {
      guard state.epsilon == target else { return }
      guard relaxation.predictedSweeps(from: error, to: nearest) > 12 else { return }
    }
    guard error > nearest else { return }
    mayStoreKernel = false
    if kernelRoom == nil {
      kernelRoom = try StoredKernel(
        problem.geometry, single: isSingle, threads: settings.threads, monitor: monitor)
    }
    kernel = kernelRoom
  }

  private func pass(_ pass: any EntropicPass) throws(KantorError) -> Bool {
    passes += 1
    switch pass.run(state) {
    case .complete: return true
    case .interrupted: return false
    case .forbidden:
      try findRay()
      return false
    }
  }

  /// Tells the monitor about a pass; false when the host wants to stop.
  private func record(_ error: Double) -> Bool {
    iterations += 1
    let objective = monitor.keepsTrace ? state.dualValue : .nan
    return monitor.check(iteration: iterations, objective: objective, residual: error) == nil
  }

  /// Asked after convergence was.
  private func mayGoOn() throws(KantorError) -> Bool {
    if iterations.nonzeroBitCount == 1, iterations >= 64 { try findRay() }
    return ray == nil && !monitor.reachesIterationLimit(iterations)
  }

  /// Where pairs are forbidden the problem may have no plan at all.
  private func findRay() throws(KantorError) {
    if hasForbiddenPairs == nil {
      hasForbiddenPairs = try CostSummary.hasForbiddenPairs(problem.geometry)
    }
    guard hasForbiddenPairs == true, ray == nil else { return }
    ray = try ForbiddenRay.find(state, problem)
  }
  private var hasForbiddenPairs: Bool?
  private(set) var ray: (f: Buffer<Double>, g: Buffer<Double>)?

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
      tolerance: 0.5 * goal, cut: cut(goal), goesOn: { (error) throws(KantorError) in record(error) ? try mayGoOn() : false },
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
    let geometry = problem.geometry
    let limit = SinkhornSettings.storedLimit(geometry, density: settings.newtonDensity)
    for (margin, share) in [(80.0, 16), (20.0, 8), (8.0, 2), (3.0, 1)] {
      let (cut, most) = (cut(goal) - margin, max(Self.fewPairs, limit / share))
      guard RestrictedPlan.estimate(state, geometry, cut: cut) < 1.2 * Double(most) else {
        continue
      }
      if let plan = try RestrictedPlan.choose(
        state, geometry, cut: cut, limit: most, threads: settings.threads, monitor: monitor)
      {
        return plan
      }
    }
    return nil
  }

  private enum Start {
    case cold, warm, finished
  }

  private func start() throws(KantorError) -> Start {
    guard let g = warmG else { return .cold }
    state.set(g: g.pointer)
    sweep.precision = .double
    guard try pass(sweep) else { return .cold }
    let error = state.columnError
    _ = record(error)
    if error <= settings.tolerance { return .finished }
    // A start that is far off is worse than none.
    return error < 0.1 ? .warm : .cold
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

  /// So many pairs may always be stored.
  private static let fewPairs = 4096

  // MARK: Answer

  func proposal() throws(KantorError) -> TransportProposal {
    var figures = ResultFields()
    figures.add("passes", passes)
    figures.add("newton_steps", newtonSteps)
    figures.add("inner_iterations", innerIterations)
    figures.add("stored_pairs", stored?.count ?? 0)
    if let ray {
      return TransportProposal(
        plan: .infeasible, f: ray.f, g: ray.g, figures: figures, tolerance: settings.tolerance)
    }
    let answer = try EntropicPotentials(state, problem)
    var proposal = TransportProposal(
      plan: .entropic(epsilon: target), f: answer.f, g: answer.g, figures: figures,
      tolerance: settings.tolerance)
    proposal.gapTolerance = settings.gapTolerance
    proposal.rounds = settings.rounds
    proposal.planThreshold = settings.planThreshold
    return proposal
  }
}

/// Tells rounding from slow convergence.
struct PassProgress {
  private var best = Double.infinity
  private var sinceBest = 0

  /// True when the error has not gone down for long: for passes in less than f64 soon, else after
  /// so many passes that even slow convergence would show.
  mutating func isStuck(_ error: Double, trusted: Bool) -> Bool {
    if error < 0.98 * best {
      best = error
      sinceBest = 0
      return false
    }
    sinceBest += 1
    return sinceBest > (trusted ? 1000 : 25)
  }
}
