import CKantorKernels
import KantorCore
import KantorNumerics

/// Descent on a `RelaxedGromovProblem`: with the plan held in one factor of the objective, what is
/// left is a convex problem of transport, whose solution gives a direction, and a line search the
/// step. The engine of `GromovPartial` and `GromovUnbalanced`.
final class RelaxedGromovDescent {
  struct Settings {
    var tolerance: Double
    /// Of the objective; nil without.
    var entropy: RelaxedEntropy?
  }

  let problem: RelaxedGromovProblem
  let model: GromovModel
  let settings: Settings
  private let run: Run
  private let inner: InnerRun
  var plan: Buffer<Double>
  private(set) var f: Buffer<Double>
  private(set) var g: Buffer<Double>
  private(set) var multiplier = 0.0
  private(set) var iterations = 0
  var next: Buffer<Double>
  let product: Buffer<Double>
  let nextProduct: Buffer<Double>
  /// Costs of the problem with a factor held.
  let cost: Buffer<Double>
  let rows: Buffer<Double>
  let columns: Buffer<Double>
  private let base: TransportProblem
  private let logA: Buffer<Double>
  private let logB: Buffer<Double>
  /// Logarithms of a plan, where the objective has an entropy.
  private let logs: Buffer<Double>
  private var isWarm = false

  /// Shortest step tried, and the part of what the slope promises that a step has to bring.
  static let leastStep = 1e-6
  static let armijo = 1e-4
  static let rounding = 1e-13
  /// Curvatures beyond this, relative to the size of the terms, are not rounding.
  private static let leastCurvature = 1e-11
  static let golden = 0.5 * (5.0.squareRoot() - 1)
  static let stepPrecision = 1e-7

  init(
    _ problem: RelaxedGromovProblem, _ run: Run, _ settings: Settings, plan: Buffer<Double>
  ) throws(KantorError) {
    self.problem = problem
    self.settings = settings
    self.run = run
    self.plan = plan
    inner = InnerRun(run: run)
    model = try GromovModel(problem.spaces, run)
    let (n, m) = (problem.n, problem.m)
    next = try Buffer(count: plan.count)
    product = try Buffer(count: plan.count)
    nextProduct = try Buffer(count: plan.count)
    cost = try Buffer(count: plan.count)
    rows = try Buffer(count: n)
    columns = try Buffer(count: m)
    f = try Buffer(count: n)
    g = try Buffer(count: m)
    base = try TransportProblem(
      keepingMasses: .dense(Tensor(cost, shape: [n, m])), a: problem.a, b: problem.b,
      isFlat: (source: false, target: false))
    logs = try Buffer(count: settings.entropy == nil ? 1 : plan.count)
    logA = try Buffer(count: n)
    logB = try Buffer(count: m)
    if !(settings.entropy?.isUniform ?? false) {
      kn_log_f64(problem.a.pointer, logA.pointer, Int64(n))
      kn_log_f64(problem.b.pointer, logB.pointer, Int64(m))
    }
  }

  /// The problem with a factor held is linear, and its answer a vertex.
  private var isLinear: Bool { problem.isPartial && settings.entropy == nil }
  private var epsilon: Double { settings.entropy?.epsilon ?? 0 }

  // MARK: Values

  /// Parts of the objective along P + t D: the quadratic one a parabola, the others from scratch.
  struct Values {
    /// <grad, P> of costs and structures, and their value.
    var slope = 0.0
    var base = 0.0
    var mass = 0.0
    /// sum x log(x/w) of rows, columns and, with entropy, of the plan.
    var rows = 0.0
    var columns = 0.0
    var cells = 0.0
    var size = 0.0
  }

  /// What the marginals and the entropy add to the objective.
  func penalties(_ v: Values) -> Double {
    if problem.isPartial { return epsilon * (v.cells - v.mass) }
    let masses = (problem.sourceMass, problem.targetMass)
    func term(_ rho: Double, _ entropy: Double, _ whole: Double) -> Double {
      let excess = v.mass - whole
      return rho * (2 * v.mass * (entropy - excess) + excess * excess)
    }
    return term(problem.terms.source.strength, v.rows, masses.0)
      + term(problem.terms.target.strength, v.columns, masses.1)
      + (epsilon > 0 ? term(epsilon, v.cells, masses.0 * masses.1) : 0)
  }

