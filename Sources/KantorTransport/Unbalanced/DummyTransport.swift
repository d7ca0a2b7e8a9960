import KantorCore
import KantorNumerics

/// Exact transport with one more source and one more target, which take what is left behind.
///
/// With potentials (f, f0) and (g, g0) of the larger problem, f + g0 and g + f0 are potentials of
/// the relaxed one, and -(f0 + g0) is the multiplier of the mass.
struct DummyTransport {
  let problem: RelaxedProblem
  /// Costs of leaving a unit of a source or target behind, and of a unit between the dummies.
  let leaveSource: Buffer<Double>
  let leaveTarget: Buffer<Double>
  private let larger: TransportProblem
  private let run: Run

  init(
    _ problem: RelaxedProblem, leaveSource: Buffer<Double>, leaveTarget: Buffer<Double>,
    corner: Double, masses: (source: Double, target: Double), _ run: Run
  ) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    self.problem = problem
    self.leaveSource = leaveSource
    self.leaveTarget = leaveTarget
    self.run = run
    let size = try checkedProduct(n + 1, m + 1, of: "cost")
    let costs = try Buffer<Double>(count: size)
    let (a, b) = (try Buffer<Double>(count: n + 1), try Buffer<Double>(count: m + 1))
    let rows = try CostRows(problem.geometry.cost)
    for i in 0..<n {
      let out = costs.pointer + i * (m + 1)
      out.update(from: rows.row(i), count: m)
      out[m] = leaveSource.pointer[i]
      a.pointer[i] = problem.a.pointer[i]
    }
    for j in 0..<m {
      costs.pointer[n * (m + 1) + j] = leaveTarget.pointer[j]
      b.pointer[j] = problem.b.pointer[j]
    }
    costs.pointer[size - 1] = corner
    (a.pointer[n], b.pointer[m]) = (masses.source, masses.target)
    larger = try TransportProblem(
      geometry: .dense(Tensor(costs, shape: [n + 1, m + 1])), a: a, b: b)
  }

  /// The options of the simplex method, which the run has to have.
  static let options = NetworkSimplex.spec.ownOptions
  static let figures = [
    FieldSpec("pivots", .int, .output, "Exchanges of basic arcs."),
    FieldSpec("pricing_sweeps", .int, .output, "Sweeps over all arcs."),
  ]

  /// `beyond(i, j, value)` tells where the mass between a dummy and a point goes, if anywhere.
  func solve(
    tolerance: Double, beyond: (Int, Int) -> (Int, Int)? = { _, _ in nil }
  ) throws(KantorError) -> RelaxedProposal {
    let (n, m) = (problem.n, problem.m)
    let found = try NetworkSimplex.propose(
      larger, Run(options: run.options, monitor: run.monitor, start: WarmStart()))
    let (f, g) = (try Buffer<Double>(count: n), try Buffer<Double>(count: m))
    let (f0, g0) = (found.f.pointer[n], found.g.pointer[m])
    for i in 0..<n { f.pointer[i] = found.f.pointer[i] + g0 }
    for j in 0..<m { g.pointer[j] = found.g.pointer[j] + f0 }
    var proposal = RelaxedProposal(
      plan: .infeasible, f: f, g: g, multiplier: -(f0 + g0), figures: found.figures,
      tolerance: tolerance, gapTolerance: tolerance)
    guard case .sparse(let all) = found.plan else { return proposal }
    var plan = try SparsePlan(capacity: all.count)
    for k in 0..<all.count {
      let (i, j) = (Int(all.rows.pointer[k]), Int(all.columns.pointer[k]))
      if i < n && j < m {
        plan.append(i, j, all.values.pointer[k])
      } else if let place = beyond(i, j) {
        plan.append(place.0, place.1, all.values.pointer[k])
      }
    }
    proposal.plan = .sparse(plan)
    return proposal
  }
}
