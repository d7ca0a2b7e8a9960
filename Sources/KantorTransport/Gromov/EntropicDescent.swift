import CKantorKernels
import KantorCore
import KantorNumerics

/// Steps on a `GromovModel` whose linear problem is entropic transport: the engine of
/// `GromovEntropic`. Plans are kept by effective costs W, P = a b^T exp((f + g - W) / eps).
final class EntropicDescent {
  struct Settings {
    var epsilon: Double
    /// Proximal steps on F instead of descent on F + eps KL(P | a b^T).
    var isProximal: Bool
    var marginalTolerance: Double
    /// Gap relative to its terms, and L1 change of the plan relative to the mass, to stop at.
    var tolerance: Double
    var planTolerance: Double
  }

  let model: GromovModel
  private(set) var plan: Buffer<Double>
  private(set) var g: Buffer<Double>
  private(set) var iterations = 0
  private(set) var innerIterations = 0
  /// Share of the gradient in a step's costs; below 1 where full steps would not descend.
  private(set) var share = 1.0

  private let run: Run
  private let settings: Settings
  private let transport: TransportProblem
  private let inner: InnerRun
  private let gradient: Buffer<Double>
  private let product: Buffer<Double>
  /// W of the plan at hand, and of the step that is tried.
  private var anchor: Buffer<Double>
  private let cost: Buffer<Double>
  private var next: Buffer<Double>
  private var f: Buffer<Double>
  private let logA: Buffer<Double>
  private let logB: Buffer<Double>
  private var innerTolerance = 1e-3

  private static let leastShare = 1e-6

  init(
    _ model: GromovModel, _ run: Run, _ settings: Settings, start: GromovStart, isGiven: Bool
  ) throws(KantorError) {
    self.model = model
    self.run = run
    self.settings = settings
    let (problem, count) = (model.problem, model.n * model.m)
    cost = try Buffer(count: count)
    transport = try TransportProblem(
      geometry: .dense(Tensor(cost, shape: [model.n, model.m])), a: problem.a, b: problem.b)
    inner = InnerRun(run: run)
    plan = start.plan
    next = try Buffer(count: count)
    gradient = try Buffer(count: count)
    product = try Buffer(count: count)
    anchor = try Buffer(count: count)
    logA = try Buffer(count: model.n)
    logB = try Buffer(count: model.m)
    kn_log_f64(problem.a.pointer, logA.pointer, Int64(model.n))
    kn_log_f64(problem.b.pointer, logB.pointer, Int64(model.m))
    f = try Buffer(count: model.n)
    if let g = start.g { self.g = g } else { g = try Buffer(count: model.m) }
    if isGiven {
      // It may be the answer already, which loose marginals would lead away from.
      innerTolerance = settings.marginalTolerance
      placeAnchor()
    } else {
      for i in 0..<model.n { f.pointer[i] = -settings.epsilon * Double.log(problem.mass) }
      g.fill(0)
    }
  }

  /// W = -eps log(P / (a b^T)) of a given plan; pairs without mass get a cost that leaves none.
  private func placeAnchor() {
    let w = anchor.pointer
    g.fill(0)
    kn_log_f64(plan.pointer, w, Int64(plan.count))
    for i in 0..<model.n {
      for j in 0..<model.m {
        let k = i * model.m + j
        let exponent = w[k] - logA.pointer[i] - logB.pointer[j]
        w[k] = exponent.isFinite ? -settings.epsilon * exponent : 700 * settings.epsilon
      }
    }
  }

  /// F, and F with the entropy, at a plan with its gradient at hand.
  private struct Value {
    var slope = 0.0
    var entropy = 0.0
    var size = 0.0
    var objective = 0.0
  }

  /// Descends from the plan at hand; false when the host or a limit ended it, or nothing moves.
  func descend() throws(KantorError) -> Bool {
    guard var value = try measure(plan, anchor) else { return false }
    while true {
      guard let (found, dual, isTight) = try step() else { return false }
      // The entropic problem linearised at P is solved by the full step.
      let slope = GromovModel.inner(gradient, next)
      let entropy = settings.isProximal ? 0 : entropyTerm(next, cost, found.f, found.g)
      let gap = max(0, value.slope + value.entropy - slope - entropy) / share
      let change = planChange()
      iterations += 1
      let isStopped = run.monitor.check(
        iteration: iterations, objective: value.objective, residual: gap / value.size, gap: gap)
        != nil
      let isDone = gap <= settings.tolerance * value.size && change <= settings.planTolerance
      if isStopped { return false }
      let old = value.objective
      swap(&plan, &next)
      guard let tried = try measure(plan, cost, found.f, found.g) else { return false }
      let slack = (2 * dual + 1e-13) * value.size
      if tried.objective > old + slack, share > Self.leastShare {
        swap(&plan, &next)
        share *= 0.5
        guard try measure(plan, anchor) != nil else { return false }
        if run.monitor.reachesIterationLimit(iterations) { return false }
        continue
      }
      accept(found.f, found.g)
      value = tried
      if isDone, isTight { return true }
      if run.monitor.reachesIterationLimit(iterations) { return false }
      let goal = settings.marginalTolerance
      // A rise within the slack may be that of loose marginals, or the start of a cycle.
      let wanted = tried.objective > old ? 0.1 * innerTolerance : 0.05 * change
      innerTolerance = isDone ? goal : min(innerTolerance, max(goal, wanted))
    }
  }

