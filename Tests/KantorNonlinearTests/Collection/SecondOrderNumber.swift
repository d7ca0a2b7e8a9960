/// What expressions of the test problems are computed with.
protocol TestNumber {
  static func constant(_ value: Double, like other: Self) -> Self
  // Not operators: more overloads of those slow the compiler down everywhere.
  func plus(_ other: Self) -> Self
  func minus(_ other: Self) -> Self
  func times(_ other: Self) -> Self
  /// u of a number, with the first and second derivative of u at its value.
  func chain(_ u: (Double) -> (value: Double, first: Double, second: Double)) -> Self
}

extension Double: TestNumber {
  static func constant(_ value: Double, like other: Double) -> Double { value }
  func plus(_ other: Double) -> Double { self + other }
  func minus(_ other: Double) -> Double { self - other }
  func times(_ other: Double) -> Double { self * other }
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
      value: value, gradient: .init(repeating: 0, count: n),
      hessian: .init(repeating: 0, count: n * n))
    number.gradient[i] = 1
    return number
  }

  static func constant(_ value: Double, like other: SecondOrderNumber) -> SecondOrderNumber {
    SecondOrderNumber(
      value: value, gradient: .init(repeating: 0, count: other.gradient.count),
      hessian: .init(repeating: 0, count: other.hessian.count))
  }

  func plus(_ b: SecondOrderNumber) -> SecondOrderNumber {
    Self.combine(self, 1, b, 1, value + b.value)
  }
  func minus(_ b: SecondOrderNumber) -> SecondOrderNumber {
    Self.combine(self, 1, b, -1, value - b.value)
  }
  func times(_ b: SecondOrderNumber) -> SecondOrderNumber {
    var product = Self.combine(self, b.value, b, value, value * b.value)
    let n = gradient.count
    for i in 0..<n {
      for j in 0..<n {
        let cross = gradient[i] * b.gradient[j]
        product.hessian[i * n + j] += cross
        product.hessian[j * n + i] += cross
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
