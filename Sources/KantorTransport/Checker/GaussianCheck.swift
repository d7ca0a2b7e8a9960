import KantorCore
import KantorNumerics

/// What is proved about maps from N(m, S) to the laws of a problem.
struct GaussianCertificate {
  /// Largest of |T_k S T_k - S_k|_F / |S_k|_F, infinite where a T_k is not positive semidefinite.
  var mapResidual = 0.0
  /// |sum_k lambda_k T_k - I|_F / sqrt(d).
  var stationarity = 0.0
  var value = Double.nan
  var lower = -Double.infinity
  var scale = 0.0
  /// The inverses of the maps, where they are positive definite.
  let inverses: Buffer<Double>
  /// T_k itself.
  let maps: Buffer<Double>

  var residual: Double { max(mapResidual, stationarity) }
  var gap: Double { value - lower }
  var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies maps T_k from a law N(m, S) to laws N(m_k, S_k), without square roots.
///
/// T_k symmetric, positive semidefinite, and T_k S T_k = S_k make x -> m_k + T_k (x - m) the
/// gradient of a convex function that carries one law to the other: the optimal map. From below:
/// x'Tx + y'T^-1 y >= 2 x'y for definite T, so that for every S',
///     W^2(S', S_k) >= tr S'(I - T_k) + tr S_k (I - T_k^-1).
/// Weighted with lambda and with T_k made smaller by the factor 1 / (1 + |sum lambda T - I|_F), the
/// terms in S' are not negative and what remains bounds the barycentre's value.
struct GaussianCheck {
  private let problem: GaussianProblem
  private let lambda: Buffer<Double>
  private let threads: Int

  init(_ problem: GaussianProblem, lambda: Buffer<Double>, threads: Int) {
    self.problem = problem
    self.lambda = lambda
    self.threads = threads
  }

  /// `maps` begins with that of law `first`. Not stationary: S is given, and only bounds for it.
  func certify(
    mean: Buffer<Double>, covariance s: Buffer<Double>, maps: Buffer<Double>, first: Int,
    isStationary: Bool
  ) throws(KantorError) -> GaussianCertificate {
    let d = problem.dimension
    let size = d * d
    var certificate = GaussianCertificate(
      inverses: try Buffer(count: maps.count), maps: maps)
    let (one, two) = (try Buffer<Double>(count: size), try Buffer<Double>(count: size))
    let mapMean = try Buffer<Double>(count: size)
    let engine = try MatrixProduct(threads: threads)
    var (value, lower, scale) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for k in first..<problem.count {
      let (weight, t) = (lambda.pointer[k], maps.pointer + (k - first) * size)
      let target = problem.covariance(k)
      try engine.multiply(view(t), view(s.pointer), into: one.pointer)
      try engine.multiply(view(one.pointer), view(t), into: two.pointer)
      let error = distance(two.pointer, target) / max(norm(target), 1e-300)
      certificate.mapResidual = max(certificate.mapResidual, error, asymmetry(t))
      if !isSemidefinite(t, one.pointer) { certificate.mapResidual = .infinity }
      var offset = 0.0
      for i in 0..<d {
        let step = mean.pointer[i] - problem.mean(k)[i]
        offset += step * step
      }
      let (own, other) = (trace(s.pointer), trace(target))
      value.add(weight * (offset + own + other - 2 * inner(t, s.pointer)))
      scale.add(weight * (offset + own + other))
      lower.add(weight * (offset + other))
      for i in 0..<size { mapMean.pointer[i] += weight * t[i] }
    }
    var deviation = 0.0
    for i in 0..<d {
      for j in 0..<d {
        let off = mapMean.pointer[i * d + j] - (i == j ? 1 : 0)
        deviation += off * off
      }
    }
    deviation = deviation.squareRoot()
    if isStationary { certificate.stationarity = deviation / Double(d).squareRoot() }
    let shrink = isStationary ? 1 + deviation : 1
    if !isStationary {
      lower.add(trace(s.pointer) - inner(mapMean.pointer, s.pointer))
    }
    for k in first..<problem.count where lambda.pointer[k] > 0 {
      let inverse = certificate.inverses.pointer + (k - first) * size
      guard try invert(maps.pointer + (k - first) * size, inverse, one, two, engine) else {
        lower.add(-.infinity)
        for i in 0..<size { inverse[i] = .nan }
        continue
      }
      lower.add(-lambda.pointer[k] * shrink * inner(inverse, problem.covariance(k)))
    }
    certificate.value = value.value
    certificate.lower = lower.value
    certificate.scale = scale.value
    return certificate
  }

