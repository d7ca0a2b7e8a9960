import Glibc
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

  /// Ridge with a penalty for each variable: the Hessian differs from x to x in its diagonal, which
  /// a product finds.
  @Test func penaltiesOfEachVariable() throws {
    let (n, m) = (24, 16)
    @Sendable func entry(_ i: Int, _ j: Int) -> Double {
      let k = Double(7 * i + 3 * j + i * j)
      return k.remainder(dividingBy: 11) / 5 + (i == j ? 1 : 0)
    }
    @Sendable func misfits(_ y: UnsafePointer<Double>, _ out: inout [Double]) {
      for i in 0..<m {
        var sum = i % 2 == 0 ? -1.0 : 2.0
        for j in 0..<n { sum += entry(i, j) * y[j] }
        out[i] = sum
      }
    }
    var lower = Functions()
    lower.value = { w, out in
      var r = [Double](repeating: 0, count: m)
      misfits(w + n, &r)
      var sum = 0.0
      for i in 0..<m { sum += 0.5 * r[i] * r[i] }
      for j in 0..<n { sum += 0.5 * exp(w[j]) * w[n + j] * w[n + j] }
      out[0] = sum
      return 0
    }
    lower.gradient = { w, out in
      var r = [Double](repeating: 0, count: m)
      misfits(w + n, &r)
      for j in 0..<n {
        let (y, weight) = (w[n + j], exp(w[j]))
        var sum = weight * y
        for i in 0..<m { sum += entry(i, j) * r[i] }
        out[j] = 0.5 * weight * y * y
        out[n + j] = sum
      }
      return 0
    }
    lower.hessianProduct = { w, sigma, _, v, out in
      var r = [Double](repeating: 0, count: m)
      for i in 0..<m { for j in 0..<n { r[i] += entry(i, j) * v[n + j] } }
      for j in 0..<n {
        let (y, weight) = (w[n + j], exp(w[j]))
        var sum = weight * (v[n + j] + y * v[j])
        for i in 0..<m { sum += entry(i, j) * r[i] }
        out[j] = sigma * weight * y * (0.5 * y * v[j] + v[n + j])
        out[n + j] = sigma * sum
      }
      return 0
    }
    var upper = Functions()
    upper.value = { w, out in
      var sum = 0.0
      for j in 0..<n {
        let d = w[n + j] - (j % 3 == 0 ? 0.5 : 0)
        sum += 0.5 * d * d
      }
      out[0] = sum
      return 0
    }
    upper.gradient = { w, out in
      for j in 0..<n {
        out[j] = 0
        out[n + j] = w[n + j] - (j % 3 == 0 ? 0.5 : 0)
      }
      return 0
    }
    let problem = Problem(kind: BilevelKind.kind)
    try problem.set("upper", .functions(upper))
    try problem.set("lower", .functions(lower))
    try problem.set("start_x", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("x_lower", .array(Tensor(try Buffer<Double>(count: n, repeating: -8))))
    try problem.set("x_upper", .array(Tensor(try Buffer<Double>(count: n, repeating: 6))))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    let result = try Implicit.entry.solve(sealed, Settings.defaultRun(for: Implicit.spec))
    #expect(result.status == .solved)
    let (solves, products) = (try result.int("lower_solves"), try result.int("hessian_products"))
    #expect(solves > 10)
    #expect(products <= 5 * solves + 4 * Int64(n))
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
