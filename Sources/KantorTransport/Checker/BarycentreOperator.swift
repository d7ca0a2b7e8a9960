import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// log sum exp over the kernel of a barycentre problem, for its checker: from the caller's costs or
/// the grid's spacing, by code that no method uses.
struct BarycentreOperator {
  private enum Kind {
    case pairs(CheckedCost)
    case grid([BarycentreProblem.GridAxis])
  }

  private let kind: Kind
  private let epsilon: Double
  private let parallel: Parallel
  private let n: Int
  private let m: Int

  init(
    _ problem: BarycentreProblem, epsilon: Double, parallel: Parallel
  ) throws(KantorError) {
    self.epsilon = epsilon
    self.parallel = parallel
    (n, m) = (problem.n, problem.m)
    switch problem.support {
    case .pairs(let geometry): kind = .pairs(try CheckedCost(geometry))
    case .grid(let axes): kind = .grid(axes)
    }
  }

  /// The largest cost of all pairs.
  func largestCost() throws(KantorError) -> Double {
    switch kind {
    case .grid(let axes):
      return axes.reduce(0) {
        let side = Double($1.count - 1) * $1.spacing
        return $0 + side * side
      }
    case .pairs(let cost):
      let room = try Buffer<Double>(count: cost.scratchCount)
      var high = -Double.infinity
      for i in 0..<n {
        let row = cost.row(i, room.pointer)
        for j in 0..<m { high = row[j] > high ? row[j] : high }
      }
      return high
    }
  }

  /// From the exponents x of the barycentre's side, phi_i = log p_i - log sum_j exp(x_j - C_ij/eps)
  /// and the column sums of the plan exp(phi_i + x_j - C_ij/eps).
  func plan(
    logP: UnsafePointer<Double>, x: UnsafePointer<Double>, phi: UnsafeMutablePointer<Double>,
    columns: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    switch kind {
    case .pairs(let cost):
      let sums = try pairs(cost, x, phi, logP: logP)
      for j in 0..<m { columns[j] = sums.pointer[j] }
    case .grid(let axes):
      try grid(axes, x, phi)
      for i in 0..<n { phi[i] = logP[i] - phi[i] }
      try grid(axes, phi, columns)
      for j in 0..<m { columns[j] += x[j] }
      kn_exp_f64(columns, columns, Int64(m))
    }
  }

  /// out_i = log sum_j exp(x_j - C_ij/eps).
  func rows(
    _ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    switch kind {
    case .pairs(let cost): _ = try pairs(cost, x, out, logP: nil)
    case .grid(let axes): try grid(axes, x, out)
    }
  }

  /// Row by row with the maximum subtracted; with logP also the column sums of the plan.
  private func pairs(
    _ cost: CheckedCost, _ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>,
    logP: UnsafePointer<Double>?
  ) throws(KantorError) -> Buffer<Double> {
    let step = cost.scratchCount + m
    let room = try Buffer<Double>(count: step * parallel.threads)
    let sums = try Buffer<Double>(count: (logP == nil ? 1 : m) * parallel.threads)
    let inverse = 1 / epsilon
    parallel.forEach(n) { part, first, end in
      let scratch = room.pointer + part * step
      let e = scratch + cost.scratchCount
      for i in first..<end {
        if let logP, logP[i] == -.infinity {
          out[i] = -.infinity
          continue
        }
        let c = cost.row(i, scratch)
        var high = -Double.infinity
        for j in 0..<m {
          e[j] = x[j] - c[j] * inverse
          high = e[j] > high ? e[j] : high
        }
        for j in 0..<m { e[j] -= high }
        kn_exp_f64(e, e, Int64(m))
        var sum = 0.0
        for j in 0..<m { sum += e[j] }
        guard let logP else {
          out[i] = high + log(sum)
          continue
        }
        out[i] = logP[i] - high - log(sum)
        let (scale, columns) = (exp(logP[i]) / sum, sums.pointer + part * m)
        for j in 0..<m { columns[j] += scale * e[j] }
      }
    }
    if logP != nil {
      for part in 1..<max(parallel.threads, 1) where parallel.threads > 1 {
        for j in 0..<m { sums.pointer[j] += sums.pointer[part * m + j] }
      }
    }
    return sums
  }

  /// Axis by axis: plain sums with the maximum of each line subtracted where that keeps enough
  /// digits, else the exponents one by one.
  private func grid(
    _ axes: [BarycentreProblem.GridAxis], _ x: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let longest = axes.reduce(1) { max($0, $1.count) }
    let room = try Buffer<Double>(count: 2 * longest * parallel.threads)
    for i in 0..<n { out[i] = x[i] }
    var inner = n
    for axis in axes {
      let s = axis.count
      inner /= s
      let kernel = try Buffer<Double>(count: 2 * s)
      let exponents = kernel.pointer + s
      for k in 0..<s {
        let side = Double(k) * axis.spacing
        exponents[k] = side * side / epsilon
        kernel.pointer[k] = exp(-exponents[k])
      }
      let stride = inner
      parallel.forEach(n / s) { part, first, end in
        let line = room.pointer + part * 2 * longest
        for l in first..<end {
          self.line(
            out + (l / stride * stride * s + l % stride), stride, s, kernel.pointer, exponents,
            line, line + longest)
        }
      }
    }
  }

  private func line(
    _ x: UnsafeMutablePointer<Double>, _ stride: Int, _ s: Int, _ kernel: UnsafePointer<Double>,
    _ exponents: UnsafePointer<Double>, _ old: UnsafeMutablePointer<Double>,
    _ values: UnsafeMutablePointer<Double>
  ) {
    var high = -Double.infinity
    for j in 0..<s {
      old[j] = x[j * stride]
      high = max(high, old[j])
    }
    guard high > -.infinity else { return }
    for j in 0..<s { values[j] = old[j] - high }
    kn_exp_f64(values, values, Int64(s))
    for i in 0..<s {
      var sum = 0.0
      for j in 0...i { sum += kernel[i &- j] * values[j] }
      for j in (i &+ 1)..<max(s, i &+ 1) { sum += kernel[j &- i] * values[j] }
      if sum >= 1e-270 {
        x[i * stride] = high + log(sum)
        continue
      }
      var top = -Double.infinity
      for j in 0..<s { top = max(top, old[j] - exponents[abs(i - j)]) }
      sum = 0
      for j in 0..<s { sum += exp(old[j] - exponents[abs(i - j)] - top) }
      x[i * stride] = top + log(sum)
    }
  }
}
