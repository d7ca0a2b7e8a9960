import Glibc
import KantorCore
import KantorNumerics

/// What the checker found out about a plan for two structures, in f64 on the caller's matrices.
package struct GromovCertificate: Sendable {
  /// Value of the problem that the method solves, <M, P>, and the sum of losses.
  package var objective = Double.nan
  package var linearCost = Double.nan
  package var quadraticCost = Double.nan
  /// L1 distances of the plan's marginals from the weights, relative to the mass; the second is 0
  /// for semi-relaxed problems.
  package var rowResidual = Double.nan
  package var columnResidual = Double.nan
  /// Upper bound of the Frank-Wolfe gap: how much the problem linearised at the plan (the entropy,
  /// if any, kept as it is) could still be lowered. 0 at stationary points only.
  package var gap = Double.nan
  /// What the gap is compared with: the size of its terms.
  package var scale = Double.nan
  /// The dual point that bounds the linearised problem.
  package var f: Buffer<Double>
  package var g: Buffer<Double>

  package var marginalResidual: Double { rowResidual + columnResidual }
  package var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies a plan P of min (1 - alpha) <M, P> + alpha E(P), E(P) = sum L(C_ik, D_jl) P_ij P_kl.
///
/// The value of a plan with few entries is the sum as it stands, over pairs of entries. The
/// gradient needs the product K = (C P D^T + C^T P D) / 2 (D replaced by h2(D)); it is formed by
/// the blocked product and then tested against plain products with random signs (Freivalds), so
/// that a wrong product cannot certify anything. The bound of the linearised problem is taken from
/// the given g by the c-transform, which is feasible whatever the method believed.
package struct GromovCheck {
  let problem: GromovProblem
  let model: GromovProposal.Model
  let kept: Buffer<Double>
  let parallel: Parallel
  /// h2(D), the second factor of the loss.
  let h2: Buffer<Double>
  /// The plan's own marginals.
  let p: Buffer<Double>
  let q: Buffer<Double>

  var plan: UnsafePointer<Double> { UnsafePointer(kept.pointer) }
  private var n: Int { problem.n }
  private var m: Int { problem.m }

  package init(
    _ problem: GromovProblem, model: GromovProposal.Model, plan: Buffer<Double>, threads: Int
  ) throws(KantorError) {
    self.problem = problem
    self.model = model
    kept = plan
    parallel = Parallel(threads: threads)
    let (n, m) = (problem.n, problem.m)
    h2 = try problem.target.copy()
    for k in 0..<h2.count {
      let y = h2.pointer[k]
      h2.pointer[k] = problem.loss == .square ? 2 * y : log(y + StructureLoss.shift)
    }
    p = try Buffer(count: n)
    q = try Buffer(count: m)
    for i in 0..<n {
      var sum = CompensatedSum()
      for j in 0..<m {
        let x = plan.pointer[i * m + j]
        sum.add(x)
        q.pointer[j] += x
      }
      p.pointer[i] = sum.value
    }
  }

  package func certify(g given: Buffer<Double>) throws(KantorError) -> GromovCertificate {
    var certificate = GromovCertificate(f: try Buffer(count: n), g: try given.copy())
    measureMarginals(&certificate)
    let gradient = try linearise(&certificate)
    boundLinearised(gradient, &certificate)
    return certificate
  }

  /// The gradient at the plan, entropy left out; writes values and scale.
  package func linearise(
    _ certificate: inout GromovCertificate
  ) throws(KantorError) -> Buffer<Double> {
    try gradient(try crossProduct(), &certificate)
  }

  private var epsilon: Double {
    if case .entropic(let epsilon) = model { return epsilon }
    return 0
  }

  private func measureMarginals(_ certificate: inout GromovCertificate) {
    var (row, column) = (CompensatedSum(), CompensatedSum())
    var negative = 0.0
    for k in 0..<(n * m) { negative = max(negative, -plan[k]) }
    for i in 0..<n { row.add(abs(p.pointer[i] - problem.a.pointer[i])) }
    if case .semirelaxed = model {
      column.add(0)
    } else {
      for j in 0..<m { column.add(abs(q.pointer[j] - problem.b.pointer[j])) }
    }
    certificate.rowResidual = (row.value + negative) / problem.mass
    certificate.columnResidual = (column.value + negative) / problem.mass
  }

  // MARK: - Value and gradient

  /// f1 of a source's entry, f2 of a target's.
  @inline(__always)
  private func own(_ x: Double, ofSource: Bool) -> Double {
    if problem.loss == .square { return x * x }
    return ofSource ? x * log(x + StructureLoss.shift) - x : x
  }

  /// sum_k (F_ik + F_ki) w_k of F = f(C): what one side gives to the gradient.
  private func ownPart(
    _ structure: Buffer<Double>, _ w: Buffer<Double>, ofSource: Bool
  ) throws(KantorError) -> Buffer<Double> {
    let count = w.count
    let out = try Buffer<Double>(count: count)
    for i in 0..<count {
      var sum = 0.0
      for k in 0..<count {
        let value = own(structure.pointer[i * count + k], ofSource: ofSource)
        sum += value * w.pointer[k]
        out.pointer[k] += value * w.pointer[i]
      }
      out.pointer[i] += sum
    }
    return out
  }

  /// The gradient of the whole objective without the entropy, in place of K.
  private func gradient(
    _ product: Buffer<Double>, _ certificate: inout GromovCertificate
  ) throws(KantorError) -> Buffer<Double> {
    let rows = try ownPart(problem.source, p, ofSource: true)
    let columns = try ownPart(problem.target, q, ofSource: false)
    let alpha = problem.alpha
    var (linear, quadratic, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      for j in 0..<m {
        let k = i * m + j
        let (x, own) = (plan[k], rows.pointer[i] + columns.pointer[j])
        let cost = problem.cost?.pointer[k] ?? 0
        let cross = product.pointer[k]
        product.pointer[k] = (1 - alpha) * cost + alpha * (own - 2 * cross)
        guard x != 0 else { continue }
        linear.add(x * cost)
        quadratic.add(x * (0.5 * own - cross))
        let parts = abs(rows.pointer[i]) + abs(columns.pointer[j]) + 2 * abs(cross)
        size.add(abs(x) * ((1 - alpha) * abs(cost) + alpha * parts))
      }
    }
    certificate.linearCost = linear.value
    certificate.quadraticCost = try directSum() ?? quadratic.value
    certificate.scale = size.value
    certificate.objective =
      alpha == 1
      ? certificate.quadraticCost
      : (1 - alpha) * certificate.linearCost + alpha * certificate.quadraticCost
    return product
  }

  /// sum L(C_ik, D_jl) P_ij P_kl over pairs of entries, where these are few: no cancellation.
  private func directSum() throws(KantorError) -> Double? {
    let limit = max(1 << 10, 8 * (n + m))
    var rows: [Int] = []
    var columns: [Int] = []
    for i in 0..<n {
      for j in 0..<m where plan[i * m + j] != 0 {
        guard rows.count < limit else { return nil }
        rows.append(i)
        columns.append(j)
      }
    }
    let (c, d) = (problem.source.pointer, problem.target.pointer)
    var total = CompensatedSum()
    for (i, j) in zip(rows, columns) {
      var sum = 0.0
      for (k, l) in zip(rows, columns) {
        sum += plan[k * m + l] * loss(c[i * n + k], d[j * m + l])
      }
      total.add(plan[i * m + j] * sum)
    }
    return total.value
  }

  @inline(__always)
  private func loss(_ x: Double, _ y: Double) -> Double {
    if problem.loss == .square { return (x - y) * (x - y) }
    return x * log((x + StructureLoss.shift) / (y + StructureLoss.shift)) - x + y
  }

  // MARK: - Bound

  /// The gap of the problem linearised at the plan, from g.
  private func boundLinearised(
    _ gradient: Buffer<Double>, _ certificate: inout GromovCertificate
  ) {
    let (a, b, g) = (problem.a.pointer, problem.b.pointer, certificate.g.pointer)
    let isRelaxed: Bool
    if case .semirelaxed = model { isRelaxed = true } else { isRelaxed = false }
    if isRelaxed { for j in 0..<m { g[j] = 0 } }
    var (gap, entropy) = (CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      let row = UnsafePointer(gradient.pointer + i * m)
      let f = epsilon > 0 ? softMinimum(row, g) : smallestDifference(row, g, m)
      certificate.f.pointer[i] = f
      if a[i] > 0 { gap.add(-a[i] * f) }
      for j in 0..<m where plan[i * m + j] != 0 {
        let x = plan[i * m + j]
        gap.add(x * row[j])
        if epsilon > 0, x > 0 { entropy.add(x * log(x / (a[i] * b[j]))) }
      }
    }
    if !isRelaxed { for j in 0..<m where b[j] > 0 { gap.add(-b[j] * g[j]) } }
    if epsilon > 0 {
      var total = CompensatedSum()
      for i in 0..<n { total.add(p.pointer[i]) }
      gap.add(epsilon * entropy.value)
      gap.add(epsilon * (problem.mass - total.value))
      certificate.objective +=
        epsilon * (entropy.value - total.value + problem.mass * problem.mass)
      certificate.scale += epsilon * (abs(entropy.value) + problem.mass)
    }
    certificate.gap = gap.value
  }

  /// -eps log sum_j b_j exp((g_j - row_j) / eps)
  private func softMinimum(
    _ row: UnsafePointer<Double>, _ g: UnsafePointer<Double>
  ) -> Double {
    let b = problem.b.pointer
    var high = -Double.infinity
    for j in 0..<m where b[j] > 0 { high = max(high, g[j] - row[j]) }
    var sum = 0.0
    for j in 0..<m where b[j] > 0 { sum += b[j] * exp((g[j] - row[j] - high) / epsilon) }
    return -(high + epsilon * log(sum))
  }
}
