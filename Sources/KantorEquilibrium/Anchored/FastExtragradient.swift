import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F Lipschitz and monotone, or negatively comonotone with a constant
/// above -1/(2L).
///
/// **Method** Fast extragradient (FEG): extragradient steps that are pulled back to an anchor; its
/// last iterate has the best possible rate.
///
/// **Symbols** L Lipschitz constant, r <= 0 comonotonicity, eta = 1/L, z0 the anchor, beta =
/// 1/(k + 1), c in dg(z).
///
/// **Iteration**
/// 1. u = z + beta (z0 - z) - (1 - beta) (eta + 2r) (F(z) + c).
/// 2. w = z + beta (z0 - z) - eta F(u) - (1 - beta) 2r (F(z) + c).
/// 3. z <- prox_eta(w), c <- (w - z)/eta.
///
/// **Stops when** the residual is at most the tolerance; limits.
///
/// **Guarantee** |F(z) + c| <= C L |z0 - x*| / k. With restarts linear where the residual bounds
/// the distance to the solutions.
///
/// **Cost** Two calls of F and one of prox per step, one more prox to judge; 7 vectors.
///
/// **Reference** lee2021fast; cai2024accelerated.
///
/// Deviation: L is searched for: F(u) and F(z) of every step are compared, and a step that
/// contradicts L or r is done again with better ones, from a new anchor. The anchor is also moved
/// when the residual has fallen by the factor e.
public enum FastExtragradient: InclusionMethod {
  public static let template = MethodTemplate(
    name: "fast_extragradient",
    summary: "Anchored extragradient with the best rate of the last iterate.",
    source: "S. Lee and D. Kim, Fast extra gradient methods for smooth structured "
      + "nonconvex-nonconcave minimax problems (2021)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      OptionSpec(
        "restart", .flag(true), "Moves the anchor when the residual has fallen by the factor e.")
    ] + CommonChoices.acceleration(),
    outputs: [
      FieldSpec("lipschitz", .real, .output, "The Lipschitz constant that was used in the end."),
      FieldSpec(
        "comonotone", .real, .output, "The comonotonicity r that was used in the end."),
      FieldSpec("restarts", .int, .output, "New anchors."),
    ] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try FastExtragradientSteps(oracle, restarts: run.options.flag("restart"))
    let kept = try steps.solve(accelerated: run, track)
    if track.evidence != nil, let evidence = steps.search.evidence { track.note(evidence) }
    var figures = ResultFields()
    figures.add("lipschitz", steps.search.lipschitz)
    figures.add("comonotone", steps.search.comonotone)
    figures.add("restarts", steps.clock.restarts)
    figures.append(kept)
    return try track.proposal(figures)
  }
}

final class FastExtragradientSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var search: SlopeSearch
  private(set) var clock: AnchorClock
  private let oracle: Oracle
  private let n: Int
  private let anchor: Buffer<Double>
  private let subgradient: Buffer<Double>
  private let middle: Buffer<Double>
  private let middleValue: Buffer<Double>
  private let next: Buffer<Double>
  private let nextValue: Buffer<Double>

  init(_ oracle: Oracle, restarts: Bool) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    anchor = try Buffer(count: n)
    subgradient = try Buffer(count: n)
    middle = try Buffer(count: n)
    middleValue = try Buffer(count: n)
    next = try Buffer(count: n)
    nextValue = try Buffer(count: n)
    clock = AnchorClock(restarts: restarts)
    search = SlopeSearch(
      lipschitz: oracle.problem.lipschitz ?? 1, comonotone: oracle.problem.comonotone)
  }

  /// A first Lipschitz constant; false when the host ends the solve.
  func begin() throws(KantorError) -> Bool {
    setAnchor()
    guard oracle.problem.lipschitz == nil else { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, middleValue) else { return false }
    search = SlopeSearch(lipschitz: slope, comonotone: oracle.problem.comonotone)
    return true
  }

  private func setAnchor() { anchor.pointer.update(from: point.pointer, count: n) }

  func advance() throws(KantorError) -> Evaluation {
    while true {
      let outcome = try step()
      guard case .fine = outcome else { return outcome }
      if search.accepts(middle, middleValue, next, nextValue, n) { break }
      setAnchor()
      clock.begin()
      if oracle.monitor.heartbeat() != nil { return .stop }
    }
    point.pointer.update(from: next.pointer, count: n)
    value.pointer.update(from: nextValue.pointer, count: n)
    let (f, c) = (value.pointer, subgradient.pointer)
    var square = 0.0
    for i in 0..<n { square += (f[i] + c[i]) * (f[i] + c[i]) }
    if clock.step(residual: square.squareRoot()) {
      setAnchor()
      search.relax()
    } else if clock.isMilestone, search.loosen() {
      setAnchor()
      clock.begin()
    }
    return .fine
  }

  /// One step from `point` into `next`. The subgradient is not needed right after an anchor was
  /// set, so that a step may be done again from there.
  private func step() throws(KantorError) -> Evaluation {
    let beta = 1 / Double(clock.k + 1)
    let (eta, r) = (1 / search.lipschitz, search.comonotone)
    let (z, f, c, a) = (point.pointer, value.pointer, subgradient.pointer, anchor.pointer)
    let (u, w) = (middle.pointer, next.pointer)
    let (first, second) = ((1 - beta) * (eta + 2 * r), (1 - beta) * 2 * r)
    for i in 0..<n {
      let pulled = z[i] + beta * (a[i] - z[i])
      let residual = beta < 1 ? f[i] + c[i] : 0
      u[i] = pulled - first * residual
      w[i] = pulled - second * residual
    }
    var outcome = try oracle.value(at: u, into: middleValue.pointer)
    guard case .fine = outcome else { return outcome }
    let g = middleValue.pointer
    for i in 0..<n { w[i] -= eta * g[i] }
    let before = nextValue.pointer
    before.update(from: w, count: n)
    outcome = try oracle.prox(w, step: eta)
    guard case .fine = outcome else { return outcome }
    for i in 0..<n { c[i] = (before[i] - w[i]) / eta }
    return try oracle.value(at: w, into: nextValue.pointer)
  }

  var eta: Double { 1 / search.lipschitz }

  /// A proposal moves the anchor, and has to be worth it.
  var keptFactor: Double { 0.5 }

  func jump() {
    setAnchor()
    clock.begin()
  }

  func resume(_ reason: Resumption) -> Bool {
    search.distrust()
    setAnchor()
    clock.begin()
    return true
  }
}
