import KantorCore

/// Shortest augmenting paths.
extension Assignment.State {
  /// Marks in `place`: otherwise the position of a column in the heap.
  private static var unseen: Int32 { -1 }
  private static var scanned: Int32 { -2 }

  // MARK: - Over listed arcs

  /// Dijkstra's method from a free row to the nearest free column, then the swap along the path.
  /// Returns a measure of the work, nil when no free column can be reached.
  mutating func augment(from start: Int, over arcs: RowArcs) -> Int? {
    let list = arcs.list
    let (firsts, nexts) = (arcs.firsts, arcs.nexts)
    var seen = 0
    var heapCount = 0
    var work = 0
    var row = start
    // The potential of the row minus its own distance, so that d_j = C_ij - v_j - offset.
    var offset = 0.0
    var end = -1
    while end < 0 {
      var k = firsts[row]
      while k >= 0 {
        work &+= 1
        let j = Int(list.heads[Int(k)])
        let d = list.costs[Int(k)] - g.pointer[j] - offset
        if place[j] == Self.unseen {
          touched[seen] = Int32(truncatingIfNeeded: j)
          seen &+= 1
          distance[j] = d
          predecessor[j] = k
          place[j] = Int32(truncatingIfNeeded: heapCount)
          heap[heapCount] = Int32(truncatingIfNeeded: j)
          heapCount &+= 1
          siftUp(j)
        } else if place[j] >= 0 && d < distance[j] {
          distance[j] = d
          predecessor[j] = k
          siftUp(j)
        }
        k = nexts[Int(k)]
      }
      guard heapCount > 0 else { break }
      let j = popNearest(&heapCount)
      place[j] = Self.scanned
      if rowOf[j] < 0 {
        end = j
      } else {
        row = Int(rowOf[j])
        offset = pairCost[row] - g.pointer[j] - distance[j]
      }
    }
    if end >= 0 {
      lowerScanned(seen, distance[end])
      swapAlongPath(to: end, from: start) { j in
        let k = Int(predecessor[j])
        return (Int(list.tails[k]), list.costs[k])
      }
    }
    for t in 0..<seen { place[Int(touched[t])] = Self.unseen }
    return end < 0 ? nil : work
  }

  /// v_j falls by what column j is nearer than the end of the path.
  @inline(__always)
  private func lowerScanned(_ seen: Int, _ end: Double) {
    for t in 0..<seen {
      let j = Int(touched[t])
      if place[j] == Self.scanned { g.pointer[j] += distance[j] - end }
    }
  }

  /// Each row on the path takes the column before it, from the end back to the start.
  @inline(__always)
  private func swapAlongPath(to end: Int, from start: Int, _ step: (Int) -> (Int, Double)) {
    var j = end
    while true {
      let (i, cost) = step(j)
      let previous = Int(columnOf[i])
      match(i, j, cost: cost)
      if i == start { return }
      j = previous
    }
  }

  @inline(__always)
  private func siftUp(_ j: Int) {
    let key = distance[j]
    var hole = Int(place[j])
    while hole > 0 {
      let parent = (hole &- 1) / 2
      let other = heap[parent]
      guard key < distance[Int(other)] else { break }
      heap[hole] = other
      place[Int(other)] = Int32(truncatingIfNeeded: hole)
      hole = parent
    }
    heap[hole] = Int32(truncatingIfNeeded: j)
    place[j] = Int32(truncatingIfNeeded: hole)
  }

  @inline(__always)
  private func popNearest(_ count: inout Int) -> Int {
    let top = Int(heap[0])
    count &-= 1
    guard count > 0 else { return top }
    let last = heap[count]
    let key = distance[Int(last)]
    var hole = 0
    while true {
      var child = 2 &* hole &+ 1
      guard child < count else { break }
      if child &+ 1 < count && distance[Int(heap[child &+ 1])] < distance[Int(heap[child])] {
        child &+= 1
      }
      guard distance[Int(heap[child])] < key else { break }
      heap[hole] = heap[child]
      place[Int(heap[hole])] = Int32(truncatingIfNeeded: hole)
      hole = child
    }
    heap[hole] = last
    place[Int(last)] = Int32(truncatingIfNeeded: hole)
    return top
  }

  // MARK: - Over all pairs

  /// The same over the whole matrix: the nearest column is found by looking at all. When there is
  /// no path, f and g become the proof: the rows reached are one more than their columns.
  mutating func augmentDensely(from start: Int) -> Int? {
    // touched[0..<done] are scanned columns, the others are not.
    for j in 0..<n {
      touched[j] = Int32(truncatingIfNeeded: j)
      distance[j] = .infinity
    }
    var done = 0
    var row = start
    var offset = 0.0
    while true {
      let c = rows.row(row)
      var nearest = done
      var least = Double.infinity
      for t in done..<n {
        let j = Int(touched[t])
        let d = c[j] - g.pointer[j] - offset
        if d < distance[j] {
          distance[j] = d
          predecessor[j] = Int32(truncatingIfNeeded: row)
        }
        if distance[j] < least {
          least = distance[j]
          nearest = t
        }
      }
      guard least < .infinity else {
        proveInfeasible(start, done)
        return nil
      }
      let j = Int(touched[nearest])
      (touched[nearest], touched[done]) = (touched[done], touched[nearest])
      if rowOf[j] < 0 {
        for t in 0..<done { g.pointer[Int(touched[t])] += distance[Int(touched[t])] - least }
        swapAlongPath(to: j, from: start) { j in
          let i = Int(predecessor[j])
          return (i, rows.entry(i, j))
        }
        return (done + 1) * n
      }
      done += 1
      guard done < n else {
        proveInfeasible(start, done)
        return nil
      }
      row = Int(rowOf[j])
      offset = pairCost[row] - g.pointer[j] - least
    }
  }

  private func proveInfeasible(_ start: Int, _ done: Int) {
    f.fill(0)
    g.fill(0)
    f.pointer[start] = 1
    for t in 0..<done {
      let j = Int(touched[t])
      g.pointer[j] = -1
      f.pointer[Int(rowOf[j])] = 1
    }
  }
}
