import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min 1/2 x'Px + q'x subject to Ax + s = b, s in K, and its dual.
///
/// **Method** A primal-dual interior-point method on the sparse quasidefinite system of the
/// optimality conditions. Programs whose cones are all linear (zero, nonnegative, box) run inside
/// a proximal method of multipliers (`ProximalLoop`); the others, and those on which that stalls,
/// on the homogeneous embedding (`EmbeddingLoop`).
///
/// **Symbols** z multipliers of the rows; mu = s'z / degree; rho, delta strengths of the proximal
/// terms of x and z; tau, kappa the scale of the embedding and its slack; H = W'W the scaling of
/// the cones, s/z on half-lines.
///
/// **Iteration**
/// 1. Factor [P + rho I + bounds, A'; A, -(H + delta)]; on the embedding rho = delta = 0, with a
///    shift that refinement takes back.
/// 2. Predictor: the Newton direction towards mu = 0; from its step lengths sigma, the part of mu
///    that is kept.
/// 3. Corrector: the direction towards sigma mu, with the predictor's second-order term (of third
///    order for cones that are not symmetric).
/// 4. 0.99 of the way to the boundary, in the proximal loop for s and z separately; there the
///    centres then follow, and their strengths fall with the residuals.
///
/// **Stops when** primal and dual residuals and the gap are at most `tolerance`, relative to the
/// terms that they are made of; when an iterate has become a ray; or when nothing improves.
///
/// **Guarantee** A `solved` result meets the tolerance on the caller's data, as computed by the
/// checker. An `infeasible` or `unbounded` one carries a ray.
///
/// **Cost** 7 to 30 factorisations of a sparse matrix of the order n + m, three solves with each.
/// Psd cones of side k are dense blocks of the order k (k + 1) / 2 in it, unless a dense matrix of
/// the order of the variables, or of the other rows, is cheaper (`SchurCondensation`), conjugate
/// gradients are (`SchurIteration`), or sparse cones fall into small ones (`ChordalSplit`). Where
/// half of the rows' entries are there, the system is a dense one of the order n (`DenseKKT`):
/// m n² + n³ / 3 flops and n² numbers for each factorisation.
///
/// **Reference** schwan2023piqp; goulart2024clarabel; fujisawa1997exploiting; fukuda2001exploiting;
/// mehrotra1992implementation; ruiz2001scaling; toh2004solving.
public enum InteriorPoint: ConeMethod {
  public static let spec = MethodSpec(
    name: "interior_point", kind: ConeKind.kind.name,
    summary: "Interior-point method for linear, quadratic and conic programs with all cones.",
    source: "R. Schwan and others, PIQP: a proximal interior-point quadratic programming solver "
      + "(2023); P. J. Goulart, Y. Chen, Clarabel: an interior-point solver for conic programs "
      + "with quadratic objectives (2024)",
    guarantee: "Residuals, cone violations and duality gap within the tolerance, relative to the "
      + "size of their terms.",
    options: options,
    outputs: ConeOutputs.certificate + ConeOutputs.common + ConePresolve.outputs + outputs,
    usesWarmStart: true, hasDerivatives: true)

  public static let usesPresolve = true

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-8, min: 1e-13, max: 1),
      "Largest relative residual, cone violation and gap of a solved result."),
    OptionSpec(
      "max_iterations", .int(200, min: 1, max: .max), "Iterations after which the solve stops."),
    ConePresolve.option,
    OptionSpec(
      "chordal", .flag(true),
      "Whether sparse psd cones may be split into smaller ones, where that is cheaper."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec(
      "factor_entries", .int, .output, "Entries of the sparse factor; 0 if none was needed.")
  ]

  public static func idleFigures(_ run: Run) -> ResultFields {
    var figures = ResultFields()
    figures.add("factor_entries", 0)
    ConePresolve.count(&figures, 0, 0)
    return figures
  }

  public static func propose(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let start = try ConeStart(problem, run)
    try Convexity.check(problem.p, Interruption(run.monitor))
    guard problem.isLinear else { return try EmbeddingSolve(problem, run, start).propose() }
    return try LinearSolve(problem, run, start).propose()
  }
}

/// Where the caller asks to start; sizes are checked even if nothing comes of it.
struct ConeStart {
  let x: Buffer<Double>?
  let s: Buffer<Double>?
  let z: Buffer<Double>?
  let reuse: ConeReuse?

  /// No point.
  init(reuse: ConeReuse? = nil) { (x, s, z, self.reuse) = (nil, nil, nil, reuse) }

  init(_ problem: ConeProblem, _ run: Run) throws(KantorError) {
    x = try run.start.vector("x", count: problem.n)
    s = try run.start.vector("s", count: problem.m)
    z = try run.start.vector("z", count: problem.m)
    reuse = run.start.reusable as? ConeReuse
  }
}

