import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

private func cloud(_ n: Int, _ d: Int, seed: UInt64, shift: Double = 0) -> [[Double]] {
  var random = RandomStream(seed: seed)
  return (0..<n).map { _ in (0..<d).map { _ in random.uniform() + shift } }
}

/// Weights of sum 1, some of them 0.
private func weights(_ n: Int, seed: UInt64) -> [Double] {
  var random = RandomStream(seed: seed)
  let raw = (0..<n).map { $0 % 7 == 0 ? 0 : 0.2 + random.uniform() }
  let total = raw.reduce(0, +)
  return raw.map { $0 / total }
}

@Suite struct NearPairsTests {
  @Test(arguments: [("sqeuclidean", 0.0005), ("l1", 0.01), ("euclidean", 0.01), ("power", 0.001)])
  func nothingAboveTheCutIsMissing(metric: String, epsilon: Double) throws {
    var data = EntropicData()
    (data.x, data.y, data.metric) = (cloud(500, 2, seed: 1), cloud(401, 2, seed: 2), metric)
    data.power = 1.5
    let problem = try #require(try data.problem().seal() as? TransportProblem)
    var random = RandomStream(seed: 3)
    let (phi, gamma) = (try Buffer<Double>(count: 500), try Buffer<Double>(count: 401))
    for i in 0..<500 { phi[i] = i % 9 == 0 ? -.infinity : random.uniform() + 5 * data.x[i][0] }
    for j in 0..<401 { gamma[j] = j % 7 == 0 ? -.infinity : random.uniform() - 5 * data.y[j][0] }
    let cut = -12.0
    let near = try #require(
      try NearPairs(
        problem.geometry, phi: phi, gamma: gamma, epsilon: epsilon, cut: cut, leastPairs: 0))
    let costs = data.costs
    var wanted = Set<Int>()
    for i in 0..<500 {
      for j in 0..<401 where phi[i] + gamma[j] - costs[i][j] / epsilon > cut {
        wanted.insert(i * 401 + j)
      }
    }
    let (number, stack) = (try Buffer<Int32>(count: 401), try Buffer<Int>(count: NodeWalk.depth))
    var found = Set<Int>()
    for group in 0..<near.groupCount {
      let count = near.targets(group, number.pointer, isOrdered: true, stack: stack.pointer)
      for k in 1..<max(count, 1) { #expect(number[k - 1] < number[k]) }
      for i in near.sources(group) {
        for k in 0..<count { found.insert(Int(i) * 401 + Int(number[k])) }
      }
    }
    #expect(wanted.isSubset(of: found))
    #expect(!wanted.isEmpty && found.count < 500 * 401 / 2)
  }

  @Test func tellsNothingOfDirectionsOrSmallClouds() throws {
    var data = EntropicData()
    (data.x, data.y) = (cloud(50, 2, seed: 1), cloud(40, 2, seed: 2))
    for (metric, least) in [("cosine", 0), ("sqeuclidean", NearPairs.leastPairs)] {
      data.metric = metric
      let problem = try #require(try data.problem().seal() as? TransportProblem)
      let near = try NearPairs(
        problem.geometry, phi: try Buffer(count: 50), gamma: try Buffer(count: 40), epsilon: 0.01,
        cut: -12, leastPairs: least)
      #expect(near == nil)
    }
  }
}

/// Clouds just large enough for near pairs alone, against all pairs.
@Suite struct NearPairsOfResults {
  private static let size = 2100

  private func solved(
    epsilon: Double, tolerance: Double, threshold: Double = 0, hasWeights: Bool = true,
    metric: String = "sqeuclidean"
  ) throws -> (data: EntropicData, result: Result) {
    var data = EntropicData()
    (data.x, data.y) = (cloud(Self.size, 2, seed: 11), cloud(Self.size, 2, seed: 12, shift: 0.3))
    (data.metric, data.power) = (metric, 1.5)
    if hasWeights {
      data.a = weights(Self.size, seed: 13).map { 3 * $0 }
      data.b = weights(Self.size, seed: 14).map { 3 * $0 }
    }
    let result = try data.solve(
      Sinkhorn.entry,
      [
        "epsilon": .real(epsilon), "tolerance": .real(tolerance),
        "plan_threshold": .real(threshold),
      ])
    #expect(result.status == .solved)
    return (data, result)
  }

