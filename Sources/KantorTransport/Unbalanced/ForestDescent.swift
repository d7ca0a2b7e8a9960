import Glibc
import KantorCore
import KantorNumerics

/// An unbalanced problem on a list of pairs, solved exactly over forests: the simplex method with
/// free marginals.
///
/// On a tree f_i + g_j = C_ij fixes the potentials up to a shift t, f + t and g - t. The marginals
/// are a exp(-f/rho) for KL and a - f/rho for l2, so that rows and columns hold the same mass for
/// one t, in closed form; then leaf after leaf gives its only flow. Where all flows are positive,
/// that is the optimum of the tree. Else one goes towards it until the first edge is empty, which
/// leaves, and solves what remains: so every tree gets its optimum, and the value falls.
///
/// Then a pair with C_ij < f_i + g_j enters. Between two trees it joins them; within one it closes
/// a cycle, round which mass moves until an edge is empty. Flows are positive, so every pivot
/// lowers the value, no forest comes twice, and the method ends; this is Lawson's and Hanson's
/// scheme for bounds with trees for the linear systems.
///
/// Source: lawson1974solving, chapter 23 (the scheme); the trees are ours.
final class ForestDescent {
  private let pairs: ActivePairs
  private let n: Int
  private let m: Int
  private var forest: SupportForest
  /// Potentials f of rows, then g of columns.
  private let x: Buffer<Double>
  /// The same without the shift of their tree. With strong penalties the shifts are so much larger
  /// than costs that only these tell the sign of a reduced cost within a tree.
  private let plain: Buffer<Double>
  private let logWeight: Buffer<Double>
  /// Marginals of the tree's optimum, then what is left of them.
  private let rest: Buffer<Double>
  private let aim: Buffer<Double>
  private let isSettled: Buffer<Bool>
  private var dirty: [Int] = []
  /// Pairs that came and went without effect, up to rounding.
  private var barred: [Bool] = []
  private var position = 0
  private(set) var pivots = 0

  init(_ pairs: ActivePairs) throws(KantorError) {
    self.pairs = pairs
    (n, m) = (pairs.problem.n, pairs.problem.m)
    forest = try SupportForest(n, m)
    x = try Buffer(count: n + m)
    plain = try Buffer(count: n + m)
    rest = try Buffer(count: n + m)
    aim = try Buffer(count: n + m)
    isSettled = try Buffer(count: n + m, repeating: true)
    logWeight = try Buffer(count: n + m)
    for v in 0..<(n + m) { logWeight.pointer[v] = log(weight(v)) }
  }

  /// Takes the pairs that hold more than `threshold` of their marginals, the largest first.
  func start(threshold: Double) {
    let p = pairs.value.pointer
    var support = (0..<pairs.count).filter { k in
      let (i, j) = pairs.place(k)
      return p[k] > threshold * min(pairs.rows.pointer[i], pairs.columns.pointer[j])
    }
    support.sort { p[$0] > p[$1] }
    var parent = Array(0..<(n + m))
    func root(_ v: Int) -> Int {
      var v = v
      while parent[v] != v {
        parent[v] = parent[parent[v]]
        v = parent[v]
      }
      return v
    }
    for k in support {
      let (i, j) = pairs.place(k)
      let (r, s) = (root(i), root(n + j))
      guard r != s else { continue }
      parent[r] = s
      forest.add(row: i, column: j, pair: k, cost: pairs.cost.pointer[k], flow: p[k])
    }
    barred = [Bool](repeating: false, count: pairs.count)
    dirty = Array(0..<(n + m))
    isSettled.fill(false)
    settle()
  }

  /// Pivots until no listed pair has C_ij - f_i - g_j < -tolerance, or `limit`, or a stop.
  func descend(tolerance: Double, limit: Int, _ monitor: Monitor) {
    barred = [Bool](repeating: false, count: pairs.count)
    let end = pivots + limit
    while pivots < end, let k = entering(tolerance) {
      enter(k)
      pivots += 1
      if pivots % 64 == 0, monitor.heartbeat() != nil { break }
    }
  }

  /// Values, marginals and potentials of the pairs from the forest.
  func accept() {
    for k in 0..<pairs.count { pairs.value.pointer[k] = 0 }
    for e in 0..<forest.slots where forest.isEdge(e) {
      pairs.value.pointer[forest.pair.pointer[e]] = forest.flow.pointer[e]
    }
    pairs.addUp(pairs.value.pointer, times: nil)
    for i in 0..<n { pairs.f.pointer[i] = x.pointer[i] }
    for j in 0..<m { pairs.g.pointer[j] = x.pointer[n + j] }
  }

  // MARK: Pivots

  /// Block after block of the list; the worst pair of the first block that has one.
  private func entering(_ tolerance: Double) -> Int? {
    let (count, x) = (pairs.count, x.pointer)
    let (row, column, cost) = (pairs.row.pointer, pairs.column.pointer, pairs.cost.pointer)
    let block = max(64, Int(Double(count).squareRoot()))
    var fruitless = 0
    while fruitless < count {
      if position >= count { position = 0 }
      let end = min(count, position + block)
      var (least, best) = (-tolerance, -1)
      for k in position..<end {
        let reduced = cost[k] - x[Int(row[k])] - x[n &+ Int(column[k])]
        if reduced < least, !barred[k], isCertain(k, reduced, tolerance) {
          (least, best) = (reduced, k)
        }
      }
      fruitless += end - position
      position = end
      if best >= 0 { return best }
    }
    return nil
  }

