import KantorCore
import KantorNumerics

/// What happens between a cone program and the proposal of a method that the checker sees.
extension ConeMethod {
  static func proposal(_ problem: ConeProblem, _ run: Run) throws(KantorError) -> ConeProposal {
    let first = try proposeInUnits(problem, run)
    if first.claim == .point || run.monitor.stop != nil { return first }
    return try RayReview(problem: problem, run: run, method: presolved).judge(first)
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
