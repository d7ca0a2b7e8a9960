import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Bad input, functions that fail, limits.
@Suite struct FailureTests {
  private func seals(_ change: (inout Sample) -> Void) -> KantorError? {
    var sample = Known.square
    change(&sample)
    let changed = sample
    return error { () throws(KantorError) in try changed.problem().seal() }
  }

  @Test func badFields() throws {
    #expect(seals { $0.prox = "simplex -1" }?.code == .range)
    #expect(seals { $0.prox = "simplex -1" }?.message.contains("empty") == true)
    #expect(seals { $0.prox = "simplx" }?.message.contains("'simplex'") == true)
    #expect(seals { $0.prox = "box 2 1" }?.code == .range)
    #expect(seals { $0.prox = "box 1" } == nil)
    #expect(seals { $0.prox = "box one two" }?.code == .range)
    #expect(seals { $0.prox = "box 0 1 2" }?.code == .range)
    #expect(seals { $0.prox = "box" }?.code == .missing)
    #expect(seals { $0.prox = "l1 -1" }?.code == .range)
    #expect(seals { $0.prox = "mirror_simplex" }?.code == .name)
    #expect(seals { $0.prox = "zero, zero, zero" }?.code == .shape)
    #expect(seals { $0.prox = "callback" }?.code == .missing)
    #expect(seals { $0.start = [] }?.code == .shape)
    #expect(seals { $0.start = [.nan, 1] }?.code == .notFinite)
    #expect(seals { $0.lipschitz = -1 }?.code == .range)
    #expect(seals { $0.blocks = [1, 2] }?.code == .shape)
    #expect(seals { $0.blocks = [1, 1.5] }?.code == .range)
    #expect(seals { $0.blocks = [1, 1] } == nil)
    #expect(seals { $0.components = 3 }?.code == .missing)
    #expect(seals { $0.map = nil }?.code == .missing)
    #expect(seals { $0.prox = "box"; $0.lower = [0, 1, 2] }?.code == .shape)
    #expect(seals { $0.prox = "box"; $0.lower = [0, 1] } == nil)
  }

  @Test func termsOfTheLibrary() throws {
    // The nearest point of the l2 ball, of half of it by bounds, and a soft threshold.
    let target = [3.0, 4]
    let f: @Sendable ([Double]) -> [Double] = { [$0[0] - target[0], $0[1] - target[1]] }
    for (prox, expected) in [
      ("l2_ball 1", [0.6, 0.8]), ("l1 1", [2, 3]), ("l1 weight=1", [2, 3]),
      ("budget 1", [0, 1]), ("box_sum 0 0.75 total=1", [0.25, 0.75]),
    ] {
      let result = try Sample([0, 0], prox: prox, map: f).solve(
        FastExtragradient.entry, ["tolerance": .real(1e-9)])
      #expect(result.status == .solved, "\(prox)")
      #expect(distance(try result.array("x").list(), expected) < 1e-7, "\(prox)")
    }
    let ball = try Sample([0, 0], prox: "l2_ball 1", map: f).solve(
      FastExtragradient.entry, ["tolerance": .real(1e-9)])
    #expect(abs(try ball.real("gap")) < 1e-6)
    #expect(try ball.real("violation") < 1e-12)
  }

  @Test func functionsThatEndTheSolve() throws {
    for entry in EquilibriumMethods.inclusion {
      var functions = Functions()
      functions.map = { _, _ in -7 }
      functions.batchMap = { _, _, _, _ in -7 }
      let problem = Problem(kind: InclusionKind.kind)
      try problem.set("functions", .functions(functions))
      try problem.set("start", .array(Tensor(try Buffer([1.0, 2]))))
      try problem.set("components", .int(5))
      let result = try run(entry, problem)
      #expect(result.status == .stoppedByCallback, "\(entry.spec.name)")
      #expect(try result.int("callback_code") == -7)
      #expect(try result.array("x").list() == [1, 2])
    }
  }

  @Test func functionsThatAreNowhereDefined() throws {
    for entry in EquilibriumMethods.inclusion {
      var functions = Functions()
      functions.map = { _, _ in 1 }
      functions.batchMap = { _, _, _, _ in 1 }
      let problem = Problem(kind: InclusionKind.kind)
      try problem.set("functions", .functions(functions))
      try problem.set("start", .array(Tensor(try Buffer([1.0, 2]))))
      try problem.set("components", .int(5))
      let result = try run(entry, problem)
      #expect(result.status == .callbackError, "\(entry.spec.name)")
      let message = try result.text("message")
      #expect(message.contains("returned 1"), "\(entry.spec.name): \(message)")
    }
  }

