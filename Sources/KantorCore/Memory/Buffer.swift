import Glibc

/// A fixed-size block of trivially copyable elements on the C heap, aligned for SIMD.
///
/// Swift's own allocations end the process when memory runs out; sizes that come from a caller
/// therefore live here, where failure is a `KantorError`. Memory starts zeroed.
public final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public let count: Int
  public let pointer: UnsafeMutablePointer<Element>

  /// One AVX-512 register, which is also a cache line.
  public static var alignment: Int { 64 }

  public init(count: Int) throws(KantorError) {
    let bytes = try checkedProduct(count, MemoryLayout<Element>.stride, of: "buffer")
    guard bytes <= Int.max - Self.alignment else {
      throw KantorError(.tooLarge, "buffer: \(bytes) bytes do not fit in memory")
    }
    var raw: UnsafeMutableRawPointer?
    guard posix_memalign(&raw, Self.alignment, max(bytes, Self.alignment)) == 0, let raw else {
      throw KantorError(.outOfMemory, "out of memory: \(bytes) bytes were asked for")
    }
    memset(raw, 0, max(bytes, Self.alignment))
    self.count = count
    self.pointer = raw.bindMemory(to: Element.self, capacity: max(count, 1))
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

  deinit { free(UnsafeMutableRawPointer(pointer)) }

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

  public var span: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: pointer, count: count) }

  public func fill(_ value: Element) {
    for i in 0..<count { pointer[i] = value }
  }

  public func copy() throws(KantorError) -> Buffer<Element> {
    try Buffer(copying: pointer, count: count)
  }
}
