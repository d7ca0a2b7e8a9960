import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F monotone and known by samples: of a finite sum, or through a
/// `map` with noise.
///
/// **Method** Single-call stochastic extragradient: past, reflected or optimistic.
///
/// **Symbols** G(u) a sample of F(u); gamma_t = step / (1 + t/offset)^decay.
///
/// **Iteration**
/// - past: u = prox(z - gamma G(u')), z <- prox(z - gamma G(u));
/// - reflected: z <- prox(z - gamma G(2z - z'));
/// - optimistic: z <- prox(z - 2 gamma G(z) + gamma G(z')).
///
/// **Stops when** the residual with the whole F is at most the tolerance; limits. A `map` with
/// noise is judged with its noise.
///
/// **Guarantee** With decay 1, step offset > 1/mu and step <= 1/(4L): an expected squared distance
/// of O(1/t) for mu-strongly monotone F. Averages: a gap of O(1/sqrt t) with decay 1/2.
///
/// **Cost** One sample per step; the whole F once per two passes, or, without components, every ten
/// steps of the variants that do not evaluate it at their points.
///
/// **Reference** hsieh2019convergence.
public enum StochasticExtragradient: InclusionMethod {
  public static let template = MethodTemplate(
    name: "stochastic_extragradient",
    summary: "Extragradient with one sample of the operator per step.",
    source: "Y.-G. Hsieh, F. Iutzeler, J. Malick and P. Mertikopoulos, On the convergence of "
      + "single-call stochastic extra-gradient methods (2019)",
    guarantee: CommonChoices.residualGuarantee,
    options: [
      OptionSpec(
        "tolerance", .real(1e-2, min: 1e-14, max: 1),
        "Largest residual norm(x - prox(x - F(x))) of a solved result, relative to 1 + "
          + "norm(F(start))."),
      OptionSpec(
        "max_iterations", .int(10_000_000, min: 1, max: .max),
        "Steps after which the solve stops, at the next whole F."),
      CommonChoices.evaluations,
      OptionSpec(
        "variant", .text("past", choices: ["past", "reflected", "optimistic"]),
        "Where F is sampled."),
      OptionSpec(
        "step", .real(0, min: 0, max: 1e12), "First step; 0 takes 0.25 over a slope at the start."),
      OptionSpec(
        "decay", .real(-1, min: -1, max: 1),
        "Exponent of the steps; negative: 0 for the whole F, 0.75 for samples."),
      OptionSpec(
        "offset", .real(100, min: 1e-3, max: 1e15), "Steps before the step begins to fall."),
      OptionSpec(
        "answer", .text("last", choices: ["last", "average"]),
        "Which point is judged and given back."),
    ] + SampledFeedback.options,
    outputs: [
      CommonChoices.stepOutput,
      FieldSpec("average", .array, .output, shape: "(n,)", "Mean of the points."),
    ])

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try StochasticSteps(try SampledFeedback(oracle, run), run)
    try steps.solve(track, run)
    var figures = ResultFields()
    figures.add("step", steps.gamma)
    figures.add("average", Tensor(steps.average))
    return try track.proposal(figures)
  }
}

final class StochasticSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  let average: Buffer<Double>
  private(set) var stride = 0
  private var t = 0
  private var first: Double
  private let decay: Double
  private let offset: Double
  private let variant: String
  private let givesAverage: Bool
  private let feedback: SampledFeedback
  private let oracle: Oracle
  private let n: Int
  private let z: Buffer<Double>
  private let old: Buffer<Double>
  private let sample: Buffer<Double>
  private let oldSample: Buffer<Double>
  private let u: Buffer<Double>

  init(_ feedback: SampledFeedback, _ run: Run) throws(KantorError) {
    self.feedback = feedback
    oracle = feedback.oracle
    n = oracle.n
    first = run.options.real("step")
    let asked = run.options.real("decay")
    decay = asked >= 0 ? asked : feedback.isSampling ? 0.75 : 0
    offset = run.options.real("offset")
    variant = run.options.text("variant")
    givesAverage = run.options.text("answer") == "average"
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    average = try Buffer(count: n)
    z = try Buffer(count: n)
    old = try Buffer(count: n)
    sample = try Buffer(count: n)
    oldSample = try Buffer(count: n)
    u = try Buffer(count: n)
  }

  var gamma: Double { first / power(1 + Double(t) / offset, decay) }

  func begin() throws(KantorError) -> Bool {
    copyIn()
    average.pointer.update(from: point.pointer, count: n)
    if first > 0 { return true }
    if let l = oracle.problem.lipschitz {
      first = 0.25 / l
      return true
    }
    guard let slope = try Probe.lipschitz(oracle, point, value, u) else { return false }
    first = 0.25 / slope
    return true
  }

  private func copyIn() {
    for buffer in [z, old, u] { buffer.pointer.update(from: point.pointer, count: n) }
    for buffer in [sample, oldSample] { buffer.pointer.update(from: value.pointer, count: n) }
  }

  /// Whether F was evaluated whole at the point that is judged.
  private var isSeen: Bool { !feedback.isSampling && !givesAverage && variant == "past" }
  private var period: Int { isSeen || feedback.isSampling ? feedback.period : 10 }

  func advance() throws(KantorError) -> Evaluation {
    stride = 0
    for _ in 0..<period {
      let outcome = try step()
      guard case .fine = outcome else { return outcome }
      stride += 1
      t += 1
      let weight = 1 / Double(t + 1)
      for i in 0..<n { average.pointer[i] += weight * (u.pointer[i] - average.pointer[i]) }
    }
    point.pointer.update(from: givesAverage ? average.pointer : u.pointer, count: n)
    guard !isSeen else {
      value.pointer.update(from: sample.pointer, count: n)
      return .fine
    }
    return try oracle.value(at: point.pointer, into: value.pointer)
  }

  /// One step; afterwards u is the newest point of the set, and sample what was seen of F last.
  private func step() throws(KantorError) -> Evaluation {
    let (x, y, g, w) = (z.pointer, old.pointer, sample.pointer, u.pointer)
    let gamma = gamma
    switch variant {
    case "past":
      for i in 0..<n { w[i] = x[i] - gamma * g[i] }
      var outcome = try oracle.prox(w, step: gamma)
      guard case .fine = outcome else { return outcome }
      outcome = try feedback.value(at: w, into: g)
      guard case .fine = outcome else { return outcome }
      for i in 0..<n { x[i] -= gamma * g[i] }
      return try oracle.prox(x, step: gamma)
    case "reflected":
      for i in 0..<n {
        w[i] = 2 * x[i] - y[i]
        y[i] = x[i]
      }
      let outcome = try feedback.value(at: w, into: g)
      guard case .fine = outcome else { return outcome }
      for i in 0..<n { x[i] -= gamma * g[i] }
    default:
      let last = oldSample.pointer
      last.update(from: g, count: n)
      let outcome = try feedback.value(at: x, into: g)
      guard case .fine = outcome else { return outcome }
      for i in 0..<n { x[i] -= gamma * (2 * g[i] - last[i]) }
    }
    let outcome = try oracle.prox(x, step: gamma)
    w.update(from: x, count: n)
    return outcome
  }

  func resume(_ reason: Resumption) -> Bool {
    copyIn()
    first *= 0.5
    return true
  }
}
