import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F Lipschitz and monotone, or negatively comonotone.
///
/// **Method** The proximal point method, each step solved inexactly by forward-reflected-backward
/// splitting of its strongly monotone inclusion.
///
/// **Symbols** gamma the step, r comonotonicity, G(u) = F(u) + (u - z)/gamma, s the inner step.
///
/// **Iteration**
/// 1. u <- prox_s(u - s G(u) - s (G(u) - G(u'))) until the error e of 0 in G(u) + dg(u) has
///    gamma |e| <= sigma |u - z|.
/// 2. z <- u.
///
/// **Stops when** the residual is at most the tolerance; limits; an inner problem is not solved.
///
/// **Guarantee** Exact steps: |F(z) + c|^2 <= |z0 - x*|^2 / (gamma (gamma + 2r) N) after N steps,
/// gamma > -2r. Others are refused unless forced.
///
/// **Cost** About (1 + gamma L) log(1/sigma) calls of F and of prox per step.
///
/// **Reference** rockafellar1976monotone; gorbunov2023convergence; malitsky2020forward.
public enum ProximalPoint: InclusionMethod {
  public static let template = MethodTemplate(
    name: "proximal_point",
    summary: "Implicit steps, solved inexactly; stands the most nonmonotonicity.",
    source: "R. T. Rockafellar, Monotone operators and the proximal point algorithm (1976)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      CommonChoices.step, CommonChoices.force,
      OptionSpec(
        "inner_tolerance", .real(0.01, min: 1e-10, max: 0.9),
        "Error sigma of an implicit step, relative to its length."),
      OptionSpec(
        "max_inner", .int(10_000, min: 1, max: .max), "Inner iterations of one step at most.",
        advanced: true),
    ] + CommonChoices.acceleration(),
    outputs: [
      CommonChoices.stepOutput,
      FieldSpec("inner_iterations", .int, .output, "Inner iterations of all steps."),
    ] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let r = min(problem.comonotone ?? 0, 0)
    let given = run.options.real("step")
    guard given == 0 || given > -2 * r || run.options.flag("force") else {
      throw KantorError(
        .range,
        "option 'step': \(given) is outside the proven range, steps above \(shortText(-2 * r)) for "
          + "comonotone \(shortText(r)); 'force' takes it all the same")
    }
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try ProximalPointSteps(
      oracle, step: given, sigma: run.options.real("inner_tolerance"),
      most: run.options.int("max_inner"))
    let kept = try steps.solve(accelerated: run, track)
    if let evidence = steps.evidence { track.note(evidence) }
    var figures = ResultFields()
    figures.add("step", steps.gamma)
    figures.append(kept)
    figures.add("inner_iterations", steps.inner)
    return try track.proposal(figures)
  }
}

final class ProximalPointSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var gamma: Double
  private(set) var inner = 0
  private(set) var evidence: String?
  private let isFixed: Bool
  private let sigma: Double
  private let most: Int
  private var lipschitz = 1.0
  private let oracle: Oracle
  private let n: Int
  private let u: Buffer<Double>
  private let g: Buffer<Double>
  private let oldG: Buffer<Double>
  private let next: Buffer<Double>
  private let nextG: Buffer<Double>
  private let f: Buffer<Double>

  init(_ oracle: Oracle, step: Double, sigma: Double, most: Int) throws(KantorError) {
    self.oracle = oracle
    self.sigma = sigma
    self.most = most
    n = oracle.n
    gamma = step
    isFixed = step > 0
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    u = try Buffer(count: n)
    g = try Buffer(count: n)
    oldG = try Buffer(count: n)
    next = try Buffer(count: n)
    nextG = try Buffer(count: n)
    f = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    if let l = oracle.problem.lipschitz {
      lipschitz = l
    } else {
      guard let slope = try Probe.lipschitz(oracle, point, value, f) else { return false }
      lipschitz = slope
    }
    let r = min(oracle.problem.comonotone ?? 0, 0)
    if !isFixed { gamma = max(2 / lipschitz, -3 * r) }
    return true
  }

  func advance() throws(KantorError) -> Evaluation {
    let (z, x, gu, old) = (point.pointer, u.pointer, g.pointer, oldG.pointer)
    x.update(from: z, count: n)
    // At u = z, G is F.
    gu.update(from: value.pointer, count: n)
    old.update(from: gu, count: n)
    for _ in 0..<most {
      inner += 1
      let outcome = try innerStep()
      guard case .fine = outcome else { return outcome }
      let error = innerError()
      x.update(from: next.pointer, count: n)
      swapIn()
      if gamma * error <= sigma * Vectors.distance(x, z, n) || error == 0 {
        z.update(from: x, count: n)
        value.pointer.update(from: f.pointer, count: n)
        return .fine
      }
      guard error.isFinite else { break }
    }
    evidence = "the implicit step of size \(shortText(gamma)) was not solved in \(most) iterations"
    return .undefined
  }

  private func swapIn() {
    oldG.pointer.update(from: g.pointer, count: n)
    g.pointer.update(from: nextG.pointer, count: n)
  }

  private var s: Double { 0.45 / (lipschitz + 1 / gamma) }

  /// u+ into `next`, G there into `nextG`, F there into `f`; again with a larger L where needed.
  private func innerStep() throws(KantorError) -> Evaluation {
    let (x, gu, old, w) = (u.pointer, g.pointer, oldG.pointer, next.pointer)
    while true {
      let s = s
      for i in 0..<n { w[i] = x[i] - s * (2 * gu[i] - old[i]) }
      var outcome = try oracle.prox(w, step: s)
      guard case .fine = outcome else { return outcome }
      outcome = try oracle.value(at: w, into: f.pointer)
      guard case .fine = outcome else { return outcome }
      for i in 0..<n { nextG.pointer[i] = f.pointer[i] + (w[i] - point.pointer[i]) / gamma }
      let length = Vectors.distance(x, w, n)
      let change = Vectors.distance(gu, nextG.pointer, n)
      let allowed = 1.01 * (lipschitz + 1 / gamma) * length
      if change <= allowed || length <= 1e-11 * (1 + Vectors.norm(x, n)) { return .fine }
      lipschitz = max(1.5 * lipschitz, change / length)
      // The reflection belongs to the longer step.
      old.update(from: gu, count: n)
    }
  }

  /// |e| with e in G(u+) + dg(u+).
  private func innerError() -> Double {
    let (x, gu, old, w, gw) = (u.pointer, g.pointer, oldG.pointer, next.pointer, nextG.pointer)
    let s = s
    var sum = 0.0
    for i in 0..<n {
      let e = gw[i] + (x[i] - w[i]) / s - 2 * gu[i] + old[i]
      sum += e * e
    }
    return sum.squareRoot()
  }

  var eta: Double { gamma }

  /// Nothing but the point is kept.
  func jump() {}

  func resume(_ reason: Resumption) -> Bool {
    if case .diverging = reason, isFixed { return false }
    evidence = nil
    gamma *= 0.5
    return true
  }
}
