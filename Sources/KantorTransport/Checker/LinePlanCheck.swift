import Glibc
import KantorCore
import KantorNumerics

/// Certifies a plan on the line in O(n + m), without looking at all n m pairs.
///
/// The entries of the plan, in order, have to walk through both point sets from left to right,
/// every point with mass included and none twice. Then the potentials are feasible for the dual
/// once they are lowered by what `StaircaseBound` finds along the walk; one pass over the entries
/// gives marginals, cost and bound.
package struct LinePlanCheck {
  private let problem: TransportProblem
  private let x: UnsafePointer<Double>
  private let y: UnsafePointer<Double>
  private let metric: Metric
  private let power: Double

  /// nil unless the geometry is a line with a convex cost.
  package init?(_ problem: TransportProblem) {
    guard problem.geometry.isConvexLine,
      case .points(let x, let y, _, let metric, let power) = problem.geometry.source
    else { return nil }
    self.problem = problem
    self.x = UnsafePointer(x.pointer)
    self.y = UnsafePointer(y.pointer)
    self.metric = metric
    self.power = power
  }

  /// nil when the entries do not walk from left to right: then the general check has to serve.
  package func certify(
    _ plan: SparsePlan, f: UnsafePointer<Double>, g: UnsafePointer<Double>
  ) throws(KantorError) -> TransportCertificate? {
    var walked: Walk?
    switch (metric, power) {
    case (.sqeuclidean, _), (.power, 2): walked = try walk(plan, f, g) { $0 * $0 }
    case (.power, let p) where p != 1: walked = try walk(plan, f, g) { pow(abs($0), p) }
    default: walked = try walk(plan, f, g) { abs($0) }
    }
    guard let walked else { return nil }
    let (source, target) = (mean(problem.a, f), mean(problem.b, g))
    var certificate = TransportCertificate()
    certificate.rowResidual = (walked.rowError.value + walked.negative) / problem.mass
    certificate.columnResidual = (walked.columnError.value + walked.negative) / problem.mass
    certificate.objective = walked.cost.value
    certificate.transportCost = walked.cost.value
    certificate.upperBound = walked.cost.value
    let bound = source.value + target.value - problem.mass * walked.bound.defect
    certificate.dualObjective = bound
    certificate.lowerBound = bound
    certificate.gap = certificate.objective - bound
    certificate.scale = max(walked.size.value, source.size + target.size)
    return certificate
  }

  /// What the points of some entries have, side by side: collected before it is needed, so that
  /// reads all over memory do not wait for the branches of the walk.
  private struct Collected {
    private let room: Buffer<Double>
    let places: UnsafeMutablePointer<Double>
    let potentials: UnsafeMutablePointer<Double>
    let weights: UnsafeMutablePointer<Double>

    init(count: Int) throws(KantorError) {
      room = try Buffer(count: 3 * count)
      places = room.pointer
      potentials = places + count
      weights = potentials + count
    }

    /// False for an index out of range.
    @inline(__always)
    func collect(
      _ indices: UnsafePointer<Int64>, _ count: Int, _ x: UnsafePointer<Double>,
      _ f: UnsafePointer<Double>, _ a: UnsafePointer<Double>?, below limit: Int
    ) -> Bool {
      for k in 0..<count {
        let i = Int(indices[k])
        guard i >= 0 && i < limit else { return false }
        places[k] = x[i]
        potentials[k] = f[i]
      }
      if let a {
        for k in 0..<count { weights[k] = a[Int(indices[k])] }
      }
      return true
    }
  }

  private static let entriesAtOnce = 512

  /// What one pass over the entries adds up.
  private struct Walk {
    var cost = BlockedSum()
    var size = BlockedSum()
    var rowError = BlockedSum()
    var columnError = BlockedSum()
    var negative = 0.0
    var bound = StaircaseBound()
  }

  @inline(__always)
  private func walk(
    _ plan: SparsePlan, _ f: UnsafePointer<Double>, _ g: UnsafePointer<Double>,
    _ h: (Double) -> Double
  ) throws(KantorError) -> Walk? {
    let (n, m) = (problem.n, problem.m)
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    // One bit for each point keeps the marks in the cache, and equal weights need no look-up.
    let seen = try Buffer<UInt64>(count: n / 64 + m / 64 + 2)
    let (seenRow, seenColumn) = (seen.pointer, seen.pointer + n / 64 + 1)
    let isUniform = problem.hasUniformWeights
    let (share, part) = (a[0], b[0])
    let near = try Collected(count: min(plan.count, Self.entriesAtOnce))
    let far = try Collected(count: min(plan.count, Self.entriesAtOnce))
    var walk = Walk()
    var (row, column) = (-1, -1)
    var (source, target) = (-Double.infinity, -Double.infinity)
    var (u, v) = (0.0, 0.0)
    var (supply, demand) = (0.0, 0.0)
    for start in stride(from: 0, to: plan.count, by: Self.entriesAtOnce) {
      let count = min(Self.entriesAtOnce, plan.count - start)
      let (rows, columns) = (plan.rows.pointer + start, plan.columns.pointer + start)
      guard near.collect(rows, count, x, f, isUniform ? nil : a, below: n),
        far.collect(columns, count, y, g, isUniform ? nil : b, below: m)
      else { return nil }
      for k in 0..<count {
        let (i, j) = (Int(rows[k]), Int(columns[k]))
        let (movesDown, movesRight) = (i != row, j != column)
        let (above, left) = ((source, u), (target, v))
        if movesDown {
          guard Self.marks(seenRow, i), near.places[k] >= source else { return nil }
          walk.rowError.add(abs(supply))
          (row, source, u) = (i, near.places[k], near.potentials[k])
          supply = isUniform ? share : near.weights[k]
        }
        if movesRight {
          guard Self.marks(seenColumn, j), far.places[k] >= target else { return nil }
          walk.columnError.add(abs(demand))
          (column, target, v) = (j, far.places[k], far.potentials[k])
          demand = isUniform ? part : far.weights[k]
        }
        if start + k > 0 && movesDown && movesRight {
          // A diagonal step passes through one of its two corners: the better one.
          let upper = h(above.0 - target) - above.1 - v
          let lower = h(source - left.0) - u - left.1
          walk.bound.visit(abs(upper) <= abs(lower) ? upper : lower, down: abs(upper) > abs(lower))
          walk.bound.visit(h(source - target) - u - v, down: abs(upper) <= abs(lower))
        } else {
          walk.bound.visit(h(source - target) - u - v, down: movesDown)
        }
        let p = plan.values.pointer[start + k]
        supply -= p
        demand -= p
        walk.negative = max(walk.negative, -p)
        let moved = p == 0 ? 0 : p * h(source - target)
        walk.cost.add(moved)
        walk.size.add(abs(moved))
      }
    }
    walk.rowError.add(abs(supply))
    walk.columnError.add(abs(demand))
    guard Self.hasAll(seenRow, a, n), Self.hasAll(seenColumn, b, m) else { return nil }
    return walk
  }

  /// Marks a point; false if it was marked before.
  @inline(__always)
  private static func marks(_ seen: UnsafeMutablePointer<UInt64>, _ i: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(i & 63)
    guard seen[i >> 6] & bit == 0 else { return false }
    seen[i >> 6] |= bit
    return true
  }

  /// Whether every point with mass is marked: whole words of marks are looked at together.
  private static func hasAll(
    _ seen: UnsafeMutablePointer<UInt64>, _ weights: UnsafeMutablePointer<Double>, _ count: Int
  ) -> Bool {
    for word in 0..<(count + 63) / 64 where seen[word] != .max {
      for i in 64 * word..<min(64 * word + 64, count) where weights[i] > 0 {
        if seen[word] & (1 << UInt64(i & 63)) == 0 { return false }
      }
    }
    return true
  }

  /// <weights, potential> and the size of its terms.
  private func mean(
    _ weights: Buffer<Double>, _ potential: UnsafePointer<Double>
  ) -> (value: Double, size: Double) {
    let w = weights.pointer
    var (value, size) = (BlockedSum(), BlockedSum())
    for i in 0..<weights.count where w[i] > 0 {
      value.add(w[i] * potential[i])
      size.add(abs(w[i] * potential[i]))
    }
    return (value.value, size.value)
  }
}
