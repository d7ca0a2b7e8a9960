import KantorCore

/// Takes permutations out of a matrix, one after another.
///
/// The matching is kept from term to term. For the bottleneck strategy its entries stay at or above
/// the bottleneck of the term before, which only falls; rows whose entry fell below are matched
/// again by the path whose smallest entry is largest. That keeps the matching a bottleneck one: a
/// matching of all rows with larger entries would contain a wider path for one of them.
final class GreedyPermutations {
  private let n: Int
  private let isBottleneck: Bool
  private let rest: Double
  private let most: Int
  /// True once the number of terms was cut.
  private(set) var isCut = false
  private var termsDone = 0

  private let x: Buffer<Double>
  private let column: Buffer<Int>
  private let row: Buffer<Int>
  private let width: Buffer<Double>
  private let before: Buffer<Int>
  private let isDone: Buffer<UInt8>

  init(n: Int, isBottleneck: Bool, rest: Double, most: Int) throws(KantorError) {
    self.n = n
    self.isBottleneck = isBottleneck
    self.rest = rest
    self.most = most
    x = try Buffer(count: n * n)
    column = try Buffer(count: n)
    row = try Buffer(count: n)
    width = try Buffer(count: n)
    before = try Buffer(count: n)
    isDone = try Buffer(count: n)
  }

  func run(
    _ given: UnsafePointer<Double>, _ terms: GrowingTerms, _ monitor: Monitor
  ) throws(KantorError) {
    let (x, column, row) = (x.pointer, column.pointer, row.pointer)
    for k in 0..<n * n { x[k] = max(given[k], 0) }
    for i in 0..<n { (column[i], row[i]) = (-1, -1) }
    var left = 1.0
    var level = Double.infinity
    var number = 0
    while left > rest {
      // Entries that cannot be told from nothing are no part of a matching.
      let floor = 1e-3 * rest / Double(n)
      for i in 0..<n where column[i] >= 0 {
        let value = x[i * n + column[i]]
        if value <= floor || isBottleneck && value < level {
          row[column[i]] = -1
          column[i] = -1
        }
      }
      for i in 0..<n where column[i] < 0 {
        let reached = augment(i, above: floor)
        if reached <= floor { return }
        level = min(level, reached)
      }
      var w = Double.infinity
      for i in 0..<n { w = min(w, x[i * n + column[i]]) }
      if number == most {
        isCut = true
        return
      }
      for i in 0..<n { x[i * n + column[i]] -= w }
      try terms.add(w, column)
      left -= w
      level = w
      number += 1
      termsDone += 1
      if monitor.check(iteration: termsDone, residual: left) != nil { return }
    }
  }

  /// Matches row i by the path from it to a free column whose smallest entry is largest (or, for
  /// the other strategy, the first path found); gives that smallest entry, 0 if there is none.
  private func augment(_ start: Int, above floor: Double) -> Double {
    let (x, column, row) = (x.pointer, column.pointer, row.pointer)
    let (width, before, isDone) = (width.pointer, before.pointer, isDone.pointer)
    for j in 0..<n {
      width[j] = x[start * n + j]
      before[j] = start
      isDone[j] = 0
    }
    while true {
      var best = -1
      for j in 0..<n where isDone[j] == 0 && width[j] > floor {
        if best < 0 || width[j] > width[best] { best = j }
        if !isBottleneck, row[j] < 0 {
          best = j
          break
        }
      }
      guard best >= 0 else { return 0 }
      isDone[best] = 1
      let owner = row[best]
      if owner < 0 {
        let reached = width[best]
        var j = best
        while true {
          let i = before[j]
          let next = column[i]
          column[i] = j
          row[j] = i
          if i == start { return reached }
          j = next
        }
      }
      // On along the matched entry: its own width counts too.
      let here = min(width[best], x[owner * n + best])
      for j in 0..<n where isDone[j] == 0 {
        let along = min(here, x[owner * n + j])
        if along > width[j] {
          width[j] = along
          before[j] = owner
        }
      }
    }
  }
}
