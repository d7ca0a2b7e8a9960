import Glibc
import KantorCore
import KantorNumerics

/// Directions of the embedding: two solves for the point, one for what tau does.
final class EmbeddingStep {
  let x: Buffer<Double>
  let s: Buffer<Double>
  let z: Buffer<Double>
  var tau = 0.0
  var kappa = 0.0
  private let state: EmbeddingState
  private let form: EmbeddingForm
  private let system: any EmbeddingSystem
  /// The solution for [-q; b].
  private let constantX: Buffer<Double>
  private let constantZ: Buffer<Double>
  private var constantValue = 0.0
  private let target: Buffer<Double>
  private let top: Buffer<Double>
  private let bottom: Buffer<Double>
  private let work: Buffer<Double>
  private let trialS: Buffer<Double>
  private let trialZ: Buffer<Double>

  init(_ state: EmbeddingState, _ system: any EmbeddingSystem) throws(KantorError) {
    self.state = state
    self.system = system
    form = state.form
    let (n, m) = (form.n, form.m)
    x = try Buffer(count: n)
    s = try Buffer(count: m)
    z = try Buffer(count: m)
    constantX = try Buffer(count: n)
    constantZ = try Buffer(count: m)
    target = try Buffer(count: m)
    top = try Buffer(count: n)
    bottom = try Buffer(count: m)
    work = try Buffer(count: n)
    trialS = try Buffer(count: m)
    trialZ = try Buffer(count: m)
  }

  // MARK: Start

  /// Solves for a point that ignores the cones, then moves it inside. For symmetric cones.
  func placeStart() -> Bool {
    let (n, m) = (form.n, form.m)
    bottom.fill(0)
    if form.p.count == 0 {
      top.fill(0)
      guard system.solve(top.pointer, form.b.pointer, state.x.pointer, state.s.pointer)
      else { return false }
      for j in 0..<n { top.pointer[j] = -form.q.pointer[j] }
      guard system.solve(top.pointer, bottom.pointer, work.pointer, state.z.pointer)
      else { return false }
    } else {
      for j in 0..<n { top.pointer[j] = -form.q.pointer[j] }
      guard system.solve(top.pointer, form.b.pointer, state.x.pointer, state.z.pointer)
      else { return false }
      state.s.pointer.update(from: state.z.pointer, count: m)
    }
    for i in 0..<m { state.s.pointer[i] = -state.s.pointer[i] }
    moveInside(state.s, isDual: false)
    moveInside(state.z, isDual: true)
    (state.tau, state.kappa) = (1, 1)
    return true
  }

  private func moveInside(_ v: Buffer<Double>, isDual: Bool) {
    var (least, sum) = (Double.infinity, 0.0)
    for block in form.blocks {
      let margin = block.margin(v.pointer + block.row, isDual: isDual)
      least = min(least, margin.least)
      sum += margin.sum
    }
    let wanted = max(1, 0.1 * sum / Double(max(form.degree, 1)))
    var shift = 0.0
    if least <= 0 {
      shift = wanted - least
    } else if least < wanted {
      shift = wanted - least
    }
    if !shift.isFinite { shift = 0 }
    for block in form.blocks { block.shift(v.pointer + block.row, shift, isDual: isDual) }
  }

  /// The units of all cones, where a barrier has no other centre.
  func placeUnits() {
    state.x.fill(0)
    for block in form.blocks {
      block.start(state.s.pointer + block.row, state.z.pointer + block.row)
    }
    (state.tau, state.kappa) = (1, 1)
  }

  // MARK: Directions

  /// Scales, factors, and solves for [-q; b].
  func prepare(_ interruption: Interruption) -> Bool {
    guard system.refactor(interruption) else { return false }
    for j in 0..<form.n { top.pointer[j] = -form.q.pointer[j] }
    guard system.solve(top.pointer, form.b.pointer, constantX.pointer, constantZ.pointer)
    else { return false }
    // kappa/tau - q'x2 - b'z2 + |xi - x2|^2_P - |x2|^2_P, xi = x/tau.
    let (x2, xi) = (constantX.pointer, work.pointer)
    for j in 0..<form.n { xi[j] = state.x.pointer[j] / state.tau - x2[j] }
    constantValue =
      state.kappa / state.tau - dot(form.q, constantX) - dot(form.b, constantZ)
      + form.p.quadraticForm(xi) - form.p.quadraticForm(x2)
    return constantValue.isFinite
  }

  private func dot(_ a: Buffer<Double>, _ b: Buffer<Double>) -> Double {
    var sum = 0.0
    for i in 0..<a.count { sum += a.pointer[i] * b.pointer[i] }
    return sum
  }

