import KantorCatalog
import KantorCone
import KantorCore
import KantorNumerics
import TestSupport
import Testing

/// Programs with linear cones by the first-order method.
@Suite struct FirstOrderTests {
  private static let accelerations = ["anderson", "halpern", "none"]

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-5) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  private func solve(
    _ sample: ConeSample, _ acceleration: String = "anderson",
    _ change: (Settings) throws -> Void = { _ in }
  ) throws -> Result {
    try sample.solve("first_order") {
      try $0.set("splitting", .text("douglas_rachford"))
      try $0.set("acceleration", .text(acceleration))
      try change($0)
    }
  }

  @Test(arguments: accelerations) func knownSolutions(acceleration: String) throws {
    // max x + 2y, x + y <= 4, y <= 3, x, y >= 0: (1, 3) with z = (1, 1, 0, 0).
    let linear = ConeSample(
      q: [-1, -2], a: [[1, 1], [0, 1], [-1, 0], [0, -1]], b: [4, 3, 0, 0],
      cones: "nonnegative 4")
    let first = try solve(linear, acceleration)
    #expect(first.status == .solved)
    let (x, z) = (try first.array("x").list(), try first.array("z").list())
    #expect(near(x[0], 1) && near(x[1], 3) && near(z[0], 1) && near(z[1], 1))
    #expect(near(try first.real("objective"), -7))
    // min x^2 + y^2, x + y = 2: (1, 1), z = -2.
    let quadratic = ConeSample(p: [[2, 0], [0, 2]], q: [0, 0], a: [[1, 1]], b: [2], cones: "zero 1")
    let second = try solve(quadratic, acceleration)
    #expect(try second.status == .solved && near(second.array("x").list()[1], 1))
    #expect(near(try second.array("z").list()[0], -2))
    // Nothing but an objective, and nothing but a row.
    #expect(near(try solve(ConeSample(p: [[2]], q: [-4]), acceleration).array("x").list()[0], 2))
    let nothing = ConeSample(q: [0, 0], a: [[1, 1]], b: [1], cones: "nonnegative 1")
    #expect(try solve(nothing, acceleration).status == .solved)
  }

  /// Rows with two limits, one, none, and equal ones; limits far from zero on either side.
  @Test(arguments: accelerations) func boxes(acceleration: String) throws {
    let sample = ConeSample(
      p: [[2, 0, 0], [0, 2, 0], [0, 0, 2]], q: [-6, -6, 1],
      a: [[-1, 0, 0], [-1, -1, 0], [0, 0, -1], [1, 2, 3], [0, -1, -1]], b: [0, 0, 0, 0, 1],
      cones: "box 5", lower: [0, -1, -.infinity, -.infinity, -100],
      upper: [1, 1, 7, .infinity, .infinity])
    let result = try solve(sample, acceleration)
    let reference = try sample.solve()
    #expect(result.status == .solved && reference.status == .solved)
    #expect(near(try result.real("objective"), try reference.real("objective")))
    let far = ConeSample(
      p: [[1, 0], [0, 1]], q: [0, 0], a: [[-1, 0], [0, -1]], b: [0, 0], cones: "box 2",
      lower: [5, -9], upper: [8, -4])
    let x = try solve(far, acceleration).array("x").list()
    #expect(near(x[0], 5, 1e-4) && near(x[1], -4, 1e-4))
    let equal = ConeSample(
      p: [[1]], q: [0], a: [[-1]], b: [0], cones: "box 1", lower: [3], upper: [3])
    #expect(near(try solve(equal, acceleration).array("x").list()[0], 3))
  }

  @Test(arguments: accelerations) func infeasiblePrograms(acceleration: String) throws {
    let samples = [
      ConeSample(q: [1], a: [[-1], [1]], b: [-1, -1], cones: "nonnegative 2"),
      ConeSample(q: [1, 1], a: [[1, 1], [-1, -1]], b: [1, -2], cones: "nonnegative 2"),
      ConeSample(
        p: [[1, 0], [0, 1]], q: [1, 1], a: [[1, 1], [2, 2]], b: [1, 3], cones: "zero 2"),
      ConeSample(q: [1], a: [[0]], b: [-1], cones: "nonnegative 1"),
      ConeSample(
        q: [1, 0], a: [[-1, -1], [-1, -1]], b: [0, 0], cones: "box 2", lower: [1, 4],
        upper: [2, 5]),
      // The objective falls without end as well.
      ConeSample(q: [1, -1], a: [[1, 0], [-1, 0]], b: [1, -2], cones: "nonnegative 2"),
    ]
    for sample in samples {
      let result = try solve(sample, acceleration)
      #expect(result.status == .infeasible, "\(sample)")
      let z = try result.array("ray_dual").list()
      // A'z = 0, by a second computation.
      for j in sample.q.indices {
        let sum = sample.a.indices.reduce(0) { $0 + sample.a[$1][j] * z[$1] }
        #expect(abs(sum) < 1e-6)
      }
    }
  }

  @Test(arguments: accelerations) func unboundedPrograms(acceleration: String) throws {
    let samples = [
      ConeSample(q: [1], a: [[1]], b: [1], cones: "nonnegative 1"),
      ConeSample(q: [1, 0]),
      ConeSample(
        p: [[1, 0], [0, 0]], q: [0, -1], a: [[1, -1]], b: [1], cones: "nonnegative 1"),
      ConeSample(
        q: [1, 1], a: [[-1, 0], [0, -1]], b: [0, 0], cones: "box 2", lower: [-.infinity, 0],
        upper: [3, 1]),
    ]
    for sample in samples {
      let result = try solve(sample, acceleration)
      #expect(result.status == .unbounded, "\(sample)")
      let x = try result.array("ray_primal").list()
      #expect(near(zip(sample.q, x).reduce(0) { $0 + $1.0 * $1.1 }, -1))
    }
  }

  /// A random program with a known inner point, dense rows and bounds.
  private func random(_ n: Int, _ m: Int, _ seed: UInt64) -> ConeSample {
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
      p: p, q: numbers.list(n), a: a + bounds, b: b + [Double](repeating: 0, count: n),
      cones: "nonnegative \(m), box \(n)", lower: [Double](repeating: -2, count: n),
      upper: [Double](repeating: 1.5, count: n))
  }

  @Test(arguments: accelerations) func agreesWithTheInteriorPointMethod(
    acceleration: String
  ) throws {
    for seed in 1...3 {
      let sample = random(20, 30, UInt64(seed))
      let result = try solve(sample, acceleration)
      #expect(result.status == .solved)
      #expect(near(try result.real("objective"), try sample.solve().real("objective")))
    }
  }

  @Test func unitsDoNotMatter() throws {
    let sample = random(12, 15, 7)
    let plain = try solve(sample).real("objective")
    for factor in [1e-5, 1e5] {
      var rows = sample
      rows.a = sample.a.map { $0.map { $0 * factor } }
      rows.b = sample.b.map { $0 * factor }
      rows.lower = sample.lower.map { $0 * factor }
      rows.upper = sample.upper.map { $0 * factor }
      let result = try solve(rows)
      #expect(result.status == .solved)
      #expect(near(try result.real("objective"), plain, factor < 1 ? 10 : 1e-4))
    }
  }

  @Test func accuracyThatIsAskedFor() throws {
    let sample = random(20, 30, 6)
    var iterations: [Int64] = []
    for tolerance in [1e-3, 1e-6, 1e-10] {
      let result = try solve(sample) { try $0.set("tolerance", .real(tolerance)) }
      #expect(result.status == .solved)
      #expect(try result.real("relative_gap") <= tolerance)
      iterations.append(try result.int("iterations"))
    }
    #expect(iterations[0] < iterations[1] && iterations[1] < iterations[2])
  }

  // MARK: Warm starts

  @Test(arguments: accelerations) func warmStarts(acceleration: String) throws {
    for seed in 1...3 {
      let sample = random(15, 20, UInt64(seed))
      let cold = try solve(sample, acceleration)
      let same = try solve(sample, acceleration) { $0.setStart(cold) }
      #expect(same.status == .solved)
      #expect(try same.int("iterations") <= 2)
      var moved = sample
      moved.q[0] += 1e-3
      let next = try solve(moved, acceleration) { $0.setStart(cold) }
      let fresh = try solve(moved, acceleration)
      #expect(next.status == .solved && fresh.status == .solved)
      #expect(try next.int("iterations") < fresh.int("iterations"))
    }
  }

  @Test func startsByArrays() throws {
    let sample = random(15, 20, 4)
    let accurate = try sample.solve()
    let (x, z) = (try accurate.array("x"), try accurate.array("z"))
    let both = try solve(sample) {
      $0.setStart("x", x)
      $0.setStart("z", z)
    }
    #expect(try both.status == .solved && both.int("iterations") == 0)
    let half = try solve(sample) { $0.setStart("x", x) }
    #expect(half.status == .solved)
  }

  @Test func startsThatDoNotFit() throws {
    let problem = try random(6, 8, 1).problem()
    let spec = FirstOrder.spec
    func code(_ name: String, _ values: [Double]) -> KantorError.Code? {
      failure { () throws(KantorError) in
        let settings = Settings(method: spec)
        settings.setStart(name, Tensor(try Buffer(values)))
        _ = try Catalog.standard.solve(problem, settings: settings)
      }
    }
    #expect(code("x", [1, 2]) == .shape)
    #expect(code("z", [1, 2, 3]) == .shape)
    #expect(code("s", [1]) == .shape)
    #expect(code("x", [1, 2, .nan, 4, 5, 6]) == .notFinite)
  }

  // MARK: Stops and refusals

  @Test func stopsWhenAsked() throws {
    let sample = random(20, 30, 5)
    #expect(try solve(sample) { _ = $0.cancel.cancel() }.status == .cancelled)
    #expect(try solve(sample) { try $0.set("time_limit", .real(0)) }.status == .timeLimit)
    let limited = try solve(sample) { try $0.set("max_iterations", .int(7)) }
    #expect(try limited.status == .iterationLimit && limited.int("iterations") == 7)
  }

  @Test func objectivesThatAreNotConvex() throws {
    let problem = try ConeSample(p: [[1, 2], [2, 1]], q: [0, 0]).problem()
    let code = failure { () throws(KantorError) in
      _ = try Catalog.standard.solve(problem, settings: Settings(method: FirstOrder.spec))
    }
    #expect(code == .range)
  }

  @Test func sameBitsTwice() throws {
    let sample = random(20, 30, 8)
    let runs = try (0..<2).map { _ in try solve(sample).array("x").list() }
    #expect(runs[0] == runs[1])
  }
}
