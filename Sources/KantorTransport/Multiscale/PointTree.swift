import Glibc
import KantorCore
import KantorNumerics

/// A balanced k-d tree over weighted points, which also holds them sorted, so that every node is
/// a run of neighbours.
///
/// Level l has 2^l nodes; node p holds the places p count / 2^l up to (p + 1) count / 2^l. The
/// widest side of a node's box is cut at the median.
package final class PointTree: @unchecked Sendable {
  package let count: Int
  package let dimension: Int
  /// The lowest level; its nodes have one to three points.
  package let depth: Int
  /// Row-major, sorted.
  package let points: Buffer<Double>
  /// Sorted likewise; their sum is 1 for a whole cloud.
  package let weights: Buffer<Double>
  /// Sorted place -> the caller's number.
  package let order: Buffer<Int32>
  /// Boxes of all nodes, level by level.
  private let low: Buffer<Double>
  private let high: Buffer<Double>

  package init(
    _ source: Buffer<Double>, weights given: Buffer<Double>, dimension: Int, threads: Int
  ) throws(KantorError) {
    count = given.count
    self.dimension = dimension
    depth = Self.depth(count)
    points = try source.copy()
    weights = try Buffer(count: count)
    order = try Buffer(count: count)
    let nodes = (2 << depth) - 1
    low = try Buffer(count: try checkedProduct(nodes, dimension, of: "boxes"))
    high = try Buffer(count: nodes * dimension)
    for i in 0..<count { order.pointer[i] = Int32(truncatingIfNeeded: i) }
    sort(threads: threads)
    for i in 0..<count { weights.pointer[i] = given.pointer[Int(order.pointer[i])] }
    fillBoxes()
  }

  /// The nodes of a level as points: their masses at their centres of mass.
  init(coarsening tree: PointTree, to level: Int) throws(KantorError) {
    count = 1 << level
    dimension = tree.dimension
    depth = level
    points = try Buffer(count: count * dimension)
    weights = try Buffer(count: count)
    order = try Buffer(count: count)
    let nodes = (2 << level) - 1
    low = try Buffer(count: nodes * dimension)
    high = try Buffer(count: nodes * dimension)
    let d = dimension
    for p in 0..<count {
      order.pointer[p] = Int32(truncatingIfNeeded: p)
      let range = tree.range(level, p)
      var mass = 0.0
      for i in range { mass += tree.weights.pointer[i] }
      weights.pointer[p] = mass
      for k in 0..<d {
        var sum = 0.0
        for i in range {
          let share = mass > 0 ? tree.weights.pointer[i] / mass : 1 / Double(range.count)
          sum += share * tree.points.pointer[i * d + k]
        }
        points.pointer[p * d + k] = sum
      }
    }
    fillBoxes()
  }

  /// Levels until nodes have at most three points.
  private static func depth(_ count: Int) -> Int {
    var depth = 0
    while count >> depth > 2 { depth += 1 }
    return depth
  }

  @inline(__always)
  func first(_ level: Int, _ place: Int) -> Int { (place &* count) >> level }
  @inline(__always)
  package func range(_ level: Int, _ place: Int) -> Range<Int> {
    first(level, place)..<first(level, place &+ 1)
  }
  /// Where a node's figures stand in lists of all nodes.
  @inline(__always)
  package static func number(_ level: Int, _ place: Int) -> Int { (1 << level) &- 1 &+ place }

  /// The level whose nodes have at most `size` points; the lowest if there is none.
  package func level(ofSize size: Int) -> Int {
    var level = 0
    while level < depth, (count + (1 << level) - 1) >> level > size { level += 1 }
    return level
  }

  @inline(__always)
  package func lowCorner(_ node: Int) -> UnsafePointer<Double> {
    UnsafePointer(low.pointer + node &* dimension)
  }
  @inline(__always)
  package func highCorner(_ node: Int) -> UnsafePointer<Double> {
    UnsafePointer(high.pointer + node &* dimension)
  }

  // MARK: Making

  /// Levels that are cut one after the other before threads work on nodes of their own.
  private static let sharedLevels = 4

  private func sort(threads: Int) {
    let shared = min(Self.sharedLevels, depth)
    for level in 0..<shared { for place in 0..<(1 << level) { cut(level, place) } }
    Parallel(threads: threads).forEach(1 << shared) { _, begin, end in
      for place in begin..<end {
        for level in shared..<max(depth, shared) {
          let first = place << (level - shared)
          for node in first..<(first + (1 << (level - shared))) { cut(level, node) }
        }
      }
    }
  }

  private func cut(_ level: Int, _ place: Int) {
    let range = range(level, place)
    let middle = first(level + 1, 2 * place + 1)
    guard range.count > 1, middle > range.lowerBound else { return }
    select(range, middle, axis: widestAxis(range))
  }

  private func widestAxis(_ range: Range<Int>) -> Int {
    var (axis, widest) = (0, -1.0)
    for k in 0..<dimension {
      var (least, most) = (Double.infinity, -Double.infinity)
      for i in range {
        let value = points.pointer[i &* dimension &+ k]
        least = min(least, value)
        most = max(most, value)
      }
      if most - least > widest { (axis, widest) = (k, most - least) }
    }
    return axis
  }

  /// Hoare's selection: afterwards nothing before `middle` is larger than anything from it on.
  private func select(_ range: Range<Int>, _ middle: Int, axis: Int) {
    var (begin, end) = (range.lowerBound, range.upperBound - 1)
    while begin < end {
      let pivot = median(key(begin, axis), key((begin + end) / 2, axis), key(end, axis))
      var (i, j) = (begin, end)
      while i <= j {
        while key(i, axis) < pivot { i += 1 }
        while key(j, axis) > pivot { j -= 1 }
        if i <= j {
          swap(i, j)
          i += 1
          j -= 1
        }
      }
      if middle <= j { end = j } else if middle >= i { begin = i } else { return }
    }
  }

  @inline(__always)
  private func key(_ i: Int, _ axis: Int) -> Double { points.pointer[i &* dimension &+ axis] }

  private func median(_ a: Double, _ b: Double, _ c: Double) -> Double {
    max(min(a, b), min(max(a, b), c))
  }

  @inline(__always)
  private func swap(_ i: Int, _ j: Int) {
    guard i != j else { return }
    for k in 0..<dimension {
      let value = points.pointer[i &* dimension &+ k]
      points.pointer[i &* dimension &+ k] = points.pointer[j &* dimension &+ k]
      points.pointer[j &* dimension &+ k] = value
    }
    let number = order.pointer[i]
    order.pointer[i] = order.pointer[j]
    order.pointer[j] = number
  }

  /// From the lowest level up.
  private func fillBoxes() {
    let d = dimension
    for place in 0..<(1 << depth) {
      let node = Self.number(depth, place)
      for k in 0..<d {
        var (least, most) = (Double.infinity, -Double.infinity)
        for i in range(depth, place) {
          least = min(least, points.pointer[i * d + k])
          most = max(most, points.pointer[i * d + k])
        }
        low.pointer[node * d + k] = least
        high.pointer[node * d + k] = most
      }
    }
    for level in stride(from: depth - 1, through: 0, by: -1) {
      for place in 0..<(1 << level) {
        let node = Self.number(level, place) * d
        let left = Self.number(level + 1, 2 * place) * d
        for k in node..<(node + d) {
          let child = left + k - node
          low.pointer[k] = min(low.pointer[child], low.pointer[child + d])
          high.pointer[k] = max(high.pointer[child], high.pointer[child + d])
        }
      }
    }
  }
}

