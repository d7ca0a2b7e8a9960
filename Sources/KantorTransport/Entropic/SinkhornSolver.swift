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
  /// The epsilon asked for; proximal steps lower it.
  var target: Double
  let meanCost: Double
  private let warmG: Buffer<Double>?

  // The ladder of epsilon.
  private var levelFactor: Double
  private(set) var levelTolerance = 0.02

  // The kernel of the absorbed scaling iteration, while that is used, and its memory.
  private var kernel: StoredKernel?
  private var kernelRoom: StoredKernel?
  private var mayStoreKernel = true
  private var progress = PassProgress()

  /// The pairs that matter, while they are few enough to be stored.
  var stored: RestrictedPlan?
  /// Share of the pairs that may be stored, and how many may always be.
  var density: Double
  var fewPairs = 1 << 12
  /// Sweeps to go before Newton's method is tried again.
  var newtonPause = 0
  /// Newton's systems were badly conditioned.
  var isHard = false
  /// More pairs matter than may be stored.
  var isDense = false
  var fallback: NewtonFallback?
  var sweepsAtTarget = 0

  // Figures of the result.
  private(set) var iterations = 0
  private(set) var passes = 0
  var newtonSteps = 0
  var storedPairs = 0
  var innerIterations = 0

  /// The ladder of a second attempt.
  private static let carefulFactor = 0.6
  private static let carefulTolerance = 1e-4
  private static let maxLevels = 1000
  /// Sweeps after a failure of Newton's method.
  private static let shortPause = 30

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
    levelFactor = settings.scalingFactor
    density = settings.newtonDensity
  }

  /// Down the ladder of epsilon, then to the tolerance asked for.
  ///
  /// True when that was reached.
  @discardableResult
  func run() throws(KantorError) -> Bool {
    let start = try start()
    var isDone = start == .finished
    if start == .warm { isDone = try descend([target]) }
    if start == .cold { isDone = try descendFromAbove() }
    if !isDone, canRetry {
      levelFactor = max(levelFactor, Self.carefulFactor)
      levelTolerance = Self.carefulTolerance
      storeMore()
      isDone = try descendFromAbove()
    }
    if isDone, settings.gapTolerance > 0 { try closeGap() }
    return isDone
  }

  /// Where the iteration got stuck though nobody stopped it, smaller steps of epsilon may help.
  private var canRetry: Bool {
    monitor.stop == nil && ray == nil && settings.scalesEpsilon && meanCost > target
  }

  private func descendFromAbove() throws(KantorError) -> Bool {
    let levels = ladder + [target]
    state.restart(at: levels[0])
    stored = nil
    return try descend(levels)
  }

  private func descend(_ levels: [Double]) throws(KantorError) -> Bool {
    for epsilon in levels {
      if epsilon != state.epsilon { state.move(to: epsilon) }
      let isLast = epsilon == target
      guard try reach(isLast ? settings.tolerance : levelTolerance) else { return false }
      if isLast { return true }
      guard try mayGoOn() else { return false }
      try prepareStored()
    }
    return true
  }

  /// Goes on to smaller errors until the certified gap is small enough too.
  private func closeGap() throws(KantorError) {
    var goal = settings.tolerance
    while goal > 1e-15, monitor.stop == nil, ray == nil {
      let certificate = try certificate()
      if certificate.relativeGap <= settings.gapTolerance { return }
      goal *= 0.1
      guard try reach(goal) else { return }
    }
  }

  /// Levels above the target.
  private var ladder: [Double] {
    guard settings.scalesEpsilon, meanCost > target else { return [] }
    var levels: [Double] = []
    var epsilon = target / levelFactor
    while epsilon < meanCost * 1.5, levels.count < Self.maxLevels {
      levels.append(epsilon)
      epsilon /= levelFactor
    }
    return levels.reversed()
  }

  // MARK: Steps

  /// Brings the error over all pairs down to `goal`.
  func reach(_ goal: Double) throws(KantorError) -> Bool {
    relaxation.reset(goal: goal)
    newtonPause = 0
    isDense = false
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
      guard record(error), error.isFinite else { return false }
      if progress.isStuck(error, trusted: isTrusted) {
        if isTrusted { return false }
        distrust()
        continue
      }
      if error <= max(goal, floor(iteration)), confirms(error, goal) { return true }
      guard try mayGoOn() else { return false }
      if outcome == .failed { newtonPause = Self.shortPause }
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

  func pass(_ pass: any EntropicPass) throws(KantorError) -> Bool {
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
  func record(_ error: Double) -> Bool {
    iterations += 1
    let objective = monitor.keepsTrace ? state.dualValue : .nan
    return monitor.check(iteration: iterations, objective: objective, residual: error) == nil
  }

  /// Asked after convergence was.
  func mayGoOn() throws(KantorError) -> Bool {
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


  // MARK: Answer

  func proposal() throws(KantorError) -> TransportProposal {
    var figures = ResultFields()
    figures.add("passes", passes)
    figures.add("newton_steps", newtonSteps)
    figures.add("inner_iterations", innerIterations)
    figures.add("stored_pairs", storedPairs)
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
