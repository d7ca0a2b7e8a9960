import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// Derivatives backwards through lower gradient steps.
@Suite struct UnrolledTests {
  private func solve(
    _ id: String, second: Bool = true, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: Unrolled.spec)
    for (name, value) in options { try settings.set(name, value) }
    let problem = try BilevelCase.named(id).sealed(second: second)
    return try Unrolled.entry.solve(problem, try settings.run(for: Unrolled.spec))
  }

  /// Strongly convex lower levels, with bounds and without.
  @Test(arguments: [
    "quad_scalar", "quad_2x3", "ridge_1hp", "ridge_2hp", "logreg_wd", "weighted_mean", "minimax",
    "stackelberg_duopoly", "stackelberg_2followers", "desilva1978", "falk_liu1995",
  ])
  func solvesWhatItTakes(_ id: String) throws {
    for second in [true, false] {
      let result = try solve(id, second: second)
      #expect(result.status == .solved)
      #expect(try BilevelCase.named(id).accepts(try result.real("objective")))
    }
  }

  /// Too few steps are honest about it; more of them come by themselves.
  @Test func countsItsSteps() throws {
    let few = try solve("illcond_quad", ["steps": .int(10), "max_steps": .int(10)])
    #expect(few.status != .solved)
    #expect(try few.text("reason") == "lower_not_stationary" || few.real("lower_gap") > 1e-6)
    let more = try solve("quad_2x3", ["steps": .int(3)])
    #expect(more.status == .solved)
    #expect(try more.int("steps") > 3)
  }

  /// The counter-example of plain unrolling: y2 never moves, and the certificate says so.
  @Test func counterexample() throws {
    let result = try solve("bda_counterexample")
    #expect(result.status == .stalled)
    #expect(try result.text("reason") == "not_stationary")
    #expect(abs(try result.real("objective") - 0.25) < 0.01)
  }

  /// A truncated way back has a derivative with an error, and does not pass for the whole one.
  @Test func truncation() throws {
    let options: [String: OptionValue] = ["truncate": .int(1), "steps": .int(200)]
    let result = try solve("quad_2x3", options)
    #expect(result.status != .solved)
    #expect(try result.real("hypergradient_norm") > 1e-3)
  }

  @Test func refusals() throws {
    #expect(throws: KantorError.self) { try solve("svm_1c") }
    #expect(throws: KantorError.self) { try solve("shimizu_aiyoshi1981ex2") }
  }
}
