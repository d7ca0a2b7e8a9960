import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct LinePlanCheckTests {
  /// x = 0, 1 and y = 0.5, 2 with squared cost; the monotone plan costs (0.25 + 1) / 2.
  private func problem(_ metric: Metric = .sqeuclidean) throws -> TransportProblem {
    try TransportProblem(
      geometry: .points(
        x: Buffer([0.0, 1]), n: 2, y: Buffer([0.5, 2]), m: 2, dimension: 1, metric: metric,
        power: 2), a: nil, b: nil)
  }
  private let walk = [(0, 0, 0.5), (0, 1, 0.0), (1, 1, 0.5)]
  // f_i + g_j = C_ij on the walk, with g_0 = 0: f_0 = 0.25, g_1 = 3.75, f_1 = -2.75.
  private let f = [0.25, -2.75]
  private let g = [0, 3.75]

  private func certify(
    _ problem: TransportProblem, _ entries: [(Int, Int, Double)], _ f: [Double], _ g: [Double]
  ) throws -> TransportCertificate? {
    let check = try #require(LinePlanCheck(problem))
    let (f, g) = (try Buffer(f), try Buffer(g))
    return try check.certify(plan(entries), f: f.pointer, g: g.pointer)
  }

  @Test func acceptsTheMonotonePlan() throws {
    let certificate = try #require(try certify(problem(), walk, f, g))
    #expect(certificate.objective == 0.625)
    #expect(certificate.marginalResidual == 0)
    #expect(abs(certificate.gap) < 1e-15)
  }

  @Test func wrongPotentialsWidenTheGap() throws {
    let certificate = try #require(try certify(problem(), walk, [0.25, -2.5], g))
    #expect(certificate.dualObjective <= 0.625)
    #expect(certificate.gap > 0.1)
  }

  @Test func aPlanThatRunsBackIsNotCertifiedHere() throws {
    #expect(try certify(problem(), [(1, 0, 0.5), (0, 1, 0.5)], f, g) == nil)
  }

  @Test func aPlanThatSkipsAPointIsNotCertifiedHere() throws {
    #expect(try certify(problem(), [(0, 0, 0.5)], f, g) == nil)
  }

  @Test func onlyConvexCostsOnTheLineQualify() throws {
    #expect(LinePlanCheck(try problem(.cosine)) == nil)
    let plane = try TransportProblem(
      geometry: .points(
        x: Buffer([0.0, 1]), n: 1, y: Buffer([0.5, 2]), m: 1, dimension: 2, metric: .sqeuclidean,
        power: 2), a: nil, b: nil)
    #expect(LinePlanCheck(plane) == nil)
  }

  @Test func aPlanThatComesBackToAPointIsNotCertifiedHere() throws {
    let twice = [(0, 0, 0.25), (1, 0, 0.0), (0, 0, 0.25), (1, 1, 0.5)]
    #expect(try certify(problem(), twice, f, g) == nil)
  }

  /// Any values along a staircase of a Monge matrix: no entry may lie below the bound.
  @Test(arguments: 0..<40) func noEntryOfAMongeMatrixLiesBelowTheBound(seed: Int) throws {
    var random = RandomStream(seed: UInt64(seed))
    let (n, m) = (2 + random.index(below: 7), 2 + random.index(below: 7))
    let x = (0..<n).map { _ in random.uniform() }.sorted()
    let y = (0..<m).map { _ in random.uniform() }.sorted()
    let f = (0..<n).map { _ in 0.3 * random.uniform() }
    let g = (0..<m).map { _ in 0.3 * random.uniform() }
    func d(_ i: Int, _ j: Int) -> Double { (x[i] - y[j]) * (x[i] - y[j]) - f[i] - g[j] }
    var bound = StaircaseBound()
    var (i, j) = (0, 0)
    bound.visit(d(0, 0), down: false)
    while i + 1 < n || j + 1 < m {
      let goesDown = j + 1 == m || (i + 1 < n && random.uniform() < 0.5)
      if goesDown { i += 1 } else { j += 1 }
      bound.visit(d(i, j), down: goesDown)
    }
    for i in 0..<n {
      for j in 0..<m { #expect(d(i, j) >= -bound.defect - 1e-12) }
    }
  }

  /// The bound of the walk is valid: never above the bound that looks at all pairs.
  @Test func agreesWithTheGeneralCheck() throws {
    let problem = try problem()
    let line = try #require(try certify(problem, walk, f, g))
    let (fb, gb) = (try Buffer(f), try Buffer(g))
    let general = try SparsePlanCheck(problem).certify(
      plan(walk), f: fb.pointer, g: gb.pointer, parallel: .init(threads: 1))
    #expect(line.dualObjective <= general.dualObjective + 1e-15)
    #expect(line.objective == general.objective)
  }
}
