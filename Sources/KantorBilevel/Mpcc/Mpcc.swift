import KantorCore

/// **Solves** bilevel problems whose lower level is convex with multipliers: linear and quadratic
/// programs and small smooth ones.
///
/// **Method** The lower level is replaced by its conditions of optimality; products of multipliers
/// and slacks are relaxed to t, which goes to 0; the piece that is left at the end is solved
/// exactly, and its neighbours with it.
///
/// **Symbols** L the lower Lagrangian, lambda its multipliers, g the lower inequalities (bounds of
/// y among them), t the relaxation.
///
/// **Iteration**
/// 1. For t = 1, 0.1, .., 1e-8: min F subject to L_y = 0, g <= 0, lambda >= 0, -lambda_i g_i <= t
///    and the upper rows, by sequential quadratic programming from the last answer.
/// 2. Where lambda_i outweighs -g_i: g_i = 0, else lambda_i = 0; the program without products.
/// 3. Inequalities with lambda_i = g_i = 0: the neighbouring piece; again while F falls.
/// With `pieces`, all combinations of 2. are solved instead, which is global for convex lower
/// levels up to what local solves of each piece find.
///
/// **Stops when** no neighbouring piece is better.
///
/// **Guarantee** A `solved` result meets the certificate, whose lower-level solves know nothing of
/// these conditions: points that satisfy them and are no lower minima are found out.
///
/// **Cost** Some tens of quadratic programs in (x, y, lambda) for each t; ny Hessian products for
/// each. Meant for up to some hundreds of variables.
///
/// **Reference** scholtes2001convergence; fletcher2004solving.
///
/// Deviation: the exact solve of the final piece and of its neighbours, which the papers leave to
/// the limit of t.
public enum Mpcc: BilevelMethod {
  public static let spec = MethodSpec(
    name: "mpcc", kind: BilevelKind.kind.name,
    summary: "The lower level's conditions of optimality with relaxed complementarity.",
    source: "S. Scholtes, Convergence properties of a regularization scheme for mathematical "
      + "programs with complementarity constraints (2001)",
    guarantee: "Lower-level gap and residual, feasibility and the stationarity of the single-level "
      + "problem within the tolerance, by the checker's own solves; local in x.",
    options: BilevelOptions.specs(iterations: 2000) + options,
    outputs: BilevelOutputs.specs + outputs, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "pieces", .text("neighbours", choices: ["neighbours", "all"]),
      "Pieces that are solved at the end: those next to the one found, or all of up to 12 lower "
        + "inequalities."),
    OptionSpec(
      "relaxation_end", .real(1e-8, min: 1e-14, max: 1), "Last value of t.", advanced: true),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("relaxation", .real, .output, "The last relaxation of products."),
    FieldSpec("piece_solves", .int, .output, "Pieces that were solved."),
    FieldSpec(
      "active", .array, .output, shape: "(k,)",
      "1 for lower inequalities held at equality on the last piece, 0 for the others: rows, then "
        + "finite lower bounds, then upper bounds of y."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    let oracle = try BilevelOracle(problem, run)
    let (x, y) = try start(problem, run)
    return try MpccSolve(oracle, run).propose(x, y)
  }
}

/// One solve of the relaxed conditions.
final class MpccSolve {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let tolerance: Double
  let search: PieceSearch
  private var relaxation = 1.0
  /// Iterations so far; a larger solve's come first.
  var iteration = 0

  init(_ oracle: BilevelOracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    tolerance = run.options.real("tolerance")
    search = try PieceSearch(oracle)
  }

  private var program: ConditionsProgram { search.program }

  func propose(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> BilevelProposal {
    let z = try lift(x, y)
    try relax(z)
    var best: PieceSearch.Answer?
    if run.options.text("pieces") == "all", program.pairs.count <= 12 {
      best = try search.enumerate(from: z, fine, most: 4096).first
    }
    if best == nil, !oracle.stopped {
      let sides = try search.sides(z.pointer)
      best = try search.descend(from: z, sides: sides, fine)
    }
    if let best { z.pointer.update(from: best.z.pointer, count: program.count) }
    return try proposal(z, best)
  }

  var fine: PieceSearch.Effort { PieceSearch.Effort(tolerance: min(1e-8, 1e-2 * tolerance)) }

  /// (x, y, multipliers) by a lower-level solve at x.
  func lift(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let lower = try LowerSolver(oracle)
    let answer = try LowerAnswer(problem)
    try lower.solve(x: x.pointer, y: y.pointer, tolerance: 1e-8, into: answer)
    return try lift(answer)
  }

  func lift(_ answer: LowerAnswer) throws(KantorError) -> Buffer<Double> {
    let z = try Buffer<Double>(count: program.count)
    program.place(answer, into: z.pointer)
    return z
  }

  /// The relaxed programs, from z into z.
  func relax(_ z: Buffer<Double>) throws(KantorError) {
    let end = run.options.real("relaxation_end")
    let last = end.isNaN ? 1e-8 : end
    program.choose(nil)
    // A start that was given is taken for near the answer.
    relaxation = run.start.isEmpty ? 1 : last
    let kept = try z.copy()
    while true {
      if oracle.stopped { return }
      program.relaxation = relaxation
      let solver = try SequentialQuadratic(program)
      solver.x.pointer.update(from: kept.pointer, count: program.count)
      var settings = SequentialQuadratic.Settings()
      settings.tolerance = max(1e-8, min(1e-4, relaxation))
      settings.feasibility = max(1e-9, min(1e-6, relaxation))
      settings.iterations = 60
      let end = try solver.solve(settings)
      iteration += solver.iterations
      let stop = run.monitor.check(
        iteration: iteration, objective: solver.value, residual: solver.residual, gap: relaxation)
      if stop != nil || run.monitor.reachesIterationLimit(iteration) { return }
      let usable = solver.value.isFinite && end != .unbounded && end != .undefined
      if usable { kept.pointer.update(from: solver.x.pointer, count: program.count) }
      if usable, program.violation(solver.c.pointer) <= max(1e-6, settings.feasibility) {
        z.pointer.update(from: kept.pointer, count: program.count)
      }
      if relaxation <= last || program.pairs.count == 0 { return }
      relaxation = max(0.1 * relaxation, last)
    }
  }

  private func proposal(
    _ z: Buffer<Double>, _ best: PieceSearch.Answer?
  ) throws(KantorError) -> BilevelProposal {
    let (nx, ny) = (problem.nx, problem.ny)
    let x = try Buffer(copying: UnsafePointer(z.pointer), count: nx)
    let y = try Buffer(copying: UnsafePointer(z.pointer + nx), count: ny)
    var proposal = BilevelProposal(x: x, y: y)
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("relaxation", relaxation)
    proposal.figures.add("piece_solves", search.solved)
    if let best {
      proposal.figures.add(
        "active", Tensor(try Buffer(best.sides.map { $0 == .active ? 1.0 : 0 })))
    } else {
      proposal.remark = "no piece of the lower conditions was solved from the last relaxed point"
    }
    return proposal
  }
}