  /// F(x) = log x - 1 + ..., defined for x > 0 only: long steps leave the domain.
  @Test(arguments: [
    "fast_extragradient", "extragradient", "past_extragradient", "forward_reflected_backward",
    "golden_ratio", "halpern", "proximal_point", "stochastic_extragradient",
  ])
  func stepsOutOfTheDomainAreShortened(name: String) throws {
    let entry = try #require(EquilibriumMethods.inclusion.first { $0.spec.name == name })
    var sample = Sample([8, 8]) { x in x.map { $0 > 0 ? logarithm($0) + $0 - 1 : .nan } }
    sample.lipschitz = 0.2
    let result = try sample.solve(entry, ["tolerance": .real(1e-6)])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    #expect(distance(try result.array("x").list(), [1, 1]) < 1e-4)
  }

  @Test func limits() throws {
    // Rotation with slow decay, so that limits are met.
    let sample = Sample([1, 1]) { [1e-3 * $0[0] + $0[1], 1e-3 * $0[1] - $0[0]] }
    for name in ["extragradient", "past_extragradient", "fast_extragradient", "golden_ratio"] {
      let entry = try #require(EquilibriumMethods.inclusion.first { $0.spec.name == name })
      let few = try sample.solve(
        entry, ["max_evaluations": .int(7), "tolerance": .real(1e-13)])
      #expect(few.status == .evaluationLimit, "\(name)")
      #expect(try few.int("evaluations") <= 8)
      let short = try sample.solve(
        entry, ["max_iterations": .int(3), "tolerance": .real(1e-13)])
      #expect(short.status == .iterationLimit, "\(name)")
      #expect(try short.int("iterations") == 3)
    }
  }

  @Test func noSolution() throws {
    // F = (1, 0) everywhere.
    for entry in [FastExtragradient.entry, GoldenRatio.entry] {
      let result = try Sample([0, 0]) { _ in [1, 0] }.solve(
        entry, ["max_iterations": .int(20_000)])
      #expect(result.status != .solved && result.status != .solvedInaccurate)
      #expect(try result.real("residual") == 1)
    }
  }

  @Test func warmStarts() throws {
    let (sample, solution) = Known.linear(20)
    for entry in [FastExtragradient.entry, PastExtragradient.entry, ProximalPoint.entry] {
      let cold = try sample.solve(entry)
      let settings = Settings(method: entry.spec)
      settings.setStart(cold)
      let warm = try sample.solve(entry, settings: settings)
      #expect(try warm.int("iterations") == 0)
      settings.setStart("x", Tensor(try Buffer([1.0])))
      #expect(
        failure { () throws(KantorError) in _ = try sample.solve(entry, settings: settings) }
          == .shape)
      #expect(distance(try warm.array("x").list(), solution) < 1e-4)
    }
  }

  @Test func andersonNeedsFewerSteps() throws {
    let (sample, _) = Known.linear(30, skew: 6)
    let plain = try sample.solve(Extragradient.entry, ["tolerance": .real(1e-10)])
    let fast = try sample.solve(
      Extragradient.entry, ["tolerance": .real(1e-10), "acceleration": .text("anderson")])
    #expect(plain.status == .solved && fast.status == .solved)
    #expect(try fast.int("extrapolations") > 0)
    let (few, many) = (try fast.int("iterations"), try plain.int("iterations"))
    #expect(few < many, "\(few) against \(many)")
  }

  @Test func tangentResidualsOfSimplices() throws {
    // Against the least over a grid of normals, at a point with zeros.
    for seed in 1...20 as ClosedRange<UInt64> {
      let f = numbers(4, seed)
      let x = [0.5, 0.5, 0.0, 0.0]
      var sample = Sample(x, prox: "simplex 1") { _ in f }
      sample.start = x
      let result = try sample.solve(FastExtragradient.entry, ["max_iterations": .int(1)])
      let at = try result.array("x").list()
      let told = try result.real("tangent_residual")
      var least = Double.infinity
      for step in 0...40_000 {
        let c = -2 + Double(step) * 1e-4
        var square = 0.0
        for i in 0..<4 {
          let d = at[i] > 0 ? f[i] + c : min(f[i] + c, 0)
          square += d * d
        }
        least = min(least, square)
      }
      #expect(abs(told - least.squareRoot()) < 1e-3, "\(told) \(least.squareRoot())")
    }
  }
}
