import Glibc
import KantorCore
import KantorNumerics

/// The exact solution of an unbalanced problem whose plan lives on a forest of pairs.
///
/// On each tree f_i + g_j = C_ij fixes the potentials up to a shift t, f + t and g - t. The
/// marginals are a exp(-f/rho) for KL and a - f/rho for l2, so that rows and columns of a tree
/// hold the same mass for one t, in closed form; then leaf after leaf gives its only entry.
struct SupportForest {
  private let pairs: ActivePairs
  private let n: Int
  private let m: Int
  /// Edges of the forest, as entries of `pairs`; nodes are rows, then columns.
  private var edges: [Int] = []
  private var start: [Int] = []
  private var links: [Int] = []
  private let potential: Buffer<Double>

  private static let rounds = 50
  /// Flows below -this, relative to the mass, take their edge out of the forest.
  private static let rounding = 1e-13

  init(_ pairs: ActivePairs) throws(KantorError) {
    self.pairs = pairs
    n = pairs.problem.n
    m = pairs.problem.m
    potential = try Buffer(count: n + m)
  }

  /// Puts the exact values on the pairs that hold more than `threshold` of their marginals, and the
  /// potentials into the pairs' f and g. False, and nothing changed, where that fails.
  mutating func solve(threshold: Double) throws(KantorError) -> Bool {
    let p = pairs.value.pointer
    var support = (0..<pairs.count).filter { k in
      let (i, j) = pairs.place(k)
      return p[k] > threshold * min(pairs.rows.pointer[i], pairs.columns.pointer[j])
    }
    support.sort { p[$0] > p[$1] }
    let flow = try Buffer<Double>(count: pairs.count)
    for _ in 0..<Self.rounds {
      span(support)
      findPotentials()
      let worst = findFlows(flow)
      guard let worst else {
        accept(flow)
        return true
      }
      support.removeAll { $0 == worst }
    }
    return false
  }

  /// Kruskal's forest, in the order of the support.
  private mutating func span(_ support: [Int]) {
    var parent = Array(0..<(n + m))
    func root(_ v: Int) -> Int {
      var v = v
      while parent[v] != v {
        parent[v] = parent[parent[v]]
        v = parent[v]
      }
      return v
    }
    edges.removeAll(keepingCapacity: true)
    for k in support {
      let (i, j) = pairs.place(k)
      let (x, y) = (root(i), root(n + j))
      if x != y {
        parent[x] = y
        edges.append(k)
      }
    }
    start = [Int](repeating: 0, count: n + m + 1)
    for k in edges {
      let (i, j) = pairs.place(k)
      start[i + 1] += 1
      start[n + j + 1] += 1
    }
    for v in 0..<(n + m) { start[v + 1] += start[v] }
    var next = start
    links = [Int](repeating: 0, count: 2 * edges.count)
    for k in edges {
      let (i, j) = pairs.place(k)
      links[next[i]] = k
      links[next[n + j]] = k
      next[i] += 1
      next[n + j] += 1
    }
  }

  private func other(_ k: Int, _ v: Int) -> Int {
    let (i, j) = pairs.place(k)
    return v < n ? n + j : i
  }

  /// Potentials of every tree with its shift; of single points the value at no mass.
  private func findPotentials() {
    let x = potential.pointer
    var isSeen = [Bool](repeating: false, count: n + m)
    var tree: [Int] = []
    for first in 0..<(n + m) where !isSeen[first] {
      tree.removeAll(keepingCapacity: true)
      tree.append(first)
      isSeen[first] = true
      x[first] = 0
      var place = 0
      while place < tree.count {
        let v = tree[place]
        place += 1
        for e in start[v]..<start[v + 1] {
          let w = other(links[e], v)
          guard !isSeen[w] else { continue }
          isSeen[w] = true
          x[w] = pairs.cost.pointer[links[e]] - x[v]
          tree.append(w)
        }
      }
      if tree.count == 1 { x[first] = free(first) } else { shift(tree) }
    }
  }

