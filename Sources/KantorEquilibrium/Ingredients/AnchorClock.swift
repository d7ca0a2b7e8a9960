/// Counts the steps since an anchor was set, and says when to set the next one: when the residual
/// has fallen by the factor e.
///
/// Between anchors a residual falls like 1/k; with restarts it falls linearly where it bounds the
/// distance to the solutions (strongly monotone, bilinear and linear problems), and elsewhere no
/// slower than 1/k but for a factor: the last stage is as long as all before it.
struct AnchorClock {
  let restartsAtAll: Bool
  private(set) var k = 0
  private(set) var restarts = 0
  private var first = Double.nan

  private static let factor = 0.36787944117144233

  init(restarts: Bool) { restartsAtAll = restarts }

  mutating func begin() {
    k = 0
    first = .nan
  }

  /// Now and then within a long stage, to look at what it has shown.
  var isMilestone: Bool { restartsAtAll && k >= 8 && k & (k - 1) == 0 }

  /// After a step: true when the anchor is to be moved to the new point; it then was begun.
  mutating func step(residual: Double) -> Bool {
    k += 1
    if first.isNaN { first = residual }
    guard restartsAtAll, k > 1, residual <= Self.factor * first else { return false }
    restarts += 1
    begin()
    return true
  }
}
