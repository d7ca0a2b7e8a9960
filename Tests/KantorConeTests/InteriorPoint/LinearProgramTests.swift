import KantorCatalog
import KantorCone
import KantorCore
import KantorNumerics
import TestSupport
import Testing

/// Linear and quadratic programs by the interior-point method.
@Suite struct LinearProgramTests {
  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  @Test func knownSolutions() throws {
    // max x + 2y, x + y <= 4, y <= 3, x, y >= 0: (1, 3).
    let linear = ConeSample(
      q: [-1, -2], a: [[1, 1], [0, 1], [-1, 0], [0, -1]], b: [4, 3, 0, 0],
      cones: "nonnegative 4")
    let first = try linear.solve()
    #expect(first.status == .solved)
    let x = try first.array("x").list()
    #expect(try near(x[0], 1) && near(x[1], 3) && near(first.real("objective"), -7))
    let z = try first.array("z").list()
    #expect(near(z[0], 1) && near(z[1], 1))
    // min x^2 + y^2, x + y = 2: (1, 1), z = -2.
    let quadratic = ConeSample(
      p: [[2, 0], [0, 2]], q: [0, 0], a: [[1, 1]], b: [2], cones: "zero 1")
    let second = try quadratic.solve()
    #expect(try second.status == .solved && near(second.array("x").list()[1], 1))
    #expect(near(try second.array("z").list()[0], -2))
    // Two-sided rows and bounds: min (x - 3)^2 with 0 <= x <= 1, and -1 <= x + y <= 1.
    let boxes = ConeSample(
      p: [[2, 0], [0, 2]], q: [-6, -6], a: [[-1, 0], [-1, -1]], b: [0, 0], cones: "box 2",
      lower: [0, -1], upper: [1, 1])
    let third = try boxes.solve()
    #expect(third.status == .solved)
    #expect(near(try third.array("x").list()[0], 0.5, 1e-5))
  }

  @Test func programsThatAreTrivial() throws {
    // No rows; an empty objective with rows; one variable.
    #expect(near(try ConeSample(p: [[2]], q: [-4]).solve().array("x").list()[0], 2))
    let nothing = ConeSample(q: [0, 0], a: [[1, 1]], b: [1], cones: "nonnegative 1")
    #expect(try nothing.solve().status == .solved)
    let zeroRow = ConeSample(
      q: [1], a: [[-1], [0]], b: [-1, 2], cones: "nonnegative 2")
    #expect(near(try zeroRow.solve().array("x").list()[0], 1))
    // Equations twice, and one that is their sum.
    let dependent = ConeSample(
      p: [[1, 0], [0, 1]], q: [0, 0], a: [[1, 1], [1, 1], [2, 2]], b: [1, 1, 2], cones: "zero 3")
    let result = try dependent.solve()
    #expect(try result.status == .solved && near(result.array("x").list()[0], 0.5))
  }

