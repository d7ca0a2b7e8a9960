import CKantorKernels
import KantorCore

/// What comes before the shortest paths: cheap matches, and good potentials.
extension Assignment.State {
  /// The best and the second best column of a row, by C_ij - v_j.
  struct Best {
    var value = Double.infinity
    var second = Double.infinity
    var column = -1
    var secondColumn = -1
    var cost = Double.infinity
    var secondCost = Double.infinity

    @inline(__always)
    mutating func offer(_ reduced: Double, _ j: Int, _ c: Double) {
      guard reduced < second else { return }
      if reduced < value {
        (second, secondColumn, secondCost) = (value, column, cost)
        (value, column, cost) = (reduced, j, c)
      } else {
        (second, secondColumn, secondCost) = (reduced, j, c)
      }
    }
  }

  @inline(__always)
  func bestOfRow(_ i: Int) -> Best {
    let c = rows.row(i)
    var best = Best()
    for j in 0..<n { best.offer(c[j] - g.pointer[j], j, c[j]) }
    return best
  }

  @inline(__always)
  func bestListed(_ i: Int, _ arcs: RowArcs) -> Best {
    let (list, nexts) = (arcs.list, arcs.nexts)
    var best = Best()
    var k = arcs.firsts[i]
    while k >= 0 {
      let j = Int(list.heads[Int(k)])
      best.offer(list.costs[Int(k)] - g.pointer[j], j, list.costs[Int(k)])
      k = nexts[Int(k)]
    }
    return best
  }

  @inline(__always)
  func match(_ i: Int, _ j: Int, cost: Double) {
    columnOf[i] = Int32(truncatingIfNeeded: j)
    rowOf[j] = Int32(truncatingIfNeeded: i)
    pairCost[i] = cost
  }

  /// v_j = min_i C_ij - f_i, and the row that attains it is matched unless it has a partner; f is 0,
  /// or the c-transform of given potentials.
  mutating func reduceColumns() {
    for j in 0..<n { distance[j] = .infinity }
    for i in 0..<n {
      let c = rows.row(i)
      let u = leastAboveGiven(c)
      for j in 0..<n where c[j] - u < distance[j] {
        distance[j] = c[j] - u
        predecessor[j] = Int32(truncatingIfNeeded: i)
      }
    }
    for j in 0..<n where distance[j] < .infinity {
      g.pointer[j] = distance[j]
      let i = Int(predecessor[j])
      if columnOf[i] < 0 { match(i, j, cost: rows.entry(i, j)) }
    }
    listFreeRows()
  }

  private func leastAboveGiven(_ c: UnsafePointer<Double>) -> Double {
    guard let given else { return 0 }
    var least = Double.infinity
    for j in 0..<n { least = min(least, c[j] - given.pointer[j]) }
    return least < .infinity ? least : 0
  }

  private mutating func listFreeRows() {
    freeCount = 0
    for i in 0..<n where columnOf[i] < 0 {
      free[freeCount] = Int32(truncatingIfNeeded: i)
      freeCount += 1
    }
  }

  /// Potentials from the entropic start and the list of candidates; every row is free. nil when
  /// the solve is to stop.
  mutating func startFromPotentials() throws(KantorError) -> RowArcs? {
    let ones = try Buffer<Double>(count: n, repeating: 1)
    let weights = ExactWeights(equal: ones)
    let start = EntropicStart(
      rows: rows, a: weights.a, b: weights.b, mass: weights.mass, f: f.pointer, g: g.pointer, run,
      given: given)
    listFreeRows()
    if try start.run() != nil { return nil }
    let candidates = CandidateArcs(
      rows: rows, weights: weights, f: f.pointer, g: g.pointer, firstHead: 0, monitor: monitor)
    guard let list = try candidates.list(perNode: run.options.int("candidates")) else {
      return nil
    }
    return try RowArcs(list, rows: n)
  }

  /// Augmenting row reduction. When best and second best are equally good, the second may be free.
  mutating func reduceFreeRows(_ bestColumns: (Int) -> Best) {
    var next = 0
    let end = freeCount
    freeCount = 0
    // Rows can displace each other many times for ever smaller gains; the paths end that sooner.
    var steps = n
    while next < end {
      let i = Int(free[next])
      next += 1
      steps -= 1
      let best = bestColumns(i)
      var (j, cost) = (best.column, best.cost)
      let isUnique = best.value < best.second
      if j >= 0 && !isUnique && rowOf[j] >= 0 { (j, cost) = (best.secondColumn, best.secondCost) }
      guard steps > 0, j >= 0, best.second < .infinity || rowOf[j] < 0 else {
        free[freeCount] = Int32(truncatingIfNeeded: i)
        freeCount += 1
        continue
      }
      let displaced = rowOf[j]
      if isUnique && best.second < .infinity { g.pointer[j] -= best.second - best.value }
      match(i, j, cost: cost)
      guard displaced >= 0 else { continue }
      columnOf[Int(displaced)] = Self.none
      if isUnique {
        next -= 1
        free[next] = displaced
      } else {
        free[freeCount] = displaced
        freeCount += 1
      }
    }
  }

  /// Brings the median of v to 0. A level common to all potentials means nothing, but with costs
  /// twelve orders apart their differences would drown in its rounding.
  private func centreColumns() {
    for j in 0..<n { distance[j] = g.pointer[j] }
    let level = Selection.smallest(n / 2, of: distance, count: n)
    for j in 0..<n { g.pointer[j] -= level }
  }

  /// Prices all pairs. A row that has a better column than its partner gets that arc and is free
  /// again. f becomes the c-transform of g. False when the solve is to stop.
  mutating func freeMismatchedRows(_ arcs: RowArcs) throws(KantorError) -> Bool {
    sweeps += 1
    centreColumns()
    var pulse = Pulse(monitor)
    for i in 0..<n {
      if pulse.beat(n) != nil { return false }
      let c = rows.row(i)
      var least = 0.0
      var index: Int64 = 0
      kn_argmin_difference_f64(c, g.pointer, Int64(n), &least, &index)
      f.pointer[i] = least
      let partner = Int(columnOf[i])
      let u = pairCost[i] - g.pointer[partner]
      let j = Int(index)
      guard least - u < -Assignment.tolerance * (abs(c[j]) + abs(u) + abs(g.pointer[j])) else {
        continue
      }
      try arcs.add(row: i, column: j, cost: c[j])
      rowOf[partner] = Self.none
      columnOf[i] = Self.none
      free[freeCount] = Int32(truncatingIfNeeded: i)
      freeCount += 1
    }
    return true
  }
}
