import KantorCore
import KantorNumerics

/// The rows of a pass over all pairs, cut into blocks of a few milliseconds, between which the host
/// gets a moment, and blocks into one part per thread.
struct RowBlocks {
  let parallel: Parallel
  private let count: Int
  private let blockRows: Int
  private let monitor: Monitor?

  /// Pairs below which another thread costs more than it brings.
  static let pairsPerThread = 1 << 16
  /// Exponentials, with their costs, to a block.
  private static let blockPairs = 1 << 22

  init(_ geometry: Geometry, threads: Int, monitor: Monitor?) {
    let pairs = Double(geometry.n) * Double(geometry.m)
    let useful = Int(min(pairs / Double(Self.pairsPerThread), 1024))
    let work = 1 + (geometry.dimension ?? 0) / 8
    self.init(
      count: geometry.n, rows: Self.blockPairs / max(1, geometry.m * work),
      threads: min(threads, max(1, useful)), monitor: monitor)
  }

  private init(count: Int, rows: Int, threads: Int, monitor: Monitor?) {
    self.count = count
    self.monitor = monitor
    parallel = Parallel(threads: threads)
    blockRows = max(parallel.threads, rows)
  }

  /// body(part, first, end) for all rows; after(first, end) follows each block on the calling
  /// thread. False when `after` or the host said stop.
  func forEach(
    _ body: (_ part: Int, _ first: Int, _ end: Int) -> Void,
    after: (_ first: Int, _ end: Int) -> Bool = { _, _ in true }
  ) -> Bool {
    var first = 0
    while first < count {
      let (base, rows) = (first, min(blockRows, count - first))
      parallel.forEach(rows) { part, begin, end in body(part, base + begin, base + end) }
      first += rows
      guard after(base, first) else { return false }
      if first < count, monitor?.heartbeat() != nil { return false }
    }
    return true
  }
}