/// Bounds of the costs between boxes.
package struct BoxCost {
  package let metric: Metric
  package let power: Double
  package let dimension: Int

  package init(metric: Metric, power: Double, dimension: Int) {
    self.metric = metric
    self.power = power
    self.dimension = dimension
  }

  /// No point of one box is nearer to one of the other than this.
  @inline(__always)
  package func least(_ x: PointTree, _ a: Int, _ y: PointTree, _ b: Int) -> Double {
    let (lowX, highX) = (x.lowCorner(a), x.highCorner(a))
    let (lowY, highY) = (y.lowCorner(b), y.highCorner(b))
    var sum = 0.0
    for k in 0..<dimension {
      let gap = max(0, max(lowY[k] - highX[k], lowX[k] - highY[k]))
      sum += metric == .l1 ? gap : gap * gap
    }
    return cost(sum)
  }

  /// The cost from the centre of a box to its corners: its size.
  func radius(_ tree: PointTree, _ node: Int) -> Double {
    let (low, high) = (tree.lowCorner(node), tree.highCorner(node))
    var sum = 0.0
    for k in 0..<dimension {
      let half = 0.5 * (high[k] - low[k])
      sum += metric == .l1 ? half : half * half
    }
    return cost(sum)
  }

  @inline(__always)
  private func cost(_ sum: Double) -> Double {
    switch metric {
    case .sqeuclidean, .l1: return sum
    case .euclidean: return sum.squareRoot()
    case .power: return pow(sum, 0.5 * power)
    case .cosine: return 0
    }
  }
}
