import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F cocoercive: <F(x) - F(y), x - y> >= c |F(x) - F(y)|^2, such as
/// gradients of smooth convex functions.
///
/// **Method** Halpern's anchored iteration of the forward-backward map.
///
/// **Symbols** T(x) = prox_eta(x - eta F(x)), nonexpansive for eta <= 2c; x0 the anchor; beta its
/// weight.
///
/// **Iteration** x <- beta x0 + (1 - beta) T(x), with
/// - plain: beta = 1/(k + 2);
/// - adaptive: beta = 1/(phi + 1), phi = 1 + 2 <x - T(x), x0 - x> / |x - T(x)|^2;
/// - restarted: plain, and x0 <- x when |x - T(x)| has fallen by the factor e.
///
/// **Stops when** the residual is at most the tolerance; limits; F turns out not to be cocoercive.
///
/// **Guarantee** |x - T(x)| <= 2 |x0 - x*| / (k + 1), plain and adaptive.
///
/// **Cost** One call of F and one prox per step, one more prox to judge.
///
/// **Reference** halpern1967fixed; lieder2021halpern; he2024convergence.
///
/// Deviation: without `comonotone` the step is shortened when two successive points contradict
/// cocoercivity for it, and the anchor is set anew.
public enum Halpern: InclusionMethod {
  public static let template = MethodTemplate(
    name: "halpern",
    summary: "Anchored forward-backward iteration for cocoercive operators.",
    source: "F. Lieder, On the convergence rate of the Halpern-iteration (2021)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      OptionSpec(
        "anchoring", .text("restarted", choices: ["restarted", "adaptive", "plain"]),
        "How the weight of the anchor falls, and whether the anchor moves."),
      CommonChoices.step, CommonChoices.force,
    ] + CommonChoices.acceleration(),
    outputs: [
      CommonChoices.stepOutput, FieldSpec("restarts", .int, .output, "New anchors."),
    ] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try HalpernSteps(
      oracle, step: try step(problem, run), anchoring: run.options.text("anchoring"))
    let kept = try steps.solve(accelerated: run, track)
    if steps.isHopeless {
      track.note(
        "F is not cocoercive: <dF, dx> was \(shortText(steps.leastSeen)) |dF|^2; "
          + "fast_extragradient needs only monotone F")
    }
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.add("restarts", steps.clock.restarts)
    figures.append(kept)
    return try track.proposal(figures)
  }

  private static func step(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> Double? {
    let given = run.options.real("step")
    guard let c = problem.comonotone else { return given > 0 ? given : nil }
    let isForced = run.options.flag("force")
    guard c > 0 || isForced else {
      throw KantorError(
        .range,
        "comonotone is \(shortText(c)); halpern is proven to converge for positive values, which "
          + "'force' overrides")
    }
    guard given > 0 else { return c > 0 ? 1.9 * c : nil }
    guard isForced || given <= 2 * c * (1 + 1e-12) else {
      throw KantorError(
        .range,
        "option 'step': \(shortText(given)) is outside the proven range (0, \(shortText(2 * c))]; "
          + "'force' takes it all the same")
    }
    return given
  }
}

final class HalpernSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private(set) var clock: AnchorClock
  private(set) var leastSeen = Double.infinity
  private(set) var isHopeless = false
  private let isFixed: Bool
  private let isAdaptive: Bool
  private let oracle: Oracle
  private let n: Int
  private let anchor: Buffer<Double>
  private let image: Buffer<Double>
  private let next: Buffer<Double>
  private let nextValue: Buffer<Double>
  private var halvings = 0

  private static let mostHalvings = 15

  init(_ oracle: Oracle, step: Double?, anchoring: String) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    eta = step ?? 0
    isFixed = step != nil
    isAdaptive = anchoring == "adaptive"
    clock = AnchorClock(restarts: anchoring == "restarted")
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    anchor = try Buffer(count: n)
    image = try Buffer(count: n)
    next = try Buffer(count: n)
    nextValue = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    setAnchor()
    if isFixed { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, nextValue) else { return false }
    eta = 1.9 / slope
    return true
  }

  private func setAnchor() { anchor.pointer.update(from: point.pointer, count: n) }

  func advance() throws(KantorError) -> Evaluation {
    let (x, f, t, a, w) = (
      point.pointer, value.pointer, image.pointer, anchor.pointer, next.pointer
    )
    while true {
      for i in 0..<n { t[i] = x[i] - eta * f[i] }
      var outcome = try oracle.prox(t, step: eta)
      guard case .fine = outcome else { return outcome }
      let beta = weight()
      for i in 0..<n { w[i] = beta * a[i] + (1 - beta) * t[i] }
      outcome = try oracle.value(at: w, into: nextValue.pointer)
      guard case .fine = outcome else { return outcome }
      if isFixed || isCocoercive() { break }
      halvings += 1
      isHopeless = halvings > Self.mostHalvings
      if isHopeless { return .stop }
      eta *= 0.5
      setAnchor()
      clock.begin()
    }
    let moved = Vectors.distance(x, t, n)
    x.update(from: w, count: n)
    f.update(from: nextValue.pointer, count: n)
    if clock.step(residual: moved) { setAnchor() }
    return .fine
  }

  private func weight() -> Double {
    let plain = 1 / Double(clock.k + 2)
    guard isAdaptive else { return plain }
    let (x, t, a) = (point.pointer, image.pointer, anchor.pointer)
    let moved = Vectors.distance(x, t, n)
    guard moved > 0 else { return plain }
    let phi = 1 + 2 * Vectors.dot(x, minus: t, a, minus: x, n) / (moved * moved)
    // In exact arithmetic phi >= k + 1.
    return 1 / (max(phi, Double(clock.k + 1)) + 1)
  }

  /// Whether the step suits F between this point and the next.
  private func isCocoercive() -> Bool {
    let change = Vectors.distance(value.pointer, nextValue.pointer, n)
    let length = Vectors.distance(point.pointer, next.pointer, n)
    guard length > 1e-9 * (1 + Vectors.norm(point.pointer, n)), change > 0 else { return true }
    let inner = Vectors.dot(
      value.pointer, minus: nextValue.pointer, point.pointer, minus: next.pointer, n)
    let ratio = inner / (change * change)
    leastSeen = min(leastSeen, ratio)
    return ratio >= 0.5 * eta * (1 - 1e-6)
  }

  /// A proposal moves the anchor, and has to be worth it.
  var keptFactor: Double { 0.5 }

  func jump() {
    setAnchor()
    clock.begin()
  }

  func resume(_ reason: Resumption) -> Bool {
    if isHopeless { return false }
    setAnchor()
    clock.begin()
    if case .diverging = reason, isFixed { return false }
    eta *= 0.5
    return true
  }
}
