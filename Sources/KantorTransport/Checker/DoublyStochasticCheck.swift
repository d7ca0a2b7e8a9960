import CKantorKernels
import KantorCore
import KantorNumerics

/// What a batch of matrices proves about itself, on the caller's data.
package struct DoublyStochasticCertificate: Sendable {
  /// Largest |row sum - 1|, |column sum - 1| and -entry, over the whole batch.
  package var rowResidual = 0.0
  package var columnResidual = 0.0
  package var negativity = 0.0
  /// Value of the problem solved, added up over the batch.
  package var objective = 0.0
  /// Largest gap of a matrix, itself and over the size of the terms.
  package var gap = 0.0
  package var relativeGap = 0.0
  /// Largest of the three residuals of each matrix, and its gap.
  package var residuals: Buffer<Double>
  package var gaps: Buffer<Double>
  /// Whether negative entries are allowed; then how far a spectral norm exceeds 1, at most.
  package var isSigned = false
  package var normResidual = 0.0

  package var residual: Double {
    let all = [rowResidual, columnResidual, isSigned ? normResidual : negativity]
    return all.contains { $0.isNaN } ? .nan : max(all[0], all[1], all[2])
  }
}

/// Checks matrices for being doubly stochastic and, given dual vectors, for being a projection.
///
/// With T_ij = G_ij + u_i + v_j, the matrices nearest to G in the sense of a Bregman divergence D
/// have the form h(T), h(t) = max(t, 0) for the squared distance and h(t) = exp(t) for the
/// divergence from exp(G). For every feasible X the primal minus the dual value is the sum of
/// non-negative terms
///     squared:   (X - T+)^2 / 2 + X (-T)+          T+ = max(T, 0)
///     entropic:  X log X - X T - X + exp(T)
/// so this sum, taken at the rounded matrix (Altschuler, Weed and Rigollet), bounds how far its
/// value is from the optimum, whatever u and v are.
package struct DoublyStochasticCheck: Sendable {
  package enum Form: Sendable {
    /// Only sums and signs.
    case sums
    /// Sums only: entries may be negative.
    case signed
    /// The Euclidean projection of the caller's matrices.
    case squared
    /// The projection of exp(matrices / temperature) in the Kullback-Leibler divergence.
    case entropic(temperature: Double)
  }

  let n: Int
  let form: Form
  let parallel: Parallel

  package init(n: Int, form: Form, threads: Int) {
    self.n = n
    self.form = form
    parallel = Parallel(threads: threads)
  }

  /// x: batch x n x n; given: the caller's matrices, u and v: batch x n, for the projections.
  package func certify(
    _ x: Buffer<Double>, batch: Int, given: Buffer<Double>? = nil, u: Buffer<Double>? = nil,
    v: Buffer<Double>? = nil
  ) throws(KantorError) -> DoublyStochasticCertificate {
    let n = self.n
    let residuals = try Buffer<Double>(count: batch)
    let gaps = try Buffer<Double>(count: batch)
    let each = try Buffer<Double>(count: try checkedProduct(batch, 5, of: "certificate"))
    var width = 4 * n + 3 * MatrixCheck.block(n)
    if case .signed = form { width = max(width, 2 * n * n) }
    let scratch = try Buffer<Double>(
      count: try checkedProduct(parallel.threads, width, of: "certificate"))
    defer { withExtendedLifetime(scratch) {} }
    let form = self.form
    let (xs, own, gapsOut, work) = (
      x.pointer, each.pointer, gaps.pointer, scratch.pointer
    )
    let (g, du, dv) = (given?.pointer, u?.pointer, v?.pointer)
    parallel.forEach(batch) { part, first, end in
      let room = work + part * width
      for b in first..<end {
        let matrix = MatrixCheck(n: n, x: xs + b * n * n, room: room)
        let out = own + 5 * b
        matrix.sums(out)
        if case .signed = form { out[3] = matrix.normExcess() }
        guard let g, let du, let dv else { continue }
        let data = (g + b * n * n, du + b * n, dv + b * n)
        switch form {
        case .sums, .signed: break
        case .squared: matrix.squared(data.0, data.1, data.2, out + 3, gapsOut + b)
        case .entropic(let temperature):
          matrix.entropic(data.0, 1 / temperature, data.1, data.2, out + 3, gapsOut + b)
        }
      }
    }
    withExtendedLifetime((given, u, v)) {}
    return collect(each, residuals, gaps)
  }

  private func collect(
    _ each: Buffer<Double>, _ residuals: Buffer<Double>, _ gaps: Buffer<Double>
  ) -> DoublyStochasticCertificate {
    var certificate = DoublyStochasticCertificate(residuals: residuals, gaps: gaps)
    if case .signed = form { certificate.isSigned = true }
    // NaN wins every comparison here, so that it cannot be lost.
    func larger(_ a: Double, _ b: Double) -> Double { a >= b ? a : (b.isNaN || b > a ? b : a) }
    var objective = CompensatedSum()
    for b in 0..<residuals.count {
      let out = each.pointer + 5 * b
      if certificate.isSigned {
        certificate.normResidual = larger(certificate.normResidual, out[3])
      }
      certificate.rowResidual = larger(certificate.rowResidual, out[0])
      certificate.columnResidual = larger(certificate.columnResidual, out[1])
      certificate.negativity = larger(certificate.negativity, out[2])
      residuals.pointer[b] = larger(
        larger(out[0], out[1]), certificate.isSigned ? out[3] : out[2])
      if !certificate.isSigned { objective.add(out[3]) }
      certificate.gap = larger(certificate.gap, gaps.pointer[b])
      let relative = gaps.pointer[b] == 0 ? 0 : gaps.pointer[b] / out[4]
      certificate.relativeGap = larger(certificate.relativeGap, relative)
    }
    certificate.objective = objective.value
    return certificate
  }
}

