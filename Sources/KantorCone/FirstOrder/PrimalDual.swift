import Glibc
import KantorCore
import KantorNumerics

/// Restarted, reflected Halpern iteration of the primal-dual hybrid gradient operator
///     x+ = clip(x - eta/omega (Px + q + G'y)),  y+ = prox(y + eta omega G (2x+ - x)):
/// products with G and P only.
///
/// Source: H. Lu, J. Yang, "Restarted Halpern PDHG for linear programming" (2024).
/// Deviation: quadratic objectives bound the step as in Condat's and Vu's method, and the
/// reflection is 1.5 there instead of 2, which keeps the iteration nonexpansive.
final class PrimalDual {
  enum Outcome { case ended, infeasible, unbounded }

  let scaled: PrimalDualForm
  /// The answer.
  let state: ProximalState
  private(set) var weight = 1.0
  var restarts: Int { anchor.restarts }
  private let best: ProximalSnapshot
  private let monitor: Monitor
  private let tolerance: Double
  private var anchor: HalpernAnchor
  private let w: Buffer<Double>
  private let next: Buffer<Double>
  private let image: Buffer<Double>
  private let gradient: Buffer<Double>
  private let product: Buffer<Double>
  private let work: Buffer<Double>
  private var step = 1.0
  private var drift = 0.0
  private var iterations = 0
  private let reflection: Double

  private static let checkEvery = 40

  init(
    _ scaled: PrimalDualForm, _ monitor: Monitor, tolerance: Double
  ) throws(KantorError) {
    self.scaled = scaled
    self.monitor = monitor
    self.tolerance = tolerance
    let (n, rows) = (scaled.n, scaled.rows)
    state = try ProximalState(scaled.form)
    best = try ProximalSnapshot(state)
    anchor = try HalpernAnchor(count: n + rows)
    w = try Buffer(count: n + rows)
    next = try Buffer(count: n + rows)
    image = try Buffer(count: n + rows)
    gradient = try Buffer(count: n)
    product = try Buffer(count: rows)
    work = try Buffer(count: max(n, rows))
    reflection = scaled.lengthOfP > 0 ? 0.5 : 1
    setStep()
  }

  /// x and y of the form's units to start from.
  func place(x: UnsafePointer<Double>, y: UnsafePointer<Double>) {
    let n = scaled.n
    for j in 0..<n { w.pointer[j] = x[j] / scaled.columns.pointer[j] }
    for i in 0..<scaled.rows { w.pointer[n + i] = y[i] / scaled.multipliers.pointer[i] }
  }

  func run() -> Outcome {
    let (n, count) = (scaled.n, scaled.n + scaled.rows)
    for j in 0..<n { w.pointer[j] = clip(w.pointer[j], scaled.rows + j) }
    if judge(w.pointer) <= tolerance || monitor.stop != nil { return .ended }
    anchor.place(w.pointer)
    while true {
      iterations += 1
      apply()
      if iterations % Self.checkEvery == 0 || iterations >= monitor.iterationLimit {
        if judge(next.pointer) <= tolerance || monitor.stop != nil { return finish() }
        if monitor.reachesIterationLimit(iterations) { return finish() }
        if iterations % (4 * Self.checkEvery) == 0, let claim = ray() { return claim }
      } else if monitor.heartbeat() != nil {
        _ = judge(next.pointer)
        return finish()
      }
      if anchor.inner == 0 || iterations % Self.checkEvery == 0,
        anchor.wantsRestart(error: error())
      {
        reweigh()
        w.pointer.update(from: next.pointer, count: count)
        anchor.place(w.pointer)
        continue
      }
      for i in 0..<count {
        image.pointer[i] = next.pointer[i] + reflection * (next.pointer[i] - w.pointer[i])
      }
      anchor.advance(w.pointer, image.pointer)
    }
  }

  private func finish() -> Outcome {
    best.restore(state)
    return .ended
  }

  // MARK: The operator

  @inline(__always)
  private func clip(_ v: Double, _ k: Int) -> Double {
    min(max(v, scaled.lower.pointer[k]), scaled.upper.pointer[k])
  }

  /// next <- T(w).
  private func apply() {
    let (n, rows) = (scaled.n, scaled.rows)
    let (x, y, xn, yn) = (w.pointer, w.pointer + n, next.pointer, next.pointer + n)
    let (q, g, extra) = (scaled.q.pointer, gradient.pointer, work.pointer)
    let (lower, upper) = (scaled.lower.pointer, scaled.upper.pointer)
    scaled.timesGTransposed.multiply(y, into: g)
    if scaled.lengthOfP > 0 { scaled.p.multiplySymmetric(x, into: g) }
    let tau = step / weight
    for j in 0..<n {
      let v = min(max(x[j] - tau * (g[j] + q[j]), lower[rows + j]), upper[rows + j])
      xn[j] = v
      extra[j] = 2 * v - x[j]
    }
    scaled.timesG.multiply(extra, into: product.pointer)
    let sigma = step * weight
    for i in 0..<rows {
      let v = y[i] + sigma * product.pointer[i]
      yn[i] = v - sigma * min(max(v / sigma, lower[i]), upper[i])
    }
  }