  /// Marginals of the plan at hand into `rows` and `columns`, and the values they give.
  func measureMarginals(_ plan: Buffer<Double>, _ v: inout Values) {
    addUp(plan, rows, columns)
    v.mass = RelaxedProblem.total(rows)
    if !problem.isPartial {
      v.rows = Self.entropy(rows, problem.a)
      v.columns = Self.entropy(columns, problem.b)
    }
    if epsilon > 0 { v.cells = entropyOfCells(plan) }
  }

  func addUp(_ plan: Buffer<Double>, _ rows: Buffer<Double>, _ columns: Buffer<Double>) {
    let (m, p) = (model.m, plan.pointer)
    columns.fill(0)
    for i in 0..<model.n {
      var sum = 0.0
      for j in 0..<m {
        sum += p[i * m + j]
        columns.pointer[j] += p[i * m + j]
      }
      rows.pointer[i] = sum
    }
  }

  private static func entropy(_ x: Buffer<Double>, _ w: Buffer<Double>) -> Double {
    var sum = CompensatedSum()
    for i in 0..<x.count where x.pointer[i] > 0 {
      sum.add(x.pointer[i] * Double.log(x.pointer[i] / w.pointer[i]))
    }
    return sum.value
  }

  private func entropyOfCells(_ plan: Buffer<Double>) -> Double {
    let (m, logs) = (model.m, logs.pointer)
    kn_log_f64(plan.pointer, logs, Int64(plan.count))
    var total = CompensatedSum()
    for i in 0..<model.n {
      var sum = 0.0
      for j in 0..<m {
        let x = plan.pointer[i * m + j]
        if x > 0 { sum += x * (logs[i * m + j] - logA.pointer[i] - logB.pointer[j]) }
      }
      total.add(sum)
    }
    return total.value
  }

  /// Values at the plan, whose product is at hand, and the costs of the problem with a factor held.
  private func look() throws(KantorError) -> Values {
    var v = Values()
    measureMarginals(plan, &v)
    try model.setRowPart(rows)
    try model.setColumnPart(columns)
    model.gradient(product, into: cost)
    v.slope = GromovModel.inner(cost, plan)
    v.base = model.value(slope: v.slope, linear: model.linearCost(plan))
    v.size = sizeOfTerms() + abs(penalties(v))
    guard !problem.isPartial else { return v }
    let shift =
      problem.terms.source.strength * v.rows + problem.terms.target.strength * v.columns
      + epsilon * v.cells
    for k in 0..<cost.count { cost.pointer[k] = 0.5 * cost.pointer[k] + shift }
    v.size += abs(shift) * v.mass
    return v
  }

  private func sizeOfTerms() -> Double {
    let (alpha, m) = (problem.spaces.alpha, model.m)
    var size = CompensatedSum()
    for i in 0..<model.n {
      let own = abs(model.rowPart.pointer[i])
      var sum = 0.0
      for k in (i * m)..<((i + 1) * m) {
        sum += plan.pointer[k]
          * (own + abs(model.columnPart.pointer[k - i * m]) + 2 * abs(product.pointer[k]))
      }
      size.add(alpha * sum)
    }
    if let cost = problem.spaces.cost {
      for k in 0..<plan.count { size.add((1 - alpha) * plan.pointer[k] * abs(cost.pointer[k])) }
    }
    return max(size.value, .leastNormalMagnitude)
  }

  // MARK: Steps

  /// The problem with a factor held, and the strength of its entropy.
  private func held(_ v: Values) -> (problem: RelaxedProblem, entropy: RelaxedEntropy?) {
    guard !problem.isPartial else {
      return (RelaxedProblem(base, problem.terms), settings.entropy)
    }
    var terms = problem.terms
    terms.source.strength *= v.mass
    terms.target.strength *= v.mass
    return (
      RelaxedProblem(base, terms),
      settings.entropy.map { RelaxedEntropy(epsilon: $0.epsilon * v.mass, isUniform: false) }
    )
  }

