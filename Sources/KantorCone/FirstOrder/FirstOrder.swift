import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min 1/2 x'Px + q'x subject to Ax + s = b, s in K, and its dual, to low and medium
/// accuracy.
///
/// **Method** Douglas-Rachford splitting of the homogeneous embedding of the optimality conditions,
/// with one sparse factorisation that every iteration uses again, and safeguarded Anderson
/// acceleration or Halpern's anchor. Linear programs, and quadratic ones too large for the factor:
/// the restarted Halpern iteration of the primal-dual hybrid gradient (`PrimalDual`).
///
/// **Symbols** w the iterate; u = (x, y, tau) its part in the cones, y the multipliers; R the
/// diagonal metric (rho_x, 1/scale, d); T the operator w -> w + alpha (u - u~).
///
/// **Iteration**
/// 1. u~: solve [P + R_x, A'; A, -R_y] (a factor made once), then a quadratic equation for tau.
/// 2. u: project 2u~ - w on R^n x K* x R+.
/// 3. w <- w + alpha (u - u~); s comes out as R (u + w - 2u~).
/// 4. Now and then: Anderson's extrapolation, kept when the step of T does not grow beyond twice
///    its length; the residuals; another scale when primal and dual residuals are far apart.
///
/// Deviation: SCS extrapolates by Anderson's type I every ten iterations and accepts shorter steps
/// only; type II in the metric R, every three iterations, with steps up to twice as long accepted,
/// needed about half the iterations on the families of the OSQP paper. The scale follows the last
/// ratio of the residuals instead of its mean.
///
/// **Stops when** residuals and gap are at most `tolerance`, relative to the terms that they are
/// made of; when tau has vanished and x or y is a ray.
///
/// **Guarantee** A `solved` result meets the tolerance on the caller's data, as computed by the
/// checker. An `infeasible` or `unbounded` one carries a ray.
///
/// **Cost** One or a few factorisations of a sparse matrix of the order n + m; two triangular
/// solves and the projections per iteration.
///
/// **Reference** odonoghue2021operator; walker2011anderson; garstka2022safeguarded;
/// halpern1967fixed; lu2024restarted; pock2011diagonal; ruiz2001scaling.
public enum FirstOrder: ConeMethod {
  public static let spec = MethodSpec(
    name: "first_order", kind: ConeKind.kind.name,
    summary: "Operator splitting for cone programs of any size, to medium accuracy.",
    source: "B. O'Donoghue, Operator splitting for a homogeneous embedding of the linear "
      + "complementarity problem (2021)",
    guarantee: "Residuals, cone violations and duality gap within the tolerance, relative to the "
      + "size of their terms.",
    options: options,
    outputs: ConeOutputs.certificate + ConeOutputs.common + ConePresolve.outputs + outputs,
    usesWarmStart: true, hasDerivatives: true)

  public static let usesPresolve = true

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-6, min: 1e-12, max: 1),
      "Largest relative residual, cone violation and gap of a solved result."),
    OptionSpec(
      "max_iterations", .int(50_000, min: 1, max: .max),
      "Iterations after which the solve stops."),
    ConePresolve.option,
    OptionSpec(
      "splitting",
      .text("automatic", choices: ["automatic", "douglas_rachford", "primal_dual"]),
      "What is iterated: with a factorisation, or with products alone, for linear cones. Automatic "
        + "takes products for linear objectives, and when the factor would have more than 1e8 "
        + "entries."),
    OptionSpec(
      "acceleration", .text("anderson", choices: ["anderson", "halpern", "none"]),
      "Anderson's extrapolation, Halpern's anchored iteration with restarts, or the plain one; "
        + "of douglas_rachford alone."),
    OptionSpec(
      "memory", .int(10, min: 1, max: 50), "Differences that Anderson's extrapolation uses.",
      advanced: true),
    OptionSpec(
      "interval", .int(3, min: 1, max: 1000), "Iterations from one extrapolation to the next.",
      advanced: true),
    OptionSpec(
      "relaxation", .real(1.5, min: 0.1, max: 1.99), "Over-relaxation alpha of the splitting.",
      advanced: true),
    OptionSpec(
      "scale", .real(0, min: 0, max: 1e6),
      "Weight of the primal against the dual residual at the start; 0 takes 0.1 for linear and 10 "
        + "for quadratic objectives.", advanced: true),
    OptionSpec(
      "adaptive_scale", .flag(true), "Changes the scale when the residuals are far apart.",
      advanced: true),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec(
      "splitting", .text, .output,
      "What was iterated; none where the start already was the answer."),
    FieldSpec("factor_entries", .int, .output, "Entries of the sparse factor; 0 without one."),
    FieldSpec("factorisations", .int, .output, "Factorisations: one for each scale."),
    FieldSpec(
      "scale", .real, .output, "The last scale, or the weight of the primal-dual iteration."),
    FieldSpec("extrapolations", .int, .output, "Extrapolations that were kept."),
    FieldSpec("restarts", .int, .output, "Restarts of Halpern's iteration."),
  ]

  public static func idleFigures(_ run: Run) -> ResultFields {
    let reuse = run.start.reusable as? SplittingReuse
    var figures = SplittingFigures(
      splitting: "none", factorEntries: 0, factorisations: 0, scale: reuse?.scale ?? 0,
      extrapolations: 0, restarts: 0
    ).fields
    ConePresolve.count(&figures, 0, 0)
    return figures
  }

  public static func propose(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let start = try ConeStart(problem, run)
    try Convexity.check(problem.p, Interruption(run.monitor))
    return try solve(problem, run, start)
  }

  static func solve(
    _ problem: ConeProblem, _ run: Run, _ start: ConeStart
  ) throws(KantorError) -> ConeProposal {
    let splitting = run.options.text("splitting")
    if splitting == "primal_dual" {
      if let other = problem.cones.first(where: { !$0.isLinear }) {
        throw KantorError(
          .unsupported,
          "option 'splitting': primal_dual takes zero, nonnegative and box cones, not "
            + other.name)
      }
      return try PrimalDualSolve(problem: problem, run: run, start: start).propose()
    }
    // Who asks for an acceleration means the splitting that has it.
    let mayChoose =
      splitting == "automatic" && problem.isLinear
      && run.options.text("acceleration") == "anderson"
    if mayChoose && problem.p.count == 0 {
      return try PrimalDualSolve(problem: problem, run: run, start: start).propose()
    }
    let bound = mayChoose ? mostEntries : .max
    return try SplittingSolve(problem, run, start, mostEntries: bound).propose()
  }

  /// Entries of a factor, 800 MB, above which programs with linear cones do without.
  static let mostEntries = 100_000_000
}

