import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

private let entry = SinkhornNewtonSparse.entry

@Suite struct SinkhornNewtonSparseAnswers {
  @Test(arguments: [1.0, 0.1, 0.02]) func twoByTwo(epsilon: Double) throws {
    let data = EntropicData(cost: [[0, 1], [1, 0]])
    let result = try data.solve(entry, ["epsilon": .real(epsilon)])
    let plan = try result.matrix("plan")
    #expect(result.status == .solved)
    #expect(abs(plan[0][0] - 0.5 / (1 + exp(-1 / epsilon))) < 1e-13)
  }

  @Test(arguments: [0.2, 0.02, 0.003]) func equalsPlainSweeps(epsilon: Double) throws {
    let data = EntropicProblems.dense(40, 31, seed: 21)
    let result = try data.solve(entry, ["epsilon": .real(epsilon)])
    let plain = PlainSinkhorn(data, epsilon: epsilon, sweeps: 100_000)
    #expect(result.status == .solved)
    #expect(try result.real("marginal_residual") <= 1e-12)
    #expect(abs(try result.real("objective") - plain.value) < 1e-10)
    #expect(largestDifference(try result.values("plan"), plain.plan.flatMap { $0 }) < 1e-9)
  }

  /// The paper's setting, and points of the plane: both superlinear under the mass rule.
  @Test(arguments: [true, false]) func fewSteps(isRandom: Bool) throws {
    let result = try Instances.square(300, isRandom).solve(
      entry,
      [
        "epsilon": .real(isRandom ? 1.0 / 1200 : 2.0 / 1200), "epsilon_scaling": .flag(false),
        "sweeps": .int(20),
      ])
    #expect(result.status == .solved)
    #expect(try result.real("marginal_residual") < 1e-12)
    #expect(try result.int("newton_steps") <= 15)
    #expect(try result.text("fallback") == "none")
  }

  @Test(arguments: ["sqeuclidean", "l1", "euclidean"]) func points(metric: String) throws {
    let data = EntropicProblems.points(150, 120, 2, seed: 23, metric: metric)
    let options: [String: OptionValue] = ["epsilon": .real(2e-3)]
    let result = try data.solve(entry, options)
    var dense = data
    (dense.cost, dense.x, dense.y) = (data.costs, [], [])
    let other = try dense.solve(entry, options)
    #expect(result.status == .solved)
    let error = abs(try result.real("objective") - (try other.real("objective")))
    #expect(error < 1e-10)
  }

  @Test func weightsWithoutMassAndWarmStart() throws {
    var data = EntropicProblems.dense(30, 25, seed: 24)
    data.a = data.a.map { $0.enumerated().map { $0.offset % 3 == 0 ? 0 : $0.element } }
    let total = data.a?.reduce(0, +) ?? 1
    data.b = data.b.map { b in b.map { $0 * total / b.reduce(0, +) } }
    let first = try data.solve(entry, ["epsilon": .real(0.01)])
    #expect(first.status == .solved)
    #expect(try first.values("potential_source").allSatisfy { $0.isFinite })
    let again = try data.solve(entry, ["epsilon": .real(0.01)], start: first)
    #expect(again.status == .solved)
    #expect(try again.int("iterations") <= 2)
  }
}

@Suite struct SinkhornNewtonSparseRules {
  /// Keeping 2n entries converges linearly, 15n as the mass rule does on random costs.
  @Test func fixedShare() throws {
    let data = Instances.square(200, true)
    var steps: [Int64] = []
    for share in [2.0 / 200, 15.0 / 200] {
      let result = try data.solve(
        entry,
        [
          "epsilon": .real(1.0 / 1200), "epsilon_scaling": .flag(false), "sweeps": .int(20),
          "sparsity": .real(share),
        ])
      #expect(result.status == .solved)
      steps.append(try result.int("newton_steps"))
    }
    #expect(steps[0] > 2 * steps[1])
  }

  /// With two entries to a thousand the matrix is hardly more than its diagonal.
  @Test func unfitSystemsAreLeftForSweeps() throws {
    let result = try Instances.square(120, false).solve(
      entry,
      [
        "epsilon": .real(2e-3), "sparsity": .real(1e-4), "tolerance": .real(1e-9),
        "max_iterations": .int(100_000),
      ])
    #expect(result.status == .solved)
    #expect(try result.text("fallback") == "unfit")
  }

