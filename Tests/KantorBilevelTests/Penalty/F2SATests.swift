import KantorBilevel
import KantorCore
import TestSupport
import Testing

@Suite struct F2SATests {
  /// Lower levels that are strongly convex near the solution, without rows of the upper level.
  static let solvable = [
    "quad_scalar", "quad_2x3", "illcond_quad", "ridge_1hp", "ridge_2hp", "logreg_wd",
    "weighted_mean", "minimax", "stackelberg_duopoly", "stackelberg_2followers", "toll_revenue",
    "toll_system_optimum", "switch_bound", "lvhba_llc_n2", "blocc_toy1", "blocc_toy2",
    "simplex_projection", "ball_lmo", "svm_1c", "pbgd_toy", "clark_westerberg1990a", "desilva1978",
    "falk_liu1995", "muu_quy2003ex1", "unbounded_smooth",
  ]

  private func solve(
    _ problem: BilevelProblem, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: F2SA.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try F2SA.entry.solve(problem, try settings.run(for: F2SA.spec))
  }

  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solve(try BilevelCase.named(id).sealed(second: false), options)
  }

  @Test(arguments: solvable) func knownAnswers(_ id: String) throws {
    let one = try BilevelCase.named(id)
    let result = try solve(id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(one.accepts(objective), "F = \(objective), not \(one.value)")
  }

  /// The error of the differences falls with their order.
  @Test(arguments: [2, 4]) func orderOfTheDifferences(_ order: Int) throws {
    let exact = try BilevelCase.named("quad_scalar").x[0]
    var errors: [Double] = []
    for nu in [0.2, 0.1] {
      let result = try solve(
        "quad_scalar",
        ["nu": .real(nu), "order": .int(Int64(order)), "polish": .flag(false)])
      errors.append(abs(try result.array("x").list()[0] - exact))
    }
    let expected = order == 2 ? 4.0 : 16
    let ratio = errors[0] / errors[1]
    #expect(ratio > 0.7 * expected && ratio < 1.4 * expected, "\(errors)")
  }

  /// F scaled by any factor gives the same answer.
  @Test func scaleOfTheLeader() throws {
    let plain = try solve("ridge_2hp").real("objective")
    for factor in [1e6, 1e2] {
      let problem = try BilevelCase.named("ridge_2hp").problem(second: false)
      let given = try BilevelCase.named("ridge_2hp").sealed(second: false).upper.functions
      var scaled = Functions()
      scaled.value = { w, out in
        let code = given.value?(w, out) ?? 1
        out[0] *= factor
        return code
      }
      scaled.gradient = { w, out in
        let code = given.gradient?(w, out) ?? 1
        for i in 0..<4 { out[i] *= factor }
        return code
      }
      try problem.set("upper", .functions(scaled))
      let sealed = try #require(try problem.seal() as? BilevelProblem)
      #expect(abs(try solve(sealed).real("objective") / factor - plain) < 1e-6)
    }
  }

  @Test func publishedLoop() throws {
    let result = try solve(
      "quad_scalar", ["variant": .text("published"), "max_iterations": .int(5000)])
    #expect(abs(try result.array("x").list()[0] - 0.5) < 0.05)
    let momentum = try solve(
      "quad_scalar",
      ["variant": .text("published"), "momentum": .flag(true), "max_iterations": .int(5000)])
    #expect(abs(try momentum.array("x").list()[0] - 0.5) < 0.1)
  }

  /// Batches come near the answer of whole functions, by the seed.
  @Test func batches() throws {
    let data = FiniteSum(samples: 400)
    let whole = try solve(try data.problem(), ["batch_size": .int(0)])
    #expect(whole.status == .solved)
    let best = try whole.real("objective")
    func sampled(_ seed: Int64, _ variant: String) throws -> Result {
      try solve(
        try data.problem(),
        [
          "batch_size": .int(32), "seed": .int(seed), "max_iterations": .int(3000),
          "variant": .text(variant),
        ])
    }
    let first = try sampled(1, "adaptive")
    let again = try sampled(1, "adaptive")
    let other = try sampled(2, "adaptive")
    #expect(try first.array("x").list() == again.array("x").list())
    #expect(try first.array("x").list() != other.array("x").list())
    for result in [first, other] {
      #expect(try result.real("objective") < best + 0.02)
      #expect(try result.int("samples") > 0)
    }
    let published = try sampled(1, "published")
    let start = try solve(try data.problem(), ["max_evaluations": .int(1)]).real("objective")
    #expect(try published.real("objective") < 0.5 * (start + best))
  }

  @Test func whatItIsNotFor() throws {
    #expect(throws: KantorError.self) { try solve("shimizu_aiyoshi1981ex1") }
    #expect(throws: KantorError.self) { try solve("svm_1c", ["variant": .text("published")]) }
    let flat = try solve("bda_counterexample", ["max_evaluations": .int(20_000)])
    #expect(flat.status != .solved)
  }

  @Test func limitsAreExact() throws {
    for limit: Int64 in [1, 9, 60] {
      let result = try solve("ridge_2hp", ["max_evaluations": .int(limit)])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") <= limit)
    }
  }
}
