import Glibc
import KantorCore
import KantorNumerics

/// A convex function of one number, one of its kind per place i of a vector.
protocol ScalarFunction {
  /// The minimiser u of g(u) + (u - x)^2 / (2 t).
  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double
  /// Its derivative with respect to x.
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double
  func value(_ i: Int, _ x: Double) -> ConvexValue
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue
}

/// A sum of functions of one number each.
final class SeparableMap<F: ScalarFunction>: ProximalMap {
  let count: Int
  private let function: F

  init(_ function: F, count: Int) {
    self.function = function
    self.count = count
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    var sum = 0.0
    for i in 0..<count {
      let u = function.prox(i, x[i], step)
      out[i] = u
      // Not finite if any is not: 0 times it is NaN.
      sum += 0 * u
    }
    return sum == 0
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue { sum { function.value($0, x[$0]) } }
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    sum { function.conjugate($0, y[$0]) }
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    var sum = 0.0
    for i in 0..<count {
      out[i] = v[i] * function.slope(i, x[i], step)
      sum += 0 * out[i]
    }
    return sum == 0
  }

  private func sum(_ term: (Int) -> ConvexValue) -> ConvexValue {
    var total = CompensatedSum()
    var worst = 0.0
    for i in 0..<count {
      let part = term(i)
      total.add(part.value)
      worst = part.violation.isNaN ? .nan : max(worst, part.violation)
    }
    return ConvexValue(total.value, violation: worst)
  }
}

/// g = 0.
struct ZeroFunction: ScalarFunction {
  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double { x }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double { 1 }
  func value(_ i: Int, _ x: Double) -> ConvexValue { ConvexValue() }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue { ConvexValue(violation: abs(y)) }
}

/// lower <= x <= upper, either of which may be infinite.
struct BoxFunction: ScalarFunction {
  let lower: Entries
  let upper: Entries

  init(_ lower: Entries, _ upper: Entries) {
    self.lower = lower
    self.upper = upper
  }

  init(_ arguments: ProximalArguments) throws(KantorError) {
    try self.init(
      try arguments.entries("lower", or: -.infinity, infinite: true),
      try arguments.entries("upper", or: .infinity, infinite: true), checkedFor: arguments)
  }

  init(
    _ lower: Entries, _ upper: Entries, checkedFor arguments: ProximalArguments
  ) throws(KantorError) {
    self.init(lower, upper)
    for i in 0..<(lower.isOne && upper.isOne ? 1 : arguments.count) {
      guard lower[i] <= upper[i], lower[i] < .infinity, upper[i] > -.infinity else {
        throw KantorError(
          .range,
          "\(arguments.map): lower[\(i)] is \(lower[i]) and upper[\(i)] is \(upper[i]): no number "
            + "lies between them")
      }
    }
  }

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    x.isNaN ? x : min(max(x, lower[i]), upper[i])
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double {
    x >= lower[i] && upper[i] >= x ? 1 : 0
  }
  func value(_ i: Int, _ x: Double) -> ConvexValue {
    ConvexValue(violation: x.isNaN ? .nan : max(0, lower[i] - x, x - upper[i]))
  }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    if y == 0 { return ConvexValue() }
    let end = y > 0 ? upper[i] : lower[i]
    return end.isFinite ? ConvexValue(y * end) : ConvexValue(violation: abs(y))
  }
}

/// w |x|: soft thresholding.
struct AbsoluteFunction: ScalarFunction {
  let weight: Entries

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let cut = t * weight[i]
    return x >= cut ? x - cut : (x <= -cut ? x + cut : (x.isNaN ? x : 0))
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double { abs(x) >= t * weight[i] ? 1 : 0 }
  func value(_ i: Int, _ x: Double) -> ConvexValue { ConvexValue(weight[i] * abs(x)) }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    ConvexValue(violation: y.isNaN ? .nan : max(0, abs(y) - weight[i]))
  }
}

/// w x^2/2 up to |x| = delta, w (delta |x| - delta^2/2) beyond.
struct HuberFunction: ScalarFunction {
  let weight: Entries
  let delta: Double

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    if abs(x) >= delta * (1 + c) { return x > 0 ? x - c * delta : x + c * delta }
    return x / (1 + c)
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    return abs(x) >= delta * (1 + c) ? 1 : 1 / (1 + c)
  }
  func value(_ i: Int, _ x: Double) -> ConvexValue {
    let a = abs(x)
    return ConvexValue(weight[i] * (a <= delta ? 0.5 * x * x : delta * (a - 0.5 * delta)))
  }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    let top = weight[i] * delta
    let z = min(max(y, -top), top)
    return ConvexValue(
      weight[i] > 0 ? 0.5 * z * (z / weight[i]) : 0,
      violation: y.isNaN ? .nan : max(0, abs(y) - top))
  }
}
