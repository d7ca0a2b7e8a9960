import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct PointBarycentreTests {
  private struct Data {
    var measures: [[[Double]]]
    var pointWeights: [[Double]]?
    var weights: [Double]?
    var start: [[Double]]?
    var own: [Double]?
    var size: Int?

    func solve(
      _ entry: MethodEntry, _ options: [String: OptionValue] = [:]
    ) throws -> Result {
      let problem = Problem(kind: PointBarycentreKind.kind)
      let points = measures.flatMap { $0 }
      func set(_ name: String, _ numbers: [Double], _ shape: [Int]) throws {
        try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
      }
      try set("points", points.flatMap { $0 }, [points.count, points[0].count])
      try set("counts", measures.map { Double($0.count) }, [measures.count])
      if let pointWeights {
        let flat = pointWeights.flatMap { $0 }
        try set("point_weights", flat, [flat.count])
      }
      if let weights { try set("weights", weights, [weights.count]) }
      if let own { try set("weights_barycentre", own, [own.count]) }
      if let start { try set("points_start", start.flatMap { $0 }, [start.count, start[0].count]) }
      if let size { try problem.set("size", .int(Int64(size))) }
      let settings = Settings(method: entry.spec)
      for (name, value) in options { try settings.set(name, value) }
      return try entry.solve(try problem.seal(), try settings.run(for: entry.spec))
    }
  }

  private func cloud(_ n: Int, _ d: Int, seed: UInt64) -> [[Double]] {
    var state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493
    return (0..<n).map { _ in
      (0..<d).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 33) * 0x1p-31
      }
    }
  }

  private let free = FreeSupportBarycentre.entry
  private let quantiles = QuantileBarycentre.entry

  @Test func translatesMeetAtTheMeanTranslate() throws {
    let base = cloud(25, 2, seed: 1)
    let moves = [[0.0, 0], [3, 1], [-1, 2]]
    let data = Data(
      measures: moves.map { t in base.map { [$0[0] + t[0], $0[1] + t[1]] } },
      weights: [0.2, 0.5, 0.3], start: base)
    let result = try data.solve(free, ["bound": .flag(true)])
    #expect(result.status == .solved)
    let points = try result.array("points").list()
    let expected = base.flatMap { [$0[0] + 1.2, $0[1] + 1.1] }
    #expect(largest(points, expected) < 1e-10)
    // Here the bound is attained: the optimum is global.
    let (value, bound) = (try result.real("objective"), try result.real("lower_bound"))
    #expect(abs(value - bound) < 1e-9)
  }

  @Test func isStationaryAndAboveTheBound() throws {
    let data = Data(
      measures: [cloud(30, 2, seed: 2), cloud(40, 2, seed: 3), cloud(20, 2, seed: 4)], size: 15)
    let result = try data.solve(free, ["bound": .flag(true), "seed": .int(5)])
    #expect(result.status == .solved)
    #expect(try result.real("stationarity") < 1e-7)
    #expect(try result.real("lower_bound") <= (try result.real("objective")))
    let other = try data.solve(free, ["seed": .int(5), "threads": .int(2)])
    #expect(largest(try result.array("points").list(), try other.array("points").list()) == 0)
  }

  @Test func everyIterationIsBetter() throws {
    let data = Data(
      measures: [cloud(30, 3, seed: 12), cloud(30, 3, seed: 13)], size: 30)
    let result = try data.solve(free, ["trace": .flag(true), "seed": .int(3)])
    #expect(result.status == .solved)
    var before = Double.infinity
    for limit in 1...4 {
      let value = try data.solve(free, ["max_iterations": .int(Int64(limit)), "seed": .int(3)])
        .real("objective")
      #expect(value <= before + 1e-12)
      before = value
    }
  }

  @Test func stoppedEarlyIsNotSolved() throws {
    let data = Data(measures: [cloud(30, 2, seed: 6), cloud(30, 2, seed: 7)], size: 10)
    let result = try data.solve(free, ["max_iterations": .int(1), "tolerance": .real(1e-12)])
    #expect(result.status == .iterationLimit)
  }

  @Test func quantilesOfTwoLevels() throws {
    // Masses 1/2, 1/2 at 0, 2 and 1/4, 3/4 at 10, 20: atoms at the levels 1/4 and 1/2.
    let data = Data(
      measures: [[[2], [0]], [[10], [20]]], pointWeights: [[0.5, 0.5], [0.25, 0.75]],
      weights: [0.5, 0.5])
    let result = try data.solve(quantiles)
    #expect(result.status == .solved)
    #expect(try result.array("points").list() == [5, 10, 11])
    #expect(try result.array("weights").list() == [0.25, 0.25, 0.5])
    let value = 0.25 * (0.25 * 100 + 0.25 * 400 + 0.5 * 324)
    #expect(abs(try result.real("objective") - value) < 1e-12)
    #expect(abs(try result.real("lower_bound") - value) < 1e-12)
  }

  @Test func quantilesAreNotBeatenByFreePoints() throws {
    let data = Data(
      measures: [cloud(20, 1, seed: 8), cloud(30, 1, seed: 9), cloud(25, 1, seed: 10)])
    let exact = try data.solve(quantiles)
    #expect(exact.status == .solved)
    var sized = data
    sized.size = 40
    let free = try sized.solve(self.free, ["bound": .flag(true)])
    #expect(try exact.real("objective") <= (try free.real("objective")) + 1e-12)
    // Both find the same lower bound, by different ways.
    #expect(abs(try exact.real("lower_bound") - (try free.real("lower_bound"))) < 1e-12)
  }

  @Test func massScalesTheValue() throws {
    var data = Data(
      measures: [cloud(8, 1, seed: 20), cloud(9, 1, seed: 21)],
      pointWeights: [
        [Double](repeating: 1.0 / 8, count: 8), [Double](repeating: 1.0 / 9, count: 9),
      ])
    let one = try data.solve(quantiles).real("objective")
    data.pointWeights = data.pointWeights?.map { $0.map { 7 * $0 } }
    #expect(abs(try data.solve(quantiles).real("objective") - 7 * one) < 1e-12)
  }

  @Test func derivativeAgreesWithDifferences() throws {
    let data = Data(measures: [cloud(6, 2, seed: 30), cloud(7, 2, seed: 31)], size: 5)
    let options: [String: OptionValue] = ["tolerance": .real(1e-12)]
    let result = try data.solve(free, options)
    let one = Tensor(try Buffer([1.0]), shape: [])
    let answer = try result.vjp(cotangents: ["objective": one], wanted: ["points"])
    let gradient = try #require(answer["points"]).list()
    var start: [[Double]] = []
    let found = try result.array("points").list()
    for i in 0..<5 { start.append([found[2 * i], found[2 * i + 1]]) }
    func value(_ h: Double) throws -> Double {
      var moved = data
      moved.size = nil
      moved.start = start
      moved.measures[1][2][0] += h
      return try moved.solve(free, options).real("objective")
    }
    let slope = (try value(1e-5) - (try value(-1e-5))) / 2e-5
    #expect(abs(slope - gradient[2 * (6 + 2)]) < 1e-7)
  }

  @Test func refusesBadData() {
    let good = Data(measures: [cloud(4, 2, seed: 40), cloud(4, 2, seed: 41)])
    func code(_ data: Data, _ entry: MethodEntry) -> KantorError.Code? {
      do {
        _ = try data.solve(entry)
        return nil
      } catch {
        return (error as? KantorError)?.code
      }
    }
    #expect(code(good, free) == nil)
    #expect(code(good, quantiles) == .unsupported)
    var data = good
    data.own = [0.5, 0.5, 0]
    #expect(code(data, free) == .range)
    data = good
    data.start = [[1.0], [2]]
    #expect(code(data, free) == .shape)
    data = good
    data.size = 0
    #expect(code(data, free) == .range)
    data = good
    data.pointWeights = [[1, 1, 1, 1], [1, 1, 1, 2]]
    #expect(code(data, free) == .range)
    data = good
    data.weights = [1, -1]
    #expect(code(data, free) == .range)
  }
}
