import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// Points for the checker of large clouds, sorted along a space-filling curve and cut into blocks,
/// blocks into blocks of blocks, each with its bounding box. No method uses any of it.
package struct CheckedBlocks: Sendable {
  /// Sorted place -> the caller's number.
  package let order: Buffer<Int32>
  /// One coordinate after the other, `count` apart, in sorted order.
  package let coordinate: Buffer<Double>
  package let count: Int
  package let dimension: Int
  /// Boxes from the smallest blocks up.
  package let tiers: [Tier]

  package struct Tier: Sendable {
    /// Points in a block; the last may have fewer.
    package let size: Int
    package let count: Int
    package let low: Buffer<Double>
    package let high: Buffer<Double>
  }

  private static let smallest = 32
  private static let ratio = 16
  /// Bits of each of up to three coordinates in the place along the curve, which is a number of
  /// at most 51 bits and so exact in f64.
  private static let bits = 17

  package init(
    _ points: UnsafePointer<Double>, count: Int, dimension d: Int
  ) throws(KantorError) {
    self.count = count
    dimension = d
    order = try Buffer(count: count)
    coordinate = try Buffer(count: try checkedProduct(count, d, of: "points"))
    let keys = try Self.places(points, count, d)
    let work = try Buffer<UInt64>(count: 2 * count + 2)
    kn_argsort_f64(keys.pointer, Int64(count), order.pointer, work.pointer)
    for place in 0..<count {
      let i = Int(order.pointer[place])
      for k in 0..<d { coordinate.pointer[k * count + place] = points[i * d + k] }
    }
    var tiers: [Tier] = []
    var size = Self.smallest
    while true {
      tiers.append(try Self.tier(coordinate, count, d, size))
      if size >= count { break }
      size *= Self.ratio
    }
    self.tiers = tiers
  }

  /// Z-order: the bits of the three widest coordinates, interleaved.
  private static func places(
    _ points: UnsafePointer<Double>, _ count: Int, _ d: Int
  ) throws(KantorError) -> Buffer<Double> {
    var low = [Double](repeating: .infinity, count: d)
    var high = [Double](repeating: -.infinity, count: d)
    for i in 0..<count {
      for k in 0..<d {
        low[k] = min(low[k], points[i * d + k])
        high[k] = max(high[k], points[i * d + k])
      }
    }
    let widest = (0..<d).sorted { high[$0] - low[$0] > high[$1] - low[$1] }.prefix(3)
    let keys = try Buffer<Double>(count: count)
    let cells = Double(1 << bits)
    for i in 0..<count {
      var key: UInt64 = 0
      for (place, k) in widest.enumerated() {
        let width = high[k] - low[k]
        let share = width > 0 ? (points[i * d + k] - low[k]) / width : 0
        let cell = UInt64(min(max(share * cells, 0), cells - 1))
        for bit in 0..<bits {
          key |= (cell >> UInt64(bit) & 1) << UInt64(bit * widest.count + place)
        }
      }
      keys.pointer[i] = Double(key)
    }
    return keys
  }

  private static func tier(
    _ coordinate: Buffer<Double>, _ count: Int, _ d: Int, _ size: Int
  ) throws(KantorError) -> Tier {
    let blocks = (count + size - 1) / size
    let low = try Buffer<Double>(count: blocks * d)
    let high = try Buffer<Double>(count: blocks * d)
    for block in 0..<blocks {
      for k in 0..<d {
        var (least, most) = (Double.infinity, -Double.infinity)
        for place in (block * size)..<min(count, (block + 1) * size) {
          least = min(least, coordinate.pointer[k * count + place])
          most = max(most, coordinate.pointer[k * count + place])
        }
        low.pointer[block * d + k] = least
        high.pointer[block * d + k] = most
      }
    }
    return Tier(size: size, count: blocks, low: low, high: high)
  }

  package func range(_ tier: Int, _ block: Int) -> Range<Int> {
    let size = tiers[tier].size
    return (block * size)..<min(count, (block + 1) * size)
  }

  /// The blocks of the next lower tier that make up one.
  package func children(_ tier: Int, _ block: Int) -> Range<Int> {
    let first = block * Self.ratio
    return first..<min(tiers[tier - 1].count, first + Self.ratio)
  }

  /// Bounds of the costs between a block of `x` and one of `y`.
  package static func costs(
    _ metric: Metric, _ power: Double, _ x: CheckedBlocks, _ tierX: Int, _ a: Int,
    _ y: CheckedBlocks, _ tierY: Int, _ b: Int
  ) -> (least: Double, most: Double) {
    let (d, s, t) = (x.dimension, x.tiers[tierX], y.tiers[tierY])
    let (lowX, highX) = (s.low.pointer + a * d, s.high.pointer + a * d)
    let (lowY, highY) = (t.low.pointer + b * d, t.high.pointer + b * d)
    var (near, far) = (0.0, 0.0)
    for k in 0..<d {
      let gap = max(0, lowX[k] - highY[k], lowY[k] - highX[k])
      let span = max(highX[k] - lowY[k], highY[k] - lowX[k])
      near += metric == .l1 ? gap : gap * gap
      far += metric == .l1 ? span : span * span
    }
    return (cost(near, metric, power), cost(far, metric, power))
  }

  private static func cost(_ sum: Double, _ metric: Metric, _ power: Double) -> Double {
    switch metric {
    case .sqeuclidean, .l1: return sum
    case .euclidean: return sum.squareRoot()
    case .power: return pow(sum, power / 2)
    case .cosine: return 0
    }
  }
}
