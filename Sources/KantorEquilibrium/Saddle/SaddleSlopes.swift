/// Lipschitz constants of f', of phi_y in x and in y, and of phi_x in x; and the largest slopes
/// seen in this stage.
struct SaddleSlopes {
  var (f, xy, yy, xx) = (0.0, 0.0, 0.0, 0.0)
  private var (seenF, seenXY, seenYY, seenXX) = (0.0, 0.0, 0.0, 0.0)
  private static let slack = 1.01
  private static let growth = 1.2
  /// Differences near rounding say nothing.
  private static let shortest = 1e-11

  enum Name { case f, xy, yy, xx }

  /// False when the slope contradicts the constant, which then is a larger one.
  mutating func accepts(
    _ name: Name, _ change: Double, _ length: Double, _ scale: Double
  ) -> Bool {
    guard length > Self.shortest * scale, change.isFinite else { return true }
    let slope = change / length
    switch name {
    case .f: return Self.accepts(slope, &f, &seenF)
    case .xy: return Self.accepts(slope, &xy, &seenXY)
    case .yy: return Self.accepts(slope, &yy, &seenYY)
    case .xx: return Self.accepts(slope, &xx, &seenXX)
    }
  }

  private static func accepts(
    _ slope: Double, _ constant: inout Double, _ seen: inout Double
  ) -> Bool {
    seen = max(seen, slope)
    guard slope > slack * constant else { return true }
    constant = growth * slope
    return false
  }

  init(all slope: Double, hasPrimal: Bool) {
    (xy, xx) = (slope, slope)
    if hasPrimal { f = slope }
  }

  mutating func distrust() { (f, xy, yy, xx) = (2 * f, 2 * xy, 2 * yy, 2 * xx) }

  /// At a new stage: constants of earlier places are forgotten, not all at once.
  mutating func relax() {
    f = max(1.05 * seenF, 0.25 * f)
    xy = max(1.05 * seenXY, 0.25 * xy)
    yy = max(1.05 * seenYY, 0.25 * yy)
    xx = max(1.05 * seenXX, 0.25 * xx)
    (seenF, seenXY, seenYY, seenXX) = (0, 0, 0, 0)
  }
}
