import KantorBilevel
import KantorCone
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Nested problems that cannot be used, have no answer, or are ended.
@Suite struct NestedFailureTests {
  /// min z^2/2 + q z with x <= z <= 1.
  private static func between() throws -> Problem {
    try Problem.of(
      ConeKind.kind,
      [("P", [1], [1, 1]), ("q", [0], []), ("A", [-1, 1], [2, 1]), ("b", [0, 1], [])],
      words: ["cones": "nonnegative 2"])
  }

  private static func nested(
    start: [Double] = [0.5], fields: String = "b", answers: String = "x", size: Int = 1,
    upper: Functions? = nil
  ) throws -> NestedCase {
    try NestedCase(
      lower: try between(), by: InteriorPoint.entry, fields: fields, answers: answers, size: size,
      start: start, upper: upper ?? .distance(nx: 1, to: [0.25]))
  }

  /// Where the lower problem is infeasible or unbounded at the start, the result says at which x.
  @Test func noLowerAnswer() throws {
    let infeasible = try Self.nested(start: [2]).matrix([[-1], [0]]).solve()
    #expect(infeasible.status == .locallyInfeasible)
    #expect(try infeasible.text("reason") == "lower_infeasible")
    #expect(try infeasible.text("message").contains("x = (2)"))
    #expect(try infeasible.text("lower_status") == "infeasible")
    let linear = try Problem.of(
      ConeKind.kind, [("q", [0], []), ("A", [-1], [1, 1]), ("b", [0], [])],
      words: ["cones": "nonnegative 1"])
    let unbounded = try NestedCase(
      lower: linear, by: InteriorPoint.entry, fields: "q", answers: "x", size: 1, start: [-1],
      upper: .distance(nx: 1, to: [1])
    ).matrix([[1]]).solve()
    #expect(unbounded.status == .unbounded)
    #expect(try unbounded.text("reason") == "lower_unbounded")
    #expect(try unbounded.text("message").contains("x = (-1)"))
  }

  /// The search stays where the lower problem has answers, and says what kept it.
  @Test func edgeOfTheDomain() throws {
    let result = try Self.nested(
      upper: .of { w, g in
        (g[0], g[1]) = (w[0] - 3, 0)
        return 0.5 * (w[0] - 3) * (w[0] - 3)
      }
    ).matrix([[-1], [0]]).solve()
    let x = try result.array("x").list()[0]
    #expect(x > 0.9 && x <= 1 + 1e-6)
    #expect(result.status != .solved)
    #expect(try result.text("message").contains("without an answer"))
  }

