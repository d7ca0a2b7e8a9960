import CKantorKernels
import KantorCore
import KantorNumerics

/// The size of the costs between points with mass, over all rows or over a sample of them.
struct CostSummary {
  /// Mean under the product of the weights, over pairs that are not forbidden.
  private(set) var mean = 0.0
  private(set) var least = Double.infinity

  /// Rows that tell the size of the costs well enough to choose levels by.
  static let sampledRows = 200

  init(_ problem: TransportProblem, sampled: Bool, _ monitor: Monitor) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    let costs = try Buffer<Double>(count: m)
    var cost = problem.geometry.cost
    var (sum, weight) = (0.0, 0.0)
    let step = sampled ? 1 + (n - 1) / Self.sampledRows : 1
    let pause = max(1, (1 << 20) / max(m, 1))
    var visited = 0
    for i in stride(from: 0, to: n, by: step) where problem.a.pointer[i] > 0 {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), costs.pointer)
      let part = Self.sums(costs.pointer, problem.b.pointer, m)
      least = min(least, part.least)
      sum += problem.a.pointer[i] * part.cost
      weight += problem.a.pointer[i] * part.weight
      visited += 1
      if visited % pause == 0, monitor.heartbeat() != nil { break }
    }
    mean = weight > 0 ? sum / weight : 0
  }

  /// sum b c and sum b over finite c, and the least c.
  private static func sums(
    _ c: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ m: Int
  ) -> (cost: Double, weight: Double, least: Double) {
    typealias Lanes = SIMD8<Double>
    var (cost, weight, low) = (Lanes.zero, Lanes.zero, Lanes(repeating: .infinity))
    var j = 0
    while j &+ 8 <= m {
      var value = UnsafeRawPointer(c + j).loadUnaligned(as: Lanes.self)
      var mass = UnsafeRawPointer(b + j).loadUnaligned(as: Lanes.self)
      low.replace(with: value, where: value .< low)
      let isForbidden = value .== Lanes(repeating: .infinity)
      value.replace(with: Lanes.zero, where: isForbidden)
      mass.replace(with: Lanes.zero, where: isForbidden)
      cost += mass * value
      weight += mass
      j &+= 8
    }
    var total = (cost.sum(), weight.sum(), low.min())
    while j < m {
      if c[j] < .infinity {
        total.0 += b[j] * c[j]
        total.1 += b[j]
        total.2 = min(total.2, c[j])
      }
      j &+= 1
    }
    return total
  }

  /// How far costs lie apart: what epsilon is compared with.
  var spread: Double { mean > least ? mean - least : 0 }

  /// 0.05 times the mean cost; where that is not positive, of the mean above the least cost; 1 for
  /// costs that are all the same.
  var automaticEpsilon: Double {
    if mean > 0 { return 0.05 * mean }
    return spread > 0 ? 0.05 * spread : 1
  }

  /// Points have no forbidden pairs; dense costs are read through.
  static func hasForbiddenPairs(_ geometry: Geometry) throws(KantorError) -> Bool {
    guard !geometry.isPoints else { return false }
    let row = try Buffer<Double>(count: geometry.m)
    var cost = geometry.cost
    for i in 0..<geometry.n {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(geometry.m), row.pointer)
      var largest = -Double.infinity
      for j in 0..<geometry.m { largest = row.pointer[j] > largest ? row.pointer[j] : largest }
      if largest == .infinity { return true }
    }
    return false
  }
}
