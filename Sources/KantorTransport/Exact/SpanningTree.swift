import KantorCore

/// The basis of a transportation problem: a spanning tree over rows, columns and a root.
///
/// Node i < n is row i, node n + j column j, node n + m the root. Each node but the root carries
/// the basic arc to its parent. Arcs run from rows to columns, so an arc is *up* (towards the
/// root) at a row and *down* at a column; arcs at the root are artificial: up for supply that has
/// found no column, down for demand that has found no row. Potentials are u_i = f_i at rows and
/// v_j = -g_j at columns, so that a basic arc has C_ij - u_i + v_j = 0 and a shift of a subtree
/// has one sign.
///
/// The tree is *strongly feasible* when every arc with flow 0 is up: then each node can send a
/// little flow to the root, and no sequence of pivots repeats (Cunningham 1976).
///
/// Children of a node form a doubly linked list, which makes a re-hanging cost as much as the path
/// that is reversed, whatever the size of the subtree.
struct SpanningTree {
  struct Node {
    var parent: Int32
    var firstChild: Int32
    var next: Int32
    var previous: Int32
    /// Nodes in the subtree, this one included.
    var size: Int32
    /// 1 when the arc to the parent points to the parent.
    var up: Int32
  }

  static let none: Int32 = -1

  let n: Int
  let root: Int
  /// Nodes that take part: those with mass, and the root.
  private(set) var count: Int32 = 1
  let nodes: UnsafeMutablePointer<Node>
  /// Of the arc to the parent.
  let flow: UnsafeMutablePointer<Double>
  let cost: UnsafeMutablePointer<Double>
  let potential: UnsafeMutablePointer<Double>

  static func bytes(n: Int, m: Int) throws(KantorError) -> Int {
    try checkedProduct(
      n + m + 1, MemoryLayout<Node>.stride + 3 * MemoryLayout<Double>.stride, of: "basis")
  }

  /// Lays the tree out in `block` (aligned, `bytes` long) with nothing but the root.
  init(n: Int, m: Int, in block: UnsafeMutableRawPointer) {
    self.n = n
    root = n + m
    let nodeCount = n + m + 1
    flow = block.bindMemory(to: Double.self, capacity: 3 * nodeCount)
    cost = flow + nodeCount
    potential = cost + nodeCount
    nodes = (block + 3 * nodeCount * MemoryLayout<Double>.stride)
      .bindMemory(to: Node.self, capacity: nodeCount)
    let bare = Node(
      parent: Self.none, firstChild: Self.none, next: Self.none, previous: Self.none, size: 1,
      up: 0)
    nodes.initialize(repeating: bare, count: nodeCount)
    flow.initialize(repeating: 0, count: 3 * nodeCount)
  }

  @inline(__always) func isRow(_ v: Int32) -> Bool { Int(v) < n }

  // MARK: - Links

  /// Makes `v` (with all below it) a child of `p`; sizes are the caller's matter.
  @inline(__always)
  func link(_ v: Int32, under p: Int32) {
    let head = nodes[Int(p)].firstChild
    nodes[Int(v)].parent = p
    nodes[Int(v)].previous = Self.none
    nodes[Int(v)].next = head
    if head >= 0 { nodes[Int(head)].previous = v }
    nodes[Int(p)].firstChild = v
  }

  @inline(__always)
  func unlink(_ v: Int32) {
    let node = nodes[Int(v)]
    if node.previous >= 0 {
      nodes[Int(node.previous)].next = node.next
    } else {
      nodes[Int(node.parent)].firstChild = node.next
    }
    if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
  }

  /// The node after `v` in preorder within the subtree of `top`; -1 at its end.
  @inline(__always)
  func successor(of v: Int32, within top: Int32) -> Int32 {
    let child = nodes[Int(v)].firstChild
    if child >= 0 { return child }
    var v = v
    while v != top {
      let next = nodes[Int(v)].next
      if next >= 0 { return next }
      v = nodes[Int(v)].parent
    }
    return Self.none
  }

  /// Sizes of all subtrees, after the tree was put together: a child counts in its parent when the
  /// walk leaves it.
  mutating func computeSizes() {
    let top = Int32(truncatingIfNeeded: root)
    var v = top
    while v >= 0 {
      nodes[Int(v)].size = 1
      v = successor(of: v, within: top)
    }
    v = top
    while nodes[Int(v)].firstChild >= 0 { v = nodes[Int(v)].firstChild }
    while v != top {
      let node = nodes[Int(v)]
      nodes[Int(node.parent)].size &+= node.size
      v = node.next
      if v < 0 {
        v = node.parent
      } else {
        while nodes[Int(v)].firstChild >= 0 { v = nodes[Int(v)].firstChild }
      }
    }
    count = nodes[root].size
  }

  // MARK: - Potentials

  /// Potentials from the costs of the basic arcs, downwards; artificial arcs cost `artificial`, so
  /// that they are the dearest. Called now and then to stop the drift of repeated shifts. The root
  /// gets the level at which `artificial` cancels out in the end: with it in every potential, costs
  /// twelve orders apart would drown in its rounding.
  func recomputePotentials(artificial: Double) {
    let top = Int32(truncatingIfNeeded: root)
    var hasSupply = false
    var child = nodes[root].firstChild
    while child >= 0 {
      hasSupply = hasSupply || nodes[Int(child)].up != 0
      child = nodes[Int(child)].next
    }
    potential[root] = hasSupply ? -artificial : artificial
    var v = successor(of: top, within: top)
    while v >= 0 {
      let node = nodes[Int(v)]
      let price = Int(node.parent) == root ? artificial : cost[Int(v)]
      potential[Int(v)] = potential[Int(node.parent)] + (node.up != 0 ? price : -price)
      v = successor(of: v, within: top)
    }
  }

  @inline(__always)
  func shiftPotentials(below top: Int32, by shift: Double) {
    var v = top
    while v >= 0 {
      potential[Int(v)] += shift
      v = successor(of: v, within: top)
    }
  }

  // MARK: - Flows

  /// Flows from the weights alone, leaves first: the arc above a subtree carries what the subtree
  /// has too much or too little. Stops the drift of repeated pushes.
  func recomputeFlows(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) {
    let top = Int32(truncatingIfNeeded: root)
    var v = top
    while v >= 0 {
      let k = Int(v)
      if k < root { flow[k] = k < n ? a[k] : -b[k - n] }
      v = successor(of: v, within: top)
    }
    // Second walk, postorder: flow[v] is now the signed surplus of what was seen below v.
    v = top
    while nodes[Int(v)].firstChild >= 0 { v = nodes[Int(v)].firstChild }
    while v != top {
      let k = Int(v)
      let node = nodes[k]
      let surplus = flow[k]
      if Int(node.parent) != root { flow[Int(node.parent)] += surplus }
      flow[k] = max(0, node.up != 0 ? surplus : -surplus)
      v = node.next
      if v < 0 {
        v = node.parent
      } else {
        while nodes[Int(v)].firstChild >= 0 { v = nodes[Int(v)].firstChild }
      }
    }
  }

  /// Mass on artificial arcs: 0 up to rounding once the plan is feasible.
  var artificialFlow: Double {
    var total = 0.0
    var v = nodes[root].firstChild
    while v >= 0 {
      total += flow[Int(v)]
      v = nodes[Int(v)].next
    }
    return total
  }
}
