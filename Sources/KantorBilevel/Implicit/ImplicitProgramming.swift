import KantorCore

/// **Solves** nested problems: min F(x, z(x)) over x in X with G(x, z(x)) <= 0, where z(x) is the
/// answer of a problem of another kind (cone, transport, nonlinear, inclusion, ...) whose data
/// depend on x.
///
/// **Method** The implicit programming approach: the answer is a function of x, its derivative
/// comes from the optimality conditions of the lower problem, and quasi-Newton steps are made in x
/// alone.
///
/// **Symbols** p(x) the lower fields that depend on x, z(p) named results of the lower problem, P
/// the projection on X, Phi(x) = F(x, z(p(x))).
///
/// **Iteration**
/// 1. p(x): the fields plus M x, or the host's map.
/// 2. z: a solve of the lower problem by its own method, from the last answer.
/// 3. Phi' = F_x + p'(x)' z'(p)' F_z, by the product of the lower result with the transposed
///    Jacobian.
/// 4. A step of limited-memory BFGS along its projection on X, shortened until Phi falls; where the
///    lower problem has no answer Phi counts as +infinity.
/// With upper rows, steps 1-3 serve sequential quadratic programming in x, with a product of step 3
/// for each row.
///
/// **Stops when** |x - P(x - Phi')| is at most half the tolerance, relative to 1 + |F|.
///
/// **Guarantee** A `solved` result meets the certificate: a fresh solve of the lower problem is
/// `solved` by the checker of its kind, F agrees with what the method saw, the projected derivative
/// is within the tolerance (with upper rows what multipliers leave of it, and the rows hold), and
/// differences of F and the rows along random directions confirm it. It is a local statement.
///
/// **Cost** One lower solve and one product with its derivative for each x; memory for 120
/// vectors of x, 40 of more than 1000 variables.
///
/// **Reference** luo1996mathematical; outrata1998nonsmooth; blondel2022efficient.
///
/// Deviation: the books treat kinks of z(x) by bundle methods; here steps are shortened there, and
/// the certificate's differences show them.
public enum ImplicitProgramming {
  public static let spec = MethodSpec(
    name: "implicit_programming", kind: "nested",
    summary: "Quasi-Newton steps in x, differentiating the lower problem's answer.",
    source: "J. V. Outrata, M. Kocvara and J. Zowe, Nonsmooth approach to optimization problems "
      + "with equilibrium constraints (1998)",
    guarantee: "The lower problem solved by its own kind's checker, the projected derivative of F "
      + "within the tolerance and confirmed by differences; local in x.",
    options: options, outputs: NestedResult.outputs, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-6, min: 1e-12, max: 1),
      "Largest relative value of the certificate's entries of a solved result."),
    OptionSpec(
      "max_iterations", .int(500, min: 1, max: .max), "Steps in x after which the solve stops."),
    OptionSpec(
      "max_evaluations", .int(.max, min: 1, max: .max),
      "Evaluations of upper and lower_map after which the solve stops; the certificate's are not "
        + "counted."),
    OptionSpec(
      "max_lower_solves", .int(.max, min: 1, max: .max),
      "Lower solves after which the solve stops; the certificate's are not counted."),
    OptionSpec(
      "lower_tolerance", .real(1e-9, min: 1e-14, max: 1),
      "Largest tolerance of lower solves, where the lower problem's settings set none."),
    OptionSpec(
      "init", .text("warm", choices: ["warm", "cold"]),
      "Start of lower solves: the last answer, or none."),
    OptionSpec(
      "starts", .int(0, min: 0, max: 1_000_000),
      "Further random starts, within the bounds of x or around its start; the point with the least "
        + "F of all is proposed."),
    OptionSpec(
      "check_directions", .int(2, min: 0, max: 1_000_000),
      "Random directions along which the certificate compares the derivative with differences; "
        + "with 0 a result is at best solved_inaccurate. kantor_bilevel_hypergradient compares "
        + "where the option is set."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? NestedProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind nested")
    }
    let solve = try NestedSolve(problem, run)
    return try NestedResult.make(problem, try solve.propose(), run)
  }
}

/// What a solve proposes. `NestedCheck` decides what it is worth.
struct NestedProposal {
  let x: Buffer<Double>
  /// What the method saw there; nil where F is not defined at the start.
  var seen: NestedSight?
  /// How the lower problem ended for the start, where it has no answer.
  var lowerEnd: Status?
  var counts: NestedCounts
  /// The last reason why F was not defined somewhere.
  var complaint: String?
}

/// One solve.
final class NestedSolve {
  private let problem: NestedProblem
  private let run: Run
  private let oracle: NestedOracle
  private let isCold: Bool
  private let coarsest: Double
  /// The last two evaluations, and the one that was taken last.
  private var recent: [NestedSight] = []
  private var kept: NestedSight?
  private var keptViolation = 0.0
  private let tolerance: Double

  init(_ problem: NestedProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    oracle = try NestedOracle(
      problem, monitor: run.monitor,
      limits: NestedLimits(
        calls: run.options.int("max_evaluations"),
        lowerSolves: run.options.int("max_lower_solves")),
      presets: run.lowerPresets)
    tolerance = run.options.real("tolerance")
    isCold = run.options.text("init") == "cold"
    coarsest = run.options.real("lower_tolerance")
  }

