import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct NetworkSimplexTests {
  typealias Data = ExactProblems.Data

  private func solve(_ data: Data) throws -> ExactAnswer {
    try ExactProblems.solve(NetworkSimplex.self, data)
  }

  private func expectOptimal(
    _ data: Data, tolerance: Double = 1e-13, _ location: SourceLocation = #_sourceLocation
  ) throws {
    ExactProblems.expectOptimal(try solve(data), data, tolerance: tolerance, location)
  }

  // MARK: Known answers

  @Test func identityOfTwoPoints() throws {
    let answer = try solve(Data(cost: [[0, 1], [1, 0]], a: [0.5, 0.5], b: [0.5, 0.5]))
    #expect(answer.value == 0)
    #expect(answer.entries.map { $0.i * 2 + $0.j }.sorted() == [0, 3])
    #expect(answer.entries.allSatisfy { $0.p == 0.5 })
  }

  @Test func constantCost() throws {
    var random = RandomStream(seed: 2)
    let data = Data(
      cost: Array(repeating: Array(repeating: 3.5, count: 9), count: 7),
      a: ExactProblems.weights(7, &random), b: ExactProblems.weights(9, &random))
    let answer = try solve(data)
    ExactProblems.expectOptimal(answer, data)
    #expect(abs(answer.value - 3.5) < 1e-14)
  }

  @Test func separableCost() throws {
    var random = RandomStream(seed: 3)
    let (u, v) = ((0..<8).map { _ in random.uniform() }, (0..<5).map { _ in random.uniform() })
    let data = Data(
      cost: u.map { x in v.map { x + $0 } }, a: ExactProblems.weights(8, &random),
      b: ExactProblems.weights(5, &random))
    let expected = zip(data.a + data.b, u + v).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(try solve(data).value - expected) < 1e-14)
  }

  @Test func diracToDirac() throws {
    let n = 12
    let cost = (0..<n).map { i in (0..<n).map { Double(abs(i - $0)) } }
    var a = Array(repeating: 0.0, count: n)
    var b = a
    (a[0], b[n - 1]) = (1, 1)
    let data = Data(cost: cost, a: a, b: b)
    let answer = try solve(data)
    ExactProblems.expectOptimal(answer, data)
    #expect(answer.value == Double(n - 1))
  }

  @Test(arguments: 0..<30) func integersAgainstBruteForce(seed: Int) throws {
    var random = RandomStream(seed: UInt64(seed), stream: 9)
    let total = 6
    func split(_ parts: Int) -> [Int] {
      var weights = Array(repeating: 0, count: parts)
      for _ in 0..<total { weights[random.index(below: parts)] += 1 }
      return weights
    }
    let (a, b) = (split(1 + random.index(below: 6)), split(1 + random.index(below: 6)))
    let cost = a.map { _ in b.map { _ in Double(random.index(below: 21)) - 10 } }
    let data = Data(cost: cost, a: a.map(Double.init), b: b.map(Double.init))
    let answer = try solve(data)
    ExactProblems.expectOptimal(answer, data)
    #expect(abs(answer.value - ExactProblems.bruteForceTransport(cost, a, b)) < 1e-12)
  }

  // MARK: Random problems of every size, certified by duality

  @Test(arguments: [
    (1, 1), (1, 40), (40, 1), (2, 3), (17, 23), (64, 64), (64, 65), (130, 40), (40, 300),
  ])
  func randomShapes(n: Int, m: Int) throws {
    var random = RandomStream(seed: UInt64(1000 * n + m))
    try expectOptimal(
      Data(
        cost: ExactProblems.uniformCosts(n, m, &random), a: ExactProblems.weights(n, &random),
        b: ExactProblems.weights(m, &random)))
  }

  /// Large enough for the entropic start and lists of candidates.
  @Test(arguments: [1, 2, 5]) func pointClouds(dimension: Int) throws {
    var random = RandomStream(seed: 11, stream: UInt64(dimension))
    let x = ExactProblems.points(300, dimension, &random)
    let y = ExactProblems.points(280, dimension, &random)
    try expectOptimal(
      Data(
        cost: ExactProblems.squaredDistances(x, y), a: ExactProblems.weights(300, &random),
        b: ExactProblems.weights(280, &random)))
  }

  @Test(arguments: 0..<40) func fuzzWithZeroWeights(seed: Int) throws {
    var random = RandomStream(seed: UInt64(seed), stream: 4)
    let (n, m) = (1 + random.index(below: 40), 1 + random.index(below: 40))
    try expectOptimal(
      Data(
        cost: ExactProblems.uniformCosts(n, m, &random),
        a: ExactProblems.weights(n, &random, zeros: 0.4),
        b: ExactProblems.weights(m, &random, zeros: 0.4)))
  }

  @Test func zeroWeightsInALargeProblem() throws {
    var random = RandomStream(seed: 77)
    let x = ExactProblems.points(150, 2, &random)
    let y = ExactProblems.points(170, 2, &random)
    try expectOptimal(
      Data(
        cost: ExactProblems.squaredDistances(x, y),
        a: ExactProblems.weights(150, &random, zeros: 0.5),
        b: ExactProblems.weights(170, &random, zeros: 0.5)))
  }

  // MARK: Degeneracy

  @Test func totallyDegenerate() throws {
    var random = RandomStream(seed: 10)
    let n = 200
    let cost = (0..<n).map { _ in (0..<n).map { _ in Double(random.index(below: 2)) } }
    let weights = Array(repeating: 1.0 / Double(n), count: n)
    let data = Data(cost: cost, a: weights, b: weights)
    let answer = try solve(data)
    ExactProblems.expectOptimal(answer, data)
    #expect(answer.entries.count == n)
    #expect(answer.entries.allSatisfy { abs($0.p - 1 / Double(n)) < 1e-16 })
    #expect(abs(answer.value) < 1e-15)
  }

  @Test func identicalCosts() throws {
    let n = 150
    let weights = Array(repeating: 1.0 / Double(n), count: n)
    try expectOptimal(
      Data(cost: Array(repeating: Array(repeating: 1, count: n), count: n), a: weights, b: weights))
  }

  @Test func duplicatedPoints() throws {
    var random = RandomStream(seed: 12)
    let distinct = ExactProblems.points(20, 2, &random)
    let x = (0..<160).map { _ in distinct[random.index(below: 20)] }
    let y = (0..<160).map { _ in distinct[random.index(below: 20)] }
    try expectOptimal(
      Data(
        cost: ExactProblems.squaredDistances(x, y), a: Array(repeating: 1 / 160, count: 160),
        b: Array(repeating: 1 / 160, count: 160)))
  }

  // MARK: Extreme numbers

  @Test(arguments: [40, 120]) func weightsOfAllSizes(n: Int) throws {
    var random = RandomStream(seed: 13)
    let w = (0..<n).map { k -> Double in
      var value = 1.0
      for _ in 0..<(300 * k / (n - 1)) { value /= 10 }
      return value
    }
    try expectOptimal(
      Data(cost: ExactProblems.uniformCosts(n, n, &random), a: w, b: w.reversed()))
  }

  @Test(arguments: [30, 100]) func costsTwelveOrdersApart(n: Int) throws {
    var random = RandomStream(seed: 14)
    let cost = (0..<n).map { _ in
      (0..<n).map { _ in random.uniform() * (random.index(below: 3) == 0 ? 1 : 1e12) }
    }
    try expectOptimal(
      Data(
        cost: cost, a: ExactProblems.weights(n, &random), b: ExactProblems.weights(n, &random)),
      tolerance: 1e-12)
  }

  @Test(arguments: [1e-200, 1e-30, 1e30, 1e200]) func scaledCosts(scale: Double) throws {
    var random = RandomStream(seed: 15)
    let cost = ExactProblems.uniformCosts(90, 90, &random)
    let (a, b) = (ExactProblems.weights(90, &random), ExactProblems.weights(90, &random))
    let plain = try solve(Data(cost: cost, a: a, b: b))
    let data = Data(cost: cost.map { $0.map { $0 * scale } }, a: a, b: b)
    let scaled = try solve(data)
    ExactProblems.expectOptimal(scaled, data)
    #expect(abs(scaled.value / scale - plain.value) < 1e-13)
  }

  @Test func negativeAndShiftedCosts() throws {
    var random = RandomStream(seed: 16)
    let cost = ExactProblems.uniformCosts(80, 70, &random)
    let (a, b) = (ExactProblems.weights(80, &random), ExactProblems.weights(70, &random))
    let plain = try solve(Data(cost: cost, a: a, b: b))
    let data = Data(cost: cost.map { $0.map { $0 - 1000 } }, a: a, b: b)
    let shifted = try solve(data)
    ExactProblems.expectOptimal(shifted, data)
    #expect(abs(shifted.value + 1000 - plain.value) < 1e-10)
  }

  // MARK: Forbidden pairs

  @Test func forbiddenPairsAreAvoided() throws {
    var random = RandomStream(seed: 17)
    for n in [5, 20, 100] {
      var cost = ExactProblems.uniformCosts(n, n, &random)
      for i in 0..<n {
        for j in 0..<n where i != j && (i + 1) % n != j && random.uniform() < 0.7 {
          cost[i][j] = .infinity
        }
      }
      let weights = Array(repeating: 1 / Double(n), count: n)
      try expectOptimal(Data(cost: cost, a: weights, b: weights))
    }
  }

  /// Only one plan is possible, and it needs long detours over dear pairs to be found.
  @Test(arguments: [10, 90]) func onlyAStaircaseIsAllowed(n: Int) throws {
    var cost = Array(repeating: Array(repeating: Double.infinity, count: n), count: n)
    for i in 0..<n {
      cost[i][i] = 1000
      if i > 0 { cost[i][i - 1] = 0 }
    }
    let weights = Array(repeating: 1 / Double(n), count: n)
    let data = Data(cost: cost, a: weights, b: weights)
    let answer = try solve(data)
    ExactProblems.expectOptimal(answer, data)
    #expect(abs(answer.value - 1000) < 1e-9)
  }

  @Test(arguments: [4, 30, 100]) func infeasibilityIsProved(n: Int) throws {
    var random = RandomStream(seed: UInt64(n))
    var cost = ExactProblems.uniformCosts(n, n, &random)
    // Half of the rows and one more reach half of the columns only.
    for i in 0...(n / 2) {
      for j in (n / 2)..<n { cost[i][j] = .infinity }
    }
    let weights = Array(repeating: 1 / Double(n), count: n)
    let data = Data(cost: cost, a: weights, b: weights)
    let problem = try data.problem()
    let proposal = try NetworkSimplex.propose(
      problem, Settings.defaultRun(for: NetworkSimplex.spec))
    guard case .infeasible = proposal.plan else {
      Issue.record("a plan was returned")
      return
    }
    #expect(
      try InfeasibilityCheck.holds(problem, f: proposal.f.pointer, g: proposal.g.pointer))
  }

  @Test func aRowWithoutAnyPair() throws {
    let data = Data(
      cost: [[1, 2], [.infinity, .infinity]], a: [0.5, 0.5], b: [0.5, 0.5])
    #expect(try solve(data).isInfeasible)
    let empty = Data(cost: data.cost, a: [1, 0], b: [0.5, 0.5])
    let answer = try solve(empty)
    #expect(!answer.isInfeasible)
    #expect(answer.value == 1.5)
    #expect(answer.gap < 1e-15)
  }

  // MARK: Symmetries and geometries

  @Test(arguments: [12, 90]) func transposing(n: Int) throws {
    var random = RandomStream(seed: 19)
    let data = Data(
      cost: ExactProblems.uniformCosts(n, n + 7, &random), a: ExactProblems.weights(n, &random),
      b: ExactProblems.weights(n + 7, &random))
    let (one, other) = (try solve(data), try solve(data.transposed))
    #expect(abs(one.value - other.value) < 1e-14)
    let m = n + 7
    #expect(
      Set(one.entries.map { $0.i * m + $0.j }) == Set(other.entries.map { $0.j * m + $0.i }))
  }

  @Test(arguments: [Metric.sqeuclidean, .euclidean, .l1, .power])
  func pointsAndTheirCostMatrixAgree(metric: Metric) throws {
    var random = RandomStream(seed: 20)
    let (n, m, d) = (90, 110, 3)
    let x = try Buffer(ExactProblems.points(n, d, &random).flatMap { $0 })
    let y = try Buffer(ExactProblems.points(m, d, &random).flatMap { $0 })
    let geometry = try Geometry.points(
      x: x, n: n, y: y, m: m, dimension: d, metric: metric, power: 1.5)
    let cost = try CheckedCost(geometry)
    let data = Data(
      cost: (0..<n).map { i in (0..<m).map { cost.entry(i, $0) } },
      a: ExactProblems.weights(n, &random), b: ExactProblems.weights(m, &random))
    let problem = try TransportProblem(geometry: geometry, a: Buffer(data.a), b: Buffer(data.b))
    let onTheFly = try ExactProblems.solve(NetworkSimplex.self, data, problem)
    let dense = try solve(data)
    #expect(abs(onTheFly.value - dense.value) < 1e-12)
    #expect(onTheFly.gap < 1e-12)
    #expect(onTheFly.marginalError < 1e-14)
  }

  @Test func singlePrecisionCosts() throws {
    var random = RandomStream(seed: 21)
    let (n, m) = (80, 75)
    let cost = ExactProblems.uniformCosts(n, m, &random).map { $0.map { Double(Float($0)) } }
    let data = Data(
      cost: cost, a: ExactProblems.weights(n, &random), b: ExactProblems.weights(m, &random))
    let singles = try Buffer(cost.flatMap { $0.map(Float.init) })
    let problem = try TransportProblem(
      geometry: .dense(Tensor(singles, shape: [n, m])), a: Buffer(data.a), b: Buffer(data.b))
    let answer = try ExactProblems.solve(NetworkSimplex.self, data, problem)
    ExactProblems.expectOptimal(answer, data)
  }

  // MARK: Limits

  private func largeProblem() throws -> (Data, TransportProblem) {
    var random = RandomStream(seed: 22)
    let x = ExactProblems.points(400, 2, &random)
    let y = ExactProblems.points(400, 2, &random)
    let data = Data(
      cost: ExactProblems.squaredDistances(x, y), a: ExactProblems.weights(400, &random),
      b: ExactProblems.weights(400, &random))
    return (data, try data.problem())
  }

  /// Stopped anywhere, the plan is feasible and its cost no less than the optimum.
  @Test(arguments: [1, 64, 200, 700]) func stoppedByPivots(limit: Int64) throws {
    let (data, problem) = try largeProblem()
    let best = try ExactProblems.solve(NetworkSimplex.self, data).value
    let settings = Settings(method: NetworkSimplex.spec)
    try settings.set("max_iterations", .int(limit))
    let run = try settings.run(for: NetworkSimplex.spec)
    let answer = ExactProblems.judge(try NetworkSimplex.propose(problem, run), data)
    #expect(run.monitor.stop == .iterationLimit)
    #expect(answer.marginalError < 1e-14)
    #expect(answer.value >= best - 1e-12)
    #expect(answer.entries.count <= data.n + data.m - 1)
    #expect((answer.f + answer.g).allSatisfy { $0.isFinite })
  }

  @Test func cancelledBeforeItStarts() throws {
    let (data, problem) = try largeProblem()
    let settings = Settings(method: NetworkSimplex.spec)
    settings.cancel.cancel()
    let run = try settings.run(for: NetworkSimplex.spec)
    let answer = ExactProblems.judge(try NetworkSimplex.propose(problem, run), data)
    #expect(run.monitor.stop == .cancelled)
    #expect(answer.marginalError < 1e-14)
    #expect((answer.f + answer.g).allSatisfy { $0.isFinite })
  }

  @Test func sameBitsTwice() throws {
    let (data, _) = try largeProblem()
    let (one, two) = (try solve(data), try solve(data))
    #expect(one.value == two.value && one.f == two.f && one.g == two.g)
  }
}

