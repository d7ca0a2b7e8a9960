import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// What is proved about a barycentre and potentials; values at mass 1.
struct BarycentreCertificate {
  /// sum_k lambda_k |q_k - q|_1, plus the smoothing residual of debiased ones.
  var residual = Double.nan
  var smoothingResidual = 0.0
  /// The value at the plans as they are, and bounds of the optimum.
  var value = Double.nan
  var lower = -Double.infinity
  var upper = Double.infinity
  var scale = Double.nan
  /// Exponents of both sides that belong to these figures, k x n and k x m.
  let phi: Buffer<Double>
  let gamma: Buffer<Double>

  var relativeGap: Double { upper == lower ? 0 : (upper - lower) / scale }
}

/// Certifies a barycentre q and the exponents gamma_k = g_k / eps of plans between the histograms
/// p_k and q.
///
/// The checker finds phi_k such that the plans P_k = exp(phi + gamma - C / eps) have the rows p_k.
/// With sum lambda_k gamma_k = 0, which it restores first, eps sum_k lambda_k <phi_k, p_k> is the
/// dual value: a lower bound. The columns q_k are compared with q. Plans with the columns q exactly
/// come from scaling columns down where q_k exceeds q and adding what is missing as a product; the
/// entropy of that sum is bounded by convexity, which gives the upper bound.
struct BarycentreCheck {
  private let problem: BarycentreProblem
  private let epsilon: Double
  private let kernel: BarycentreOperator

  init(
    _ problem: BarycentreProblem, epsilon: Double, parallel: Parallel
  ) throws(KantorError) {
    self.problem = problem
    self.epsilon = epsilon
    kernel = try BarycentreOperator(problem, epsilon: epsilon, parallel: parallel)
  }

  func certify(
    gamma proposed: Buffer<Double>, barycentre q: Buffer<Double>, debiased: Bool
  ) throws(KantorError) -> BarycentreCertificate {
    let (n, m, count) = (problem.n, problem.m, problem.count)
    let gamma = try proposed.copy()
    let mean = try weightedMean(gamma)
    if !debiased {
      for k in 0..<count {
        for j in 0..<m { gamma.pointer[k * m + j] -= mean.pointer[j] }
      }
    }
    var certificate = BarycentreCertificate(phi: try Buffer(count: count * n), gamma: gamma)
    let logP = try Buffer<Double>(count: count * n)
    kn_log_f64(problem.histograms.pointer, logP.pointer, Int64(count * n))
    let columns = try Buffer<Double>(count: m)
    var (residual, value, lower, upper) = (
      CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()
    )
    var size = 0.0
    let largest = debiased ? 0 : try kernel.largestCost()
    for k in 0..<count where problem.lambda.pointer[k] > 0 {
      let weight = problem.lambda.pointer[k]
      let (g, f) = (gamma.pointer + k * m, certificate.phi.pointer + k * n)
      try kernel.plan(logP: logP.pointer + k * n, x: g, phi: f, columns: columns.pointer)
      var (error, cross) = (CompensatedSum(), CompensatedSum())
      for j in 0..<m {
        error.add(abs(columns.pointer[j] - q.pointer[j]))
        cross.add(g[j] * columns.pointer[j])
      }
      let own = dot(f, problem.histogram(k), n)
      residual.add(weight * error.value)
      lower.add(weight * epsilon * own.value)
      value.add(weight * epsilon * (own.value + (debiased ? 0 : cross.value)))
      size += weight * epsilon * (own.size + abs(cross.value))
      guard !debiased else { continue }
      let bound = try rounded(k, f, g, columns.pointer, q.pointer, largest)
      upper.add(weight * bound)
    }
    certificate.residual = residual.value
    certificate.value = value.value
    certificate.scale = size
    if debiased {
      certificate.smoothingResidual = try smoothing(mean, q)
      certificate.residual += certificate.smoothingResidual
    } else {
      (certificate.lower, certificate.upper) = (lower.value, upper.value)
    }
    return certificate
  }

  /// sum_k lambda_k gamma_k.
  private func weightedMean(_ gamma: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let mean = try Buffer<Double>(count: problem.m)
    for k in 0..<problem.count {
      let (weight, row) = (problem.lambda.pointer[k], gamma.pointer + k * problem.m)
      for j in 0..<problem.m { mean.pointer[j] += weight * row[j] }
    }
    return mean
  }

  private func dot(
    _ f: UnsafePointer<Double>, _ p: UnsafePointer<Double>, _ count: Int
  ) -> (value: Double, size: Double) {
    var (value, size) = (CompensatedSum(), CompensatedSum())
    for i in 0..<count where p[i] > 0 {
      value.add(f[i] * p[i])
      size.add(abs(f[i] * p[i]))
    }
    return (value.value, size.value)
  }

  /// The value of a plan with the marginals p_k and q made from P_k, or an upper bound of it.
  private func rounded(
    _ k: Int, _ f: UnsafePointer<Double>, _ g: UnsafePointer<Double>,
    _ columns: UnsafePointer<Double>, _ q: UnsafePointer<Double>, _ largest: Double
  ) throws(KantorError) -> Double {
    let (n, m, p) = (problem.n, problem.m, problem.histogram(k))
    let x = try Buffer<Double>(count: m)
    let rows = try Buffer<Double>(count: n)
    var (entropy, kept) = (CompensatedSum(), CompensatedSum())
    // What columns lose leaves rows short, by as much in all as columns are short of q elsewhere.
    var (missing, missingRows) = (CompensatedSum(), CompensatedSum())
    for j in 0..<m {
      let scale = columns[j] > q[j] ? q[j] / columns[j] : 1
      let logScale = scale < 1 ? log(scale) : 0
      x.pointer[j] = g[j] + logScale
      let column = columns[j] * scale
      kept.add(column)
      if column > 0 { entropy.add(column * x.pointer[j]) }
      let short = q[j] - column
      if short > 0 { missing.add(short * log(short)) }
    }
    try kernel.rows(x.pointer, rows.pointer)
    for i in 0..<n where p[i] > 0 {
      let row = min(p[i], exp(f[i] + rows.pointer[i]))
      entropy.add(row * f[i])
      let short = p[i] - row
      if short > 0 { missingRows.add(short * log(short)) }
    }
    let rest = max(0, 1 - kept.value)
    guard rest > 0 else { return epsilon * entropy.value }
    let product = missing.value + missingRows.value - 2 * rest * log(rest)
    let cut = rest < 1 ? (1 - rest) * log(1 - rest) : 0
    return epsilon * (entropy.value - cut + product) + rest * largest
  }

  /// |d K d - q|_1 with log d = x.
  private func smoothing(_ x: Buffer<Double>, _ q: Buffer<Double>) throws(KantorError) -> Double {
    let out = try Buffer<Double>(count: problem.n)
    try kernel.rows(x.pointer, out.pointer)
    var error = CompensatedSum()
    for j in 0..<problem.m {
      error.add(abs(exp(x.pointer[j] + out.pointer[j]) - q.pointer[j]))
    }
    return error.value
  }
}
