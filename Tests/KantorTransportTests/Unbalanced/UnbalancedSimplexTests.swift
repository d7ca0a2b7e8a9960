import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct UnbalancedSimplexTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  /// Two points: all of the smaller mass moves, or nothing.
  @Test(arguments: [0.5, 1.9, 2.1, 7.0]) func onePairMovesIfItIsWorthIt(cost: Double) throws {
    var sample = RelaxedSample(cost: [cost], a: [3], b: [2], penalty: "tv")
    let result = try sample.solve("unbalanced_simplex")
    #expect(close(try result.real("plan_mass"), cost < 2 ? 2 : 0))
    #expect(close(try result.real("objective"), cost < 2 ? 2 * cost + 1 : 5))
    // A target whose strength is large is filled beyond what the source has.
    sample.a = [1]
    sample.target = 10
    let beyond = try sample.solve("unbalanced_simplex")
    #expect(beyond.status == .solved)
    #expect(close(try beyond.real("plan_mass"), 2))
    #expect(close(try beyond.real("objective"), 2 * cost + 1))
  }

  @Test func valueIsThatOfTheDefinition() throws {
    for seed in [1, 2, 3] as [UInt64] {
      var sample = RelaxedSample.random(9, 7, seed: seed, penalty: "tv")
      (sample.source, sample.target) = (0.1, 0.25)
      let result = try sample.solve("unbalanced_simplex")
      #expect(result.status == .solved)
      let plan = try result.array("plan").list()
      #expect(close(try result.real("objective"), sample.value(plan)))
      #expect(try result.real("relative_gap") <= 1e-12)
      for e in plan.indices where sample.cost[e] > 0.35 { #expect(plan[e] == 0) }
    }
  }

  /// The Lagrangian form: the same plan as partial transport of its mass.
  @Test func partialTransportOfItsMassIsTheSame() throws {
    var sample = RelaxedSample.random(8, 8, seed: 5, penalty: "tv")
    (sample.source, sample.target) = (0.06, 0.06)
    let result = try sample.solve("unbalanced_simplex")
    var partial = sample
    partial.penalty = nil
    partial.mass = try result.real("plan_mass")
    #expect(close(try partial.solve().real("objective"), try result.real("transport_cost")))
  }

  @Test func derivativesAreDifferences() throws {
    var sample = RelaxedSample.random(5, 6, seed: 15, penalty: "tv")
    (sample.source, sample.target) = (0.15, 0.2)
    let method = "unbalanced_simplex"
    let one = Tensor(try Buffer([1.0]), shape: [])
    let found = try sample.solve(method).vjp(
      cotangents: ["objective": one],
      wanted: ["weights_source", "weights_target", "cost", "strength_source", "strength_target"])
    func derivative(_ name: String, _ k: Int) throws -> Double {
      try found[name]?.list()[k] ?? .nan
    }
    let rho = try sample.difference(method, [:], 1e-6) { $0.source += $1 }
    #expect(close(try derivative("strength_source", 0), rho, 1e-7))
    let other = try sample.difference(method, [:], 1e-6) { $0.target += $1 }
    #expect(close(try derivative("strength_target", 0), other, 1e-7))
    for k in 0..<5 {
      let slope = try sample.difference(method, [:], 1e-6) { $0.a[k] += $1 }
      #expect(close(try derivative("weights_source", k), slope, 1e-7))
      let target = try sample.difference(method, [:], 1e-6) { $0.b[k] += $1 }
      #expect(close(try derivative("weights_target", k), target, 1e-7))
      let cost = try sample.difference(method, [:], 1e-6) { $0.cost[7 * k % 30] += $1 }
      #expect(close(try derivative("cost", 7 * k % 30), cost, 1e-7))
    }
  }

  @Test func fixedMarginalsAreMet() throws {
    var sample = RelaxedSample.random(6, 5, seed: 25, penalty: "tv")
    (sample.source, sample.target, sample.fixed) = (0.01, 0.02, "source")
    let result = try sample.solve("unbalanced_simplex")
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    for (r, a) in zip(sample.rows(plan), sample.a) { #expect(close(r, a)) }
    #expect(close(try result.real("objective"), sample.value(plan)))
    // A source that has to send and may reach nobody.
    for j in 0..<5 { sample.cost[5 + j] = .infinity }
    #expect(try sample.solve("unbalanced_simplex").status == .infeasible)
  }

  @Test func strengthsAreChecked() throws {
    func code(_ change: (inout RelaxedSample) -> Void) throws -> KantorError.Code? {
      var sample = RelaxedSample.random(3, 4, seed: 31, penalty: "tv")
      change(&sample)
      let problem = try sample.problem()
      return failure { () throws(KantorError) in
        _ = try Catalog.standard.solve(problem, method: "unbalanced_simplex")
      }
    }
    #expect(try code { $0.source = 0 } == .range)
    #expect(try code { $0.target = -1 } == .range)
    #expect(try code { $0.penalty = "kl" } == .unsupported)
    // Creating mass that costs less than nothing.
    #expect(try code { $0.cost[5] = -2.5 } == .range)
    #expect(try code { $0.cost[5] = -1.5 } == nil)
    let problem = Problem(kind: UnbalancedKind.kind)
    #expect(failure { () throws(KantorError) in
      try problem.set("penalty", .text("square")) } == .range)
    try problem.set("cost", .array(Tensor(try Buffer([1.0]), shape: [1, 1])))
    #expect(failure { () throws(KantorError) in try problem.seal() } == .missing)
  }
}
