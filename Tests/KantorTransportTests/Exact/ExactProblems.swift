import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// What one exact method answered, certified by a checker of the tests' own.
struct ExactAnswer {
  var value: Double
  var entries: [(i: Int, j: Int, p: Double)]
  var f: [Double]
  var g: [Double]
  var isInfeasible: Bool
  /// Largest |row sum - a_i|, |column sum - b_j|, relative to the mass.
  var marginalError: Double
  /// max over all pairs of f_i + g_j - C_ij, relative to C_ij and the largest potential.
  var violation: Double
  /// <P, C> - <a, f> - <b, g>, relative to the sizes of the terms.
  var gap: Double
}

enum ExactProblems {
  /// Costs, row by row, in the tests' own form.
  struct Data {
    var cost: [[Double]]
    var a: [Double]
    var b: [Double]

    var n: Int { cost.count }
    var m: Int { cost[0].count }
    var transposed: Data {
      Data(cost: (0..<m).map { j in (0..<n).map { cost[$0][j] } }, a: b, b: a)
    }

    func problem() throws -> TransportProblem {
      try TransportProblem(
        geometry: matrix(cost), a: Buffer(a), b: Buffer(b))
    }
  }

  /// Uniform random weights of total 1, some of them 0 when `zeros` is positive.
  static func weights(_ count: Int, _ random: inout RandomStream, zeros: Double = 0) -> [Double] {
    while true {
      var w = (0..<count).map { _ in random.uniform() < zeros ? 0 : 0.05 + random.uniform() }
      let total = w.reduce(0, +)
      guard total > 0 else { continue }
      for k in 0..<count { w[k] /= total }
      return w
    }
  }

  static func uniformCosts(_ n: Int, _ m: Int, _ random: inout RandomStream) -> [[Double]] {
    (0..<n).map { _ in (0..<m).map { _ in random.uniform() } }
  }

  static func points(_ count: Int, _ d: Int, _ random: inout RandomStream) -> [[Double]] {
    (0..<count).map { _ in (0..<d).map { _ in random.uniform() } }
  }

  static func squaredDistances(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    x.map { p in y.map { q in zip(p, q).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } } }
  }

  /// The answer of a method and what the tests think of it.
  static func solve<M: TransportMethod>(
    _ method: M.Type, _ data: Data, _ problem: TransportProblem? = nil
  ) throws -> ExactAnswer {
    let run = Settings.defaultRun(for: M.spec)
    let sealed = try problem ?? data.problem()
    return judge(try M.propose(sealed, run), data)
  }

  static func judge(_ proposal: TransportProposal, _ data: Data) -> ExactAnswer {
    let f = Array(proposal.f.span)
    let g = Array(proposal.g.span)
    guard case .sparse(let plan) = proposal.plan else {
      return ExactAnswer(
        value: .nan, entries: [], f: f, g: g, isInfeasible: true, marginalError: .nan,
        violation: .nan, gap: .nan)
    }
    var rows = data.a
    var columns = data.b
    var entries: [(i: Int, j: Int, p: Double)] = []
    var value = 0.0
    var size = 0.0
    for k in 0..<plan.count {
      let (i, j, p) = (Int(plan.rows[k]), Int(plan.columns[k]), plan.values[k])
      entries.append((i, j, p))
      rows[i] -= p
      columns[j] -= p
      value += p * data.cost[i][j]
      size += abs(p * data.cost[i][j])
    }
    let mass = data.a.reduce(0, +)
    var violation = 0.0
    let level = (f + g).reduce(0) { max($0, abs($1)) }
    for i in 0..<data.n {
      for j in 0..<data.m where data.cost[i][j] < .infinity {
        let excess = f[i] + g[j] - data.cost[i][j]
        let scale = level + abs(data.cost[i][j])
        if excess > 0 { violation = max(violation, excess / scale) }
      }
    }
    var dual = 0.0
    for (w, p) in zip(data.a + data.b, f + g) {
      dual += w * p
      size += abs(w * p)
    }
    return ExactAnswer(
      value: value, entries: entries, f: f, g: g, isInfeasible: false,
      marginalError: (rows + columns).map { abs($0) }.max().map { $0 / mass } ?? 0,
      violation: violation, gap: size > 0 ? abs(value - dual) / size : 0)
  }

  /// Plan feasible, potentials feasible, values equal: optimal, whatever the method did.
  static func expectOptimal(
    _ answer: ExactAnswer, _ data: Data, tolerance: Double = 1e-13,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(!answer.isInfeasible, sourceLocation: location)
    #expect(answer.marginalError <= 1e-14, sourceLocation: location)
    #expect(answer.violation <= 1e-14, sourceLocation: location)
    #expect(answer.gap <= tolerance, sourceLocation: location)
    #expect(answer.entries.allSatisfy { $0.p > 0 }, sourceLocation: location)
    #expect(answer.entries.count <= data.n + data.m - 1, sourceLocation: location)
    #expect((answer.f + answer.g).allSatisfy { $0.isFinite }, sourceLocation: location)
    let pairs = Set(answer.entries.map { $0.i * data.m + $0.j })
    #expect(pairs.count == answer.entries.count, sourceLocation: location)
  }

  /// Least assignment cost by trying all permutations, n <= 6.
  static func bruteForceAssignment(_ cost: [[Double]]) -> Double {
    var best = Double.infinity
    func extend(_ i: Int, _ used: Int, _ sum: Double) {
      guard i < cost.count else {
        best = min(best, sum)
        return
      }
      for j in 0..<cost.count where used & (1 << j) == 0 {
        extend(i + 1, used | 1 << j, sum + cost[i][j])
      }
    }
    extend(0, 0, 0)
    return best
  }

  /// Least transport cost for whole-number weights, by splitting every point into unit points.
  static func bruteForceTransport(_ cost: [[Double]], _ a: [Int], _ b: [Int]) -> Double {
    let rows = a.indices.flatMap { Array(repeating: $0, count: a[$0]) }
    let columns = b.indices.flatMap { Array(repeating: $0, count: b[$0]) }
    return bruteForceAssignment(rows.map { i in columns.map { cost[i][$0] } })
  }
}
