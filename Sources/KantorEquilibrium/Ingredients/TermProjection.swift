import KantorBlocks
import KantorCore

/// prox of a term, for the methods.
final class TermProjection {
  private let term: ProximalTerm
  /// Room to sort the largest simplex.
  private let sorted: Buffer<Double>
  /// Maps of the library, by block.
  private var maps: [(any ProximalMap)?] = []

  init(_ term: ProximalTerm) throws(KantorError) {
    self.term = term
    var largest = 0
    for block in term.blocks {
      if case .simplex = block.shape { largest = max(largest, block.count) }
      guard case .library(let entry, let values) = block.shape else {
        maps.append(nil)
        continue
      }
      maps.append(try entry.make(count: block.count, values))
    }
    sorted = try Buffer(count: largest)
  }

  /// x <- argmin over u of g(u) + |u - x|^2 / (2 step), for terms other than the host's. False when
  /// a map failed.
  func apply(_ x: UnsafeMutablePointer<Double>, step: Double) -> Bool {
    for (block, map) in zip(term.blocks, maps) {
      let (start, end) = (block.start, block.start + block.count)
      switch block.shape {
      case .zero, .host: continue
      case .library:
        guard map?.apply(x + start, step: step, into: x + start) == true else { return false }
      case .nonnegative: for i in start..<end { x[i] = max(x[i], 0) }
      case .box:
        let (low, high) = (term.lower.pointer, term.upper.pointer)
        for i in start..<end { x[i] = min(max(x[i], low[i]), high[i]) }
      case .simplex(let radius): simplex(x + start, block.count, radius)
      }
    }
    return true
  }

  /// Sorted from the largest, the support is the longest prefix whose least entry exceeds its
  /// threshold.
  private func simplex(_ x: UnsafeMutablePointer<Double>, _ n: Int, _ radius: Double) {
    var order = UnsafeMutableBufferPointer(start: sorted.pointer, count: n)
    for i in 0..<n { order[i] = x[i] }
    order.sort(by: >)
    var (sum, threshold) = (0.0, 0.0)
    for k in 0..<n {
      sum += order[k]
      let candidate = (sum - radius) / Double(k + 1)
      if k > 0 && order[k] <= candidate { break }
      threshold = candidate
    }
    for i in 0..<n { x[i] = max(x[i] - threshold, 0) }
  }
}
