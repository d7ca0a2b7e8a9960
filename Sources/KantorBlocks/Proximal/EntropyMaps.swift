import Glibc
import KantorCore
import KantorNumerics

/// w sum x log x on { x >= 0, sum x = r }. With c = t w the answer is c omega((x - lambda)/c -
/// log c), omega Wright's function; its sum is a convex, falling function of lambda, so Newton's
/// method from the left does not overshoot. O(n) for each of some ten steps.
final class SimplexEntropyMap: ProximalMap {
  let count: Int
  private let weight: Double
  private let radius: Double

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    weight = try arguments.positive("weight", or: 1)
    radius = try arguments.radius()
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let c = step * weight
    var top = -Double.infinity
    for i in 0..<count {
      guard x[i].isFinite else { return false }
      top = max(top, x[i])
    }
    guard c > 0, c.isFinite else { return false }
    let shift = log(c)
    // Here the largest entry alone has the sum r.
    var lambda = top - radius - c * log(radius)
    for _ in 0..<200 {
      var (sum, slope) = (CompensatedSum(), 0.0)
      for i in 0..<count {
        let u = c * wrightOmega((x[i] - lambda) / c - shift)
        sum.add(u)
        slope += u / (u + c)
      }
      let excess = sum.value - radius
      let next = lambda + excess / max(slope, 1e-300)
      if !(abs(next - lambda) > 4e-16 * abs(lambda)) || abs(excess) <= 2e-16 * radius { break }
      lambda = next
    }
    // In aliased memory x is read before it is written.
    var total = CompensatedSum()
    for i in 0..<count {
      out[i] = c * wrightOmega((x[i] - lambda) / c - shift)
      total.add(out[i])
    }
    let factor = radius / total.value
    for i in 0..<count { out[i] *= factor }
    return factor.isFinite
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var (sum, total, worst) = (CompensatedSum(), CompensatedSum(), 0.0)
    for i in 0..<count {
      total.add(x[i])
      worst = max(worst, -x[i])
      if x[i] > 0 { sum.add(x[i] * log(x[i])) }
    }
    return ConvexValue(
      weight * sum.value, violation: max(worst, abs(total.value - radius)))
  }

  /// w r (log sum exp(y/w) - log r).
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var top = y[0]
    for i in 0..<count { top = max(top, y[i]) }
    var sum = CompensatedSum()
    for i in 0..<count { sum.add(exp((y[i] - top) / weight)) }
    return ConvexValue(radius * (top + weight * (log(sum.value) - log(radius))))
  }

  /// diag(d) - dd'/sum d, d = u/(u + c).
  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let answer = try? Buffer<Double>(count: count),
      apply(x, step: step, into: answer.pointer)
    else { return false }
    let (u, c) = (answer.pointer, step * weight)
    var (sum, along) = (0.0, 0.0)
    for i in 0..<count {
      u[i] /= u[i] + c
      sum += u[i]
      along += u[i] * v[i]
    }
    let mean = along / sum
    for i in 0..<count { out[i] = u[i] * (v[i] - mean) }
    return mean.isFinite
  }
}

/// The entropic mirror step on the simplex: out = argmax over { u >= 0, sum u = r } of
/// x'u - KL(u|q)/t, which is r q exp(t x) / sum q exp(t x).
final class MirrorSimplexMap: ProximalMap {
  let count: Int
  private let radius: Double
  private let centre: Entries

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    radius = try arguments.radius()
    centre = try arguments.weights("center", or: 1, positive: true)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    var top = -Double.infinity
    for i in 0..<count {
      guard x[i].isFinite else { return false }
      out[i] = step * x[i] + log(centre[i])
      top = max(top, out[i])
    }
    var sum = CompensatedSum()
    for i in 0..<count {
      out[i] = exp(out[i] - top)
      sum.add(out[i])
    }
    let factor = radius / sum.value
    for i in 0..<count { out[i] *= factor }
    return factor.isFinite
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var (total, worst) = (CompensatedSum(), 0.0)
    for i in 0..<count {
      total.add(x[i])
      worst = max(worst, -x[i])
    }
    return ConvexValue(violation: max(worst, abs(total.value - radius)))
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var top = y[0]
    for i in 0..<count { top = max(top, y[i]) }
    return ConvexValue(radius * top)
  }

  /// t (diag(u) - uu'/r).
  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let answer = try? Buffer<Double>(count: count),
      apply(x, step: step, into: answer.pointer)
    else { return false }
    let u = answer.pointer
    var along = 0.0
    for i in 0..<count { along += u[i] / radius * v[i] }
    for i in 0..<count { out[i] = step * u[i] * (v[i] - along) }
    return along.isFinite
  }
}
