import Glibc
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Sequential quadratic programming: the collections, failures, limits and warm starts.
@Suite struct SQPTests {
  private static let entry = SQP.entry

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(a), abs(b))
  }

  /// HS13 has no multipliers: what is asked of it is a good point.
  private func isGood(_ p: TextProblem, _ s: Solved) -> Bool {
    if p.name == "HS13" { return abs(s.objective - 1) < 1e-4 && s.number("violation") < 1e-6 }
    return s.status == .solved && p.isOptimum(s.objective)
  }

  @Test func theCollectionsAreThere() {
    #expect(TextCollection.hockSchittkowski.count == 92)
    #expect(TextCollection.equalityAndDegenerate.count == 13)
    #expect(TextCollection.all.allSatisfy { !$0.optima.isEmpty && $0.n > 0 })
  }

  @Test(arguments: [true, false]) func everyProblemIsSolved(hessian: Bool) throws {
    for p in TextCollection.all {
      let options: [String: OptionValue] = p.name == "HS13" ? ["rescue": .flag(false)] : [:]
      let s = try p.solve(Self.entry, hessian: hessian, options)
      let message = (try? s.result.text("message")) ?? ""
      #expect(isGood(p, s), "\(p.name) \(s.status) \(s.objective) \(message)")
    }
  }

  @Test func multipliersOfKnownSize() throws {
    let s = try TextCollection.named("HS71").solve(Self.entry)
    let y = try s.result.array("y").list()
    #expect(near(y[0], -0.5522936, 1e-5) && near(y[1], 0.1614686, 1e-5))
    let z = try s.result.array("z_lower").list()
    #expect(near(z[0], 1.0878712, 1e-5))
    let other = try TextCollection.named("HS43").solve(Self.entry, hessian: false)
    let weights = try other.result.array("y").list()
    #expect(near(weights[0], 1, 1e-5) && near(weights[1], 0, 1e-5) && near(weights[2], 2, 1e-5))
  }

  @Test func differencesReplaceDerivatives() throws {
    for name in ["HS6", "HS26", "HS35", "HS43", "HS71", "HS76", "HS100", "HS113"] {
      let p = try TextCollection.named(name)
      var functions = p.functions(hessian: false)
      functions.gradient = nil
      functions.jacobian = nil
      let s = try Solving.run(
        Self.entry, p.problem(functions), ["tolerance": .real(1e-6)])
      #expect(s.status == .solved && p.isOptimum(s.objective, tolerance: 1e-5), "\(name)")
      #expect(s.count("gradient_evaluations") == 0)
    }
  }

  @Test func aJointFunctionIsCalledOncePerPoint() throws {
    let p = try TextCollection.named("HS71")
    var functions = p.functions(hessian: false)
    guard let value = functions.value, let gradient = functions.gradient else { return }
    functions.valueGradient = { x, f, g in
      _ = value(x, f)
      return gradient(x, g)
    }
    functions.value = nil
    functions.gradient = nil
    let joint = try Solving.run(Self.entry, p.problem(functions))
    let apart = try p.solve(Self.entry, hessian: false)
    #expect(joint.x == apart.x)
    #expect(joint.count("evaluations") == apart.count("evaluations"))
    #expect(joint.count("gradient_evaluations") == apart.count("evaluations"))
  }

  // MARK: Infeasible and unbounded

  /// Beside a bound of 0 the rounding of x + d has a size that no tolerance is small for.
  @Test func variablesAtBoundsOfZeroAreThereAtOnce() throws {
    let n = 10
    let band: [Double] = [12, -4, 1]
    let linear: [Double] = [-3, 1, 0, 1, -3, 4, 0, 1, 1, 1]
    var f = Functions()
    f.gradient = { x, out in
      for i in 0..<n {
        out[i] = linear[i]
        for j in max(i - 2, 0)...min(i + 2, n - 1) { out[i] += band[abs(i - j)] * x[j] }
      }
      return 0
    }
    f.value = { x, out in
      out[0] = 0
      for i in 0..<n {
        out[0] += linear[i] * x[i]
        for j in max(i - 2, 0)...min(i + 2, n - 1) {
          out[0] += 0.5 * band[abs(i - j)] * x[i] * x[j]
        }
      }
      return 0
    }
    f.hessian = { _, sigma, _, out in
      for i in 0..<n {
        for j in 0..<n { out[i * n + j] = abs(i - j) < 3 ? sigma * band[abs(i - j)] : 0 }
      }
      return 0
    }
    let zeros = try Buffer<Double>(count: n)
    let s = try Solving.run(
      Self.entry, NonlinearProblem(functions: f, start: zeros, lower: zeros))
    #expect(s.status == .solved && s.count("evaluations") <= 4, "\(s.count("evaluations"))")
  }

  @Test func contradictionsAreReported() throws {
    let disc = try TextCollection.problems(
      "problem A\nstart 3 4\nminimise x1\nrow x1^2 + x2^2 <= -1")[0]
    for hessian in [true, false] {
      let s = try disc.solve(Self.entry, hessian: hessian)
      #expect(s.status == .locallyInfeasible)
      #expect(near(s.number("violation"), 1, 1e-5) && abs(s.x[0]) < 1e-3)
    }
    let lines = try TextCollection.problems(
      "problem B\nstart 3\nminimise x1\nrow x1 >= 1\nrow x1 <= 0")[0]
    let s = try Solving.run(
      Self.entry, lines.problem(lines.functions(), linear: [1, 1]))
    #expect(s.status == .infeasible)
    let weights = try s.result.array("weights").list()
    #expect(near(weights[0], -1) && near(weights[1], 1))
  }

  @Test func fallsWithoutEndAreReported() throws {
    let ray = try TextCollection.problems("problem A\nstart 1\nminimise -x1\nrow x1 >= 0")[0]
    for hessian in [true, false] {
      #expect(try ray.solve(Self.entry, hessian: hessian).status == .unbounded)
    }
  }

  // MARK: Shapes

  @Test func smallAndFixedProblems() throws {
    let one = try TextCollection.problems("problem A\nstart 7\nminimise (x1 - 1)^2\noptimum 0")[0]
    let s = try one.solve(Self.entry)
    #expect(s.status == .solved && s.count("iterations") == 1 && near(s.x[0], 1))
    let fixed = try TextCollection.problems(
      "problem B\nstart 0 0\nbounds 2 2\nminimise x1*x2\nrow x1 + x2 = 4")[0]
    let t = try fixed.solve(Self.entry)
    #expect(t.status == .solved && t.count("iterations") == 0 && t.x == [2, 2])
    let tiny = try TextCollection.problems(
      "problem C\nstart 1e-12\nbounds 0.5e-12 1.5e-12\nminimise 1e12*x1")[0]
    #expect(near(try tiny.solve(Self.entry).x[0] * 1e12, 0.5, 1e-2))
  }

  @Test func refusals() throws {
    let p = try TextCollection.named("HS71")
    #expect(throws: KantorError.self) {
      try p.solve(Self.entry, hessian: false, ["hessian": .text("exact")])
    }
    var wide = try TextCollection.problems("problem A\nstart 1\nminimise x1^2")[0]
    wide.start = .init(repeating: 1, count: 501)
    wide.lower = .init(repeating: 0, count: 501)
    wide.upper = wide.start
    #expect(throws: KantorError.self) { try wide.solve(Self.entry) }
  }

  // MARK: The host's functions

  @Test func pointsOutsideTheDomainShortenTheStep() throws {
    let p = try TextCollection.problems(
      "problem A\nstart 0.5 4\nminimise x1 - log(x1) + (x2 - 1)^2 - log(x2)")[0]
    for hessian in [true, false] {
      let s = try p.solve(Self.entry, hessian: hessian)
      #expect(s.status == .solved && near(s.x[0], 1, 1e-5))
    }
  }

  @Test func failuresHaveAName() throws {
    let p = try TextCollection.named("HS71")
    var functions = p.functions()
    functions.gradient = { _, out in
      for i in 0..<4 { out[i] = i == 2 ? .nan : 1 }
      return 0
    }
    let s = try Solving.run(Self.entry, p.problem(functions))
    #expect(s.status == .callbackError)
    #expect(try s.result.text("message").contains("gradient: entry 2 is nan"))
    functions.gradient = p.functions().gradient
    functions.map = { _, _ in -7 }
    #expect(try Solving.run(Self.entry, p.problem(functions)).status == .stoppedByCallback)
  }

  @Test func theLimitOfEvaluationsIsExact() throws {
    let p = try TextCollection.named("HS38")
    let s = try p.solve(Self.entry, hessian: false, ["max_evaluations": .int(7)])
    #expect(s.status == .evaluationLimit && s.count("evaluations") == 7)
    let short = try p.solve(Self.entry, ["max_iterations": .int(3)])
    #expect(short.status == .iterationLimit && short.count("iterations") == 3)
    #expect(short.objective < 19192)
  }

  // MARK: Warm starts

  @Test(arguments: [true, false]) func asSolutionNeedsOneEvaluation(hessian: Bool) throws {
    for name in ["HS43", "HS71", "HS100", "HS113", "HS106"] {
      let p = try TextCollection.named(name)
      let first = try p.solve(Self.entry, hessian: hessian)
      let again = try p.solve(Self.entry, hessian: hessian, start: WarmStart(result: first.result))
      #expect(again.status == .solved && again.count("iterations") <= 1, "\(name)")
      #expect(again.count("evaluations") <= 2 && again.count("working_set_changes") <= 1)
    }
  }

  @Test func aNearbyProblemTakesFewSteps() throws {
    let p = try TextCollection.named("HS113")
    let first = try p.solve(Self.entry, hessian: false)
    var moved = p
    moved.rowUpper[0] = 104
    let cold = try moved.solve(Self.entry, hessian: false)
    let warm = try moved.solve(Self.entry, hessian: false, start: WarmStart(result: first.result))
    #expect(warm.status == .solved && near(warm.objective, cold.objective))
    #expect(warm.count("evaluations") < cold.count("evaluations"))
  }
}