  // MARK: Matrices

  private func view(_ a: UnsafePointer<Double>) -> MatrixView {
    MatrixView(a, rows: problem.dimension, columns: problem.dimension)
  }

  private func trace(_ a: UnsafePointer<Double>) -> Double {
    (0..<problem.dimension).reduce(0.0) { $0 + a[$1 * (problem.dimension + 1)] }
  }

  /// tr A B of symmetric matrices.
  private func inner(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
    var sum = CompensatedSum()
    for i in 0..<problem.dimension * problem.dimension { sum.add(a[i] * b[i]) }
    return sum.value
  }

  private func norm(_ a: UnsafePointer<Double>) -> Double { inner(a, a).squareRoot() }

  private func distance(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for i in 0..<problem.dimension * problem.dimension { sum += (a[i] - b[i]) * (a[i] - b[i]) }
    return sum.squareRoot()
  }

  private func asymmetry(_ a: UnsafePointer<Double>) -> Double {
    let d = problem.dimension
    var high = 0.0
    for i in 0..<d {
      for j in 0..<i { high = max(high, abs(a[i * d + j] - a[j * d + i])) }
    }
    return high / max(norm(a), 1e-300)
  }

  /// Cholesky's factor L' of A + shift I in the upper triangle of `out`; false when there is none.
  private func factor(
    _ a: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, shift: Double
  ) -> Bool {
    let d = problem.dimension
    for i in 0..<d {
      for j in i..<d { out[i &* d &+ j] = a[i &* d &+ j] + (i == j ? shift : 0) }
    }
    for k in 0..<d {
      let row = out + k * d
      guard row[k] > 0, row[k].isFinite else { return false }
      let root = row[k].squareRoot()
      for j in k..<d { row[j] /= root }
      for i in stride(from: k + 1, to: d, by: 1) {
        subtract(row[i], row, from: out + i * d, first: i)
      }
    }
    return true
  }

  /// No eigenvalue below -1e-12 of the norm.
  private func isSemidefinite(
    _ a: UnsafePointer<Double>, _ work: UnsafeMutablePointer<Double>
  ) -> Bool {
    factor(a, work, shift: 1e-12 * norm(a) + 1e-300)
  }

  /// A^-1 = (L'^-1) (L'^-1)'; false when A is not positive definite.
  private func invert(
    _ a: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ one: Buffer<Double>,
    _ two: Buffer<Double>, _ engine: MatrixProduct
  ) throws(KantorError) -> Bool {
    let d = problem.dimension
    let (upper, solved) = (one.pointer, two.pointer)
    guard factor(a, upper, shift: 0) else { return false }
    for i in stride(from: d - 1, through: 0, by: -1) {
      let row = solved + i * d
      for j in 0..<d { row[j] = i == j ? 1 : 0 }
      for k in stride(from: i + 1, to: d, by: 1) {
        subtract(upper[i &* d &+ k], solved + k * d, from: row, first: k)
      }
      for j in i..<d { row[j] /= upper[i &* d &+ i] }
    }
    try engine.multiply(view(solved), view(solved).transposed, into: out)
    return true
  }

  private func subtract(
    _ t: Double, _ other: UnsafePointer<Double>, from row: UnsafeMutablePointer<Double>, first: Int
  ) {
    for j in first..<problem.dimension { row[j] -= t * other[j] }
  }
}
