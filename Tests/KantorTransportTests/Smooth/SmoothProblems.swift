import KantorCore
import KantorTransport

/// The value of a smoothed transport problem and of its dual, by plain formulas of the tests' own.
struct SmoothReference {
  let cost: [[Double]]
  let a: [Double]
  let b: [Double]
  let gamma: Double

  init(_ data: EntropicData, gamma: Double) {
    cost = data.costs
    (a, b) = data.weights
    self.gamma = gamma
  }

  /// sum over i, j of plan and cost where there is mass.
  func linear(_ plan: [[Double]]) -> Double {
    var sum = 0.0
    for i in 0..<a.count {
      for j in 0..<b.count where plan[i][j] > 0 { sum += plan[i][j] * cost[i][j] }
    }
    return sum
  }

  func marginalError(_ plan: [[Double]]) -> Double {
    var error = 0.0
    for i in 0..<a.count { error += abs(plan[i].reduce(0, +) - a[i]) }
    for j in 0..<b.count { error += abs(plan.map { $0[j] }.reduce(0, +) - b[j]) }
    return error
  }

  /// gamma/2 min { sum y^2/theta : 0 <= theta <= 1, sum theta <= k } over each column, by bisection
  /// for the multiplier: theta = min(1, y/c).
  func hull(_ plan: [[Double]], _ k: Int) -> Double {
    var total = 0.0
    for j in 0..<b.count {
      let y = plan.map { $0[j] }.filter { $0 > 0 }
      guard y.count > k else {
        total += y.reduce(0) { $0 + $1 * $1 }
        continue
      }
      var (low, high) = (0.0, y.reduce(0, +))
      for _ in 0..<200 {
        let c = 0.5 * (low + high)
        if y.reduce(0, { $0 + min(1, $1 / c) }) > Double(k) { low = c } else { high = c }
      }
      total += y.reduce(0) { $0 + $1 * max($1, high) }
    }
    return 0.5 * gamma * total
  }

  /// The dual with at most k entries in a column.
  func dual(_ f: [Double], _ g: [Double], _ k: Int) -> Double {
    var value = zip(a, f).reduce(0) { $0 + $1.0 * $1.1 } + zip(b, g).reduce(0) { $0 + $1.0 * $1.1 }
    for j in 0..<b.count where b[j] > 0 {
      let squares = (0..<a.count).filter { a[$0] > 0 }.map { (i) -> Double in
        let z = max(0, f[i] + g[j] - cost[i][j])
        return z * z
      }
      value -= squares.sorted(by: >).prefix(k).reduce(0, +) / (2 * gamma)
    }
    return value
  }
}

enum SmoothSolve {
  static func quadratic(
    _ data: EntropicData, _ gamma: Double, _ more: [String: OptionValue] = [:],
    start: Result? = nil
  ) throws -> Result {
    try data.solve(
      Quadratic.entry, ["gamma": .real(gamma)].merging(more) { $1 }, start: start)
  }

  static func sparse(
    _ data: EntropicData, _ gamma: Double, _ k: Int, _ more: [String: OptionValue] = [:]
  ) throws -> Result {
    try data.solve(
      SparsityConstrained.entry,
      ["gamma": .real(gamma), "cardinality": .int(Int64(k))].merging(more) { $1 })
  }
}
