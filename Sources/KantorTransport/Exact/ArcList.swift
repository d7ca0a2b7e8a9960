import KantorCore

/// Arcs that an exact method looks at: parallel arrays of tail, head and cost, in the order added.
struct ArcList {
  private(set) var count = 0
  private(set) var capacity: Int
  private(set) var costs: UnsafeMutablePointer<Double>
  private(set) var tails: UnsafeMutablePointer<Int32>
  private(set) var heads: UnsafeMutablePointer<Int32>
  private var arena: Arena

  init(capacity: Int) throws(KantorError) {
    guard capacity <= Int(Int32.max) else {
      throw KantorError(.tooLarge, "\(capacity) arcs are more than an exact method can number")
    }
    self.capacity = capacity
    arena = try Arena(
      bytes: Arena.bytes(Double.self, capacity) + 2 * Arena.bytes(Int32.self, capacity))
    costs = arena.take(Double.self, capacity)
    tails = arena.take(Int32.self, capacity)
    heads = arena.take(Int32.self, capacity)
  }

  /// Room for `extra` more; grows by half at least.
  mutating func reserve(_ extra: Int) throws(KantorError) {
    guard count + extra > capacity else { return }
    let limit = max(count + extra, min(capacity + capacity / 2, Int(Int32.max)))
    var longer = try ArcList(capacity: limit)
    longer.costs.update(from: costs, count: count)
    longer.tails.update(from: tails, count: count)
    longer.heads.update(from: heads, count: count)
    longer.count = count
    self = longer
  }

  /// The caller has reserved room.
  @inline(__always)
  mutating func append(row: Int, head: Int, cost: Double) {
    tails[count] = Int32(truncatingIfNeeded: row)
    heads[count] = Int32(truncatingIfNeeded: head)
    costs[count] = cost
    count &+= 1
  }
}
