import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct AssignmentTests {
  typealias Data = ExactProblems.Data

  private func uniform(_ cost: [[Double]]) -> Data {
    let weights = Array(repeating: 1 / Double(cost.count), count: cost.count)
    return Data(cost: cost, a: weights, b: weights)
  }

  private func solve(_ cost: [[Double]]) throws -> ExactAnswer {
    try ExactProblems.solve(Assignment.self, uniform(cost))
  }

  /// Optimal by duality, a permutation, and of the same value as the network simplex.
  private func check(
    _ cost: [[Double]], tolerance: Double = 1e-13, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let data = uniform(cost)
    let answer = try solve(cost)
    ExactProblems.expectOptimal(answer, data, tolerance: tolerance, location)
    #expect(answer.entries.count == cost.count, sourceLocation: location)
    #expect(Set(answer.entries.map(\.i)).count == cost.count, sourceLocation: location)
    #expect(Set(answer.entries.map(\.j)).count == cost.count, sourceLocation: location)
    let other = try ExactProblems.solve(NetworkSimplex.self, data)
    let size = abs(answer.value) + abs(other.value)
    #expect(abs(answer.value - other.value) <= tolerance * size, sourceLocation: location)
  }

  @Test(arguments: 1...6, 1...5) func integersAgainstBruteForce(n: Int, seed: Int) throws {
    var random = RandomStream(seed: UInt64(seed), stream: UInt64(n))
    let cost = (0..<n).map { _ in (0..<n).map { _ in Double(random.index(below: 21)) - 10 } }
    let value = try solve(cost).value
    #expect(abs(value * Double(n) - ExactProblems.bruteForceAssignment(cost)) < 1e-12)
  }

  /// The classical case on which greedy choices fail: value 5 for [[4,1,3],[2,0,5],[3,2,2]].
  @Test func textbookMatrix() throws {
    let answer = try solve([[4, 1, 3], [2, 0, 5], [3, 2, 2]])
    #expect(abs(answer.value * 3 - 5) < 1e-14)
    #expect(answer.entries.map { $0.i * 3 + $0.j }.sorted() == [1, 3, 8])
  }

  @Test(arguments: [7, 30, 64, 65, 100, 250]) func independentCosts(n: Int) throws {
    var random = RandomStream(seed: UInt64(n))
    try check(ExactProblems.uniformCosts(n, n, &random))
  }

  @Test(arguments: [20, 150], [1, 2, 16]) func pointClouds(n: Int, dimension: Int) throws {
    var random = RandomStream(seed: UInt64(n), stream: UInt64(dimension))
    try check(
      ExactProblems.squaredDistances(
        ExactProblems.points(n, dimension, &random), ExactProblems.points(n, dimension, &random)))
  }

  @Test(arguments: [60, 200]) func totallyDegenerate(n: Int) throws {
    var random = RandomStream(seed: 5)
    try check((0..<n).map { _ in (0..<n).map { _ in Double(random.index(below: 2)) } })
    try check(Array(repeating: Array(repeating: -2, count: n), count: n))
  }

  @Test(arguments: [40, 120]) func duplicatedPoints(n: Int) throws {
    var random = RandomStream(seed: 6)
    let distinct = ExactProblems.points(7, 2, &random)
    try check(
      ExactProblems.squaredDistances(
        (0..<n).map { _ in distinct[random.index(below: 7)] },
        (0..<n).map { _ in distinct[random.index(below: 7)] }))
  }

  @Test(arguments: [30, 100]) func costsTwelveOrdersApart(n: Int) throws {
    var random = RandomStream(seed: 7)
    try check(
      (0..<n).map { _ in
        (0..<n).map { _ in random.uniform() * (random.index(below: 3) == 0 ? 1 : 1e12) }
      }, tolerance: 1e-12)
  }

  @Test(arguments: [6, 40, 120]) func forbiddenPairsAreAvoided(n: Int) throws {
    var random = RandomStream(seed: 8)
    var cost = ExactProblems.uniformCosts(n, n, &random)
    for i in 0..<n {
      for j in 0..<n where i != j && (i + 1) % n != j && random.uniform() < 0.8 {
        cost[i][j] = .infinity
      }
    }
    try check(cost)
  }

  @Test(arguments: [10, 90]) func onlyOnePermutationIsAllowed(n: Int) throws {
    var cost = Array(repeating: Array(repeating: Double.infinity, count: n), count: n)
    for i in 0..<n {
      cost[i][i] = 1000
      if i > 0 { cost[i][i - 1] = 0 }
    }
    let answer = try solve(cost)
    ExactProblems.expectOptimal(answer, uniform(cost))
    #expect(abs(answer.value - 1000) < 1e-9)
  }

  @Test(arguments: [4, 30, 100]) func infeasibilityIsProved(n: Int) throws {
    var random = RandomStream(seed: UInt64(n))
    var cost = ExactProblems.uniformCosts(n, n, &random)
    for i in 0...(n / 2) {
      for j in (n / 2)..<n { cost[i][j] = .infinity }
    }
    let problem = try uniform(cost).problem()
    let proposal = try Assignment.propose(problem, Settings.defaultRun(for: Assignment.spec))
    guard case .infeasible = proposal.plan else {
      Issue.record("a plan was returned")
      return
    }
    #expect(
      try InfeasibilityCheck.holds(problem, f: proposal.f.pointer, g: proposal.g.pointer))
  }

  @Test func massIsSharedEqually() throws {
    let data = Data(cost: [[0, 3], [3, 1]], a: [2, 2], b: [2, 2])
    let answer = try ExactProblems.solve(Assignment.self, data)
    ExactProblems.expectOptimal(answer, data)
    #expect(answer.value == 2)
  }

  @Test func otherProblemsAreRefused() throws {
    let run = Settings.defaultRun(for: Assignment.spec)
    for data in [
      Data(cost: [[0, 3], [3, 1]], a: [1, 3], b: [2, 2]),
      Data(cost: [[0, 3, 1]], a: [3], b: [1, 1, 1]),
    ] {
      #expect {
        try Assignment.propose(try data.problem(), run)
      } throws: { ($0 as? KantorError)?.code == .unsupported }
    }
  }

  @Test func cancelledRunsStillMatchEverything() throws {
    var random = RandomStream(seed: 9)
    let data = uniform(ExactProblems.uniformCosts(300, 300, &random))
    let settings = Settings(method: Assignment.spec)
    settings.cancel.cancel()
    let run = try settings.run(for: Assignment.spec)
    let answer = ExactProblems.judge(try Assignment.propose(try data.problem(), run), data)
    #expect(run.monitor.stop == .cancelled)
    #expect(answer.marginalError < 1e-15)
    #expect((answer.f + answer.g).allSatisfy { $0.isFinite })
  }

  @Test(arguments: [12, 100]) func warmStart(n: Int) throws {
    var random = RandomStream(seed: UInt64(n), stream: 3)
    let x = ExactProblems.points(n, 2, &random)
    let data = uniform(
      ExactProblems.squaredDistances(x, ExactProblems.points(n, 2, &random)))
    let cold = try ExactProblems.solve(Assignment.self, data)
    let settings = Settings(method: Assignment.spec)
    settings.setStart("potential_target", Tensor(try Buffer(cold.g)))
    let run = try settings.run(for: Assignment.spec)
    let warm = ExactProblems.judge(try Assignment.propose(try data.problem(), run), data)
    ExactProblems.expectOptimal(warm, data)
    #expect(abs(warm.value - cold.value) < 1e-14)
  }
}
