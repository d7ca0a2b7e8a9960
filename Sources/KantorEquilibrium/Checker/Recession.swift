import KantorBlocks
import KantorCore
import KantorNumerics

/// What a convex function g is far away: its slope along a direction for ever, the limit of
/// g(x + td)/t, and the support function of its domain. For sums of sets, whose support function is
/// the conjugate, and of norms, which are their own slope and have the whole space for domain; nil
/// for others.
struct Recession {
  private struct Part {
    let start: Int
    let map: any ProximalMap
    let isSet: Bool
  }

  private var parts: [Part] = []

  /// Functions with g(tx) = t g(x) for t >= 0.
  private static let homogeneous: Set<String> = [
    "zero", "l1", "l2", "linf", "group_l2", "nuclear", "spectral", "total_variation", "sorted_l1",
  ]
  /// A set seen from this far, its violations divided by the distance, is its recession cone.
  private static let far = 1e15
  private static let slack = 1e-9

  init?(_ choice: ProximalChoice) throws(KantorError) {
    for part in choice.parts {
      guard let entry = part.entry else { return nil }
      let isSet = entry.form == .indicator
      guard isSet || Self.homogeneous.contains(entry.name) else { return nil }
      let map = try entry.make(count: part.count, part.values)
      parts.append(Part(start: part.start, map: map, isSet: isSet))
    }
  }

  /// The slope along d, which is moved to the nearest direction along which g is finite; nil where
  /// that failed. d has entries up to 1.
  func slope(_ d: Buffer<Double>) -> Double? {
    var total = CompensatedSum()
    for part in parts {
      let own = d.pointer + part.start
      guard part.isSet else {
        total.add(part.map.value(own).value)
        continue
      }
      for i in 0..<part.map.count { own[i] *= Self.far }
      guard part.map.apply(own, step: 1, into: own) else { return nil }
      let violation = part.map.value(own).violation / Self.far
      for i in 0..<part.map.count { own[i] /= Self.far }
      guard violation <= Self.slack else { return nil }
    }
    return total.value
  }

  /// Largest s'x over the domain, and how far s is from those for which it is finite.
  func support(_ s: Buffer<Double>) -> ConvexValue {
    var (total, worst) = (CompensatedSum(), 0.0)
    for part in parts {
      let own = s.pointer + part.start
      if part.isSet {
        let value = part.map.conjugate(own)
        total.add(value.value)
        worst = max(worst, value.violation)
      } else {
        for i in 0..<part.map.count { worst = max(worst, abs(own[i])) }
      }
    }
    return ConvexValue(total.value, violation: worst)
  }
}
