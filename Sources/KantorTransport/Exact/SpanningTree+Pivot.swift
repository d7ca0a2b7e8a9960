/// One exchange of basic arcs.
extension SpanningTree {
  /// Where the cycle of an entering arc opens.
  struct Leaving {
    /// The leaving arc is the one above this node.
    var node: Int32
    var join: Int32
    /// The flow that goes round the cycle.
    var delta: Double
    /// The leaving arc lies between the entering row and the join.
    var isOnRowSide: Bool
  }

  /// Walks from both ends of the entering arc to their join and finds the arc that blocks. Flow
  /// goes join -> ... -> row -> column -> ... -> join, against the up arcs of the row's side and
  /// the down arcs of the column's. Among equals the last one on that way leaves, which keeps the
  /// basis strongly feasible: on the row's side the one nearest to the row, but any on the
  /// column's side before it, the nearest to the join first.
  @inline(__always)
  func leavingArc(row: Int32, column: Int32) -> Leaving {
    var x = row
    var y = column
    var best = Leaving(node: Self.none, join: Self.none, delta: .infinity, isOnRowSide: true)
    while x != y {
      let (i, j) = (nodes[Int(x)], nodes[Int(y)])
      if i.size < j.size {
        if i.up != 0 && flow[Int(x)] < best.delta {
          best.delta = flow[Int(x)]
          best.node = x
          best.isOnRowSide = true
        }
        x = i.parent
      } else {
        if j.up == 0 && flow[Int(y)] <= best.delta {
          best.delta = flow[Int(y)]
          best.node = y
          best.isOnRowSide = false
        }
        y = j.parent
      }
    }
    best.join = x
    return best
  }

  /// Brings the arc (row, column) into the basis; r < 0 is its reduced cost, `price` its cost.
  @inline(__always)
  func pivot(row: Int32, column: Int32, price: Double, reducedCost r: Double) {
    let leaving = leavingArc(row: row, column: column)
    if leaving.delta > 0 {
      push(leaving.delta, from: row, to: leaving.join, alongUp: false)
      push(leaving.delta, from: column, to: leaving.join, alongUp: true)
    }
    let q = leaving.node
    let (k, l) = leaving.isOnRowSide ? (row, column) : (column, row)
    moveSize(nodes[Int(q)].size, from: nodes[Int(q)].parent, to: l, below: leaving.join)
    unlink(q)
    // The cut-off part moves by r as seen from a row, by -r as seen from a column; when it is the
    // larger part, everything else moves the other way, which is the same up to a constant.
    let shift = leaving.isOnRowSide ? r : -r
    if nodes[Int(q)].size &* 2 <= count {
      shiftPotentials(below: q, by: shift)
    } else {
      shiftPotentials(below: Int32(truncatingIfNeeded: root), by: -shift)
    }
    rehang(from: k, to: q, under: l, flow: leaving.delta, price: price)
  }

  /// Adds delta to the arcs that point along the way and takes it from the others.
  @inline(__always)
  private func push(_ delta: Double, from start: Int32, to join: Int32, alongUp: Bool) {
    var v = start
    while v != join {
      let node = nodes[Int(v)]
      flow[Int(v)] += (node.up != 0) == alongUp ? delta : -delta
      v = node.parent
    }
  }

  /// `size` nodes leave the ancestors of the cut and join those of the new place.
  @inline(__always)
  private func moveSize(_ size: Int32, from old: Int32, to new: Int32, below join: Int32) {
    var v = old
    while v != join {
      nodes[Int(v)].size &-= size
      v = nodes[Int(v)].parent
    }
    v = new
    while v != join {
      nodes[Int(v)].size &+= size
      v = nodes[Int(v)].parent
    }
  }

  /// Turns the path k -> ... -> q of the cut-off subtree upside down and hangs k under l.
  @inline(__always)
  private func rehang(
    from k: Int32, to q: Int32, under l: Int32, flow delta: Double, price: Double
  ) {
    let whole = nodes[Int(q)].size
    var v = k
    var below: Int32 = 0
    var newParent = l
    var newFlow = delta
    var newCost = price
    var newUp: Int32 = isRow(k) ? 1 : 0
    while true {
      let x = Int(v)
      let old = nodes[x]
      let (oldFlow, oldCost) = (flow[x], cost[x])
      if v != q { unlink(v) }
      link(v, under: newParent)
      nodes[x].size = whole &- below
      nodes[x].up = newUp
      flow[x] = newFlow
      cost[x] = newCost
      if v == q { return }
      below = old.size
      newParent = v
      newFlow = oldFlow
      newCost = oldCost
      newUp = 1 &- old.up
      v = old.parent
    }
  }
}
