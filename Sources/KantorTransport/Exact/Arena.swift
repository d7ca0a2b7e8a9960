import KantorCore

/// One block of memory from which a method's work arrays are cut, all at once.
///
/// Small problems are solved in a microsecond or two, in which a dozen allocations would show.
struct Arena {
  private let block: Buffer<UInt8>
  private var used = 0

  init(bytes: Int) throws(KantorError) { block = try Buffer(count: bytes) }

  /// What `take` of `count` elements will use.
  static func bytes<T: BitwiseCopyable>(_: T.Type, _ count: Int) throws(KantorError) -> Int {
    let size = try checkedProduct(count, MemoryLayout<T>.stride, of: "workspace")
    guard size <= Int.max - 64 else {
      throw KantorError(.tooLarge, "workspace: \(size) bytes do not fit in memory")
    }
    return (size + 63) / 64 * 64
  }

  /// `count` elements, zeroed, on a cache line of their own.
  mutating func take<T: BitwiseCopyable>(_: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
    let size = (count * MemoryLayout<T>.stride + 63) / 64 * 64
    precondition(used + size <= block.count)
    let start = UnsafeMutableRawPointer(block.pointer + used)
    used += size
    return start.bindMemory(to: T.self, capacity: max(count, 1))
  }

  mutating func takeRaw(_ bytes: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(take(UInt8.self, bytes))
  }
}
