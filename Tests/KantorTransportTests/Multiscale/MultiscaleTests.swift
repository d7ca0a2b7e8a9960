import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

private let entry = MultiscaleSinkhorn.entry

private func cloud(_ n: Int, _ d: Int, seed: UInt64, shift: Double = 0) -> [[Double]] {
  var random = RandomStream(seed: seed)
  return (0..<n).map { _ in (0..<d).map { _ in random.uniform() + shift } }
}

private func weights(_ n: Int, seed: UInt64) -> [Double] {
  var random = RandomStream(seed: seed)
  let raw = (0..<n).map { $0 % 7 == 0 ? 0 : 0.2 + random.uniform() }
  let total = raw.reduce(0, +)
  return raw.map { $0 / total }
}

@Suite struct MultiscaleAnswers {
  /// Large enough for two clouds, small enough for the check over all pairs.
  @Test(arguments: ["sqeuclidean", "l1", "euclidean"])
  func equalsSweepsOverAllPairs(metric: String) throws {
    var data = EntropicData()
    (data.x, data.y, data.metric) = (cloud(4700, 2, seed: 1), cloud(4300, 2, seed: 2), metric)
    let epsilon = metric == "sqeuclidean" ? 0.005 : 0.05
    let result = try data.solve(entry, ["epsilon": .real(epsilon), "tolerance": .real(1e-8)])
    let other = try data.solve(
      Sinkhorn.entry, ["epsilon": .real(epsilon), "tolerance": .real(1e-8)])
    #expect(result.status == .solved)
    #expect(try result.int("levels") == 2)
    let share = try result.real("pair_share")
    #expect(metric == "euclidean" ? share <= 1 : share < 1)
    let (value, wanted) = (try result.real("objective"), try other.real("objective"))
    #expect(abs(value - wanted) < 1e-8)
    let (f, g) = (try result.values("potential_source"), try other.values("potential_source"))
    #expect(largestDifference(f, g) < 1e-3 * epsilon)
  }

  @Test func weightsWithoutMassAndOtherMasses() throws {
    var data = EntropicData()
    (data.x, data.y) = (cloud(4500, 3, seed: 3), cloud(5000, 3, seed: 4, shift: 0.5))
    data.a = weights(4500, seed: 5).map { 8 * $0 }
    data.b = weights(5000, seed: 6).map { 8 * $0 }
    let result = try data.solve(entry, ["epsilon": .real(0.05)])
    #expect(result.status == .solved)
    #expect(try result.real("marginal_residual") <= 1e-6)
    #expect(try result.real("dual_objective") <= (try result.real("objective")) + 1e-4)
    let again = try data.solve(entry, ["epsilon": .real(0.05)], start: result)
    #expect(again.status == .solved)
    #expect(try again.int("levels") == 1)
  }

  /// Below a thousand points there is one cloud only.
  @Test func fewPoints() throws {
    var data = EntropicData()
    (data.x, data.y) = (cloud(30, 2, seed: 7), cloud(20, 2, seed: 8))
    let result = try data.solve(entry, ["epsilon": .real(0.1), "tolerance": .real(1e-10)])
    #expect(result.status == .solved)
    let plain = PlainSinkhorn(data, epsilon: 0.1, sweeps: 5000)
    #expect(abs(try result.real("objective") - plain.value) < 1e-9)
  }

  @Test func refusesCostMatrices() throws {
    let data = EntropicData(cost: [[0, 1], [1, 0]])
    let problem = try data.problem().seal()
    let run = try Settings(method: entry.spec).run(for: entry.spec)
    let refusal = error { () throws(KantorError) in _ = try entry.solve(problem, run) }
    #expect(refusal?.code == .unsupported)
    #expect(refusal?.message.contains("needs points") == true)
  }
}
