import Glibc
import KantorCore

/// Derivatives of point costs with respect to the points, from the caller's own points.
///
/// Where a cost has no derivative, at coincident points and at the origin of the cosine, the
/// subgradient 0 is taken; per coordinate for the l1 metric.
struct CostDerivative {
  let dimension: Int
  private let n: Int
  private let m: Int
  private let x: UnsafePointer<Double>
  private let y: UnsafePointer<Double>
  private let metric: Metric
  private let power: Double
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

  /// The same for some targets, whose weights stand side by side.
  func add(
    _ i: Int, _ targets: PlanRows.Targets, _ weights: UnsafePointer<Double>,
    _ gx: UnsafeMutablePointer<Double>?, _ gy: UnsafeMutablePointer<Double>?
  ) {
    for k in 0..<targets.count where weights[k] != 0 {
      add(i, Int(targets.number[k]), weights[k], gx, gy)
    }
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
