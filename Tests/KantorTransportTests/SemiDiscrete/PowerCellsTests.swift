import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct PowerCellsTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  private func problem(
    _ points: [Double], weights: [Double]? = nil, polygon: [Double]? = nil, box: [Double]? = nil
  ) throws(KantorError) -> Problem {
    let problem = Problem(kind: PolygonKind.kind)
    func set(_ name: String, _ values: [Double], _ shape: [Int]) throws(KantorError) {
      try problem.set(name, .array(Tensor(try Buffer(values), shape: shape)))
    }
    try set("points_target", points, [points.count / 2, 2])
    if let weights { try set("weights_target", weights, [weights.count]) }
    if let polygon { try set("polygon", polygon, [polygon.count / 2, 2]) }
    if let box { try set("box", box, [2, 2]) }
    return problem
  }

  private func solve(_ problem: Problem) throws(KantorError) -> Result {
    try Catalog.standard.solve(problem, method: "power_cells")
  }

  /// On a strip the cells are slices, and the problem is that on a line.
  @Test func pointsOnALineSliceTheSquare() throws {
    let result = try solve(
      try problem([0.9, 0.5, 0.2, 0.5, 0.5, 0.5], weights: [0.2, 0.5, 0.3]))
    #expect(result.status == .solved)
    let means = try result.array("cell_means").list()
    for (k, mean) in [0.9, 0.25, 0.65].enumerated() {
      #expect(close(means[2 * k], mean, 1e-9) && close(means[2 * k + 1], 0.5, 1e-9))
    }
    // Slices [0, 1/2], [1/2, 4/5], [4/5, 1]; the height gives 1/12 in all.
    func part(_ low: Double, _ high: Double, _ y: Double) -> Double {
      (pow(high - y, 3) - pow(low - y, 3)) / 3
    }
    let cost = part(0, 0.5, 0.2) + part(0.5, 0.8, 0.5) + part(0.8, 1, 0.9) + 1 / 12
    #expect(close(try result.real("objective"), cost, 1e-9))
    // Where the borders lie tells the differences of the potentials.
    let g = try result.array("potential_target").list()
    func border(_ j: Int, _ k: Int, _ x: Double, _ p: Double, _ q: Double) -> Bool {
      close((x - p) * (x - p) - g[j], (x - q) * (x - q) - g[k], 1e-9)
    }
    #expect(border(1, 2, 0.5, 0.2, 0.5) && border(2, 0, 0.8, 0.5, 0.9))
  }

  /// Four points that lie as the corners do share the square by its axes.
  @Test func symmetricPointsQuarterTheSquare() throws {
    let result = try solve(try problem([0.4, 0.4, 0.6, 0.4, 0.6, 0.6, 0.4, 0.6]))
    #expect(result.status == .solved)
    for mass in try result.array("cell_masses").list() { #expect(close(mass, 0.25, 1e-11)) }
    for g in try result.array("potential_target").list() { #expect(abs(g) <= 1e-9) }
    let starts = try result.array("cell_starts").list()
    #expect(starts == [0, 4, 8, 12, 16])
  }

  @Test(arguments: [20, 300])
  func massesAreThoseAskedForWhereverThePointsLie(count: Int) throws {
    let points = GromovSpecimens.numbers(2 * count, 5)
    let weights = GromovSpecimens.weights(count, 6)
    for shift in [0.0, 0.7, 40] {
      let moved = points.map { 0.3 * $0 + shift }
      let result = try solve(try problem(moved, weights: weights))
      #expect(result.status == .solved, "\(shift)")
      let masses = try result.array("cell_masses").list()
      for j in 0..<count { #expect(close(masses[j], weights[j], 1e-9)) }
      // Moving all points by a vector changes the cost by its square and its product with the
      // difference of the means, not the cells.
      #expect((try result.real("gap")) <= 1e-8 * (try result.real("objective")))
      #expect((try result.real("upper_bound")) >= (try result.real("dual_objective")))
    }
  }

  /// The same polygon, its corners from another one on and the other way round, as a finer sampling
  /// has it.
  @Test func polygonsAndSamplesAgree() throws {
    let points = GromovSpecimens.numbers(12, 8)
    let weights = GromovSpecimens.weights(6, 9)
    let triangle = [0.0, 0, 2, 0, 0, 1]
    let one = try solve(try problem(points, weights: weights, polygon: triangle))
    let two = try solve(try problem(points, weights: weights, polygon: [0, 1, 2, 0, 0, 0]))
    #expect(one.status == .solved && two.status == .solved)
    #expect(close(try one.real("objective"), try two.real("objective"), 1e-9))
    // A grid of midpoints within the triangle.
    var samples: [Double] = []
    for i in 0..<200 {
      for k in 0..<100 {
        let (x, y) = ((Double(i) + 0.5) / 100, (Double(k) + 0.5) / 100)
        if x + 2 * y < 2 { samples += [x, y] }
      }
    }
    let sampled = Problem(kind: SemiDiscreteKind.kind)
    try sampled.set("samples", .array(Tensor(try Buffer(samples), shape: [samples.count / 2, 2])))
    try sampled.set("points_target", .array(Tensor(try Buffer(points), shape: [6, 2])))
    try sampled.set("weights_target", .array(Tensor(try Buffer(weights))))
    let other = try Catalog.standard.solve(sampled, method: "semi_discrete")
    #expect(close(try one.real("objective"), try other.real("objective"), 0.02))
  }

  @Test func whatCannotBeSharedIsRefused() throws {
    func code(_ body: () throws(KantorError) -> Problem) -> KantorError.Code? {
      failure { () throws(KantorError) in _ = try body().seal() }
    }
    let twins = error { () throws(KantorError) in
      _ = try problem([0.5, 0.5, 0.1, 0.2, 0.5, 0.5]).seal()
    }
    #expect(twins?.code == .range)
    #expect(twins?.message.contains("the same at 0 and 2") ?? false)
    let bad: [[Double]] = [
      [0, 0, 1, 0, 0.2, 0.2, 0, 1],  // a dent
      [0, 0, 1, 1, 2, 2],  // no area
      [0, 0, 1, 0.7, 0, 0.7, 1, 0, 0.5, 1],  // a star
    ]
    for polygon in bad {
      #expect(
        code { () throws(KantorError) in try problem([0.5, 0.5], polygon: polygon) } == .range)
    }
    #expect(
      code { () throws(KantorError) in try problem([0.5, 0.5], polygon: [0, 0, 1, 0]) } == .shape)
    #expect(
      code { () throws(KantorError) in
        try problem([0.5, 0.5], polygon: [0, 0, 1, 0, 1, 1], box: [0, 0, 1, 1])
      } == .state)
    #expect(
      code { () throws(KantorError) in try problem([0.5, 0.5], weights: [0]) } == .range)
    #expect(
      code { () throws(KantorError) in try problem([0.5, 0.5], box: [1, 0, 0, 1]) } == .range)
  }
}
