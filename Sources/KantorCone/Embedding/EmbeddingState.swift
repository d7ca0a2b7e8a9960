import KantorBlocks
import KantorCore
import KantorNumerics

/// The point (x, s, z, tau, kappa) of the homogeneous embedding, and its residuals.
final class EmbeddingState {
  let form: EmbeddingForm
  let x: Buffer<Double>
  let s: Buffer<Double>
  let z: Buffer<Double>
  var tau = 1.0
  var kappa = 1.0
  /// -(Px + A'z + q tau), Ax + s - b tau, q'x + b'z + kappa + x'Px/tau.
  let dualRest: Buffer<Double>
  let primalRest: Buffer<Double>
  private(set) var gapRest = 0.0
  let px: Buffer<Double>
  let az: Buffer<Double>
  let ax: Buffer<Double>
  private let spare: Buffer<Double>
  private(set) var quadratic = 0.0
  private(set) var linear = 0.0
  private(set) var support = 0.0

  init(_ form: EmbeddingForm) throws(KantorError) {
    self.form = form
    x = try Buffer(count: form.n)
    s = try Buffer(count: form.m)
    z = try Buffer(count: form.m)
    dualRest = try Buffer(count: form.n)
    primalRest = try Buffer(count: form.m)
    px = try Buffer(count: form.n)
    az = try Buffer(count: form.n)
    ax = try Buffer(count: form.m)
    spare = try Buffer(count: form.m)
  }

  /// s'z + tau kappa per degree.
  var mu: Double {
    var sum = tau * kappa
    for i in 0..<form.m { sum += s.pointer[i] * z.pointer[i] }
    return sum / Double(form.degree + 1)
  }

  /// What the stopping test looks at, in the units of the caller.
  struct Residuals {
    var primal = 0.0
    var dual = 0.0
    var primalScale = 0.0
    var dualScale = 0.0
    var objective = 0.0
    var dualObjective = 0.0

    var relativePrimal: Double { primal / max(1, primalScale) }
    var relativeDual: Double { dual / max(1, dualScale) }
    var gap: Double { abs(objective - dualObjective) }
    var relativeGap: Double { gap / max(1, min(abs(objective), abs(dualObjective))) }
    var worst: Double {
      let sum = relativePrimal + relativeDual + relativeGap
      return sum.isNaN ? .nan : max(relativePrimal, relativeDual, relativeGap)
    }
  }

  func copy(_ other: EmbeddingState) {
    x.pointer.update(from: other.x.pointer, count: form.n)
    s.pointer.update(from: other.s.pointer, count: form.m)
    z.pointer.update(from: other.z.pointer, count: form.m)
    (tau, kappa) = (other.tau, other.kappa)
  }

  /// Everything that follows from the point.
  func refresh() -> Residuals {
    let (n, m) = (form.n, form.m)
    px.fill(0)
    az.fill(0)
    ax.fill(0)
    form.p.multiplySymmetric(x.pointer, into: px.pointer)
    form.a.multiplyTransposed(z.pointer, into: az.pointer)
    form.a.multiply(x.pointer, into: ax.pointer)
    let (d, e, c) = (form.scale.columns.pointer, form.scale.rows.pointer, form.objective)
    var r = Residuals()
    var (xPx, qx, bz) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for j in 0..<n {
      let q = form.q.pointer[j] * tau
      let rest = px.pointer[j] + az.pointer[j] + q
      dualRest.pointer[j] = -rest
      xPx.add(px.pointer[j] * x.pointer[j])
      qx.add(form.q.pointer[j] * x.pointer[j])
      let unit = 1 / (c * d[j] * tau)
      r.dual = max(r.dual, abs(rest) * unit)
      r.dualScale = max(
        r.dualScale, max(abs(px.pointer[j]), abs(az.pointer[j]), abs(q)) * unit)
      if rest.isNaN { r.dual = .nan }
    }
    for i in 0..<m {
      let b = form.b.pointer[i] * tau
      let rest = ax.pointer[i] + s.pointer[i] - b
      primalRest.pointer[i] = rest
      bz.add(form.b.pointer[i] * z.pointer[i])
      let unit = form.unit / (e[i] * tau)
      r.primal = max(r.primal, abs(rest) * unit)
      r.primalScale = max(
        r.primalScale, max(abs(ax.pointer[i]), abs(s.pointer[i]), abs(b)) * unit)
      if rest.isNaN { r.primal = .nan }
    }
    (quadratic, linear, support) = (xPx.value, qx.value, bz.value)
    gapRest = linear + support + kappa + quadratic / tau
    let unit = form.unit / (tau * c)
    r.objective = (0.5 * quadratic / tau + linear) * unit
    r.dualObjective = (-0.5 * quadratic / tau - support) * unit
    return r
  }

  // MARK: Rays

