/// Neumaier's compensated summation: the error does not grow with the number of terms.
///
/// Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
/// Summen", ZAMM 54 (1974).
public struct CompensatedSum {
  private var sum = 0.0
  private var correction = 0.0

  public init() {}

  @inlinable @inline(__always)
  public mutating func add(_ x: Double) { _add(x) }

  @usableFromInline @inline(__always)
  mutating func _add(_ x: Double) {
    let t = sum + x
    if abs(sum) >= abs(x) {
      correction += (sum - t) + x
    } else {
      correction += (x - t) + sum
    }
    sum = t
  }

  public var value: Double { correction.isFinite ? sum + correction : sum }
}
