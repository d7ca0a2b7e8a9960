import KantorCore

/// The cheapest of the plans that move as much mass as the support of a given plan can carry, with
/// marginals at most those asked for. What cannot be moved is missing from the marginals.
///
/// A transport problem with one point more on each side, which take what is left over at a price
/// above that of any path; pairs outside the support are forbidden.
enum SupportRepair {
  static func plan(
    _ problem: TransportProblem, on support: SparsePlan, _ monitor: Monitor
  ) throws(KantorError) -> SparsePlan {
    let (n, m) = (problem.n, problem.m)
    let (height, width) = (n + 1, m + 1)
    let cost = try Buffer<Double>(
      count: try checkedProduct(height, width, of: "costs of the repair"), repeating: .infinity)
    let rows = try CostRows(problem.geometry.cost)
    var (least, most) = (Double.infinity, -Double.infinity)
    for k in 0..<support.count {
      let (i, j) = (Int(support.rows.pointer[k]), Int(support.columns.pointer[k]))
      let c = rows.entry(i, j)
      cost.pointer[i * width + j] = c
      (least, most) = (min(least, c), max(most, c))
    }
    let price = 0.5 * max(most, 0) + Double(n + m + 1) * max(most - min(least, 0), 1e-3)
    for i in 0..<n { cost.pointer[i * width + m] = price }
    for j in 0..<m { cost.pointer[n * width + j] = price }
    cost.pointer[n * width + m] = 0
    let (a, b) = (try Buffer<Double>(count: height), try Buffer<Double>(count: width))
    for i in 0..<n { a.pointer[i] = problem.a.pointer[i] }
    for j in 0..<m { b.pointer[j] = problem.b.pointer[j] }
    (a.pointer[n], b.pointer[m]) = (problem.mass, problem.mass)
    let extended = try TransportProblem(
      geometry: .dense(Tensor(cost, shape: [height, width])), a: a, b: b)
    let run = Run(
      options: OptionValues(specs: NetworkSimplex.spec.options),
      monitor: Monitor(
        timeLimit: max(0, monitor.timeLimit - monitor.seconds), cancel: monitor.cancel))
    guard case .sparse(let found) = try NetworkSimplex.propose(extended, run).plan else {
      return support
    }
    var plan = try SparsePlan(capacity: found.count)
    for k in 0..<found.count {
      let (i, j) = (Int(found.rows.pointer[k]), Int(found.columns.pointer[k]))
      if i < n && j < m { plan.append(i, j, found.values.pointer[k]) }
    }
    return plan
  }
}