  /// The longest step at which the operator is nonexpansive in the metric of `error`.
  private func setStep() {
    let (g, p) = (scaled.lengthOfG, scaled.lengthOfP / weight)
    if g == 0 {
      step = p > 0 ? 1 / p : 1
    } else {
      // g^2 step^2 + p step = 0.996
      step = 2 * 0.996 / (p + (p * p + 4 * 0.996 * g * g).squareRoot())
    }
  }

  /// Length of T(w) - w in the metric [omega/eta, -G'; -G, 1/(eta omega)].
  private func error() -> Double {
    let (n, rows) = (scaled.n, scaled.rows)
    var (primal, dual, mixed) = (0.0, 0.0, 0.0)
    for j in 0..<n {
      let d = next.pointer[j] - w.pointer[j]
      work.pointer[j] = d
      primal += d * d
    }
    scaled.timesG.multiply(work.pointer, into: product.pointer)
    for i in 0..<rows {
      let d = next.pointer[n + i] - w.pointer[n + i]
      dual += d * d
      mixed += d * product.pointer[i]
    }
    return max(0, weight * primal / step + dual / (weight * step) - 2 * mixed).squareRoot()
  }

  /// Another weight from the ways that x and y went since the last restart.
  private func reweigh() {
    let n = scaled.n
    var (primal, dual) = (0.0, 0.0)
    for i in 0..<w.count {
      let d = next.pointer[i] - anchor.anchor.pointer[i]
      if i < n { primal += d * d } else { dual += d * d }
    }
    guard primal > 1e-20, dual > 1e-20, primal.isFinite, dual.isFinite else { return }
    let miss = 0.5 * log(dual / primal) - log(weight)
    drift = 0.3 * drift + miss
    let change = exp(min(max(0.5 * miss + 0.01 * drift, -3), 3))
    weight = min(max(weight * change, 1e-8), 1e8)
    setStep()
  }

  // MARK: Looking at the point

  /// Residuals of v = (x, y), which becomes the answer if there was none better.
  private func judge(_ v: UnsafePointer<Double>) -> Double {
    load(v, objective: 1)
    let r = state.residuals()
    let worst = r.worst
    if iterations == 0 || worst < best.worst { best.keep(state, worst) }
    _ = monitor.check(
      iteration: iterations, objective: r.objective,
      residual: max(r.relativePrimal, r.relativeDual), gap: r.relativeGap)
    return worst.isNaN ? .infinity : worst
  }

  /// The multipliers of bounds take what rows leave of the dual residual.
  private func load(_ v: UnsafePointer<Double>, objective: Double) {
    let (n, rows) = (scaled.n, scaled.rows)
    for j in 0..<n {
      state.x.pointer[j] = v[j] * scaled.columns.pointer[j]
      state.upperDual.pointer[rows + j] = 0
      state.lowerDual.pointer[rows + j] = 0
      state.y.pointer[rows + j] = 0
    }
    for i in 0..<rows {
      let y = v[n + i] * scaled.multipliers.pointer[i]
      put(i, y)
      state.y.pointer[i] = y
    }
    state.refresh()
    for j in 0..<n {
      let rest =
        -(state.px.pointer[j] + objective * scaled.form.q.pointer[j] + state.gy.pointer[j])
      put(rows + j, rest)
      let taken = state.upperDual.pointer[rows + j] - state.lowerDual.pointer[rows + j]
      state.y.pointer[rows + j] = taken
      state.gy.pointer[j] += taken
    }
  }

  private func put(_ k: Int, _ y: Double) {
    let kind = state.kind.pointer[k]
    state.upperDual.pointer[k] = kind & ProximalState.hasUpper != 0 ? max(y, 0) : 0
    state.lowerDual.pointer[k] = kind & ProximalState.hasLower != 0 ? max(-y, 0) : 0
  }

  /// T(w) - w tends to the infimal displacement vector, whose parts are rays if it is not zero.
  private func ray() -> Outcome? {
    for i in 0..<w.count { image.pointer[i] = next.pointer[i] - w.pointer[i] }
    load(image.pointer, objective: 0)
    switch ProximalRays(state).claim() {
    case .infeasible: return .infeasible
    case .unbounded: return .unbounded
    default: return nil
    }
  }
}
