import KantorCore
import KantorNumerics

/// Stored plans, eps = 0.
extension RelaxedCheck {
  /// The value of a sparse plan, and the dual value of f, or of f and g with a total.
  package func certify(
    _ plan: SparsePlan, f: Buffer<Double>, g: Buffer<Double>
  ) throws(KantorError) -> RelaxedCertificate {
    let sums = try PlanSums(cost.n, cost.m)
    for k in 0..<plan.count {
      let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
      guard i >= 0 && i < cost.n && j >= 0 && j < cost.m else {
        throw KantorError(
          .internal, "the plan has an entry at (\(i), \(j)), outside \(cost.n) x \(cost.m)")
      }
      let p = plan.values.pointer[k]
      sums.add(i, j, p, p == 0 ? 0 : cost.entry(i, j))
    }
    return try certificate(sums, f, g)
  }

  /// The same of a dense plan.
  package func certify(
    dense plan: Buffer<Double>, f: Buffer<Double>, g: Buffer<Double>
  ) throws(KantorError) -> RelaxedCertificate {
    let sums = try PlanSums(cost.n, cost.m)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    for i in 0..<cost.n {
      let (c, p) = (cost.row(i, scratch.pointer), plan.pointer + i * cost.m)
      for j in 0..<cost.m where p[j] != 0 { sums.add(i, j, p[j], c[j]) }
    }
    return try certificate(sums, f, g)
  }

  private static var rounding: Double { 1e-12 }

  private func certificate(
    _ sums: PlanSums, _ f: Buffer<Double>, _ g: Buffer<Double>
  ) throws(KantorError) -> RelaxedCertificate {
    var certificate = RelaxedCertificate(
      rows: sums.rows, columns: sums.columns, f: try f.copy(), g: try g.copy())
    certificate.transportCost = sums.linear.value
    certificate.planMass = sums.mass.value
    certificate.scale = sums.size.value
    measure(&certificate)
    certificate.rowResidual += sums.negative / problem.mass
    certificate.objective =
      sums.linear.value + certificate.penaltySource + certificate.penaltyTarget
    if terms.total == nil {
      try makeFeasible(&certificate)
    } else {
      try findMultiplier(&certificate)
    }
    certificate.dualObjective = dual(
      certificate.f, certificate.g, certificate.multiplier, isEntropic: false)
    return certificate
  }

  /// f moved so that both sides' potentials stay in the domain of their duals, then g_j =
  /// min_i C_ij - f_i. What leaves a domain by rounding is put back.
  private func makeFeasible(_ certificate: inout RelaxedCertificate) throws(KantorError) {
    let (f, g, m) = (certificate.f.pointer, certificate.g, cost.m)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    g.fill(.infinity)
    let minima = g.pointer
    for i in 0..<cost.n where mayHold(terms.source, a[i]) {
      let c = cost.row(i, scratch.pointer)
      if terms.source.form == .tv { f[i] = max(f[i], -terms.source.strength) }
      if terms.target.form == .tv {
        for j in 0..<m { f[i] = min(f[i], c[j] + terms.target.strength) }
      }
      let x = f[i]
      for j in 0..<m { minima[j] = min(minima[j], c[j] - x) }
    }
    if terms.target.form == .tv {
      let low = -terms.target.strength
      for j in 0..<m where minima[j] >= low * (1 + Self.rounding) {
        minima[j] = max(minima[j], low)
      }
    }
    if terms.source.form == .tv {
      let low = -terms.source.strength
      for i in 0..<cost.n where f[i] >= low * (1 + Self.rounding) { f[i] = max(f[i], low) }
    }
    // A target that nobody may reach: its potential is free, and its dual rises to a limit.
    for j in 0..<m where minima[j] == .infinity { minima[j] = limit(terms.target, b[j]) }
  }

  /// Where the dual of a point has no more to gain.
  private func limit(_ penalty: MarginalPenalty, _ weight: Double) -> Double {
    switch penalty.form {
    case .kl: return 50 * penalty.strength
    case .l2: return penalty.strength * weight
    case .tv: return penalty.strength
    case .fixed, .cap: return 0
    }
  }

  /// Caps make f, g <= 0; then the largest l with f_i + g_j + l <= C_ij.
  private func findMultiplier(_ certificate: inout RelaxedCertificate) throws(KantorError) {
    let (f, g, m) = (certificate.f.pointer, certificate.g.pointer, cost.m)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    let open = try Buffer<Double>(count: m, repeating: -.infinity)
    for j in 0..<m {
      g[j] = min(g[j], 0)
      if b[j] > 0 { open.pointer[j] = g[j] }
    }
    var multiplier = Double.infinity
    for i in 0..<cost.n {
      f[i] = min(f[i], 0)
      guard a[i] > 0 else { continue }
      let c = cost.row(i, scratch.pointer)
      multiplier = min(multiplier, smallestDifference(c, open.pointer, m) - f[i])
    }
    certificate.multiplier = multiplier < .infinity ? multiplier : -.infinity
  }
}

/// Marginals, cost and mass of a plan, entry by entry.
private final class PlanSums {
  let rows: Buffer<Double>
  let columns: Buffer<Double>
  private(set) var linear = CompensatedSum()
  private(set) var size = CompensatedSum()
  private(set) var mass = CompensatedSum()
  private(set) var negative = 0.0

  init(_ n: Int, _ m: Int) throws(KantorError) {
    rows = try Buffer(count: n)
    columns = try Buffer(count: m)
  }

  @inline(__always)
  func add(_ i: Int, _ j: Int, _ p: Double, _ cost: Double) {
    rows.pointer[i] += p
    columns.pointer[j] += p
    mass.add(p)
    linear.add(p * cost)
    size.add(abs(p * cost))
    negative = max(negative, -p)
  }
}