/// One matrix of a batch; `room` holds 4 n numbers.
private struct MatrixCheck {
  let n: Int
  let x: UnsafePointer<Double>
  let room: UnsafeMutablePointer<Double>

  /// out: row residual, column residual, negativity.
  func sums(_ out: UnsafeMutablePointer<Double>) {
    let columns = room
    for j in 0..<n { columns[j] = 0 }
    var (row, least) = (0.0, 0.0)
    for i in 0..<n {
      var sum = BlockedSum()
      for j in 0..<n {
        let value = x[i * n + j]
        sum.add(value)
        columns[j] += value
        least = value < least || value.isNaN ? value : least
      }
      let error = abs(sum.value - 1)
      row = error <= row ? row : error
    }
    var column = 0.0
    for j in 0..<n {
      let error = abs(columns[j] - 1)
      column = error <= column ? column : error
    }
    (out[0], out[1], out[2]) = (row, column, -least)
  }

  /// A power of ten d for which (1 + d) I - X' X is positive definite, so that |X|_2 <= 1 + d; the
  /// smallest of some. Rounding of the factor is far below the smallest d that is tried.
  func normExcess() -> Double {
    let (s, factor) = (room, room + n * n)
    for k in 0..<n * n { s[k] = 0 }
    for i in 0..<n {
      let row = x + i * n
      for j in 0..<n {
        for k in j..<n { s[j * n + k] -= row[j] * row[k] }
      }
    }
    for d in [1e-13, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1, 100] {
      for k in 0..<n * n { factor[k] = s[k] }
      for j in 0..<n { factor[j * n + j] += 1 + d }
      if isPositive(factor) { return d }
    }
    return .infinity
  }

  /// Whether the Cholesky factor exists; the upper triangle is read and destroyed.
  private func isPositive(_ s: UnsafeMutablePointer<Double>) -> Bool {
    for k in 0..<n {
      let top = s + k * n
      guard top[k] > 0 else { return false }
      for i in (k + 1)..<max(n, k + 1) {
        let f = top[i] / top[k]
        for j in i..<n { s[i * n + j] -= f * top[j] }
      }
    }
    return true
  }