  @Test(arguments: [0, 3, 8]) func densePlans(memory: Int64) throws {
    let data = EntropicProblems.points(140, 150, 2, seed: 26)
    let result = try data.solve(
      entry,
      [
        "epsilon": .real(0.02), "low_rank": .int(memory), "newton_density": .real(0.01),
        "tolerance": .real(1e-11),
      ])
    let plain = PlainSinkhorn(data, epsilon: 0.02)
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - plain.value) < 1e-10)
    let fallback = try result.text("fallback")
    #expect(fallback == (memory == 0 ? "dense" : "none"))
    let steps = try result.int("newton_steps")
    #expect(memory == 0 ? steps == 0 : steps > 3)
  }

  @Test func correctionsSavePasses() throws {
    let data = EntropicProblems.points(140, 150, 2, seed: 27)
    let passes = try [Int64(0), 8].map { memory in
      try data.solve(
        entry,
        [
          "epsilon": .real(5e-3), "low_rank": .int(memory), "newton_density": .real(0.25),
          "tolerance": .real(1e-11),
        ]
      ).int("passes")
    }
    #expect(passes[1] < passes[0])
  }

  @Test(arguments: [
    ("sparsity", OptionValue.real(1.5)), ("sparsity", .real(-0.1)), ("low_rank", .int(-1)),
    ("proximal_growth", .real(0.5)), ("bound_tolerance", .real(-1e-3)), ("epsilon", .real(-1)),
  ])
  func badOptionsAreRefused(name: String, value: OptionValue) throws {
    let settings = Settings(method: entry.spec)
    #expect(throws: KantorError.self) { try settings.set(name, value) }
  }
}

@Suite struct SinkhornNewtonSparseProximal {
  @Test(arguments: [1.0, 2.0], [true, false])
  func reachesTheUnregularisedCost(growth: Double, isRandom: Bool) throws {
    let data = Instances.square(60, isRandom)
    let result = try data.solve(
      entry,
      [
        "epsilon": .real(2e-3), "proximal_steps": .int(60), "proximal_growth": .real(growth),
        "bound_tolerance": .real(growth > 1 ? 1e-8 : 1e-4), "tolerance": .real(1e-10),
      ])
    let exact = try data.solve(NetworkSimplex.entry).real("objective")
    let (low, high) = (try result.real("lower_bound"), try result.real("upper_bound"))
    #expect(result.status == .solved)
    #expect(low <= exact + 1e-13)
    #expect(high >= exact - 1e-13)
    #expect(high - low < (growth > 1 ? 1e-7 : 1e-3))
    #expect(try result.int("proximal_steps") > 0)
  }

  /// k exact steps at eps are the entropic plan at eps / (k + 1).
  @Test func stepsAreTheEntropicPlanAtASmallerStrength() throws {
    let data = EntropicProblems.dense(20, 24, seed: 28)
    let result = try data.solve(
      entry,
      ["epsilon": .real(0.1), "proximal_steps": .int(4), "proximal_growth": .real(1)])
    let direct = try data.solve(entry, ["epsilon": .real(0.02)])
    #expect(abs(try result.real("epsilon") - 0.02) < 1e-15)
    #expect(
      largestDifference(try result.values("plan"), try direct.values("plan")) < 1e-12)
  }

  @Test func aBoundThatIsNotReachedIsNotSolved() throws {
    let result = try Instances.square(40, false).solve(
      entry, ["epsilon": .real(0.05), "bound_tolerance": .real(1e-9)])
    #expect(result.status == .stalled)
  }
}

private enum Instances {
  /// Random costs, or points of the unit square; uniform weights.
  static func square(_ n: Int, _ isRandom: Bool) -> EntropicData {
    var random = RandomStream(seed: 22, stream: 79)
    if isRandom { return EntropicData(cost: ExactProblems.uniformCosts(n, n, &random)) }
    return EntropicData(
      x: ExactProblems.points(n, 2, &random), y: ExactProblems.points(n, 2, &random))
  }
}
