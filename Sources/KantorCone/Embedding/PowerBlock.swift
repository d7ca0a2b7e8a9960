import Glibc
import KantorCore

/// prod s_i^{a_i} >= |w|, s_i >= 0, sum a_i = 1, w the last entries: power cones and generalised
/// ones. With phi = prod (z_i/a_i)^{2 a_i} and psi = phi - |w|^2, the barrier of the dual cone is
/// f* = -log psi - sum (1 - a_i) log z_i, of degree k + 1.
///
/// Source: R. Chares, "Cones and interior-point algorithms for structured convex optimization
/// involving powers and exponentials" (2009); S. Roy, L. Xiao, "On self-concordant barriers for
/// generalized power cones", Optim. Lett. 16 (2022).
final class PowerBlock: BarrierBlock {
  private let exponents: Buffer<Double>
  private let heads: Int

  init(row: Int, exponents: [Double], tail: Int) throws(KantorError) {
    self.exponents = try Buffer(exponents)
    heads = exponents.count
    try super.init(row: row, size: exponents.count + tail)
  }

  override var degree: Int { heads + 1 }

  override func start(_ s: Entries, _ z: Entries) {
    for i in 0..<count {
      s[i] = i < heads ? (1 + exponents.pointer[i]).squareRoot() : 0
      z[i] = s[i]
    }
  }

  private func tailSquare(_ v: Given) -> Double {
    var sum = 0.0
    for i in heads..<count { sum += v[i] * v[i] }
    return sum
  }

  /// prod (v_i / a_i)^{2 a_i}, or without the a_i; 0 when an entry is not positive.
  private func product(_ v: Given, isDual: Bool) -> Double {
    var sum = 0.0
    for i in 0..<heads {
      guard v[i] > 0 else { return 0 }
      let a = exponents.pointer[i]
      sum += 2 * a * log(isDual ? v[i] / a : v[i])
    }
    return exp(sum)
  }

  override func holdsPrimal(_ s: Given) -> Bool {
    let p = product(s, isDual: false)
    return p > 0 && p - tailSquare(s) > 0
  }

  override func holdsDual(_ z: Given) -> Bool {
    let p = product(z, isDual: true)
    return p > 0 && p - tailSquare(z) > 0
  }

  override func dualValue(_ z: Given) -> Double {
    let phi = product(z, isDual: true)
    guard phi > 0 else { return .infinity }
    var sum = -safeLog(phi - tailSquare(z))
    for i in 0..<heads { sum -= (1 - exponents.pointer[i]) * log(z[i]) }
    return sum
  }

  override func derive(_ z: Given) {
    let (n, a, g, h) = (count, exponents.pointer, gradient.pointer, hessian.pointer)
    let phi = product(z, isDual: true)
    let tail = tailSquare(z)
    let psi = phi - tail
    // phi/psi^2 - 1/psi = |w|^2/psi^2.
    let rest = 4 * phi * tail / (psi * psi)
    for j in 0..<n {
      if j < heads {
        g[j] = -2 * a[j] * phi / (z[j] * psi) - (1 - a[j]) / z[j]
        for i in 0..<heads { h[j &* n &+ i] = rest * (a[i] / z[i]) * (a[j] / z[j]) }
        h[j &* n &+ j] += (2 * a[j] * phi / psi + 1 - a[j]) / (z[j] * z[j])
        for i in heads..<n {
          let x = -4 * a[j] * phi * z[i] / (z[j] * psi * psi)
          h[j &* n &+ i] = x
          h[i &* n &+ j] = x
        }
      } else {
        g[j] = 2 * z[j] / psi
        for i in heads..<n { h[j &* n &+ i] = 4 * z[i] * z[j] / (psi * psi) }
        h[j &* n &+ j] += 2 / psi
      }
    }
  }

  /// With r = |w| of s and t = 2 / (r x), x = |w| of the answer, the conditions reduce to
  ///     sum 2 a_i log(1 + b_i t) - log(1 + t) = log(prod s_i^{2 a_i} / r^2), b_i = (1+a_i)/(2a_i),
  /// whose left side grows and is concave: Newton's method from 0 stays left of the root.
  override func primalGradient(_ s: Given, into out: Entries) {
    let (a, r) = (exponents.pointer, tailSquare(s).squareRoot())
    var goal = 0.0
    for i in 0..<heads { goal += 2 * a[i] * log(s[i]) }
    goal -= 2 * safeLog(r)
    guard goal < 700 else {
      // The tail plays no part.
      for i in 0..<count { out[i] = i < heads ? -(1 + a[i]) / s[i] : 0 }
      return
    }
    var t = 0.0
    for _ in 0..<100 {
      var (value, slope) = (-log1p(t) - goal, -1 / (1 + t))
      for i in 0..<heads {
        let b = (1 + a[i]) / (2 * a[i])
        value += 2 * a[i] * log1p(b * t)
        slope += 2 * a[i] * b / (1 + b * t)
      }
      let change = -value / slope
      t += change
      if abs(change) <= 1e-15 * t || !t.isFinite { break }
    }
    for i in 0..<heads { out[i] = -(1 + a[i] + 2 * a[i] / t) / s[i] }
    for i in heads..<count { out[i] = s[i] * (2 / (r * t)) / r }
  }

  override func third(_ z: Given, _ u: Given, _ v: Given, into out: Entries) {
    let (n, a) = (count, exponents.pointer)
    let phi = product(z, isDual: true)
    let psi = phi - tailSquare(z)
    // Products with the gradient and the Hessian of log phi.
    var (pu, pv, curve) = (0.0, 0.0, 0.0)
    for i in 0..<heads {
      let p = 2 * a[i] / z[i]
      pu += p * u[i]
      pv += p * v[i]
      curve += p / z[i] * u[i] * v[i]
    }
    var (du, dv, uv) = (phi * pu, phi * pv, phi * (pu * pv - curve))
    for i in heads..<n {
      du -= 2 * z[i] * u[i]
      dv -= 2 * z[i] * v[i]
      uv -= 2 * u[i] * v[i]
    }
    let square = psi * psi
    for i in 0..<n {
      var (slope, hu, hv, third, own) = (-2 * z[i], -2 * u[i], -2 * v[i], 0.0, 0.0)
      if i < heads {
        let p = 2 * a[i] / z[i]
        let (qu, qv) = (p / z[i] * u[i], p / z[i] * v[i])
        slope = phi * p
        hu = phi * (p * pu - qu)
        hv = phi * (p * pv - qv)
        third =
          phi * (2 * qu * v[i] / z[i] + p * (pu * pv - curve) - qv * pu - qu * pv)
        own = -2 * (1 - a[i]) * u[i] * v[i] / (z[i] * z[i] * z[i])
      }
      let sum =
        -third / psi + (uv * slope + hu * dv + hv * du) / square
        - 2 * du * dv * slope / (square * psi) + own
      out[i] = 0.5 * sum
    }
  }
}