  func propose() throws(KantorError) -> NestedProposal {
    let warm = try run.start.vector("x", count: problem.nx)
    let start = try (warm ?? problem.startX).copy()
    problem.leader.project(start.pointer)
    var iterations = try search(from: start, 0)
    var best = kept
    var violation = keptViolation
    let lowerEnd = best == nil ? oracle.lowerEnd : nil
    var starts = RandomStarts(seed: run.seed)
    let point = try Buffer<Double>(count: problem.nx)
    for _ in 0..<run.options.int("starts") where run.monitor.stop == nil {
      starts.scatter(start, problem.leader.lower, problem.leader.upper, into: point)
      problem.leader.project(point.pointer)
      iterations = try search(from: point, iterations)
      guard let found = kept else { continue }
      let isFeasible = keptViolation <= tolerance
      let isBetter =
        isFeasible && violation <= tolerance
        ? found.value < best?.value ?? .infinity : keptViolation < violation
      if isBetter { (best, violation) = (found, keptViolation) }
    }
    return NestedProposal(
      x: best?.x ?? start, seen: best, lowerEnd: best == nil ? lowerEnd : nil,
      counts: oracle.counts, complaint: oracle.complaint)
  }

  private func search(from start: Buffer<Double>, _ before: Int) throws(KantorError) -> Int {
    problem.rows > 0
      ? try descendWithRows(from: start, before) : try descend(from: start, before)
  }

  /// The same as `descend` by sequential quadratic programming.
  private func descendWithRows(
    from start: Buffer<Double>, _ before: Int
  ) throws(KantorError) -> Int {
    kept = nil
    keptViolation = .infinity
    let delta = min(coarsest, 1e-2 * tolerance)
    let program = try NestedProgram(
      problem, oracle, run, iterations: before,
      evaluate: { [self] (x, gradient) throws(KantorError) in
        let outcome = try oracle.differentiate(
          x, tolerance: delta, start: isCold ? nil : kept?.lower, into: gradient)
        if case .fine = outcome, let sight = try NestedSight(oracle, gradient: gradient) {
          recent = recent.suffix(1) + [sight]
        }
        return outcome
      },
      keep: { [self] x in kept = recent.last { $0.isAt(x) } ?? kept })
    let solver = try SequentialQuadratic(program)
    solver.x.pointer.update(from: start.pointer, count: problem.nx)
    var settings = SequentialQuadratic.Settings()
    settings.tolerance = 0.5 * tolerance
    settings.feasibility = 0.5 * tolerance
    settings.iterations = max(1, run.options.int("max_iterations") - before)
    let end = try solver.solve(settings)
    if end == .limit { _ = run.monitor.reachesIterationLimit(run.monitor.iterationLimit) }
    if kept != nil { keptViolation = program.violation(solver.c.pointer) }
    return program.iterations
  }

  /// One descent, into `kept`; nil there where F is not defined at its start. Gives the iterations
  /// so far.
  private func descend(from start: Buffer<Double>, _ before: Int) throws(KantorError) -> Int {
    kept = nil
    keptViolation = 0
    let descent = try ReducedDescent(
      problem.leader, run, factor: 0.1, iterations: before,
      evaluate: { [self] (x, tolerance, gradient) throws(KantorError) in
        try evaluate(x, tolerance, gradient)
      },
      keep: { [self] x in kept = recent.last { $0.isAt(x) } ?? kept })
    _ = try descent.minimise(from: start)
    return descent.iterations
  }

  private func evaluate(
    _ x: UnsafePointer<Double>, _ tolerance: Double, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> ProjectedQuasiNewton.Value? {
    let tolerance = min(tolerance, coarsest)
    let outcome = try oracle.differentiate(
      x, tolerance: tolerance, start: isCold ? nil : kept?.lower, into: gradient)
    switch outcome {
    case .stopped: return nil
    case .undefined: return ProjectedQuasiNewton.Value(value: .infinity, error: 0)
    case .fine:
      if let sight = try NestedSight(oracle, gradient: gradient) {
        recent = recent.suffix(1) + [sight]
      }
      return ProjectedQuasiNewton.Value(value: oracle.value, error: error(tolerance))
    }
  }

  /// What an error of `tolerance` in z, relative, makes of F.
  private func error(_ tolerance: Double) -> Double {
    let (z, slope) = (oracle.w.pointer + problem.nx, oracle.joined.pointer + problem.nx)
    var (size, steepest) = (1.0, 0.0)
    for j in 0..<problem.nz {
      size = max(size, abs(z[j]))
      steepest = max(steepest, abs(slope[j]))
    }
    return tolerance * size * steepest
  }
}

extension Run {
  /// Common options that lower solves take over where their own settings say nothing.
  var lowerPresets: [String: OptionValue] {
    var presets: [String: OptionValue] = [:]
    for name in ["threads", "seed", "heartbeat"] { presets[name] = options[name] }
    return presets
  }
}
