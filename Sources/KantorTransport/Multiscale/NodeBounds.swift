import CKantorKernels
import KantorCore

/// Bounds of a potential, u = potential / eps, on the nodes of a tree: the logarithm of the mean of
/// exp(u) under the weights, or where pairs are bounded one by one the largest u, and, for squared
/// distances, a plane that u stays below,
///     u_i <= top + slope . (x_i - c),   c the centre of the node's box.
///
/// With planes on both sides, D = c_A - c_B and half widths h,
///     f_i + g_j - |x_i - y_j|^2 <= top_A + top_B - |D|^2
///         + sum_k |slope_A - 2 D|_k h_A,k + |slope_B + 2 D|_k h_B,k   (in units of eps),
/// which is tight where mass goes, since there the slope of f is 2 D.
package struct NodeBounds {
  let level: Int
  let mean: Buffer<Double>
  private let top: Buffer<Double>
  private let slope: Buffer<Double>
  private let hasPlanes: Bool
  private let tree: PointTree
  private let isRows: Bool
  private let ofPairs: Bool

  /// For the nodes of a level and, for columns, of those above it too; `ofPairs` bounds every pair
  /// and not their means.
  package init(
    _ tree: PointTree, _ metric: Metric, level: Int, isRows: Bool, ofPairs: Bool = false
  ) throws(KantorError) {
    self.tree = tree
    self.level = level
    self.isRows = isRows
    self.ofPairs = ofPairs
    hasPlanes = metric == .sqeuclidean && tree.dimension <= PlaneFit.mostDimensions
    let nodes = (2 << level) - 1
    mean = try Buffer(count: nodes)
    top = try Buffer(count: hasPlanes ? nodes : 0)
    slope = try Buffer(count: hasPlanes ? nodes * tree.dimension : 0)
  }

  /// `exponent` is u + log weight.
  package func update(_ exponent: UnsafePointer<Double>, _ logWeight: UnsafePointer<Double>) {
    for level in (isRows ? self.level : 0)...self.level {
      for place in 0..<(1 << level) { update(level, place, exponent, logWeight) }
    }
  }

  func update(
    _ level: Int, _ place: Int, _ exponent: UnsafePointer<Double>,
    _ logWeight: UnsafePointer<Double>
  ) {
    let (range, node) = (tree.range(level, place), PointTree.number(level, place))
    var mass = 0.0
    for i in range { mass += tree.weights.pointer[i] }
    guard mass > 0 else {
      mean.pointer[node] = -.infinity
      return
    }
    if ofPairs {
      var most = -Double.infinity
      for i in range where tree.weights.pointer[i] > 0 {
        most = max(most, exponent[i] - logWeight[i])
      }
      mean.pointer[node] = most
    } else {
      let sum = kn_logsumexp_f64(exponent + range.lowerBound, Int64(range.count))
      mean.pointer[node] = sum - Double.log(mass)
    }
    guard hasPlanes else { return }
    let d = tree.dimension
    let own = slope.pointer + node * d
    var fit = PlaneFit(d)
    for i in range where tree.weights.pointer[i] > 0 {
      fit.add(tree.points.pointer + i * d, exponent[i] - logWeight[i])
    }
    fit.solve(own)
    let (low, high) = (tree.lowCorner(node), tree.highCorner(node))
    var most = -Double.infinity
    for i in range where tree.weights.pointer[i] > 0 {
      var value = exponent[i] - logWeight[i]
      for k in 0..<d {
        value -= own[k] * (tree.points.pointer[i &* d &+ k] - 0.5 * (low[k] + high[k]))
      }
      most = max(most, value)
    }
    top.pointer[node] = most
  }

  /// A bound of f/eps + g/eps - cost/eps between a node here and one of the other side.
  @inline(__always)
  package func exponent(
    _ node: Int, _ other: NodeBounds, _ otherNode: Int, _ cost: BoxCost, _ inverse: Double
  ) -> Double {
    let plain = mean.pointer[node] + other.mean.pointer[otherNode]
      - cost.least(tree, node, other.tree, otherNode) * inverse
    guard hasPlanes else { return plain }
    let d = tree.dimension
    let (low, high) = (tree.lowCorner(node), tree.highCorner(node))
    let (lowB, highB) = (other.tree.lowCorner(otherNode), other.tree.highCorner(otherNode))
    let (own, across) = (slope.pointer + node * d, other.slope.pointer + otherNode * d)
    var bound = top.pointer[node] + other.top.pointer[otherNode]
    for k in 0..<d {
      let distance = 0.5 * (low[k] + high[k] - lowB[k] - highB[k])
      let tilt = 2 * distance * inverse
      bound -= distance * distance * inverse
      bound += abs(own[k] - tilt) * (0.5 * (high[k] - low[k]))
      bound += abs(across[k] + tilt) * (0.5 * (highB[k] - lowB[k]))
    }
    return min(plain, bound)
  }
}

/// The plane that fits values at some points best, by least squares.
struct PlaneFit {
  private let d: Int
  private var count = 0.0
  private var mean = 0.0
  private var centre: [Double]
  private var matrix: [Double]
  private var right: [Double]

  static let mostDimensions = 16
  /// Relative to the spread of the points, what keeps flat sets solvable.
  private static let ridge = 1e-3

  init(_ dimension: Int) {
    d = dimension
    centre = [Double](repeating: 0, count: d)
    matrix = [Double](repeating: 0, count: d * d)
    right = [Double](repeating: 0, count: d)
  }

  mutating func add(_ x: UnsafePointer<Double>, _ value: Double) {
    // Running means, so that nothing cancels far from the origin.
    count += 1
    let step = value - mean
    let share = (count - 1) / count
    for k in 0..<d {
      let own = x[k] - centre[k]
      right[k] += share * own * step
      for l in 0...k { matrix[k * d + l] += share * own * (x[l] - centre[l]) }
    }
    for k in 0..<d { centre[k] += (x[k] - centre[k]) / count }
    mean += step / count
  }

  /// Writes the slope; 0 where the points do not tell.
  mutating func solve(_ slope: UnsafeMutablePointer<Double>) {
    var trace = 0.0
    for k in 0..<d { trace += matrix[k * d + k] }
    for k in 0..<d { slope[k] = 0 }
    guard trace > 0, trace.isFinite else { return }
    for k in 0..<d {
      matrix[k * d + k] += Self.ridge * trace / Double(d)
      for l in 0..<k { matrix[l * d + k] = matrix[k * d + l] }
    }
    for k in 0..<d {
      for i in (k + 1)..<max(d, k + 1) {
        let factor = matrix[i * d + k] / matrix[k * d + k]
        for l in k..<d { matrix[i * d + l] -= factor * matrix[k * d + l] }
        right[i] -= factor * right[k]
      }
    }
    for k in stride(from: d - 1, through: 0, by: -1) {
      for l in (k + 1)..<max(d, k + 1) { right[k] -= matrix[k * d + l] * right[l] }
      right[k] /= matrix[k * d + k]
    }
    for k in 0..<d where right[k].isFinite { slope[k] = right[k] }
  }
}