  /// Scalings and the missing parts of the rounded matrix: x_ij r_i c_j + e_i d_j.
  private func round() {
    let (r, c, e, d) = (room, room + n, room + 2 * n, room + 3 * n)
    for j in 0..<n { (c[j], d[j]) = (0, 0) }
    for i in 0..<n {
      var sum = 0.0
      for j in 0..<n { sum += max(x[i * n + j], 0) }
      r[i] = sum > 1 ? 1 / sum : 1
      for j in 0..<n { c[j] += r[i] * max(x[i * n + j], 0) }
    }
    for j in 0..<n { c[j] = c[j] > 1 ? 1 / c[j] : 1 }
    var missing = 0.0
    for i in 0..<n {
      var sum = 0.0
      for j in 0..<n {
        let value = r[i] * max(x[i * n + j], 0) * c[j]
        sum += value
        d[j] += value
      }
      e[i] = max(1 - sum, 0)
      missing += e[i]
    }
    for j in 0..<n { d[j] = missing > 0 ? max(1 - d[j], 0) / missing : 0 }
  }

  private func rounded(_ i: Int, _ j: Int) -> Double {
    room[i] * max(x[i * n + j], 0) * room[n + j] + room[2 * n + i] * room[3 * n + j]
  }

  /// out: value and scale.
  func squared(
    _ g: UnsafePointer<Double>, _ u: UnsafePointer<Double>, _ v: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ gap: UnsafeMutablePointer<Double>
  ) {
    round()
    var (value, size, excess) = (BlockedSum(), BlockedSum(), BlockedSum())
    for i in 0..<n {
      for j in 0..<n {
        let t = g[i * n + j] + u[i] + v[j]
        let p = rounded(i, j)
        let here = x[i * n + j] - g[i * n + j]
        value.add(0.5 * here * here)
        size.add(0.5 * x[i * n + j] * x[i * n + j])
        let off = p - max(t, 0)
        excess.add(0.5 * off * off + p * max(-t, 0))
      }
    }
    (out[0], out[1], gap[0]) = (value.value, value.value + size.value, excess.value)
  }

  /// Whole rows at a time, for the vector exponential and logarithm.
  func entropic(
    _ g: UnsafePointer<Double>, _ rate: Double, _ u: UnsafePointer<Double>,
    _ v: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>,
    _ gap: UnsafeMutablePointer<Double>
  ) {
    round()
    let length = MatrixCheck.block(n)
    let (t, p, logs) = (room + 4 * n, room + 4 * n + length, room + 4 * n + 2 * length)
    let rows = length / n
    var (value, size, excess) = (BlockedSum(), BlockedSum(), BlockedSum())
    var first = 0
    while first < n {
      let end = min(first + rows, n)
      let (q, given) = (x + first * n, g + first * n)
      let count = (end - first) * n
      var k = 0
      for i in first..<end {
        for j in 0..<n {
          t[k] = rate * given[k] + u[i] + v[j]
          p[k] = rounded(i, j)
          k += 1
        }
      }
      kn_log_f64(q, logs, Int64(count))
      for k in 0..<count where !(q[k] <= 0) {
        let l = rate * given[k]
        value.add(q[k] * (logs[k] - l))
        size.add(abs(q[k] * l) + abs(q[k] * logs[k]) + q[k])
      }
      kn_log_f64(p, logs, Int64(count))
      for k in 0..<count {
        excess.add((p[k] > 0 ? p[k] * (logs[k] - t[k]) : 0) - p[k])
      }
      kn_exp_f64(t, t, Int64(count))
      for k in 0..<count { excess.add(t[k]) }
      first = end
    }
    // Rounding may leave a gap of nearly nothing below zero.
    let left = excess.value
    (out[0], out[1], gap[0]) = (value.value, size.value, left < 0 ? 0 : left)
  }

  /// Elements of some whole rows.
  static func block(_ n: Int) -> Int { n >= 64 ? n : 64 / n * n }
}
