import KantorCore

/// The last steps s and gradient changes y of a quasi-Newton method, and the inverse Hessian that
/// they stand for, applied to a vector by two loops over them.
///
/// Source: J. Nocedal, "Updating quasi-Newton matrices with limited storage" (1980).
public struct CurvatureMemory {
  private let steps: Buffer<Double>
  private let changes: Buffer<Double>
  private let inverseProducts: Buffer<Double>
  private let weights: Buffer<Double>
  private let count: Int
  private let capacity: Int
  private var used = 0
  private var next = 0
  private var scale = 1.0

  /// Room for `capacity` pairs of vectors of length `count`.
  public init(count: Int, capacity: Int) throws(KantorError) {
    self.count = count
    self.capacity = capacity
    let size = try checkedProduct(count, capacity, of: "quasi-Newton memory")
    steps = try Buffer(count: size)
    changes = try Buffer(count: size)
    inverseProducts = try Buffer(count: capacity)
    weights = try Buffer(count: capacity)
  }

  public var isEmpty: Bool { used == 0 }

  public mutating func forget() {
    (used, next) = (0, 0)
    scale = 1
  }

  /// Stores s = x - oldX, y = g - oldG. Pairs without positive curvature are left out, so that the
  /// matrix stays positive definite.
  public mutating func store(
    _ x: UnsafePointer<Double>, _ oldX: UnsafePointer<Double>, _ g: UnsafePointer<Double>,
    _ oldG: UnsafePointer<Double>
  ) {
    let (s, y) = (steps.pointer + next * count, changes.pointer + next * count)
    var (product, square, length) = (0.0, 0.0, 0.0)
    for i in 0..<count {
      s[i] = x[i] - oldX[i]
      y[i] = g[i] - oldG[i]
      product += s[i] * y[i]
      square += y[i] * y[i]
      length += s[i] * s[i]
    }
    let least = 1e-10
    guard product > least * (square * length).squareRoot(), product.isFinite else { return }
    inverseProducts.pointer[next] = 1 / product
    scale = product / square
    next = (next + 1) % capacity
    used = min(used + 1, capacity)
  }

  /// d <- H d.
  public func apply(_ d: UnsafeMutablePointer<Double>) {
    for back in 0..<used {
      let k = (next + capacity - 1 - back) % capacity
      let weight = inverseProducts.pointer[k] * dot(steps.pointer + k * count, d)
      weights.pointer[k] = weight
      add(d, -weight, changes.pointer + k * count)
    }
    for i in 0..<count { d[i] *= scale }
    for back in stride(from: used - 1, through: 0, by: -1) {
      let k = (next + capacity - 1 - back) % capacity
      let rest = inverseProducts.pointer[k] * dot(changes.pointer + k * count, d)
      add(d, weights.pointer[k] - rest, steps.pointer + k * count)
    }
  }

  private func dot(_ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>) -> Double {
    dotProduct(p, q, count)
  }

  @inline(__always)
  private func add(
    _ d: UnsafeMutablePointer<Double>, _ t: Double, _ p: UnsafePointer<Double>
  ) {
    for i in 0..<count { d[i] += t * p[i] }
  }
}

/// sum_i p_i q_i, in lanes that the compiler may keep in one register.
@inlinable
public func dotProduct(
  _ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>, _ count: Int
) -> Double {
  typealias Lanes = SIMD8<Double>
  var sum = Lanes.zero
  var i = 0
  while i &+ 8 <= count {
    sum += UnsafeRawPointer(p + i).loadUnaligned(as: Lanes.self)
      * UnsafeRawPointer(q + i).loadUnaligned(as: Lanes.self)
    i &+= 8
  }
  var total = sum.sum()
  while i < count {
    total += p[i] * q[i]
    i &+= 1
  }
  return total
}
