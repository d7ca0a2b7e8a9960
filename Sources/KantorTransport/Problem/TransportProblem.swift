import KantorCore
import KantorNumerics

/// min <P, C> over couplings P of the weights a (n sources) and b (m targets): the data, validated.
///
/// The weights are those of the caller, except that b is rescaled to the mass of a when the two
/// differ by rounding; `massFactor` tells by how much.
public final class TransportProblem: SealedProblem {
  public let geometry: Geometry
  /// Costs within the sources and within the targets, for debiasing; points bring their own.
  public let sourceGeometry: Geometry?
  public let targetGeometry: Geometry?
  public let a: Buffer<Double>
  public let b: Buffer<Double>
  public let mass: Double
  public let massFactor: Double
  public let hasUniformWeights: Bool
  /// Shapes in which the caller gave points: one-dimensional samples may be (n,) or (n, 1), and
  /// what is returned for them has the same shape.
  public var pointShapes: (source: [Int], target: [Int]) {
    let d = geometry.dimension ?? 0
    return (isFlat.source ? [n] : [n, d], isFlat.target ? [m] : [m, d])
  }
  private let isFlat: (source: Bool, target: Bool)

  public var n: Int { geometry.n }
  public var m: Int { geometry.m }

  public init(
    geometry: Geometry, a: Buffer<Double>?, b: Buffer<Double>?, sourceGeometry: Geometry? = nil,
    targetGeometry: Geometry? = nil, massTolerance: Double = 1e-9,
    isFlat: (source: Bool, target: Bool) = (false, false)
  ) throws(KantorError) {
    let n = geometry.n
    let m = geometry.m
    self.geometry = geometry
    self.isFlat = isFlat
    self.sourceGeometry = sourceGeometry
    self.targetGeometry = targetGeometry
    hasUniformWeights = (a == nil && b == nil) || (n == m && Self.isUniform(a) && Self.isUniform(b))
    let massA = try a.map { (w) throws(KantorError) in try Self.mass(w, "weights_source") }
    let massB = try b.map { (w) throws(KantorError) in try Self.mass(w, "weights_target") }
    let mass = massA ?? massB ?? 1
    self.mass = mass
    if let a { self.a = a } else { self.a = try Buffer(count: n, repeating: mass / Double(n)) }
    guard let b, let massB else {
      self.b = try Buffer(count: m, repeating: mass / Double(m))
      massFactor = 1
      return
    }
    guard abs(mass - massB) <= massTolerance * max(mass, massB) else {
      throw KantorError(
        .range,
        "the masses differ: weights_source sums to \(mass), weights_target to \(massB); "
          + "they must agree to \(massTolerance) of the larger")
    }
    massFactor = mass / massB
    let scaled = try b.copy()
    if massFactor != 1 { for j in 0..<m { scaled.pointer[j] *= massFactor } }
    self.b = scaled
  }

  /// Two measures with the masses that they have, for problems that do not ask for equal ones;
  /// `mass` is that of the sources.
  init(
    keepingMasses geometry: Geometry, a: Buffer<Double>?, b: Buffer<Double>?,
    isFlat: (source: Bool, target: Bool)
  ) throws(KantorError) {
    let (n, m) = (geometry.n, geometry.m)
    self.geometry = geometry
    self.isFlat = isFlat
    sourceGeometry = nil
    targetGeometry = nil
    hasUniformWeights = false
    massFactor = 1
    if let a {
      mass = try Self.mass(a, "weights_source")
      self.a = a
    } else {
      mass = 1
      self.a = try Buffer(count: n, repeating: 1 / Double(n))
    }
    if let b {
      _ = try Self.mass(b, "weights_target")
      self.b = b
    } else {
      self.b = try Buffer(count: m, repeating: 1 / Double(m))
    }
  }

  private static func isUniform(_ weights: Buffer<Double>?) -> Bool {
    guard let weights else { return true }
    return weights.span.allSatisfy { $0 == weights.pointer[0] }
  }

  private static func mass(
    _ weights: Buffer<Double>, _ name: String
  ) throws(KantorError) -> Double {
    var sum = CompensatedSum()
    for i in 0..<weights.count {
      let w = weights.pointer[i]
      guard w.isFinite else { throw KantorError(.notFinite, "\(name) is \(w) at \(i)") }
      guard w >= 0 else {
        throw KantorError(.range, "\(name) is \(w) at \(i); weights must not be negative")
      }
      sum.add(w)
    }
    guard sum.value > 0, sum.value.isFinite else {
      throw KantorError(.range, "\(name) sums to \(sum.value); a positive mass is needed")
    }
    return sum.value
  }
}