  /// Its solution into `next`; false when the solve is to stop.
  private func solve(_ v: Values) throws(KantorError) -> Bool {
    let (held, entropy) = held(v)
    let proposal: RelaxedProposal
    let monitor: Monitor
    if let entropy {
      let options = OptionValues(
        specs: UnbalancedSinkhorn.spec.options,
        set: [
          "tolerance": .real(max(1e-14, min(1e-9, 0.03 * settings.tolerance))),
          "threads": .int(Int64(run.threads)),
        ])
      let start = isWarm
        ? WarmStart(arrays: ["potential_source": Tensor(f), "potential_target": Tensor(g)])
        : WarmStart()
      let own = Run(options: options, monitor: inner.monitor(), start: start)
      monitor = own.monitor
      proposal = try RelaxedSinkhorn(held, entropy, own).solve(own)
    } else if problem.isPartial {
      let own = inner.run(PartialSimplex.spec, g: nil)
      monitor = own.monitor
      proposal = try PartialSimplex.propose(held, own)
    } else {
      let options = OptionValues(
        specs: UnbalancedActiveSet.spec.options,
        set: [
          "tolerance": .real(max(1e-13, 0.1 * settings.tolerance)),
          "threads": .int(Int64(run.threads)),
        ])
      let own = Run(options: options, monitor: inner.monitor())
      monitor = own.monitor
      proposal = try UnbalancedActiveSet.propose(held, own)
    }
    guard run.monitor.stop == nil, monitor.stop == nil else { return false }
    (f, g, multiplier, isWarm) = (proposal.f, proposal.g, proposal.multiplier, true)
    try form(proposal, held)
    return true
  }

  private func form(_ proposal: RelaxedProposal, _ held: RelaxedProblem) throws(KantorError) {
    next.fill(0)
    switch proposal.plan {
    case .sparse(let found):
      for e in 0..<found.count {
        let place = Int(found.rows.pointer[e]) * model.m + Int(found.columns.pointer[e])
        next.pointer[place] += found.values.pointer[e]
      }
    case .entropic(let entropy):
      let made = try EntropicPlan(held, entropy, proposal).dense().doubles()
      next.pointer.update(from: made.pointer, count: next.count)
    case .dense(let found):
      next.pointer.update(from: found.pointer, count: next.count)
    case .infeasible: break
    }
  }

  /// Descends from the plan at hand; false when the host or a limit ended it, or nothing moves.
  func descend() throws(KantorError) -> Bool {
    guard try model.cross(plan, into: product) else { return false }
    while true {
      let now = try look()
      guard now.mass > 0, try solve(now) else { return false }
      iterations += 1
      let old = heldValue(plan, now)
      var then = now
      measureMarginals(next, &then)
      let gap = max(0, old - heldValue(next, then, at: now))
      let objective = now.base + penalties(now)
      let stop = run.monitor.check(
        iteration: iterations, objective: objective, residual: gap / now.size, gap: gap)
      let isStationary = gap <= settings.tolerance * now.size
      if isStationary, stop != nil || !isLinear { return stop == nil }
      if stop != nil || run.monitor.reachesIterationLimit(iterations) { return false }
      guard try model.cross(next, into: nextProduct) else { return false }
      // Stationary plans may be maxima, such as the product of the weights of two spaces that look
      // the same from each of their points: there the plan found is lower.
      let floor = isStationary ? -Self.leastCurvature * now.size : .infinity
      guard try move(now, gap, curvatureBelow: floor) else { return true }
    }
  }

  /// The objective of the problem with P held, at a plan with its values, up to a constant.
  private func heldValue(_ plan: Buffer<Double>, _ v: Values, at held: Values? = nil) -> Double {
    let linear = GromovModel.inner(cost, plan)
    if problem.isPartial { return linear + epsilon * (v.cells - v.mass) }
    let strengths = (problem.terms.source.strength, problem.terms.target.strength)
    return linear + (held ?? v).mass
      * (strengths.0 * (v.rows - v.mass) + strengths.1 * (v.columns - v.mass)
        + epsilon * (v.cells - v.mass))
  }
}

extension RelaxedGromovDescent {
  /// What both methods do: a start, the descent, and the dual point at its end.
  static func propose(
    _ problem: RelaxedGromovProblem, _ run: Run, _ entropy: RelaxedEntropy?,
    marginalTolerance: Double
  ) throws(KantorError) -> RelaxedGromovProposal {
    let tolerance = run.options.real("tolerance")
    let descent = try RelaxedGromovDescent(
      problem, run, Settings(tolerance: 0.5 * tolerance, entropy: entropy),
      plan: try RelaxedGromovStart.plan(problem, run))
    _ = try descent.descend()
    return RelaxedGromovProposal(
      plan: descent.plan, f: descent.f, g: descent.g, multiplier: descent.multiplier,
      entropy: entropy, tolerance: marginalTolerance, gapTolerance: tolerance)
  }
}
