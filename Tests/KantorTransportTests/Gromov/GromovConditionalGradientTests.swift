import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct GromovConditionalGradientTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  @Test(arguments: ["clouds", "fused", "random", "kl", "wide"])
  func valueAndGapAreThoseOfTheDefinition(what: String) throws {
    var sample: GromovSample
    switch what {
    case "fused": sample = .fused(9, 7, alpha: 0.3, seed: 10)
    case "random": sample = .random(8, 6, seed: 20)
    case "kl":
      sample = .random(7, 8, seed: 30)
      sample.loss = "kl"
    case "wide": sample = .fused(5, 12, alpha: 0.8, seed: 40)
    default: sample = .clouds(10, 8, seed: 50)
    }
    let result = try sample.solve()
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    #expect(close(try result.real("objective"), sample.value(plan)))
    // The gap that the certificate bounds is that of the best vertex.
    let gradient = sample.gradient(plan)
    let transport = Problem(kind: TransportKind.kind)
    try transport.set(
      "cost", .array(Tensor(try Buffer(gradient), shape: [sample.n, sample.m])))
    try transport.set("weights_source", .array(Tensor(try Buffer(sample.a))))
    try transport.set("weights_target", .array(Tensor(try Buffer(sample.b))))
    let best = try Catalog.standard.solve(transport, method: "network_simplex")
    let slope = zip(plan, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    let gap = slope - (try best.real("objective"))
    #expect(gap <= (try result.real("gap")) + 1e-14 && gap <= 1e-8)
    for i in 0..<sample.n {
      let row = (0..<sample.m).reduce(0) { $0 + plan[i * sample.m + $1] }
      #expect(close(row, sample.a[i], 1e-13))
    }
  }

  /// The product of the weights, where the descent starts, is stationary and a maximum.
  @Test func twoSpacesOfTwoPoints() throws {
    let sample = GromovSample(
      c: [0, 3, 3, 0], d: [0, 1, 1, 0], a: [0.5, 0.5], b: [0.5, 0.5])
    let result = try sample.solve()
    // Half of the pairs of points are different points.
    #expect(close(try result.real("objective"), 0.5 * 4))
  }

  /// A cloud and the same cloud, turned and in another order, match exactly.
  @Test func isometricSpacesAreRecognised() throws {
    let n = 12
    let order = (0..<n).map { ($0 * 5 + 3) % n }
    let c = GromovSpecimens.distances(n, 7)
    var d = c
    for i in 0..<n { for k in 0..<n { d[i * n + k] = c[order[i] * n + order[k]] } }
    let weights = [Double](repeating: 1 / Double(n), count: n)
    let sample = GromovSample(c: c, d: d, a: weights, b: weights)
    let result = try sample.solve(options: ["starts": .int(40)])
    #expect(abs(try result.real("objective")) <= 1e-14)
    let plan = try result.array("plan").list()
    for j in 0..<n { #expect(close(plan[order[j] * n + j], 1 / Double(n))) }
    #expect(try result.array("start_values").list().count == 40)
    #expect(try result.int("best_start") < 40)
  }

  @Test func exchangingTheSpacesTransposesThePlan() throws {
    let sample = GromovSample.clouds(9, 13, seed: 60)
    let turned = GromovSample(c: sample.d, d: sample.c, a: sample.b, b: sample.a)
    let (one, two) = (try sample.solve(), try turned.solve())
    #expect(close(try one.real("objective"), try two.real("objective")))
    let (p, q) = (try one.array("plan").list(), try two.array("plan").list())
    for e in p.indices { #expect(close(p[e], q[e % 13 * 9 + e / 13])) }
  }

  @Test func withoutStructureItIsTransport() throws {
    var sample = GromovSample.fused(8, 9, alpha: 0, seed: 70)
    let result = try sample.solve()
    let transport = Problem(kind: TransportKind.kind)
    try transport.set("cost", .array(Tensor(try Buffer(sample.cost ?? []), shape: [8, 9])))
    try transport.set("weights_source", .array(Tensor(try Buffer(sample.a))))
    try transport.set("weights_target", .array(Tensor(try Buffer(sample.b))))
    let exact = try Catalog.standard.solve(transport)
    #expect(close(try result.real("objective"), try exact.real("objective")))
    sample.alpha = 1
    let structure = try sample.solve()
    #expect(try structure.real("objective") == structure.real("quadratic_cost"))
  }

  @Test func scalesAsItShould() throws {
    var sample = GromovSample.clouds(10, 9, seed: 80)
    let before = try sample.solve().real("objective")
    sample.c = sample.c.map { 1e3 * $0 }
    sample.d = sample.d.map { 1e3 * $0 }
    #expect(close(try sample.solve().real("objective"), 1e6 * before, 1e-9))
    sample.a = sample.a.map { 4 * $0 }
    sample.b = sample.b.map { 4 * $0 }
    #expect(close(try sample.solve().real("objective"), 16e6 * before, 1e-9))
  }

  @Test func startsWhereItIsTold() throws {
    let sample = GromovSample.clouds(9, 9, seed: 90)
    let cold = try sample.solve()
    let plan = try cold.array("plan")
    let warm = try sample.solve(start: ["plan": plan])
    #expect(try warm.int("iterations") == 1)
    #expect(close(try warm.real("objective"), try cold.real("objective")))
    var numbers = try plan.list()
    numbers[0] += 0.1
    let wrong = Tensor(try Buffer(numbers), shape: [9, 9])
    #expect(throws: KantorError.self) { _ = try sample.solve(start: ["plan": wrong]) }
    let short = Tensor(try Buffer([1.0, 2]), shape: [1, 2])
    let shape = failure { () throws(KantorError) in
      do { _ = try sample.solve(start: ["plan": short]) } catch let e as KantorError { throw e }
      catch {}
    }
    #expect(shape == .shape)
  }

  @Test func threadsDoNotMatterToTheAnswer() throws {
    let sample = GromovSample.fused(40, 35, alpha: 0.5, seed: 100)
    let one = try sample.solve(options: ["threads": .int(1)])
    let two = try sample.solve(options: ["threads": .int(2)])
    #expect(try one.real("objective") == two.real("objective"))
  }

  @Test func problemsThatMakeNoSenseAreRefused() throws {
    let good = GromovSample.clouds(4, 5, seed: 110)
    func code(_ change: (Problem) throws(KantorError) -> Void) throws -> KantorError.Code? {
      let problem = try good.problem()
      return failure { () throws(KantorError) in
        try change(problem)
        try problem.seal()
      }
    }
    func array(_ numbers: [Double], _ shape: [Int]) throws(KantorError) -> FieldValue {
      .array(Tensor(try Buffer(numbers), shape: shape))
    }
    let numbers = GromovSpecimens.numbers(20, 1)
    #expect(try code { (p) throws(KantorError) in
      try p.set("structure_source", array(numbers, [4, 5])) } == .shape)
    #expect(try code { (p) throws(KantorError) in
      try p.set("cost", array(numbers, [5, 4])) } == .shape)
    #expect(try code { (p) throws(KantorError) in
      try p.set("weights_source", array([1, 2, 3], [3])) } == .shape)
    #expect(try code { (p) throws(KantorError) in
      try p.set("weights_source", array([1, 1, 1, 1], [4])) } == .range)
    #expect(try code { (p) throws(KantorError) in try p.set("alpha", .real(0.5)) } == .missing)
    #expect(try code { (p) throws(KantorError) in try p.set("alpha", .real(1.5)) } == .range)
    #expect(try code { (p) throws(KantorError) in try p.set("loss", .text("cube")) } == .range)
    #expect(try code { (p) throws(KantorError) in
      try p.set("loss", .text("kl"))
      try p.set("structure_target", array([Double](repeating: -1, count: 25), [5, 5]))
    } == .range)
    #expect(failure { () throws(KantorError) in try Problem(kind: GromovKind.kind).seal() }
      == .missing)
  }
}
