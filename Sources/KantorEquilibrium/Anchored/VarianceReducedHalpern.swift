import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F the mean of n components, cocoercive on average or monotone with
/// Lipschitz components.
///
/// **Method** Halpern's iteration with recursive (PAGE) estimates of F from a few components; for
/// merely monotone F the anchored iteration of resolvents, each computed by loopless
/// variance-reduced extragradient (`ResolventHalpernSteps`).
///
/// **Symbols** L with mean |F_i(u) - F_i(v)|^2 <= L <F(u) - F(v), u - v>; eta = 1/(4L); b =
/// ceil(sqrt n); v the estimate of F(u); S a sample of b components.
///
/// **Iteration** (cocoercive) with lambda = 2/(k + 4):
/// 1. u+ = prox_eta(lambda u0 + (1 - lambda) u - eta v).
/// 2. With the probability 4/(min(k, sqrt n) + 5): v <- F(u+); else v <- v + mean over S of
///    F_i(u+) - F_i(u).
///
/// **Stops when** the residual with the whole F is at most the tolerance; limits; it grows.
///
/// **Guarantee** An expected residual of size eps after O(n + sqrt(n) L/eps) evaluations of
/// components, where methods with the whole F need n L/eps; both variants.
///
/// **Cost** 2 ceil(sqrt n) or n evaluations of components per step, about 3 sqrt n in the mean.
///
/// **Reference** cai2024variance; li2021page; alacaoglu2022stochastic.
///
/// Deviation: the anchor lies inside the prox, which on a box reached a smaller residual than
/// outside. The anchor moves when the residual has fallen by the factor e. Residuals are looked at
/// where F was computed whole, and never taken from the estimate. An L that is not given is
/// estimated at the start, and doubled when the residual grows.
public enum VarianceReducedHalpern: InclusionMethod {
  public static let template = MethodTemplate(
    name: "variance_reduced_halpern",
    summary: "Halpern's iteration for finite sums, by samples of the components.",
    source: "X. Cai, A. Alacaoglu and J. Diakonikolas, Variance reduced Halpern iteration for "
      + "finite-sum monotone inclusions (2024)",
    guarantee: CommonChoices.residualGuarantee,
    options: [
      OptionSpec(
        "tolerance", .real(1e-4, min: 1e-14, max: 1),
        "Largest residual norm(x - prox(x - F(x))) of a solved result, relative to 1 + "
          + "norm(F(start))."),
      OptionSpec(
        "max_iterations", .int(10_000_000, min: 1, max: .max),
        "Steps with a sample after which the solve stops, at the next whole F."),
      CommonChoices.evaluations,
      OptionSpec(
        "variant", .text("automatic", choices: ["automatic", "cocoercive", "monotone"]),
        "What F is taken to be. Automatic takes cocoercive when 'comonotone' is positive, or when "
          + "slopes at the start look like it."),
      OptionSpec(
        "restart", .flag(true), "Moves the anchor when the residual has fallen by the factor e."),
    ],
    outputs: [
      FieldSpec("variant", .text, .output, "What F was taken to be."),
      FieldSpec("passes", .real, .output, "Evaluations of components, over their number."),
      FieldSpec("step", .real, .output, "The step eta in the end."),
      FieldSpec("restarts", .int, .output, "New anchors."),
    ])

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    try Sampler.need(problem, "variance_reduced_halpern")
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let sums = try SumSlopes(oracle, run)
    let restarts = run.options.flag("restart")
    var figures = ResultFields()
    let (eta, anchors): (Double, Int)
    if sums.isCocoercive {
      let steps = try SampledHalpernSteps(oracle, sums, restarts: restarts, seed: run.seed)
      try steps.solve(track, run)
      (eta, anchors) = (steps.eta, steps.clock.restarts)
    } else {
      let steps = try ResolventHalpernSteps(oracle, sums, restarts: restarts, seed: run.seed)
      try steps.solve(track, run)
      (eta, anchors) = (steps.eta, steps.restarts)
    }
    figures.add("variant", sums.isCocoercive ? "cocoercive" : "monotone")
    figures.add("passes", Double(oracle.componentCalls) / Double(problem.components))
    figures.add("step", eta)
    figures.add("restarts", anchors)
    return try track.proposal(figures)
  }
}

/// What is known of the components: from the host, or from slopes at the start.
struct SumSlopes {
  let isCocoercive: Bool
  /// L of the variant that is used.
  let lipschitz: Double