  /// Dense rows, some of them equations, one of these twice, take the dense system; the active-set
  /// method finds the same point by other means.
  @Test(arguments: [0, 3]) func programsWithDenseRows(equations: Int) throws {
    let (n, m) = (24, 60)
    var random = RandomStream(seed: 11, stream: 1)
    func row(_ count: Int) -> [Double] { (0..<count).map { _ in 2 * random.uniform() - 1 } }
    let root = (0..<n).map { _ in row(n) }
    var p = root.map { a in root.map { b in (0..<n).reduce(0.0) { $0 + a[$1] * b[$1] } } }
    for j in 0..<n { p[j][j] += 0.1 }
    var a = (0..<m).map { _ in row(n) }
    let x = row(n)
    var b = a.map { a in (0..<n).reduce(0.0) { $0 + a[$1] * x[$1] } }
    for i in equations..<m { b[i] += random.uniform() }
    var cones = "nonnegative \(m)"
    if equations > 0 {
      a.insert(a[0], at: 0)
      b.insert(b[0], at: 0)
      cones = "zero \(equations + 1), nonnegative \(m - equations)"
    }
    let program = ConeSample(p: p, q: row(n).map { 5 * $0 }, a: a, b: b, cones: cones)
    let inner = try program.solve { try $0.set("presolve", .flag(false)) }
    let pivots = try program.solve("active_set")
    #expect(inner.status == .solved && pivots.status == .solved)
    #expect(try inner.int("factor_entries") == n * (n - 1) / 2)
    let (one, two) = (try inner.array("x").list(), try pivots.array("x").list())
    for j in 0..<n { #expect(abs(one[j] - two[j]) < 1e-6) }
  }

  @Test func infeasiblePrograms() throws {
    let bounds = ConeSample(q: [1], a: [[-1], [1]], b: [-1, -1], cones: "nonnegative 2")
    let rows = ConeSample(
      q: [1, 1], a: [[1, 1], [-1, -1]], b: [1, -2], cones: "nonnegative 2")
    let equations = ConeSample(
      p: [[1, 0], [0, 1]], q: [1, 1], a: [[1, 1], [2, 2]], b: [1, 3], cones: "zero 2")
    let empty = ConeSample(q: [1], a: [[0]], b: [-1], cones: "nonnegative 1")
    let box = ConeSample(
      q: [1, 0], a: [[-1, -1], [-1, -1]], b: [0, 0], cones: "box 2", lower: [1, 4], upper: [2, 5])
    for sample in [bounds, rows, equations, empty, box] {
      let result = try sample.solve()
      #expect(result.status == .infeasible)
      let z = try result.array("ray_dual").list()
      // A'z = 0, by a second computation.
      for j in sample.q.indices {
        let sum = sample.a.indices.reduce(0) { $0 + sample.a[$1][j] * z[$1] }
        #expect(abs(sum) < 1e-6)
      }
      #expect(try result.real("objective") == .infinity)
    }
  }

  @Test func unboundedPrograms() throws {
    let half = ConeSample(q: [1], a: [[1]], b: [1], cones: "nonnegative 1")
    let free = ConeSample(q: [1, 0])
    let flat = ConeSample(
      p: [[1, 0], [0, 0]], q: [0, -1], a: [[1, -1]], b: [1], cones: "nonnegative 1")
    for sample in [half, free, flat] {
      let result = try sample.solve()
      #expect(result.status == .unbounded)
      let x = try result.array("ray_primal").list()
      #expect(near(zip(sample.q, x).reduce(0) { $0 + $1.0 * $1.1 }, -1))
    }
  }

  /// A random program with a known inner point and dense rows.
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
      p: p, q: numbers.list(n), a: a + bounds, b: b + [Double](repeating: 2, count: n),
      cones: "nonnegative \(m + n)")
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func randomProgramsAreSolved(seed: UInt64) throws {
    let result = try random(20, 30, seed).solve()
    #expect(result.status == .solved)
    #expect(try result.int("iterations") < 30)
  }

  @Test(arguments: [1e-6, 1e6]) func unitsDoNotMatter(factor: Double) throws {
    let sample = random(12, 15, 7)
    let plain = try sample.solve().real("objective")
    var rows = sample
    rows.a = sample.a.map { $0.map { $0 * factor } }
    rows.b = sample.b.map { $0 * factor }
    var objective = sample
    objective.p = sample.p.map { $0.map { $0 * factor } }
    objective.q = sample.q.map { $0 * factor }
    let scaledRows = try rows.solve()
    #expect(try scaledRows.status == .solved && near(scaledRows.real("objective"), plain, 1e-5))
    let scaled = try objective.solve()
    #expect(try scaled.status == .solved && near(scaled.real("objective") / factor, plain, 1e-2))
  }

  @Test func rightHandSidesOfAnySize() throws {
    let sample = ConeSample(q: [1], a: [[-1]], b: [-1e12], cones: "nonnegative 1")
    let result = try sample.solve()
    #expect(try result.status == .solved && near(result.array("x").list()[0], 1e12))
    let tiny = ConeSample(
      q: [1, 0], a: [[-1e-9, 0], [0, 1]], b: [-1, 1], cones: "nonnegative 2")
    let far = try tiny.solve()
    #expect(far.status == .solved)
  }

  @Test func warmStartsCostAtMostTwoIterations() throws {
    for seed in 1...3 {
      let sample = random(15, 20, UInt64(seed))
      let cold = try sample.solve()
      let warm = try sample.solve { $0.setStart(cold) }
      #expect(warm.status == .solved)
      #expect(try warm.int("iterations") <= 2)
      var moved = sample
      moved.q[0] += 1e-4
      let next = try moved.solve { $0.setStart(cold) }
      #expect(next.status == .solved)
    }
    let sample = random(6, 8, 1)
    let code = failure { () throws(KantorError) in
      let settings = Settings(method: InteriorPoint.spec)
      settings.setStart("x", Tensor(try Buffer([1.0, 2])))
      let problem: Problem
      do { problem = try sample.problem() } catch { throw KantorError(.internal, "no problem") }
      _ = try Catalog.standard.solve(problem, settings: settings)
    }
    #expect(code == .shape)
  }

