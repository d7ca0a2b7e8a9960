import CKantorKernels
import KantorCore
import KantorNumerics

/// The iterations of `GromovSemirelaxed` on a `GromovModel`, whose columns are free.
final class RelaxedDescent {
  struct Settings {
    /// Gap relative to the size of its terms, and relative decrease of the objective, to stop at.
    var tolerance: Double
    var decreaseTolerance: Double
    /// Mirror steps with this strength; 0 for conditional gradient.
    var epsilon: Double
  }

  let model: GromovModel
  private(set) var plan: Buffer<Double>
  private(set) var value = Double.infinity
  private(set) var iterations = 0
  private let monitor: Monitor
  private let settings: Settings
  private let gradient: Buffer<Double>
  private let product: Buffer<Double>
  private let stepProduct: Buffer<Double>
  private let marginal: Buffer<Double>
  private let stepMarginal: Buffer<Double>
  private let ownPart: Buffer<Double>
  private var direction: SparsePlan
  private var lastStep = 1.0
  /// Steps in a row that gained nothing; mirror steps may have to grow small entries first.
  private var idleSteps = 0
  private static let patience = 50

  /// After steps shorter than this the next one moves mass between pairs of columns.
  private static let shortStep = 0.1
  private static let growth = 1.3
  /// Factors of a mirror step stay above exp(lowest), and entries above their share of the row.
  private static let lowest = -40.0
  private static let leastEntry = 1e-30
  private static let largestShare = 1e9

  init(
    _ model: GromovModel, _ run: Run, _ settings: Settings, plan: Buffer<Double>
  ) throws(KantorError) {
    self.model = model
    self.plan = plan
    self.settings = settings
    monitor = run.monitor
    gradient = try Buffer(count: plan.count)
    product = try Buffer(count: plan.count)
    stepProduct = try Buffer(count: plan.count)
    marginal = try Buffer(count: model.m)
    stepMarginal = try Buffer(count: model.m)
    ownPart = try Buffer(count: model.m)
    direction = try SparsePlan(capacity: 2 * model.n)
  }

  /// What the gradient at the plan says.
  private struct Slope {
    var slope = 0.0
    var gap = 0.0
    var size = 0.0
  }

  /// Writes gradient, value and gap; nil when the solve is to stop.
  private func measure() throws(KantorError) -> Slope? {
    guard try model.cross(plan, into: product) else { return nil }
    addColumns(plan, into: marginal)
    try model.setColumnPart(marginal)
    return look()
  }

