import KantorCore

/// Bounds of F that hold along the path: its Lipschitz constant, and how far it is from monotone.
///
/// Differences near rounding say nothing and are not looked at.
struct SlopeSearch {
  private(set) var lipschitz: Double
  /// <dF, dx> >= comonotone |dF|^2, at most 0.
  private(set) var comonotone: Double
  /// Least <dF, dx> / |dF|^2 that was seen.
  private(set) var leastSeen = Double.infinity
  let adaptsComonotone: Bool
  /// Largest slope since the last anchor.
  private var stageSlope = 0.0
  /// Where methods end to be proven is 1/2.
  private static let mostNonmonotone = 0.49
  private static let slack = 1e-6

  init(lipschitz: Double, comonotone: Double?) {
    self.lipschitz = lipschitz
    self.comonotone = min(comonotone ?? 0, 0)
    adaptsComonotone = comonotone == nil
  }

  /// Takes in F at two points; false when one of the bounds had to be changed.
  mutating func accepts(
    _ a: Buffer<Double>, _ fa: Buffer<Double>, _ b: Buffer<Double>, _ fb: Buffer<Double>, _ n: Int
  ) -> Bool {
    let length = Vectors.distance(a.pointer, b.pointer, n)
    let change = Vectors.distance(fa.pointer, fb.pointer, n)
    guard length > 1e-11 * (1 + Vectors.norm(a.pointer, n)), change > 0 else { return true }
    stageSlope = max(stageSlope, change / length)
    if change > 1.01 * lipschitz * length {
      lipschitz = max(2 * lipschitz, 1.1 * change / length)
      comonotone = max(comonotone, -Self.mostNonmonotone / lipschitz)
      return false
    }
    let inner = Vectors.dot(fa.pointer, minus: fb.pointer, a.pointer, minus: b.pointer, n)
    let ratio = inner / (change * change)
    leastSeen = min(leastSeen, ratio)
    guard adaptsComonotone, ratio < comonotone - Self.slack / lipschitz else { return true }
    let bound = -Self.mostNonmonotone / lipschitz
    let next = max(1.05 * ratio, bound)
    guard next < comonotone else { return true }
    comonotone = next
    return false
  }

  /// At a new anchor: slopes of earlier places are forgotten, not all at once.
  mutating func relax() {
    if stageSlope > 0 { lipschitz = max(1.05 * stageSlope, 0.25 * lipschitz) }
    stageSlope = 0
  }

  /// Within a stage whose slopes were far below L: a smaller L, for a new stage. False when L is
  /// about right.
  mutating func loosen() -> Bool {
    guard stageSlope > 0, 1.05 * stageSlope < 0.5 * lipschitz else { return false }
    relax()
    return true
  }

  /// The residual grows in spite of the bounds: they are taken to be wrong.
  mutating func distrust() {
    lipschitz *= 2
    comonotone = max(comonotone, -Self.mostNonmonotone / lipschitz)
  }

  /// "F is not monotone", in numbers; nil when nothing of the kind was seen.
  var evidence: String? {
    guard leastSeen < -Self.slack / lipschitz else { return nil }
    return "F is not monotone: <dF, dx> was \(shortText(leastSeen)) |dF|^2, where -0.5/L is "
      + shortText(-0.5 / lipschitz)
  }
}
