import KantorCore
import KantorNumerics

/// Certifies a sparse plan P and potentials g of min <P, C>: marginals by adding up the entries,
/// the lower bound by f_i = min_j C_ij - g_j, which with g is feasible for the dual whatever the
/// method believed. One pass over the costs.
package struct SparsePlanCheck {
  package let cost: CheckedCost
  package let a: UnsafePointer<Double>
  package let b: UnsafePointer<Double>
  package let mass: Double
  /// What a and b point into, when it is an object.
  private let owner: AnyObject?

  package init(_ problem: TransportProblem) throws(KantorError) {
    self.init(
      cost: try CheckedCost(problem.geometry), a: problem.a.pointer, b: problem.b.pointer,
      mass: problem.mass, owner: problem)
  }

  package init(
    cost: CheckedCost, a: UnsafePointer<Double>, b: UnsafePointer<Double>, mass: Double,
    owner: AnyObject? = nil
  ) {
    self.cost = cost
    self.a = a
    self.b = b
    self.mass = mass
    self.owner = owner
  }

  package func certify(
    _ plan: SparsePlan, f: UnsafePointer<Double>, g: UnsafePointer<Double>, parallel: Parallel
  ) throws(KantorError) -> TransportCertificate {
    var certificate = TransportCertificate()
    try measurePlan(plan, &certificate)
    let best = try rowMinima(g, parallel)
    var dual = CompensatedSum()
    var size = CompensatedSum()
    for i in 0..<cost.n where a[i] > 0 {
      dual.add(a[i] * best.pointer[i])
      size.add(a[i] * abs(best.pointer[i]))
    }
    for j in 0..<cost.m where b[j] > 0 {
      dual.add(b[j] * g[j])
      size.add(b[j] * abs(g[j]))
    }
    certificate.dualObjective = dual.value
    certificate.lowerBound = dual.value
    certificate.gap = certificate.objective - dual.value
    certificate.scale = max(certificate.scale, size.value)
    return certificate
  }

  /// Marginals, objective and the size of its terms.
  package func measurePlan(
    _ plan: SparsePlan, _ certificate: inout TransportCertificate
  ) throws(KantorError) {
    let (n, m) = (cost.n, cost.m)
    let rest = try Buffer<Double>(count: n + m)
    let (row, column) = (rest.pointer, rest.pointer + n)
    for i in 0..<n { row[i] = a[i] }
    for j in 0..<m { column[j] = b[j] }
    var value = CompensatedSum()
    var size = CompensatedSum()
    var negative = 0.0
    for k in 0..<plan.count {
      let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
      guard i >= 0 && i < n && j >= 0 && j < m else {
        throw KantorError(.internal, "the plan has an entry at (\(i), \(j)), outside \(n) x \(m)")
      }
      let p = plan.values.pointer[k]
      row[i] -= p
      column[j] -= p
      negative = max(negative, -p)
      guard p != 0 else { continue }
      let c = cost.entry(i, j)
      value.add(p * c)
      size.add(abs(p * c))
    }
    var (rowError, columnError) = (CompensatedSum(), CompensatedSum())
    for i in 0..<n { rowError.add(abs(row[i])) }
    for j in 0..<m { columnError.add(abs(column[j])) }
    certificate.rowResidual = (rowError.value + negative) / mass
    certificate.columnResidual = (columnError.value + negative) / mass
    certificate.objective = value.value
    certificate.transportCost = value.value
    certificate.upperBound = value.value
    certificate.scale = size.value
  }

  /// min_j C_ij - g_j for every row with mass.
  private func rowMinima(
    _ g: UnsafePointer<Double>, _ parallel: Parallel
  ) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (cost.n, cost.m)
    let out = try Buffer<Double>(count: n)
    let scratch = try Buffer<Double>(count: parallel.threads * cost.scratchCount)
    let (best, room, step) = (out.pointer, scratch.pointer, cost.scratchCount)
    parallel.forEach(n) { part, first, end in
      for i in first..<end where a[i] > 0 {
        best[i] = smallestDifference(cost.row(i, room + part * step), g, m)
      }
    }
    return out
  }
}

/// min_j c[j] - g[j], in four vector lanes groups because one running minimum waits for itself.
package func smallestDifference(
  _ c: UnsafePointer<Double>, _ g: UnsafePointer<Double>, _ count: Int
) -> Double {
  typealias Lanes = SIMD8<Double>
  var (low0, low1) = (Lanes(repeating: .infinity), Lanes(repeating: .infinity))
  var j = 0
  while j &+ 16 <= count {
    let d0 = load(c + j) - load(g + j)
    let d1 = load(c + (j &+ 8)) - load(g + (j &+ 8))
    low0.replace(with: d0, where: d0 .< low0)
    low1.replace(with: d1, where: d1 .< low1)
    j &+= 16
  }
  low0.replace(with: low1, where: low1 .< low0)
  var low = low0.min()
  while j < count {
    low = min(low, c[j] - g[j])
    j &+= 1
  }
  return low
}

@inline(__always)
private func load(_ p: UnsafePointer<Double>) -> SIMD8<Double> {
  UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Double>.self)
}
