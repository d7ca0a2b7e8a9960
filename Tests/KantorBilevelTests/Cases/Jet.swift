import Foundation

/// A value with its first and second derivatives in n variables: forward differentiation.
struct Jet {
  var value: Double
  var gradient: [Double]
  /// n x n, symmetric.
  var hessian: [Double]

  init(_ value: Double, _ n: Int) {
    self.value = value
    gradient = [Double](repeating: 0, count: n)
    hessian = [Double](repeating: 0, count: n * n)
  }

  static func variable(_ value: Double, _ i: Int, _ n: Int) -> Jet {
    var jet = Jet(value, n)
    jet.gradient[i] = 1
    return jet
  }

  /// phi(self), from phi, phi' and phi'' at the value.
  func chain(_ f: Double, _ d: Double, _ dd: Double) -> Jet {
    let n = gradient.count
    var out = Jet(f, n)
    for i in 0..<n {
      out.gradient[i] = d * gradient[i]
      for j in 0..<n {
        out.hessian[i * n + j] = d * hessian[i * n + j] + dd * gradient[i] * gradient[j]
      }
    }
    return out
  }

  static func + (a: Jet, b: Jet) -> Jet { combine(a, 1, b, 1) }
  static func - (a: Jet, b: Jet) -> Jet { combine(a, 1, b, -1) }

  private static func combine(_ a: Jet, _ s: Double, _ b: Jet, _ t: Double) -> Jet {
    var out = a
    out.value = s * a.value + t * b.value
    for i in 0..<a.gradient.count { out.gradient[i] = s * a.gradient[i] + t * b.gradient[i] }
    for i in 0..<a.hessian.count { out.hessian[i] = s * a.hessian[i] + t * b.hessian[i] }
    return out
  }

  static func * (a: Jet, b: Jet) -> Jet {
    let n = a.gradient.count
    var out = Jet(a.value * b.value, n)
    for i in 0..<n {
      out.gradient[i] = a.value * b.gradient[i] + b.value * a.gradient[i]
      for j in 0..<n {
        out.hessian[i * n + j] =
          a.value * b.hessian[i * n + j] + b.value * a.hessian[i * n + j]
          + a.gradient[i] * b.gradient[j] + b.gradient[i] * a.gradient[j]
      }
    }
    return out
  }

  static func / (a: Jet, b: Jet) -> Jet {
    let r = 1 / b.value
    return a * b.chain(r, -r * r, 2 * r * r * r)
  }

  func power(_ p: Double) -> Jet {
    if p == 2 { return self * self }
    let d = p == 0 ? 0 : p * pow(value, p - 1)
    let dd = p == 0 || p == 1 ? 0 : p * (p - 1) * pow(value, p - 2)
    return chain(pow(value, p), d, dd)
  }
}
