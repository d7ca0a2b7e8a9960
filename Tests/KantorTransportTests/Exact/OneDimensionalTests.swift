import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct OneDimensionalTests {
  typealias Data = ExactProblems.Data

  private func problem(
    _ x: [Double], _ y: [Double], _ a: [Double]?, _ b: [Double]?, _ metric: Metric = .sqeuclidean,
    power: Double = 2
  ) throws -> TransportProblem {
    try TransportProblem(
      geometry: .points(
        x: Buffer(x), n: x.count, y: Buffer(y), m: y.count, dimension: 1, metric: metric,
        power: power), a: a.map { (w) in try Buffer(w) }, b: b.map { (w) in try Buffer(w) })
  }

  private func cost(_ x: [Double], _ y: [Double], _ p: Double) -> [[Double]] {
    func h(_ d: Double) -> Double { p == 1 ? abs(d) : p == 2 ? d * d : pow(abs(d), p) }
    return x.map { s in y.map { h(s - $0) } }
  }

  private func metric(_ p: Double) -> Metric { p == 1 ? .l1 : p == 2 ? .sqeuclidean : .power }

  @Test(arguments: [1.0, 1.5, 2, 3]) func agreesWithTheNetworkSimplex(p: Double) throws {
    var random = RandomStream(seed: 31)
    for (n, m) in [(1, 1), (1, 9), (9, 1), (7, 12), (60, 60), (130, 90)] {
      let x = (0..<n).map { _ in 4 * random.uniform() - 2 }
      let y = (0..<m).map { _ in 4 * random.uniform() - 2 }
      let data = Data(
        cost: cost(x, y, p), a: ExactProblems.weights(n, &random, zeros: 0.2),
        b: ExactProblems.weights(m, &random, zeros: 0.2))
      let line = try problem(x, y, data.a, data.b, metric(p), power: p)
      let answer = try ExactProblems.solve(OneDimensional.self, data, line)
      ExactProblems.expectOptimal(answer, data)
      let other = try ExactProblems.solve(NetworkSimplex.self, data)
      #expect(abs(answer.value - other.value) <= 1e-12 * max(1, other.value))
    }
  }

  @Test func uniformWeightsPairSortedPoints() throws {
    let answer = try ExactProblems.solve(
      OneDimensional.self,
      Data(cost: cost([3, 1, 2], [10, 30, 20], 2), a: [1, 1, 1], b: [1, 1, 1]),
      problem([3, 1, 2], [10, 30, 20], [1, 1, 1], [1, 1, 1]))
    #expect(answer.entries.map { $0.i * 3 + $0.j } == [3, 8, 1])
    #expect(answer.entries.allSatisfy { $0.p == 1 })
  }

  @Test func shiftedCopy() throws {
    var random = RandomStream(seed: 32)
    let x = (0..<50).map { _ in random.uniform() }
    let data = Data(
      cost: cost(x, x.map { $0 + 0.75 }, 2), a: Array(repeating: 0.02, count: 50),
      b: Array(repeating: 0.02, count: 50))
    let answer = try ExactProblems.solve(
      OneDimensional.self, data, problem(x, x.map { $0 + 0.75 }, data.a, data.b))
    #expect(abs(answer.value - 0.5625) < 1e-14)
    #expect(answer.entries.allSatisfy { $0.i == $0.j })
  }

  @Test func absoluteDifferencesGiveTheAreaBetweenDistributions() throws {
    // 0, 1 against 2, 5 with weights (1/4, 3/4) and (1/2, 1/2): quantiles differ by
    // 2 on [0, 1/4], 1 on [1/4, 1/2], 4 on [1/2, 1].
    let answer = try ExactProblems.solve(
      OneDimensional.self, Data(cost: cost([0, 1], [2, 5], 1), a: [0.25, 0.75], b: [0.5, 0.5]),
      problem([0, 1], [2, 5], [0.25, 0.75], [0.5, 0.5], .euclidean))
    #expect(answer.value == 2 * 0.25 + 1 * 0.25 + 4 * 0.5)
  }

  @Test func tiesSignedZerosAndDenormals() throws {
    let x = [0.0, -0.0, 5e-324, -5e-324, 0, 1, 1, 1]
    let y = [-0.0, 0.0, 1, 1, 0, 0, 5e-324, 1e-310]
    let weights = Array(repeating: 0.125, count: 8)
    let data = Data(cost: cost(x, y, 1), a: weights, b: weights)
    let answer = try ExactProblems.solve(
      OneDimensional.self, data, problem(x, y, weights, weights, .l1))
    ExactProblems.expectOptimal(answer, data)
    #expect(answer.value == 0.125)
  }

  @Test func weightsOfAllSizes() throws {
    var random = RandomStream(seed: 33)
    let n = 101
    let w = (0..<n).map { k in pow(10, -3 * Double(k)) }
    let x = (0..<n).map { _ in random.uniform() }
    let y = (0..<n).map { _ in random.uniform() }
    let data = Data(cost: cost(x, y, 2), a: w, b: w.reversed())
    let line = try problem(x, y, data.a, data.b)
    let answer = try ExactProblems.solve(OneDimensional.self, data, line)
    ExactProblems.expectOptimal(answer, data)
    // Every weight is moved, however small.
    #expect(Set(answer.entries.map(\.i)).count == n)
    #expect(Set(answer.entries.map(\.j)).count == n)
  }

  /// Large enough for the radix sort, and certified by the checker's own walk.
  @Test(arguments: [3000, 50_000], [true, false]) func certifiedOnTheLine(
    n: Int, isUniform: Bool
  ) throws {
    var random = RandomStream(seed: 34)
    let x = (0..<n).map { _ in random.uniform() }
    let y = (0..<(n - 7)).map { _ in random.uniform() * random.uniform() }
    let a = isUniform ? nil : ExactProblems.weights(n, &random)
    let b = isUniform ? nil : ExactProblems.weights(n - 7, &random)
    let problem = try problem(x, y, a, b)
    let proposal = try OneDimensional.propose(
      problem, Settings.defaultRun(for: OneDimensional.spec))
    guard case .sparse(let plan) = proposal.plan else {
      Issue.record("no plan")
      return
    }
    let check = try #require(try LinePlanCheck(problem))
    let certificate = try #require(
      try check.certify(plan, f: proposal.f.pointer, g: proposal.g.pointer))
    #expect(certificate.marginalResidual < 1e-13)
    #expect(certificate.relativeGap <= proposal.tolerance)
    #expect(plan.count <= 2 * n - 8)
  }

  @Test func otherCostsAreRefused() throws {
    let run = Settings.defaultRun(for: OneDimensional.spec)
    let plane = try TransportProblem(
      geometry: .points(
        x: Buffer([0.0, 1]), n: 1, y: Buffer([0.0, 1]), m: 1, dimension: 2, metric: .l1, power: 2),
      a: nil, b: nil)
    let dense = try TransportProblem(geometry: matrix([[1]]), a: nil, b: nil)
    let concave = try problem([0], [1], nil, nil, .power, power: 0.5)
    for refused in [plane, dense, concave, try problem([0], [1], nil, nil, .cosine)] {
      #expect {
        try OneDimensional.propose(refused, run)
      } throws: { ($0 as? KantorError)?.code == .unsupported }
    }
  }
}