  /// At x = 0 the answer max(x, 0) has a kink, at which F = -z would be stationary from the left.
  @Test func kinkIsNotCalledSolved() throws {
    let result = try Self.nested(
      start: [0],
      upper: .of { w, g in
        (g[0], g[1]) = (0, -1)
        return -w[1]
      }
    ).matrix([[-1], [0]]).bounds([-1], [0.5]).solve()
    let x = try result.array("x").list()[0]
    #expect((result.status == .solved) == (abs(x - 0.5) < 1e-6))
    if result.status != .solved { #expect(try result.text("reason") != "none") }
  }

  /// Budgets are exact.
  @Test(arguments: [1, 2, 3, 5])
  func budgets(_ most: Int64) throws {
    let calls = Notes([0])
    var upper = Functions.distance(nx: 1, to: [0.25])
    let (value, gradient) = (try #require(upper.value), try #require(upper.gradient))
    upper.value = { w, out in
      calls.all[0] += 1
      return value(w, out)
    }
    upper.gradient = { w, out in
      calls.all[0] += 1
      return gradient(w, out)
    }
    let nested = try Self.nested(start: [0.9], upper: upper).matrix([[-1], [0]])
    let limited = try nested.solve(["max_evaluations": .int(most), "check_directions": .int(0)])
    #expect(limited.status == .evaluationLimit)
    #expect(try limited.int("evaluations") == most)
    // Beyond the budget only the certificate's own value and gradient, where there is a point.
    #expect(calls.all[0] == Double(most + (most >= 2 ? 2 : 0)))
    let solves = try nested.solve(["max_lower_solves": .int(1)])
    #expect(solves.status == .evaluationLimit)
    #expect(try solves.int("lower_solves") == 1)
    let steps = try nested.solve(["max_iterations": .int(1), "tolerance": .real(1e-12)])
    #expect(steps.status == .iterationLimit || steps.status == .solved)
    #expect(try steps.int("iterations") <= 1)
  }

  /// A start without a lower answer is left for others.
  @Test func furtherStarts() throws {
    let nested = try Self.nested(start: [2]).matrix([[-1], [0]]).bounds([-2], [2])
    let result = try nested.solve(["starts": .int(16)])
    #expect(result.status == .solved)
    #expect(try result.real("objective") < 1e-9)
    #expect(try result.int("lower_solves") > 16)
  }

  @Test func timeLimit() throws {
    let result = try Self.nested().matrix([[-1], [0]]).solve(["time_limit": .real(0)])
    #expect(result.status == .timeLimit)
  }

  @Test func upperFunctionsThatFail() throws {
    var upper = Functions.distance(nx: 1, to: [0.25])
    upper.value = { _, _ in 1 }
    let undefined = try Self.nested(upper: upper).matrix([[-1], [0]]).solve()
    #expect(undefined.status == .callbackError)
    #expect(try undefined.text("message").contains("x = (0.5)"))
    upper.value = { _, _ in -3 }
    #expect(try Self.nested(upper: upper).matrix([[-1], [0]]).solve().status == .stoppedByCallback)
    upper.value = { _, out in
      out[0] = .nan
      return 0
    }
    #expect(try Self.nested(upper: upper).matrix([[-1], [0]]).solve().status == .callbackError)
  }

  /// The lower problem is sealed by being handed over.
  @Test func lowerProblemDoesNotChange() throws {
    let lower = try Self.between()
    let nested = try NestedCase(
      lower: lower, by: InteriorPoint.entry, fields: "b", answers: "x", size: 1, start: [0.5],
      upper: .distance(nx: 1, to: [0.25])
    ).matrix([[-1], [0]])
    let tensor = Tensor(try Buffer([5.0]))
    #expect(failure { () throws(KantorError) in try lower.set("q", .array(tensor)) } == .state)
    #expect(try nested.solve().status == .solved)
  }

  /// Each refusal names what is wrong.
  @Test(arguments: [
    ("b, z", "x", 1, [[-1.0], [0]], KantorError.Code.name, "'z'"),
    ("b, b", "x", 1, [[-1.0], [0]], .range, "twice"),
    ("b,, q", "x", 1, [[-1.0], [0]], .range, "commas"),
    ("cones", "x", 1, [[-1.0], [0]], .type, "cones"),
    ("lower", "x", 1, [[-1.0], [0]], .missing, "'lower'"),
    ("b", "w", 1, [[-1.0], [0]], .name, "'w'"),
    ("b", "iterations", 1, [[-1.0], [0]], .type, "iterations"),
    ("b", "x", 2, [[-1.0], [0]], .shape, "answer_size is 2"),
    ("b", "x", 0, [[-1.0], [0]], .range, "answer_size"),
    ("b", "x", 1, [[-1.0]], .shape, "(2, 1)"),
    ("b", "x", 1, [[-1.0, 0], [0, 0]], .shape, "(2, 1)"),
    ("b", "x", 1, [], .missing, "lower_map"),
    ("b", "primal_residual", 1, [[-1.0], [0]], .unsupported, "primal_residual"),
  ])
  func refusals(
    _ fields: String, _ answers: String, _ size: Int, _ matrix: [[Double]],
    _ code: KantorError.Code, _ word: String
  ) throws {
    var nested = try Self.nested(fields: fields, answers: answers, size: size)
    if !matrix.isEmpty { nested = try nested.matrix(matrix) }
    let given = nested
    let failed = error { () throws(KantorError) in _ = try given.solve() }
    #expect(failed?.code == code)
    #expect(failed?.message.contains(word) == true, "\(failed?.message ?? "")")
  }

  @Test func methodsWithoutDerivatives() throws {
    var residuals = Functions()
    residuals.map = { z, out in
      out[0] = z[0] - 1
      return 0
    }
    let lower = try Problem.of(LeastSquaresKind.kind, [("start", [0], [])])
    try lower.set("functions", .functions(residuals))
    try lower.set("residual_count", .int(1))
    let nested = try NestedCase(
      lower: lower, by: LevenbergMarquardt.entry, fields: "start", answers: "x", size: 1,
      start: [0], upper: .distance(nx: 1, to: [1])
    ).matrix([[1]])
    let failed = error { () throws(KantorError) in _ = try nested.solve() }
    #expect(failed?.code == .unsupported)
    #expect(failed?.message.contains("no derivatives") == true)
    let other = Settings(method: ActiveSet.spec)
    let between = try Self.between()
    let mismatch = failure { () throws(KantorError) in
      _ = try Subproblem(between, by: InteriorPoint.entry, settings: other)
    }
    #expect(mismatch == .state)
  }

  @Test func hypergradientAtAPoint() throws {
    let nested = try Self.nested().matrix([[-1], [0]])
    let result = try nested.hypergradient([0.5])
    #expect(result.status == .solved)
    #expect(abs(try result.array("gradient").list()[0] - 0.25) < 1e-6)
    #expect(try result.real("derivative_check").isNaN)
    #expect(try nested.hypergradient([2]).status == .locallyInfeasible)
    for (x, code) in [([1.0, 2], KantorError.Code.shape), ([.infinity], .notFinite)] {
      #expect(failure { () throws(KantorError) in _ = try nested.hypergradient(x) } == code)
    }
  }
}
