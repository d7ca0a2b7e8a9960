import KantorCore
import KantorNumerics

/// Line searches towards the plan that the problem with a factor held asks for.
extension RelaxedGromovDescent {
  /// The best step where only marginals count besides the quadratic part; else the longest of 1,
  /// 1/2, 1/4, ... that brings a part of what the slope promises. False if none does, or where the
  /// curvature is not below a number.
  func move(
    _ now: Values, _ gap: Double, curvatureBelow floor: Double
  ) throws(KantorError) -> Bool {
    let (direction, change) = (next, nextProduct)
    for k in 0..<plan.count {
      direction.pointer[k] -= plan.pointer[k]
      change.pointer[k] -= product.pointer[k]
    }
    let turn = (try Buffer<Double>(count: model.n), try Buffer<Double>(count: model.m))
    addUp(direction, turn.0, turn.1)
    model.gradient(product, into: cost)
    let slope = GromovModel.inner(cost, direction)
    let curvature = try curvature(change, turn)
    guard curvature < floor else { return false }
    guard settings.entropy == nil else {
      return try shorten(now, gap, slope, curvature)
    }
    let t = problem.isPartial
      ? curvature > 0 ? min(1, max(0, -slope / (2 * curvature))) : 1
      : bestStep(now, slope, curvature, turn)
    for k in 0..<plan.count {
      plan.pointer[k] = max(0, plan.pointer[k] + t * direction.pointer[k])
      product.pointer[k] += t * change.pointer[k]
    }
    return t > 0
  }

  private func shorten(
    _ now: Values, _ gap: Double, _ slope: Double, _ curvature: Double
  ) throws(KantorError) -> Bool {
    let kept = try plan.copy()
    let before = penalties(now)
    var t = 1.0
    while t >= Self.leastStep {
      for k in 0..<plan.count { plan.pointer[k] = max(0, kept.pointer[k] + t * next.pointer[k]) }
      var then = now
      measureMarginals(plan, &then)
      let rise = t * slope + t * t * curvature + penalties(then) - before
      if rise <= -Self.armijo * t * gap + Self.rounding * now.size {
        for k in 0..<product.count { product.pointer[k] += t * nextProduct.pointer[k] }
        return true
      }
      t *= 0.5
    }
    plan.pointer.update(from: kept.pointer, count: kept.count)
    return false
  }

  /// Golden section on [0, 1], where the objective without entropy needs marginals only; 0 if
  /// nothing is gained.
  private func bestStep(
    _ now: Values, _ slope: Double, _ curvature: Double, _ turn: (Buffer<Double>, Buffer<Double>)
  ) -> Double {
    addUp(plan, rows, columns)
    let before = penalties(now)
    func entropy(
      _ t: Double, _ x: Buffer<Double>, _ d: Buffer<Double>, _ w: Buffer<Double>
    ) -> (Double, Double) {
      var (mass, sum) = (0.0, 0.0)
      for i in 0..<x.count {
        let value = x.pointer[i] + t * d.pointer[i]
        guard value > 0 else { continue }
        mass += value
        sum += value * Double.log(value / w.pointer[i])
      }
      return (mass, sum)
    }
    func rise(_ t: Double) -> Double {
      var then = now
      (then.mass, then.rows) = entropy(t, rows, turn.0, problem.a)
      (_, then.columns) = entropy(t, columns, turn.1, problem.b)
      return t * slope + t * t * curvature + penalties(then) - before
    }
    var (low, high) = (0.0, 1.0)
    var (left, right) = (1 - Self.golden, Self.golden)
    var (atLeft, atRight) = (rise(left), rise(right))
    while high - low > Self.stepPrecision {
      if atLeft < atRight {
        (high, right, atRight) = (right, left, atLeft)
        left = high - Self.golden * (high - low)
        atLeft = rise(left)
      } else {
        (low, left, atLeft) = (left, right, atRight)
        right = low + Self.golden * (high - low)
        atRight = rise(right)
      }
    }
    let candidates = [(rise(1), 1.0), (atLeft, left), (atRight, right)]
    guard let best = candidates.min(by: { $0.0 < $1.0 }) else { return 0 }
    return best.0 <= Self.rounding * now.size ? best.1 : 0
  }

  /// q of F(P + t D) = F(P) + t <G, D> + t^2 q: alpha (<r(D 1), D 1>/2 + <c(D' 1), D' 1>/2 -
  /// <K(D), D>).
  private func curvature(
    _ change: Buffer<Double>, _ marginals: (Buffer<Double>, Buffer<Double>)
  ) throws(KantorError) -> Double {
    let parts = (try model.rowPart.copy(), try model.columnPart.copy())
    try model.setRowPart(marginals.0)
    try model.setColumnPart(marginals.1)
    var own = CompensatedSum()
    for i in 0..<model.n { own.add(model.rowPart.pointer[i] * marginals.0.pointer[i]) }
    for j in 0..<model.m { own.add(model.columnPart.pointer[j] * marginals.1.pointer[j]) }
    model.rowPart.pointer.update(from: parts.0.pointer, count: model.n)
    model.columnPart.pointer.update(from: parts.1.pointer, count: model.m)
    return problem.spaces.alpha * (0.5 * own.value - GromovModel.inner(change, next))
  }
}
