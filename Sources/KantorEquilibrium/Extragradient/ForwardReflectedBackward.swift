import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F Lipschitz (or locally so) and monotone.
///
/// **Method** Forward-reflected-backward splitting: one call of F and one prox per step.
///
/// **Symbols** eta the step, eta' the one before; z' the point before z.
///
/// **Iteration** z <- prox_eta(z - eta F(z) - eta' (F(z) - F(z'))).
///
/// **Stops when** the residual is at most the tolerance; limits; the residual grows a hundredfold.
///
/// **Guarantee** Converges for eta < 1/(2L), and with steps for which eta |F(z+) - F(z)| <= 0.49
/// |z+ - z|; linearly if F is strongly monotone.
///
/// **Cost** One call of F and one prox per step, one more prox to judge; a call for each shorter
/// step.
///
/// **Reference** malitsky2020forward.
public enum ForwardReflectedBackward: InclusionMethod {
  public static let template = MethodTemplate(
    name: "forward_reflected_backward",
    summary: "One call of the operator and one prox per step, with a line search.",
    source: "Y. Malitsky and M. K. Tam, A forward-backward splitting method for monotone "
      + "inclusions without cocoercivity (2020)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [CommonChoices.step, CommonChoices.force]
      + CommonChoices.acceleration(),
    outputs: [CommonChoices.stepOutput] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let proven = ProvenStep(problem, run)
    let eta = try proven.choose(0.49, upTo: 0.5, comonotone: nil)
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try ForwardReflectedSteps(oracle, step: eta, isFixed: proven.isFixed)
    let kept = try steps.solve(accelerated: run, track)
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.append(kept)
    return try track.proposal(figures)
  }
}

final class ForwardReflectedSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private var before: Double
  private let isFixed: Bool
  private let oracle: Oracle
  private let n: Int
  private let oldValue: Buffer<Double>
  private let next: Buffer<Double>
  private let nextValue: Buffer<Double>

  private static let contraction = 0.49

  init(_ oracle: Oracle, step: Double?, isFixed: Bool) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    eta = step ?? 0
    before = eta
    self.isFixed = isFixed
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    oldValue = try Buffer(count: n)
    next = try Buffer(count: n)
    nextValue = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    oldValue.pointer.update(from: value.pointer, count: n)
    if eta > 0 { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, nextValue) else { return false }
    eta = Self.contraction / slope
    before = eta
    return true
  }

  func advance() throws(KantorError) -> Evaluation {
    let (z, f, old, w) = (point.pointer, value.pointer, oldValue.pointer, next.pointer)
    var grows = false
    while true {
      for i in 0..<n { w[i] = z[i] - eta * f[i] - before * (f[i] - old[i]) }
      var outcome = try oracle.prox(w, step: eta)
      guard case .fine = outcome else { return outcome }
      outcome = try oracle.value(at: w, into: nextValue.pointer)
      guard case .fine = outcome else { return outcome }
      if isFixed { break }
      let length = Vectors.distance(z, w, n)
      let change = eta * Vectors.distance(f, nextValue.pointer, n)
      if change <= Self.contraction * length || length <= 1e-11 * (1 + Vectors.norm(z, n)) {
        grows = change < 0.5 * Self.contraction * length
        break
      }
      eta *= 0.7
    }
    before = eta
    if grows { eta *= 1.2 }
    old.update(from: f, count: n)
    z.update(from: w, count: n)
    f.update(from: nextValue.pointer, count: n)
    return .fine
  }

  func jump() { oldValue.pointer.update(from: value.pointer, count: n) }

  func resume(_ reason: Resumption) -> Bool {
    oldValue.pointer.update(from: value.pointer, count: n)
    if case .diverging = reason, isFixed { return false }
    eta *= 0.5
    before = eta
    return true
  }
}
