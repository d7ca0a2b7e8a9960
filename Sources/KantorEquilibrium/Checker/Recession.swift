import KantorBlocks
import KantorCore

/// What a convex function g is far away: its slope along a direction for ever, g(x + td)/t, and the
/// support function of its domain. For sets, whose support function is the conjugate, and for
/// norms, which are their own slope and have the whole space for domain; nil for others.
struct Recession {
  private let map: any ProximalMap
  private let isSet: Bool

  /// Functions with g(tx) = t g(x) for t >= 0.
  private static let homogeneous: Set<String> = [
    "zero", "l1", "l2", "linf", "group_l2", "nuclear", "spectral", "total_variation", "sorted_l1",
  ]
  /// A set seen from this far, its violations divided by the distance, is its recession cone.
  private static let far = 1e15
  private static let slack = 1e-9

  init?(_ choice: ProximalChoice) throws(KantorError) {
    isSet = choice.entry.form == .indicator
    guard isSet || Self.homogeneous.contains(choice.entry.name) else { return nil }
    map = try choice.make()
  }

  /// The slope along d, which is moved to the nearest direction along which g is finite; nil where
  /// that failed. d has entries up to 1.
  func slope(_ d: Buffer<Double>) -> Double? {
    guard isSet else { return map.value(d.pointer).value }
    for i in 0..<d.count { d.pointer[i] *= Self.far }
    guard map.apply(d.pointer, step: 1, into: d.pointer) else { return nil }
    let violation = map.value(d.pointer).violation / Self.far
    for i in 0..<d.count { d.pointer[i] /= Self.far }
    return violation <= Self.slack ? 0 : nil
  }

  /// Largest s'x over the domain, and how far s is from those for which it is finite.
  func support(_ s: Buffer<Double>) -> ConvexValue {
    if isSet { return map.conjugate(s.pointer) }
    var top = 0.0
    for i in 0..<s.count { top = max(top, abs(s[i])) }
    return ConvexValue(0, violation: top)
  }
}