/// What one solve leaves to the next.
struct ConeReuse: Sendable {
  var linear: PatternAnalysis?
  var embedding: PatternAnalysis?
}

/// One solve of a program with linear cones.
struct LinearSolve {
  let problem: ConeProblem
  let run: Run
  let start: ConeStart
  private let tolerance: Double
  /// Whether this is a program that helps to solve another one.
  private let isInner: Bool

  init(
    _ problem: ConeProblem, _ run: Run, _ start: ConeStart, innerTolerance: Double? = nil
  ) {
    self.problem = problem
    self.run = run
    self.start = start
    isInner = innerTolerance != nil
    tolerance = innerTolerance ?? run.options.real("tolerance")
  }

  func propose() throws(KantorError) -> ConeProposal {
    switch try LinearForm.make(problem) {
    case .infeasible(let ray): return try claim(.infeasible, z: ray)
    case .form(let form): return try solve(form)
    }
  }

  private func solve(_ form: LinearForm) throws(KantorError) -> ConeProposal {
    let interruption = Interruption(run.monitor)
    let system: any ProximalSystem
    var reuse = ConeReuse()
    if DenseKKT.suits(form) {
      system = try DenseKKT(form, threads: run.threads)
    } else {
      guard
        let sparse = try KKTSystem(
          p: form.p, a: form.g, reuse: start.reuse?.linear, threads: run.threads,
          interruption: interruption)
      else { return try origin() }
      system = sparse
      reuse.linear = sparse.shared
    }
    // A shift of all pivots would hide the directions in which multipliers are far away; it comes
    // when the proximal terms do not keep the pivots apart from zero.
    system.shift = 0
    // The checker rounds differently and measures the units of the caller.
    let loop = try ProximalLoop(form, system, run.monitor, tolerance: 0.5 * tolerance)
    let warm = try ProximalWarmStart(problem, form, start)
    let outcome = loop.run(from: warm)
    var figures = ResultFields()
    figures.add("factor_entries", system.factorEntries)
    let state = loop.state
    switch outcome {
    case .infeasible:
      return try claim(.infeasible, z: try state.multipliers(problem), figures, reuse)
    case .unbounded:
      return try claim(.unbounded, x: try state.answer(problem).x, figures, reuse)
    case .converged, .stalled, .stopped:
      if outcome == .stalled && !isInner && state.residuals().worst > 1e-3 {
        let rays = ProjectedRays(problem: problem, run: run)
        if let z = try rays.separating() { return try claim(.infeasible, z: z, figures, reuse) }
        if let x = try rays.falling() { return try claim(.unbounded, x: x, figures, reuse) }
      }
      let (x, s, z) = try state.answer(problem)
      if outcome == .stalled, let better = try embedded(x, s, z) { return better }
      var proposal = ConeProposal(
        claim: .point, x: x, s: s, z: z, figures: figures, tolerance: tolerance)
      proposal.reusable = reuse
      return proposal
    }
  }

  /// What the homogeneous embedding makes of a program that the proximal loop could not solve; nil
  /// when that is no better.
  private func embedded(
    _ x: Buffer<Double>, _ s: Buffer<Double>, _ z: Buffer<Double>
  ) throws(KantorError) -> ConeProposal? {
    if run.monitor.stop != nil { return nil }
    let other = try EmbeddingSolve(problem, run, ConeStart()).propose()
    guard other.claim == .point else { return other }
    let check = ConeCheck(problem)
    let mine = try check.certify(x: x.pointer, s: s.pointer, z: z.pointer).worst
    let its = try check.certify(
      x: other.x.pointer, s: other.s.pointer, z: other.z.pointer
    ).worst
    let isBetter = its < mine || mine.isNaN
    return withExtendedLifetime((x, s, z, other)) { isBetter ? other : nil }
  }

  private func claim(
    _ claim: ConeProposal.Claim, x: Buffer<Double>? = nil, z: Buffer<Double>? = nil,
    _ figures: ResultFields = ResultFields(), _ reuse: ConeReuse = ConeReuse()
  ) throws(KantorError) -> ConeProposal {
    let noX = try Buffer<Double>(count: problem.n)
    let noS = try Buffer<Double>(count: problem.m)
    var proposal = ConeProposal(
      claim: claim, x: x ?? noX, s: noS, z: z ?? noS, figures: figures, tolerance: tolerance)
    proposal.reusable = reuse
    return proposal
  }

  /// Stopped before anything was known.
  private func origin() throws(KantorError) -> ConeProposal {
    let x = try Buffer<Double>(count: problem.n)
    return ConeProposal(
      claim: .point, x: x, s: try LinearSlack.make(problem, x), z: try Buffer(count: problem.m),
      tolerance: tolerance)
  }
}
