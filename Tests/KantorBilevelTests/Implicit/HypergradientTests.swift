import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// The hypergradient as a function of its own.
@Suite struct HypergradientTests {
  private func evaluate(
    _ one: BilevelCase, _ x: [Double], _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: Implicit.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try Hypergradient.evaluate(
      try one.sealed(), x: try Buffer(x), run: try settings.run(for: Implicit.spec))
  }

  /// Closed forms, the check by differences, and the envelope theorem.
  @Test(arguments: BilevelCase.all.filter { !$0.hypergradients.isEmpty })
  func closedForms(_ one: BilevelCase) throws {
    for known in one.hypergradients {
      let result = try evaluate(one, known.x, ["check_directions": .int(2)])
      let gradient = try result.array("gradient").list()
      for (a, b) in zip(gradient, known.gradient) { #expect(abs(a - b) < 1e-8 * (1 + abs(b))) }
      guard result.status == .solved else { continue }
      let size = gradient.map { abs($0) }.max() ?? 0
      if size > 1e-3 { #expect(try result.real("derivative_check") < 1e-5) }
      #expect(try result.array("check_differences").shape == [2, 6])
      #expect(try result.real("adjoint_residual") < 1e-9)
    }
  }

  /// The derivative of the least f: f_x with multipliers, no second derivatives.
  @Test func envelope() throws {
    let one = try BilevelCase.named("switch_bound")
    let below = try evaluate(one, [-2])
    #expect(abs(try below.array("lower_value_gradient").list()[0] - 2) < 1e-8)
    #expect(try below.array("lower_multipliers").list()[0] == 0)
    let above = try evaluate(one, [3])
    #expect(abs(try above.array("lower_value_gradient").list()[0] + 1) < 1e-8)
    #expect(abs(try above.array("lower_multipliers").list()[0] - 2) < 1e-8)
    #expect(abs(try above.array("gradient").list()[0] - 1) < 1e-8, "y no longer moves")
  }

  @Test func saysWhatKindOfDerivative() throws {
    let kink = try evaluate(try BilevelCase.named("switch_bound"), [1])
    #expect(kink.status == .solvedInaccurate)
    #expect(try kink.text("adjoint_state") == "kink")
    let singular = try evaluate(try BilevelCase.named("bda_counterexample"), [0.5])
    #expect(singular.status == .solvedInaccurate)
    #expect(try singular.text("adjoint_state") == "singular")
    let infeasible = try evaluate(try BilevelCase.named("anandalingham_white1990"), [20])
    #expect(infeasible.status == .locallyInfeasible)
    #expect(infeasible.has("message") && !infeasible.has("gradient"))
  }

  @Test func refusals() throws {
    let one = try BilevelCase.named("quad_2x3")
    let problem = try one.sealed()
    let run = Settings.defaultRun(for: Implicit.spec)
    for (x, code) in [([1.0], KantorError.Code.shape), ([1.0, .nan], .notFinite)] {
      let point = try Buffer<Double>(x)
      let found = failure { () throws(KantorError) in
        _ = try Hypergradient.evaluate(problem, x: point, run: run)
      }
      #expect(found == code)
    }
  }
}
