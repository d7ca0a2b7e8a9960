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

/// Sums of many terms where a compensated sum would wait for itself: short plain sums, added up
/// with compensation. The error is that of `block` terms.
public struct BlockedSum {
  private static let block = 32
  private var total = CompensatedSum()
  private var part = 0.0
  private var count = 0

  public init() {}

  @inlinable @inline(__always)
  public mutating func add(_ x: Double) { _add(x) }

  @usableFromInline @inline(__always)
  mutating func _add(_ x: Double) {
    part += x
    count &+= 1
    if count == Self.block {
      total.add(part)
      part = 0
      count = 0
    }
  }

  public var value: Double {
    var sum = total
    sum.add(part)
    return sum.value
  }
}
