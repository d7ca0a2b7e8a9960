import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct PartialSimplexTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  @Test func theCheapestPairsMoveFirst() throws {
    var sample = RelaxedSample(
      cost: [0, 1, 2, 3], a: [0.1, 0.2], b: [0.1, 0.1], penalty: nil, mass: 0.13)
    let result = try sample.solve()
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    #expect(close(plan[0], 0.1) && close(plan[3], 0.03))
    #expect(close(try result.real("objective"), 0.09))
    #expect(close(try result.real("multiplier"), 3))
    // All of the smaller mass, by default.
    sample.mass = nil
    #expect(close(try sample.solve().real("plan_mass"), 0.2))
  }

  /// The point that takes what stays behind meets all others: their pairs are listed at once.
  @Test func fewSweepsSuffice() throws {
    for mass in [0.3, 0.6, 0.9] {
      var sample = RelaxedSample.random(150, 150, seed: 7, penalty: nil, masses: (1, 1))
      sample.mass = mass
      let result = try sample.solve()
      #expect(result.status == .solved)
      #expect(try result.int("pricing_sweeps") <= 10, "\(mass)")
    }
  }

  @Test func whatIsLeftBehindIsFree() throws {
    let sample = RelaxedSample.random(7, 9, seed: 3, penalty: nil)
    var value = 0.0, slope = -Double.infinity
    for mass in [0.01, 0.2, 0.5, 0.8, 1] {
      var some = sample
      some.mass = mass
      let result = try some.solve()
      #expect(result.status == .solved)
      let plan = try result.array("plan").list()
      #expect(close(plan.reduce(0, +), mass))
      for (r, a) in zip(sample.rows(plan), sample.a) { #expect(r <= a + 1e-15) }
      for (c, b) in zip(sample.columns(plan), sample.b) { #expect(c <= b + 1e-15) }
      // The value is convex and rising in the mass, with the multiplier as its slope.
      let (next, multiplier) = (try result.real("objective"), try result.real("multiplier"))
      #expect(next > value && multiplier >= slope - 1e-12)
      (value, slope) = (next, multiplier)
      // Complementarity, from the result alone.
      let f = try result.array("potential_source").list()
      let g = try result.array("potential_target").list()
      for e in plan.indices {
        let reduced = sample.cost[e] - f[e / 9] - g[e % 9] - multiplier
        #expect(reduced >= -1e-13 && (plan[e] == 0 || reduced <= 1e-12))
      }
      #expect(f.allSatisfy { $0 <= 0 } && g.allSatisfy { $0 <= 0 })
    }
  }

  @Test func allOfEqualMassesIsTransport() throws {
    let sample = RelaxedSample.random(8, 6, seed: 9, penalty: nil, masses: (1, 1))
    let transport = Problem(kind: TransportKind.kind)
    try transport.set("cost", .array(Tensor(try Buffer(sample.cost), shape: [8, 6])))
    try transport.set("weights_source", .array(Tensor(try Buffer(sample.a))))
    try transport.set("weights_target", .array(Tensor(try Buffer(sample.b))))
    let exact = try Catalog.standard.solve(transport).real("objective")
    #expect(close(try sample.solve().real("objective"), exact))
  }

  @Test func derivativesAreDifferences() throws {
    var sample = RelaxedSample.random(5, 6, seed: 15, penalty: nil)
    sample.mass = 0.6
    let result = try sample.solve()
    let one = Tensor(try Buffer([1.0]), shape: [])
    let found = try result.vjp(
      cotangents: ["objective": one],
      wanted: ["weights_source", "weights_target", "cost", "mass"])
    let method = "partial_simplex"
    let mass = try sample.difference(method, [:], 1e-5) { $0.mass = ($0.mass ?? 0) + $1 }
    #expect(close(try found["mass"]?.list()[0] ?? .nan, mass, 1e-8))
    for k in 0..<5 {
      let slope = try sample.difference(method, [:], 1e-6) { $0.a[k] += $1 }
      #expect(close(try found["weights_source"]?.list()[k] ?? .nan, slope, 1e-7))
      let other = try sample.difference(method, [:], 1e-6) { $0.b[k] += $1 }
      #expect(close(try found["weights_target"]?.list()[k] ?? .nan, other, 1e-7))
      let cost = try sample.difference(method, [:], 1e-6) { $0.cost[7 * k % 30] += $1 }
      #expect(close(try found["cost"]?.list()[7 * k % 30] ?? .nan, cost, 1e-7))
    }
  }

  @Test func massesThatCannotBeMovedAreRefused() throws {
    func code(_ change: (inout RelaxedSample) -> Void) throws -> KantorError.Code? {
      var sample = RelaxedSample.random(3, 4, seed: 21, penalty: nil)
      change(&sample)
      let problem = try sample.problem()
      return failure { () throws(KantorError) in try problem.seal() }
    }
    #expect(try code { $0.mass = 0 } == .range)
    #expect(try code { $0.mass = -0.5 } == .range)
    #expect(try code { $0.mass = 1.01 } == .range)
    #expect(try code { $0.mass = 1 } == nil)
    #expect(try code { $0.a[1] = -0.1 } == .range)
    #expect(try code { $0.cost[2] = .nan } == .notFinite)
    #expect(failure { () throws(KantorError) in
      try Problem(kind: PartialKind.kind).set("mass", .real(.nan)) } == .notFinite)
  }

  @Test func forbiddenPairsMayLeaveTooLittle() throws {
    let inf = Double.infinity
    let sample = RelaxedSample(
      cost: [inf, inf, 1, 0, inf, 2], a: [1, 1, 1], b: [1, 1], penalty: nil, mass: 2)
    #expect(try sample.solve().status == .solved)
    var less = sample
    less.a = [1, 0.5, 0.5]
    less.mass = 1.5
    let result = try less.solve()
    #expect(result.status == .infeasible)
    let f = try result.array("ray_source").list(), g = try result.array("ray_target").list()
    let l = try result.real("multiplier")
    var value = 1.5 * l
    for i in 0..<3 { value += less.a[i] * min(f[i], 0) }
    for j in 0..<2 { value += less.b[j] * min(g[j], 0) }
    #expect(value > 0)
    for e in 0..<6 where less.cost[e] < inf { #expect(f[e / 2] + g[e % 2] + l <= 0) }
  }
}
