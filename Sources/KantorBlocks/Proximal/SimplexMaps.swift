import KantorCore
import KantorNumerics

/// The number tau with sum over i of max(y_i - tau, 0) = r > 0, by filtering: a guess that never
/// exceeds tau excludes what lies below it. O(n) operations in practice, O(n^2) at worst.
///
/// Source: L. Condat, "Fast projection onto the simplex and the l1 ball", Math. Program. 158
/// (2016), algorithm 3.
struct ThresholdSearch {
  private let kept: Buffer<Double>
  private let aside: Buffer<Double>

  /// tau = top + shift, apart: next to large y the sum would lose r.
  struct Threshold {
    var top = 0.0
    var shift = 0.0

    /// y - tau.
    @inline(__always) func beyond(_ y: Double) -> Double { (y - top) - shift }
  }

  init(count: Int) throws(KantorError) {
    kept = try Buffer(count: count)
    aside = try Buffer(count: count)
  }

  /// Nil when a number is not finite.
  func threshold(_ y: UnsafePointer<Double>, _ n: Int, _ r: Double) -> Threshold? {
    let (v, w) = (kept.pointer, aside.pointer)
    var (sum, top) = (0.0, y[0])
    for i in 0..<n {
      sum += 0 * y[i]
      top = max(top, y[i])
    }
    guard sum == 0 else { return nil }
    var (size, left) = (1, 0)
    v[0] = y[0] - top
    var tau = v[0] - r
    for i in 1..<max(n, 1) {
      let x = y[i] - top
      guard x > tau else { continue }
      tau += (x - tau) / Double(size + 1)
      if tau > x - r {
        v[size] = x
        size += 1
      } else {
        (w + left).update(from: v, count: size)
        left += size
        v[0] = x
        size = 1
        tau = x - r
      }
    }
    for i in 0..<left where w[i] > tau {
      v[size] = w[i]
      size += 1
      tau += (w[i] - tau) / Double(size)
    }
    tau = Self.mean(v, size, r)
    // What lies below the guess goes, until nothing does.
    while true {
      var stays = 0
      for i in 0..<size where v[i] > tau {
        v[stays] = v[i]
        stays += 1
      }
      if stays == size || stays == 0 { return Threshold(top: top, shift: tau) }
      size = stays
      tau = Self.mean(v, size, r)
    }
  }

  private static func mean(_ v: UnsafePointer<Double>, _ size: Int, _ r: Double) -> Double {
    var sum = CompensatedSum()
    for i in 0..<size { sum.add(v[i]) }
    sum.add(-r)
    return sum.value / Double(size)
  }
}

/// { x >= 0, sum x = r }, or sum x <= r.
final class SimplexMap: ProximalMap {
  let count: Int
  private let radius: Double
  private let isFilled: Bool
  private let search: ThresholdSearch

  init(_ arguments: ProximalArguments, isFilled: Bool) throws(KantorError) {
    count = arguments.count
    radius = try arguments.radius()
    self.isFilled = isFilled
    search = try ThresholdSearch(count: count)
  }

  /// Where max(x, 0) is the answer.
  private func isWithin(_ x: UnsafePointer<Double>) -> Bool {
    guard isFilled else { return false }
    var sum = 0.0
    for i in 0..<count { sum += max(x[i], 0) }
    return sum <= radius
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let tau = isWithin(x) ? ThresholdSearch.Threshold() : search.threshold(x, count, radius)
    else { return false }
    var sum = 0.0
    for i in 0..<count {
      let u = tau.beyond(x[i])
      sum += 0 * u
      out[i] = u > 0 ? u : 0
    }
    return sum == 0
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var sum = CompensatedSum()
    var worst = 0.0
    for i in 0..<count {
      sum.add(x[i])
      worst = max(worst, -x[i])
    }
    let excess = sum.value - radius
    return ConvexValue(violation: max(worst, isFilled ? excess : abs(excess)))
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var top = isFilled ? 0 : y[0]
    for i in 0..<count { top = max(top, y[i]) }
    return ConvexValue(radius * top)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let isInside = isWithin(x)
    guard let tau = isInside ? ThresholdSearch.Threshold() : search.threshold(x, count, radius)
    else { return false }
    var (sum, size) = (0.0, 0)
    for i in 0..<count where tau.beyond(x[i]) >= 0 {
      sum += v[i]
      size += 1
    }
    let mean = isInside ? 0 : sum / Double(max(size, 1))
    for i in 0..<count { out[i] = tau.beyond(x[i]) >= 0 ? v[i] - mean : 0 }
    return mean.isFinite
  }
}

