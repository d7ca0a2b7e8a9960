import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** the entropic problem on stored pairs: max over gamma of the semi-dual
/// F(gamma) = <b, gamma> + <a, phi(gamma)>, where phi makes the rows exact.
///
/// **Method** Newton's method. The Hessian is that of the plan with its small entries left out,
/// where the mass left out is tied to the gradient, so that the rate stays superlinear; the
/// exact diagonals are kept, so the matrix stays semidefinite. Conjugate gradients, a line search
/// on F, and plain Sinkhorn steps where the search fails.
///
/// **Symbols** w column sums of the row-exact plan P; S its entries >= theta; E = |b - w|_1.
///
/// **Iteration**
/// 1. P, phi, w from gamma by one pass over the stored pairs.
/// 2. theta = nu0 |b - w|_2 / n, or that of another `NewtonRule`; S = {P_ij >= theta}.
/// 3. ((1 + s) diag(w) - S^T diag(1/a) S) d = b - w by preconditioned conjugate gradients with
///    relative residual min(1e-1, E), at least 1e-8; s = mu E.
/// 4. gamma + t d for the first t in 1, 1/2, 1/4, ... that raises F by 1e-4 of its slope; t is
///    also limited so that pairs that are not stored cannot come to matter.
/// 5. mu by the ratio of the rise to that of the quadratic model.
///
/// **Stops when** E <= tolerance (mass 1), when steps gain nothing four times in a row, or when E
/// has not been halved for long: then the matrix is unfit.
///
/// **Guarantee** F rises at every step; locally superlinear where the plan of the optimum is
/// connected by the stored pairs. The caller checks the answer on all pairs.
///
/// **Cost** per step one pass over the stored pairs and a product with S per iteration of
/// conjugate gradients; memory two copies of the plan's entries.
///
/// **Reference** tang2024sns (sparse Newton), section 3; the mass rule is ours.
final class SparseNewton {
  private(set) var steps = 0
  var innerIterations: Int { system.innerIterations }
  var isHard: Bool { system.wantsGraph }
  private let rule: NewtonRule
  private let bins: Buffer<Int64>
  private var mu = 0.01
  private let start: Buffer<Double>
  private let startPhi: Buffer<Double>
  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let system: NewtonSystem
  private let plan: RestrictedPlan
  private let state: EntropicState

  /// Largest change of an exponent in one step.
  static let longestStep = 50.0
  /// Relative residual of the linear systems: no need for more digits than a step can use.
  static let leastTolerance = 1e-8
  /// Rises of F below this are rounding; then the error alone decides.
  static let roundingOfF = 1e-14
  /// With less room than this, other pairs have to be stored first.
  static let leastRoom = 1.0
  /// Steps that may go by until the error has been halved.
  static let mostSlowSteps = 60

  /// `isHard`: earlier systems of this solve were badly conditioned.
  init(
    _ state: EntropicState, _ plan: RestrictedPlan, rule: NewtonRule, threads: Int, isHard: Bool
  ) throws(KantorError) {
    self.state = state
    self.plan = plan
    self.rule = rule
    let m = state.m
    start = try Buffer(count: m)
    startPhi = try Buffer(count: state.n)
    gradient = try Buffer(count: m)
    direction = try Buffer(count: m)
    if case .share = rule {
      bins = try Buffer(count: NewtonRule.binCount)
    } else {
      bins = try Buffer(count: 0)
    }
    system = try NewtonSystem(state, plan, threads: threads, wantsGraph: isHard)
  }

  enum Outcome {
    case converged
    /// Pairs that are not stored may matter by now.
    case stale
    case failed
    case stopped
  }

  /// Runs until the error is at most `tolerance`; pairs with exponents below `cut` do not matter.
  /// `goesOn` is told the error after every pass. The state is left with exact rows on the stored
  /// pairs and valid column sums.
  func run(
    tolerance: Double, cut: Double, goesOn: (Double) throws(KantorError) -> Bool,
    shouldStop: () -> Bool
  ) throws(KantorError) -> Outcome {
    _ = plan.run(state)
    var error = state.columnError
    var failures = 0
    var (milestone, since) = (error, 0)
    while true {
      guard try goesOn(error) else { return .stopped }
      if error <= tolerance { return .converged }
      let room = plan.room(state, cut: cut)
      guard room > Self.leastRoom else { return .stale }
      if error <= 0.5 * milestone { (milestone, since) = (error, 0) }
      guard failures < 4, since < Self.mostSlowSteps else { return .failed }
      since += 1
      try findDirection(error, shouldStop)
      let before = error
      if let reached = search(error, longest: min(room, Self.longestStep)) {
        error = reached
        failures = error < before ? 0 : failures + 1
      } else {
        error = sinkhornSteps(2)
        mu = min(mu * 4, 1)
        failures += 1
      }
      steps += 1
    }
  }

