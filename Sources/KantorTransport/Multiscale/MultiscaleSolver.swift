import CKantorKernels
import KantorCore
import KantorNumerics

/// The state of one `multiscale_sinkhorn` solve and its steps; see `MultiscaleSinkhorn`.
final class MultiscaleSolver {
  let problem: TransportProblem
  private let monitor: Monitor
  let settings: MultiscaleSettings
  private let metric: Metric
  private let power: Double
  private let x: PointTree
  private let y: PointTree
  let target: Double
  private let meanCost: Double

  // Figures of the result.
  private(set) var iterations = 0
  private(set) var passes = 0
  private(set) var levels = 0
  private(set) var pairShare = 1.0
  private(set) var cells = 0
  private(set) var newtonSteps = 0
  private(set) var innerIterations = 0

  /// Clouds of this size are solved without a coarser one.
  private static let coarsest = 10
  /// Levels of the trees between neighbouring clouds: eight points become one.
  private static let levelStep = 3
  /// Error at which a coarser cloud is left, and a larger eps.
  private static let levelTolerance = 1e-3
  private static let stepTolerance = 0.02
  /// Least eps of a cloud, in units of the cost from the centre of a cell to its corners.
  private static let resolution = 0.5

  init(
    _ problem: TransportProblem, _ settings: MultiscaleSettings, _ monitor: Monitor
  ) throws(KantorError) {
    guard case .points(let px, let py, let d, let metric, let power) = problem.geometry.source
    else {
      throw KantorError(
        .unsupported, "'multiscale_sinkhorn' needs points; this problem was given a cost matrix")
    }
    self.problem = problem
    self.settings = settings
    self.monitor = monitor
    self.metric = metric
    self.power = power
    let costs = try CostSummary(problem, sampled: true, monitor)
    target = settings.epsilon > 0 ? settings.epsilon : costs.automaticEpsilon
    meanCost = costs.spread
    x = try Self.tree(px, problem.a, problem.mass, d, settings.threads)
    y = try Self.tree(py, problem.b, problem.mass, d, settings.threads)
  }

  private static func tree(
    _ points: Buffer<Double>, _ weights: Buffer<Double>, _ mass: Double, _ d: Int, _ threads: Int
  ) throws(KantorError) -> PointTree {
    let shares = try weights.copy()
    for i in 0..<shares.count { shares.pointer[i] /= mass }
    return try PointTree(points, weights: shares, dimension: d, threads: threads)
  }

  // MARK: Levels

  /// Both clouds at one resolution, coarsest first in the list of all.
  private struct Cloud {
    let x: PointTree
    let y: PointTree
    /// Strength of the entropy that fits the resolution.
    let epsilon: Double
  }

  private func clouds() throws(KantorError) -> [Cloud] {
    var list: [Cloud] = []
    var level = Self.coarsest
    let cost = BoxCost(metric: metric, power: power, dimension: x.dimension)
    while canCoarsen(x, to: level) || canCoarsen(y, to: level) {
      let (cx, cy) = (try coarse(x, level), try coarse(y, level))
      let size = max(meanRadius(x, level, cost), meanRadius(y, level, cost))
      list.append(Cloud(x: cx, y: cy, epsilon: max(target, Self.resolution * size)))
      level += Self.levelStep
    }
    list.append(Cloud(x: x, y: y, epsilon: target))
    return list
  }

  private func coarse(_ tree: PointTree, _ level: Int) throws(KantorError) -> PointTree {
    canCoarsen(tree, to: level) ? try PointTree(coarsening: tree, to: level) : tree
  }

  /// Whether a coarser cloud is small enough beside its own to be worth solving.
  private func canCoarsen(_ tree: PointTree, to level: Int) -> Bool { tree.count >> level >= 4 }

  private func meanRadius(_ tree: PointTree, _ level: Int, _ cost: BoxCost) -> Double {
    guard canCoarsen(tree, to: level) else { return 0 }
    var sum = 0.0
    for place in 0..<(1 << level) { sum += cost.radius(tree, PointTree.number(level, place)) }
    return sum / Double(1 << level)
  }

  // MARK: Solve

