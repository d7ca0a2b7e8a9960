import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Linear and quadratic programs by the primal-dual iteration.
@Suite struct PrimalDualTests {
  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-4) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  private func solve(
    _ sample: ConeSample, _ change: (Settings) throws -> Void = { _ in }
  ) throws -> Result {
    try sample.solve("first_order") {
      try $0.set("splitting", .text("primal_dual"))
      try change($0)
    }
  }

  @Test func knownSolutions() throws {
    let linear = ConeSample(
      q: [-1, -2], a: [[1, 1], [0, 1], [-1, 0], [0, -1]], b: [4, 3, 0, 0],
      cones: "nonnegative 4")
    let first = try solve(linear)
    #expect(try first.status == .solved && first.text("splitting") == "primal_dual")
    let (x, z) = (try first.array("x").list(), try first.array("z").list())
    #expect(near(x[0], 1) && near(x[1], 3) && near(z[0], 1) && near(z[1], 1))
    let quadratic = ConeSample(p: [[2, 0], [0, 2]], q: [0, 0], a: [[1, 1]], b: [2], cones: "zero 1")
    let second = try solve(quadratic)
    #expect(try second.status == .solved && near(second.array("x").list()[1], 1))
    #expect(near(try second.array("z").list()[0], -2))
    #expect(near(try solve(ConeSample(p: [[2]], q: [-4])).array("x").list()[0], 2))
    let boxes = ConeSample(
      p: [[2, 0], [0, 2]], q: [-6, -6], a: [[-1, 0], [-1, -1]], b: [0, 0], cones: "box 2",
      lower: [0, -1], upper: [1, 1])
    #expect(near(try solve(boxes).real("objective"), try boxes.solve().real("objective")))
  }

  /// A random program with a known inner point; P of half rank, or none.
  private func random(_ n: Int, _ m: Int, _ seed: UInt64, quadratic: Bool) -> ConeSample {
    var numbers = Numbers(seed)
    let factor = (0..<n).map { _ in numbers.list(n / 2 + 1) }
    let p = (0..<n).map { i in
      (0..<n).map { j in zip(factor[i], factor[j]).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    let a = (0..<m).map { _ in numbers.list(n) }
    let x = numbers.list(n)
    let b = a.map { row in zip(row, x).reduce(0.3) { $0 + $1.0 * $1.1 } }
    let bounds = (0..<n).map { i in (0..<n).map { $0 == i ? -1.0 : 0 } }
    return ConeSample(
      p: quadratic ? p : [], q: numbers.list(n), a: a + bounds,
      b: b + [Double](repeating: 0, count: n), cones: "nonnegative \(m), box \(n)",
      lower: [Double](repeating: -2, count: n), upper: [Double](repeating: 1.5, count: n))
  }

  @Test(arguments: [true, false]) func agreesWithTheInteriorPointMethod(quadratic: Bool) throws {
    for seed in 1...3 {
      let sample = random(20, 12, UInt64(seed), quadratic: quadratic)
      let result = try solve(sample)
      #expect(result.status == .solved)
      #expect(near(try result.real("objective"), try sample.solve().real("objective")))
      let again = try solve(sample) { $0.setStart(result) }
      #expect(try again.status == .solved && again.int("iterations") <= 40)
    }
  }

  @Test func infeasibleAndUnboundedPrograms() throws {
    let rows = ConeSample(
      q: [1, 1], a: [[1, 1], [-1, -1]], b: [1, -2], cones: "nonnegative 2")
    let bounds = ConeSample(q: [1], a: [[-1], [1]], b: [-1, -1], cones: "nonnegative 2")
    for sample in [rows, bounds] {
      let result = try solve(sample)
      #expect(result.status == .infeasible)
      #expect(result.has("ray_dual"))
    }
    let half = ConeSample(q: [1], a: [[1]], b: [1], cones: "nonnegative 1")
    let row = ConeSample(q: [1, 0], a: [[1, 1]], b: [1], cones: "nonnegative 1")
    for sample in [half, row] { #expect(try solve(sample).status == .unbounded) }
  }

  @Test func conesThatItDoesNotTake() throws {
    let problem = try ConeSample(
      q: [1, 1], a: [[0, 0], [-1, 0], [0, -1]], b: [1, 0, 0], cones: "second_order 3"
    ).problem()
    let refused = error { () throws(KantorError) in
      let settings = Settings(method: FirstOrder.spec)
      try settings.set("splitting", .text("primal_dual"))
      _ = try Catalog.standard.solve(problem, settings: settings)
    }
    #expect(refused?.code == .unsupported)
    #expect(refused?.message.contains("second_order") == true)
  }

  @Test func threadsDoNotChangeTheAnswer() throws {
    let sample = random(20, 12, 5, quadratic: true)
    let answers = try [1, 2].map { threads in
      try solve(sample) { try $0.set("threads", .int(Int64(threads))) }.array("x").list()
    }
    #expect(answers[0] == answers[1])
  }

  @Test func stopsWhenAsked() throws {
    let sample = random(20, 12, 6, quadratic: false)
    #expect(try solve(sample) { _ = $0.cancel.cancel() }.status == .cancelled)
    let limited = try solve(sample) { try $0.set("max_iterations", .int(7)) }
    #expect(try limited.status == .iterationLimit && limited.int("iterations") == 7)
  }
}
