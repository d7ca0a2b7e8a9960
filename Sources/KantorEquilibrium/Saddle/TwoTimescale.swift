import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** local minimax points of min over x, max over y of phi(x, y), phi neither convex in x
/// nor concave in y, its Hessian in y possibly singular.
///
/// **Method** Extragradient with a slower clock for x.
///
/// **Symbols** tau >= 1 the ratio of the clocks, A = diag(I/tau, I), F = (phi_x, -phi_y), eta the
/// step.
///
/// **Iteration** u = z - eta A F(z), z <- z - eta A F(u).
///
/// **Stops when** the residual is at most the tolerance and the second-order conditions hold;
/// limits; they do not hold for the largest tau.
///
/// **Guarantee** For large tau limits are points that satisfy the second-order necessary conditions
/// of local minimax points, from almost all starts. `solved` says that the conditions hold here.
///
/// **Cost** Two calls of the gradient per step; the Hessian, given or by differences, and its
/// eigenvalues at each point that has a small residual.
///
/// **Reference** chae2024twotimescale.
///
/// Deviation: tau starts at `timescale` and is doubled, up to 1024, whenever the iteration ends at
/// a point that fails the conditions (and goes on from a point nearby) or diverges (and starts
/// again).
public enum TwoTimescale: InclusionMethod {
  public static let template = MethodTemplate(
    name: "two_timescale_extragradient",
    summary: "Local minimax points of nonconvex-nonconcave functions, with their certificate.",
    source: "J. Chae, K. Kim and D. Kim, Two-timescale extragradient for finding local minimax "
      + "points (2024)",
    guarantee: "A residual of at most the tolerance, and the second-order necessary conditions "
      + "of a local minimax point.",
    options: CommonChoices.stops + [
      CommonChoices.step,
      OptionSpec(
        "timescale", .real(1, min: 1, max: 1024), "Ratio tau of the clocks at the start."),
    ],
    outputs: [
      CommonChoices.stepOutput,
      FieldSpec("timescale", .real, .output, "Ratio of the clocks in the end."),
      FieldSpec(
        "curvature_y", .real, .certificate,
        "Largest eigenvalue of phi_yy over the largest entry of the Hessian; at most 0 at local "
          + "minimax points."),
      FieldSpec(
        "curvature_schur", .real, .certificate,
        "Least eigenvalue of the restricted Schur complement over the same; at least 0 at local "
          + "minimax points, infinite if it has no directions."),
    ], without: ["gap"])

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    guard case .saddle(let split) = problem.form, problem.term.isZero,
      problem.functions.map != nil
    else {
      throw KantorError(
        .unsupported,
        "'two_timescale_extragradient' takes saddle problems without prox_x and prox_y, whose "
          + "functions offer 'gradient' or 'value_gradient'")
    }
    guard problem.n <= MinimaxCheck.mostVariables else {
      throw KantorError(
        .unsupported,
        "'two_timescale_extragradient' takes at most \(MinimaxCheck.mostVariables) variables, "
          + "these are \(problem.n)")
    }
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try TwoTimescaleSteps(oracle, split, run)
    try TwoTimescaleSearch(track: track, steps: steps, run: run, split: split).search()
    var figures = ResultFields()
    figures.add("step", steps.eta)
    figures.add("timescale", steps.tau)
    var proposal = try track.proposal(figures)
    proposal.claimsMinimax = true
    return proposal
  }
}

/// Doubles tau until the point found is of the right kind.
private struct TwoTimescaleSearch {
  let track: Track
  let steps: TwoTimescaleSteps
  let run: Run
  let split: Int

  static let largest = 1024.0

  func search() throws(KantorError) {
    try steps.solve(track, run)
    let check = MinimaxCheck(problem: track.oracle.problem, split: split)
    var stream = RandomStream(seed: run.seed, stream: 0x5651)
    while run.monitor.stop == nil, track.bestResidual <= track.target {
      guard let found = try check.curvatures(at: track.best) else { return }
      if found.hold(InclusionCheck.curvatureTolerance) { return }
      guard steps.tau < Self.largest else {
        track.note("no local minimax point was found up to the timescale \(shortText(steps.tau))")
        return
      }
      steps.slow()
      try track.leave(&stream, into: steps.point, steps.value)
      try steps.again(track)
    }
  }
}

final class TwoTimescaleSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var eta: Double
  private(set) var tau: Double
  private var nextEta = 0.0
  private let isFixed: Bool
  private let split: Int
  private let oracle: Oracle
  private let n: Int
  private let middle: Buffer<Double>
  private let middleValue: Buffer<Double>

  private static let contraction = 0.9

  init(_ oracle: Oracle, _ split: Int, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    self.split = split
    n = oracle.n
    tau = run.options.real("timescale")
    let given = run.options.real("step")
    isFixed = given > 0
    eta = given > 0 ? given : oracle.problem.lipschitz.map { 0.7 / $0 } ?? 0
    point = try Buffer(count: n)
    value = try Buffer(count: n)
    middle = try Buffer(count: n)
    middleValue = try Buffer(count: n)
  }

  func begin() throws(KantorError) -> Bool {
    guard eta == 0 else { return true }
    guard let slope = try Probe.lipschitz(oracle, point, value, middleValue) else { return false }
    eta = 0.7 / slope
    return true
  }

  func slow() { tau = min(2 * tau, 1024) }

  func advance() throws(KantorError) -> Evaluation {
    let (z, f, u, g) = (point.pointer, value.pointer, middle.pointer, middleValue.pointer)
    if nextEta > 0 { eta = nextEta }
    while true {
      for i in 0..<n { u[i] = z[i] - (i < split ? eta / tau : eta) * f[i] }
      let outcome = try oracle.value(at: u, into: g)
      guard case .fine = outcome else { return outcome }
      if isFixed { break }
      let length = Vectors.distance(z, u, n)
      let change = eta * Vectors.distance(f, g, n)
      if change <= Self.contraction * length || length <= 1e-11 * Vectors.norm(z, n) {
        nextEta = change < 0.5 * Self.contraction * length ? 1.2 * eta : eta
        break
      }
      eta *= max(0.1, min(0.7, 0.8 * Self.contraction * length / change))
    }
    for i in 0..<n { z[i] -= (i < split ? eta / tau : eta) * g[i] }
    return try oracle.value(at: z, into: f)
  }

  func resume(_ reason: Resumption) -> Bool {
    switch reason {
    case .diverging:
      guard tau < 1024 else { return false }
      slow()
    case .undefined: eta *= 0.5
    }
    nextEta = 0
    return true
  }
}
