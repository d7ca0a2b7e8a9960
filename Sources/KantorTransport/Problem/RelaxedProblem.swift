import KantorCore
import KantorNumerics

/// What a relaxed problem asks of the marginals of its plan.
public struct RelaxedTerms: Sendable {
  public var source: MarginalPenalty
  public var target: MarginalPenalty
  /// The total mass of the plan, where it is prescribed.
  public var total: Double?

  public init(source: MarginalPenalty, target: MarginalPenalty, total: Double? = nil) {
    self.source = source
    self.target = target
    self.total = total
  }
}

/// Two measures whose masses may differ, the costs between them, and what it costs to leave mass:
///
///     min_P >= 0  <P, C> + D1(P 1 | a) + D2(P' 1 | b),   |P| = s where a total is prescribed.
public final class RelaxedProblem: SealedProblem {
  /// The same data where equal masses do not matter: its `mass` is that of the sources.
  public let base: TransportProblem
  public let terms: RelaxedTerms
  public let targetMass: Double

  public var geometry: Geometry { base.geometry }
  public var n: Int { base.n }
  public var m: Int { base.m }
  public var a: Buffer<Double> { base.a }
  public var b: Buffer<Double> { base.b }
  public var sourceMass: Double { base.mass }
  /// What masses are compared with.
  public var mass: Double { max(sourceMass, targetMass) }

  init(_ base: TransportProblem, _ terms: RelaxedTerms) {
    self.base = base
    self.terms = terms
    targetMass = Self.total(base.b)
  }

  static func total(_ weights: Buffer<Double>) -> Double {
    var sum = CompensatedSum()
    for k in 0..<weights.count { sum.add(weights.pointer[k]) }
    return sum.value
  }
}
