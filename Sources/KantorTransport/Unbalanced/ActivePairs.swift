import Glibc
import KantorCore
import KantorNumerics

/// The pairs of an unbalanced problem on which its plan may live, with what is on them.
///
/// The value of p >= 0 on these pairs is sum p C + D1(rows | a) + D2(columns | b), with penalties
/// `kl` or `l2`, whose derivatives give the potentials: f_i = -rho log(r_i/a_i), rho (a_i - r_i).
final class ActivePairs {
  let problem: RelaxedProblem
  private(set) var row: GrowingList<Int32>
  private(set) var column: GrowingList<Int32>
  private(set) var cost: GrowingList<Double>
  private(set) var value: GrowingList<Double>
  /// What p is divided by for the quasi-Newton method.
  private(set) var unit: GrowingList<Double>
  let f: Buffer<Double>
  let g: Buffer<Double>
  let rows: Buffer<Double>
  let columns: Buffer<Double>

  /// Marginals below this part of the weight count as this much: the slope at 0 is infinite.
  private static let least = 1e-280

  init(_ problem: RelaxedProblem) throws(KantorError) {
    self.problem = problem
    let room = 8 * (problem.n + problem.m)
    row = try GrowingList(capacity: room)
    column = try GrowingList(capacity: room)
    cost = try GrowingList(capacity: room)
    value = try GrowingList(capacity: room)
    unit = try GrowingList(capacity: room)
    f = try Buffer(count: problem.n)
    g = try Buffer(count: problem.m)
    rows = try Buffer(count: problem.n)
    columns = try Buffer(count: problem.m)
  }

  var count: Int { value.count }

  func add(_ i: Int, _ j: Int, _ c: Double, _ p: Double) throws(KantorError) {
    try row.append(Int32(truncatingIfNeeded: i))
    try column.append(Int32(truncatingIfNeeded: j))
    try cost.append(c)
    try value.append(p)
    // With p = w x, the curvature w^2 rho/r of KL is about the same for all x; that of l2 is rho.
    let form = problem.terms.source.form
    let size = min(problem.a.pointer[i], problem.b.pointer[j])
    try unit.append(form == .kl ? max(size, 1e-12 * problem.mass).squareRoot() : 1)
  }

  @inline(__always) func place(_ k: Int) -> (Int, Int) {
    (Int(row.pointer[k]), Int(column.pointer[k]))
  }

  // MARK: Value and potentials

  /// Marginals of p = `values` * `scale`.
  func addUp(_ values: UnsafePointer<Double>, times scale: UnsafePointer<Double>?) {
    rows.fill(0)
    columns.fill(0)
    for k in 0..<count {
      let (i, j) = place(k)
      let p = scale.map { $0[k] * values[k] } ?? values[k]
      rows.pointer[i] += p
      columns.pointer[j] += p
    }
  }

  /// Potentials from the marginals; returns the penalties.
  func slopes() -> Double {
    side(problem.terms.source, problem.a, rows, f)
      + side(problem.terms.target, problem.b, columns, g)
  }

  private func side(
    _ penalty: MarginalPenalty, _ weights: Buffer<Double>, _ sums: Buffer<Double>,
    _ potential: Buffer<Double>
  ) -> Double {
    var value = CompensatedSum()
    let rho = penalty.strength
    for i in 0..<weights.count {
      let (a, r) = (weights.pointer[i], sums.pointer[i])
      if penalty.form == .kl {
        guard a > 0 else { continue }
        let ratio = log(max(r / a, Self.least))
        potential.pointer[i] = -rho * ratio
        value.add(rho * (r * ratio - r + a))
      } else {
        potential.pointer[i] = rho * (a - r)
        value.add(0.5 * rho * (r - a) * (r - a))
      }
    }
    return value.value
  }

  // MARK: The problem on these pairs

  /// L-BFGS on p = unit x, x >= 0; returns the iterations.
  func minimise(tolerance: Double, limit: Int, _ monitor: Monitor) throws(KantorError) -> Int {
    var method = try BoundedLBFGS(count: count, memory: 12)
    let (x, lower) = (try Buffer<Double>(count: count), try Buffer<Double>(count: count))
    let w = unit.pointer
    for k in 0..<count { x.pointer[k] = value.pointer[k] / w[k] }
    let outcome = method.minimise(
      x: x.pointer, lower: lower.pointer, tolerance: tolerance, maxIterations: limit,
      evaluate: { x, gradient in
        addUp(x, times: w)
        var total = CompensatedSum()
        total.add(slopes())
        for k in 0..<count {
          let (i, j) = place(k)
          total.add(w[k] * x[k] * cost.pointer[k])
          gradient[k] = w[k] * (cost.pointer[k] - f.pointer[i] - g.pointer[j])
        }
        return total.value
      },
      goesOn: { _ in monitor.heartbeat() == nil })
    for k in 0..<count { value.pointer[k] = max(0, w[k] * x.pointer[k]) }
    addUp(value.pointer, times: nil)
    _ = slopes()
    return outcome.iterations
  }

  /// Majorisation-minimisation: p <- p exp(-(C - f - g)/(rho1 + rho2)) for KL, p times
  /// [rho1 a + rho2 b - C]_+ / (rho1 r + rho2 c) for l2. Entries that are 0 stay so.
  func majorise(limit: Int, _ monitor: Monitor) -> Int {
    let (p, q) = (problem.terms.source.strength, problem.terms.target.strength)
    let floor = 1e-9 * problem.mass / Double(max(1, count))
    for k in 0..<count { value.pointer[k] = max(value.pointer[k], floor) }
    for step in 0..<limit {
      addUp(value.pointer, times: nil)
      let before = slopes()
      guard step % 64 != 0 || monitor.heartbeat() == nil, before.isFinite else { return step }
      for k in 0..<count {
        let (i, j) = place(k)
        if problem.terms.source.form == .kl {
          value.pointer[k] *= exp(-(cost.pointer[k] - f.pointer[i] - g.pointer[j]) / (p + q))
        } else {
          let top = p * problem.a.pointer[i] + q * problem.b.pointer[j] - cost.pointer[k]
          value.pointer[k] *= max(0, top) / (p * rows.pointer[i] + q * columns.pointer[j])
        }
        if !(value.pointer[k] > 1e-290) { value.pointer[k] = 0 }
      }
    }
    addUp(value.pointer, times: nil)
    _ = slopes()
    return limit
  }

  func plan() throws(KantorError) -> SparsePlan {
    var plan = try SparsePlan(capacity: count)
    for k in 0..<count where value.pointer[k] > 0 {
      let (i, j) = place(k)
      plan.append(i, j, value.pointer[k])
    }
    return plan
  }

  /// The entries of each row, by counting.
  func byRow() throws(KantorError) -> (start: Buffer<Int>, entries: Buffer<Int>) {
    let start = try Buffer<Int>(count: problem.n + 1)
    let entries = try Buffer<Int>(count: count)
    for k in 0..<count { start.pointer[Int(row.pointer[k]) + 1] += 1 }
    for i in 0..<problem.n { start.pointer[i + 1] += start.pointer[i] }
    let next = try start.copy()
    for k in 0..<count {
      let i = Int(row.pointer[k])
      entries.pointer[next.pointer[i]] = k
      next.pointer[i] += 1
    }
    return (start, entries)
  }
}