/// { |x|_1 <= r }.
final class AbsoluteBallMap: ProximalMap {
  let count: Int
  private let radius: Double
  private let search: ThresholdSearch
  private let sizes: Buffer<Double>

  init(count: Int, radius: Double) throws(KantorError) {
    self.count = count
    self.radius = radius
    search = try ThresholdSearch(count: count)
    sizes = try Buffer(count: count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    project(x, radius, into: out)
  }

  /// On the ball of another radius, 0 included.
  func project(
    _ x: UnsafePointer<Double>, _ r: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let tau = threshold(x, r) else { return false }
    for i in 0..<count {
      let size = max(tau.beyond(abs(x[i])), 0)
      out[i] = size > 0 && x[i] < 0 ? -size : size
    }
    return true
  }

  /// tau = 0 inside of the ball; nil if a number is not finite.
  private func threshold(
    _ x: UnsafePointer<Double>, _ r: Double
  ) -> ThresholdSearch.Threshold? {
    let a = sizes.pointer
    var (sum, top) = (0.0, 0.0)
    for i in 0..<count {
      a[i] = abs(x[i])
      sum += a[i]
      top = max(top, a[i])
    }
    guard top.isFinite, !sum.isNaN else { return nil }
    if sum <= r { return ThresholdSearch.Threshold() }
    return r > 0
      ? search.threshold(a, count, r) : ThresholdSearch.Threshold(top: top, shift: 0)
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var sum = CompensatedSum()
    for i in 0..<count { sum.add(abs(x[i])) }
    return ConvexValue(violation: max(0, sum.value - radius))
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var top = 0.0
    for i in 0..<count { top = max(top, abs(y[i])) }
    return ConvexValue(radius * top)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    pullback(x, radius, v, into: out)
  }

  func pullback(
    _ x: UnsafePointer<Double>, _ r: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let tau = threshold(x, r) else { return false }
    if tau.top == 0 && tau.shift == 0 {
      for i in 0..<count { out[i] = v[i] }
      return true
    }
    guard r > 0 else {
      for i in 0..<count { out[i] = 0 }
      return true
    }
    var (sum, size) = (0.0, 0)
    for i in 0..<count where tau.beyond(abs(x[i])) >= 0 {
      sum += x[i] < 0 ? -v[i] : v[i]
      size += 1
    }
    let mean = sum / Double(max(size, 1))
    for i in 0..<count {
      out[i] = tau.beyond(abs(x[i])) >= 0 ? v[i] - (x[i] < 0 ? -mean : mean) : 0
    }
    return mean.isFinite
  }
}

/// w |x|_inf: what the ball of radius t w of its dual norm leaves over.
final class LargestMap: ProximalMap {
  let count: Int
  private let weight: Double
  private let ball: AbsoluteBallMap
  private let part: Buffer<Double>

  init(count: Int, weight: Double) throws(KantorError) {
    self.count = count
    self.weight = weight
    ball = try AbsoluteBallMap(count: count, radius: weight)
    part = try Buffer(count: count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard ball.project(x, step * weight, into: part.pointer) else { return false }
    for i in 0..<count { out[i] = x[i] - part.pointer[i] }
    return true
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var top = 0.0
    for i in 0..<count { top = max(top, abs(x[i])) }
    return ConvexValue(weight * top)
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue { ball.value(y) }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard ball.pullback(x, step * weight, v, into: part.pointer) else { return false }
    for i in 0..<count { out[i] = v[i] - part.pointer[i] }
    return true
  }
}
