import KantorBlocks
import KantorCore
import KantorNumerics

/// Where a solve starts: the problem's start, or point and multipliers of another result.
struct BarrierStart {
  let x: Buffer<Double>
  private let isWarm: Bool
  private let y: Buffer<Double>?
  private let zLower: Buffer<Double>?
  private let zUpper: Buffer<Double>?

  private let settings: BarrierSettings

  init(
    _ problem: NonlinearProblem, _ run: Run, _ settings: BarrierSettings
  ) throws(KantorError) {
    self.settings = settings
    let (n, m) = (problem.n, problem.m)
    let start = settings.isCold ? WarmStart() : run.start
    let given = try start.vector("x", count: n)
    y = try start.vector("y", count: m)
    zLower = try start.vector("z_lower", count: n)
    zUpper = try start.vector("z_upper", count: n)
    isWarm = given != nil && (y != nil || m == 0) && zLower != nil && zUpper != nil
    x = try (orMake(given) { () throws(KantorError) in problem.start }).copy()
    for j in 0..<n {
      x.pointer[j] = min(max(x.pointer[j], problem.lower.pointer[j]), problem.upper.pointer[j])
    }
  }

  /// Puts the loop at its start: values, derivatives, scales, multipliers.
  func begin(_ loop: BarrierLoop) throws(KantorError) -> Evaluation {
    let form = loop.form
    let model = loop.model
    loop.mu = settings.initialBarrier
    let push = settings.push
    for k in 0..<form.nx { loop.v.pointer[k] = x.pointer[Int(model.free.pointer[k])] }
    if !isWarm { pushInside(loop, 0..<form.nx, push) }
    var outcome = try evaluate(loop)
    guard case .fine = outcome else { return outcome }
    if settings.scales {
      model.rescale()
      form.rescaled()
      // The scaled values follow from those at hand.
      loop.objective *= model.objectiveScale
      for i in 0..<form.m { form.lastRows.pointer[i] *= model.rowScale.pointer[i] }
    }
    placeSlacks(loop)
    form.gradient(loop.v.pointer, into: loop.gradient.pointer)
    guard isWarm else {
      pushInside(loop, form.nx..<form.nv, push)
      form.residuals(loop.v.pointer, form.lastRows.pointer, into: loop.residual.pointer)
      unitMultipliers(loop)
      if !settings.startsAtZero { loop.leastSquaresMultipliers() }
      return .fine
    }
    takeMultipliers(loop)
    outcome = try settle(loop)
    return outcome
  }

  private func evaluate(_ loop: BarrierLoop) throws(KantorError) -> Evaluation {
    let form = loop.form
    let (outcome, value) = try form.evaluate(loop.v.pointer, residual: loop.residual.pointer)
    guard case .fine = outcome else { return outcome }
    loop.objective = value
    return try loop.model.derivatives(
      loop.v.pointer, value: value, constraints: form.lastRows.pointer)
  }

  private func pushInside(_ loop: BarrierLoop, _ range: Range<Int>, _ push: Double) {
    let (v, l, u) = (loop.v.pointer, loop.form.lower.pointer, loop.form.upper.pointer)
    for k in range {
      let (hasL, hasU) = (l[k] != -.infinity, u[k] != .infinity)
      var low = hasL ? l[k] + push * max(1, abs(l[k])) : -.infinity
      var high = hasU ? u[k] - push * max(1, abs(u[k])) : .infinity
      if hasL && hasU {
        low = min(low, l[k] + push * (u[k] - l[k]))
        high = max(high, u[k] - push * (u[k] - l[k]))
      }
      v[k] = min(max(v[k], low), high)
    }
  }

  private func placeSlacks(_ loop: BarrierLoop) {
    let form = loop.form
    for k in 0..<form.na {
      loop.v.pointer[form.nx + k] = form.lastRows.pointer[Int(form.row.pointer[k])]
    }
  }

  private func unitMultipliers(_ loop: BarrierLoop) {
    for k in 0..<loop.nv {
      loop.zl.pointer[k] = loop.form.lower.pointer[k] == -.infinity ? 0 : 1
      loop.zu.pointer[k] = loop.form.upper.pointer[k] == .infinity ? 0 : 1
    }
  }

