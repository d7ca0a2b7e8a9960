import CKantorKernels
import KantorCore
import KantorNumerics

/// The K-fold plan P = exp(sum_k h_k - C / eps), h_k = f_k / eps + log a_k, read cell by cell or
/// through the tree, for the checker and for what is shown of a result. Its loops are its own.
struct MultimarginalModel {
  let problem: MultimarginalProblem
  let epsilon: Double

  struct Measure {
    /// Of all measures, one after the other.
    let marginals: Buffer<Double>
    let cost: Double
    let total: Double
    /// An upper bound of every cost.
    let largest: Double
  }

  /// Marginals, <P, C> and |P|.
  func measure(_ h: Buffer<Double>) throws(KantorError) -> Measure {
    switch problem.form {
    case .tensor(let tensor): return try measureTensor(tensor.base, h)
    case .tree: return try measureTree(h)
    }
  }

  // MARK: Tensor

  /// Rows of the last measure: visit(row, its indices in the other measures, P along the row).
  private func forEachRow(
    _ c: UnsafePointer<Double>, _ h: Buffer<Double>,
    _ visit: (Int, [Int], UnsafePointer<Double>) -> Void
  ) throws(KantorError) {
    let last = problem.count - 1
    let n = problem.sizes[last]
    let plan = try Buffer<Double>(count: n)
    let (p, own) = (plan.pointer, h.pointer + problem.first[last])
    let inverse = 1 / epsilon
    var index = [Int](repeating: 0, count: last)
    for row in 0..<problem.cells / n {
      var base = 0.0
      for k in 0..<last { base += h.pointer[problem.first[k] + index[k]] }
      let costs = c + row * n
      for j in 0..<n { p[j] = base + own[j] - costs[j] * inverse }
      kn_exp_f64(p, p, Int64(n))
      visit(row, index, p)
      var k = last - 1
      while k >= 0 {
        index[k] += 1
        if index[k] < problem.sizes[k] { break }
        index[k] = 0
        k -= 1
      }
    }
  }

  private func measureTensor(
    _ c: UnsafePointer<Double>, _ h: Buffer<Double>
  ) throws(KantorError) -> Measure {
    let last = problem.count - 1
    let n = problem.sizes[last]
    let marginals = try Buffer<Double>(count: problem.points)
    let column = marginals.pointer + problem.first[last]
    var (cost, total, largest) = (CompensatedSum(), CompensatedSum(), 0.0)
    try forEachRow(c, h) { row, index, p in
      let costs = c + row * n
      var (sum, value) = (0.0, 0.0)
      for j in 0..<n {
        sum += p[j]
        value += p[j] * costs[j]
        column[j] += p[j]
        largest = max(largest, abs(costs[j]))
      }
      for k in 0..<last { marginals.pointer[problem.first[k] + index[k]] += sum }
      total.add(sum)
      cost.add(value)
    }
    return Measure(
      marginals: marginals, cost: cost.value, total: total.value, largest: largest)
  }

  /// The plan, cell by cell.
  func tensorPlan(_ h: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    guard case .tensor(let tensor) = problem.form else { return try Buffer(count: 0) }
    let out = try Buffer<Double>(count: problem.cells)
    let n = problem.sizes[problem.count - 1]
    try forEachRow(tensor.base, h) { row, _, p in
      out.pointer.advanced(by: row * n).update(from: p, count: n)
    }
    return out
  }

  // MARK: Tree

  /// Messages of each edge: to[e] arrives at u from v, from[e] at v from u; and log marginals.
  private struct Beliefs {
    var to: [Buffer<Double>] = []
    var from: [Buffer<Double>] = []
    let log: Buffer<Double>
  }

