import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F Lipschitz and monotone, or negatively comonotone without g.
///
/// **Method** Popov's past extragradient, also called optimistic gradient: the extrapolation uses
/// the value of F from the step before, so that one call per step is enough.
///
/// **Symbols** eta the step, u the extrapolated point, at which F is known.
///
/// **Iteration** z <- prox_eta(z - eta F(u)); u <- prox_eta(z - eta F(u)).
///
/// **Stops when** the residual at u is at most the tolerance; limits; the residual grows a
/// hundredfold.
///
/// **Guarantee** Monotone F: converges for eta <= 1/(2L), linearly if F is strongly monotone or
/// linear. Comonotone r < 0 without g: for -4r <= eta <= 1/(3.1 L). Other steps are refused unless
/// forced, when L is given.
///
/// **Cost** One call of F and two of prox per step, one more prox to judge.
///
/// **Reference** popov1980modification; gorbunov2023convergence; hsieh2019convergence.
///
/// Deviation: without L the step is at most 0.45 |u' - u| / |F(u') - F(u)| for any two points u, u'
/// that follow each other, and never grows.
public enum PastExtragradient: InclusionMethod {
  public static let template = MethodTemplate(
    name: "past_extragradient",
    summary: "Optimistic gradient: extragradient with one call of the operator per step.",
    source: "L. D. Popov, A modification of the Arrow-Hurwicz method for search of saddle points "
      + "(1980)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [CommonChoices.step, CommonChoices.force]
      + CommonChoices.acceleration(),
    outputs: [CommonChoices.stepOutput] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let proven = ProvenStep(problem, run)
    let eta = try proven.choose(
      0.45, upTo: 0.5, comonotone: problem.term.isZero ? (-4, 1 / 3.1) : nil)
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try PastExtragradientSteps(oracle, step: eta, isFixed: proven.isFixed)
    let kept = try steps.solve(accelerated: run, track)
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.append(kept)
    return try track.proposal(figures)
  }
}

final class PastExtragradientSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private let isFixed: Bool
  private let oracle: Oracle
  private let n: Int
  private let z: Buffer<Double>
  private let next: Buffer<Double>
  private let nextValue: Buffer<Double>

  private static let contraction = 0.45

  /// - Parameter step: nil for one that is found.
  init(_ oracle: Oracle, step: Double?, isFixed: Bool) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    eta = step ?? 0
    self.isFixed = isFixed
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    z = try Buffer(count: n)
    next = try Buffer(count: n)
    nextValue = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    z.pointer.update(from: point.pointer, count: n)
    if eta > 0 { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, nextValue) else { return false }
    eta = Self.contraction / slope
    return true
  }

  func advance() throws(KantorError) -> Evaluation {
    let (x, u, g) = (z.pointer, next.pointer, value.pointer)
    for i in 0..<n { x[i] -= eta * g[i] }
    var outcome = try oracle.prox(x, step: eta)
    guard case .fine = outcome else { return outcome }
    for i in 0..<n { u[i] = x[i] - eta * g[i] }
    outcome = try oracle.prox(u, step: eta)
    guard case .fine = outcome else { return outcome }
    outcome = try oracle.value(at: u, into: nextValue.pointer)
    guard case .fine = outcome else { return outcome }
    if !isFixed { shorten() }
    point.pointer.update(from: u, count: n)
    g.update(from: nextValue.pointer, count: n)
    return .fine
  }

  private func shorten() {
    let length = Vectors.distance(point.pointer, next.pointer, n)
    let change = Vectors.distance(value.pointer, nextValue.pointer, n)
    guard length > 1e-11 * (1 + Vectors.norm(next.pointer, n)), change > 0 else { return }
    eta = min(eta, Self.contraction * length / change)
  }

  func jump() { z.pointer.update(from: point.pointer, count: n) }

  func resume(_ reason: Resumption) -> Bool {
    z.pointer.update(from: point.pointer, count: n)
    if case .diverging = reason, isFixed { return false }
    eta *= 0.5
    return true
  }
}
