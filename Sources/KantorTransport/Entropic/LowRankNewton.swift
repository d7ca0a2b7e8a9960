import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** max over gamma of F(gamma) = <b, gamma> + <a, phi(gamma)> where the plan is too dense
/// for its entries to be stored: passes go over all pairs.
///
/// **Method** A quasi-Newton method whose matrix is sparse plus low rank: the Newton matrix of the
/// largest entries of the plan with the exact diagonal, corrected by the BFGS formula with the
/// last steps.
///
/// **Symbols** w column sums of the row-exact plan P; S its largest entries, as many as may be
/// stored; E = |b - w|_1; s, y the last steps and the changes of w along them.
///
/// **Iteration**
/// 1. P, phi, w from gamma by one pass over all pairs.
/// 2. B0 = (1 + t) diag(w) - S^T diag(1/a) S.
/// 3. d = B^-1 (b - w), B the BFGS update of B0 by the last pairs (s, y): the two-loop recursion,
///    with B0^-1 by preconditioned conjugate gradients.
/// 4. gamma + t d for the first t in 1, 1/2, ... that raises F by 1e-4 of its slope or halves E.
///
/// **Stops when** E <= tolerance (mass 1), or when steps gain nothing.
///
/// **Guarantee** B is positive definite on differences, since F is concave: d is an ascent
/// direction. Superlinear where S holds nearly all of P, linear else.
///
/// **Cost** per step one pass over all pairs or more, and conjugate gradients on S; memory some
/// 40 bytes per stored pair and 2 m per remembered step.
///
/// **Reference** wang2025splr; nocedal1980updating for the recursion.
///
/// Deviation: the correction has `memory` pairs where the paper has one, and acts on the semi-dual.
final class LowRankNewton {
  private(set) var steps = 0
  var innerIterations: Int { system?.innerIterations ?? 0 }

  var storedPairs: Int { plan?.count ?? 0 }

  private let state: EntropicState
  private let sweep: FullSweep
  private let limit: Int
  private let threads: Int
  private let monitor: Monitor
  private let memory: Int
  private var plan: RestrictedPlan?
  private var system: NewtonSystem?
  private var history: [Step] = []

  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let work: Buffer<Double>
  private let start: Buffer<Double>
  private let startPhi: Buffer<Double>
  private let startSums: Buffer<Double>

  /// A step s, the change y of w along it, and 1 / <s, y>.
  private struct Step {
    let s: Buffer<Double>
    let y: Buffer<Double>
    let inverse: Double
    let weight: Buffer<Double>
  }

  static let solveTolerance = 1e-2
  /// Steps without a halving of the error after which the method gives up.
  static let mostSlowSteps = 30
  /// Change of an exponent after which the largest entries are found again.
  static let staleChange = 1.0

  init(
    _ state: EntropicState, _ sweep: FullSweep, limit: Int, memory: Int, threads: Int,
    monitor: Monitor
  ) throws(KantorError) {
    self.state = state
    self.sweep = sweep
    self.limit = limit
    self.memory = memory
    self.threads = threads
    self.monitor = monitor
    let m = state.m
    gradient = try Buffer(count: m)
    direction = try Buffer(count: m)
    work = try Buffer(count: m)
    start = try Buffer(count: m)
    startPhi = try Buffer(count: state.n)
    startSums = try Buffer(count: m)
  }

  /// Runs until the error is at most `tolerance`. `pass` makes a pass over all pairs and is false
  /// when the host wants to stop, `goesOn` is told the error after it.
  func run(
    tolerance: Double, pass: () throws(KantorError) -> Bool,
    goesOn: (Double) throws(KantorError) -> Bool
  ) throws(KantorError) -> SparseNewton.Outcome {
    guard try pass(), try goesOn(state.columnError) else { return .stopped }
    var error = state.columnError
    var (milestone, since) = (error, 0)
    var moved = Double.infinity
    while error > tolerance {
      if error <= 0.5 * milestone { (milestone, since) = (error, 0) }
      guard since < Self.mostSlowSteps else { return .failed }
      since += 1
      if moved > Self.staleChange {
        guard try choose() else { return .failed }
        moved = 0
      }
      try findDirection(error)
      guard let found = try search(error, pass, goesOn) else { return .stopped }
      guard found.length > 0 else { return .failed }
      error = found.error
      moved += found.length
      steps += 1
    }
    return .converged
  }