  private func penalty(_ v: Int) -> MarginalPenalty {
    v < n ? pairs.problem.terms.source : pairs.problem.terms.target
  }

  private func weight(_ v: Int) -> Double {
    v < n ? pairs.problem.a.pointer[v] : pairs.problem.b.pointer[v - n]
  }

  private func free(_ v: Int) -> Double {
    let penalty = penalty(v)
    return penalty.form == .kl ? 50 * penalty.strength : penalty.strength * weight(v)
  }

  private func shift(_ tree: [Int]) {
    let x = potential.pointer
    let terms = pairs.problem.terms
    let (p, q) = (terms.source.strength, terms.target.strength)
    var t = 0.0
    if terms.source.form == .kl {
      let left = logSum(tree.filter { $0 < n })
      let right = logSum(tree.filter { $0 >= n })
      t = p * q / (p + q) * (left - right)
    } else {
      var (surplus, slope) = (CompensatedSum(), 0.0)
      for v in tree {
        let r = weight(v) - x[v] / penalty(v).strength
        surplus.add(v < n ? r : -r)
        slope += 1 / penalty(v).strength
      }
      t = surplus.value / slope
    }
    for v in tree { x[v] += v < n ? t : -t }
  }

  /// log sum of weight exp(-potential/rho)
  private func logSum(_ nodes: [Int]) -> Double {
    let x = potential.pointer
    var high = -Double.infinity
    for v in nodes where weight(v) > 0 {
      high = max(high, log(weight(v)) - x[v] / penalty(v).strength)
    }
    guard high > -.infinity else { return high }
    var sum = CompensatedSum()
    for v in nodes where weight(v) > 0 {
      sum.add(exp(log(weight(v)) - x[v] / penalty(v).strength - high))
    }
    return high + log(sum.value)
  }

  /// Leaf after leaf; the edge of the most negative flow, or nil when there is none.
  private func findFlows(_ flow: Buffer<Double>) -> Int? {
    flow.fill(0)
    let x = potential.pointer
    var rest = [Double](repeating: 0, count: n + m)
    var degree = [Int](repeating: 0, count: n + m)
    var isDone = [Bool](repeating: false, count: pairs.count)
    var leaves: [Int] = []
    for v in 0..<(n + m) {
      degree[v] = start[v + 1] - start[v]
      guard degree[v] > 0 else { continue }
      let penalty = penalty(v)
      rest[v] =
        penalty.form == .kl
        ? weight(v) * exp(-x[v] / penalty.strength) : weight(v) - x[v] / penalty.strength
      if degree[v] == 1 { leaves.append(v) }
    }
    var (worst, least) = (-1, -Self.rounding * pairs.problem.mass)
    var place = 0
    while place < leaves.count {
      let v = leaves[place]
      place += 1
      guard degree[v] == 1 else { continue }
      for e in start[v]..<start[v + 1] where !isDone[links[e]] {
        let (k, w) = (links[e], other(links[e], v))
        isDone[k] = true
        flow.pointer[k] = rest[v]
        rest[w] -= rest[v]
        (degree[v], degree[w]) = (0, degree[w] - 1)
        if degree[w] == 1 { leaves.append(w) }
        if flow.pointer[k] < least || !flow.pointer[k].isFinite {
          (worst, least) = (k, flow.pointer[k])
        }
      }
    }
    return worst < 0 ? nil : worst
  }

  private func accept(_ flow: Buffer<Double>) {
    for k in 0..<pairs.count { pairs.value.pointer[k] = max(0, flow.pointer[k]) }
    pairs.addUp(pairs.value.pointer, times: nil)
    for i in 0..<n { pairs.f.pointer[i] = potential.pointer[i] }
    for j in 0..<m { pairs.g.pointer[j] = potential.pointer[n + j] }
  }
}
