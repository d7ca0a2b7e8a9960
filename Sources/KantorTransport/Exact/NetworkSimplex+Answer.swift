import KantorCore

/// What is handed to the checker.
extension NetworkSimplex.State {
  /// How far marginals and relative gap of a basic solution may be off: rounding, nothing else.
  private static var certifiedTolerance: Double { 1e-12 }

  mutating func proposal() throws(KantorError) -> TransportProposal {
    var figures = ResultFields()
    figures.add("pivots", pivots)
    figures.add("pricing_sweeps", sweeps)
    if isInfeasible {
      let ray = try infeasibilityRay()
      return TransportProposal(
        plan: .infeasible, f: ray.f, g: ray.g, figures: figures,
        tolerance: Self.certifiedTolerance)
    }
    tree.recomputeFlows(weights.a, weights.b)
    let plan = try sparsePlan()
    completePotentials()
    return TransportProposal(
      plan: .sparse(plan), f: f, g: g, figures: figures, tolerance: Self.certifiedTolerance)
  }

  // MARK: - Plan

  /// Flows of the basis. What is still on artificial arcs after an early stop is paired off in
  /// order, over allowed pairs; after an orderly end it is rounding and goes to the largest entry.
  private mutating func sparsePlan() throws(KantorError) -> SparsePlan {
    var plan = try SparsePlan(capacity: n + m)
    var (largest, largestValue) = (0, 0.0)
    let root = Int32(truncatingIfNeeded: tree.root)
    for v in 0..<tree.root {
      let node = tree.nodes[v]
      guard node.parent >= 0, node.parent != root, tree.flow[v] > 0 else { continue }
      let (i, j) = v < n ? (v, Int(node.parent) - n) : (Int(node.parent), v - n)
      if tree.flow[v] > largestValue { (largest, largestValue) = (plan.count, tree.flow[v]) }
      plan.append(i, j, tree.flow[v] * weights.unit)
    }
    if hasArtificialFlow || plan.count == 0 {
      pairLeftovers(&plan)
    } else {
      plan.values.pointer[largest] += signedArtificialFlow * weights.unit
    }
    return plan
  }

  /// Supply left minus demand left.
  private var signedArtificialFlow: Double {
    var total = 0.0
    var v = tree.nodes[tree.root].firstChild
    while v >= 0 {
      let k = Int(v)
      total += tree.nodes[k].up != 0 ? tree.flow[k] : -tree.flow[k]
      v = tree.nodes[k].next
    }
    return total
  }

  /// North-west corner rule on what has found no partner. Before the first basis that is all.
  private func pairLeftovers(_ plan: inout SparsePlan) {
    var (i, j) = (0, 0)
    var (supply, demand) = (leftover(row: 0), leftover(column: 0))
    while true {
      let amount = min(supply, demand)
      if amount > 0 && rows.entry(i, j) < .infinity {
        plan.append(i, j, amount * weights.unit)
      }
      supply -= amount
      demand -= amount
      if supply <= 0 {
        i += 1
        guard i < n else { return }
        supply = leftover(row: i)
      } else {
        j += 1
        guard j < m else { return }
        demand = leftover(column: j)
      }
    }
  }

  private func leftover(row i: Int) -> Double {
    guard tree.count > 1 else { return weights.a[i] }
    return Int(tree.nodes[i].parent) == tree.root ? tree.flow[i] : 0
  }

  private func leftover(column j: Int) -> Double {
    guard tree.count > 1 else { return weights.b[j] }
    let k = n + j
    return Int(tree.nodes[k].parent) == tree.root && tree.nodes[k].up == 0 ? tree.flow[k] : 0
  }

  // MARK: - Potentials

  /// Zero weights get the c-transform of the others; all is centred so that <a,f> = <b,g>.
  private func completePotentials() {
    for j in 0..<m where !(weights.b[j] > 0) { g.pointer[j] = .infinity }
    var hasEmptyColumn = false
    for j in 0..<m where !(weights.b[j] > 0) { hasEmptyColumn = true }
    if hasEmptyColumn && isOptimal {
      for i in 0..<n where weights.a[i] > 0 {
        let c = rows.row(i)
        for j in 0..<m where !(weights.b[j] > 0) {
          g.pointer[j] = min(g.pointer[j], c[j] - f.pointer[i])
        }
      }
    }
    for j in 0..<m where !g.pointer[j].isFinite { g.pointer[j] = 0 }
    for i in 0..<n where !(weights.a[i] > 0) {
      var least = Double.infinity
      if isOptimal {
        let c = rows.row(i)
        for j in 0..<m { least = min(least, c[j] - g.pointer[j]) }
      }
      f.pointer[i] = least
    }
    for i in 0..<n where !f.pointer[i].isFinite { f.pointer[i] = 0 }
    centre()
  }

  private func centre() {
    var difference = 0.0
    for i in 0..<n { difference += weights.a[i] * f.pointer[i] }
    for j in 0..<m { difference -= weights.b[j] * g.pointer[j] }
    let shift = difference / (2 * weights.mass)
    guard shift.isFinite else { return }
    for i in 0..<n { f.pointer[i] -= shift }
    for j in 0..<m { g.pointer[j] += shift }
  }

  // MARK: - Infeasibility

  /// S: sources that the supply left over can reach, over allowed pairs forwards and over flow
  /// backwards; T: the targets reached. No demand is left in T, else the artificial arcs would not
  /// be optimal. So S holds more than T takes, and f = 1 on S, g = -1 on T is a ray that proves it.
  private func infeasibilityRay() throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>) {
    let rayF = try Buffer<Double>(count: n)
    let rayG = try Buffer<Double>(count: m)
    let queue = try Buffer<Int32>(count: n)
    var (head, tail) = (0, 0)
    func reach(_ i: Int) {
      guard rayF.pointer[i] == 0 else { return }
      rayF.pointer[i] = 1
      queue.pointer[tail] = Int32(truncatingIfNeeded: i)
      tail += 1
    }
    let rounding = 1e-14 * weights.mass
    for i in 0..<n where leftover(row: i) > rounding { reach(i) }
    while head < tail {
      let c = rows.row(Int(queue.pointer[head]))
      head += 1
      for j in 0..<m where rayG.pointer[j] == 0 && weights.b[j] > 0 && c[j] < .infinity {
        rayG.pointer[j] = -1
        let node = tree.nodes[n + j]
        if Int(node.parent) != tree.root && tree.flow[n + j] > 0 { reach(Int(node.parent)) }
        var child = node.firstChild
        while child >= 0 {
          if tree.flow[Int(child)] > 0 { reach(Int(child)) }
          child = tree.nodes[Int(child)].next
        }
      }
    }
    return (rayF, rayG)
  }
}
