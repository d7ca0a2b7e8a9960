import Glibc
import KantorCore
import KantorNumerics

/// What is proved about one direction.
package struct SliceCertificate: BitwiseCopyable, Sendable {
  /// W_p^p of the projections, up to what the bounds say.
  package var cost = Double.nan
  package var lower = -Double.infinity
  package var upper = Double.infinity
  /// Mass that the matching leaves, relative to the mass.
  package var residual = Double.infinity
  /// p-th power of the length that the projections cover, times the mass.
  package var scale = Double.nan
}

/// Certifies transport along one direction from the two orders that a method claims.
///
/// The points are projected once more, by sums of the checker's own. If the orders are
/// permutations along which the projections ascend, mass matched from left to right is an optimal
/// plan: the potentials that follow the staircase of its cells are feasible, since |x - y|^p is a
/// Monge cost for p >= 1, and attain its cost (see `StaircaseBound`). Where neighbours descend by
/// rounding, they are lifted to their predecessor. That moves points by delta at most, and W_p by
/// as much, which the bounds take into account.
package struct SliceCheck: @unchecked Sendable {
  private let problem: SlicedProblem
  private let a: UnsafePointer<Double>
  private let b: UnsafePointer<Double>
  private let each: (supply: Double, demand: Double)

  /// Memory for one direction at a time.
  package final class Room: @unchecked Sendable {
    fileprivate let x: Buffer<Double>
    fileprivate let y: Buffer<Double>
    fileprivate let seen: Buffer<UInt64>

    package init(_ problem: SlicedProblem) throws(KantorError) {
      x = try Buffer(count: problem.n)
      y = try Buffer(count: problem.m)
      seen = try Buffer(count: max(problem.n, problem.m) / 64 + 1)
    }
  }

  package init(_ problem: SlicedProblem) {
    self.problem = problem
    a = UnsafePointer(problem.marginals.a.pointer)
    b = UnsafePointer(problem.marginals.b.pointer)
    // Equal weights as whole numbers, so that no rounding disturbs the walk.
    var (p, q) = (problem.n, problem.m)
    while q != 0 { (p, q) = (q, p % q) }
    each = (Double(problem.m / p), Double(problem.n / p))
  }

  package func certify(
    _ direction: UnsafePointer<Double>, rows: UnsafePointer<Int32>,
    columns: UnsafePointer<Int32>, _ room: Room
  ) -> SliceCertificate {
    var certificate = SliceCertificate()
    guard let lift = ascend(problem.x, problem.n, rows, direction, room.x.pointer, room),
      let other = ascend(problem.y, problem.m, columns, direction, room.y.pointer, room)
    else { return certificate }
    let (x, y) = (UnsafePointer(room.x.pointer), UnsafePointer(room.y.pointer))
    let (mass, p) = (problem.mass, problem.power)
    let matched: (cost: Double, rest: Double)
    switch p {
    case 2: matched = match(x, y, rows, columns) { $0 * $0 }
    case 1: matched = match(x, y, rows, columns) { abs($0) }
    default: matched = match(x, y, rows, columns) { pow(abs($0), p) }
    }
    let length = max(x[problem.n - 1], y[problem.m - 1]) - min(x[0], y[0])
    certificate.cost = matched.cost
    certificate.residual = matched.rest / mass
    certificate.scale = mass * pow(length, p)
    let delta = lift + other
    guard delta > 0 else {
      (certificate.lower, certificate.upper) = (matched.cost, matched.cost)
      return certificate
    }
    let distance = pow(matched.cost / mass, 1 / p)
    certificate.lower = mass * pow(max(0, distance - delta), p)
    certificate.upper = mass * pow(distance + delta, p)
    return certificate
  }

  /// The projections in the order claimed, and how far they had to be lifted to ascend; nil if
  /// the order is no permutation.
  private func ascend(
    _ points: UnsafePointer<Double>, _ n: Int, _ order: UnsafePointer<Int32>,
    _ direction: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ room: Room
  ) -> Double? {
    let (d, seen) = (problem.dimension, room.seen.pointer)
    for k in 0...(n / 64) { seen[k] = 0 }
    var (top, lift) = (-Double.infinity, 0.0)
    for k in 0..<n {
      let i = Int(order[k])
      guard i >= 0, i < n, seen[i >> 6] & (1 << UInt64(i & 63)) == 0 else { return nil }
      seen[i >> 6] |= 1 << UInt64(i & 63)
      let z = project(points + i &* d, direction, d)
      lift = max(lift, top - z)
      top = max(top, z)
      out[k] = top
    }
    // NaN, which only an overflow can make, would pass all comparisons.
    return top.isFinite && out[0].isFinite ? max(lift, 0) : nil
  }

  @inline(__always)
  private func project(
    _ p: UnsafePointer<Double>, _ direction: UnsafePointer<Double>, _ d: Int
  ) -> Double {
    var (s0, s1, c) = (0.0, 0.0, 0)
    while c &+ 2 <= d {
      s0 += p[c] * direction[c]
      s1 += p[c &+ 1] * direction[c &+ 1]
      c &+= 2
    }
    return c < d ? s0 + s1 + p[c] * direction[c] : s0 + s1
  }

  /// Cost of the matching from left to right, and the mass that it leaves.
  @inline(__always)
  private func match(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ rows: UnsafePointer<Int32>,
    _ columns: UnsafePointer<Int32>, _ h: (Double) -> Double
  ) -> (Double, Double) {
    let (n, m) = (problem.n, problem.m)
    var cost = BlockedSum()
    let isUniform = problem.marginals.hasUniformWeights
    if isUniform && n == m {
      for k in 0..<n { cost.add(h(x[k] - y[k])) }
      return (cost.value * (problem.mass / Double(n)), 0)
    }
    var (s, t) = (0, 0)
    var supply = isUniform ? each.supply : a[Int(rows[0])]
    var demand = isUniform ? each.demand : b[Int(columns[0])]
    var rest = BlockedSum()
    while true {
      let amount = min(supply, demand)
      cost.add(amount * h(x[s] - y[t]))
      supply -= amount
      demand -= amount
      if supply <= 0 {
        s &+= 1
        guard s < n else { break }
        supply = isUniform ? each.supply : a[Int(rows[s])]
      } else {
        t &+= 1
        guard t < m else { break }
        demand = isUniform ? each.demand : b[Int(columns[t])]
      }
    }
    // One side has nothing left; what the other still has should be rounding.
    rest.add(s < n ? supply : demand)
    while s &+ 1 < n, t == m {
      s &+= 1
      rest.add(isUniform ? each.supply : a[Int(rows[s])])
    }
    while t &+ 1 < m, s == n {
      t &+= 1
      rest.add(isUniform ? each.demand : b[Int(columns[t])])
    }
    let unit = isUniform ? problem.mass / (Double(n) * each.supply) : 1
    return (cost.value * unit, rest.value * unit)
  }
}
