import CKantorKernels
import KantorCore
import KantorNumerics

/// { lower <= x <= upper, low <= a'x <= high } with a_i > 0. The nearest point of the box to
/// x - mu a meets the row for one mu, at which a'x is a falling, piecewise linear function of mu:
/// its corners are sorted, the right piece is found by bisection, O(n log n).
///
/// Source: K. C. Kiwiel, "Breakpoint searching algorithms for the continuous quadratic knapsack
/// problem", Math. Program. 112 (2008).
final class KnapsackMap: ProximalMap {
  let count: Int
  private let box: BoxFunction
  private let normal: Entries
  private let low: Double
  private let high: Double
  private let sorting: BreakpointSearch

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    let lower = try arguments.entries("lower", or: 0, infinite: true)
    let upper = try arguments.entries("upper", or: .infinity, infinite: true)
    box = try BoxFunction(lower, upper, checkedFor: arguments)
    normal = try arguments.weights("coefficients", or: 1, positive: true)
    if arguments.has("total") {
      guard !arguments.has("total_lower"), !arguments.has("total_upper") else {
        throw KantorError(
          .range, "\(arguments.map): give 'total', or 'total_lower' and 'total_upper'")
      }
      low = try arguments.real("total")
      high = low
    } else {
      low = arguments.has("total_lower") ? try arguments.real("total_lower") : -.infinity
      high = arguments.has("total_upper") ? try arguments.real("total_upper") : .infinity
      guard low <= high else {
        throw KantorError(
          .range, "\(arguments.map): total_lower is \(low) and total_upper is \(high)")
      }
    }
    var (least, most) = (CompensatedSum(), CompensatedSum())
    for i in 0..<count {
      least.add(normal[i] * lower[i])
      most.add(normal[i] * upper[i])
    }
    guard least.value <= high, most.value >= low else {
      throw KantorError(
        .range,
        "\(arguments.map): the set is empty: between the bounds the total lies between "
          + "\(least.value) and \(most.value), and \(low) to \(high) is asked for")
    }
    sorting = try BreakpointSearch(capacity: try checkedProduct(2, count, of: arguments.map) + 1)
  }

  private func total(_ x: UnsafePointer<Double>, _ mu: Double) -> Double {
    var sum = CompensatedSum()
    for i in 0..<count { sum.add(normal[i] * box.prox(i, x[i] - mu * normal[i], 1)) }
    return sum.value
  }

  /// Nil when a number is not finite.
  private func multiplier(_ x: UnsafePointer<Double>) -> Double? {
    var sum = 0.0
    for i in 0..<count { sum += 0 * x[i] }
    guard sum == 0 else { return nil }
    let start = total(x, 0)
    if start >= low && start <= high { return 0 }
    let target = start > high ? high : low
    sorting.removeAll()
    for i in 0..<count {
      sorting.add((x[i] - box.lower[i]) / normal[i])
      sorting.add((x[i] - box.upper[i]) / normal[i])
    }
    let (left, right) = sorting.bracket { total(x, $0) >= target }
    // Between two corners the free entries stay the same.
    let middle: Double
    switch (left.isFinite, right.isFinite) {
    case (true, true): middle = left + 0.5 * (right - left)
    case (true, false): middle = left + max(1, abs(left))
    case (false, true): middle = right - max(1, abs(right))
    default: middle = 0
    }
    var (rest, square) = (CompensatedSum(), 0.0)
    rest.add(-target)
    for i in 0..<count {
      let z = x[i] - middle * normal[i]
      if z > box.lower[i] && z < box.upper[i] {
        rest.add(normal[i] * x[i])
        square += normal[i] * normal[i]
      } else {
        rest.add(normal[i] * box.prox(i, z, 1))
      }
    }
    if square == 0 { return right.isFinite ? right : left }
    return min(max(rest.value / square, left), right)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let mu = multiplier(x) else { return false }
    for i in 0..<count { out[i] = box.prox(i, x[i] - mu * normal[i], 1) }
    return mu.isFinite
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var sum = CompensatedSum()
    var worst = 0.0
    for i in 0..<count {
      sum.add(normal[i] * x[i])
      worst = max(worst, box.value(i, x[i]).violation)
    }
    return ConvexValue(violation: max(worst, low - sum.value, sum.value - high))
  }

  /// The least over lambda of sup over the box of (y - lambda a)'x, plus lambda times the bound of
  /// the row that its sign chooses: piecewise linear and convex in lambda.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    sorting.removeAll()
    sorting.add(0)
    for i in 0..<count { sorting.add(y[i] / normal[i]) }
    let lambda = sorting.bracket { slope(y, $0) < 0 }.right
    guard lambda.isFinite else { return ConvexValue(violation: .infinity) }
    var sum = CompensatedSum()
    var worst = 0.0
    for i in 0..<count {
      let part = box.conjugate(i, rest(i, y, lambda))
      sum.add(part.value)
      worst = max(worst, part.violation)
    }
    let end = lambda > 0 ? high : low
    if lambda != 0 {
      if end.isFinite { sum.add(lambda * end) } else { worst = max(worst, abs(lambda)) }
    }
    return ConvexValue(sum.value, violation: worst)
  }

  /// y_i - lambda a_i, 0 where it is so but for rounding.
  private func rest(_ i: Int, _ y: UnsafePointer<Double>, _ lambda: Double) -> Double {
    let z = y[i] - lambda * normal[i]
    return abs(z) <= 0x1p-51 * abs(y[i]) ? 0 : z
  }

  /// The slope to the right of lambda.
  private func slope(_ y: UnsafePointer<Double>, _ lambda: Double) -> Double {
    var sum = lambda >= 0 ? high : low
    for i in 0..<count {
      sum -= normal[i] * (rest(i, y, lambda) > 0 ? box.upper[i] : box.lower[i])
    }
    return sum
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let mu = multiplier(x), mu.isFinite else { return false }
    var (along, square) = (0.0, 0.0)
    for i in 0..<count where mu != 0 && box.slope(i, x[i] - mu * normal[i], 1) > 0 {
      along += normal[i] * v[i]
      square += normal[i] * normal[i]
    }
    let share = square > 0 ? along / square : 0
    for i in 0..<count {
      let isFree = box.slope(i, x[i] - mu * normal[i], 1) > 0
      out[i] = isFree ? v[i] - share * normal[i] : 0
    }
    return share.isFinite
  }
}

