import KantorCore
import KantorNumerics

/// Histograms p_1 ... p_k on one support and the costs from there to the support of their
/// barycentre: the data, validated. Inside, every histogram has the mass 1.
public final class BarycentreProblem: SealedProblem {
  /// How the costs are given.
  public enum Support: Sendable {
    /// n measure points against m points of the barycentre.
    case pairs(Geometry)
    /// A regular grid, squared Euclidean distances.
    case grid([GridAxis])
  }

  /// One axis of a regular grid: its points lie `spacing` apart.
  public struct GridAxis: Sendable {
    public let count: Int
    public let spacing: Double
  }

  public let support: Support
  /// k rows of n weights that sum to 1.
  public let histograms: Buffer<Double>
  /// The weights lambda of the histograms, of sum 1.
  public let lambda: Buffer<Double>
  /// The mass that the histograms of the caller have.
  public let mass: Double
  /// Shape of the barycentre: that of the grid, or (m,).
  public let shape: [Int]
  public let count: Int
  public let n: Int
  public let m: Int

  init(
    support: Support, histograms: Buffer<Double>, count: Int, lambda: Buffer<Double>, mass: Double
  ) {
    self.support = support
    self.histograms = histograms
    self.count = count
    self.lambda = lambda
    self.mass = mass
    switch support {
    case .pairs(let geometry):
      (n, m) = (geometry.n, geometry.m)
      shape = [geometry.m]
    case .grid(let axes):
      n = axes.reduce(1) { $0 * $1.count }
      m = n
      shape = axes.map(\.count)
    }
  }

  /// Weights of histogram k.
  func histogram(_ k: Int) -> UnsafeMutablePointer<Double> { histograms.pointer + k * n }

  /// Whether both supports are the same points at symmetric costs.
  var isSymmetric: Bool {
    guard case .pairs(let geometry) = support else { return true }
    switch geometry.source {
    case .points(let x, let y, _, _, _): return x === y
    case .dense(let t):
      guard n == m else { return false }
      func entry(_ i: Int, _ j: Int) -> Double {
        t.type == .f32
          ? Double(t.base.assumingMemoryBound(to: Float.self)[i * t.strides[0] + j])
          : t.base.assumingMemoryBound(to: Double.self)[i * t.strides[0] + j]
      }
      for i in 0..<n {
        for j in 0..<i where entry(i, j) != entry(j, i) { return false }
      }
      return true
    }
  }
}

/// Weights lambda of several measures: non-negative, of positive sum, scaled to sum 1.
enum MeasureWeights {
  static func read(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> Buffer<Double> {
    guard let t = fields.tensor(name) else {
      return try Buffer(count: count, repeating: 1 / Double(count))
    }
    guard t.shape == [count] else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); needed is (\(count),)")
    }
    let values = try t.doubles()
    _ = try normalise(values.pointer, count, name)
    return values
  }

  /// Scales to sum 1 and returns the sum there was.
  static func normalise(
    _ values: UnsafeMutablePointer<Double>, _ count: Int, _ name: String
  ) throws(KantorError) -> Double {
    var sum = CompensatedSum()
    for i in 0..<count {
      let w = values[i]
      guard w.isFinite else { throw KantorError(.notFinite, "\(name) is \(w) at \(i)") }
      guard w >= 0 else {
        throw KantorError(.range, "\(name) is \(w) at \(i); weights must not be negative")
      }
      sum.add(w)
    }
    let mass = sum.value
    guard mass > 0, mass.isFinite else {
      throw KantorError(.range, "\(name) sums to \(mass); a positive mass is needed")
    }
    for i in 0..<count { values[i] /= mass }
    return mass
  }
}