  func predict() -> Bool {
    for block in form.blocks {
      block.affine(target.pointer + block.row, s: state.s.pointer + block.row)
    }
    return direct(1, state.tau * state.kappa)
  }

  /// Towards sigma mu, with `weight` of the predictor's second-order term.
  func correct(sigma: Double, mu: Double, weight: Double) -> Bool {
    for block in form.blocks {
      let i = block.row
      block.combined(
        target.pointer + i, s: state.s.pointer + i, z: state.z.pointer + i, ds: s.pointer + i,
        dz: z.pointer + i, weight: weight, sigmaMu: sigma * mu)
    }
    return direct(
      1 - sigma, state.tau * state.kappa + weight * tau * kappa - sigma * mu)
  }

  private func direct(_ rest: Double, _ pair: Double) -> Bool {
    let (n, m) = (form.n, form.m)
    for j in 0..<n { top.pointer[j] = rest * state.dualRest.pointer[j] }
    for i in 0..<m {
      bottom.pointer[i] = target.pointer[i] - rest * state.primalRest.pointer[i]
    }
    guard system.solve(top.pointer, bottom.pointer, x.pointer, z.pointer) else { return false }
    // 2 xi'P x1 from the product that the point has.
    var cross = 0.0
    for j in 0..<n { cross += state.px.pointer[j] * x.pointer[j] }
    let value =
      rest * state.gapRest - pair / state.tau + dot(form.q, x) + dot(form.b, z)
      + 2 * cross / state.tau
    tau = value / constantValue
    kappa = -(pair + state.kappa * tau) / state.tau
    for j in 0..<n { x.pointer[j] += tau * constantX.pointer[j] }
    for i in 0..<m { z.pointer[i] += tau * constantZ.pointer[i] }
    placeSlack(rest)
    return tau.isFinite && kappa.isFinite
  }

  /// ds by the cones, or by the rows A dx + ds = tau b - rest where the system leaves those to it.
  private func placeSlack(_ rest: Double) {
    guard system.leavesRows else {
      for block in form.blocks {
        block.apply(z.pointer + block.row, into: s.pointer + block.row)
      }
      for i in 0..<form.m { s.pointer[i] = -(s.pointer[i] + target.pointer[i]) }
      return
    }
    for i in 0..<form.m {
      s.pointer[i] = tau * form.b.pointer[i] - rest * state.primalRest.pointer[i]
    }
    form.a.multiply(x.pointer, into: s.pointer, scale: -1)
    for block in form.blocks where block.degree == 0 {
      for i in 0..<block.count { s.pointer[block.row + i] = 0 }
    }
  }

  // MARK: Length

  /// The longest step, symmetric cones first: the others look for theirs from there.
  func length() -> Double {
    var a = 1.0
    if tau < 0 { a = min(a, -state.tau / tau) }
    if kappa < 0 { a = min(a, -state.kappa / kappa) }
    for isSymmetric in [true, false] {
      if !isSymmetric { if form.isSymmetric { break } else { a = min(a, 0.99) } }
      for block in form.blocks where block.isSymmetric == isSymmetric {
        let i = block.row
        a = block.step(
          s: state.s.pointer + i, z: state.z.pointer + i, ds: s.pointer + i, dz: z.pointer + i,
          limit: a)
      }
    }
    return a.isFinite ? max(a, 0) : 0
  }

  /// Shortens a step until the point is not far from the central path.
  func centred(_ length: Double) -> Double {
    var a = length
    while a > 1e-5 {
      if barrier(a) < 1 { return a }
      a *= 0.8
    }
    return 0
  }

  private func barrier(_ a: Double) -> Double {
    let m = form.m
    let (t, k) = (state.tau + a * tau, state.kappa + a * kappa)
    var sum = t * k
    for i in 0..<m {
      trialS.pointer[i] = state.s.pointer[i] + a * s.pointer[i]
      trialZ.pointer[i] = state.z.pointer[i] + a * z.pointer[i]
      sum += trialS.pointer[i] * trialZ.pointer[i]
    }
    let degree = Double(form.degree + 1)
    var value = degree * safeLog(sum / degree) - safeLog(t) - safeLog(k)
    for block in form.blocks {
      value += block.barrier(trialS.pointer + block.row, trialZ.pointer + block.row)
    }
    return value.isNaN ? .infinity : value
  }

  func move(_ a: Double) {
    for j in 0..<form.n { state.x.pointer[j] += a * x.pointer[j] }
    for i in 0..<form.m {
      state.s.pointer[i] += a * s.pointer[i]
      state.z.pointer[i] += a * z.pointer[i]
    }
    state.tau += a * tau
    state.kappa += a * kappa
  }
}
