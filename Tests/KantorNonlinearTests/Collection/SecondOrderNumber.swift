/// What expressions of the test problems are computed with.
protocol TestNumber {
  static func constant(_ value: Double, like other: Self) -> Self
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  /// u of a number, with the first and second derivative of u at its value.
  func chain(_ u: (Double) -> (value: Double, first: Double, second: Double)) -> Self
}

extension Double: TestNumber {
  static func constant(_ value: Double, like other: Double) -> Double { value }
  func chain(_ u: (Double) -> (value: Double, first: Double, second: Double)) -> Double {
    u(self).value
  }
}

/// A value with its gradient and its symmetric second derivative: forward differentiation.
struct SecondOrderNumber: TestNumber {
  var value: Double
  var gradient: [Double]
  /// n x n.
  var hessian: [Double]

  /// The number x_i of n variables.
  static func variable(_ i: Int, of n: Int, _ value: Double) -> SecondOrderNumber {
    var number = SecondOrderNumber(
      value: value, gradient: .init(repeating: 0, count: n), hessian: .init(repeating: 0, count: n * n))
    number.gradient[i] = 1
    return number
  }

  static func constant(_ value: Double, like other: SecondOrderNumber) -> SecondOrderNumber {
    SecondOrderNumber(
      value: value, gradient: .init(repeating: 0, count: other.gradient.count),
      hessian: .init(repeating: 0, count: other.hessian.count))
  }

  static func + (a: SecondOrderNumber, b: SecondOrderNumber) -> SecondOrderNumber {
    combine(a, 1, b, 1, a.value + b.value)
  }
  static func - (a: SecondOrderNumber, b: SecondOrderNumber) -> SecondOrderNumber {
    combine(a, 1, b, -1, a.value - b.value)
  }
  static func * (a: SecondOrderNumber, b: SecondOrderNumber) -> SecondOrderNumber {
    var product = combine(a, b.value, b, a.value, a.value * b.value)
    let n = a.gradient.count
    for i in 0..<n {
      for j in 0..<n {
        product.hessian[i * n + j] +=
          a.gradient[i] * b.gradient[j] + b.gradient[i] * a.gradient[j]
      }
    }
    return product
  }

  private static func combine(
    _ a: SecondOrderNumber, _ s: Double, _ b: SecondOrderNumber, _ t: Double, _ value: Double
  ) -> SecondOrderNumber {
    var sum = a
    sum.value = value
    for i in 0..<a.gradient.count { sum.gradient[i] = s * a.gradient[i] + t * b.gradient[i] }
    for i in 0..<a.hessian.count { sum.hessian[i] = s * a.hessian[i] + t * b.hessian[i] }
    return sum
  }

  func chain(
    _ u: (Double) -> (value: Double, first: Double, second: Double)
  ) -> SecondOrderNumber {
    let (value, first, second) = u(self.value)
    var result = self
    result.value = value
    let n = gradient.count
    for i in 0..<n {
      result.gradient[i] = first * gradient[i]
      for j in 0..<n {
        result.hessian[i * n + j] =
          first * hessian[i * n + j] + second * gradient[i] * gradient[j]
      }
    }
    return result
  }
}