  /// The same with product and column part at hand.
  private func look() -> Slope {
    let (problem, m) = (model.problem, model.m)
    model.gradient(product, into: gradient)
    var (slope, gap, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<model.n {
      let (p, g) = (plan.pointer + i * m, gradient.pointer + i * m)
      let own = abs(model.rowPart.pointer[i])
      var (rowSlope, rowSize, low) = (0.0, 0.0, Double.infinity)
      for j in 0..<m {
        rowSlope += p[j] * g[j]
        rowSize += p[j]
          * (own + abs(model.columnPart.pointer[j]) + 2 * abs(product.pointer[i * m + j]))
        low = min(low, g[j])
      }
      slope.add(rowSlope)
      gap.add(rowSlope - problem.a.pointer[i] * low)
      size.add(problem.alpha * rowSize)
    }
    if let cost = problem.cost {
      for k in 0..<plan.count {
        size.add((1 - problem.alpha) * plan.pointer[k] * abs(cost.pointer[k]))
      }
    }
    value = model.value(slope: slope.value, linear: model.linearCost(plan))
    return Slope(
      slope: slope.value, gap: max(0, gap.value), size: max(size.value, .leastNormalMagnitude))
  }

  /// Descends from the plan at hand; false when the host or a limit ended it.
  func descend() throws(KantorError) -> Bool {
    guard var now = try measure() else { return false }
    var share = 1.0
    while true {
      iterations += 1
      let stop = monitor.check(
        iteration: iterations, objective: value, residual: now.gap / now.size, gap: now.gap)
      if now.gap <= max(settings.tolerance, 1e-15) * now.size { return true }
      if stop != nil || monitor.reachesIterationLimit(iterations) { return false }
      let before = value
      if settings.epsilon > 0 {
        guard let next = try mirrorStep(&share, now) else { return false }
        now = next
      } else {
        guard try conditionalStep() else { return false }
        now = look()
      }
      let isIdle = !(before - value > settings.decreaseTolerance * abs(value))
      idleSteps = isIdle ? idleSteps + 1 : 0
      if idleSteps >= (settings.epsilon > 0 ? Self.patience : 1) { return true }
    }
  }

  // MARK: Conditional gradient

  /// Exact line search along rows' best columns, or from their worst ones to them.
  private func conditionalStep() throws(KantorError) -> Bool {
    let usesPairs = lastStep < Self.shortStep
    usesPairs ? findPairs() : findVertex()
    guard try model.cross(direction, into: stepProduct) else { return false }
    stepMarginal.fill(0)
    for e in 0..<direction.count {
      stepMarginal.pointer[Int(direction.columns.pointer[e])] += direction.values.pointer[e]
    }
    if !usesPairs {
      // D = X - P
      for k in 0..<plan.count { stepProduct.pointer[k] -= product.pointer[k] }
      for j in 0..<model.m { stepMarginal.pointer[j] -= marginal.pointer[j] }
    }
    try move(usesPairs)
    return true
  }

  private func findVertex() {
    direction.count = 0
    for i in 0..<model.n where model.problem.a.pointer[i] > 0 {
      direction.append(i, best(i), model.problem.a.pointer[i])
    }
  }

  /// All of the mass at the worst column that a row uses, to its best column.
  private func findPairs() {
    direction.count = 0
    let m = model.m
    for i in 0..<model.n where model.problem.a.pointer[i] > 0 {
      let (p, g, low) = (plan.pointer + i * m, gradient.pointer + i * m, best(i))
      var worst = low
      for j in 0..<m where p[j] > 0 && g[j] > g[worst] { worst = j }
      guard worst != low else { continue }
      direction.append(i, low, p[worst])
      direction.append(i, worst, -p[worst])
    }
  }

  private func best(_ i: Int) -> Int {
    let (g, m) = (gradient.pointer + i * model.m, model.m)
    var best = 0
    for j in 1..<max(1, m) where g[j] < g[best] { best = j }
    return best
  }

  /// F(P + t D) = F(P) + t <G, D> + t^2 q with q = alpha (<c(D' 1), D' 1> / 2 - <K(D), D>).
  private func move(_ usesPairs: Bool) throws(KantorError) {
    let alpha = model.problem.alpha
    var (slope, curvature) = (model.inner(gradient, direction), model.inner(stepProduct, direction))
    if !usesPairs {
      slope -= GromovModel.inner(gradient, plan)
      curvature -= GromovModel.inner(stepProduct, plan)
    }
    ownPart.pointer.update(from: model.columnPart.pointer, count: model.m)
    let part = try columnPart(of: stepMarginal)
    var own = 0.0
    for j in 0..<model.m { own += part.pointer[j] * stepMarginal.pointer[j] }
    let q = alpha * (0.5 * own - curvature)
    let t = q > 0 ? min(1, max(0, -slope / (2 * q))) : 1
    apply(t, usesPairs, part)
    lastStep = t
  }

  private func columnPart(of vector: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    try model.setColumnPart(vector)
    let part = try model.columnPart.copy()
    model.columnPart.pointer.update(from: ownPart.pointer, count: model.m)
    return part
  }

  private func apply(_ t: Double, _ usesPairs: Bool, _ part: Buffer<Double>) {
    let (p, k, x) = (plan.pointer, product.pointer, stepProduct.pointer)
    for e in 0..<plan.count { k[e] += t * x[e] }
    if !usesPairs { for e in 0..<plan.count { p[e] *= 1 - t } }
    for e in 0..<direction.count {
      let place = Int(direction.rows.pointer[e]) * model.m + Int(direction.columns.pointer[e])
      p[place] = max(0, p[place] + t * direction.values.pointer[e])
    }
    for j in 0..<model.m {
      marginal.pointer[j] += t * stepMarginal.pointer[j]
      model.columnPart.pointer[j] += t * part.pointer[j]
    }
  }

  // MARK: Mirror descent

  /// Rows times exp(-share G / eps), scaled to their weights; the share is halved until F descends,
  /// and grows while it does.
  private func mirrorStep(_ share: inout Double, _ now: Slope) throws(KantorError) -> Slope? {
    let (old, before) = (try plan.copy(), value)
    let row = try Buffer<Double>(count: model.m)
    while true {
      form(old, share / settings.epsilon, row)
      stepProduct.pointer.update(from: gradient.pointer, count: gradient.count)
      guard let next = try measure() else { return nil }
      if value <= before + 1e-12 * now.size || share < 1e-6 {
        share = min(Self.largestShare, Self.growth * share)
        return next
      }
      share *= 0.5
      gradient.pointer.update(from: stepProduct.pointer, count: gradient.count)
    }
  }

  private func form(_ old: Buffer<Double>, _ scale: Double, _ row: Buffer<Double>) {
    let m = model.m
    for i in 0..<model.n {
      let (p, g, x) = (old.pointer + i * m, gradient.pointer + i * m, row.pointer)
      let out = plan.pointer + i * m
      let least = Self.leastEntry * model.problem.a.pointer[i]
      var low = Double.infinity
      for j in 0..<m { low = min(low, g[j]) }
      for j in 0..<m { x[j] = max(Self.lowest, scale * (low - g[j])) }
      kn_exp_f64(x, x, Int64(m))
      var sum = 0.0
      for j in 0..<m {
        x[j] *= max(p[j], least)
        sum += x[j]
      }
      let factor = sum > 0 ? model.problem.a.pointer[i] / sum : 0
      for j in 0..<m { out[j] = factor * x[j] }
    }
  }

  private func addColumns(_ plan: Buffer<Double>, into out: Buffer<Double>) {
    out.fill(0)
    for i in 0..<model.n {
      let p = plan.pointer + i * model.m
      for j in 0..<model.m { out.pointer[j] += p[j] }
    }
  }
}
