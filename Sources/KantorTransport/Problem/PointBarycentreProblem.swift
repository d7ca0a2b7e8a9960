import KantorCore

/// k measures on points, each of mass 1 inside, and the size of the barycentre.
public final class PointBarycentreProblem: SealedProblem, @unchecked Sendable {
  public let points: Buffer<Double>
  /// Index of the first point of each measure, and the number of points at the end.
  public let first: [Int]
  public let weights: Buffer<Double>
  public let dimension: Int
  public let lambda: Buffer<Double>
  public let mass: Double
  public let start: Buffer<Double>?
  public let size: Int
  /// Weights of the barycentre's points, of sum 1.
  public let own: Buffer<Double>
  /// Neither points nor a number of them nor weights of the barycentre were set.
  public let asksForNoSupport: Bool

  /// Shape in which the caller gave the points.
  public let pointsShape: [Int]

  public var count: Int { first.count - 1 }

  init(
    points: Buffer<Double>, first: [Int], weights: Buffer<Double>, dimension: Int,
    lambda: Buffer<Double>, mass: Double, start: Buffer<Double>?, size: Int, own: Buffer<Double>,
    asksForNoSupport: Bool, pointsShape: [Int]
  ) {
    self.pointsShape = pointsShape
    self.points = points
    self.first = first
    self.weights = weights
    self.dimension = dimension
    self.lambda = lambda
    self.mass = mass
    self.start = start
    self.size = size
    self.own = own
    self.asksForNoSupport = asksForNoSupport
  }

  func size(of k: Int) -> Int { first[k + 1] - first[k] }
  func points(of k: Int) -> UnsafeMutablePointer<Double> { points.pointer + first[k] * dimension }
  func weights(of k: Int) -> UnsafeMutablePointer<Double> { weights.pointer + first[k] }

  /// The root of the mean squared distance of all points from their mean, under the weights.
  var spread: Double {
    var sum = 0.0
    for c in 0..<dimension {
      var (mean, square) = (0.0, 0.0)
      for pass in 0..<2 {
        for k in 0..<count {
          for j in 0..<size(of: k) {
            let w = lambda.pointer[k] * weights(of: k)[j]
            let x = points(of: k)[j * dimension + c]
            if pass == 0 { mean += w * x } else { square += w * (x - mean) * (x - mean) }
          }
        }
      }
      sum += square
    }
    return sum.squareRoot()
  }

  /// Squared distances from points (m of them, weights `a`) to measure k.
  func transport(
    from x: Buffer<Double>, _ a: Buffer<Double>, to k: Int
  ) throws(KantorError) -> TransportProblem {
    let n = size(of: k)
    let y = try Buffer(copying: points(of: k), count: n * dimension)
    let geometry = try Geometry.points(
      x: x, n: a.count, y: y, m: n, dimension: dimension, metric: .sqeuclidean, power: 2)
    return try TransportProblem(
      geometry: geometry, a: a, b: try Buffer(copying: weights(of: k), count: n))
  }
}
