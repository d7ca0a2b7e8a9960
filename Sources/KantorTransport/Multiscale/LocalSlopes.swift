import KantorCore

/// How a potential that is known at the points of a coarse cloud goes on between them: from each
/// point along the plane that fits its neighbours best.
struct LocalSlopes {
  private let tree: PointTree
  private let slope: Buffer<Double>
  private let value: UnsafePointer<Double>

  /// Levels up from a point to the node that holds its neighbours.
  private static let reach = 4

  /// `value` has to outlive the slopes; values that are not finite are taken as 0.
  init(_ tree: PointTree, _ value: UnsafePointer<Double>) throws(KantorError) {
    self.tree = tree
    self.value = value
    let d = tree.dimension
    slope = try Buffer(count: tree.count * d)
    guard d <= PlaneFit.mostDimensions else { return }
    let level = max(0, tree.depth - Self.reach)
    for place in 0..<(1 << level) {
      let range = tree.range(level, place)
      var fit = PlaneFit(d)
      for i in range { fit.add(tree.points.pointer + i * d, finite(i)) }
      let first = slope.pointer + range.lowerBound * d
      fit.solve(first)
      for i in range.dropFirst() { (slope.pointer + i * d).update(from: first, count: d) }
    }
  }

  /// The potential at a point near coarse point `i`.
  @inline(__always)
  func at(_ point: UnsafePointer<Double>, near i: Int) -> Double {
    let d = tree.dimension
    var sum = finite(i)
    for k in 0..<d {
      sum += slope.pointer[i &* d &+ k] * (point[k] - tree.points.pointer[i &* d &+ k])
    }
    return sum
  }

  @inline(__always)
  private func finite(_ i: Int) -> Double { value[i].isFinite ? value[i] : 0 }
}
