import KantorCore
import KantorNumerics

/// The problem as the solver sees it, its lines as rows, and the way back.
struct SmoothInput {
  let problem: TransportProblem
  let oriented: TransportProblem
  let side: LineSide

  init(_ problem: TransportProblem, _ side: LineSide) throws(KantorError) {
    self.problem = problem
    self.side = side
    oriented =
      side == .rows
      ? problem
      : try TransportProblem(
        geometry: try problem.geometry.transposed(), a: problem.b, b: problem.a)
  }

  /// Start potentials of the solver's targets.
  func warmStart(_ run: Run) throws(KantorError) -> Buffer<Double>? {
    try run.start.vector(
      side == .rows ? "potential_target" : "potential_source", count: oriented.m)
  }

  /// The solver's plan and potentials as the caller has them. Points without mass get the largest
  /// potential that leaves their pairs empty; <a, f> = <b, g>.
  func proposal(
    _ solver: SmoothSolver, _ plan: LinePlan, _ term: SmoothTerm, figures: ResultFields
  ) throws(KantorError) -> SmoothResult.Proposal {
    let (f, g) = (try solver.f.copy(), try solver.dual.g.copy())
    try completePotentials(f, g)
    let sparse = try plan.sparse(scale: oriented.mass, isTransposed: side == .columns)
    let (source, target) = side == .rows ? (f, g) : (g, f)
    centre(source, target)
    return SmoothResult.Proposal(
      term: term, plan: sparse, f: source, g: target, figures: figures,
      tolerance: solver.tolerance)
  }

  private func completePotentials(
    _ f: Buffer<Double>, _ g: Buffer<Double>
  ) throws(KantorError) {
    let (n, m) = (oriented.n, oriented.m)
    let (a, b) = (oriented.a.pointer, oriented.b.pointer)
    let rows = try CostRows(oriented.geometry.cost)
    for j in 0..<m where !(b[j] > 0) { g.pointer[j] = .infinity }
    var hasEmpty = false
    for j in 0..<m where !(b[j] > 0) { hasEmpty = true }
    for i in 0..<n where a[i] > 0 && hasEmpty {
      let c = rows.row(i)
      for j in 0..<m where !(b[j] > 0) {
        g.pointer[j] = min(g.pointer[j], c[j] - f.pointer[i])
      }
    }
    for j in 0..<m where !g.pointer[j].isFinite { g.pointer[j] = 0 }
    for i in 0..<n where !(a[i] > 0) {
      let c = rows.row(i)
      var least = Double.infinity
      for j in 0..<m { least = min(least, c[j] - g.pointer[j]) }
      f.pointer[i] = least.isFinite ? least : 0
    }
  }

  private func centre(_ f: Buffer<Double>, _ g: Buffer<Double>) {
    var difference = CompensatedSum()
    for i in 0..<f.count { difference.add(problem.a.pointer[i] * f.pointer[i]) }
    for j in 0..<g.count { difference.add(-problem.b.pointer[j] * g.pointer[j]) }
    let shift = difference.value / (2 * problem.mass)
    guard shift.isFinite else { return }
    for i in 0..<f.count { f.pointer[i] -= shift }
    for j in 0..<g.count { g.pointer[j] += shift }
  }
}
