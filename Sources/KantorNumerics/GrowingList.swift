import KantorCore

/// A list whose length is not known beforehand, in checked memory.
public struct GrowingList<Element: BitwiseCopyable> {
  private var storage: Buffer<Element>
  public private(set) var count = 0

  public init(capacity: Int) throws(KantorError) { storage = try Buffer(count: max(capacity, 16)) }

  /// Valid until the next append.
  public var pointer: UnsafeMutablePointer<Element> { storage.pointer }

  public mutating func removeAll() { count = 0 }

  @inline(__always)
  public mutating func append(_ element: Element) throws(KantorError) {
    if count == storage.count { try grow() }
    storage.pointer[count] = element
    count &+= 1
  }

  private mutating func grow() throws(KantorError) {
    let larger = try Buffer<Element>(count: try checkedProduct(storage.count, 2, of: "list"))
    larger.pointer.update(from: storage.pointer, count: count)
    storage = larger
  }
}