  /// The given multipliers in the units of the scaled program.
  private func takeMultipliers(_ loop: BarrierLoop) {
    let (form, model) = (loop.form, loop.model)
    let s = model.objectiveScale
    for i in 0..<form.m {
      loop.y.pointer[i] = (y?.pointer[i] ?? 0) * s / model.rowScale.pointer[i]
    }
    for k in 0..<form.nx {
      let j = Int(model.free.pointer[k])
      loop.zl.pointer[k] = max(0, zLower?.pointer[j] ?? 0) * s
      loop.zu.pointer[k] = max(0, zUpper?.pointer[j] ?? 0) * s
      if form.lower.pointer[k] == -.infinity { loop.zl.pointer[k] = 0 }
      if form.upper.pointer[k] == .infinity { loop.zu.pointer[k] = 0 }
    }
    for k in 0..<form.na {
      let t = loop.y.pointer[Int(form.row.pointer[k])]
      let place = form.nx + k
      loop.zu.pointer[place] = form.upper.pointer[place] == .infinity ? 0 : max(t, 0)
      loop.zl.pointer[place] = form.lower.pointer[place] == -.infinity ? 0 : max(-t, 0)
      let v = loop.v.pointer[place]
      loop.v.pointer[place] = min(max(v, form.lower.pointer[place]), form.upper.pointer[place])
    }
  }

  /// How far a warm start may be from an interior point depends on how good it is. One that is an
  /// answer already stays where it is.
  private func settle(_ loop: BarrierLoop) throws(KantorError) -> Evaluation {
    let form = loop.form
    form.residuals(loop.v.pointer, form.lastRows.pointer, into: loop.residual.pointer)
    loop.updateDual()
    if loop.assess() <= 0.9 * loop.context.tolerance {
      loop.isAnswer = true
      return .fine
    }
    var error = loop.violationLargest(loop.residual)
    for k in 0..<loop.nv {
      let r = loop.lagrangian.pointer[k] - loop.zl.pointer[k] + loop.zu.pointer[k]
      error = max(error, abs(r))
    }
    let push = min(max(0.1 * error, 1e-8), 1e-3)
    loop.mu = min(max(error, 1e-9), 0.1)
    pushInside(loop, 0..<form.nx, push)
    for k in 0..<loop.nv {
      if form.lower.pointer[k] != -.infinity { loop.zl.pointer[k] = max(loop.zl.pointer[k], push) }
      if form.upper.pointer[k] != .infinity { loop.zu.pointer[k] = max(loop.zu.pointer[k], push) }
    }
    let outcome = try evaluate(loop)
    guard case .fine = outcome else { return outcome }
    placeSlacks(loop)
    pushInside(loop, form.nx..<form.nv, push)
    form.residuals(loop.v.pointer, form.lastRows.pointer, into: loop.residual.pointer)
    return .fine
  }
}

/// x and multipliers in the caller's units.
struct BarrierAnswer {
  let x: Buffer<Double>
  let y: Buffer<Double>
  let zLower: Buffer<Double>
  let zUpper: Buffer<Double>

  /// `weights` of the restoration's rows stand in for y where there are some.
  init(_ loop: BarrierLoop, weights: Buffer<Double>?) throws(KantorError) {
    let (form, model, problem) = (loop.form, loop.model, loop.model.problem)
    let s = model.objectiveScale
    x = try Buffer(copying: model.expand(loop.v.pointer), count: problem.n)
    for j in 0..<problem.n {
      x.pointer[j] = min(max(x.pointer[j], problem.lower.pointer[j]), problem.upper.pointer[j])
    }
    y = try Buffer(count: problem.m)
    zLower = try Buffer(count: problem.n)
    zUpper = try Buffer(count: problem.n)
    for i in 0..<problem.m {
      let d = model.rowScale.pointer[i]
      y.pointer[i] = weights.map { $0.pointer[i] * d } ?? (loop.y.pointer[i] * d / s)
    }
    let reduced = try Buffer<Double>(count: problem.n)
    if weights == nil, model.count < problem.n {
      model.fullReducedGradient(y.pointer, into: reduced.pointer)
      for j in 0..<problem.n where problem.lower.pointer[j] == problem.upper.pointer[j] {
        zLower.pointer[j] = max(reduced.pointer[j], 0)
        zUpper.pointer[j] = max(-reduced.pointer[j], 0)
      }
    }
    for k in 0..<form.nx {
      let j = Int(model.free.pointer[k])
      zLower.pointer[j] = loop.zl.pointer[k] / s
      zUpper.pointer[j] = loop.zu.pointer[k] / s
    }
  }
}
