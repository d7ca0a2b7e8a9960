import CKantorKernels
import KantorCore

/// Which arc enters.
extension NetworkSimplex.State {
  /// Pivots between two questions to the monitor: well under a millisecond.
  private static var pivotsPerBeat: Int { 64 }

  /// The simplex on the list: block by block, round and round, until a full round finds nothing.
  mutating func pivotOnListedArcs() -> Status? {
    // Measured: one square root of arcs a block; larger blocks save pivots, but lose more time.
    let block = max(64, Int(Double(arcs.count).squareRoot()))
    let limit = monitor.iterationLimit
    var fruitless = 0
    var untilBeat = Self.pivotsPerBeat
    while fruitless < arcs.count {
      if position >= arcs.count { position = 0 }
      let end = min(arcs.count, position + block)
      let k = Int(
        kn_price_arcs_f64(
          arcs.tails, arcs.heads, arcs.costs, tree.potential, Int64(position), Int64(end),
          NetworkSimplex.tolerance))
      fruitless += end - position
      position = end
      guard k >= 0 else { continue }
      fruitless = 0
      enter(k)
      untilBeat &-= 1
      if untilBeat == 0 {
        untilBeat = Self.pivotsPerBeat
        if let stop = monitor.heartbeat() { return stop }
        if pivots >= limit && monitor.reachesIterationLimit(pivots) { return monitor.stop }
      }
    }
    return nil
  }

  @inline(__always)
  private mutating func enter(_ k: Int) {
    let (i, j, c) = (arcs.tails[k], arcs.heads[k], arcs.costs[k])
    let r = c - tree.potential[Int(i)] + tree.potential[Int(j)]
    tree.pivot(row: i, column: j, price: c, reducedCost: r)
    pivots &+= 1
  }

  /// Prices all n m arcs at the potentials of the tree and lists the worst arc of each row, or of
  /// each stretch of a row when there are more columns than rows or the row has much mass. Sets g,
  /// and f to its c-transform. Returns how many were listed; nil when the solve is to stop.
  mutating func priceAllArcs() throws(KantorError) -> Int? {
    sweeps += 1
    for j in 0..<m { g.pointer[j] = weights.b[j] > 0 ? -tree.potential[n + j] : -.infinity }
    let before = arcs.count
    var pulse = Pulse(monitor)
    for i in 0..<n where weights.a[i] > 0 {
      if pulse.beat(m) != nil { return nil }
      let parts = max(pieces, weights.likelyPartners(ofRow: i, among: m))
      let stretch = max(parts > pieces ? 16 : 64, (m + parts - 1) / parts)
      try arcs.reserve((m + stretch - 1) / stretch)
      priceRow(i, stretch)
    }
    // The arcs just found come first.
    if arcs.count > before { position = before }
    return arcs.count - before
  }

  /// Stretches of a row: at first so many that about as many arcs as nodes are listed at most, then
  /// twice as many with every sweep. A start that was good needs two or three sweeps; after a bad
  /// one the list has to grow fast (measured on points of a line: 18 sweeps instead of 67).
  private var pieces: Int { max(1, (n + m) / (2 * n)) << min(sweeps - 1, 16) }

  @inline(__always)
  private mutating func priceRow(_ i: Int, _ stretch: Int) {
    let u = tree.potential[i]
    var least = Double.infinity
    for first in Swift.stride(from: 0, to: m, by: stretch) {
      let count = min(stretch, m - first)
      let c = rows.row(i, first: first, count: count)
      var minimum = 0.0
      var index: Int64 = 0
      kn_argmin_difference_f64(c + first, g.pointer + first, Int64(count), &minimum, &index)
      least = min(least, minimum)
      let j = first + Int(index)
      let size = abs(c[j]) + abs(u) + abs(g.pointer[j])
      if minimum - u < -NetworkSimplex.tolerance * size {
        arcs.append(row: i, head: n + j, cost: c[j])
      }
    }
    f.pointer[i] = least
  }
}
