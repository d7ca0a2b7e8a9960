import KantorCore
import KantorNumerics

/// What happens between a cone program and the proposal of a method that the checker sees.
extension ConeMethod {
  static func proposal(_ problem: ConeProblem, _ run: Run) throws(KantorError) -> ConeProposal {
    if let known = try answered(problem, run) { return known }
    let first = try proposeInUnits(problem, run)
    if first.claim == .point || run.monitor.stop != nil { return first }
    return try RayReview(problem: problem, run: run, method: presolved).judge(first)
  }

  /// The start, where it already is an answer: a point that the checker calls solved, or a ray that
  /// proves that there is none.
  private static func answered(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal? {
    if run.start.isEmpty { return nil }
    let start = try ConeStart(problem, run)
    let check = ConeCheck(problem)
    let (noX, noZ) = (try Buffer<Double>(count: problem.n), try Buffer<Double>(count: problem.m))
    var known = ConeProposal(
      claim: .point, x: start.x ?? noX, s: noZ, z: start.z ?? noZ,
      tolerance: run.options.real("tolerance"))
    if let ray = try run.start.vector("ray_dual", count: problem.m) {
      (known.claim, known.z) = (.infeasible, ray)
      guard try check.infeasible(ray.pointer).holds else { return nil }
    } else {
      guard let x = start.x, start.z != nil else { return nil }
      // The slack of half-lines follows from x, and an old one may be that of other data.
      let slack = try LinearSlack.make(problem, x)
      known.s = problem.isLinear ? slack : start.s ?? slack
      guard try check.certify(known).worst <= startTolerance(run) else { return nil }
    }
    // A stationary point of a program that is not convex looks like a solution.
    try Convexity.check(problem.p, Interruption(run.monitor))
    _ = run.monitor.check(iteration: 0)
    known.figures = idleFigures(run)
    known.reusable = run.start.reusable
    return known
  }

  /// Solves as the data stand. If these are small or large and the point falls short by their
  /// measure, solves once more in units in which they are not; the better point is proposed.
  private static func proposeInUnits(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let first = try presolved(problem, run)
    let units = DataUnits.natural(problem)
    guard !units.areOne, first.claim == .point, run.monitor.stop == nil else { return first }
    let check = ConeCheck(problem)
    let shortfall = try check.certify(first).worst
    if shortfall <= first.tolerance { return first }
    let second = try presolved(
      problem.measured(in: units), Run(options: run.options, monitor: run.monitor))
    for i in 0..<problem.n { second.x.pointer[i] *= units.primal }
    for i in 0..<problem.m {
      second.s.pointer[i] *= units.primal
      second.z.pointer[i] *= units.dual
    }
    guard second.claim == .point else { return second }
    let other = try check.certify(second).worst
    return other < shortfall || shortfall.isNaN ? second : first
  }

  private static func presolved(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    usesPresolve
      ? try ConePresolve.propose(problem, run, propose) : try propose(problem, run)
  }
}
