import KantorCore

/// The pairs of two clouds whose exponents phi_i + gamma_j - C_ij/eps may exceed a cut: for each
/// group of neighbouring sources a list of targets. No pair above the cut is missing.
///
/// Points with an exponent of -infinity are in no pair.
package final class NearPairs: @unchecked Sendable {
  private let x: PointTree
  private let y: PointTree
  private let walk: NodeWalk
  private let inverse: Double
  private let cut: Double
  private let rowLevel: Int

  /// Fewer pairs than this are as soon gone through as sorted.
  package static let leastPairs = 1 << 22
  private static let groupRows = 64
  private static let groupColumns = 32
  /// Share of the tolerance that rows and columns of a plan may lack.
  private static let leftOut = 0.01
  /// What rounding may add to an exponent that its bound does not have.
  private static let rounding = 1e-6

  /// nil where boxes tell nothing of the costs, and for few pairs.
  package init?(
    _ geometry: Geometry, phi: Buffer<Double>, gamma: Buffer<Double>, epsilon: Double,
    cut: Double, leastPairs: Int = NearPairs.leastPairs
  ) throws(KantorError) {
    guard case .points(let px, let py, let d, let metric, let power) = geometry.source,
      metric != .cosine, Double(phi.count) * Double(gamma.count) >= Double(leastPairs)
    else { return nil }
    (inverse, self.cut) = (1 / epsilon, cut - Self.rounding)
    x = try Self.tree(px, phi, d)
    y = try Self.tree(py, gamma, d)
    rowLevel = x.level(ofSize: Self.groupRows)
    walk = NodeWalk(
      rows: try Self.bounds(x, phi, metric, x.level(ofSize: Self.groupRows), isRows: true),
      columns: try Self.bounds(y, gamma, metric, y.level(ofSize: Self.groupColumns), isRows: false),
      tree: y, cost: BoxCost(metric: metric, power: power, dimension: d))
  }

  /// Points count alike: bounds are of single pairs.
  private static func tree(
    _ points: Buffer<Double>, _ exponent: Buffer<Double>, _ d: Int
  ) throws(KantorError) -> PointTree {
    let counts = try Buffer<Double>(count: exponent.count)
    for i in 0..<counts.count { counts.pointer[i] = exponent.pointer[i] > -.infinity ? 1 : 0 }
    return try PointTree(points, weights: counts, dimension: d, threads: 1)
  }

  private static func bounds(
    _ tree: PointTree, _ exponent: Buffer<Double>, _ metric: Metric, _ level: Int, isRows: Bool
  ) throws(KantorError) -> NodeBounds {
    let sorted = try Buffer<Double>(count: tree.count)
    for i in 0..<tree.count { sorted.pointer[i] = exponent.pointer[Int(tree.order.pointer[i])] }
    let none = try Buffer<Double>(count: tree.count)
    let bounds = try NodeBounds(tree, metric, level: level, isRows: isRows, ofPairs: true)
    bounds.update(sorted.pointer, none.pointer)
    return bounds
  }

  /// The pairs of a plan a_i b_j exp(phi_i + gamma_j - C_ij/eps) without which every row and column
  /// lacks at most 1/100 of the tolerance: those left out have exponentials below it over the mass.
  convenience init?(
    _ problem: TransportProblem, phi: Buffer<Double>, gamma: Buffer<Double>, epsilon: Double,
    tolerance: Double
  ) throws(KantorError) {
    let share = Self.leftOut * max(tolerance, 1e-14)
    try self.init(
      problem.geometry, phi: phi, gamma: gamma, epsilon: epsilon,
      cut: Double.log(share / problem.mass))
  }

  package var groupCount: Int { 1 << rowLevel }

  /// The caller's numbers of the sources of a group.
  package func sources(_ group: Int) -> UnsafeBufferPointer<Int32> {
    let range = x.range(rowLevel, group)
    return UnsafeBufferPointer(start: x.order.pointer + range.lowerBound, count: range.count)
  }

  /// Writes the caller's numbers of the targets that a group looks at, in rising order if asked;
  /// their count. `stack` has room for `NodeWalk.depth` numbers.
  package func targets(
    _ group: Int, _ out: UnsafeMutablePointer<Int32>, isOrdered: Bool,
    stack: UnsafeMutablePointer<Int>
  ) -> Int {
    let node = PointTree.number(rowLevel, group)
    guard walk.rows.mean.pointer[node] > -.infinity else { return 0 }
    var count = 0
    walk.visit(node, inverse, cut, stack) { places in
      (out + count).update(from: y.order.pointer + places.lowerBound, count: places.count)
      count += places.count
    }
    guard isOrdered else { return count }
    var written = UnsafeMutableBufferPointer(start: out, count: count)
    written.sort()
    return count
  }
}
