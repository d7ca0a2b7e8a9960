import KantorCore

/// A forest of pairs, each with a flow, that grows and loses edges; nodes are rows, then columns.
///
/// `gather` lists the tree of a node from the root on and leaves, for its nodes, the edge to the
/// parent, the depth and the root, which stay right until the tree is changed.
struct SupportForest {
  static let none: Int32 = -1

  let n: Int
  let nodes: Int
  // Edges, by slot; a slot is used again after its edge has left.
  let tail: Buffer<Int32>
  let head: Buffer<Int32>
  /// The pair on the list that an edge stands for.
  let pair: Buffer<Int>
  let cost: Buffer<Double>
  let flow: Buffer<Double>
  private(set) var slots = 0
  private let spare: Buffer<Int32>
  private var spares = 0
  /// The edges at a node: link 2 e is that of edge e at its row, 2 e + 1 that at its column.
  private let firstLink: Buffer<Int32>
  private let nextLink: Buffer<Int32>
  private let lastLink: Buffer<Int32>
  // What `gather` leaves.
  let order: Buffer<Int32>
  let above: Buffer<Int32>
  let depth: Buffer<Int32>
  let root: Buffer<Int32>

  init(_ n: Int, _ m: Int) throws(KantorError) {
    self.n = n
    nodes = n + m
    tail = try Buffer(count: nodes, repeating: Self.none)
    head = try Buffer(count: nodes)
    pair = try Buffer(count: nodes)
    cost = try Buffer(count: nodes)
    flow = try Buffer(count: nodes)
    spare = try Buffer(count: nodes)
    firstLink = try Buffer(count: nodes, repeating: Self.none)
    nextLink = try Buffer(count: 2 * nodes)
    lastLink = try Buffer(count: 2 * nodes)
    order = try Buffer(count: nodes)
    above = try Buffer(count: nodes, repeating: Self.none)
    depth = try Buffer(count: nodes)
    root = try Buffer(count: nodes)
    for v in 0..<nodes { root.pointer[v] = Int32(truncatingIfNeeded: v) }
  }

  func isEdge(_ e: Int) -> Bool { tail.pointer[e] >= 0 }

  @inline(__always)
  func other(_ e: Int, _ v: Int) -> Int {
    Int(v < n ? head.pointer[e] : tail.pointer[e])
  }

  /// A forest has fewer edges than nodes, so that there is always a slot.
  mutating func add(row: Int, column: Int, pair k: Int, cost c: Double, flow p: Double) {
    var e = slots
    if spares > 0 {
      spares -= 1
      e = Int(spare.pointer[spares])
    } else {
      slots += 1
    }
    tail.pointer[e] = Int32(truncatingIfNeeded: row)
    head.pointer[e] = Int32(truncatingIfNeeded: n + column)
    (pair.pointer[e], cost.pointer[e], flow.pointer[e]) = (k, c, p)
    link(2 * e, at: row)
    link(2 * e + 1, at: n + column)
  }

  mutating func remove(_ e: Int) {
    unlink(2 * e, at: Int(tail.pointer[e]))
    unlink(2 * e + 1, at: Int(head.pointer[e]))
    tail.pointer[e] = Self.none
    spare.pointer[spares] = Int32(truncatingIfNeeded: e)
    spares += 1
  }

  private func link(_ link: Int, at v: Int) {
    let old = firstLink.pointer[v]
    nextLink.pointer[link] = old
    lastLink.pointer[link] = Self.none
    if old >= 0 { lastLink.pointer[Int(old)] = Int32(truncatingIfNeeded: link) }
    firstLink.pointer[v] = Int32(truncatingIfNeeded: link)
  }

  private func unlink(_ link: Int, at v: Int) {
    let (next, last) = (nextLink.pointer[link], lastLink.pointer[link])
    if last >= 0 { nextLink.pointer[Int(last)] = next } else { firstLink.pointer[v] = next }
    if next >= 0 { lastLink.pointer[Int(next)] = last }
  }

  /// The tree of `top`, breadth first into `order`; returns the number of its nodes. Sets
  /// x_w = C_e - x_v down every edge, from 0 at the top.
  func gather(_ top: Int, _ x: UnsafeMutablePointer<Double>) -> Int {
    let (order, above, depth) = (order.pointer, above.pointer, depth.pointer)
    order[0] = Int32(truncatingIfNeeded: top)
    (above[top], depth[top], x[top]) = (Self.none, 0, 0)
    var (count, place) = (1, 0)
    while place < count {
      let v = Int(order[place])
      place &+= 1
      root.pointer[v] = Int32(truncatingIfNeeded: top)
      var link = firstLink.pointer[v]
      while link >= 0 {
        let e = Int(link) >> 1
        if e != Int(above[v]) {
          let w = other(e, v)
          above[w] = Int32(truncatingIfNeeded: e)
          depth[w] = depth[v] &+ 1
          x[w] = cost.pointer[e] - x[v]
          order[count] = Int32(truncatingIfNeeded: w)
          count &+= 1
        }
        link = nextLink.pointer[Int(link)]
      }
    }
    return count
  }

  /// visit(edge, loses) along the cycle that an edge from row i to column w would close in their
  /// tree: what the new edge carries, every other edge of the cycle loses.
  func walkCycle(_ i: Int, _ w: Int, _ visit: (Int, Bool) -> Void) {
    var (p, q) = (i, w)
    var (first, second) = (true, true)
    while p != q {
      if depth.pointer[p] >= depth.pointer[q] {
        let e = Int(above.pointer[p])
        visit(e, first)
        (p, first) = (other(e, p), !first)
      } else {
        let e = Int(above.pointer[q])
        visit(e, second)
        (q, second) = (other(e, q), !second)
      }
    }
  }
}
