import KantorBilevel
import KantorCore
import TestSupport
import Testing

@Suite struct BammTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solveBilevel(Bamm.self, try BilevelCase.named(id).sealed(), options)
  }

  /// Convex lower levels for which mu F + (1 - mu) f is strongly convex near the solution.
  @Test(arguments: [
    "quad_scalar", "quad_2x3", "illcond_quad", "ridge_1hp", "ridge_2hp", "logreg_wd",
    "weighted_mean", "stackelberg_duopoly", "stackelberg_2followers", "toll_system_optimum",
    "switch_bound", "lvhba_llc_n2", "simplex_projection", "svm_1c", "bda_counterexample",
    "segment_optimistic", "desilva1978", "falk_liu1995", "muu_quy2003ex1", "unbounded_smooth",
  ])
  func knownAnswers(_ id: String) throws {
    let result = try solve(id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(try BilevelCase.named(id).accepts(objective), "F = \(objective)")
  }

  /// The published loop finds the optimistic solution where unrolling f alone ends at F = 0.25.
  @Test func publishedLoop() throws {
    let result = try solve(
      "bda_counterexample", ["variant": .text("published"), "max_iterations": .int(6000)])
    #expect(try result.real("objective") < 1e-3)
    #expect(throws: KantorError.self) { try solve("svm_1c", ["variant": .text("published")]) }
  }

  @Test func limitsAreExact() throws {
    for limit: Int64 in [1, 8, 40] {
      let result = try solve("ridge_2hp", ["max_evaluations": .int(limit)])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") <= limit)
    }
  }
}

@Suite struct BoRepTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solveBilevel(BoRep.self, try BilevelCase.named(id).sealed(), options)
  }

  @Test(arguments: [
    "quad_scalar", "quad_2x3", "ridge_1hp", "ridge_2hp", "logreg_wd", "weighted_mean", "minimax",
    "unbounded_smooth",
  ])
  func knownAnswers(_ id: String) throws {
    let result = try solve(id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(try BilevelCase.named(id).accepts(objective), "F = \(objective)")
  }

  /// Where |grad F| is 22026 at the start, steps of fixed length still come near.
  @Test func exponentialGrowth() throws {
    let fixed = try solve(
      "unbounded_smooth",
      ["variant": .text("published"), "max_iterations": .int(4000), "nu": .real(0.4)])
    #expect(abs(try fixed.array("x").list()[0] - 1) < 0.6)
    let falling = try solve("unbounded_smooth", ["eta": .real(0.05), "polish": .flag(false)])
    #expect(abs(try falling.array("x").list()[0] - 1) < 0.05)
  }

  @Test func batches() throws {
    let data = FiniteSum(samples: 400)
    let whole = try solveBilevel(F2SA.self, try data.problem(), ["batch_size": .int(0)])
    func run(_ seed: Int64) throws -> Result {
      try solveBilevel(
        BoRep.self, try data.problem(),
        ["seed": .int(seed), "batch_size": .int(32), "polish": .flag(false)])
    }
    let first = try run(1)
    #expect(try first.real("objective") < whole.real("objective") + 0.02)
    #expect(try first.array("x").list() == run(1).array("x").list())
    #expect(try first.array("x").list() != run(2).array("x").list())
  }

  @Test func refusals() throws {
    #expect(throws: KantorError.self) { try solve("svm_1c") }
    let short = try solve("ridge_2hp", ["max_evaluations": .int(50)])
    #expect(short.status == .evaluationLimit)
    #expect(try short.int("evaluations") <= 50)
  }
}

@Suite struct BdaTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solveBilevel(Bda.self, try BilevelCase.named(id).sealed(), options)
  }

  @Test(arguments: [
    "quad_scalar", "quad_2x3", "ridge_1hp", "logreg_wd", "bda_counterexample",
    "stackelberg_duopoly", "stackelberg_2followers",
  ])
  func knownAnswers(_ id: String) throws {
    let result = try solve(id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(try BilevelCase.named(id).accepts(objective), "F = \(objective)")
  }

  /// Without the aggregate the steps end at another lower solution; with it, falling as 1 / t, they
  /// come to the right one, x = 1, slowly with T.
  @Test func publishedSchedule() throws {
    func x(_ aggregation: Double, _ steps: Int64, step: Double = 0.5) throws -> Double {
      try solve(
        "bda_counterexample",
        [
          "variant": .text("published"), "aggregation": .real(aggregation),
          "steps": .int(steps), "max_iterations": .int(400), "lower_step": .real(step),
          "x_step": .real(0.5),
        ]
      ).array("x").list()[0]
    }
    #expect(abs(try x(0, 64) - 0.505) < 0.01)
    let ladder = [try x(0.5, 16), try x(0.5, 64), try x(0.5, 256)]
    // y_T is affine in x here, with these minimisers of F(x, y_T(x)).
    for (found, exact) in zip(ladder, [0.850, 0.922, 0.960]) { #expect(abs(found - exact) < 0.01) }
    #expect(abs(try x(0.5, 256, step: 0.1) - 0.649) < 0.01)
    #expect(ladder[0] > 0.52 && ladder[0] < ladder[1] && ladder[1] < ladder[2], "\(ladder)")
    #expect(ladder[2] < 0.99)
  }

  @Test func refusals() throws {
    #expect(throws: KantorError.self) { try solve("svm_1c") }
    let short = try solve("quad_2x3", ["max_evaluations": .int(50)])
    #expect(short.status == .evaluationLimit)
    #expect(try short.int("evaluations") <= 50)
  }
}