@Suite struct ArgsortTests {
  private func order(_ x: [Double]) -> [Int32] {
    var order = Array(repeating: Int32(-1), count: x.count)
    var work = Array(repeating: UInt64(0), count: 2 * x.count + 2)
    kn_argsort_f64(x, Int64(x.count), &order, &work)
    return order
  }

  private func check(_ x: [Double], _ location: SourceLocation = #_sourceLocation) {
    let order = order(x)
    let expected = x.indices.sorted { (i, j) in
      if x[i] != x[j] { return x[i] < x[j] }
      if x[i].sign != x[j].sign { return x[i].sign == .minus }
      return i < j
    }
    #expect(order.map(Int.init) == expected, sourceLocation: location)
  }

  @Test(arguments: [0, 1, 2, 11, 12, 13, 25, 768, 769, 5000, 70_000])
  func randomNumbers(n: Int) {
    var random = RandomStream(seed: UInt64(n))
    check((0..<n).map { _ in random.uniform() - 0.5 })
    check((0..<n).map { _ in Double(random.index(below: 9)) })
    check((0..<n).map { Double(n - $0) })
    check(Array(repeating: 3, count: n))
  }

  /// Numbers that differ in their last bits only, so that the cut-off bits decide.
  @Test func nearlyEqualNumbers() {
    var random = RandomStream(seed: 41)
    var x = (0..<4000).map { _ in 1 + Double(random.index(below: 3000)) * 0x1p-52 }
    x.append(contentsOf: [-1e300, 1e300, 0, -0.0, 5e-324, -5e-324, -.infinity, .infinity])
    check(x)
  }

  @Test func allMagnitudes() {
    var random = RandomStream(seed: 42)
    check(
      (0..<3000).map { _ in
        let size = pow(10, 600 * random.uniform() - 300)
        return random.uniform() < 0.5 ? size : -size
      })
  }
}
