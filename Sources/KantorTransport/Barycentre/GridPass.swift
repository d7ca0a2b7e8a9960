import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// Measures and barycentre on a regular grid: K is a product of one small matrix for each axis, so
/// that K x takes s operations for each point and axis instead of all the grid's points.
///
/// Where the plain product would leave the range of doubles, each axis is done with the maximum of
/// every line subtracted, and single entries that are lost all the same by log-sum-exp.
final class GridPass: BarycentrePass {
  private struct Axis {
    let count: Int
    let kernel: Buffer<Double>
    /// C / epsilon of points that lie |i - j| apart.
    let exponents: Buffer<Double>
    /// Points of later axes: what lies between neighbours in memory.
    let inner: Int
    let outer: Int
  }

  private let problem: BarycentreProblem
  private let axes: [Axis]
  private let parallel: Parallel
  private let monitor: Monitor
  private let room: Buffer<Double>
  private let n: Int

  init(
    _ problem: BarycentreProblem, _ axes: [BarycentreProblem.GridAxis], epsilon: Double,
    threads: Int, _ monitor: Monitor
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    n = problem.n
    parallel = Parallel(threads: min(threads, problem.count))
    room = try Buffer(count: try checkedProduct(4 * n, parallel.threads, of: "grid"))
    var made: [Axis] = []
    var outer = 1
    for axis in axes {
      let s = axis.count
      let kernel = try Buffer<Double>(count: s * s)
      let exponents = try Buffer<Double>(count: s)
      for i in 0..<s {
        let distance = Double(i) * axis.spacing
        exponents.pointer[i] = distance * distance / epsilon
      }
      for i in 0..<s {
        for j in 0..<s { kernel.pointer[i * s + j] = -exponents.pointer[abs(i - j)] }
      }
      kn_exp_f64(kernel.pointer, kernel.pointer, Int64(s * s))
      made.append(
        Axis(
          count: s, kernel: kernel, exponents: exponents, inner: n / (outer * s), outer: outer))
      outer *= s
    }
    self.axes = made
  }

  func run(_ state: BarycentreState) -> Bool {
    var next = 0
    while next < state.count {
      // A step for every thread, between which the host gets a moment.
      let (first, size) = (next, min(parallel.threads, state.count - next))
      parallel.forEach(size) { part, begin, end in
        for k in begin..<end { measure(first + k, part, state) }
      }
      next += size
      if next < state.count, monitor.heartbeat() != nil { return false }
    }
    return true
  }

  private func measure(_ k: Int, _ part: Int, _ state: BarycentreState) {
    let gamma = state.gamma.pointer + k * n
    let out = state.logK.pointer + k * n
    if scaled(problem.histogram(k), gamma, out, part) { return }
    let phi = room.pointer + part * 4 * n + 3 * n
    logApply(gamma, phi, part)
    let logP = state.logHistograms.pointer + k * n
    for i in 0..<n { phi[i] = logP[i] - phi[i] }
    logApply(phi, out, part)
  }

  /// out = log K (p / (K exp gamma)) by plain products; false when numbers leave the range.
  private func scaled(
    _ p: UnsafePointer<Double>, _ gamma: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ part: Int
  ) -> Bool {
    let own = room.pointer + part * 4 * n
    let (x, y, work) = (own, own + n, own + 2 * n)
    var high = -Double.infinity
    for i in 0..<n { high = gamma[i] > high ? gamma[i] : high }
    for i in 0..<n { x[i] = gamma[i] - high }
    kn_exp_f64(x, x, Int64(n))
    apply(x, y, work)
    var (low, largest) = (Double.infinity, 0.0)
    for i in 0..<n {
      let isUsed = p[i] > 0
      low = isUsed && y[i] < low ? y[i] : low
      let u = isUsed ? p[i] / y[i] : 0
      x[i] = u
      largest = u > largest ? u : largest
    }
    guard low >= smallestScaling, largest > 0, largest < .infinity else { return false }
    let unit = 1 / largest
    for i in 0..<n { x[i] *= unit }
    apply(x, y, work)
    low = .infinity
    for i in 0..<n { low = y[i] < low ? y[i] : low }
    guard low >= smallestScaling else { return false }
    kn_log_f64(y, out, Int64(n))
    let shift = log(largest) - high
    for i in 0..<n { out[i] += shift }
    return true
  }

  /// y = K x by plain products; x is overwritten.
  private func apply(
    _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ work: UnsafeMutablePointer<Double>
  ) {
    var from = x
    for (a, axis) in axes.enumerated() {
      let to = a == axes.count - 1 ? y : from == x ? work : x
      multiply(axis, from, to)
      from = to
    }
  }

  private func multiply(
    _ axis: Axis, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
  ) {
    let s = Int64(axis.count)
    if axis.inner == 1 {
      kn_small_product_f64(x, s, axis.kernel.pointer, s, Int64(axis.outer), s, s, y, s)
      return
    }
    let (block, inner) = (axis.count * axis.inner, Int64(axis.inner))
    for o in 0..<axis.outer {
      kn_small_product_f64(
        axis.kernel.pointer, s, x + o * block, inner, s, s, inner, y + o * block, inner)
    }
  }

  // MARK: In logarithms

  func smooth(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
    logApply(x, out, 0)
  }

  /// out = log K exp(x), axis by axis.
  private func logApply(
    _ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ part: Int
  ) {
    let own = room.pointer + part * 4 * n
    let (values, sums, shifts) = (own, own + n, own + 2 * n)
    out.update(from: x, count: n)
    for axis in axes {
      let (s, inner) = (axis.count, axis.inner)
      for line in 0..<axis.outer * inner {
        let base = line / inner * s * inner + line % inner
        var high = -Double.infinity
        for j in 0..<s { high = max(high, out[base + j * inner]) }
        if high == -.infinity { high = 0 }
        shifts[line] = high
        for j in 0..<s { values[base + j * inner] = out[base + j * inner] - high }
      }
      kn_exp_f64(values, values, Int64(n))
      multiply(axis, values, sums)
      for i in 0..<n where !(sums[i] >= smallestScaling) {
        // Marked here, since what follows overwrites `values`.
        sums[i] = -1
      }
      values.update(from: out, count: n)
      for line in 0..<axis.outer * inner {
        let base = line / inner * s * inner + line % inner
        for j in 0..<s where sums[base + j * inner] < 0 {
          out[base + j * inner] = logSum(axis, values + base, j)
        }
      }
      for i in 0..<n where sums[i] >= 0 {
        let line = i / (s * inner) * inner + i % inner
        out[i] = log(sums[i]) + shifts[line]
      }
    }
  }

  /// log sum_j exp(x_j - C_ij / epsilon) along one line.
  private func logSum(_ axis: Axis, _ x: UnsafePointer<Double>, _ i: Int) -> Double {
    let (inner, c) = (axis.inner, axis.exponents.pointer)
    var high = -Double.infinity
    for j in 0..<axis.count { high = max(high, x[j * inner] - c[abs(i - j)]) }
    guard high > -.infinity else { return high }
    var sum = 0.0
    for j in 0..<axis.count { sum += exp(x[j * inner] - c[abs(i - j)] - high) }
    return high + log(sum)
  }
}
