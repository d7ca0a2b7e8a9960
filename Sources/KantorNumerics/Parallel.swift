import Dispatch

/// Static cuts of a range of rows over threads.
///
/// The cuts depend on the number of threads alone, and every reduction that follows adds the
/// parts in order of their index, so a thread count fixes the bits of the answer. Dispatch's
/// workers block when idle; nothing spins.
public struct Parallel: Sendable {
  public let threads: Int

  public init(threads: Int) { self.threads = max(1, threads) }

  /// First row of a part; `part == threads` gives the end.
  @inline(__always)
  public func bound(_ part: Int, of count: Int) -> Int {
    let base = count / threads
    let extra = count % threads
    return part * base + min(part, extra)
  }

  /// body(part, first, end) for every part; empty parts are called too.
  public func forEach(_ count: Int, _ body: (_ part: Int, _ first: Int, _ end: Int) -> Void) {
    if threads == 1 {
      body(0, 0, count)
      return
    }
    withoutActuallyEscaping(body) { body in
      let shared = Shared(body: body)
      DispatchQueue.concurrentPerform(iterations: threads) { part in
        shared.body(part, bound(part, of: count), bound(part + 1, of: count))
      }
    }
  }

  /// The parts write to disjoint memory, which the compiler cannot see.
  private struct Shared: @unchecked Sendable {
    let body: (Int, Int, Int) -> Void
  }
}