  @Test func entriesAndMapAreThoseOfTheWholePlan() throws {
    let threshold = 1e-6
    let (data, result) = try solved(epsilon: 0.004, tolerance: 1e-9, threshold: threshold)
    let plan = try result.values("plan")
    let wanted = plan.indices.filter { plan[$0] > threshold }
    let rows = try result.array("plan_row").list()
    let columns = try result.array("plan_column").list()
    let places = zip(rows, columns).map { Int($0) * Self.size + Int($1) }
    #expect(places == wanted)
    #expect(largestDifference(try result.values("plan_value"), wanted.map { plan[$0] }) < 1e-15)
    let map = try result.values("barycentric_map")
    for i in 0..<Self.size {
      var (sum, mean) = (0.0, [0.0, 0.0])
      for j in 0..<Self.size {
        let p = plan[i * Self.size + j]
        sum += p
        for k in 0..<2 { mean[k] += p * data.y[j][k] }
      }
      for k in 0..<2 where sum > 0 { #expect(abs(map[2 * i + k] - mean[k] / sum) < 1e-9) }
      #expect(map[2 * i].isNaN == (sum == 0))
    }
  }

  /// A cotangent of the plan, here of zeros, lets the product look at all pairs.
  @Test(arguments: [
    ("sqeuclidean", 0.02), ("sqeuclidean", 0.004), ("euclidean", 0.05), ("l1", 0.05),
    ("power", 0.03),
  ])
  func gradientsAreThoseOfAllPairs(metric: String, epsilon: Double) throws {
    let (_, result) = try solved(epsilon: epsilon, tolerance: 1e-9, metric: metric)
    let fields = ["points_source", "points_target", "weights_source", "weights_target"]
    var random = RandomStream(seed: 5)
    let potential = try Buffer<Double>(count: Self.size)
    for i in 0..<Self.size { potential[i] = (random.uniform() - 0.5) / Double(Self.size) }
    var cotangents = [
      "objective": Tensor(try Buffer([1.0]), shape: []),
      "transport_cost": Tensor(try Buffer([0.5]), shape: []),
      "potential_target": Tensor(potential),
    ]
    let near = try result.vjp(cotangents: cotangents, wanted: fields)
    let none = try Buffer<Double>(count: Self.size * Self.size)
    cotangents["plan"] = Tensor(none, shape: [Self.size, Self.size])
    let all = try result.vjp(cotangents: cotangents, wanted: fields)
    for field in fields {
      let (found, wanted) = (try #require(near[field]).list(), try #require(all[field]).list())
      let size = wanted.reduce(0) { max($0, abs($1)) }
      #expect(largestDifference(found, wanted) < 1e-7 * size, "\(field)")
    }
  }

  @Test func gradientOfTheValueIsItsSlope() throws {
    let (data, result) = try solved(epsilon: 0.02, tolerance: 1e-9, hasWeights: false)
    let one = Tensor(try Buffer([1.0]), shape: [])
    let gradient = try #require(
      try result.vjp(cotangents: ["objective": one], wanted: ["points_source"])["points_source"]
    ).list()
    var random = RandomStream(seed: 6)
    let direction = data.x.map { $0.map { _ in random.uniform() } }
    let values = try [1e-4, -1e-4].map { step in
      var moved = data
      for i in 0..<Self.size { for k in 0..<2 { moved.x[i][k] += step * direction[i][k] } }
      return try moved.solve(
        Sinkhorn.entry, ["epsilon": .real(0.02), "tolerance": .real(1e-9)], start: result
      ).real("objective")
    }
    let slope = (values[0] - values[1]) / 2e-4
    let product = zip(gradient, direction.flatMap { $0 }).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(product - slope) < 1e-6 * abs(slope))
  }
}