  /// How near z is to a proof that nothing is feasible: what is left of A'z over what its terms may
  /// be, relative to -b'z; infinity when b'z >= 0.
  func infeasibility() -> Double {
    guard support < 0 else { return .infinity }
    var (left, terms, size, top) = (0.0, 0.0, 0.0, 0.0)
    for i in 0..<form.m { top = max(top, abs(z.pointer[i])) }
    let a = form.a
    for j in 0..<form.n {
      var sum = 0.0
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] { sum += abs(a.values.pointer[k]) }
      sum *= top
      terms = max(terms, sum)
      left = max(left, abs(az.pointer[j]))
    }
    for i in 0..<form.m { size += abs(form.b.pointer[i] * z.pointer[i]) }
    return left == 0 ? 0 : left * size / (terms * -support)
  }

  /// Takes the multipliers to 0 that are 1e-7 of the largest or less: of half-lines and equations
  /// one by one, of other cones together.
  func dropSmallMultipliers() {
    spare.pointer.update(from: z.pointer, count: form.m)
    var top = 0.0
    for i in 0..<form.m { top = max(top, abs(z.pointer[i])) }
    for block in form.blocks {
      let v = z.pointer + block.row
      var most = 0.0
      for i in 0..<block.count {
        if !block.needsCommonScale && abs(v[i]) <= 1e-7 * top { v[i] = 0 }
        most = max(most, abs(v[i]))
      }
      if most <= 1e-7 * top { for i in 0..<block.count { v[i] = 0 } }
    }
  }

  func restoreMultipliers() { z.pointer.update(from: spare.pointer, count: form.m) }

  /// The like for x: Px = 0, Ax + s = 0, q'x < 0.
  func unboundedness() -> Double {
    guard linear < 0 else { return .infinity }
    var (left, terms, size) = (0.0, 0.0, 0.0)
    for j in 0..<form.n {
      left = max(left, abs(px.pointer[j]))
      terms = max(terms, abs(x.pointer[j]))
      size += abs(form.q.pointer[j] * x.pointer[j])
    }
    for i in 0..<form.m { left = max(left, abs(ax.pointer[i] + s.pointer[i])) }
    return left == 0 ? 0 : left * size / (terms * -linear)
  }

  // MARK: The caller's units

  /// z, divided by tau or as it is.
  func multipliers(_ unit: Double) throws(KantorError) -> Buffer<Double> {
    let scaled = try Buffer<Double>(count: form.m)
    let out = try Buffer<Double>(count: form.rows.first.count)
    let (e, c) = (form.scale.rows.pointer, form.objective)
    for i in 0..<form.m { scaled.pointer[i] = z.pointer[i] * e[i] / (c * unit) }
    form.rows.back(scaled.pointer, into: out.pointer)
    return out
  }

  func variables(_ unit: Double) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: form.n)
    for j in 0..<form.n {
      out.pointer[j] = x.pointer[j] * form.scale.columns.pointer[j] * form.unit / unit
    }
    return out
  }

  func answer(_ problem: ConeProblem) throws(KantorError) -> (
    x: Buffer<Double>, s: Buffer<Double>, z: Buffer<Double>
  ) {
    let x = try variables(tau)
    let slack = try LinearSlack.make(problem, x)
    let scaled = try Buffer<Double>(count: form.m)
    for i in 0..<form.m {
      scaled.pointer[i] = s.pointer[i] * form.unit / (form.scale.rows.pointer[i] * tau)
    }
    let turned = try Buffer<Double>(count: problem.m)
    form.rows.back(scaled.pointer, into: turned.pointer)
    for (k, cone) in problem.cones.enumerated() where !cone.isLinear {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        slack.pointer[i] = turned.pointer[i]
      }
    }
    return (x, slack, try multipliers(tau))
  }
}

/// A copy of the point.
final class EmbeddingSnapshot {
  private(set) var worst = Double.nan
  private let x: Buffer<Double>
  private let s: Buffer<Double>
  private let z: Buffer<Double>
  private var tau = 1.0
  private var kappa = 1.0

  init(_ state: EmbeddingState) throws(KantorError) {
    x = try Buffer(count: state.x.count)
    s = try Buffer(count: state.s.count)
    z = try Buffer(count: state.z.count)
  }

  func keep(_ state: EmbeddingState, _ worst: Double) {
    self.worst = worst
    x.pointer.update(from: state.x.pointer, count: x.count)
    s.pointer.update(from: state.s.pointer, count: s.count)
    z.pointer.update(from: state.z.pointer, count: z.count)
    (tau, kappa) = (state.tau, state.kappa)
  }

  func restore(_ state: EmbeddingState) {
    state.x.pointer.update(from: x.pointer, count: x.count)
    state.s.pointer.update(from: s.pointer, count: s.count)
    state.z.pointer.update(from: z.pointer, count: z.count)
    (state.tau, state.kappa) = (tau, kappa)
  }
}