  @Test func stopsWhenAsked() throws {
    let sample = random(20, 30, 5)
    #expect(try sample.solve { $0.cancel.cancel() }.status == .cancelled)
    #expect(try sample.solve { try $0.set("time_limit", .real(0)) }.status == .timeLimit)
    let limited = try sample.solve { try $0.set("max_iterations", .int(2)) }
    #expect(try limited.status == .iterationLimit && limited.int("iterations") == 2)
    let stopped = try sample.solve { $0.setProgress { _ in 7 } }
    #expect(stopped.status == .stoppedByCallback)
    #expect(try stopped.int("callback_code") == 7)
  }

  @Test func toleranceMatters() throws {
    let sample = random(20, 30, 6)
    let coarse = try sample.solve { try $0.set("tolerance", .real(1e-2)) }
    let fine = try sample.solve { try $0.set("tolerance", .real(1e-11)) }
    #expect(coarse.status == .solved && fine.status == .solved)
    #expect(try coarse.int("iterations") < fine.int("iterations"))
  }

  @Test func sameBitsTwice() throws {
    let sample = random(20, 30, 8)
    for threads in [1, 2] {
      let runs = try (0..<2).map { _ in
        try sample.solve { try $0.set("threads", .int(Int64(threads))) }.array("x").list()
      }
      #expect(runs[0] == runs[1])
    }
  }

  // MARK: Refusals

  private func refusal(_ sample: ConeSample) throws -> KantorError? {
    let problem = try sample.problem()
    return error { () throws(KantorError) in _ = try Catalog.standard.solve(problem) }
  }

  @Test func objectivesThatAreNotConvex() throws {
    let samples = [
      ConeSample(p: [[-1]], q: [0]), ConeSample(p: [[1, 2], [2, 1]], q: [0, 0]),
      ConeSample(p: [[0, 1], [1, 0]], q: [0, 0]),
      // All minors of order two are positive; the eigenvalue along (1, 1, 1) is 1 - 2 * 0.6.
      ConeSample(p: [[1, -0.6, -0.6], [-0.6, 1, -0.6], [-0.6, -0.6, 1]], q: [0, 0, 0]),
    ]
    for sample in samples {
      let error = try refusal(sample)
      #expect(error?.code == .range)
      #expect(error?.message.contains("positive semidefinite") == true)
    }
    #expect(try refusal(samples[3])?.message.contains("-0.2") == true)
    // Of rank one, with what rounding makes of its zero eigenvalues.
    let root = 1.0 / 3
    let rank = ConeSample(p: [[1, root], [root, root * root]], q: [0, 0])
    #expect(try refusal(rank) == nil)
  }

  @Test func fieldsThatDoNotFit() throws {
    #expect(try refusal(ConeSample(q: [.nan]))?.code == .notFinite)
    #expect(
      try refusal(ConeSample(q: [1], a: [[1]], b: [1], cones: "zero 2"))?.code == .shape)
    #expect(
      try refusal(ConeSample(q: [1], a: [[1]], b: [1, 2], cones: "zero 1"))?.code == .shape)
    #expect(
      try refusal(ConeSample(q: [1], a: [[.infinity]], b: [1], cones: "zero 1"))?.code
        == .notFinite)
    #expect(
      try refusal(ConeSample(q: [1], a: [[1]], b: [1], cones: "cube 1"))?.code == .name)
    #expect(try refusal(ConeSample(q: [1], a: [[1]], b: [1], cones: "box 1"))?.code == .missing)
    let crossed = ConeSample(
      q: [1], a: [[1]], b: [1], cones: "box 1", lower: [2], upper: [1])
    #expect(try refusal(crossed)?.code == .range)
    #expect(try refusal(ConeSample(p: [[1, 2], [0, 5]], q: [0, 0])) == nil)
    #expect(try refusal(ConeSample(p: [[5, 2], [1, 5]], q: [0, 0]))?.code == .range)
  }
}
