import Glibc
import KantorCore

/// Derivatives of point costs with respect to the points, from the caller's own points.
///
/// Where a cost has no derivative, at coincident points and at the origin of the cosine, the
/// subgradient 0 is taken; per coordinate for the l1 metric.
struct CostDerivative {
  let dimension: Int
  private let n: Int
  fileprivate let m: Int
  fileprivate let x: UnsafePointer<Double>
  fileprivate let y: UnsafePointer<Double>
  fileprivate let metric: Metric
  fileprivate let power: Double
  private let owners: [AnyObject]

  /// nil for dense costs, which have no points.
  init?(_ geometry: Geometry) {
    guard case .points(let x, let y, let d, let metric, let power) = geometry.source else {
      return nil
    }
    (n, m, dimension) = (geometry.n, geometry.m, d)
    (self.x, self.y) = (UnsafePointer(x.pointer), UnsafePointer(y.pointer))
    self.metric = metric
    self.power = power
    owners = [x, y]
  }

  /// Adds weights[j] dc(x_i, y_j)/dx_i to row i of `gx` and weights[j] dc(x_i, y_j)/dy_j to row j
  /// of `gy`; nil leaves a side out.
  func add(
    _ i: Int, _ weights: UnsafePointer<Double>, _ gx: UnsafeMutablePointer<Double>?,
    _ gy: UnsafeMutablePointer<Double>?
  ) {
    for j in 0..<m where weights[j] != 0 { add(i, j, weights[j], gx, gy) }
  }

  /// The same for one pair.
  @inline(__always)
  func add(
    _ i: Int, _ j: Int, _ weight: Double, _ gx: UnsafeMutablePointer<Double>?,
    _ gy: UnsafeMutablePointer<Double>?
  ) {
    let (p, q) = (x + i &* dimension, y + j &* dimension)
    let (gp, gq) = (gx.map { $0 + i &* dimension }, gy.map { $0 + j &* dimension })
    switch metric {
    case .l1:
      for k in 0..<dimension {
        let difference = p[k] - q[k]
        let step = difference > 0 ? weight : difference < 0 ? -weight : 0
        gp?[k] += step
        gq?[k] -= step
      }
    case .cosine:
      addCosine(p, q, weight, gp, gq)
    case .sqeuclidean, .euclidean, .power:
      let scale = weight * radial(p, q)
      for k in 0..<dimension {
        let step = scale * (p[k] - q[k])
        gp?[k] += step
        gq?[k] -= step
      }
    }
  }

  /// c'(r)/r for costs of the distance r.
  @inline(__always)
  private func radial(_ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>) -> Double {
    if metric == .sqeuclidean { return 2 }
    var square = 0.0
    for k in 0..<dimension { square += (p[k] - q[k]) * (p[k] - q[k]) }
    return slope(square: square)
  }

  /// c'(r)/r for a power of the distance r, by its square.
  @inline(__always)
  fileprivate func slope(square: Double) -> Double {
    guard square > 0 else { return 0 }
    if metric == .euclidean { return 1 / square.squareRoot() }
    return power * pow(square, 0.5 * power - 1)
  }

  /// c = 1 - p.q / (|p| |q|)
  @inline(__always)
  private func addCosine(
    _ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>, _ weight: Double,
    _ gp: UnsafeMutablePointer<Double>?, _ gq: UnsafeMutablePointer<Double>?
  ) {
    var (pp, qq, pq) = (0.0, 0.0, 0.0)
    for k in 0..<dimension {
      pp += p[k] * p[k]
      qq += q[k] * q[k]
      pq += p[k] * q[k]
    }
    guard pp > 0, qq > 0 else { return }
    let scale = -weight / (pp * qq).squareRoot()
    for k in 0..<dimension {
      gp?[k] += scale * (q[k] - pq / pp * p[k])
      gq?[k] += scale * (p[k] - pq / qq * q[k])
    }
  }
}

/// The same between sources and a group of targets that they have in common: the targets'
/// coordinates, and what is added to their gradients, stand side by side, coordinate by coordinate.
/// For every metric but `cosine`.
struct GroupDerivative {
  private let cost: CostDerivative
  private let places: Buffer<Double>
  private let sums: Buffer<Double>
  private let scales: Buffer<Double>

  init(_ cost: CostDerivative) throws(KantorError) {
    self.cost = cost
    let size = try checkedProduct(cost.m, cost.dimension, of: "points")
    places = try Buffer(count: size)
    sums = try Buffer(count: size)
    scales = try Buffer(count: cost.m)
  }

  func begin(_ targets: PlanRows.Targets) {
    let d = cost.dimension
    for c in 0..<d {
      let (to, sum) = (places.pointer + c * cost.m, sums.pointer + c * cost.m)
      for k in 0..<targets.count {
        to[k] = cost.y[Int(targets.number[k]) &* d &+ c]
        sum[k] = 0
      }
    }
  }

  /// Adds weights[k] dc/dx_i to row i of `gx`, and keeps weights[k] dc/dy for `end`.
  func add(
    _ i: Int, _ count: Int, _ weights: UnsafePointer<Double>, _ gx: UnsafeMutablePointer<Double>?
  ) {
    let d = cost.dimension
    if cost.metric != .l1 { measure(i, count, weights) }
    let scale = scales.pointer
    for c in 0..<d {
      let (to, sum, x) = (places.pointer + c * cost.m, sums.pointer + c * cost.m, cost.x[i * d + c])
      var total = 0.0
      if cost.metric == .l1 {
        for k in 0..<count {
          let step = x > to[k] ? weights[k] : x < to[k] ? -weights[k] : 0
          total += step
          sum[k] -= step
        }
      } else {
        for k in 0..<count {
          let step = scale[k] * (x - to[k])
          total += step
          sum[k] -= step
        }
      }
      gx?[i * d + c] += total
    }
  }

  /// weights[k] c'(r)/r
  private func measure(_ i: Int, _ count: Int, _ weights: UnsafePointer<Double>) {
    let (d, scale) = (cost.dimension, scales.pointer)
    if cost.metric == .sqeuclidean {
      for k in 0..<count { scale[k] = 2 * weights[k] }
      return
    }
    for k in 0..<count { scale[k] = 0 }
    for c in 0..<d {
      let (to, x) = (places.pointer + c * cost.m, cost.x[i * d + c])
      for k in 0..<count { scale[k] += (x - to[k]) * (x - to[k]) }
    }
    for k in 0..<count { scale[k] = weights[k] * cost.slope(square: scale[k]) }
  }

  func end(_ targets: PlanRows.Targets, _ gy: UnsafeMutablePointer<Double>) {
    let d = cost.dimension
    for c in 0..<d {
      let sum = sums.pointer + c * cost.m
      for k in 0..<targets.count { gy[Int(targets.number[k]) &* d &+ c] += sum[k] }
    }
  }
}
