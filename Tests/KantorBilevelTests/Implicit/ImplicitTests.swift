import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// Implicit differentiation: hypergradients against closed forms, and the method on the problems
/// that meet its assumptions.
@Suite struct ImplicitTests {
  static let smooth = [
    "quad_scalar", "quad_2x3", "illcond_quad", "ridge_1hp", "ridge_2hp", "logreg_wd",
    "weighted_mean", "minimax", "stackelberg_duopoly", "stackelberg_2followers", "toll_revenue",
    "toll_system_optimum", "switch_bound", "lvhba_llc_n2", "blocc_toy1", "blocc_toy2",
    "simplex_projection", "ball_lmo", "svm_1c", "pbgd_toy", "shimizu1997a",
    "clark_westerberg1990a", "desilva1978", "falk_liu1995", "shimizu_aiyoshi1981ex1",
    "shimizu_aiyoshi1981ex2", "muu_quy2003ex1", "unbounded_smooth",
  ]

  private func solve(
    _ id: String, second: Bool = true, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: Implicit.spec)
    for (name, value) in options { try settings.set(name, value) }
    let problem = try BilevelCase.named(id).sealed(second: second)
    return try Implicit.entry.solve(problem, try settings.run(for: Implicit.spec))
  }

  @Test(arguments: smooth)
  func solvesWhatIsSmooth(_ id: String) throws {
    for second in [true, false] {
      let result = try solve(id, second: second)
      #expect(result.status == .solved)
      #expect(try BilevelCase.named(id).accepts(try result.real("objective")))
      #expect(try result.text("hessian") == (second ? "offered" : "differenced"))
    }
  }

  /// Derivatives of the file, most of them closed forms.
  @Test(arguments: BilevelCase.all.filter { !$0.hypergradients.isEmpty })
  func hypergradients(_ one: BilevelCase) throws {
    for solver in [AdjointSolver.automatic, .minimumResidual, .dense] {
      let oracle = try BilevelOracle(try one.sealed(), monitor: Monitor())
      let hyper = try HyperOracle(oracle, adjoint: solver)
      for known in one.hypergradients {
        let gradient = try Buffer<Double>(count: one.nx)
        let (x, y) = (try Buffer(known.x), try Buffer<Double>(one.startY))
        _ = try hyper.evaluate(
          x: x.pointer, y: y.pointer, lowerTolerance: 1e-12, adjointTolerance: 1e-12,
          gradient: gradient.pointer)
        for i in 0..<one.nx {
          #expect(abs(gradient[i] - known.gradient[i]) < 1e-8 * (1 + abs(known.gradient[i])))
        }
      }
    }
  }

  /// A point where f is not strongly convex is reported, and not called solved.
  @Test func singularLowerLevel() throws {
    let result = try solve("bda_counterexample")
    #expect(result.status == .stalled)
    #expect(try result.text("reason") == "not_stationary")
    #expect(try result.text("message").contains("singular"))
    #expect(try result.text("adjoint_state") == "singular")
    #expect(try result.text("selection") == "nearest_to_start")
  }

  /// Iterative adjoint solvers come to the same answer; truncated ones say what they are.
  @Test func adjointSolvers() throws {
    for solver in ["cg", "minres", "dense"] {
      let result = try solve("ridge_2hp", ["adjoint": .text(solver)])
      #expect(result.status == .solved)
    }
    let long = try solve("quad_2x3", ["adjoint": .text("neumann"), "neumann_terms": .int(200)])
    #expect(long.status == .solved)
    let short = try solve("quad_2x3", ["adjoint": .text("identity")])
    #expect(short.status != .solved)
    #expect(try short.real("hypergradient_norm") > 1e-3)
    #expect(throws: KantorError.self) { try solve("svm_1c", ["adjoint": .text("cg")]) }
  }

  @Test func coldStartChoosesTheNearest() throws {
    let result = try solve("overparam_nearest", ["init": .text("cold")])
    #expect(abs(try result.real("objective") - 0.25) < 1e-6)
    #expect(result.status != .solved, "y could move to a better one")
  }

  @Test func limits() throws {
    let few = try solve("ridge_2hp", ["max_evaluations": .int(20)])
    #expect(few.status == .evaluationLimit)
    #expect(try few.int("evaluations") == 20)
    let one = try solve("ridge_2hp", ["max_iterations": .int(1)])
    #expect(one.status == .iterationLimit)
    #expect(try one.int("iterations") == 1)
  }
}
