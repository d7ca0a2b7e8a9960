import CKantorKernels
import KantorCore
import KantorNumerics

/// A feasible plan near P, kept implicitly: P'_ij = x_i P_ij y_j + e_i d_j / s.
///
/// Source: J. Altschuler, J. Weed, P. Rigollet, "Near-linear time approximation algorithms for
/// optimal transport via Sinkhorn iteration" (2017), algorithm 2.
package struct Rounding: Sendable {
  package let x: Buffer<Double>
  package let y: Buffer<Double>
  package let logX: Buffer<Double>
  package let logY: Buffer<Double>
  /// Marginals of x P y, all at most a and b.
  package let rowsBefore: Buffer<Double>
  package let columnsBefore: Buffer<Double>
  /// What is missing: e = a - rows, d = b - columns; s is their common sum.
  package let e: Buffer<Double>
  package let d: Buffer<Double>
  package let rest: Double
  /// <x P y, C> and |x P y|.
  package let cost: Double
  package let total: Double

  package init(
    x: Buffer<Double>, y: Buffer<Double>, rowsBefore: Buffer<Double>,
    columnsBefore: Buffer<Double>, costs: Buffer<Double>, a: UnsafePointer<Double>,
    b: UnsafePointer<Double>, n: Int, m: Int
  ) throws(KantorError) {
    self.x = x
    self.y = y
    self.rowsBefore = rowsBefore
    self.columnsBefore = columnsBefore
    logX = try Buffer(count: n)
    logY = try Buffer(count: m)
    kn_log_f64(x.pointer, logX.pointer, Int64(n))
    kn_log_f64(y.pointer, logY.pointer, Int64(m))
    e = try Buffer(count: n)
    d = try Buffer(count: m)
    var (missing, value, mass) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      e.pointer[i] = max(0, a[i] - rowsBefore.pointer[i])
      missing.add(e.pointer[i])
      value.add(costs.pointer[i])
      mass.add(rowsBefore.pointer[i])
    }
    for j in 0..<m { d.pointer[j] = max(0, b[j] - columnsBefore.pointer[j]) }
    rest = missing.value
    cost = value.value
    total = mass.value
  }

  /// sum_ij R_ij log(R_ij / (a_i b_j)) of the rest R = e d^T / s.
  package func logRest(
    a: UnsafePointer<Double>, b: UnsafePointer<Double>
  ) throws(KantorError) -> Double {
    var sum = CompensatedSum()
    try addLogs(e, a, &sum)
    try addLogs(d, b, &sum)
    var (input, output) = (rest, 0.0)
    kn_log_f64(&input, &output, 1)
    sum.add(-rest * output)
    return sum.value
  }

  private func addLogs(
    _ part: Buffer<Double>, _ weights: UnsafePointer<Double>, _ sum: inout CompensatedSum
  ) throws(KantorError) {
    let ratio = try Buffer<Double>(count: part.count)
    for i in 0..<part.count where weights[i] > 0 {
      ratio.pointer[i] = part.pointer[i] / weights[i]
    }
    kn_log_f64(ratio.pointer, ratio.pointer, Int64(part.count))
    for i in 0..<part.count where part.pointer[i] > 0 {
      sum.add(part.pointer[i] * ratio.pointer[i])
    }
  }

  /// What the rest adds at (i, j).
  @inline(__always)
  package func added(_ i: Int, _ j: Int) -> Double {
    rest > 0 ? e.pointer[i] * d.pointer[j] / rest : 0
  }
}