extension NetworkSimplexTests {
  /// Threads share the entropic start; the optimum does not depend on them.
  @Test(arguments: [2, 3, 8]) func anyNumberOfThreads(threads: Int64) throws {
    var random = RandomStream(seed: 23)
    let x = ExactProblems.points(250, 2, &random)
    let y = ExactProblems.points(260, 2, &random)
    let data = ExactProblems.Data(
      cost: ExactProblems.squaredDistances(x, y), a: ExactProblems.weights(250, &random),
      b: ExactProblems.weights(260, &random))
    let problem = try data.problem()
    let settings = Settings(method: NetworkSimplex.spec)
    try settings.set("threads", .int(threads))
    var values: [Double] = []
    for _ in 0..<2 {
      let run = try settings.run(for: NetworkSimplex.spec)
      let answer = ExactProblems.judge(try NetworkSimplex.propose(problem, run), data)
      ExactProblems.expectOptimal(answer, data)
      values.append(answer.value)
    }
    #expect(values[0] == values[1])
    let single = try ExactProblems.solve(NetworkSimplex.self, data)
    #expect(abs(values[0] - single.value) < 1e-14)
  }

  /// From the potentials of the same problem the list holds the optimal basis: few pivots are left.
  @Test func warmStart() throws {
    var random = RandomStream(seed: 24)
    let x = ExactProblems.points(200, 2, &random)
    let y = ExactProblems.points(200, 2, &random)
    let data = ExactProblems.Data(
      cost: ExactProblems.squaredDistances(x, y), a: ExactProblems.weights(200, &random),
      b: ExactProblems.weights(200, &random))
    let problem = try data.problem()
    let cold = try NetworkSimplex.propose(
      problem, Settings.defaultRun(for: NetworkSimplex.spec))
    let settings = Settings(method: NetworkSimplex.spec)
    settings.setStart("potential_target", Tensor(cold.g))
    let run = try settings.run(for: NetworkSimplex.spec)
    let warm = try NetworkSimplex.propose(problem, run)
    let (one, two) = (ExactProblems.judge(cold, data), ExactProblems.judge(warm, data))
    ExactProblems.expectOptimal(two, data)
    #expect(abs(one.value - two.value) < 1e-14)
    func pivots(_ proposal: TransportProposal) throws -> Int {
      let field = try #require(proposal.figures.list.first { $0.name == "pivots" })
      guard case .int(let count) = field.value else { return .max }
      return Int(count)
    }
    #expect(try 4 * pivots(warm) < pivots(cold))
    settings.setStart("potential_target", Tensor(try Buffer<Double>(count: 3)))
    let wrong = try settings.run(for: NetworkSimplex.spec)
    #expect(throws: KantorError.self) { try NetworkSimplex.propose(problem, wrong) }
  }
}
