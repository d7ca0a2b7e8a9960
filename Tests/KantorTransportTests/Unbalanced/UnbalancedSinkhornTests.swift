import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct UnbalancedSinkhornTests {
  private let method = "unbalanced_sinkhorn"

  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  /// m = (a b)^((eps + rho)/(eps + 2 rho)) exp(-c/(eps + 2 rho))
  @Test(arguments: [0.01, 0.3, 5]) func onePairHasAClosedForm(epsilon: Double) throws {
    for (a, b, c, rho) in [(1.0, 2.0, 0.5, 1.0), (3, 0.5, 2, 0.3), (1, 1, 0, 40)] {
      var sample = RelaxedSample(cost: [c], a: [a], b: [b])
      (sample.source, sample.target) = (rho, rho)
      let result = try sample.solve(
        method, ["epsilon": .real(epsilon), "tolerance": .real(1e-14)])
      let mass = pow(a * b, (epsilon + rho) / (epsilon + 2 * rho)) * exp(-c / (epsilon + 2 * rho))
      #expect(close(try result.real("plan_mass"), mass, 1e-11))
      #expect(result.status == .solved)
    }
  }

  @Test(arguments: ["kl", "l2", "tv"], ["product", "uniform"])
  func valueIsThatOfTheDefinition(penalty: String, reference: String) throws {
    for (seed, epsilon) in [(1, 1.0), (2, 0.05), (3, 0.002)] as [(UInt64, Double)] {
      var sample = RelaxedSample.random(13, 9, seed: seed, penalty: penalty)
      (sample.source, sample.target) = (0.3, 0.7)
      let options: [String: OptionValue] = [
        "epsilon": .real(epsilon), "reference": .text(reference),
      ]
      let result = try sample.solve(method, options)
      #expect(result.status == .solved)
      let plan = try result.array("plan").list()
      let value = sample.value(plan, epsilon: epsilon, isUniform: reference == "uniform")
      #expect(close(try result.real("objective"), value, 1e-12))
      #expect(try result.real("dual_objective") <= value + 1e-12)
      // Nothing near it is better.
      for factor in [0.999, 1.001] {
        let other = sample.value(
          plan.map { factor * $0 }, epsilon: epsilon, isUniform: reference == "uniform")
        #expect(other >= value - 1e-12)
      }
      for engine in ["log", "scaling"] {
        let same = try sample.solve(
          method, options.merging(["engine": .text(engine)]) { $1 })
        #expect(close(try same.real("objective"), value, 1e-8))
      }
    }
  }

  @Test func strongPenaltiesAreTransport() throws {
    var sample = RelaxedSample.random(12, 10, seed: 9, masses: (1, 1))
    (sample.source, sample.target) = (1e7, 1e7)
    let result = try sample.solve(method, ["epsilon": .real(0.05)])
    #expect(result.status == .solved)
    // The mode that is slow without translations.
    #expect(try result.int("iterations") < 100)
    let plan = try result.array("plan").list()
    for (r, a) in zip(sample.rows(plan), sample.a) { #expect(close(r, a, 1e-6)) }
    for (c, b) in zip(sample.columns(plan), sample.b) { #expect(close(c, b, 1e-6)) }
  }

  @Test(arguments: ["source", "target"]) func aFixedMarginalIsMet(side: String) throws {
    for penalty in ["kl", "l2", "tv"] {
      var sample = RelaxedSample.random(8, 11, seed: 19, penalty: penalty)
      sample.fixed = side
      let result = try sample.solve(method, ["epsilon": .real(0.05)])
      #expect(result.status == .solved, "\(penalty)")
      let plan = try result.array("plan").list()
      let (sums, weights) =
        side == "source" ? (sample.rows(plan), sample.a) : (sample.columns(plan), sample.b)
      for (r, a) in zip(sums, weights) { #expect(close(r, a, 1e-8)) }
      #expect(close(try result.real("objective"), sample.value(plan, epsilon: 0.05), 1e-8))
      for k in 0..<11 where side == "source" { sample.cost[22 + k] = .infinity }
      for k in 0..<8 where side == "target" { sample.cost[11 * k + 2] = .infinity }
      #expect(try sample.solve(method).status == .infeasible)
    }
  }

  @Test func largeCostsOverEpsilonDoNotOverflow() throws {
    for epsilon in [1e-3, 1e-5, 1e-7] {
      let sample = RelaxedSample.random(10, 12, seed: 29)
      let result = try sample.solve(
        method, ["epsilon": .real(epsilon), "max_iterations": .int(3000)])
      #expect(try result.real("objective").isFinite)
      // Small epsilons may need more than the limit, but are then not called solved.
      let gap = try result.real("relative_gap")
      #expect(gap >= -1e-12 && (gap <= 1e-6 || result.status != .solved), "\(epsilon): \(gap)")
      if epsilon == 1e-3 { #expect(result.status == .solved) }
    }
    // Pairs so far apart that nothing moves at all.
    let far = RelaxedSample(cost: [1e6, 1e6, 2e6, 1e6], a: [1, 2], b: [1, 1])
    let result = try far.solve(method, ["epsilon": .real(1)])
    #expect(result.status == .solved)
    #expect(close(try result.real("objective"), 5 + 6, 1e-6))
  }

  @Test(arguments: ["kl", "l2"]) func derivativesAreDifferences(penalty: String) throws {
    var sample = RelaxedSample.random(6, 5, seed: 39, penalty: penalty)
    (sample.source, sample.target) = (0.4, 0.9)
    let options: [String: OptionValue] = ["epsilon": .real(0.1), "tolerance": .real(1e-13)]
    let one = Tensor(try Buffer([1.0]), shape: [])
    let found = try sample.solve(method, options).vjp(
      cotangents: ["objective": one],
      wanted: ["weights_source", "weights_target", "cost", "strength_source", "strength_target"])
    func check(
      _ name: String, _ k: Int, _ change: (inout RelaxedSample, Double) -> Void
    ) throws {
      let slope = try sample.difference(method, options, 1e-5, change)
      #expect(close(try found[name]?.list()[k] ?? .nan, slope, 1e-7), "\(name) \(k)")
    }
    try check("strength_source", 0) { $0.source += $1 }
    try check("strength_target", 0) { $0.target += $1 }
    for k in 0..<5 {
      try check("weights_source", k) { $0.a[k] += $1 }
      try check("weights_target", k) { $0.b[k] += $1 }
      try check("cost", 7 * k % 30) { $0.cost[7 * k % 30] += $1 }
    }
  }

  @Test func plainStepsEndAtTheSamePoint() throws {
    let sample = RelaxedSample.random(9, 9, seed: 49)
    let fast = try sample.solve(method, ["epsilon": .real(0.02)])
    let plain = try sample.solve(
      method,
      ["epsilon": .real(0.02), "acceleration": .flag(false), "epsilon_scaling": .flag(false)])
    #expect(close(try fast.real("objective"), try plain.real("objective")))
    #expect(try fast.int("iterations") <= plain.int("iterations"))
  }
}

@Suite struct EntropicPartialTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  @Test(arguments: [0.1, 0.5, 0.9, 1]) func capsAndMassHold(mass: Double) throws {
    for epsilon in [0.5, 0.05, 0.005] {
      var sample = RelaxedSample.random(11, 9, seed: 5, penalty: nil)
      sample.mass = mass
      let result = try sample.solve("entropic_partial", ["epsilon": .real(epsilon)])
      #expect(result.status == .solved, "\(mass) \(epsilon)")
      let plan = try result.array("plan").list()
      #expect(close(plan.reduce(0, +), mass, 1e-8))
      for (r, a) in zip(sample.rows(plan), sample.a) { #expect(r <= a + 1e-8) }
      for (c, b) in zip(sample.columns(plan), sample.b) { #expect(c <= b + 1e-8) }
      #expect(close(try result.real("objective"), sample.value(plan, epsilon: epsilon), 1e-7))
      let exact = try sample.solve("partial_simplex")
      #expect(try result.real("transport_cost") >= exact.real("objective") - 1e-7)
    }
  }

  @Test(arguments: [1e-3, 1e-5, 1e-6, 1e-12])
  func nearlyAllOfTheMassTakesFewPasses(rest: Double) throws {
    var sample = RelaxedSample.random(20, 20, seed: 35, penalty: nil, masses: (1, 1))
    sample.mass = 1 - rest
    for reference in ["product", "uniform"] {
      let result = try sample.solve(
        "entropic_partial",
        ["epsilon": .real(10), "reference": .text(reference), "max_iterations": .int(300)])
      #expect(result.status == .solved, "\(rest) \(reference)")
    }
  }

  @Test func smallEpsilonIsExact() throws {
    var sample = RelaxedSample.random(8, 8, seed: 15, penalty: nil)
    sample.mass = 0.6
    let exact = try sample.solve("partial_simplex").real("objective")
    let result = try sample.solve("entropic_partial", ["epsilon": .real(1e-4)])
    #expect(result.status == .solved)
    #expect(close(try result.real("transport_cost"), exact, 1e-3))
  }

  @Test func derivativesAreDifferences() throws {
    var sample = RelaxedSample.random(6, 5, seed: 25, penalty: nil)
    sample.mass = 0.55
    let options: [String: OptionValue] = ["epsilon": .real(0.1), "tolerance": .real(1e-12)]
    let method = "entropic_partial"
    let one = Tensor(try Buffer([1.0]), shape: [])
    let found = try sample.solve(method, options).vjp(
      cotangents: ["objective": one], wanted: ["weights_source", "weights_target", "cost", "mass"])
    let slope = try sample.difference(method, options, 1e-5) { $0.mass = ($0.mass ?? 0) + $1 }
    #expect(close(try found["mass"]?.list()[0] ?? .nan, slope, 1e-6))
    for k in 0..<5 {
      let source = try sample.difference(method, options, 1e-5) { $0.a[k] += $1 }
      #expect(close(try found["weights_source"]?.list()[k] ?? .nan, source, 1e-6))
      let target = try sample.difference(method, options, 1e-5) { $0.b[k] += $1 }
      #expect(close(try found["weights_target"]?.list()[k] ?? .nan, target, 1e-6))
      let cost = try sample.difference(method, options, 1e-5) { $0.cost[7 * k % 30] += $1 }
      #expect(close(try found["cost"]?.list()[7 * k % 30] ?? .nan, cost, 1e-6))
    }
  }
}