  /// The potentials reached, for the caller's points; the certificate tells what they are worth.
  func run(
    warm: (f: Buffer<Double>, g: Buffer<Double>)?
  ) throws(KantorError) -> EntropicState {
    var state: EntropicState
    if let warm {
      state = try EntropicState(a: x.weights, b: y.weights, mass: 1, epsilon: target)
      let (f, g) = (try sorted(warm.f, x), try sorted(warm.g, y))
      state.set(f: f.pointer, g: g.pointer)
      withExtendedLifetime((f, g)) {}
      levels = 1
      _ = try reach(
        try level(Cloud(x: x, y: y, epsilon: target)), state, goal: settings.tolerance,
        isWarm: true)
      return try unsorted(state)
    }
    let clouds = try clouds()
    levels = clouds.count
    state = try coarsestState(clouds[0], isLast: clouds.count == 1)
    for k in 1..<max(clouds.count, 1) where monitor.stop == nil {
      state = try refined(state, from: clouds[k - 1], to: clouds[k])
      let level = try level(clouds[k])
      while state.epsilon > clouds[k].epsilon, monitor.stop == nil {
        guard try reach(level, state, goal: Self.stepTolerance) else { break }
        state.move(to: max(clouds[k].epsilon, settings.scalingFactor * state.epsilon))
      }
      let isLast = k == clouds.count - 1
      guard try reach(level, state, goal: isLast ? settings.tolerance : Self.levelTolerance)
      else { break }
    }
    guard state.n == x.count, state.m == y.count else { return try unfinished(state, clouds) }
    return try unsorted(state)
  }

  /// The coarsest cloud by the method for all pairs.
  private func coarsestState(_ cloud: Cloud, isLast: Bool) throws(KantorError) -> EntropicState {
    let geometry = try Geometry.points(
      x: cloud.x.points, n: cloud.x.count, y: cloud.y.points, m: cloud.y.count,
      dimension: x.dimension, metric: metric, power: power)
    let small = try TransportProblem(geometry: geometry, a: cloud.x.weights, b: cloud.y.weights)
    let solver = try SinkhornSolver(
      small,
      SinkhornSettings(
        epsilon: cloud.epsilon,
        tolerance: isLast ? settings.tolerance : min(Self.levelTolerance, settings.tolerance * 1e3),
        threads: settings.threads),
      monitor)
    try solver.run()
    iterations = solver.iterations
    if isLast { passes = solver.passes }
    return solver.state
  }

  /// The potentials of a coarser cloud on a finer one: those of targets by the soft c-transform
  /// over the coarse sources, and of sources, which the next sweep finds, as a first guess.
  private func refined(
    _ old: EntropicState, from coarse: Cloud, to fine: Cloud
  ) throws(KantorError) -> EntropicState {
    let state = try EntropicState(
      a: fine.x.weights, b: fine.y.weights, mass: 1, epsilon: old.epsilon)
    let turned = try EntropicState(
      a: fine.y.weights, b: coarse.x.weights, mass: 1, epsilon: old.epsilon)
    let potentials = try old.potentials()
    try guess(potentials.f, coarse.x, fine.x, old.epsilon, state.logA, state.phi)
    try guess(potentials.g, coarse.y, fine.y, old.epsilon, turned.logA, turned.phi)
    for i in 0..<turned.m { turned.gamma.pointer[i] = old.phi.pointer[i] }
    let sweep = try CellSweep(
      rows: fine.y, columns: coarse.x, metric: metric, power: power, threads: settings.threads,
      monitor: monitor)
    sweep.precision = precision(old.epsilon)
    _ = try sweep.run(turned, cut: Double.log(0.1 * Self.levelTolerance))
    for j in 0..<state.m { state.gamma.pointer[j] = turned.phi.pointer[j] }
    return state
  }

  private func guess(
    _ potential: Buffer<Double>, _ coarse: PointTree, _ fine: PointTree, _ epsilon: Double,
    _ logWeight: Buffer<Double>, _ exponent: Buffer<Double>
  ) throws(KantorError) {
    let slopes = try LocalSlopes(coarse, potential.pointer)
    for i in 0..<fine.count {
      let value = slopes.at(
        fine.points.pointer + i * fine.dimension, near: parent(i, fine, coarse))
      exponent.pointer[i] = logWeight.pointer[i] + value / epsilon
    }
    withExtendedLifetime(potential) {}
  }

  /// The coarse point that holds a fine one.
  private func parent(_ place: Int, _ fine: PointTree, _ coarse: PointTree) -> Int {
    guard coarse.count < fine.count else { return place }
    var parent = min(coarse.count - 1, place * coarse.count / fine.count)
    while fine.first(coarse.depth, parent + 1) <= place { parent += 1 }
    while fine.first(coarse.depth, parent) > place { parent -= 1 }
    return parent
  }

