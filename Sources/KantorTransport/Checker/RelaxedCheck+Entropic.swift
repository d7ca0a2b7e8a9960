import CKantorKernels
import KantorCore
import KantorNumerics

/// Plans given by their potentials.
extension RelaxedCheck {
  /// Marginals and cost of the plan of potentials, and both values.
  package func certify(
    _ entropy: RelaxedEntropy, f: Buffer<Double>, g: Buffer<Double>, multiplier: Double
  ) throws(KantorError) -> RelaxedCertificate {
    var certificate = RelaxedCertificate(
      rows: try Buffer(count: cost.n), columns: try Buffer(count: cost.m), f: f, g: g)
    certificate.multiplier = multiplier
    let linear = try addUp(entropy, &certificate)
    var (mass, inner) = (CompensatedSum(), CompensatedSum())
    for i in 0..<cost.n {
      let r = certificate.rows.pointer[i]
      mass.add(r)
      if r != 0 { inner.add(r * (f.pointer[i] + multiplier)) }
    }
    for j in 0..<cost.m {
      let c = certificate.columns.pointer[j]
      if c != 0 { inner.add(c * g.pointer[j]) }
    }
    // eps KL(P | Q) = <P, f + g + l - C> - eps (|P| - |Q|)
    let excess = entropy.epsilon * (mass.value - referenceMass(entropy))
    certificate.transportCost = linear
    certificate.planMass = mass.value
    certificate.scale = abs(linear) + abs(inner.value - linear) + abs(excess)
    measure(&certificate)
    certificate.objective =
      inner.value - excess + certificate.penaltySource + certificate.penaltyTarget
    certificate.dualObjective = dual(f, g, multiplier, isEntropic: true) - excess
    return certificate
  }

  private func referenceMass(_ entropy: RelaxedEntropy) -> Double {
    guard entropy.isUniform else { return problem.sourceMass * problem.targetMass }
    var (rows, columns) = (0.0, 0.0)
    for i in 0..<cost.n where a[i] > 0 { rows += 1 }
    for j in 0..<cost.m where b[j] > 0 { columns += 1 }
    return rows * columns
  }

  /// Row sums and column sums; returns <P, C>. Rows are summed without their own weight, so that
  /// what a point of weight 0 would receive is known too.
  private func addUp(
    _ entropy: RelaxedEntropy, _ certificate: inout RelaxedCertificate
  ) throws(KantorError) -> Double {
    let (n, m, eps) = (cost.n, cost.m, entropy.epsilon)
    let gamma = try Buffer<Double>(count: m)
    for j in 0..<m {
      let own = entropy.isUniform ? 0 : Double.log(b[j])
      gamma.pointer[j] = b[j] > 0 ? certificate.g.pointer[j] / eps + own : -.infinity
    }
    let room = cost.scratchCount + 2 * m
    let scratch = try Buffer<Double>(count: try checkedProduct(room, parallel.threads, of: "rows"))
    let (ratio, costs) = (try Buffer<Double>(count: n), try Buffer<Double>(count: n))
    let (f, l) = (certificate.f.pointer, certificate.multiplier)
    let isUniform = entropy.isUniform
    parallel.forEach(n) { part, first, end in
      let own = scratch.pointer + part * room
      let (p, columns) = (own + cost.scratchCount, own + cost.scratchCount + m)
      for i in first..<end {
        let (c, phi) = (cost.row(i, own), (f[i] + l) / eps)
        for j in 0..<m { p[j] = phi + gamma.pointer[j] - c[j] / eps }
        kn_exp_f64(p, p, Int64(m))
        let weight = isUniform ? (a[i] > 0 ? 1 : 0) : a[i]
        var (mass, value) = (BlockedSum(), BlockedSum())
        for j in 0..<m where p[j] > 0 {
          mass.add(p[j])
          value.add(p[j] * c[j])
          columns[j] += weight * p[j]
        }
        ratio.pointer[i] = mass.value
        costs.pointer[i] = weight > 0 ? weight * value.value : 0
      }
    }
    var linear = CompensatedSum()
    for i in 0..<n {
      linear.add(costs.pointer[i])
      let weight = isUniform ? (a[i] > 0 ? 1 : 0) : a[i]
      certificate.rows.pointer[i] = weight > 0 ? weight * ratio.pointer[i] : 0
    }
    for part in 0..<parallel.threads {
      let own = scratch.pointer + part * room + cost.scratchCount + m
      for j in 0..<m { certificate.columns.pointer[j] += own[j] }
    }
    if !isUniform {
      certificate.rowRatio = ratio
      certificate.columnRatio = try columnRatio(entropy, certificate)
    }
    return linear.value
  }

  private func columnRatio(
    _ entropy: RelaxedEntropy, _ certificate: RelaxedCertificate
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: cost.m)
    let eps = entropy.epsilon
    let column = try Buffer<Double>(count: cost.n)
    for j in 0..<cost.m {
      if b[j] > 0 {
        out.pointer[j] = certificate.columns.pointer[j] / b[j]
        continue
      }
      let x = certificate.g.pointer[j] + certificate.multiplier
      for i in 0..<cost.n {
        column.pointer[i] = (certificate.f.pointer[i] + x - cost.entry(i, j)) / eps
      }
      kn_exp_f64(column.pointer, column.pointer, Int64(cost.n))
      var sum = 0.0
      for i in 0..<cost.n where a[i] > 0 { sum += a[i] * column.pointer[i] }
      out.pointer[j] = sum
    }
    return out
  }
}
