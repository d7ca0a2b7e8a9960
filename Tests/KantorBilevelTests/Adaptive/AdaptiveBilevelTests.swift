import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// The default method.
@Suite struct AdaptiveBilevelTests {
  private func solve(
    _ id: String, second: Bool = true, _ options: [String: OptionValue] = [:],
    cancelled: Bool = false
  ) throws -> Result {
    let settings = Settings(method: AdaptiveBilevel.spec)
    for (name, value) in options { try settings.set(name, value) }
    if cancelled { settings.cancel.cancel() }
    return try AdaptiveBilevel.entry.solve(
      try BilevelCase.named(id).sealed(second: second),
      try settings.run(for: AdaptiveBilevel.spec))
  }

  /// Every optimistic problem of the file to its global answer, with second derivatives and
  /// without, and a certificate that says so.
  @Test(arguments: BilevelCase.all.filter { $0.mode == "optimistic" })
  func solvesEveryCase(_ one: BilevelCase) throws {
    for second in [true, false] {
      let result = try solve(one.id, second: second)
      #expect(result.status == .solved)
      // An inequality y^2 <= x at x = 0 leaves y the root of the precision of x.
      let tolerance = one.id == "dempe1992b" ? 2e-4 : one.valueTolerance
      #expect(abs(try result.real("objective") - one.value) < tolerance * (1 + abs(one.value)))
    }
  }

  /// Random starts end where they lead to nothing new; a number that was asked for is kept to.
  @Test func fewCallsForOneMinimum() throws {
    for id in ["quad_scalar", "minimax"] {
      let few = try solve(id)
      let all = try solve(id, second: true, ["starts": .int(16)])
      #expect(few.status == .solved)
      #expect(try few.int("evaluations") < all.int("evaluations"))
    }
  }

  /// Where f has a kink at its minimum, lower solves that creep end.
  @Test func kinksEndLowerSolves() throws {
    let result = try solve("lasso_1hp", second: false, ["max_evaluations": .int(200_000)])
    #expect(result.status != .evaluationLimit)
  }

  /// Same seed, same bits.
  @Test func repeats() throws {
    for id in ["svm_1c", "mirrlees1999"] {
      let (a, b) = (try solve(id), try solve(id))
      #expect(try a.array("x").list() == b.array("x").list())
      #expect(try a.int("evaluations") == b.int("evaluations"))
    }
  }

  @Test func limitsAndCancel() throws {
    let few = try solve("svm_1c", ["max_evaluations": .int(200)])
    #expect(few.status == .evaluationLimit || few.status == .solved)
    #expect(try few.int("evaluations") <= 200)
    #expect(try solve("svm_1c", cancelled: true).status == .cancelled)
    #expect(try solve("svm_1c", ["time_limit": .real(0)]).status == .timeLimit)
  }

  /// A lower level without feasible points, or without end, is reported with its x.
  @Test func lowerLevelWithoutAnswer() throws {
    func result(_ lower: Functions, rows: Int64) throws -> Result {
      let problem = try BilevelCase.named("quad_scalar").problem()
      try problem.set("lower", .functions(lower))
      if rows > 0 { try problem.set("lower_rows", .int(rows)) }
      let sealed = try #require(try problem.seal() as? BilevelProblem)
      return try AdaptiveBilevel.entry.solve(sealed, Settings.defaultRun(for: AdaptiveBilevel.spec))
    }
    var functions = Functions()
    functions.value = { w, out in
      out[0] = w[1]
      return 0
    }
    functions.gradient = { _, out in
      out[0] = 0
      out[1] = 1
      return 0
    }
    let unbounded = try result(functions, rows: 0)
    #expect(unbounded.status == .unbounded)
    #expect(try unbounded.text("reason") == "lower_unbounded")
    functions.map = { w, out in
      out[0] = w[1] - 1
      out[1] = 2 - w[1]
      return 0
    }
    let infeasible = try result(functions, rows: 2)
    #expect(infeasible.status == .locallyInfeasible)
    #expect(try infeasible.text("message").contains("no feasible y was found for x = (3)"))
  }

  /// NaN of a function at the start is said, and nothing is claimed.
  @Test func undefinedFunctions() throws {
    let problem = try BilevelCase.named("quad_scalar").problem()
    var functions = Functions()
    functions.value = { _, out in
      out[0] = .nan
      return 0
    }
    functions.gradient = { _, out in
      out[0] = 0
      out[1] = .nan
      return 0
    }
    try problem.set("lower", .functions(functions))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    let result = try AdaptiveBilevel.entry.solve(
      sealed, Settings.defaultRun(for: AdaptiveBilevel.spec))
    #expect(result.status == .numericalError)
    #expect(try result.text("message").contains("nan"))
  }
}
