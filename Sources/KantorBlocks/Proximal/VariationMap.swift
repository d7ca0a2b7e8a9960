import KantorCore
import KantorNumerics

/// w sum |x_{i+1} - x_i|, exactly, in O(n): the derivative of the cost of the first i places as a
/// function of u_i is piecewise linear and rising. Clipped to [-c, c], with c = t w, it is what the
/// next place sees; corners are kept in a double-ended queue and each is removed once.
///
/// Source: N. A. Johnson, "A dynamic programming algorithm for the fused lasso and
/// L0-segmentation", J. Comput. Graph. Stat. 22 (2013).
final class VariationMap: ProximalMap {
  let count: Int
  private let weight: Double
  /// Corners, and the changes of slope and of intercept there.
  private let corner: Buffer<Double>
  private let slope: Buffer<Double>
  private let intercept: Buffer<Double>
  /// Where the derivative meets -c and c.
  private let least: Buffer<Double>
  private let most: Buffer<Double>
  private let answer: Buffer<Double>

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    weight = try arguments.real("weight", or: 1)
    guard weight >= 0 else { throw arguments.refuse("weight", weight, "a number >= 0 is needed") }
    let room = try checkedProduct(2, count, of: arguments.map)
    corner = try Buffer(count: room)
    slope = try Buffer(count: room)
    intercept = try Buffer(count: room)
    least = try Buffer(count: count)
    most = try Buffer(count: count)
    answer = try Buffer(count: count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard fit(x, step * weight) else { return false }
    out.update(from: answer.pointer, count: count)
    return true
  }

  private func fit(_ x: UnsafePointer<Double>, _ c: Double) -> Bool {
    var finite = 0 * c
    for i in 0..<count { finite += 0 * x[i] }
    guard finite == 0 else { return false }
    let (n, u) = (count, answer.pointer)
    guard n > 1, c > 0 else {
      u.update(from: x, count: n)
      return true
    }
    u[n - 1] = forward(x, c)
    for i in stride(from: n - 2, through: 0, by: -1) {
      u[i] = min(max(u[i + 1], least.pointer[i]), most.pointer[i])
    }
    polish(x, c)
    return true
  }

  /// The last entry of the answer.
  private func forward(_ x: UnsafePointer<Double>, _ c: Double) -> Double {
    let (z, a, b) = (corner.pointer, slope.pointer, intercept.pointer)
    var (left, right) = (count, count - 1)
    // Lines left of all corners and right of them.
    var (firstSlope, first, lastSlope, last) = (1.0, -x[0], 1.0, -x[0])
    for i in 0..<(count - 1) {
      while left <= right && firstSlope * z[left] + first <= -c {
        firstSlope += a[left]
        first += b[left]
        left += 1
      }
      let low = (-c - first) / firstSlope
      while right >= left && lastSlope * z[right] + last >= c {
        lastSlope -= a[right]
        last -= b[right]
        right -= 1
      }
      let high = (c - last) / lastSlope
      (least.pointer[i], most.pointer[i]) = (low, max(low, high))
      left -= 1
      (z[left], a[left], b[left]) = (low, firstSlope, first + c)
      right += 1
      (z[right], a[right], b[right]) = (max(low, high), -lastSlope, c - last)
      (firstSlope, first, lastSlope, last) = (1, -x[i + 1] - c, 1, -x[i + 1] + c)
    }
    while left <= right && firstSlope * z[left] + first <= 0 {
      firstSlope += a[left]
      first += b[left]
      left += 1
    }
    return -first / firstSlope
  }

  /// Each run of equal entries is the mean of its data, moved by c towards its neighbours: from the
  /// data, without the sums that the queue has gathered.
  private func polish(_ x: UnsafePointer<Double>, _ c: Double) {
    let (n, u) = (count, answer.pointer)
    var first = 0
    // The sign of the step to the run before, which has been written over.
    var before = 0.0
    while first < n {
      let value = u[first]
      var end = first
      var sum = CompensatedSum()
      while end < n && u[end] == value {
        sum.add(x[end] - value)
        end += 1
      }
      let after = end < n ? (u[end] > value ? 1.0 : -1.0) : 0
      sum.add(c * (after - before))
      let better = value + sum.value / Double(end - first)
      for i in first..<end { u[i] = better }
      before = after
      first = end
    }
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var sum = CompensatedSum()
    for i in 1..<max(count, 1) { sum.add(abs(x[i] - x[i - 1])) }
    return ConvexValue(weight * sum.value)
  }

  /// 0 where the sum of y is 0 and no sum of its first entries is larger than w in size.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var (sum, worst) = (CompensatedSum(), 0.0)
    for i in 0..<count {
      sum.add(y[i])
      worst = max(worst, abs(sum.value) - (i < count - 1 ? weight : 0))
    }
    return ConvexValue(violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard fit(x, step * weight) else { return false }
    let u = answer.pointer
    var first = 0
    while first < count {
      var end = first
      var sum = 0.0
      while end < count && u[end] == u[first] {
        sum += v[end]
        end += 1
      }
      let mean = sum / Double(end - first)
      for i in first..<end { out[i] = mean }
      first = end
    }
    return true
  }
}
