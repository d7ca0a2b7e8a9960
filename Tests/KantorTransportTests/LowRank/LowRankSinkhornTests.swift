import KantorCatalog
import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

@Suite struct LowRankSinkhornTests {
  private struct Sample {
    var x: [Double]
    var y: [Double]
    var d: Int
    var a: [Double]
    var b: [Double]
    var n: Int { a.count }
    var m: Int { b.count }

    /// Clouds of a few separate groups.
    init(_ n: Int, _ m: Int, seed: UInt64, d: Int = 2) {
      var stream = RandomStream(seed: seed, stream: 0)
      func points(_ count: Int, _ shift: Double) -> [Double] {
        (0..<count * d).map { Double($0 / d % 3) * 4 + stream.uniform() + shift }
      }
      x = points(n, 0)
      y = points(m, 0.7)
      self.d = d
      func weights(_ count: Int) -> [Double] {
        let drawn = (0..<count).map { _ in stream.uniform() + 0.2 }
        let total = drawn.reduce(0, +)
        return drawn.map { $0 / total }
      }
      a = weights(n)
      b = weights(m)
    }

    var cost: [Double] {
      var out = [Double](repeating: 0, count: n * m)
      for e in out.indices {
        for k in 0..<d {
          let t = x[e / m * d + k] - y[e % m * d + k]
          out[e] += t * t
        }
      }
      return out
    }

    func problem(dense: Bool, weighted: Bool = true) throws -> Problem {
      let problem = Problem(kind: TransportKind.kind)
      if dense {
        try problem.set("cost", .array(Tensor(try Buffer(cost), shape: [n, m])))
      } else {
        try problem.set("points_source", .array(Tensor(try Buffer(x), shape: [n, d])))
        try problem.set("points_target", .array(Tensor(try Buffer(y), shape: [m, d])))
        try problem.set("metric", .text("sqeuclidean"))
      }
      if weighted {
        try problem.set("weights_source", .array(Tensor(try Buffer(a))))
        try problem.set("weights_target", .array(Tensor(try Buffer(b))))
      }
      return problem
    }
  }