  private func beliefs(_ h: Buffer<Double>) throws(KantorError) -> Beliefs {
    var out = Beliefs(log: try h.copy())
    for edge in problem.edges {
      out.to.append(try Buffer(count: problem.sizes[edge.u]))
      out.from.append(try Buffer(count: problem.sizes[edge.v]))
    }
    let order = TreeOrder(problem)
    // Leaves first, then back; -infinity of points without mass stays what it is.
    for step in order.steps.reversed() { try send(step.edge, toParent: true, step, h, &out) }
    for step in order.steps { try send(step.edge, toParent: false, step, h, &out) }
    return out
  }

  /// Sends what the sender knows without the receiver; adds it to the receiver's belief.
  private func send(
    _ e: Int, toParent: Bool, _ step: TreeOrder.Step, _ h: Buffer<Double>, _ out: inout Beliefs
  ) throws(KantorError) {
    let edge = problem.edges[e]
    let receiver = toParent ? step.parent : step.child
    let isForward = receiver == edge.u
    let sender = isForward ? edge.v : edge.u
    let (n, first) = (problem.sizes[sender], problem.first[sender])
    let known = try Buffer<Double>(count: n)
    let back = isForward ? out.from[e] : out.to[e]
    for i in 0..<n {
      // Messages to the parent are sent before anything came back from there.
      let own = out.log.pointer[first + i]
      known.pointer[i] = own == -.infinity ? own : own - (toParent ? 0 : back.pointer[i])
    }
    let target = isForward ? out.to[e] : out.from[e]
    try reduce(edge, overSecond: isForward, known, target)
    let start = problem.first[receiver]
    for i in 0..<problem.sizes[receiver] where h.pointer[start + i] > -.infinity {
      out.log.pointer[start + i] += target.pointer[i]
    }
  }

  /// log sum exp(known - w C / eps) over the second measure of the edge, or the first.
  private func reduce(
    _ edge: MultimarginalProblem.Edge, overSecond: Bool, _ known: Buffer<Double>,
    _ out: Buffer<Double>
  ) throws(KantorError) {
    let cost = try CheckedCost(edge.geometry)
    let scale = edge.weight / epsilon
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    let row = try Buffer<Double>(count: cost.m)
    let (e, o) = (row.pointer, out.pointer)
    if overSecond {
      for i in 0..<cost.n {
        let c = cost.row(i, scratch.pointer)
        var top = -Double.infinity
        for j in 0..<cost.m {
          e[j] = known.pointer[j] - c[j] * scale
          top = max(top, e[j])
        }
        for j in 0..<cost.m { e[j] -= top }
        kn_exp_f64(e, e, Int64(cost.m))
        var sum = 0.0
        for j in 0..<cost.m { sum += e[j] }
        o[i] = top + logOf(sum)
      }
      return
    }
    let top = try Buffer<Double>(count: cost.m, repeating: -.infinity)
    let sum = try Buffer<Double>(count: cost.m)
    for i in 0..<cost.n where known.pointer[i] > -.infinity {
      let c = cost.row(i, scratch.pointer)
      for j in 0..<cost.m { top.pointer[j] = max(top.pointer[j], known.pointer[i] - c[j] * scale) }
    }
    for i in 0..<cost.n where known.pointer[i] > -.infinity {
      let c = cost.row(i, scratch.pointer)
      for j in 0..<cost.m { e[j] = known.pointer[i] - c[j] * scale - top.pointer[j] }
      kn_exp_f64(e, e, Int64(cost.m))
      for j in 0..<cost.m { sum.pointer[j] += e[j] }
    }
    for j in 0..<cost.m { o[j] = top.pointer[j] + logOf(sum.pointer[j]) }
  }

  private func logOf(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_log_f64(&input, &output, 1)
    return output
  }

