import CKantorKernels
import KantorCore
import KantorNumerics

/// Averages over runs of places: the derivative of maps that fuse neighbours.
private func average(
  _ v: UnsafePointer<Double>, _ n: Int, into out: UnsafeMutablePointer<Double>,
  isFused: (Int) -> Bool
) {
  var first = 0
  while first < n {
    var end = first + 1
    var sum = v[first]
    while end < n && isFused(end) {
      sum += v[end]
      end += 1
    }
    let mean = sum / Double(end - first)
    for i in first..<end { out[i] = mean }
    first = end
  }
}

/// The nearest vector with x_1 >= x_2 >= ..., by pooling adjacent violators, O(n).
///
/// Source: M. J. Best, N. Chakravarti, "Active set algorithms for isotonic regression; a unifying
/// framework", Math. Program. 47 (1990).
struct PooledBlocks {
  private let sums: Buffer<Double>
  private let sizes: Buffer<Int>

  init(count: Int) throws(KantorError) {
    sums = try Buffer(count: count)
    sizes = try Buffer(count: count)
  }

  /// Of sign times x; `out` may be `x`. A block has equal numbers, to the bit.
  func fit(
    _ x: UnsafePointer<Double>, _ n: Int, isRising: Bool, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let (s, k) = (sums.pointer, sizes.pointer)
    var top = 0
    var finite = 0.0
    for i in 0..<n {
      finite += 0 * x[i]
      s[top] = x[i]
      k[top] = 1
      top += 1
      while top > 1 {
        let (a, b) = (s[top - 2] / Double(k[top - 2]), s[top - 1] / Double(k[top - 1]))
        guard isRising ? a >= b : a <= b else { break }
        s[top - 2] += s[top - 1]
        k[top - 2] += k[top - 1]
        top -= 1
      }
    }
    guard finite == 0 else { return false }
    var i = n
    while top > 0 {
      top -= 1
      let mean = s[top] / Double(k[top])
      for _ in 0..<k[top] {
        i -= 1
        out[i] = mean
      }
    }
    return true
  }
}

/// { x_1 <= x_2 <= ... <= x_n }.
final class IsotonicMap: ProximalMap {
  let count: Int
  private let blocks: PooledBlocks
  private let work: Buffer<Double>

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    blocks = try PooledBlocks(count: count)
    work = try Buffer(count: count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    blocks.fit(x, count, isRising: true, into: out)
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var worst = 0.0
    for i in 1..<max(count, 1) { worst = max(worst, x[i - 1] - x[i]) }
    return ConvexValue(violation: worst)
  }

  /// 0 where the sum of y is 0 and no sum of its last entries is positive.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var (sum, worst) = (CompensatedSum(), 0.0)
    for i in stride(from: count - 1, through: 0, by: -1) {
      sum.add(y[i])
      worst = max(worst, i > 0 ? sum.value : abs(sum.value))
    }
    return ConvexValue(violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let u = work.pointer
    guard blocks.fit(x, count, isRising: true, into: u) else { return false }
    average(v, count, into: out) { u[$0] == u[$0 - 1] }
    return true
  }
}

/// sum w_k |x|_(k) with the sizes in falling order and w_1 >= w_2 >= ... >= 0. O(n log n).
///
/// Source: M. Bogdan, E. van den Berg, C. Sabatti, W. Su, E. J. Candes, "SLOPE - adaptive variable
/// selection via convex optimization", Ann. Appl. Stat. 9 (2015).
final class SortedAbsoluteMap: ProximalMap {
  let count: Int
  private let weights: Entries
  private let blocks: PooledBlocks
  private let sizes: Buffer<Double>
  private let fitted: Buffer<Double>
  private let order: Buffer<Int32>
  private let work: Buffer<UInt64>

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    guard count < Int(Int32.max) else {
      throw KantorError(
        .tooLarge, "\(arguments.map): \(count) numbers; less than 2^31 are possible")
    }
    weights = try arguments.weights("weights", or: 1)
    for i in 1..<max(count, 1) where weights[i] > weights[i - 1] {
      throw KantorError(
        .range,
        "\(arguments.map): weights[\(i)] is \(weights[i]) after \(weights[i - 1]); they must not "
          + "rise")
    }
    blocks = try PooledBlocks(count: count)
    sizes = try Buffer(count: count)
    fitted = try Buffer(count: count)
    order = try Buffer(count: count)
    work = try Buffer(count: try checkedProduct(2, count, of: "sorting") + 2)
  }

  /// order: from the largest size to the smallest. False if a number is not finite.
  private func sort(_ x: UnsafePointer<Double>) -> Bool {
    for i in 0..<count {
      guard x[i].isFinite else { return false }
      sizes.pointer[i] = -abs(x[i])
    }
    kn_argsort_f64(sizes.pointer, Int64(count), order.pointer, work.pointer)
    return true
  }

  private func fit(_ x: UnsafePointer<Double>, _ step: Double) -> Bool {
    guard sort(x) else { return false }
    let f = fitted.pointer
    for k in 0..<count { f[k] = -sizes.pointer[Int(order.pointer[k])] - step * weights[k] }
    return blocks.fit(f, count, isRising: false, into: f)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard fit(x, step) else { return false }
    for k in 0..<count {
      let i = Int(order.pointer[k])
      let size = max(fitted.pointer[k], 0)
      out[i] = size > 0 && x[i] < 0 ? -size : size
    }
    return true
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    guard sort(x) else { return ConvexValue(.nan) }
    var sum = CompensatedSum()
    for k in 0..<count { sum.add(-weights[k] * sizes.pointer[Int(order.pointer[k])]) }
    return ConvexValue(sum.value)
  }

  /// 0 where no sum of the k largest sizes exceeds that of the k first weights.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    guard sort(y) else { return ConvexValue(.nan) }
    var (sum, worst) = (CompensatedSum(), 0.0)
    for k in 0..<count {
      sum.add(-sizes.pointer[Int(order.pointer[k])] - weights[k])
      worst = max(worst, sum.value)
    }
    return ConvexValue(violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard fit(x, step) else { return false }
    let (f, p, s) = (fitted.pointer, order.pointer, sizes.pointer)
    for k in 0..<count {
      let i = Int(p[k])
      s[k] = x[i] < 0 ? -v[i] : v[i]
    }
    average(s, count, into: s) { f[$0] == f[$0 - 1] }
    for k in 0..<count {
      let i = Int(p[k])
      out[i] = f[k] >= 0 ? (x[i] < 0 ? -s[k] : s[k]) : 0
    }
    return true
  }
}
