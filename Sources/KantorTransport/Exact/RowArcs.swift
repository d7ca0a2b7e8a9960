import KantorCore

/// An `ArcList` with the arcs of each row linked, so that single arcs can be added to a row.
final class RowArcs {
  static let end: Int32 = -1

  private(set) var list: ArcList
  private let first: Buffer<Int32>
  private var following: Buffer<Int32>

  /// `list` holds the arcs row after row.
  init(_ list: ArcList, rows: Int) throws(KantorError) {
    self.list = list
    first = try Buffer(count: rows, repeating: Self.end)
    following = try Buffer(count: list.capacity)
    for k in stride(from: list.count - 1, through: 0, by: -1) { link(k) }
  }

  private func link(_ k: Int) {
    let row = Int(list.tails[k])
    following.pointer[k] = first.pointer[row]
    first.pointer[row] = Int32(truncatingIfNeeded: k)
  }

  func add(row: Int, column: Int, cost: Double) throws(KantorError) {
    try list.reserve(1)
    if following.count < list.capacity {
      let longer = try Buffer<Int32>(count: list.capacity)
      longer.pointer.update(from: following.pointer, count: list.count)
      following = longer
    }
    list.append(row: row, head: column, cost: cost)
    link(list.count - 1)
  }

  /// The first arc of a row, and the arc after another; `end` when there is none.
  var firsts: UnsafePointer<Int32> { UnsafePointer(first.pointer) }
  var nexts: UnsafePointer<Int32> { UnsafePointer(following.pointer) }
}
