import CKantorKernels
import KantorCore
import KantorNumerics

/// The size of the costs between points with mass: one pass.
struct CostSummary {
  /// Mean under the product of the weights, over pairs that are not forbidden.
  private(set) var mean = 0.0
  private(set) var least = Double.infinity
  private(set) var largest = -Double.infinity
  private(set) var hasForbiddenPairs = false

  init(_ problem: TransportProblem, _ monitor: Monitor) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    let row = try Buffer<Double>(count: m)
    var cost = problem.geometry.cost
    var (sum, weight) = (0.0, 0.0)
    let (c, b) = (row.pointer, problem.b.pointer)
    var massive = 0
    for j in 0..<m where b[j] > 0 { massive += 1 }
    for i in 0..<n where problem.a.pointer[i] > 0 {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), c)
      var (rowSum, rowWeight, allowed) = (0.0, 0.0, 0)
      for j in 0..<m where b[j] > 0 && c[j] < .infinity {
        allowed += 1
        rowSum += b[j] * c[j]
        rowWeight += b[j]
        least = min(least, c[j])
        largest = max(largest, c[j])
      }
      if allowed < massive { hasForbiddenPairs = true }
      sum += problem.a.pointer[i] * rowSum
      weight += problem.a.pointer[i] * rowWeight
      if i & 255 == 255, monitor.heartbeat() != nil { break }
    }
    mean = weight > 0 ? sum / weight : 0
  }

  /// How far costs lie apart: what epsilon is compared with.
  var spread: Double { largest > least ? mean - least : 0 }

  /// 0.05 times the mean cost; where that is not positive, of the mean above the least cost; 1 for
  /// costs that are all the same.
  var automaticEpsilon: Double {
    if mean > 0 { return 0.05 * mean }
    return spread > 0 ? 0.05 * spread : 1
  }
}