/// The piece of a piecewise function in which something happens, from its corners.
final class BreakpointSearch {
  private let corners: Buffer<Double>
  private let order: Buffer<Int32>
  private let work: Buffer<UInt64>
  private var size = 0

  init(capacity: Int) throws(KantorError) {
    guard capacity < Int(Int32.max) else {
      throw KantorError(.tooLarge, "\(capacity) breakpoints; less than 2^31 are possible")
    }
    corners = try Buffer(count: capacity)
    order = try Buffer(count: capacity)
    work = try Buffer(count: try checkedProduct(2, capacity, of: "breakpoints") + 2)
  }

  func removeAll() { size = 0 }

  /// Corners that are not finite are left out.
  func add(_ corner: Double) {
    guard corner.isFinite, size < corners.count else { return }
    corners.pointer[size] = corner
    size += 1
  }

  /// The last corner at which the predicate holds and the first at which it does not; it holds up
  /// to some corner. Infinite where there is none.
  func bracket(_ holds: (Double) -> Bool) -> (left: Double, right: Double) {
    kn_argsort_f64(corners.pointer, Int64(size), order.pointer, work.pointer)
    var (low, high) = (-1, size)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if holds(corner(middle)) { low = middle } else { high = middle }
    }
    return (low < 0 ? -.infinity : corner(low), high == size ? .infinity : corner(high))
  }

  private func corner(_ k: Int) -> Double { corners.pointer[Int(order.pointer[k])] }
}
