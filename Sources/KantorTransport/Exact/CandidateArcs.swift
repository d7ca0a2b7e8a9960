import CKantorKernels
import KantorCore

/// The arcs that an optimal plan is likely to use: those with a small C_ij - f_i - g_j, for
/// feasible potentials f and g that leave equality somewhere in each row and column.
struct CandidateArcs {
  let rows: CostRows
  let weights: ExactWeights
  let f: UnsafePointer<Double>
  let g: UnsafePointer<Double>
  /// Added to a column to give the head of an arc.
  let firstHead: Int
  let monitor: Monitor

  private static let sampledRows = 64

  /// About `perNode` arcs for each row and column, row after row; nil when the solve is to stop.
  ///
  /// A threshold, which a sample of rows sets, decides. Rows start at different columns and take
  /// four times their share at most, and twice the partners that their mass makes likely: when very
  /// many reduced costs are equal, all rows must not choose the same columns. A row or column that
  /// has most of the mass, as in partial problems, may meet all others.
  func list(perNode: Int) throws(KantorError) -> ArcList? {
    let (n, m) = (rows.n, rows.m)
    let share = min(m, (perNode * (n + m) + 2 * n - 1) / (2 * n))
    let picked = try Buffer<Int32>(count: m + 16)
    let threshold = try sampleThreshold(share)
    var arcs = try ArcList(capacity: try checkedProduct(2 * share, n, of: "candidates"))
    let hub = (row: heaviest(weights.a, n, m, share), column: heaviest(weights.b, m, n, share))
    var pulse = Pulse(monitor)
    for i in 0..<n where weights.a[i] > 0 {
      if pulse.beat(m) != nil { return nil }
      let c = rows.row(i)
      let begin = Int64(i * m / n)
      let limit = i == hub.row ? .greatestFiniteMagnitude : threshold + f[i]
      let partners = i == hub.row ? m : weights.likelyPartners(ofRow: i, among: m)
      let cap = min(m, 4 * share + 2 * partners)
      var count = kn_select_below_f64(c, g, begin, Int64(m), limit, picked.pointer, Int64(cap))
      count += kn_select_below_f64(
        c, g, 0, begin, limit, picked.pointer + Int(count), Int64(cap) - count)
      try arcs.reserve(Int(count))
      for k in 0..<Int(count) {
        let j = Int(picked.pointer[k])
        if c[j] < .infinity { arcs.append(row: i, head: firstHead + j, cost: c[j]) }
      }
      if let j = hub.column, c[j] < .infinity, !(c[j] - f[i] - g[j] <= threshold) {
        try arcs.reserve(1)
        arcs.append(row: i, head: firstHead + j, cost: c[j])
      }
    }
    return arcs
  }

  /// The point of the largest weight, if that would fill more others than a list has room for.
  private func heaviest(
    _ weight: UnsafePointer<Double>, _ count: Int, _ others: Int, _ share: Int
  ) -> Int? {
    var most = 0
    for k in 0..<count where weight[k] > weight[most] { most = k }
    return weight[most] * Double(others) > 4 * Double(share) * weights.mass ? most : nil
  }

  /// The median over sampled rows of their `rank`-th smallest reduced cost.
  private func sampleThreshold(_ rank: Int) throws(KantorError) -> Double {
    let (n, m) = (rows.n, rows.m)
    let reduced = try Buffer<Double>(count: m)
    let found = try Buffer<Double>(count: Self.sampledRows + 1)
    var count = 0
    for i in Swift.stride(from: 0, to: n, by: 1 + (n - 1) / Self.sampledRows)
    where weights.a[i] > 0 {
      let c = rows.row(i)
      var used = 0
      for j in 0..<m where weights.b[j] > 0 && c[j] < .infinity {
        reduced.pointer[used] = c[j] - f[i] - g[j]
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

/// Asks the monitor about once a million units of work, which is about a millisecond.
struct Pulse {
  private let monitor: Monitor
  private var left = 0

  init(_ monitor: Monitor) { self.monitor = monitor }

  @inline(__always)
  mutating func beat(_ work: Int) -> Status? {
    left &-= work
    if left >= 0 { return nil }
    left = 1 << 20
    return monitor.heartbeat()
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