  /// The plan with the marginals of the costs that a step asks for.
  private func step() throws(KantorError) -> (
    potentials: (f: Buffer<Double>, g: Buffer<Double>), tolerance: Double, isTight: Bool
  )? {
    let (w, from, slope) = (cost.pointer, anchor.pointer, gradient.pointer)
    let keep = settings.isProximal ? 1 : 1 - share
    if keep == 0 {
      w.update(from: slope, count: cost.count)
    } else {
      for k in 0..<cost.count { w[k] = keep * from[k] + share * slope[k] }
    }
    let tolerance = innerTolerance
    let sinkhorn = SinkhornSettings(
      epsilon: settings.epsilon, tolerance: tolerance, threads: run.threads)
    let monitor = inner.monitor()
    let solver = try SinkhornSolver(transport, sinkhorn, monitor, warmG: g)
    _ = try solver.run()
    innerIterations += solver.iterations
    guard run.monitor.stop == nil, monitor.stop == nil else {
      _ = run.monitor.heartbeat()
      return nil
    }
    let proposal = try solver.proposal()
    try form(next, proposal.f, proposal.g)
    return ((proposal.f, proposal.g), tolerance, tolerance <= settings.marginalTolerance)
  }

  /// out = a b^T exp((f + g - W) / eps) for the costs of the step.
  private func form(
    _ out: Buffer<Double>, _ f: Buffer<Double>, _ g: Buffer<Double>
  ) throws(KantorError) {
    let (n, m, scale) = (model.n, model.m, 1 / settings.epsilon)
    let phi = try logA.copy()
    let gamma = try logB.copy()
    for i in 0..<n { phi.pointer[i] += f.pointer[i] * scale }
    for j in 0..<m { gamma.pointer[j] += g.pointer[j] * scale }
    let parallel = Parallel(threads: run.threads)
    let room = Int(kn_sweep_scratch(Int64(m)) + 63) / 64 * 64
    let scratch = try Buffer<UInt8>(count: parallel.threads * room)
    let view = transport.geometry.cost
    let target = out.pointer
    let (rows, columns, memory) = (phi.pointer, gamma.pointer, scratch.pointer)
    parallel.forEach(n) { part, first, end in
      var cost = view
      kn_kernel_rows_f64(
        &cost, Int64(first), Int64(end), scale, rows, columns, target, Int64(m),
        memory + part * room)
    }
    withExtendedLifetime((phi, gamma, scratch)) {}
  }

  /// eps KL(P | a b^T) up to a constant, from the form of the plan.
  private func entropyTerm(
    _ plan: Buffer<Double>, _ costs: Buffer<Double>, _ f: Buffer<Double>, _ g: Buffer<Double>
  ) -> Double {
    let (p, w, m) = (plan.pointer, costs.pointer, model.m)
    var total = CompensatedSum()
    for i in 0..<model.n {
      let own = f.pointer[i]
      var sum = 0.0
      for j in 0..<m { sum += p[i * m + j] * (own + g.pointer[j] - w[i * m + j]) }
      total.add(sum)
    }
    return total.value
  }

  private func measure(_ plan: Buffer<Double>, _ costs: Buffer<Double>) throws(KantorError)
    -> Value?
  {
    try measure(plan, costs, f, g)
  }

  /// Writes the gradient at a plan and returns its values; nil when the solve is to stop.
  private func measure(
    _ plan: Buffer<Double>, _ costs: Buffer<Double>, _ f: Buffer<Double>, _ g: Buffer<Double>
  ) throws(KantorError) -> Value? {
    guard try model.cross(plan, into: product) else { return nil }
    model.gradient(product, into: gradient)
    var value = Value()
    value.slope = GromovModel.inner(gradient, plan)
    value.size = size(of: plan)
    let primal = model.value(slope: value.slope, linear: model.linearCost(plan))
    if !settings.isProximal { value.entropy = entropyTerm(plan, costs, f, g) }
    value.objective = primal + value.entropy
    value.size += abs(value.entropy)
    return value
  }

  /// Size of the terms of <gradient, P>.
  private func size(of plan: Buffer<Double>) -> Double {
    let (problem, m) = (model.problem, model.m)
    var size = CompensatedSum()
    for i in 0..<model.n {
      let (base, own) = (i * m, abs(model.rowPart.pointer[i]))
      var sum = 0.0
      for j in 0..<m {
        let parts = own + abs(model.columnPart.pointer[j]) + 2 * abs(product.pointer[base + j])
        sum += plan.pointer[base + j] * parts
      }
      size.add(problem.alpha * sum)
    }
    if let cost = problem.cost {
      for k in 0..<plan.count {
        size.add((1 - problem.alpha) * plan.pointer[k] * abs(cost.pointer[k]))
      }
    }
    let entropy = settings.isProximal ? 0 : settings.epsilon * problem.mass
    return max(size.value + entropy, .leastNormalMagnitude)
  }

  private func planChange() -> Double {
    let (p, x) = (plan.pointer, next.pointer)
    var total = CompensatedSum()
    for i in 0..<model.n {
      var sum = 0.0
      for k in (i * model.m)..<((i + 1) * model.m) { sum += abs(p[k] - x[k]) }
      total.add(sum)
    }
    return total.value / model.problem.mass
  }

  /// The plan tried is the plan at hand; where costs add up, its potentials go into them.
  private func accept(_ f: Buffer<Double>, _ g: Buffer<Double>) {
    self.g = g
    let (w, m) = (anchor.pointer, model.m)
    w.update(from: cost.pointer, count: cost.count)
    guard settings.isProximal else {
      self.f = f
      return
    }
    for i in 0..<model.n {
      let own = f.pointer[i]
      for j in 0..<m { w[i * m + j] -= own + g.pointer[j] }
    }
  }
}
