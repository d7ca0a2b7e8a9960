import KantorCore
import KantorNumerics

/// K measures and a cost of K-tuples of their points, validated. All that belongs to the points of
/// the measures stands one measure after the other.
public final class MultimarginalProblem: SealedProblem, @unchecked Sendable {
  /// A cost between the points of two measures, `weight` times that of the geometry.
  public struct Edge: Sendable {
    public let u: Int
    public let v: Int
    public let geometry: Geometry
    public let weight: Double
  }

  public enum Form: Sendable {
    /// A cost for each tuple, row-major, the last measure fastest.
    case tensor(UnsafeTensor)
    /// The sum of the edges' costs, which form a tree.
    case tree
  }

  /// Memory of the caller or our own, kept alive by its owner.
  public struct UnsafeTensor: @unchecked Sendable {
    public let base: UnsafePointer<Double>
    let owner: AnyObject?
  }

  public let sizes: [Int]
  /// Index of the first point of each measure, and the number of all points at the end.
  public let first: [Int]
  public let weights: Buffer<Double>
  public let mass: Double
  public let edges: [Edge]
  public let form: Form
  /// Tuples; 0 where the tensor is not formed.
  public let cells: Int
  public let costShape: [Int]
  public let pointsShape: [Int]
  public let hasPoints: Bool

  init(
    sizes: [Int], weights: Buffer<Double>, mass: Double, edges: [Edge], form: Form, cells: Int,
    costShape: [Int], pointsShape: [Int], hasPoints: Bool
  ) {
    self.sizes = sizes
    self.weights = weights
    self.mass = mass
    self.edges = edges
    self.form = form
    self.cells = cells
    self.costShape = costShape
    self.pointsShape = pointsShape
    self.hasPoints = hasPoints
    var first = [0]
    for n in sizes { first.append(first[first.count - 1] + n) }
    self.first = first
  }

  public var count: Int { sizes.count }
  public var points: Int { weights.count }

  /// The mass of the product of the weights, which the entropy is relative to.
  public var referenceMass: Double {
    var product = 1.0
    for _ in 0..<count { product *= mass }
    return product
  }

  /// f/eps + log a for potentials f; -infinity without mass.
  func exponents(_ f: Buffer<Double>, _ epsilon: Double) throws(KantorError) -> Buffer<Double> {
    try EntropicCheck.exponents(weights, f, epsilon)
  }
}
