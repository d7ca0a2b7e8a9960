import Glibc

/// A fixed-size block of trivially copyable elements on the C heap, aligned for SIMD.
///
/// Swift's own allocations end the process when memory runs out; sizes that come from a caller
/// therefore live here, where failure is a `KantorError`. Memory starts zeroed.
public final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public let count: Int
  public let pointer: UnsafeMutablePointer<Element>
  private let block: UnsafeMutableRawPointer
  private let budget: MemoryBudget?

  /// One AVX-512 register, which is also a cache line.
  public static var alignment: Int { 64 }
  private static var smallBytes: Int { 1 << 16 }
  /// From here on the system is asked for large pages: far fewer page faults, and reads in any
  /// order find their addresses sooner.
  private static var hugeBytes: Int { 1 << 22 }
  private static var hugePage: Int { 1 << 21 }

  public init(count: Int) throws(KantorError) {
    let bytes = try checkedProduct(count, MemoryLayout<Element>.stride, of: "buffer")
    guard bytes <= Int.max - Self.alignment else {
      throw KantorError(.tooLarge, "buffer: \(bytes) bytes do not fit in memory")
    }
    // malloc and calloc with our own alignment: several times faster than posix_memalign for the
    // small blocks of small problems. Large blocks come zeroed from the system, untouched.
    let room = max(bytes, 1) + Self.alignment
    let budget = MemoryBudget.current
    try budget?.charge(bytes)
    let raw: UnsafeMutableRawPointer?
    if room <= Self.smallBytes {
      raw = malloc(room)
      if let raw { memset(raw, 0, room) }
    } else {
      raw = calloc(room, 1)
    }
    guard let raw else {
      budget?.giveBack(bytes)
      throw KantorError(.outOfMemory, "out of memory: \(bytes) bytes were asked for")
    }
    if room >= Self.hugeBytes {
      let first = raw.alignedUp(toMultipleOf: Self.hugePage)
      let last = (raw + room).alignedDown(toMultipleOf: Self.hugePage)
      // A wish: whether it is granted changes nothing but time.
      _ = madvise(first, last - first, Int32(MADV_HUGEPAGE))
    }
    self.count = count
    self.block = raw
    self.budget = budget
    self.pointer = raw.alignedUp(toMultipleOf: Self.alignment)
      .bindMemory(to: Element.self, capacity: max(count, 1))
  }

  public convenience init(count: Int, repeating value: Element) throws(KantorError) {
    try self.init(count: count)
    for i in 0..<count { pointer[i] = value }
  }

  public convenience init(copying source: UnsafePointer<Element>, count: Int) throws(KantorError) {
    try self.init(count: count)
    if count > 0 { pointer.update(from: source, count: count) }
  }

  public convenience init(_ values: [Element]) throws(KantorError) {
    try self.init(count: values.count)
    for i in 0..<values.count { pointer[i] = values[i] }
  }

  deinit {
    free(block)
    budget?.giveBack(count &* MemoryLayout<Element>.stride)
  }

  @inlinable public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return pointer[index]
    }
    set {
      precondition(index >= 0 && index < count)
      pointer[index] = newValue
    }
  }

  public var span: UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: pointer, count: count)
  }

  public func fill(_ value: Element) {
    for i in 0..<count { pointer[i] = value }
  }

  public func copy() throws(KantorError) -> Buffer<Element> {
    try Buffer(copying: pointer, count: count)
  }
}
