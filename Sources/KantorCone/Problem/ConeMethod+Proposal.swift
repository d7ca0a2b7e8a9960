import KantorCore
import KantorNumerics

/// What happens between a cone program and the proposal of a method that the checker sees.
extension ConeMethod {
  static func proposal(_ problem: ConeProblem, _ run: Run) throws(KantorError) -> ConeProposal {
    let first = try proposeInUnits(problem, run)
    if first.claim == .point || run.monitor.stop != nil { return first }
    return try reviewed(first, problem, run)
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

  // MARK: Rays

  /// A ray that falls short of a proof is computed anew by a projection, where the cones are
  /// linear. A direction in which the objective falls says nothing when no point is feasible: the
  /// program without its objective tells, by a ray of its dual or a point.
  private static func reviewed(
    _ given: ConeProposal, _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let check = ConeCheck(problem)
    var proposal = given
    let rays = ProjectedRays(problem: problem, run: run)
    if proposal.claim == .infeasible {
      let holds = try check.infeasible(proposal.z.pointer).holds
      if !holds && problem.isLinear, let z = try rays.separating() { proposal.z = z }
      return proposal
    }
    let holds = try check.unbounded(proposal.x.pointer).holds
    if !holds && problem.isLinear, let x = try rays.falling() { proposal.x = x }
    let n = problem.n
    let bare = ConeProblem(
      p: try SparseMatrix.zero(rows: n, columns: n), q: try Buffer(count: n), a: problem.a,
      b: problem.b, cones: problem.cones, lower: problem.lower, upper: problem.upper)
    let inner = try presolved(
      bare.measured(in: DataUnits.natural(bare)),
      Run(options: run.options, monitor: run.monitor))
    guard inner.claim == .infeasible else { return proposal }
    if try !check.infeasible(inner.z.pointer).holds { return proposal }
    proposal.claim = .infeasible
    proposal.z = inner.z
    return proposal
  }
}
