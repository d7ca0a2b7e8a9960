import Glibc
import KantorCore

/// Costs for the checker, read from the caller's own data by code that no method uses: points are
/// neither centred nor normalised beforehand, f32 costs are widened.
package struct CheckedCost: @unchecked Sendable {
  private enum Kind {
    case dense64(UnsafePointer<Double>, stride: Int)
    case dense32(UnsafePointer<Float>, stride: Int)
    case points(Metric, power: Double)
  }

  package let n: Int
  package let m: Int
  private let kind: Kind
  private let dimension: Int
  private let x: UnsafePointer<Double>?
  /// Targets with one coordinate after the other, so that a row of costs runs along memory.
  private let yByCoordinate: UnsafePointer<Double>?
  private let owner: AnyObject?

  package init(_ geometry: Geometry) throws(KantorError) {
    n = geometry.n
    m = geometry.m
    switch geometry.source {
    case .dense(let tensor):
      if tensor.type == .f32 {
        kind = .dense32(
          UnsafePointer(tensor.base.assumingMemoryBound(to: Float.self)), stride: tensor.strides[0])
      } else {
        kind = .dense64(
          UnsafePointer(tensor.base.assumingMemoryBound(to: Double.self)),
          stride: tensor.strides[0])
      }
      dimension = 0
      x = nil
      yByCoordinate = nil
      owner = tensor.owner
    case .points(let x, let y, let d, let metric, let power):
      let turned = try Buffer<Double>(count: try checkedProduct(m, d, of: "points_target"))
      for j in 0..<m {
        for k in 0..<d { turned.pointer[k * m + j] = y.pointer[j * d + k] }
      }
      kind = .points(metric, power: power)
      dimension = d
      self.x = UnsafePointer(x.pointer)
      yByCoordinate = UnsafePointer(turned.pointer)
      owner = turned
    }
  }

  /// A dense row-major matrix of the caller.
  package init(dense: UnsafePointer<Double>, n: Int, m: Int) {
    self.n = n
    self.m = m
    kind = .dense64(dense, stride: m)
    dimension = 0
    x = nil
    yByCoordinate = nil
    owner = nil
  }

  /// Room that `row` needs.
  package var scratchCount: Int { 2 * m }

  /// The m costs of source i; they may lie in `scratch`.
  @inline(__always)
  package func row(_ i: Int, _ scratch: UnsafeMutablePointer<Double>) -> UnsafePointer<Double> {
    switch kind {
    case .dense64(let base, let stride):
      return base + i &* stride
    case .dense32(let base, let stride):
      let row = base + i &* stride
      for j in 0..<m { scratch[j] = Double(row[j]) }
    case .points(let metric, let power):
      pointRow(i, metric, power, scratch)
    }
    return UnsafePointer(scratch)
  }

  package func entry(_ i: Int, _ j: Int) -> Double {
    switch kind {
    case .dense64(let base, let stride): return base[i &* stride &+ j]
    case .dense32(let base, let stride): return Double(base[i &* stride &+ j])
    case .points(let metric, let power): return pairCost(i, j, metric, power)
    }
  }

  private func pointRow(
    _ i: Int, _ metric: Metric, _ power: Double, _ out: UnsafeMutablePointer<Double>
  ) {
    guard let x, let y = yByCoordinate else { return }
    let point = x + i &* dimension
    if metric == .cosine {
      cosineRow(point, y, out)
    } else {
      Self.row(point, y, stride: m, count: m, dimension: dimension, metric, power, out)
    }
  }

  /// Costs of one point to others that are given by coordinates, `stride` apart; not for cosines.
  package static func row(
    _ point: UnsafePointer<Double>, _ y: UnsafePointer<Double>, stride: Int, count: Int,
    dimension: Int, _ metric: Metric, _ power: Double, _ out: UnsafeMutablePointer<Double>
  ) {
    for j in 0..<count { out[j] = 0 }
    for k in 0..<dimension {
      let (p, q) = (point[k], y + k &* stride)
      if metric == .l1 {
        for j in 0..<count { out[j] += abs(p - q[j]) }
      } else {
        for j in 0..<count {
          let difference = p - q[j]
          out[j] += difference * difference
        }
      }
    }
    if metric == .euclidean { for j in 0..<count { out[j].formSquareRoot() } }
    if metric == .power { for j in 0..<count { out[j] = pow(out[j], power / 2) } }
  }

  /// 1 - x.y / (|x| |y|); a point at the origin has the cosine 0 with everything.
  private func cosineRow(
    _ point: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) {
    let squares = out + m
    for j in 0..<m {
      out[j] = 0
      squares[j] = 0
    }
    var own = 0.0
    for k in 0..<dimension {
      let (p, q) = (point[k], y + k &* m)
      own += p * p
      for j in 0..<m {
        out[j] += p * q[j]
        squares[j] += q[j] * q[j]
      }
    }
    let length = own.squareRoot()
    for j in 0..<m {
      let product = length * squares[j].squareRoot()
      out[j] = product > 0 ? 1 - out[j] / product : 1
    }
  }

  private func pairCost(_ i: Int, _ j: Int, _ metric: Metric, _ power: Double) -> Double {
    guard let x, let y = yByCoordinate else { return .nan }
    let point = x + i &* dimension
    var (sum, own, other) = (0.0, 0.0, 0.0)
    for k in 0..<dimension {
      let (p, q) = (point[k], y[k &* m &+ j])
      switch metric {
      case .l1: sum += abs(p - q)
      case .cosine:
        sum += p * q
        own += p * p
        other += q * q
      case .sqeuclidean, .euclidean, .power: sum += (p - q) * (p - q)
      }
    }
    switch metric {
    case .sqeuclidean, .l1: return sum
    case .euclidean: return sum.squareRoot()
    case .power: return pow(sum, power / 2)
    case .cosine:
      let product = own.squareRoot() * other.squareRoot()
      return product > 0 ? 1 - sum / product : 1
    }
  }
}
