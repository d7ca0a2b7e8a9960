import KantorBlocks
import KantorCore

/// The iteration of `Extragradient`.
final class ExtragradientSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private var nextEta = 0.0
  private let isFixed: Bool
  private let update: Double
  private let oracle: Oracle
  private let n: Int
  /// z, where it differs from the point that is judged: with alpha < 1 it may lie outside the set.
  private let z: Buffer<Double>
  private let f: Buffer<Double>
  private let middle: Buffer<Double>
  private let middleValue: Buffer<Double>
  private let next: Buffer<Double>

  private static let contraction = 0.9

  init(_ oracle: Oracle, _ plan: ExtragradientPlan) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    update = plan.update
    eta = plan.step
    isFixed = plan.isFixed
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    z = try Buffer(count: n)
    f = try Buffer(count: n)
    middle = try Buffer(count: n)
    middleValue = try Buffer(count: n)
    next = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    copyIn()
    guard eta == 0 else { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, middleValue) else { return false }
    eta = 0.7 / slope
    return true
  }

  private func copyIn() {
    z.pointer.update(from: point.pointer, count: n)
    f.pointer.update(from: value.pointer, count: n)
  }

  func advance() throws(KantorError) -> Evaluation {
    var outcome = try lookAhead()
    guard case .fine = outcome else { return outcome }
    let (x, v, u, g, w) = (
      z.pointer, f.pointer, middle.pointer, middleValue.pointer, next.pointer
    )
    if update < 1 {
      for i in 0..<n { w[i] = x[i] - update * (x[i] - u[i] - eta * (v[i] - g[i])) }
      point.pointer.update(from: u, count: n)
      value.pointer.update(from: g, count: n)
      z.pointer.update(from: w, count: n)
      return try oracle.value(at: w, into: v)
    }
    for i in 0..<n { w[i] = x[i] - eta * g[i] }
    outcome = try oracle.prox(w, step: eta)
    guard case .fine = outcome else { return outcome }
    outcome = try oracle.value(at: w, into: g)
    guard case .fine = outcome else { return outcome }
    x.update(from: w, count: n)
    v.update(from: g, count: n)
    point.pointer.update(from: w, count: n)
    value.pointer.update(from: g, count: n)
    return .fine
  }

  /// u = prox(z - eta F(z)), F(u), and a step for which F does not change too much.
  private func lookAhead() throws(KantorError) -> Evaluation {
    let (x, v, u, g) = (z.pointer, f.pointer, middle.pointer, middleValue.pointer)
    if nextEta > 0 { eta = nextEta }
    while true {
      for i in 0..<n { u[i] = x[i] - eta * v[i] }
      var outcome = try oracle.prox(u, step: eta)
      guard case .fine = outcome else { return outcome }
      outcome = try oracle.value(at: u, into: g)
      guard case .fine = outcome else { return outcome }
      if isFixed { return .fine }
      let length = Vectors.distance(x, u, n)
      let change = eta * Vectors.distance(v, g, n)
      if change <= Self.contraction * length || length <= 1e-11 * Vectors.norm(x, n) {
        nextEta = change < 0.5 * Self.contraction * length ? 1.2 * eta : eta
        return .fine
      }
      eta *= max(0.1, min(0.7, 0.8 * Self.contraction * length / change))
    }
  }

  func jump() { copyIn() }

  func resume(_ reason: Resumption) -> Bool {
    copyIn()
    if case .diverging = reason, isFixed { return false }
    eta *= 0.5
    nextEta = eta
    return true
  }
}
