import KantorCore

/// The list of arcs that matter and the first basis made of them.
extension NetworkSimplex.State {
  /// Up to this many arcs the list holds all of them, and plain c-transforms serve as potentials.
  private static var allArcsLimit: Int { 1 << 12 }

  private static func isSmall(_ n: Int, _ m: Int) -> Bool {
    n <= allArcsLimit && m <= allArcsLimit && n * m <= allArcsLimit
  }

  /// Small problems need no other list.
  static func firstCapacity(_ n: Int, _ m: Int) -> Int { isSmall(n, m) ? n * m + n + m : 0 }

  /// Potentials, then the arcs with the smallest reduced costs.
  mutating func chooseCandidates() throws(KantorError) -> Status? {
    if Self.isSmall(n, m) {
      reduceRowsAndColumns()
      listAllArcs()
      return nil
    }
    let start = EntropicStart(
      rows: rows, a: weights.a, b: weights.b, mass: weights.mass, f: f.pointer, g: g.pointer, run,
      given: given)
    typicalLargest = start.scale.largest
    if let stop = try start.run() { return stop }
    let candidates = CandidateArcs(
      rows: rows, weights: weights, f: f.pointer, g: g.pointer, firstHead: n, monitor: monitor)
    guard let list = try candidates.list(perNode: run.options.int("candidates")) else {
      return monitor.stop
    }
    arcs = list
    return nil
  }

  /// f_i = min_j C_ij - g_j, from g = 0 or given, then g_j = min_i C_ij - f_i.
  private mutating func reduceRowsAndColumns() {
    for i in 0..<n where weights.a[i] > 0 {
      let c = rows.row(i)
      var least = Double.infinity
      if let given {
        for j in 0..<m where weights.b[j] > 0 { least = min(least, c[j] - given.pointer[j]) }
      } else {
        for j in 0..<m where weights.b[j] > 0 { least = min(least, c[j]) }
      }
      f.pointer[i] = least < .infinity ? least : 0
    }
    for j in 0..<m { g.pointer[j] = .infinity }
    for i in 0..<n where weights.a[i] > 0 {
      let c = rows.row(i)
      for j in 0..<m { g.pointer[j] = min(g.pointer[j], c[j] - f.pointer[i]) }
    }
    for j in 0..<m where !(g.pointer[j] < .infinity) { g.pointer[j] = 0 }
  }

  private mutating func listAllArcs() {
    for i in 0..<n where weights.a[i] > 0 {
      let c = rows.row(i)
      for j in 0..<m where weights.b[j] > 0 && c[j] < .infinity {
        arcs.append(row: i, head: n + j, cost: c[j])
      }
    }
  }
}
