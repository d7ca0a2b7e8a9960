import KantorCore

/// Sums of products with a bound of their rounding error, one per element of a vector.
///
/// Products and partial sums are kept in twice the working precision. With k terms of sizes that
/// add up to M the value differs from the exact one by at most u |value| + (2 k u)^2 M, u = 2^-53,
/// as long as nothing underflows; what could underflow is added.
///
/// Source: T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26
/// (2005), corollary 4.7 (with a larger constant).
final class SafeSums {
  let count: Int
  private let high: Buffer<Double>
  private let low: Buffer<Double>
  private let size: Buffer<Double>
  private let terms: Buffer<Int32>

  init(count: Int) throws(KantorError) {
    self.count = count
    high = try Buffer(count: count)
    low = try Buffer(count: count)
    size = try Buffer(count: count)
    terms = try Buffer(count: count)
  }

  /// self[i] += a b.
  @inline(__always)
  func add(_ i: Int, _ a: Double, _ b: Double) {
    let p = a * b
    if p == 0 && (a == 0 || b == 0) { return }
    let sum = high.pointer[i] + p
    let part = sum - high.pointer[i]
    low.pointer[i] +=
      ((high.pointer[i] - (sum - part)) + (p - part)) + (-p).addingProduct(a, b)
    high.pointer[i] = sum
    // The second number stands for products whose own error is below the smallest number.
    size.pointer[i] += abs(p) + 0x1p-1000
    terms.pointer[i] &+= 1
  }

  func value(_ i: Int) -> Double { high.pointer[i] + low.pointer[i] }

  /// At least the distance of `value` from the exact sum.
  func error(_ i: Int) -> Double {
    if terms.pointer[i] == 0 { return 0 }
    // One product without a rest is itself.
    let isOne = terms.pointer[i] == 1 && low.pointer[i] == 0
    if isOne && abs(high.pointer[i]) > 0x1p-900 { return 0 }
    let k = Double(terms.pointer[i]) + 2
    let second = 8 * k * k * 0x1p-106
    return (abs(value(i)) * 0x1p-53 + second * size.pointer[i]) * (1 + 0x1p-40)
      + Double.leastNormalMagnitude
  }
}

/// Numbers rounded so that they never promise too much.
enum Outward {
  @inline(__always) static func down(_ x: Double) -> Double { x.nextDown }
  @inline(__always) static func up(_ x: Double) -> Double { x.nextUp }

  /// At most every product of a number in [a, b] with one in [l, u].
  static func leastProduct(_ a: Double, _ b: Double, _ l: Double, _ u: Double) -> Double {
    func product(_ p: Double, _ q: Double) -> Double {
      // 0 times infinity: the factor is 0 for certain.
      if p == 0 || q == 0 { return 0 }
      return down(p * q)
    }
    return min(product(a, l), product(a, u), product(b, l), product(b, u))
  }
}
