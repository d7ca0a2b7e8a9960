import KantorBlocks
import KantorCore

/// prox for the checker: written apart from that of the methods, with another algorithm for
/// simplices.
struct SetProjection {
  let term: ProximalTerm
  /// Maps of the library, made anew for the checker, by block.
  let maps: [(any ProximalMap)?]

  init(term: ProximalTerm) throws(KantorError) {
    self.term = term
    var maps: [(any ProximalMap)?] = []
    for block in term.blocks {
      guard case .library(let entry, let values) = block.shape else {
        maps.append(nil)
        continue
      }
      maps.append(try entry.make(count: block.count, values))
    }
    self.maps = maps
  }

  /// The prox with step 1, in place; the host's is called where the term is its own.
  func apply(
    _ x: UnsafeMutablePointer<Double>, host: Evaluator
  ) throws(KantorError) -> Evaluation {
    for (block, map) in zip(term.blocks, maps) {
      let part = x + block.start
      switch block.shape {
      case .zero: continue
      case .library:
        guard map?.apply(part, step: 1, into: part) == true else { return .undefined }
      case .host: return try host.prox(at: UnsafePointer(x), step: 1, into: x)
      case .nonnegative: for i in 0..<block.count where part[i] < 0 { part[i] = 0 }
      case .box:
        for i in 0..<block.count {
          let low = term.lower.pointer[block.start + i]
          let high = term.upper.pointer[block.start + i]
          if part[i] < low { part[i] = low } else if part[i] > high { part[i] = high }
        }
      case .simplex(let radius): simplex(part, block.count, radius)
      }
    }
    return .fine
  }

  /// Newton's method for the threshold t with sum max(x - t, 0) = radius: the sum is convex and
  /// decreasing in t, so that from the left the steps never go too far, and it ends after finitely
  /// many.
  private func simplex(_ x: UnsafeMutablePointer<Double>, _ n: Int, _ radius: Double) {
    var t = Double.infinity
    for i in 0..<n { t = min(t, x[i]) }
    t -= radius / Double(n)
    for _ in 0..<(n + 2) {
      var (sum, active) = (0.0, 0)
      for i in 0..<n where x[i] > t {
        sum += x[i] - t
        active += 1
      }
      guard active > 0, sum > radius else { break }
      let next = t + (sum - radius) / Double(active)
      guard next > t else { break }
      t = next
    }
    for i in 0..<n { x[i] = x[i] > t ? x[i] - t : 0 }
  }
}
