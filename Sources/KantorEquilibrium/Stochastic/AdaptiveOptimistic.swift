import KantorBlocks
import KantorCore

/// **Solves** F(x) = 0, F monotone, from values with noise that vanishes at solutions
/// (multiplicative noise, interpolating finite sums), without any constant.
///
/// **Method** Optimistic dual averaging with separated learning rates: the extrapolation is longer
/// than the update, and both are set by what was seen.
///
/// **Symbols** G_t a sample of F(u_t); A_t = sum over s <= t - 2 of |G_s|^2; B_t the same of
/// |z_s - z_{s+1}|^2; q = 1/4; c = `scale`.
///
/// **Iteration** u = z - c gamma G_{t-1}, gamma = (1 + A_t)^-(1/2 - q);
/// z <- z_1 - c eta (G_1 + ... + G_t), eta = (1 + A_{t+1} + B_{t+1})^-1/2.
///
/// **Stops when** the residual at u is at most the tolerance, with the whole F for finite sums;
/// limits.
///
/// **Guarantee** Multiplicative noise: constant regret, and convergence of the last iterate.
/// Additive noise: sublinear regret alone.
///
/// **Cost** One sample per step; the whole F once per two passes.
///
/// **Reference** hsieh2022noregret.
///
/// Deviation: finite sums are drawn with replacement. There is no prox: the guarantee is for the
/// whole space.
public enum AdaptiveOptimistic: InclusionMethod {
  public static let template = MethodTemplate(
    name: "adaptive_optimistic",
    summary: "Optimistic steps with separated, self-tuned learning rates, for noisy values.",
    source: "Y.-G. Hsieh, K. Antonakopoulos, V. Cevher and P. Mertikopoulos, No-regret learning in "
      + "games with noisy feedback (2022)",
    guarantee: CommonChoices.residualGuarantee,
    options: [
      OptionSpec(
        "tolerance", .real(1e-4, min: 1e-14, max: 1),
        "Largest norm(F(x)) of a solved result, relative to 1 + norm(F(start))."),
      OptionSpec(
        "max_iterations", .int(10_000_000, min: 1, max: .max),
        "Steps after which the solve stops, at the next whole F."),
      CommonChoices.evaluations,
      OptionSpec(
        "separation", .real(0.25, min: 0, max: 0.4999),
        "The exponent q: 0 gives both rates the same power.", advanced: true),
      OptionSpec(
        "scale", .real(1, min: 1e-12, max: 1e12), "Factor of both rates."),
    ] + SampledFeedback.options,
    outputs: [
      FieldSpec("extrapolation_rate", .real, .output, "The last gamma."),
      FieldSpec("update_rate", .real, .output, "The last eta."),
    ], without: ["gap"])

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    guard problem.term.isZero else {
      throw KantorError(
        .unsupported, "'adaptive_optimistic' takes problems on the whole space, without a prox")
    }
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try AdaptiveOptimisticSteps(try SampledFeedback(oracle, run), run)
    try steps.solve(track, run)
    var figures = ResultFields()
    figures.add("extrapolation_rate", steps.gamma)
    figures.add("update_rate", steps.eta)
    return try track.proposal(figures)
  }
}

final class AdaptiveOptimisticSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var gamma = 1.0
  private(set) var eta = 1.0
  private(set) var stride = 0
  private var scale: Double
  private let q: Double
  private let feedback: SampledFeedback
  private let oracle: Oracle
  private let n: Int
  private let first: Buffer<Double>
  private let z: Buffer<Double>
  private let u: Buffer<Double>
  private let sample: Buffer<Double>
  private let sum: Buffer<Double>
  // A and B up to the step before last, and what the last two steps will add.
  private var (a, b) = (0.0, 0.0)
  private var (lastSquare, lastMove) = (0.0, 0.0)

  init(_ feedback: SampledFeedback, _ run: Run) throws(KantorError) {
    self.feedback = feedback
    oracle = feedback.oracle
    n = oracle.n
    scale = run.options.real("scale")
    q = run.options.real("separation")
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    first = try Buffer(count: n)
    z = try Buffer(count: n)
    u = try Buffer(count: n)
    sample = try Buffer(count: n)
    sum = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    for buffer in [first, z] { buffer.pointer.update(from: point.pointer, count: n) }
    // Nothing was seen yet: the first extrapolation stays where it is.
    sample.fill(0)
    sum.fill(0)
    (a, b, lastSquare, lastMove) = (0, 0, 0, 0)
    return true
  }

  func advance() throws(KantorError) -> Evaluation {
    stride = 0
    for _ in 0..<feedback.period {
      let outcome = try step()
      guard case .fine = outcome else { return outcome }
      stride += 1
    }
    point.pointer.update(from: u.pointer, count: n)
    guard feedback.isSampling else {
      value.pointer.update(from: sample.pointer, count: n)
      return .fine
    }
    return try oracle.value(at: point.pointer, into: value.pointer)
  }

  private func step() throws(KantorError) -> Evaluation {
    let (x, w, g, total, start) = (
      z.pointer, u.pointer, sample.pointer, sum.pointer, first.pointer
    )
    gamma = power(1 + a, q - 0.5)
    for i in 0..<n { w[i] = x[i] - scale * gamma * g[i] }
    let outcome = try feedback.value(at: w, into: g)
    guard case .fine = outcome else { return outcome }
    a += lastSquare
    b += lastMove
    lastSquare = Vectors.dot(g, g, n)
    eta = power(1 + a + b, -0.5)
    var moved = 0.0
    for i in 0..<n {
      total[i] += g[i]
      let next = start[i] - scale * eta * total[i]
      moved += (next - x[i]) * (next - x[i])
      x[i] = next
    }
    lastMove = moved
    return .fine
  }

  func resume(_ reason: Resumption) -> Bool {
    scale *= 0.5
    for buffer in [first, z] { buffer.pointer.update(from: point.pointer, count: n) }
    sample.fill(0)
    sum.fill(0)
    (a, b, lastSquare, lastMove) = (0, 0, 0, 0)
    return true
  }
}