  /// The largest entries, about as many as may be stored.
  private func choose() throws(KantorError) -> Bool {
    let geometry = sweep.geometry
    var (low, high) = (-60.0, 0.0)
    for _ in 0..<16 {
      let middle = 0.5 * (low + high)
      let count = RestrictedPlan.estimate(state, geometry, cut: middle)
      if count > 0.8 * Double(limit) { low = middle } else { high = middle }
    }
    plan = try RestrictedPlan.choose(
      state, geometry, cut: high, limit: limit, threads: threads, monitor: monitor)
    guard let plan else { return false }
    system = try NewtonSystem(
      state, plan, threads: threads, wantsGraph: false, isPartial: true)
    return true
  }

  /// Steps 2 and 3: the two-loop recursion.
  private func findDirection(_ error: Double) throws(KantorError) {
    guard let plan, let system else { return }
    let (m, g, w, d) = (state.m, gradient.pointer, state.columnSum.pointer, direction.pointer)
    var sum = CompensatedSum()
    for j in 0..<m {
      g[j] = state.b.pointer[j] - w[j]
      sum.add(g[j])
    }
    for j in 0..<m { g[j] -= w[j] * sum.value }
    let q = work.pointer
    q.update(from: g, count: m)
    for step in history.reversed() {
      let alpha = step.inverse * dot(step.s, q)
      step.weight.pointer[0] = alpha
      for j in 0..<m { q[j] -= alpha * step.y.pointer[j] }
    }
    plan.evaluate(state)
    try system.solve(
      gradient: q, threshold: 0, shift: 1e-3 * min(error, 1),
      tolerance: Self.solveTolerance, direction: direction,
      shouldStop: { monitor.heartbeat() != nil })
    for step in history {
      let beta = step.inverse * dot(step.y, d)
      let change = step.weight.pointer[0] - beta
      for j in 0..<m { d[j] += change * step.s.pointer[j] }
    }
  }

  /// Step 4; nil when the host wants to stop, length 0 when no step gains anything.
  private func search(
    _ error: Double, _ pass: () throws(KantorError) -> Bool,
    _ goesOn: (Double) throws(KantorError) -> Bool
  ) throws(KantorError) -> (error: Double, length: Double)? {
    let (m, gamma, d) = (state.m, state.gamma.pointer, direction.pointer)
    start.pointer.update(from: gamma, count: m)
    startPhi.pointer.update(from: state.phi.pointer, count: state.n)
    startSums.pointer.update(from: state.columnSum.pointer, count: m)
    let slope = dot(gradient, d)
    var (low, high) = (Double.infinity, -Double.infinity)
    for j in 0..<m where state.b.pointer[j] > 0 { (low, high) = (min(low, d[j]), max(high, d[j])) }
    var t = min(1, SparseNewton.longestStep / max(high - low, 1e-300))
    if slope > 0, slope.isFinite {
      for _ in 0..<6 {
        for j in 0..<m where state.b.pointer[j] > 0 { gamma[j] = start.pointer[j] + t * d[j] }
        guard try pass(), try goesOn(state.columnError) else { return nil }
        let reached = state.columnError
        if SparseNewton.accepts(reached, error, rise: rise(), promised: t * slope) {
          try remember()
          return (reached, t * (high - low))
        }
        t *= 0.5
      }
    }
    gamma.update(from: start.pointer, count: m)
    history = []
    guard try pass(), try goesOn(state.columnError) else { return nil }
    return (error, 0)
  }

  private func rise() -> Double {
    var rise = CompensatedSum()
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      rise.add(state.b.pointer[j] * (state.gamma.pointer[j] - start.pointer[j]))
    }
    for i in 0..<state.n where state.a.pointer[i] > 0 {
      rise.add(state.a.pointer[i] * (state.phi.pointer[i] - startPhi.pointer[i]))
    }
    return rise.value
  }

  private func remember() throws(KantorError) {
    guard memory > 0 else { return }
    let m = state.m
    let s = try Buffer<Double>(count: m)
    let y = try Buffer<Double>(count: m)
    for j in 0..<m where state.b.pointer[j] > 0 {
      s.pointer[j] = state.gamma.pointer[j] - start.pointer[j]
      y.pointer[j] = state.columnSum.pointer[j] - startSums.pointer[j]
    }
    let product = dot(s, y.pointer)
    // A product that is rounding would blow up the correction.
    guard product > 1e-10 * (dot(s, s.pointer) * dot(y, y.pointer)).squareRoot() else { return }
    history.append(Step(s: s, y: y, inverse: 1 / product, weight: try Buffer(count: 1)))
    if history.count > memory { history.removeFirst() }
  }

  private func dot(_ x: Buffer<Double>, _ y: UnsafePointer<Double>) -> Double {
    var sum = CompensatedSum()
    for j in 0..<x.count { sum.add(x.pointer[j] * y[j]) }
    return sum.value
  }
}
