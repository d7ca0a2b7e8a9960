import KantorBlocks
import KantorCore

/// **Solves** 0 in F(x) + dg(x), F monotone and locally Lipschitz; no constant is needed.
///
/// **Method** The adaptive golden ratio algorithm: steps from the local curvature of F, one call of
/// F and one prox per step, no line search; Anderson's extrapolation between them, and Newton's
/// steps where that is slow.
///
/// **Symbols** phi = 1.5, rho = 1/phi + 1/phi^2, eta the step, eta' the one before, theta = phi
/// eta/eta'; m the mean of past points.
///
/// **Iteration**
/// 1. eta <- min(rho eta', phi theta' / (4 eta') |z - z'|^2 / |F(z) - F(z')|^2, largest step).
/// 2. m <- ((phi - 1) z + m)/phi.
/// 3. z <- prox_eta(m - eta F(z)).
///
/// **Stops when** the residual is at most the tolerance; limits; the residual grows a hundredfold.
///
/// **Guarantee** Converges for every monotone and locally Lipschitz F with a solution.
///
/// **Cost** One call of F and one prox per step, one more prox to judge; the same and one more prox
/// for an extrapolation.
///
/// **Reference** malitsky2020golden; walker2011anderson.
public enum GoldenRatio: InclusionMethod {
  public static let template = MethodTemplate(
    name: "golden_ratio",
    summary: "Steps from the local slope of the operator, with extrapolation and Newton's steps; "
      + "the default.",
    source: "Y. Malitsky, Golden ratio algorithms for variational inequalities (2020)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      OptionSpec(
        "largest_step", .real(1e6, min: 1e-12, max: 1e12), "No step is longer.", advanced: true)
    ] + CommonChoices.acceleration("newton"),
    outputs: [CommonChoices.stepOutput] + CommonChoices.accelerated)

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try GoldenRatioSteps(oracle, largest: run.options.real("largest_step"))
    let kept = try steps.solve(accelerated: run, track)
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.append(kept)
    return try track.proposal(figures)
  }
}

final class GoldenRatioSteps: MovableIteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta = 1.0
  private var theta = 1.0
  private var largest: Double
  private let oracle: Oracle
  private let n: Int
  private let mean: Buffer<Double>
  private let old: Buffer<Double>
  private let oldValue: Buffer<Double>

  private static let phi = 1.5
  private static let rho = 1 / phi + 1 / (phi * phi)

  init(_ oracle: Oracle, largest: Double) throws(KantorError) {
    self.oracle = oracle
    self.largest = largest
    n = oracle.n
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    mean = try Buffer(count: n)
    old = try Buffer(count: n)
    oldValue = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    mean.pointer.update(from: point.pointer, count: n)
    old.pointer.update(from: point.pointer, count: n)
    oldValue.pointer.update(from: value.pointer, count: n)
    if let l = oracle.problem.lipschitz {
      eta = min(0.5 * Self.phi / l, largest)
      return true
    }
    guard let slope = try Probe.lipschitz(oracle, point, value, oldValue) else { return false }
    oldValue.pointer.update(from: value.pointer, count: n)
    eta = min(0.5 * Self.phi / slope, largest)
    return true
  }

  func advance() throws(KantorError) -> Evaluation {
    let (z, f, m, o, p) = (
      point.pointer, value.pointer, mean.pointer, old.pointer, oldValue.pointer
    )
    let (length, change) = (Vectors.distance(z, o, n), Vectors.distance(f, p, n))
    let before = eta
    eta = min(Self.rho * before, largest)
    if change > 0, length > 0 {
      let ratio = length / change
      eta = min(eta, Self.phi * theta / (4 * before) * ratio * ratio)
    }
    theta = Self.phi * eta / before
    o.update(from: z, count: n)
    p.update(from: f, count: n)
    for i in 0..<n {
      m[i] = ((Self.phi - 1) * z[i] + m[i]) / Self.phi
      z[i] = m[i] - eta * f[i]
    }
    let outcome = try oracle.prox(z, step: eta)
    guard case .fine = outcome else { return outcome }
    return try oracle.value(at: z, into: f)
  }

  func jump() { mean.pointer.update(from: point.pointer, count: n) }

  func resume(_ reason: Resumption) -> Bool {
    mean.pointer.update(from: point.pointer, count: n)
    old.pointer.update(from: point.pointer, count: n)
    oldValue.pointer.update(from: value.pointer, count: n)
    eta *= 0.5
    largest = eta
    theta = 1
    return true
  }
}
