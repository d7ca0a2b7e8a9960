import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct SinkhornDivergenceTests {
  @Test(arguments: [5.0, 0.1, 0.01]) func shiftOfACloud(epsilon: Double) throws {
    var data = EntropicProblems.points(60, 60, 2, seed: 40)
    data.y = data.x.map { [$0[0] + 0.3, $0[1] - 0.7] }
    data.b = data.a
    let result = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(epsilon)])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - 0.58) < 1e-8)
  }

  @Test(arguments: ["sqeuclidean", "euclidean", "l1", "cosine"])
  func zeroBetweenEqualMeasuresAndPositiveElse(metric: String) throws {
    var data = EntropicProblems.points(30, 40, 3, seed: 41, metric: metric)
    #expect(
      try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.05)]).real("objective") > 1e-4)
    (data.y, data.b) = (data.x, data.a)
    let zero = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.05)])
    #expect(zero.status == .solved)
    #expect(abs(try zero.real("objective")) < 1e-9)
  }

  @Test func equalsTheThreeValues() throws {
    let data = EntropicProblems.points(25, 35, 2, seed: 42)
    let own = EntropicData(x: data.x, y: data.x, a: data.a, b: data.a)
    let other = EntropicData(x: data.y, y: data.y, a: data.b, b: data.b)
    let result = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.04)])
    let plain = PlainSinkhorn(data, epsilon: 0.04)
    let within = PlainSinkhorn(own, epsilon: 0.04)
    let beyond = PlainSinkhorn(other, epsilon: 0.04)
    let expected = plain.value - 0.5 * (within.value + beyond.value)
    #expect(abs(try result.real("objective") - expected) < 1e-9)
    let f = zip(plain.f, within.f).map { $0 - $1 }
    #expect(largestDifference(try result.values("potential_source"), f) < 1e-7)
    let gap = try result.real("gap")
    #expect(gap >= 0 && gap < 1e-8)
  }

  @Test func denseCostsEqualPoints() throws {
    let points = EntropicProblems.points(18, 22, 2, seed: 43)
    let data = EntropicData(
      cost: points.costs, a: points.a, b: points.b,
      costSource: EntropicData(x: points.x, y: points.x).costs,
      costTarget: EntropicData(x: points.y, y: points.y).costs)
    let one = try points.solve(SinkhornDivergence.entry, ["epsilon": .real(0.05)])
    let two = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.05)])
    let difference = abs(try one.real("objective") - (try two.real("objective")))
    #expect(difference < 1e-9)
  }

  @Test func denseCostsNeedTheCostsWithin() throws {
    let data = EntropicProblems.dense(5, 5, seed: 44)
    do {
      _ = try data.solve(SinkhornDivergence.entry)
      Issue.record("a divergence without cost_source was solved")
    } catch let error as KantorError {
      #expect(error.code == .missing)
    }
  }

  /// An indefinite kernel, and one that is not even symmetric, still give certified answers.
  @Test func costsWithoutAPositiveKernel() throws {
    var data = EntropicProblems.dense(12, 12, seed: 45)
    data.costSource = (0..<12).map { i in (0..<12).map { ($0 + i) % 2 == 0 ? 1 : 0 } }
    data.costTarget = EntropicProblems.dense(12, 12, seed: 46).cost
    let result = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.1)])
    #expect(result.status == .solved, "\(result.message)")
  }

  @Test func massScalesTheValue() throws {
    var data = EntropicProblems.points(20, 20, 2, seed: 47)
    let one = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.1)])
    data.a = data.a?.map { $0 * 5 }
    data.b = data.b?.map { $0 * 5 }
    let five = try data.solve(SinkhornDivergence.entry, ["epsilon": .real(0.1)])
    let difference = abs(try five.real("objective") - 5 * (try one.real("objective")))
    #expect(difference < 1e-8)
  }

  @Test func iterationLimit() throws {
    let data = EntropicProblems.points(50, 50, 2, seed: 48)
    let result = try data.solve(
      SinkhornDivergence.entry, ["epsilon": .real(0.001), "max_iterations": .int(3)])
    #expect(result.status == .iterationLimit)
  }
}
