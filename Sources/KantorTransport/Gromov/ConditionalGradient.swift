import KantorCore
import KantorNumerics

/// The conditional gradient iteration on a `GromovModel`: the engine of two methods and the last
/// part of a third.
final class ConditionalGradient {
  struct Settings {
    /// Frank-Wolfe gap, relative to the size of its terms, at which a plan counts as stationary.
    var tolerance: Double
    /// Relative decrease of the objective below which no more progress is expected.
    var decreaseTolerance: Double
  }

  let model: GromovModel
  let step: LinearisedStep
  private(set) var plan: Buffer<Double>
  private(set) var value = Double.infinity
  private(set) var iterations: Int
  private let monitor: Monitor
  private let settings: Settings
  private var isAtVertex = false
  /// Curvatures beyond this, relative to the size of the gap's terms, are not rounding.
  private static let leastCurvature = 1e-11
  private let product: Buffer<Double>
  private let vertexProduct: Buffer<Double>
  /// Short steps in a row, and what pairwise steps work on after so many of them.
  private var shortSteps = 0
  private var atoms: AtomList?
  private static let patience = 5
  private static let shortStep = 0.1

  init(
    _ model: GromovModel, _ run: Run, _ settings: Settings, plan: Buffer<Double>,
    g: Buffer<Double>?, iterations: Int = 0
  ) throws(KantorError) {
    self.model = model
    self.settings = settings
    self.plan = plan
    self.iterations = iterations
    monitor = run.monitor
    step = try LinearisedStep(model.problem, run, g: g)
    product = try Buffer(count: plan.count)
    vertexProduct = try Buffer(count: plan.count)
  }

  /// Starts again from another plan.
  func restart(from other: Buffer<Double>) {
    plan = other
    value = .infinity
    isAtVertex = false
    (shortSteps, atoms) = (0, nil)
    step.expect(near: false)
  }

  /// Descends from the plan at hand; false when the host or a limit ended it.
  func run() throws(KantorError) -> Bool {
    guard try model.cross(plan, into: product) else { return false }
    while true {
      model.gradient(product, into: step.gradient)
      let (slope, size) = sizes()
      value = model.value(slope: slope, linear: model.linearCost(plan))
      guard let vertex = try step.solve() else { return false }
      iterations += 1
      let gap = slope - model.inner(step.gradient, vertex)
      let isStopped = monitor.check(
        iteration: iterations, objective: value, residual: gap / size, gap: gap) != nil
      // After a full step the plan is a vertex, and there are finitely many of them: the descent
      // goes on until the gap is rounding.
      let isStationary =
        gap <= (isAtVertex ? 1e-15 : max(settings.tolerance, 1e-15)) * size
      if isStationary, isAtVertex || isStopped { return !isStopped }
      if isStopped || monitor.reachesIterationLimit(iterations) { return false }
      guard try model.cross(vertex, into: vertexProduct) else { return false }
      let curvature = curvature(to: vertex)
      // Stationary inside the polytope may be a maximum, such as the product of the weights of two
      // spaces that look the same from each of their points: there the vertex is lower.
      if isStationary, !(curvature < -Self.leastCurvature * size) { return true }
      let isShort = curvature > 0 && gap < 2 * Self.shortStep * curvature
      shortSteps = isShort ? shortSteps + 1 : 0
      if shortSteps >= Self.patience && atoms == nil || atoms?.isFull ?? false {
        atoms = try AtomList(plan: plan, product: product)
      }
      let decrease = atoms == nil
        ? move(to: vertex, gap: gap, curvature) : try movePair(to: vertex)
      guard let decrease else { return false }
      if !isAtVertex, !(decrease > settings.decreaseTolerance * abs(value)) { return true }
    }
  }

  /// <gradient, P> and the size of its terms.
  private func sizes() -> (slope: Double, size: Double) {
    let (problem, m) = (model.problem, model.m)
    let alpha = problem.alpha
    var (slope, size) = (CompensatedSum(), CompensatedSum())
    for i in 0..<model.n {
      let base = i * m
      let own = abs(model.rowPart.pointer[i])
      var (rowSlope, rowSize) = (0.0, 0.0)
      for j in 0..<m {
        let k = base + j
        let p = plan.pointer[k]
        rowSlope += p * step.gradient.pointer[k]
        rowSize += p * (own + abs(model.columnPart.pointer[j]) + 2 * abs(product.pointer[k]))
      }
      slope.add(rowSlope)
      size.add(alpha * rowSize)
    }
    if let cost = problem.cost {
      for k in 0..<plan.count { size.add((1 - alpha) * plan.pointer[k] * abs(cost.pointer[k])) }
    }
    return (slope.value, size.value)
  }

  /// q = -alpha <K(D), D>, the curvature of F from P to the vertex X.
  private func curvature(to vertex: SparsePlan) -> Double {
    -model.problem.alpha
      * (model.inner(vertexProduct, vertex) - 2 * model.inner(product, vertex)
        + GromovModel.inner(product, plan))
  }

  /// Exact line search that moves the mass of the worst plan P is made of to the vertex X; the
  /// decrease of F, nil when the solve is to stop.
  private func movePair(to vertex: SparsePlan) throws(KantorError) -> Double? {
    guard var list = atoms else { return nil }
    let away = list.worst(model, step.gradient)
    let descent = away.slope - model.inner(step.gradient, vertex)
    guard try list.difference(model, from: away.place, vertexProduct) else { return nil }
    let curvature =
      -model.problem.alpha * list.curvature(model, from: away.place, to: vertex)
    let t = curvature > 0 ? min(away.weight, descent / (2 * curvature)) : away.weight
    atoms = nil  // one reference, so that the list is changed in place
    list.move(plan, model.m, from: away.place, to: vertex, t)
    atoms = list
    for e in 0..<product.count { product.pointer[e] += t * list.product.pointer[e] }
    step.expect(near: true)
    isAtVertex = false
    return t * descent - t * t * curvature
  }

  /// Exact line search between P and the vertex X: F(P + t D) = F(P) - t gap + t^2 q. Returns the
  /// decrease of F.
  private func move(to vertex: SparsePlan, gap: Double, _ curvature: Double) -> Double {
    let t = curvature > 0 ? min(1, gap / (2 * curvature)) : 1
    step.expect(near: t < 0.5)
    isAtVertex = t == 1
    let (p, k, x) = (plan.pointer, product.pointer, vertexProduct.pointer)
    if t == 1 {
      p.update(repeating: 0, count: plan.count)
      k.update(from: x, count: product.count)
    } else {
      for e in 0..<plan.count {
        p[e] *= 1 - t
        k[e] += t * (x[e] - k[e])
      }
    }
    for e in 0..<vertex.count {
      let place = Int(vertex.rows.pointer[e]) * model.m + Int(vertex.columns.pointer[e])
      p[place] += t * vertex.values.pointer[e]
    }
    return t * gap - t * t * curvature
  }
}
