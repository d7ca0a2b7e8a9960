import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// The conditions of optimality with relaxed complementarity.
@Suite struct MpccTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    let settings = Settings(method: Mpcc.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try Mpcc.entry.solve(
      try BilevelCase.named(id).sealed(), try settings.run(for: Mpcc.spec))
  }

  /// Convex lower levels with multipliers, unique or not, from the listed start.
  static let convex = [
    "quad_2x3", "illcond_quad", "ridge_2hp", "weighted_mean", "stackelberg_duopoly",
    "stackelberg_2followers", "toll_revenue", "switch_bound", "lvhba_llc_n2", "blocc_toy2",
    "simplex_projection", "ball_lmo", "svm_1c", "lasso_1hp", "bda_counterexample",
    "segment_optimistic", "shimizu1997a", "clark_westerberg1990a", "desilva1978", "falk_liu1995",
    "aiyoshi_shimizu1984", "shimizu_aiyoshi1981ex1", "shimizu_aiyoshi1981ex2", "yezza1996ex31",
    "muu_quy2003ex1", "bard1991ex1", "bard1984a",
  ]

  @Test(arguments: convex)
  func solvesConvexLowerLevels(_ id: String) throws {
    let result = try solve(id)
    #expect(result.status == .solved)
    #expect(try BilevelCase.named(id).accepts(try result.real("objective")))
    let known = try BilevelCase.named(id)
    #expect(abs(try result.real("objective") - known.value) < 1e-8 * (1 + abs(known.value)))
  }

  /// All pieces find what neighbours do not.
  @Test func allPiecesAreGlobal() throws {
    for id in ["anandalingham_white1990", "bard1988ex1"] {
      let near = try solve(id)
      let all = try solve(id, ["pieces": .text("all")])
      let value = try BilevelCase.named(id).value
      #expect(all.status == .solved)
      #expect(abs(try all.real("objective") - value) < 1e-6)
      #expect(near.status == .solved)
      #expect(try near.real("objective") > value + 1, "a local minimum")
    }
  }

  /// Points that satisfy the conditions and are no lower minima do not pass.
  @Test func stationaryIsNotMinimal() throws {
    for id in ["mitsos_barton314", "mirrlees1999"] {
      let result = try solve(id)
      #expect(result.status == .stalled)
      #expect(try result.text("reason") == "lower_not_global")
      #expect(try result.real("lower_gap") > 0.3)
      #expect(result.has("better_y"))
    }
    let degenerate = try solve("dempe_dutta24")
    #expect(degenerate.status == .stalled)
  }

  @Test func limits() throws {
    let few = try solve("svm_1c", ["max_evaluations": .int(50)])
    #expect(few.status == .evaluationLimit)
    #expect(try few.int("evaluations") == 50)
    #expect(try solve("svm_1c", ["max_iterations": .int(2)]).status == .iterationLimit)
  }
}