  /// Whether a reduced cost is negative beyond the rounding of its potentials.
  private func isCertain(_ k: Int, _ reduced: Double, _ tolerance: Double) -> Bool {
    let (i, j) = pairs.place(k)
    let w = n + j
    let size = abs(x.pointer[i]) + abs(x.pointer[w])
    if reduced < -Self.rounding * size { return true }
    guard forest.root.pointer[i] == forest.root.pointer[w] else { return false }
    return pairs.cost.pointer[k] - plain.pointer[i] - plain.pointer[w] < -tolerance
  }

  private static let rounding = 32 * Double.ulpOfOne

  private func enter(_ k: Int) {
    let (i, j) = pairs.place(k)
    let w = n + j
    var amount = 0.0
    if forest.root.pointer[i] == forest.root.pointer[w] {
      amount = .infinity
      let flow = forest.flow.pointer
      forest.walkCycle(i, w) { e, loses in if loses { amount = min(amount, flow[e]) } }
      var empty: [Int] = []
      forest.walkCycle(i, w) { e, loses in
        flow[e] += loses ? -amount : amount
        if !(flow[e] > 0) { empty.append(e) }
      }
      for e in empty { leave(e) }
    }
    forest.add(row: i, column: j, pair: k, cost: pairs.cost.pointer[k], flow: amount)
    soil(i)
    soil(w)
    settle()
  }

  private func leave(_ e: Int) {
    soil(Int(forest.tail.pointer[e]))
    soil(Int(forest.head.pointer[e]))
    forest.remove(e)
  }

  private func soil(_ v: Int) {
    isSettled.pointer[v] = false
    dirty.append(v)
  }

  // MARK: Trees

  /// Gives every tree that was changed its optimum.
  private func settle() {
    while let v = dirty.popLast() {
      guard !isSettled.pointer[v] else { continue }
      let count = forest.gather(v, x.pointer)
      for place in 0..<count { isSettled.pointer[Int(forest.order.pointer[place])] = true }
      if count == 1 {
        x.pointer[v] = free(v)
      } else {
        for e in advance(count) { leave(e) }
      }
    }
  }

  /// Goes from the flows of the gathered tree to those of its optimum, or as far as they are
  /// positive. Returns the edges that are empty then.
  private func advance(_ count: Int) -> [Int] {
    findMarginals(count)
    let (order, above, flow) = (forest.order.pointer, forest.above.pointer, forest.flow.pointer)
    var step = 1.0
    for place in stride(from: count - 1, to: 0, by: -1) {
      let v = Int(order[place])
      let e = Int(above[v])
      let target = rest.pointer[v]
      rest.pointer[forest.other(e, v)] -= target
      aim.pointer[e] = target
      if !(target > 0) { step = min(step, share(flow[e], target)) }
    }
    var empty: [Int] = []
    for place in 1..<count {
      let e = Int(above[Int(order[place])])
      let target = aim.pointer[e]
      if !(target > 0), share(flow[e], target) <= step {
        empty.append(e)
        if flow[e] == 0 { barred[forest.pair.pointer[e]] = true }
      } else {
        flow[e] = step < 1 ? max(flow[e] + step * (target - flow[e]), 1e-300) : target
      }
    }
    return empty
  }

  /// How far one can go from `flow` towards `target`, which is not positive.
  @inline(__always)
  private func share(_ flow: Double, _ target: Double) -> Double {
    let length = flow - target
    return length > 0 ? flow / length : 0
  }

  /// The potentials of the gathered tree with their shift, and the marginals that belong to them.
  private func findMarginals(_ count: Int) {
    let (x, rest, order) = (x.pointer, rest.pointer, forest.order.pointer)
    for place in 0..<count {
      let v = Int(order[place])
      plain.pointer[v] = x[v]
    }
    let terms = pairs.problem.terms
    let (p, q) = (terms.source.strength, terms.target.strength)
    guard terms.source.form == .kl else {
      var (surplus, slope) = (CompensatedSum(), 0.0)
      for place in 0..<count {
        let v = Int(order[place])
        let rho = v < n ? p : q
        rest[v] = weight(v) - x[v] / rho
        surplus.add(v < n ? rest[v] : -rest[v])
        slope += 1 / rho
      }
      let t = surplus.value / slope
      for place in 0..<count {
        let v = Int(order[place])
        x[v] += v < n ? t : -t
        rest[v] -= v < n ? t / p : -t / q
      }
      return
    }
    // Exponents less the largest of their side, so that nothing overflows.
    var high = (source: -Double.infinity, target: -Double.infinity)
    for place in 0..<count {
      let v = Int(order[place])
      rest[v] = logWeight.pointer[v] - x[v] / (v < n ? p : q)
      if v < n { high.source = max(high.source, rest[v]) }
      if v >= n { high.target = max(high.target, rest[v]) }
    }
    var (left, right) = (0.0, 0.0)
    for place in 0..<count {
      let v = Int(order[place])
      rest[v] = exp(rest[v] - (v < n ? high.source : high.target))
      if v < n { left += rest[v] } else { right += rest[v] }
    }
    let t = p * q / (p + q) * (high.source + log(left) - high.target - log(right))
    let scale = (exp(high.source - t / p), exp(high.target + t / q))
    for place in 0..<count {
      let v = Int(order[place])
      x[v] += v < n ? t : -t
      rest[v] *= v < n ? scale.0 : scale.1
    }
  }

  private func penalty(_ v: Int) -> MarginalPenalty {
    v < n ? pairs.problem.terms.source : pairs.problem.terms.target
  }

  private func weight(_ v: Int) -> Double {
    v < n ? pairs.problem.a.pointer[v] : pairs.problem.b.pointer[v - n]
  }

  /// The potential of a point without mass on it, for KL a large one.
  private func free(_ v: Int) -> Double {
    let penalty = penalty(v)
    return penalty.form == .kl ? 50 * penalty.strength : penalty.strength * weight(v)
  }
}
