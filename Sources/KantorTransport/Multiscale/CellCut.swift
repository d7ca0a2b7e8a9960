import KantorCore

/// Nodes of a tree that together hold every point once, by the places where they begin.
struct CellCut: Sendable {
  let count: Int
  /// count + 1 places.
  let start: Buffer<Int32>
  /// The cell of every sorted place.
  let cell: Buffer<Int32>

  /// The largest nodes that are no larger than `radius`, in cost from centre to corner; single
  /// points where even the lowest nodes are.
  init(
    _ tree: PointTree, _ cost: BoxCost, radius: Double
  ) throws(KantorError) {
    let start = try Buffer<Int32>(count: tree.count + 1)
    var count = 0
    var (level, place) = (0, 0)
    while true {
      let range = tree.range(level, place)
      let isSmall = cost.radius(tree, PointTree.number(level, place)) <= radius
      if isSmall || level == tree.depth {
        for i in isSmall ? range.prefix(1) : range {
          start.pointer[count] = Int32(truncatingIfNeeded: i)
          count += 1
        }
        // On to the next node that is not below this one.
        while place & 1 == 1 { (level, place) = (level - 1, place >> 1) }
        if level == 0 { break }
        place += 1
      } else {
        (level, place) = (level + 1, 2 * place)
      }
    }
    try self.init(start, count, points: tree.count)
  }

  /// What two cuts of one tree have in common: the larger of their cells everywhere.
  init(_ cut: CellCut, and starts: [Int]) throws(KantorError) {
    let start = try Buffer<Int32>(count: cut.count + 1)
    var (count, k) = (0, 0)
    for place in starts {
      while k < cut.count, Int(cut.start.pointer[k]) < place { k += 1 }
      guard k < cut.count, Int(cut.start.pointer[k]) == place else { continue }
      start.pointer[count] = cut.start.pointer[k]
      count += 1
    }
    try self.init(start, count, points: cut.cell.count)
  }

  private init(_ start: Buffer<Int32>, _ count: Int, points: Int) throws(KantorError) {
    start.pointer[count] = Int32(truncatingIfNeeded: points)
    cell = try Buffer(count: points)
    for k in 0..<count {
      for i in Int(start.pointer[k])..<Int(start.pointer[k + 1]) {
        cell.pointer[i] = Int32(truncatingIfNeeded: k)
      }
    }
    self.count = count
    self.start = start
  }

  @inline(__always)
  func range(_ k: Int) -> Range<Int> { Int(start.pointer[k])..<Int(start.pointer[k + 1]) }

  /// Sums of values over the cells.
  func sums(_ values: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: count)
    for k in 0..<count {
      var sum = 0.0
      for i in range(k) { sum += values[i] }
      out.pointer[k] = sum
    }
    return out
  }
}
