import Glibc

/// Memory that ends where an unreadable page begins: one element too many stops the test run.
final class GuardedMemory<Element> {
  let count: Int
  let start: UnsafeMutablePointer<Element>
  private let base: UnsafeMutableRawPointer
  private let length: Int

  init(count: Int, filledWith value: Element) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    let body = (bytes + page - 1) / page * page
    length = body + page
    guard
      let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      mapped != MAP_FAILED, mprotect(mapped + body, page, PROT_NONE) == 0
    else { fatalError("no memory for a guarded array") }
    base = mapped
    start = (mapped + (body - bytes)).bindMemory(to: Element.self, capacity: max(count, 1))
    start.initialize(repeating: value, count: max(count, 1))
    self.count = count
  }

  convenience init(_ values: [Element]) where Element: BinaryFloatingPoint {
    self.init(count: values.count, filledWith: 0)
    for (k, value) in values.enumerated() { start[k] = value }
  }

  deinit { munmap(base, length) }

  var array: [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }

  subscript(_ k: Int) -> Element {
    get { start[k] }
    set { start[k] = newValue }
  }
}
