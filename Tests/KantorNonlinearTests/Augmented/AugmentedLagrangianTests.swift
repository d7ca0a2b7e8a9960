import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// The augmented Lagrangian method: the collections, degenerate problems, products, failures.
@Suite struct AugmentedLagrangianTests {
  private static let entry = AugmentedLagrangian.entry

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(a), abs(b))
  }

  @Test(arguments: [true, false]) func theCollectionsAreSolved(hessian: Bool) throws {
    var evaluations: [Int] = []
    for p in TextCollection.all {
      let s = try p.solve(Self.entry, hessian: hessian)
      // Of several local solutions it may find another than the nearest.
      #expect(s.status == .solved, "\(p.name) \(s.status) \(s.objective)")
      // HS13 has no multipliers, which leaves f with few digits.
      #expect(
        p.isOptimum(s.objective, tolerance: p.name == "HS13" ? 1e-2 : 1e-6) || p.optima.count > 1
          || p.name == "HS81", "\(p.name) \(s.objective)")
      evaluations.append(s.count("evaluations"))
    }
    evaluations.sort()
    #expect(evaluations[evaluations.count / 2] <= 30 && evaluations.last ?? .max <= 400)
  }

  /// Patterns change the order of sums, nothing else.
  @Test func patternsTakeTheSameSteps() throws {
    for name in ["HS7", "HS43", "HS71", "HS76", "HS113", "HS78", "BT3"] {
      let p = try TextCollection.named(name)
      let dense = try p.solve(Self.entry)
      let s = try Solving.run(Self.entry, p.patterned())
      #expect(s.status == .solved && near(s.objective, dense.objective, 1e-8), "\(name)")
      #expect(s.count("evaluations") <= dense.count("evaluations") + 2, "\(name)")
    }
  }

  /// Rows that a step meets are no surprise to it, so an exact model needs no search.
  @Test func linearRowsAndAQuadraticTakeFewEvaluations() throws {
    for name in ["HS21", "HS35", "HS76", "HS118", "HS44"] {
      let s = try TextCollection.named(name).solve(Self.entry)
      #expect(s.status == .solved && s.count("evaluations") <= 16, "\(name)")
    }
  }

  /// The end is Newton's: with second derivatives few steps after the first multipliers.
  @Test func newtonsStepsEndIt() throws {
    for name in ["HS7", "HS26", "HS40", "HS77", "HS78", "HS79"] {
      let s = try TextCollection.named(name).solve(Self.entry)
      #expect(s.status == .solved && s.count("outer_iterations") <= 3, "\(name)")
    }
  }

  @Test func degenerateProblemsHaveTheirSolutions() throws {
    let known = [("WB", 1.0), ("MPCC", 1.0), ("RANKDEF", 0.5), ("OVERDETERMINED", 2.7639320225)]
    for (name, f) in known {
      let s = try TextCollection.named(name).solve(Self.entry)
      #expect(s.status == .solved && near(s.objective, f), "\(name) \(s.objective)")
    }
    // No multipliers: a good point all the same.
    let s = try TextCollection.named("HS13").solve(Self.entry)
    #expect(near(s.objective, 1, 1e-2))
  }

  @Test func multipliersAreThoseOfThePaper() throws {
    let s = try TextCollection.named("HS71").solve(Self.entry)
    let y = try s.result.array("y").list()
    #expect(near(y[0], -0.5522936, 1e-5) && near(y[1], 0.1614686, 1e-5))
    #expect(near(try s.result.array("z_lower").list()[0], 1.0878712, 1e-5))
  }

  @Test(arguments: ["newton", "cg", "lbfgs"]) func everyInnerSolverSolves(inner: String) throws {
    for name in ["HS6", "HS28", "HS35", "HS42", "HS43", "HS48", "HS71", "HS76", "HS113"] {
      let p = try TextCollection.named(name)
      let s = try p.solve(
        Self.entry, ["inner": .text(inner), "tolerance": .real(1e-6)])
      #expect(s.status == .solved && p.isOptimum(s.objective, tolerance: 1e-4), "\(name)")
    }
  }

  /// min |x - a|^2 / 2 + |x|^4 / 4 with x_i + ... sums of neighbours fixed, by products alone.
  @Test func productsAreEnough() throws {
    let n = 400
    let m = n / 4
    var f = Functions()
    f.value = { x, out in
      var sum = 0.0
      for j in 0..<n {
        let a = x[j] - Double(j % 5)
        sum += 0.5 * a * a + 0.25 * x[j] * x[j] * x[j] * x[j]
      }
      out[0] = sum
      return 0
    }
    f.gradient = { x, out in
      for j in 0..<n { out[j] = x[j] - Double(j % 5) + x[j] * x[j] * x[j] }
      return 0
    }
    f.map = { x, out in
      for i in 0..<m { out[i] = x[4 * i] + x[4 * i + 1] + x[4 * i + 2] + x[4 * i + 3] }
      return 0
    }
    f.jacobianProduct = { _, v, out in
      for i in 0..<m { out[i] = v[4 * i] + v[4 * i + 1] + v[4 * i + 2] + v[4 * i + 3] }
      return 0
    }
    f.jacobianTransposeProduct = { _, w, out in
      for j in 0..<n { out[j] = w[j / 4] }
      return 0
    }
    let without = f
    f.hessianProduct = { x, sigma, _, v, out in
      for j in 0..<n { out[j] = sigma * (1 + 3 * x[j] * x[j]) * v[j] }
      return 0
    }
    let side = try Buffer<Double>(count: m, repeating: 4)
    func solve(_ functions: Functions) throws -> Solved {
      try Solving.run(
        Self.entry,
        NonlinearProblem(
          functions: functions, start: Buffer(count: n), constraintLower: side,
          constraintUpper: side))
    }
    let s = try solve(f)
    #expect(s.status == .solved && s.count("jacobian_evaluations") == 0)
    #expect(s.count("hessian_products") > 0 && s.count("cg_iterations") > 0)
    for i in 0..<m { #expect(near(s.x[(4 * i)..<(4 * i + 4)].reduce(0, +), 4)) }
    let other = try solve(without)
    #expect(other.status == .solved && near(other.objective, s.objective, 1e-7))
    #expect(other.count("hessian_products") == 0)
  }

  @Test func contradictionsAndFallsAreReported() throws {
    let disc = try TextCollection.problems(
      "problem A\nstart 3 4\nminimise x1\nrow x1^2 + x2^2 <= -1")[0]
    let s = try disc.solve(Self.entry)
    #expect(s.status == .locallyInfeasible && near(s.number("violation"), 1, 1e-5))
    let ray = try TextCollection.problems("problem B\nstart 1\nminimise -x1\nrow x1 >= 0")[0]
    #expect(try ray.solve(Self.entry).status == .unbounded)
  }

  @Test func limitsAndFailures() throws {
    let p = try TextCollection.named("HS38")
    let s = try p.solve(Self.entry, ["max_evaluations": .int(7)])
    #expect(s.status == .evaluationLimit && s.count("evaluations") == 7)
    var functions = p.functions()
    functions.value = { _, out in
      out[0] = .nan
      return 0
    }
    let failed = try Solving.run(Self.entry, p.problem(functions))
    #expect(failed.status == .callbackError)
    #expect(try failed.result.text("message").contains("value: entry 0 is nan"))
    let log = try TextCollection.problems(
      "problem A\nstart 0.5\nbounds 0 inf\nminimise x1 - log(x1)")[0]
    #expect(near(try log.solve(Self.entry).x[0], 1))
  }

  @Test func aWarmStartIsNearTheEnd() throws {
    let p = try TextCollection.named("HS113")
    let first = try p.solve(Self.entry)
    let again = try p.solve(Self.entry, start: WarmStart(result: first.result))
    #expect(again.status == .solved && again.count("iterations") <= 3)
    #expect(again.count("iterations") < first.count("iterations"))
  }
}