  init(_ oracle: Oracle, _ run: Run) throws(KantorError) {
    let problem = oracle.problem
    let wanted = run.options.text("variant")
    let c = problem.comonotone ?? 0
    if wanted != "monotone", c > 0 {
      (isCocoercive, lipschitz) = (true, 1 / c)
      return
    }
    if wanted == "monotone", let l = problem.lipschitz {
      (isCocoercive, lipschitz) = (false, l)
      return
    }
    let f = try Buffer<Double>(count: problem.n)
    guard case .fine = try oracle.value(at: problem.start.pointer, into: f.pointer),
      let probe = try ComponentProbe(oracle, problem.start, f, seed: run.seed)
    else {
      (isCocoercive, lipschitz) = (wanted != "monotone", problem.lipschitz ?? 1)
      return
    }
    let root = problem.lipschitz ?? probe.meanSquare.squareRoot()
    // A cocoercivity that is far below the slope is the sign of rotation.
    let looksCocoercive = probe.cocoercive <= 10 * root
    isCocoercive = wanted == "cocoercive" || (wanted == "automatic" && looksCocoercive)
    lipschitz = isCocoercive ? max(probe.cocoercive.isFinite ? probe.cocoercive : root, root) : root
  }
}

/// The cocoercive variant, from one whole F to the next.
final class SampledHalpernSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private(set) var clock: AnchorClock
  private(set) var stride = 0
  private let oracle: Oracle
  private let sampler: Sampler
  private let n: Int
  private let root: Double
  private var k = 1
  private let anchor: Buffer<Double>
  private let u: Buffer<Double>
  private let next: Buffer<Double>
  private let estimate: Buffer<Double>
  private let here: Buffer<Double>
  private let there: Buffer<Double>

  init(
    _ oracle: Oracle, _ sums: SumSlopes, restarts: Bool, seed: UInt64
  ) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    eta = 1 / (4 * sums.lipschitz)
    root = Double(oracle.problem.components).squareRoot()
    sampler = try Sampler(
      oracle, batch: Int(min(root, 1e9).rounded(.up)), seed: seed)
    clock = AnchorClock(restarts: restarts)
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    anchor = try Buffer(count: n)
    u = try Buffer(count: n)
    next = try Buffer(count: n)
    estimate = try Buffer(count: n)
    here = try Buffer(count: n)
    there = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    setAnchor()
    clock.begin()
    return true
  }

  private func setAnchor() {
    k = 1
    for buffer in [anchor, u] { buffer.pointer.update(from: point.pointer, count: n) }
    estimate.pointer.update(from: value.pointer, count: n)
  }

  func advance() throws(KantorError) -> Evaluation {
    stride = 0
    let (x, v, a, w) = (u.pointer, estimate.pointer, anchor.pointer, next.pointer)
    while true {
      let lambda = 2 / Double(k + 4)
      for i in 0..<n { w[i] = lambda * a[i] + (1 - lambda) * x[i] - eta * v[i] }
      var outcome = try oracle.prox(w, step: eta)
      guard case .fine = outcome else { return outcome }
      let isWhole = sampler.chance(4 / (min(Double(k), root) + 5))
      outcome = isWhole ? try oracle.value(at: w, into: v) : try correct(w)
      guard case .fine = outcome else { return outcome }
      x.update(from: w, count: n)
      k += 1
      stride += 1
      if isWhole { break }
    }
    point.pointer.update(from: x, count: n)
    value.pointer.update(from: v, count: n)
    if clock.step(residual: try length()) { setAnchor() }
    return .fine
  }

  /// v <- v + mean over a sample of F_i(w) - F_i(u).
  private func correct(_ w: UnsafePointer<Double>) throws(KantorError) -> Evaluation {
    sampler.draw()
    var outcome = try sampler.mean(at: w, into: there.pointer)
    guard case .fine = outcome else { return outcome }
    outcome = try sampler.mean(at: u.pointer, into: here.pointer)
    guard case .fine = outcome else { return outcome }
    for i in 0..<n { estimate.pointer[i] += there.pointer[i] - here.pointer[i] }
    return .fine
  }

  /// |u - prox_eta(u - eta F(u))|.
  private func length() throws(KantorError) -> Double {
    let p = here.pointer
    for i in 0..<n { p[i] = point.pointer[i] - eta * value.pointer[i] }
    guard case .fine = try oracle.prox(p, step: eta) else { return .infinity }
    return Vectors.distance(point.pointer, p, n)
  }

  func resume(_ reason: Resumption) -> Bool {
    eta *= 0.5
    clock.begin()
    setAnchor()
    return true
  }
}
