import Glibc
import KantorCore
import KantorNumerics

/// Projection on the power cone { prod u_i^{a_i} >= |w|, u >= 0 } of v = (u, w) and on its dual.
///
/// Outside of K and of -K*, with W = |w|, the projection has a tail of length r, the root of
///     sum a_i log u_i(r) = log r,  u_i(r) = (v_i + sqrt(v_i^2 + 4 a_i r (W - r)))/2,
/// and the tail keeps its direction. In log r the equation is decreasing.
///
/// Source: L. T. K. Hien, "Differential properties of Euclidean projection onto power cone", Math.
/// Methods Oper. Res. 82 (2015).
struct PowerShape {
  let exponents: Buffer<Double>
  let tail: Int

  enum Region { case inside, polar, flat, curve }

  /// Where the projection of one vector lies.
  struct Point {
    var region = Region.inside
    /// Length of the tail, of v and of its projection.
    var length = 0.0
    var r = 0.0
    /// length - r, without cancellation.
    var rest = 0.0
    var isFinite = true
  }

  /// Nil for other cones.
  init?(_ cone: Cone) throws(KantorError) {
    switch cone {
    case .power(let a):
      exponents = try Buffer([a, 1 - a])
      tail = 1
    case .generalizedPower(let list, let tail):
      exponents = try Buffer(list)
      self.tail = tail
    default: return nil
    }
  }

  var heads: Int { exponents.count }
  var rows: Int { exponents.count + tail }

  func point(_ v: UnsafePointer<Double>) -> Point {
    let (k, a) = (heads, exponents.pointer)
    var point = Point()
    point.length = SecondOrderProjection.length(v + k, tail)
    var top = point.length
    var isPositive = true
    for i in 0..<k {
      if v[i].isNaN { top = .nan }
      top = max(top, abs(v[i]))
      if v[i] < 0 { isPositive = false }
    }
    guard top.isFinite && point.length.isFinite else {
      point.isFinite = false
      return point
    }
    if point.length == 0 {
      // Also where -v lies in the dual: all of it is clipped away.
      point.region = isPositive ? .inside : .flat
      return point
    }
    if isPositive {
      var sum = 0.0
      for i in 0..<k { sum += a[i] * log(v[i]) }
      if sum >= log(point.length) { return point }
    }
    if isPolar(v, point.length) {
      point.region = .polar
      return point
    }
    point.region = .curve
    let unit = Double(sign: .plus, exponent: top.exponent, significand: 1)
    let root = self.root(v, unit, point.length / unit)
    (point.r, point.rest) = (root.r * unit, root.rest * unit)
    return point
  }

  private func isPolar(_ v: UnsafePointer<Double>, _ length: Double) -> Bool {
    var sum = 0.0
    for i in 0..<heads {
      if v[i] > 0 { return false }
      sum += exponents.pointer[i] * (log(-v[i]) - log(exponents.pointer[i]))
    }
    return sum >= log(length)
  }

  /// u_i and the root that belongs to it, 2 u_i - v_i.
  @inline(__always)
  func head(_ i: Int, _ v: Double, _ r: Double, _ rest: Double) -> (u: Double, root: Double) {
    let product = 4 * exponents.pointer[i] * r * rest
    let root = (v * v + product).squareRoot()
    if v >= 0 { return (0.5 * (v + root), root) }
    return (0.5 * product / (root - v), root)
  }

  /// Newton's method in y, r = W sigma(y) and W - r = W sigma(-y), sigma the logistic function:
  /// both r and W - r keep their relative accuracy at either end. The bracket never grows.
  private func root(
    _ v: UnsafePointer<Double>, _ unit: Double, _ length: Double
  ) -> (r: Double, rest: Double) {
    func parts(_ y: Double) -> (Double, Double) {
      let e = exp(-abs(y))
      let (small, large) = (length * (e / (1 + e)), length / (1 + e))
      return y > 0 ? (large, small) : (small, large)
    }
    var (low, high) = (-700.0, 700.0)
    var (y, last) = (0.0, high - low)
    for _ in 0..<200 {
      let (r, rest) = parts(y)
      var value = -log(r)
      var slope = -rest / length
      for i in 0..<heads {
        let (u, root) = head(i, v[i] / unit, r, rest)
        let a = exponents.pointer[i]
        value += a * log(u)
        // d(r rest)/dy = r rest (rest - r)/W.
        slope += a * a * r * rest * (rest - r) / (length * u * root)
      }
      if value == 0 { break }
      if value > 0 { low = y } else { high = y }
      var next = y - value / slope
      if !(next > low && next < high) || abs(next - y) > 0.5 * last {
        next = low + 0.5 * (high - low)
      }
      let step = abs(next - y)
      y = next
      if step <= 0x1p-52 * max(1, abs(y)) { break }
      last = step
    }
    return parts(y)
  }

  /// v <- its projection.
  func primal(_ point: Point, _ v: UnsafeMutablePointer<Double>) {
    let k = heads
    switch point.region {
    case .inside: return
    case .polar: for i in 0..<rows { v[i] = 0 }
    case .flat: for i in 0..<k { v[i] = max(v[i], 0) }
    case .curve:
      let unit = self.unit(v, point)
      for i in 0..<k {
        v[i] = unit * head(i, v[i] / unit, point.r / unit, point.rest / unit).u
      }
      let factor = point.r / point.length
      for i in k..<rows { v[i] *= factor }
    }
  }

  /// The projection of -v on the dual cone.
  func dual(
    _ point: Point, _ v: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>
  ) {
    let k = heads
    switch point.region {
    case .inside: for i in 0..<rows { z[i] = 0 }
    case .polar: for i in 0..<rows { z[i] = -v[i] }
    case .flat:
      for i in 0..<k { z[i] = max(-v[i], 0) }
      for i in k..<rows { z[i] = 0 }
    case .curve:
      let unit = self.unit(v, point)
      let (r, rest) = (point.r / unit, point.rest / unit)
      for i in 0..<k {
        // u_i - v_i = a_i r (W - r)/u_i; for negative v_i nothing cancels.
        let value = v[i] / unit
        let u = head(i, value, r, rest).u
        z[i] = unit * (value < 0 ? u - value : exponents.pointer[i] * r * rest / u)
      }
      let factor = point.rest / point.length
      for i in k..<rows { z[i] = -v[i] * factor }
    }
  }

  private func unit(_ v: UnsafePointer<Double>, _ point: Point) -> Double {
    var top = point.length
    for i in 0..<heads { top = max(top, abs(v[i])) }
    return Double(sign: .plus, exponent: top.exponent, significand: 1)
  }
}
