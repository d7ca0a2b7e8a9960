import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// How far a vector lies outside a cone, for the checker alone.
///
/// The measure is the smallest t >= 0 with v + t e in the cone, e a fixed inner point: 1 for
/// nonnegative, (1, 0) for second-order, the unit matrix for psd, (-1, 1, 1) for exponential,
/// (1, .., 1, 0) for power cones. For zero cones and boxes it is the largest distance of an entry.
package enum ConeDistance {
  /// Of s from K, rows `first...` of one cone.
  package static func primal(
    _ cone: Cone, _ s: UnsafePointer<Double>, lower: UnsafePointer<Double>?,
    upper: UnsafePointer<Double>?
  ) throws(KantorError) -> Double {
    switch cone {
    case .zero(let k): return largest(k) { abs(s[$0]) }
    case .box(let k):
      guard let lower, let upper else { return 0 }
      return largest(k) { max(lower[$0] - s[$0], s[$0] - upper[$0]) }
    case .exponential: return outside(s, 3, inner: [-1, 1, 1]) { holdsExponential($0) }
    case .power(let a): return outside(s, 3, inner: [1, 1, 0]) { holdsPower([a, 1 - a], $0, 3) }
    case .generalizedPower(let exponents, let tail):
      let count = exponents.count + tail
      return outside(s, count, inner: unit(exponents.count, count)) {
        holdsPower(exponents, $0, count)
      }
    default: return try symmetric(cone, s)
    }
  }

  /// Of z from the dual cone. In a box z > 0 needs a finite lower limit, z < 0 an upper one.
  package static func dual(
    _ cone: Cone, _ z: UnsafePointer<Double>, lower: UnsafePointer<Double>?,
    upper: UnsafePointer<Double>?
  ) throws(KantorError) -> Double {
    switch cone {
    case .zero: return 0
    case .box(let k):
      guard let lower, let upper else { return 0 }
      return largest(k) { i in
        if z[i] > 0 && lower[i] == -.infinity { return z[i] }
        if z[i] < 0 && upper[i] == .infinity { return -z[i] }
        return z[i].isNaN ? .nan : 0
      }
    case .exponential: return outside(z, 3, inner: [-1, 1, 1]) { holdsDualExponential($0) }
    case .power(let a): return dualPower([a, 1 - a], z, 3)
    case .generalizedPower(let exponents, let tail):
      return dualPower(exponents, z, exponents.count + tail)
    default: return try symmetric(cone, z)
    }
  }

  /// Of v from the recession cone of K: K itself, except for boxes.
  package static func recession(
    _ cone: Cone, _ v: UnsafePointer<Double>, lower: UnsafePointer<Double>?,
    upper: UnsafePointer<Double>?
  ) throws(KantorError) -> Double {
    guard case .box(let k) = cone, let lower, let upper else {
      return try primal(cone, v, lower: lower, upper: upper)
    }
    return largest(k) { i in
      max(lower[i] == -.infinity ? 0 : -v[i], upper[i] == .infinity ? 0 : v[i])
    }
  }

  // MARK: Symmetric cones

  private static func symmetric(
    _ cone: Cone, _ v: UnsafePointer<Double>
  ) throws(KantorError) -> Double {
    switch cone {
    case .nonnegative(let k): return largest(k) { -v[$0] }
    case .secondOrder(let k): return clipped(length(v + 1, k - 1) - v[0])
    case .rotatedSecondOrder(let k):
      // A rotation of the second-order cone.
      let half = 0.5.squareRoot()
      let (head, side) = ((v[0] + v[1]) * half, (v[0] - v[1]) * half)
      let rest = length(v + 2, k - 2)
      return clipped(hypot(side, rest) - head)
    case .psd(let side): return try PositiveSemidefinite(side: side).distance(v)
    default: return 0
    }
  }

  // MARK: Membership

  private static func holdsExponential(_ v: UnsafePointer<Double>) -> Bool {
    if v[1] > 0 { return v[2] > 0 && v[0] <= v[1] * (log(v[2]) - log(v[1])) }
    return v[1] == 0 && v[0] <= 0 && v[2] >= 0
  }

  private static func holdsDualExponential(_ v: UnsafePointer<Double>) -> Bool {
    // z2 >= -z0 exp(z1/z0 - 1), with logarithms, multiplied by -z0.
    if v[0] < 0 { return v[2] > 0 && v[0] - v[1] <= -v[0] * (log(v[2]) - log(-v[0])) }
    return v[0] == 0 && v[1] >= 0 && v[2] >= 0
  }

  private static func holdsPower(
    _ exponents: [Double], _ v: UnsafePointer<Double>, _ count: Int
  ) -> Bool {
    let rest = length(v + exponents.count, count - exponents.count)
    var sum = 0.0
    for (i, a) in exponents.enumerated() {
      if v[i] < 0 || v[i].isNaN { return false }
      sum += a * log(v[i])
    }
    return rest == 0 || sum >= log(rest)
  }

  private static func dualPower(
    _ exponents: [Double], _ z: UnsafePointer<Double>, _ count: Int
  ) -> Double {
    outside(z, count, inner: unit(exponents.count, count)) { v in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { w in
        for i in 0..<count { w[i] = i < exponents.count ? v[i] / exponents[i] : v[i] }
        guard let base = w.baseAddress else { return false }
        return holdsPower(exponents, base, count)
      }
    }
  }

  /// The smallest t with v + t e inside, to a relative 1e-3, by doubling and bisection.
  private static func outside(
    _ v: UnsafePointer<Double>, _ count: Int, inner e: [Double],
    _ holds: (UnsafePointer<Double>) -> Bool
  ) -> Double {
    if holds(v) { return 0 }
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { w in
      guard let base = w.baseAddress else { return .nan }
      func holdsAt(_ t: Double) -> Bool {
        for i in 0..<count { w[i] = v[i] + t * e[i] }
        return holds(base)
      }
      let top = largest(count) { abs(v[$0]) }
      guard top.isFinite else { return .nan }
      var low = 0.0
      var high = max(top * 1e-18, .leastNormalMagnitude)
      while !holdsAt(high) {
        low = high
        high *= 16
        if !high.isFinite { return .infinity }
      }
      // Below normal numbers halving does not get on.
      while high - low > 1e-3 * high && high > .leastNormalMagnitude {
        let middle = low + 0.5 * (high - low)
        if holdsAt(middle) { high = middle } else { low = middle }
      }
      return high
    }
  }

  // MARK: Small things

  private static func unit(_ ones: Int, _ count: Int) -> [Double] {
    (0..<count).map { $0 < ones ? 1 : 0 }
  }

  @inline(__always)
  private static func clipped(_ x: Double) -> Double { x.isNaN ? x : max(x, 0) }

  @inline(__always)
  private static func largest(_ count: Int, _ value: (Int) -> Double) -> Double {
    var top = 0.0
    for i in 0..<count {
      let x = value(i)
      if x.isNaN { return .nan }
      if x > top { top = x }
    }
    return top
  }

  static func length(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    let top = largest(count) { abs(v[$0]) }
    if top == 0 || !top.isFinite { return top }
    var sum = 0.0
    for i in 0..<count { sum += (v[i] / top) * (v[i] / top) }
    return top * sum.squareRoot()
  }
}
