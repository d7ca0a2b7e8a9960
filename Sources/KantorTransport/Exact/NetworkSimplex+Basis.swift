import CKantorKernels
import KantorCore

/// The list of arcs that matter and the first basis made of them.
extension NetworkSimplex.State {
  /// Up to this many arcs the list holds all of them, and plain c-transforms serve as potentials.
  private static var allArcsLimit: Int { 1 << 12 }
  private static var sampledRows: Int { 64 }

  /// Potentials, then the arcs with the smallest reduced costs.
  mutating func chooseCandidates() throws(KantorError) -> Status? {
    let isSmall = n * m <= Self.allArcsLimit
    let start = EntropicStart(
      rows: rows, a: weights.a, b: weights.b, mass: weights.mass, f: f.pointer, g: g.pointer,
      monitor: monitor)
    if isSmall {
      reduceRowsAndColumns()
      try listAllArcs()
      return nil
    }
    if let stop = try start.run() { return stop }
    return try listSmallArcs()
  }

  /// f_i = min_j C_ij, then g_j = min_i C_ij - f_i.
  private mutating func reduceRowsAndColumns() {
    for j in 0..<m { g.pointer[j] = .infinity }
    for i in 0..<n where weights.a[i] > 0 {
      let c = rows.row(i)
      var least = Double.infinity
      for j in 0..<m where weights.b[j] > 0 { least = min(least, c[j]) }
      f.pointer[i] = least < .infinity ? least : 0
      for j in 0..<m { g.pointer[j] = min(g.pointer[j], c[j] - f.pointer[i]) }
    }
    for j in 0..<m where !(g.pointer[j] < .infinity) { g.pointer[j] = 0 }
  }

  private mutating func listAllArcs() throws(KantorError) {
    arcs = try ArcList(capacity: n * m + n + m)
    for i in 0..<n where weights.a[i] > 0 {
      let c = rows.row(i)
      for j in 0..<m where weights.b[j] > 0 && c[j] < .infinity {
        arcs.append(
          tail: Int32(truncatingIfNeeded: i), head: Int32(truncatingIfNeeded: n + j), cost: c[j])
      }
    }
  }

  /// Arcs whose reduced cost is below a threshold, which a sample of rows sets so that there are
  /// `candidates` per node. Rows start at different columns and take four times their share at
  /// most: when very many reduced costs are equal, all rows must not choose the same columns.
  private mutating func listSmallArcs() throws(KantorError) -> Status? {
    let share = min(m, (run.options.int("candidates") * (n + m) + n - 1) / (2 * n))
    let cap = min(m, 4 * share)
    let picked = try Buffer<Int32>(count: cap + 16)
    let threshold = try sampleThreshold(share)
    arcs = try ArcList(capacity: 2 * share * n)
    var untilBeat = 0
    for i in 0..<n where weights.a[i] > 0 {
      untilBeat -= m
      if untilBeat < 0 {
        untilBeat = 1 << 20
        if let stop = monitor.heartbeat() { return stop }
      }
      let c = rows.row(i)
      let begin = Int64(i * m / n)
      let limit = threshold + f.pointer[i]
      var count = kn_select_below_f64(
        c, g.pointer, begin, Int64(m), limit, picked.pointer, Int64(cap))
      count += kn_select_below_f64(
        c, g.pointer, 0, begin, limit, picked.pointer + Int(count), Int64(cap) - count)
      try arcs.reserve(Int(count))
      for k in 0..<Int(count) {
        let j = Int(picked.pointer[k])
        guard c[j] < .infinity else { continue }
        arcs.append(
          tail: Int32(truncatingIfNeeded: i), head: Int32(truncatingIfNeeded: n + j), cost: c[j])
      }
    }
    return nil
  }

  /// The median over sampled rows of their `rank`-th smallest reduced cost.
  private func sampleThreshold(_ rank: Int) throws(KantorError) -> Double {
    let reduced = try Buffer<Double>(count: m)
    let found = try Buffer<Double>(count: Self.sampledRows + 1)
    var count = 0
    for i in Swift.stride(from: 0, to: n, by: 1 + (n - 1) / Self.sampledRows)
    where weights.a[i] > 0 {
      let c = rows.row(i)
      var used = 0
      for j in 0..<m where weights.b[j] > 0 && c[j] < .infinity {
        reduced.pointer[used] = c[j] - f.pointer[i] - g.pointer[j]
        used += 1
      }
      guard used > 0 else { continue }
      found.pointer[count] = Selection.smallest(
        min(rank, used) - 1, of: reduced.pointer, count: used)
      count += 1
    }
    guard count > 0 else { return 0 }
    return max(0, Selection.smallest(count / 2, of: found.pointer, count: count))
  }
}

/// Order statistics.
enum Selection {
  /// The k-th smallest value (from 0); reorders the values. Hoare's quickselect.
  static func smallest(
    _ k: Int, of values: UnsafeMutablePointer<Double>, count: Int
  ) -> Double {
    var low = 0
    var high = count - 1
    while low < high {
      let pivot = values[low + (high - low) / 2]
      var i = low
      var j = high
      while i <= j {
        while values[i] < pivot { i += 1 }
        while values[j] > pivot { j -= 1 }
        if i <= j {
          (values[i], values[j]) = (values[j], values[i])
          i += 1
          j -= 1
        }
      }
      if k <= j {
        high = j
      } else if k >= i {
        low = i
      } else {
        break
      }
    }
    return values[k]
  }
}