  // MARK: One cloud

  private struct Level {
    let sweep: CellSweep
    let cells: CellChoice
  }

  private func level(_ cloud: Cloud) throws(KantorError) -> Level {
    let sweep = try CellSweep(
      rows: cloud.x, columns: cloud.y, metric: metric, power: power, threads: settings.threads,
      monitor: monitor)
    return Level(
      sweep: sweep, cells: CellChoice(sweep, threads: settings.threads, monitor: monitor))
  }

  /// Sweeps and corrections until the error is small enough; false when something ended them. A
  /// warm start is taken for an answer at first: the first sweep is as exact as the last.
  private func reach(
    _ level: Level, _ state: EntropicState, goal wanted: Double, isWarm: Bool = false
  ) throws(KantorError) -> Bool {
    let isLast = state.n == x.count && state.m == y.count && state.epsilon == target
    let goal = isLast ? wanted : max(wanted, settings.tolerance)
    let memory = try MixedSteps(state)
    let sweep = level.sweep
    var pace = MultiscalePace(goal: goal, error: isWarm ? goal : 1)
    sweep.precision = isWarm ? .double : precision(state.epsilon)
    while true {
      let blocks = try level.cells.blocks(state.epsilon, pace)
      passes += 1
      let isDouble = sweep.precision == .double
      guard try sweep.run(state, cut: pace.cut, blocks: blocks) == .complete else { return false }
      iterations += 1
      pace.record(state.columnError)
      pairShare = sweep.pairs / (Double(state.n) * Double(state.m))
      guard monitor.check(iteration: iterations, residual: pace.error) == nil else { return false }
      if pace.isDone, isDouble || !isLast { return true }
      guard pace.error.isFinite, !pace.isStuck else { return false }
      if monitor.reachesIterationLimit(iterations) { return false }
      // Below the floor of f32 its errors are rounding.
      let isFine = pace.isNearlyDone || pace.error <= SinkhornSettings.singleFloor
      sweep.precision = isLast && isFine ? .double : precision(state.epsilon)
      if pace.isDone { continue }
      memory.begin(state)
      try level.cells.correct(state, pace)
      memory.mix(state)
      sweep.mendColumns(state)
      newtonSteps += level.cells.newtonSteps
      innerIterations += level.cells.innerIterations
      cells = level.cells.count
    }
  }

  private func precision(_ epsilon: Double) -> SweepPrecision {
    meanCost / epsilon < SinkhornSettings.singleRange ? .single : .mixed
  }

  // MARK: The caller's order

  private func sorted(
    _ values: Buffer<Double>, _ tree: PointTree
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: tree.count)
    for i in 0..<tree.count { out.pointer[i] = values.pointer[Int(tree.order.pointer[i])] }
    return out
  }

  private func unsorted(_ state: EntropicState) throws(KantorError) -> EntropicState {
    let out = try EntropicState(
      a: try scattered(x.weights, x), b: try scattered(y.weights, y), mass: 1,
      epsilon: state.epsilon)
    for i in 0..<x.count { out.phi.pointer[Int(x.order.pointer[i])] = state.phi.pointer[i] }
    for j in 0..<y.count { out.gamma.pointer[Int(y.order.pointer[j])] = state.gamma.pointer[j] }
    return out
  }

  private func scattered(
    _ values: Buffer<Double>, _ tree: PointTree
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: tree.count)
    for i in 0..<tree.count { out.pointer[Int(tree.order.pointer[i])] = values.pointer[i] }
    return out
  }

  /// Stopped on a coarser cloud: every point gets a guess.
  private func unfinished(
    _ state: EntropicState, _ clouds: [Cloud]
  ) throws(KantorError) -> EntropicState {
    let out = try EntropicState(a: x.weights, b: y.weights, mass: 1, epsilon: target)
    let cloud = clouds.first { $0.x.count == state.n && $0.y.count == state.m }
    guard let cloud else { return try unsorted(out) }
    let potentials = try state.potentials()
    try guess(potentials.f, cloud.x, x, target, out.logA, out.phi)
    try guess(potentials.g, cloud.y, y, target, out.logB, out.gamma)
    return try unsorted(out)
  }
}