  /// Steps 2 and 3.
  private func findDirection(_ error: Double, _ shouldStop: () -> Bool) throws(KantorError) {
    let (m, g, w, b) = (state.m, gradient.pointer, state.columnSum.pointer, state.b.pointer)
    var (square, sum) = (0.0, CompensatedSum())
    for j in 0..<m {
      g[j] = b[j] - w[j]
      sum.add(g[j])
    }
    // The matrix knows no constants; what rounding left of one would be blown up.
    for j in 0..<m {
      g[j] -= w[j] * sum.value
      square += g[j] * g[j]
    }
    let threshold = rule.threshold(
      plan.value.pointer, count: plan.count, n: state.n, m: m, gradientNorm: square.squareRoot(),
      bins: bins.pointer)
    try system.solve(
      gradient: g, threshold: threshold,
      shift: mu * min(error, 1), tolerance: max(min(0.1, error), Self.leastTolerance),
      direction: direction, shouldStop: shouldStop)
  }

  /// Step 4; nil when no step raises F.
  private func search(_ error: Double, longest: Double) -> Double? {
    let (m, n) = (state.m, state.n)
    let (gamma, d, old) = (state.gamma.pointer, direction.pointer, start.pointer)
    let (slope, first) = slopeAndStep(longest)
    for j in 0..<m { old[j] = gamma[j] }
    for i in 0..<n { startPhi.pointer[i] = state.phi.pointer[i] }
    guard slope > 0, slope.isFinite else { return restore() }
    var t = first
    for _ in 0..<6 {
      for j in 0..<m where state.b.pointer[j] > 0 { gamma[j] = old[j] + t * d[j] }
      _ = plan.run(state)
      let reached = state.columnError
      let rise = riseOfDual()
      if Self.accepts(reached, error, rise: rise, promised: t * slope) {
        adaptShift(rise / (t * slope * (1 - 0.5 * t)))
        return reached
      }
      t *= 0.5
    }
    return restore()
  }

  /// Whether a step is good enough, by the rise of F where that can be told from rounding.
  static func accepts(
    _ reached: Double, _ error: Double, rise: Double, promised: Double
  ) -> Bool {
    if promised > roundingOfF { return rise >= 1e-4 * promised || reached <= 0.5 * error }
    return reached <= 0.9 * error
  }

  /// The slope of F along the direction, and the step that changes no exponent by more than
  /// `longest`: phi rises by at most what gamma falls.
  private func slopeAndStep(_ longest: Double) -> (slope: Double, step: Double) {
    let d = direction.pointer
    var (slope, low, high) = (CompensatedSum(), Double.infinity, -Double.infinity)
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      slope.add(gradient.pointer[j] * d[j])
      (low, high) = (min(low, d[j]), max(high, d[j]))
    }
    return (slope.value, min(1, longest / max(high - low, 1e-300)))
  }

  private func restore() -> Double? {
    for j in 0..<state.m { state.gamma.pointer[j] = start.pointer[j] }
    _ = plan.run(state)
    return nil
  }

  /// F(gamma) - F(start), from differences, which keep their digits near the optimum.
  private func riseOfDual() -> Double {
    var rise = CompensatedSum()
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      rise.add(state.b.pointer[j] * (state.gamma.pointer[j] - start.pointer[j]))
    }
    for i in 0..<state.n where state.a.pointer[i] > 0 {
      rise.add(state.a.pointer[i] * (state.phi.pointer[i] - startPhi.pointer[i]))
    }
    return rise.value
  }

  /// Step 5.
  private func adaptShift(_ ratio: Double) {
    if ratio < 0.25 { mu = min(mu * 4, 1) }
    if ratio > 0.75 { mu = max(mu / 4, 1e-6) }
  }

  private func sinkhornSteps(_ count: Int) -> Double {
    for _ in 0..<count {
      for j in 0..<state.m where state.columnSum.pointer[j] > 0 && state.b.pointer[j] > 0 {
        state.gamma.pointer[j] += Double.log(state.b.pointer[j] / state.columnSum.pointer[j])
      }
      _ = plan.run(state)
    }
    return state.columnError
  }
}
