import KantorBlocks
import KantorCore

/// The variant of `VarianceReducedHalpern` for monotone F with Lipschitz components.
///
/// With eta = sqrt(n)/L, L^2 = mean of the squares of the components' constants:
///     u <- u0/(k + 1) + k/(k + 1) z,   z near the resolvent of eta (F + dg) at u.
/// The resolvent is the solution of a strongly monotone inclusion, which loopless variance-reduced
/// extragradient solves, with p = 2/n, tau = 0.9 sqrt(p)/(eta L), w a point at which F is known,
/// J(v) = prox of (v + tau u)/(1 + tau):
///     m = (1 - p) z + p w,  h = J(m - tau eta F(w)),
///     z <- J(m - tau eta (F(w) + F_i(h) - F_i(w))),  w <- z with probability p,
/// until |w - prox(u - eta F(w))| <= 0.05 (|u - u0| + 1e-3 |first step|)/(k + 1).
final class ResolventHalpernSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private(set) var restarts = 0
  private(set) var stride = 0
  private var lipschitz: Double
  private let mayRestart: Bool
  private let oracle: Oracle
  private let sampler: Sampler
  private let n: Int
  private let components: Double
  private var k = 1
  private var first = Double.nan
  private let anchor: Buffer<Double>
  private let u: Buffer<Double>
  private let z: Buffer<Double>
  private let h: Buffer<Double>
  private let here: Buffer<Double>
  private let there: Buffer<Double>

  private static let accuracy = 0.05
  private static let factor = 0.36787944117144233

  init(
    _ oracle: Oracle, _ sums: SumSlopes, restarts: Bool, seed: UInt64
  ) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    components = Double(oracle.problem.components)
    lipschitz = sums.lipschitz
    eta = components.squareRoot() / lipschitz
    mayRestart = restarts
    sampler = try Sampler(oracle, batch: 1, seed: seed)
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    anchor = try Buffer(count: n)
    u = try Buffer(count: n)
    z = try Buffer(count: n)
    h = try Buffer(count: n)
    here = try Buffer(count: n)
    there = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    setAnchor()
    return true
  }

  private func setAnchor() {
    k = 1
    first = .nan
    for buffer in [anchor, u, z] { buffer.pointer.update(from: point.pointer, count: n) }
  }

  func advance() throws(KantorError) -> Evaluation {
    stride = 0
    let p = min(2 / components, 1)
    while true {
      let outcome = try sampledStep(p)
      guard case .fine = outcome else { return outcome }
      stride += 1
      if sampler.chance(p) { break }
    }
    let outcome = try oracle.value(at: z.pointer, into: here.pointer)
    guard case .fine = outcome else { return outcome }
    point.pointer.update(from: z.pointer, count: n)
    value.pointer.update(from: here.pointer, count: n)
    try closeResolvent()
    return .fine
  }

  /// One step of the inner method; `point` is w.
  private func sampledStep(_ p: Double) throws(KantorError) -> Evaluation {
    let tau = 0.9 * p.squareRoot() / (eta * lipschitz)
    let scale = tau * eta
    let (x, w, f, a, y) = (z.pointer, point.pointer, value.pointer, u.pointer, h.pointer)
    for i in 0..<n { x[i] = (1 - p) * x[i] + p * w[i] }
    for i in 0..<n { y[i] = (x[i] - scale * f[i] + tau * a[i]) / (1 + tau) }
    var outcome = try oracle.prox(y, step: scale / (1 + tau))
    guard case .fine = outcome else { return outcome }
    sampler.draw()
    outcome = try sampler.mean(at: y, into: there.pointer)
    guard case .fine = outcome else { return outcome }
    outcome = try sampler.mean(at: w, into: here.pointer)
    guard case .fine = outcome else { return outcome }
    let (t, s) = (there.pointer, here.pointer)
    for i in 0..<n {
      x[i] = (x[i] - scale * (f[i] + t[i] - s[i]) + tau * a[i]) / (1 + tau)
    }
    return try oracle.prox(x, step: scale / (1 + tau))
  }

  /// The next resolvent, if w is near enough to this one.
  private func closeResolvent() throws(KantorError) {
    let (w, f, a, c, p) = (
      point.pointer, value.pointer, u.pointer, anchor.pointer, here.pointer
    )
    for i in 0..<n { p[i] = a[i] - eta * f[i] }
    guard case .fine = try oracle.prox(p, step: eta) else { return }
    let error = Vectors.distance(w, p, n)
    let moved = Vectors.distance(a, w, n)
    if first.isNaN { first = max(moved, error) }
    let allowed = Self.accuracy * (Vectors.distance(a, c, n) + 1e-3 * first) / Double(k + 1)
    guard error <= max(allowed, Self.accuracy * Self.accuracy * moved) else { return }
    // |u - J(u)| is the residual that falls like 1/k.
    if mayRestart, k > 1, moved <= Self.factor * first {
      restarts += 1
      setAnchor()
      return
    }
    k += 1
    let pull = 1 / Double(k)
    for i in 0..<n { a[i] = pull * c[i] + (1 - pull) * w[i] }
  }

  func resume(_ reason: Resumption) -> Bool {
    lipschitz *= 2
    eta = components.squareRoot() / lipschitz
    setAnchor()
    return true
  }
}
