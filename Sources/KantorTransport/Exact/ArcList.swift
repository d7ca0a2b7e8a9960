import KantorCore

/// Arcs that the simplex looks at: parallel arrays of tail, head and cost, in the order added.
///
/// Heads are node numbers (n + column), as the basis has them.
struct ArcList {
  private(set) var count = 0
  private var tailBuffer: Buffer<Int32>
  private var headBuffer: Buffer<Int32>
  private var costBuffer: Buffer<Double>

  init(capacity: Int) throws(KantorError) {
    tailBuffer = try Buffer(count: capacity)
    headBuffer = try Buffer(count: capacity)
    costBuffer = try Buffer(count: capacity)
  }

  var capacity: Int { tailBuffer.count }
  var tails: UnsafeMutablePointer<Int32> { tailBuffer.pointer }
  var heads: UnsafeMutablePointer<Int32> { headBuffer.pointer }
  var costs: UnsafeMutablePointer<Double> { costBuffer.pointer }

  /// Room for `extra` more; grows by half at least.
  mutating func reserve(_ extra: Int) throws(KantorError) {
    guard count + extra > capacity else { return }
    guard count + extra <= Int(Int32.max) else {
      throw KantorError(.tooLarge, "\(count + extra) arcs are more than the simplex can number")
    }
    let size = max(count + extra, capacity + capacity / 2)
    tailBuffer = try Self.grown(tailBuffer, count, size)
    headBuffer = try Self.grown(headBuffer, count, size)
    costBuffer = try Self.grown(costBuffer, count, size)
  }

  private static func grown<T>(
    _ old: Buffer<T>, _ used: Int, _ size: Int
  ) throws(KantorError) -> Buffer<T> {
    let new = try Buffer<T>(count: size)
    new.pointer.update(from: old.pointer, count: used)
    return new
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