  private func solve(
    _ problem: Problem, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: try Catalog.standard.method("low_rank_sinkhorn").spec)
    for (name, value) in options { try settings.set(name, value) }
    return try Catalog.standard.solve(problem, method: "low_rank_sinkhorn", settings: settings)
  }

  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-10) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  @Test(arguments: [true, false]) func factorsMakeAFeasiblePlan(dense: Bool) throws {
    let sample = Sample(30, 24, seed: 1)
    let result = try solve(try sample.problem(dense: dense), ["rank": .int(4)])
    #expect(result.status == .solved)
    let q = try result.array("factor_source").list()
    let r = try result.array("factor_target").list()
    let g = try result.array("factor_weights").list()
    let plan = try result.array("plan").list()
    var cost = 0.0
    for i in 0..<30 {
      for j in 0..<24 {
        var x = 0.0
        for s in 0..<4 { x += q[i * 4 + s] * r[j * 4 + s] / g[s] }
        #expect(close(plan[i * 24 + j], x) && x >= 0)
        cost += x * sample.cost[i * 24 + j]
      }
      let row = plan[i * 24..<(i + 1) * 24].reduce(0, +)
      #expect(close(row, sample.a[i], 1e-12))
    }
    for j in 0..<24 {
      var column = 0.0
      for i in 0..<30 { column += plan[i * 24 + j] }
      #expect(close(column, sample.b[j], 1e-12))
    }
    let value = try result.real("transport_cost")
    #expect(close(value, cost))
    let exact = try Catalog.standard.solve(try sample.problem(dense: true)).real("objective")
    #expect(value >= exact - 1e-12)
  }

  /// Points and the matrix of their costs are the same problem.
  @Test func pointsAndCostsAgree() throws {
    let sample = Sample(20, 26, seed: 2)
    let one = try solve(try sample.problem(dense: true), ["rank": .int(3)])
    let two = try solve(try sample.problem(dense: false), ["rank": .int(3)])
    let (x, y) = (try one.real("transport_cost"), try two.real("transport_cost"))
    #expect(close(x, y, 1e-2))
  }

  /// A limit, also one that comes after a step too long, leaves the factors of the best step.
  @Test func limitsLeaveTheBestFactors() throws {
    let problem = try Sample(40, 30, seed: 6).problem(dense: true)
    var before = Double.infinity
    for limit in 1...30 as ClosedRange<Int64> {
      let result = try solve(
        problem, ["rank": .int(6), "max_iterations": .int(limit), "tolerance": .real(0)])
      let value = try result.real("transport_cost")
      #expect(value <= before + 1e-9)
      before = value
    }
  }

  /// Costs without structure lead past saddle points, where entries that had died must come back.
  @Test(arguments: 1...16 as ClosedRange<UInt64>) func saddlePointsAreLeft(seed: UInt64) throws {
    var stream = RandomStream(seed: seed, stream: 3)
    let cost = (0..<48 * 48).map { _ in stream.uniform() }
    let problem = Problem(kind: TransportKind.kind)
    try problem.set("cost", .array(Tensor(try Buffer(cost), shape: [48, 48])))
    let result = try solve(problem)
    #expect(result.status == .solved)
  }

  @Test func rankOneIsTheProduct() throws {
    let sample = Sample(7, 5, seed: 3)
    let plan = try solve(try sample.problem(dense: true), ["rank": .int(1)]).array("plan").list()
    for k in plan.indices { #expect(close(plan[k], sample.a[k / 5] * sample.b[k % 5], 1e-13)) }
  }

  /// Three groups far apart: rank 3 already finds which belongs to which.
  @Test func groupsAreFound() throws {
    let sample = Sample(30, 30, seed: 4)
    let three = try solve(try sample.problem(dense: false, weighted: false), ["rank": .int(3)])
    let plan = try three.array("plan").list()
    var inside = 0.0
    for k in plan.indices where k / 30 % 3 == k % 30 % 3 { inside += plan[k] }
    #expect(inside > 0.999)
    let one = try solve(try sample.problem(dense: false, weighted: false), ["rank": .int(1)])
    let (high, low) = (try one.real("transport_cost"), try three.real("transport_cost"))
    #expect(low < 0.5 * high)
  }

  /// The gap bounds what any other factors could gain to first order.
  @Test func gapsAreThoseOfTheLinearisedProblem() throws {
    let sample = Sample(9, 8, seed: 5)
    let result = try solve(
      try sample.problem(dense: true), ["rank": .int(3), "max_iterations": .int(2)])
    let q = try result.array("factor_source").list()
    let r = try result.array("factor_target").list()
    let g = try result.array("factor_weights").list()
    let cost = sample.cost
    var gq = [Double](repeating: 0, count: 9 * 3)
    var gr = [Double](repeating: 0, count: 8 * 3)
    var gg = [Double](repeating: 0, count: 3)
    for i in 0..<9 {
      for j in 0..<8 {
        for s in 0..<3 {
          gq[i * 3 + s] += cost[i * 8 + j] * r[j * 3 + s] / g[s]
          gr[j * 3 + s] += cost[i * 8 + j] * q[i * 3 + s] / g[s]
        }
      }
    }
    for i in 0..<9 { for s in 0..<3 { gg[s] -= q[i * 3 + s] * gq[i * 3 + s] / g[s] } }
    func dot(_ x: [Double], _ y: [Double]) -> Double {
      var sum = 0.0
      for k in x.indices { sum += x[k] * y[k] }
      return sum
    }
    func slope(_ q: [Double], _ r: [Double], _ g: [Double]) -> Double {
      dot(q, gq) + dot(r, gr) + dot(g, gg)
    }
    func spread(_ weights: [Double], _ shares: [Double]) -> [Double] {
      var out: [Double] = []
      for x in weights { for share in shares { out.append(x * share) } }
      return out
    }
    let here = slope(q, r, g)
    let gap = try result.real("gap")
    // Feasible factors: all weight on one group, or shared by any proportions.
    let all: [[Double]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.5, 0.3]]
    for shares in all {
      let other = slope(spread(sample.a, shares), spread(sample.b, shares), shares)
      #expect(here - other <= gap + 1e-10)
    }
    #expect(gap >= -1e-12)
  }

  @Test func derivativesAgreeWithDifferences() throws {
    let sample = Sample(12, 10, seed: 6)
    let options: [String: OptionValue] = [
      "rank": .int(3), "tolerance": .real(1e-9), "max_iterations": .int(20000),
    ]
    let result = try solve(try sample.problem(dense: false), options)
    let one = Tensor(try Buffer([1.0]), shape: [])
    let gradients = try result.vjp(
      cotangents: ["objective": one], wanted: ["points_source", "points_target"])
    let gradient = try #require(try gradients["points_source"]?.list())
    for k in [0, 5, 17] {
      var values: [Double] = []
      for t in [1e-4, -1e-4] {
        var moved = sample
        moved.x[k] += t
        values.append(try solve(try moved.problem(dense: false), options).real("objective"))
      }
      #expect(close((values[0] - values[1]) / 2e-4, gradient[k], 1e-3))
    }
  }

  @Test func seedsAndThreads() throws {
    let sample = Sample(40, 30, seed: 7)
    let problem = try sample.problem(dense: false)
    let one = try solve(problem, ["seed": .int(3), "threads": .int(1)])
    let again = try solve(problem, ["seed": .int(3), "threads": .int(1)])
    #expect(try one.real("objective") == again.real("objective"))
    let two = try solve(problem, ["seed": .int(3), "threads": .int(2)])
    let (x, y) = (try one.real("objective"), try two.real("objective"))
    #expect(close(x, y, 1e-3))
  }

  @Test func forbiddenPairsAreRefused() throws {
    let problem = Problem(kind: TransportKind.kind)
    try problem.set("cost", .array(Tensor(try Buffer([0, Double.infinity, 1, 0]), shape: [2, 2])))
    let code = failure { () throws(KantorError) in
      do { _ = try solve(problem) } catch let e as KantorError { throw e } catch {}
    }
    #expect(code == .unsupported)
  }
}