  /// Rows of the plan of two joined measures: visit(i, P along the row, costs along the row).
  private func forEachRow(
    _ e: Int, _ beliefs: Beliefs,
    _ visit: (Int, UnsafePointer<Double>, UnsafePointer<Double>) -> Void
  ) throws(KantorError) {
    let edge = problem.edges[e]
    let cost = try CheckedCost(edge.geometry)
    let scale = edge.weight / epsilon
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    let plan = try Buffer<Double>(count: cost.m)
    let p = plan.pointer
    let (u, v) = (problem.first[edge.u], problem.first[edge.v])
    let second = try Buffer<Double>(count: cost.m)
    for j in 0..<cost.m {
      second.pointer[j] = beliefs.log.pointer[v + j] - beliefs.from[e].pointer[j]
    }
    for i in 0..<cost.n {
      let own = beliefs.log.pointer[u + i] - beliefs.to[e].pointer[i]
      let c = cost.row(i, scratch.pointer)
      for j in 0..<cost.m { p[j] = own + second.pointer[j] - c[j] * scale }
      kn_exp_f64(p, p, Int64(cost.m))
      visit(i, p, c)
    }
  }

  private func measureTree(_ h: Buffer<Double>) throws(KantorError) -> Measure {
    let found = try beliefs(h)
    let marginals = try Buffer<Double>(count: problem.points)
    kn_exp_f64(found.log.pointer, marginals.pointer, Int64(problem.points))
    var (cost, largest) = (CompensatedSum(), 0.0)
    for (e, edge) in problem.edges.enumerated() {
      let m = edge.geometry.m
      var most = 0.0
      try forEachRow(e, found) { _, p, c in
        var value = 0.0
        for j in 0..<m {
          value += p[j] * c[j]
          most = max(most, abs(c[j]))
        }
        cost.add(edge.weight * value)
      }
      largest += edge.weight * most
    }
    var total = CompensatedSum()
    for i in 0..<problem.sizes[0] { total.add(marginals.pointer[i]) }
    return Measure(
      marginals: marginals, cost: cost.value, total: total.value, largest: largest)
  }

  /// The plans of all pairs of joined measures, one matrix after the other.
  func edgePlans(_ h: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    var count = 0
    for edge in problem.edges { count += edge.geometry.n * edge.geometry.m }
    let out = try Buffer<Double>(count: count)
    if case .tensor = problem.form {
      try addPairs(try tensorPlan(h), out)
      return out
    }
    let found = try beliefs(h)
    var start = 0
    for (e, edge) in problem.edges.enumerated() {
      let m = edge.geometry.m
      try forEachRow(e, found) { i, p, _ in
        out.pointer.advanced(by: start + i * m).update(from: p, count: m)
      }
      start += edge.geometry.n * m
    }
    return out
  }

  private func addPairs(_ plan: Buffer<Double>, _ out: Buffer<Double>) throws(KantorError) {
    var strides = [Int](repeating: 1, count: problem.count)
    for k in stride(from: problem.count - 2, through: 0, by: -1) {
      strides[k] = strides[k + 1] * problem.sizes[k + 1]
    }
    var start = 0
    for edge in problem.edges {
      let (n, m) = (edge.geometry.n, edge.geometry.m)
      let (su, sv) = (strides[edge.u], strides[edge.v])
      let matrix = out.pointer + start
      for c in 0..<plan.count { matrix[(c / su % n) * m + c / sv % m] += plan.pointer[c] }
      start += n * m
    }
  }
}

/// The edges of a tree in the order in which they are met from measure 0.
struct TreeOrder {
  struct Step {
    let edge: Int
    let parent: Int
    let child: Int
  }

  private(set) var steps: [Step] = []

  init(_ problem: MultimarginalProblem) {
    var neighbours = [[(edge: Int, other: Int)]](repeating: [], count: problem.count)
    for (e, edge) in problem.edges.enumerated() {
      neighbours[edge.u].append((e, edge.v))
      neighbours[edge.v].append((e, edge.u))
    }
    var seen = [Bool](repeating: false, count: problem.count)
    seen[0] = true
    var queue = [0]
    var next = 0
    while next < queue.count {
      let parent = queue[next]
      next += 1
      for (edge, child) in neighbours[parent] where !seen[child] {
        seen[child] = true
        queue.append(child)
        steps.append(Step(edge: edge, parent: parent, child: child))
      }
    }
  }
}
