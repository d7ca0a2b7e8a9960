import KantorCore

/// The first basis: arcs in the order of their reduced costs, each as full as it can be.
extension NetworkSimplex.State {
  /// Every arc taken exhausts its row or its column, so the arcs form a forest in which at most one
  /// node of each tree has mass left. That node, or else any row, hangs at the root; all other
  /// arcs carry flow, so the basis is strongly feasible.
  mutating func buildFirstBasis() throws(KantorError) {
    let buckets = max(1, min(arcs.count, 4096))
    var forest = try Forest(n: n, m: m, weights, arcs: arcs.count, buckets: buckets)
    let tight = sortByReducedCost(forest, buckets)
    if tight > 0 { try fillTightArcs(tight, &forest) }
    // Those are exhausted; the others follow in order.
    for t in tight..<arcs.count {
      let k = Int(forest.order[t])
      forest.fill(Int(arcs.tails[k]), Int(arcs.heads[k]), arc: Int32(truncatingIfNeeded: k))
    }
    for v in 0..<(n + m) where forest.rest[v] > 0 { hang(v, of: &forest) }
    for v in 0..<n where weights.a[v] > 0 { hang(v, of: &forest) }
    tree.computeSizes()
    var largest = typicalLargest
    for k in 0..<arcs.count { largest = max(largest, abs(arcs.costs[k])) }
    artificialCost = largest > 0 ? 4 * largest : 1
    tree.recomputePotentials(artificial: artificialCost)
  }

  /// Counting sort with as many buckets as arcs (4096 at most): the order inside a bucket is that
  /// of the list, which is good enough for a first basis.
  /// Returns how many arcs are in the first bucket.
  private func sortByReducedCost(_ forest: Forest, _ buckets: Int) -> Int {
    let (keys, starts) = (forest.keys, forest.starts)
    var widest: Float = 0
    for k in 0..<arcs.count {
      let r = arcs.costs[k] - f.pointer[Int(arcs.tails[k])] - g.pointer[Int(arcs.heads[k]) &- n]
      keys[k] = Float(r)
      widest = max(widest, keys[k])
    }
    // Reduced costs may be tiny or huge, but are finite in single precision or of no account.
    let scale = widest > 0 && widest < .infinity ? Float(buckets - 1) / widest : 0
    let last = Float(buckets - 1)
    for k in 0..<arcs.count {
      let place = keys[k] * scale
      keys[k] = place > 0 ? min(place, last) : 0
      starts[Int(keys[k]) &+ 1] &+= 1
    }
    for s in 0..<buckets { starts[s &+ 1] &+= starts[s] }
    let tight = Int(starts[1])
    for k in 0..<arcs.count {
      let s = Int(keys[k])
      forest.order[Int(starts[s])] = Int32(truncatingIfNeeded: k)
      starts[s] &+= 1
    }
    return tight
  }

  /// Hangs the tree of `v` at the root, unless it hangs already.
  private mutating func hang(_ v: Int, of forest: inout Forest) {
    guard !forest.isHung[v] else { return }
    let top = Int32(truncatingIfNeeded: v)
    tree.link(top, under: Int32(truncatingIfNeeded: tree.root))
    tree.flow[v] = forest.rest[v]
    tree.nodes[v].up = v < n ? 1 : 0
    forest.isHung[v] = true
    forest.stack[0] = top
    var depth = 1
    while depth > 0 {
      depth -= 1
      let p = forest.stack[depth]
      var e = forest.first[Int(p)]
      while e >= 0 {
        let edge = forest.edges[Int(e)]
        let w = Int(edge.to)
        if !forest.isHung[w] {
          forest.isHung[w] = true
          tree.link(edge.to, under: p)
          tree.flow[w] = edge.flow
          tree.cost[w] = arcs.costs[Int(edge.arc)]
          tree.nodes[w].up = w < n ? 1 : 0
          forest.stack[depth] = edge.to
          depth += 1
        }
        e = edge.next
      }
    }
  }

  /// A growing forest of filled arcs, as adjacency lists, and the memory to make it in.
  struct Forest {
    struct Edge {
      var flow: Double
      var to: Int32
      var arc: Int32
      /// The next edge at the same node.
      var next: Int32
    }

    let rest: UnsafeMutablePointer<Double>
    let edges: UnsafeMutablePointer<Edge>
    let first: UnsafeMutablePointer<Int32>
    let stack: UnsafeMutablePointer<Int32>
    let isHung: UnsafeMutablePointer<Bool>
    let order: UnsafeMutablePointer<Int32>
    let starts: UnsafeMutablePointer<Int32>
    let keys: UnsafeMutablePointer<Float>
    private var edgeCount: Int32 = 0
    private var arena: Arena

    init(
      n: Int, m: Int, _ weights: ExactWeights, arcs: Int, buckets: Int
    ) throws(KantorError) {
      let count = n + m
      arena = try Arena(
        bytes: try Arena.bytes(Double.self, count) + Arena.bytes(Edge.self, 2 * count)
          + 2 * Arena.bytes(Int32.self, count) + Arena.bytes(Bool.self, count)
          + 2 * Arena.bytes(Int32.self, arcs) + Arena.bytes(Int32.self, buckets + 1))
      rest = arena.take(Double.self, count)
      edges = arena.take(Edge.self, 2 * count)
      first = arena.take(Int32.self, count)
      stack = arena.take(Int32.self, count)
      isHung = arena.take(Bool.self, count)
      order = arena.take(Int32.self, arcs)
      starts = arena.take(Int32.self, buckets + 1)
      keys = arena.take(Float.self, arcs)
      for v in 0..<count { first[v] = SpanningTree.none }
      for i in 0..<n { rest[i] = weights.a[i] }
      for j in 0..<m { rest[n + j] = weights.b[j] }
    }

    @inline(__always)
    mutating func fill(_ i: Int, _ j: Int, arc: Int32) {
      guard rest[i] > 0 && rest[j] > 0 else { return }
      let amount = min(rest[i], rest[j])
      rest[i] -= amount
      rest[j] -= amount
      join(i, j, amount, arc)
      join(j, i, amount, arc)
    }

    @inline(__always)
    private mutating func join(_ v: Int, _ w: Int, _ amount: Double, _ arc: Int32) {
      edges[Int(edgeCount)] = Edge(
        flow: amount, to: Int32(truncatingIfNeeded: w), arc: arc, next: first[v])
      first[v] = edgeCount
      edgeCount &+= 1
    }
  }
}
