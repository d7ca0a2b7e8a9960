import CKantorKernels
import KantorCore
import KantorNumerics

/// Certifies potentials of entropic transport as `EntropicCheck` does, for clouds that are too
/// large for passes over all pairs: in one pass over the pairs of blocks that can matter.
///
/// Left out are blocks A x B with exp(U + V - c/eps) below theta / mass, where U is the
/// largest f/eps in A, exp(V) the mean of exp(g/eps) in B under the weights, and c the least cost
/// between their boxes. Their mass is at most a(A) b(B) exp(U + V - c/eps); the sum nu of these
/// bounds, at most theta times the mass, is added to both marginal errors and to the plan's mass.
///
/// Let Q be the plan on the pairs looked at, r and w its marginals. Rounded to a feasible plan P'
/// as Altschuler, Weed and Rigollet do, it loses at most
///     delta = sum (r - a)+ + sum (w - b)+
/// and is given at most rho = mass - |Q| + delta as a product measure, so that
///     <P', C> <= <Q, C> + rho max C,
///     sum P' log(P' / ab) <= sum Q log(Q / ab) + h(delta) + rho + k(rho),
///     h(t) = t log(mass^2 / t),  k(t) = t log(mass / t^2),
/// each at its largest on [0, delta] or [0, rho]. This bounds V from above without P'.
///
/// f_i = min_j C_ij - g_j is bounded from below by the same walk, which gives the lower bound of
/// the unregularised cost.
package struct CloudCheck {
  private let problem: TransportProblem
  private let metric: Metric
  private let power: Double
  private let epsilon: Double
  private let theta: Double
  private let x: CheckedBlocks
  private let y: CheckedBlocks
  private let source: SortedSide
  private let target: SortedSide
  private let parallel: Parallel

  /// Pairs from which this check takes the place of passes over all of them.
  package static let leastPairs = 2e8
  /// Share of the tolerance that may be left unseen.
  private static let unseen = 0.01
  /// Pairs that the certificate of a solve that was interrupted may take.
  private static let interruptedPairs = 4e9

  package static func fits(_ problem: TransportProblem) -> Bool {
    guard case .points(_, _, _, let metric, _) = problem.geometry.source else { return false }
    return metric != .cosine && Double(problem.n) * Double(problem.m) >= leastPairs
  }

  package init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    tolerance: Double, parallel: Parallel
  ) throws(KantorError) {
    guard case .points(let px, let py, let d, let metric, let power) = problem.geometry.source
    else { throw KantorError(.internal, "CloudCheck needs points") }
    self.problem = problem
    self.metric = metric
    self.power = power
    self.epsilon = epsilon
    self.parallel = parallel
    theta = Self.unseen * max(tolerance, 1e-15)
    x = try CheckedBlocks(px.pointer, count: problem.n, dimension: d)
    y = try CheckedBlocks(py.pointer, count: problem.m, dimension: d)
    source = try SortedSide(x, problem.a, f, epsilon)
    target = try SortedSide(y, problem.b, g, epsilon)
  }

  /// Blocks of the lowest tier in `x`.
  private var blockCount: Int { x.tiers[0].count }

  package func certify(isInterrupted: Bool) throws(KantorError) -> TransportCertificate {
    if isInterrupted, countPairs() > Self.interruptedPairs {
      // Far from the answer everything seems to matter; a host that wants to stop does not wait.
      var certificate = TransportCertificate()
      (certificate.rowResidual, certificate.columnResidual) = (.infinity, .infinity)
      certificate.gap = .infinity
      return certificate
    }
    let sums = try measure()
    return certificate(sums)
  }

  // MARK: Walk

  /// visit(places) for the blocks of targets that a block of sources may hold mass with, and
  /// skip(bound of the exponent, tier, block) for those that are left out.
  private func walk(
    _ block: Int, visit: (Range<Int>) -> Void, skip: (Double, Int, Int) -> Void
  ) {
    let high = source.high(block)
    let limit = log(theta / problem.mass)
    func descend(_ tier: Int, _ other: Int) {
      let side = target.blocks[tier]
      let least = CheckedBlocks.costs(metric, power, x, 0, block, y, tier, other).least
      let bound = high + side.mean.pointer[other] - least / epsilon
      if !(bound > limit) {
        skip(bound, tier, other)
      } else if tier == 0 {
        visit(y.range(0, other))
      } else {
        for child in y.children(tier, other) { descend(tier - 1, child) }
      }
    }
    descend(y.tiers.count - 1, 0)
  }

  private func countPairs() -> Double {
    var pairs = 0.0
    for block in 0..<blockCount where source.blocks[0].mass.pointer[block] > 0 {
      let rows = Double(x.range(0, block).count)
      walk(block, visit: { pairs += rows * Double($0.count) }, skip: { _, _, _ in })
    }
    return pairs
  }

  // MARK: The pass

  private struct Sums {
    /// In sorted order.
    let rows: Buffer<Double>
    let columns: Buffer<Double>
    let minima: Buffer<Double>
    let costs: Buffer<Double>
    let unseen: Double
  }

  private func measure() throws(KantorError) -> Sums {
    let (n, m) = (x.count, y.count)
    let rows = try Buffer<Double>(count: n)
    let minima = try Buffer<Double>(count: n)
    let costs = try Buffer<Double>(count: n)
    let columns = try Buffer<Double>(count: try checkedProduct(m, parallel.threads, of: "sums"))
    let unseen = try Buffer<Double>(count: blockCount)
    var rooms: [Room] = []
    for _ in 0..<parallel.threads { rooms.append(try Room(m, x.dimension)) }
    let shared = rooms
    parallel.forEach(blockCount) { part, first, end in
      for block in first..<end where source.blocks[0].mass.pointer[block] > 0 {
        let room = shared[part]
        unseen.pointer[block] = gather(block, room)
        for i in x.range(0, block) where source.weight.pointer[i] > 0 {
          costRow(i, room)
          let sums = planRow(i, room)
          rows.pointer[i] = sums.mass
          costs.pointer[i] = sums.cost
          let near = smallestDifference(room.cost.pointer, room.potential.pointer, room.count)
          minima.pointer[i] = min(near, room.leastSkipped)
        }
        room.scatter(columns.pointer + part * m)
      }
    }
    for part in 1..<max(parallel.threads, 1) where parallel.threads > 1 {
      for j in 0..<m { columns.pointer[j] += columns.pointer[part * m + j] }
    }
    var total = CompensatedSum()
    for block in 0..<blockCount { total.add(unseen.pointer[block]) }
    return Sums(rows: rows, columns: columns, minima: minima, costs: costs, unseen: total.value)
  }

  /// Gathers the targets that a block of sources looks at; the bound of the mass that it does not
  /// see. Skipped blocks bound min_j C_ij - g_j by their boxes.
  private func gather(_ block: Int, _ room: Room) -> Double {
    room.start()
    var unseen = 0.0
    walk(
      block,
      visit: { room.add($0, y, target) },
      skip: { bound, tier, other in
        let side = target.blocks[tier]
        unseen += exp(bound) * side.mass.pointer[other]
        let least = CheckedBlocks.costs(metric, power, x, 0, block, y, tier, other).least
        room.leastSkipped = min(room.leastSkipped, least - side.highest.pointer[other])
      })
    return unseen * source.blocks[0].mass.pointer[block]
  }

  private func exp(_ value: Double) -> Double {
    var (input, output) = (value, 0.0)
    kn_exp_f64(&input, &output, 1)
    return output
  }

  private func log(_ value: Double) -> Double {
    var (input, output) = (value, 0.0)
    kn_log_f64(&input, &output, 1)
    return output
  }

  private func costRow(_ i: Int, _ room: Room) {
    for k in 0..<x.dimension { room.point[k] = x.coordinate.pointer[k * x.count + i] }
    room.point.withUnsafeBufferPointer { point in
      guard let base = point.baseAddress else { return }
      CheckedCost.row(
        base, room.coordinate.pointer, stride: room.stride, count: room.count,
        dimension: x.dimension, metric, power, room.cost.pointer)
    }
  }

  private func planRow(_ i: Int, _ room: Room) -> (mass: Double, cost: Double) {
    let (c, p, gamma) = (room.cost.pointer, room.plan.pointer, room.exponent.pointer)
    let (row, inverse) = (source.exponent.pointer[i], 1 / epsilon)
    for j in 0..<room.count { p[j] = row + gamma[j] - c[j] * inverse }
    kn_exp_f64(p, p, Int64(room.count))
    let sums = room.sums.pointer
    for j in 0..<room.count { sums[j] += p[j] }
    return rowSums(p, c, room.count)
  }

  // MARK: Conclusions

  private func certificate(_ sums: Sums) -> TransportCertificate {
    let mass = problem.mass
    let (a, b) = (source.weight.pointer, target.weight.pointer)
    var (rowError, columnError, excess) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    var (total, cost, entropy) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    var (linear, size, bound) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<x.count where a[i] > 0 {
      let (r, f) = (sums.rows.pointer[i], source.potential.pointer[i])
      rowError.add(abs(r - a[i]))
      excess.add(max(0, r - a[i]))
      total.add(r)
      cost.add(sums.costs.pointer[i])
      entropy.add(r * (f / epsilon))
      linear.add(a[i] * f)
      size.add(abs(a[i] * f))
      bound.add(a[i] * sums.minima.pointer[i])
    }
    for j in 0..<y.count where b[j] > 0 {
      let (w, g) = (sums.columns.pointer[j], target.potential.pointer[j])
      columnError.add(abs(w - b[j]))
      excess.add(max(0, w - b[j]))
      entropy.add(w * (g / epsilon))
      linear.add(b[j] * g)
      size.add(abs(b[j] * g))
      bound.add(b[j] * g)
    }
    entropy.add(-cost.value / epsilon)
    let constant = mass * mass - mass
    var certificate = TransportCertificate()
    certificate.rowResidual = (rowError.value + sums.unseen) / mass
    certificate.columnResidual = (columnError.value + sums.unseen) / mass
    certificate.dualObjective =
      linear.value - epsilon * (total.value + sums.unseen - mass * mass)
    certificate.lowerBound = bound.value
    certificate.transportCost = cost.value
    certificate.scale = max(size.value, abs(cost.value))
    certificate.objective =
      cost.value + epsilon * (entropy.value - total.value + mass * mass)
    let delta = excess.value
    let rest = max(0, mass - total.value) + delta
    certificate.upperBound = cost.value + rest * largestCost
    let upper = certificate.upperBound
      + epsilon * (entropy.value + removed(delta) + rest + added(rest) + constant)
    certificate.gap = upper - certificate.dualObjective
    return certificate
  }

  private var largestCost: Double {
    let (top, other) = (x.tiers.count - 1, y.tiers.count - 1)
    return CheckedBlocks.costs(metric, power, x, top, 0, y, other, 0).most
  }

  /// max over [0, t] of t log(mass^2 / t), which rises up to mass^2 / e.
  private func removed(_ delta: Double) -> Double {
    let t = min(delta, problem.mass * problem.mass * exp(-1))
    return t > 0 ? t * log(problem.mass * problem.mass / t) : 0
  }

  /// max over [0, t] of t log(mass / t^2), which rises up to sqrt(mass) / e.
  private func added(_ rest: Double) -> Double {
    let t = min(rest, problem.mass.squareRoot() * exp(-1))
    return t > 0 ? t * log(problem.mass / (t * t)) : 0
  }
}
