import KantorCore

/// Flow on the tight arcs, those of reduced cost 0.
extension NetworkSimplex.State {
  /// Fills the first `count` arcs of the order after the rule of Karp and Sipser: a node that has one
  /// partner left comes first, because it has no choice; only when there is none is an arc taken
  /// as it comes. From the potentials of an optimum (warm start) this finds most of the optimal
  /// flow, also where many arcs are tight.
  func fillTightArcs(_ count: Int, _ forest: inout Forest) throws(KantorError) {
    var tight = try TightArcs(arcs, forest.order, count, nodes: n + m)
    for t in 0..<count {
      while let k = tight.popForced() { fill(k, &tight, &forest) }
      if !tight.isDead[t] { fill(t, &tight, &forest) }
    }
  }

  /// Exhausts one end of an arc, and with it all arcs of that end.
  private func fill(_ t: Int, _ tight: inout TightArcs, _ forest: inout Forest) {
    let (i, j) = tight.ends(t)
    forest.fill(i, j, arc: tight.order[t])
    tight.isDead[t] = true
    tight.degree[i] &-= 1
    tight.degree[j] &-= 1
    if forest.rest[i] <= 0 { tight.retire(i) } else { tight.noteIfForced(i) }
    if forest.rest[j] <= 0 { tight.retire(j) } else { tight.noteIfForced(j) }
  }

  /// Adjacency of the tight arcs between nodes that have mass left.
  struct TightArcs {
    private static var end: Int32 { -1 }

    let order: UnsafeMutablePointer<Int32>
    /// Arcs of a node that are not dead.
    let degree: UnsafeMutablePointer<Int32>
    let isDead: UnsafeMutablePointer<Bool>
    private let tails: UnsafeMutablePointer<Int32>
    private let heads: UnsafeMutablePointer<Int32>
    /// The arcs of a node: 2 t is the tail of arc t, 2 t + 1 its head.
    private let first: UnsafeMutablePointer<Int32>
    private let next: UnsafeMutablePointer<Int32>
    /// Nodes that had one arc left when they were noted.
    private let forced: UnsafeMutablePointer<Int32>
    private var forcedCount = 0
    private var arena: Arena

    init(
      _ arcs: ArcList, _ order: UnsafeMutablePointer<Int32>, _ count: Int, nodes: Int
    ) throws(KantorError) {
      self.order = order
      (tails, heads) = (arcs.tails, arcs.heads)
      arena = try Arena(
        bytes: 3 * Arena.bytes(Int32.self, nodes)
          + Arena.bytes(Int32.self, try checkedProduct(2, count, of: "tight arcs"))
          + Arena.bytes(Bool.self, count))
      degree = arena.take(Int32.self, nodes)
      first = arena.take(Int32.self, nodes)
      forced = arena.take(Int32.self, nodes)
      next = arena.take(Int32.self, 2 * count)
      isDead = arena.take(Bool.self, count)
      for v in 0..<nodes { first[v] = Self.end }
      for t in stride(from: count - 1, through: 0, by: -1) {
        let (i, j) = ends(t)
        link(2 &* t, at: i)
        link(2 &* t &+ 1, at: j)
      }
      for v in 0..<nodes { noteIfForced(v) }
    }

    private func link(_ slot: Int, at v: Int) {
      next[slot] = first[v]
      first[v] = Int32(truncatingIfNeeded: slot)
      degree[v] &+= 1
    }

    @inline(__always)
    func ends(_ t: Int) -> (Int, Int) {
      let k = Int(order[t])
      return (Int(tails[k]), Int(heads[k]))
    }

    /// A node gets here once only: degrees never rise.
    @inline(__always)
    mutating func noteIfForced(_ v: Int) {
      guard degree[v] == 1 else { return }
      forced[forcedCount] = Int32(truncatingIfNeeded: v)
      forcedCount &+= 1
    }

    /// The arc of a node that has just one, if there is such a node.
    mutating func popForced() -> Int? {
      while forcedCount > 0 {
        forcedCount &-= 1
        let v = Int(forced[forcedCount])
        guard degree[v] == 1 else { continue }
        var slot = first[v]
        while slot >= 0 {
          if !isDead[Int(slot) / 2] { return Int(slot) / 2 }
          slot = next[Int(slot)]
        }
      }
      return nil
    }

    /// All arcs of an exhausted node die.
    mutating func retire(_ v: Int) {
      var slot = first[v]
      while slot >= 0 {
        let t = Int(slot) / 2
        if !isDead[t] {
          isDead[t] = true
          let (i, j) = ends(t)
          let other = i == v ? j : i
          degree[v] &-= 1
          degree[other] &-= 1
          noteIfForced(other)
        }
        slot = next[Int(slot)]
      }
    }
  }
}