/// What one solve leaves to the next.
struct SplittingReuse: Sendable {
  let analysis: PatternAnalysis
  let scale: Double
}

/// One solve by Douglas-Rachford splitting.
struct SplittingSolve {
  let problem: ConeProblem
  let run: Run
  let start: ConeStart
  private let tolerance: Double
  private let mostEntries: Int

  init(_ problem: ConeProblem, _ run: Run, _ start: ConeStart, mostEntries: Int) {
    self.mostEntries = mostEntries
    self.problem = problem
    self.run = run
    self.start = start
    tolerance = run.options.real("tolerance")
  }

  func propose() throws(KantorError) -> ConeProposal {
    let form = try SplittingForm(problem)
    let reuse = run.start.reusable as? SplittingReuse
    let settings = SplittingSettings(
      run.options, isQuadratic: problem.p.count > 0, reuse: reuse)
    let interruption = Interruption(run.monitor)
    guard
      let system = try SplittingSystem(
        form, reuse: reuse?.analysis, interruption: interruption)
    else { return try origin() }
    if system.shared.analysis.factorEntries > mostEntries {
      return try PrimalDualSolve(problem: problem, run: run, start: start).propose()
    }
    try system.allocate(threads: run.threads)
    let loop = try DouglasRachford(form, system, settings, run.monitor)
    let warm = try SplittingWarmStart(form, start)
    let outcome = try loop.run(from: warm)
    var proposal: ConeProposal
    switch outcome {
    case .infeasible(let ray): proposal = try claim(.infeasible, z: ray)
    case .unbounded(let ray): proposal = try claim(.unbounded, x: ray)
    case .ended:
      let (x, s, z) = try form.answer(loop.best)
      proposal = ConeProposal(claim: .point, x: x, s: s, z: z, tolerance: tolerance)
    }
    proposal.figures = SplittingFigures(
      splitting: "douglas_rachford", factorEntries: system.shared.analysis.factorEntries,
      factorisations: system.factorisations, scale: loop.scale,
      extrapolations: loop.extrapolations, restarts: loop.restarts
    ).fields
    proposal.reusable = SplittingReuse(analysis: system.shared, scale: loop.scale)
    return proposal
  }

  private func claim(
    _ claim: ConeProposal.Claim, x: Buffer<Double>? = nil, z: Buffer<Double>? = nil
  ) throws(KantorError) -> ConeProposal {
    let noX = try Buffer<Double>(count: problem.n)
    let noS = try Buffer<Double>(count: problem.m)
    return ConeProposal(claim: claim, x: x ?? noX, s: noS, z: z ?? noS, tolerance: tolerance)
  }

  /// Stopped before anything was known.
  private func origin() throws(KantorError) -> ConeProposal {
    let x = try Buffer<Double>(count: problem.n)
    return ConeProposal(
      claim: .point, x: x, s: try LinearSlack.make(problem, x), z: try Buffer(count: problem.m),
      tolerance: tolerance)
  }
}

/// The options, read once.
struct SplittingSettings {
  enum Acceleration { case anderson, halpern, none }
  let tolerance: Double
  let acceleration: Acceleration
  let memory: Int
  let interval: Int
  let relaxation: Double
  let scale: Double
  let adapts: Bool

  init(_ options: OptionValues, isQuadratic: Bool, reuse: SplittingReuse?) {
    tolerance = options.real("tolerance")
    switch options.text("acceleration") {
    case "halpern": acceleration = .halpern
    case "none": acceleration = .none
    default: acceleration = .anderson
    }
    memory = options.int("memory")
    interval = options.int("interval")
    relaxation = options.real("relaxation")
    adapts = options.flag("adaptive_scale")
    // A scale that served one solve serves the next of its kind.
    let given = options.real("scale")
    let first = given > 0 ? max(given, 1e-6) : isQuadratic ? 10 : 0.1
    scale = adapts ? reuse?.scale ?? first : first
  }
}
