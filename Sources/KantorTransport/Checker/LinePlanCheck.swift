import KantorCore
import KantorNumerics

/// Certifies a plan on the line in O(n + m), without looking at all n m pairs.
///
/// The entries of the plan, in order, have to walk through both point sets from left to right,
/// every point with mass included. With x and y sorted, C_ij = h(|x_i - y_j|) for convex h has the
/// Monge property, which subtracting f_i + g_j does not change:
///     D_ij + D_kl <= D_il + D_kj  for i < k, j < l,  where D = C - f - g.
/// Along a staircase of cells whose steps change one index at a time, adding these inequalities
/// bounds every other cell from below: D >= -sum of |D| over the staircase. So the potentials,
/// lowered by that sum, are feasible for the dual, and the bound is rigorous.
package struct LinePlanCheck {
  package let x: UnsafePointer<Double>
  package let y: UnsafePointer<Double>
  package let general: SparsePlanCheck

  /// nil unless the geometry is a line with a convex cost.
  package init?(_ problem: TransportProblem) throws(KantorError) {
    guard problem.geometry.isConvexLine,
      case .points(let x, let y, _, _, _) = problem.geometry.source
    else { return nil }
    self.x = UnsafePointer(x.pointer)
    self.y = UnsafePointer(y.pointer)
    general = try SparsePlanCheck(problem)
  }

  /// nil when the entries do not walk from left to right: then the general check has to serve.
  package func certify(
    _ plan: SparsePlan, f: UnsafePointer<Double>, g: UnsafePointer<Double>
  ) throws(KantorError) -> TransportCertificate? {
    guard let defect = try staircaseDefect(plan, f, g) else { return nil }
    var certificate = TransportCertificate()
    try general.measurePlan(plan, &certificate)
    var dual = CompensatedSum()
    var size = CompensatedSum()
    for i in 0..<general.cost.n where general.a[i] > 0 {
      dual.add(general.a[i] * f[i])
      size.add(general.a[i] * abs(f[i]))
    }
    for j in 0..<general.cost.m where general.b[j] > 0 {
      dual.add(general.b[j] * g[j])
      size.add(general.b[j] * abs(g[j]))
    }
    let bound = dual.value - general.mass * defect
    certificate.dualObjective = bound
    certificate.lowerBound = bound
    certificate.gap = certificate.objective - bound
    certificate.scale = max(certificate.scale, size.value)
    return certificate
  }

  /// Sum of |D| over the staircase through the entries.
  private func staircaseDefect(
    _ plan: SparsePlan, _ f: UnsafePointer<Double>, _ g: UnsafePointer<Double>
  ) throws(KantorError) -> Double? {
    let cost = general.cost
    let seen = try Buffer<UInt8>(count: cost.n + cost.m)
    var defect = CompensatedSum()
    var (lastRow, lastColumn) = (-1, -1)
    for k in 0..<plan.count {
      let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
      guard i >= 0 && i < cost.n && j >= 0 && j < cost.m else { return nil }
      seen.pointer[i] = 1
      seen.pointer[cost.n + j] = 1
      if k > 0 {
        guard x[i] >= x[lastRow], y[j] >= y[lastColumn] else { return nil }
        if i != lastRow && j != lastColumn {
          // A diagonal step passes through one of its two corners: the better one.
          let upper = abs(cost.entry(lastRow, j) - f[lastRow] - g[j])
          let lower = abs(cost.entry(i, lastColumn) - f[i] - g[lastColumn])
          defect.add(min(upper, lower))
        }
      }
      defect.add(abs(cost.entry(i, j) - f[i] - g[j]))
      (lastRow, lastColumn) = (i, j)
    }
    for i in 0..<cost.n where general.a[i] > 0 && seen.pointer[i] == 0 { return nil }
    for j in 0..<cost.m where general.b[j] > 0 && seen.pointer[cost.n + j] == 0 { return nil }
    return defect.value
  }
}
