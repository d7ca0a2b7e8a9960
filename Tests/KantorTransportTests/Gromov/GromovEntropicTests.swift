import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct GromovEntropicTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  private func sample(_ what: String) -> GromovSample {
    switch what {
    case "fused": return .fused(9, 7, alpha: 0.3, seed: 10)
    case "random": return .random(8, 6, seed: 20)
    case "kl":
      var sample = GromovSample.random(7, 8, seed: 30)
      sample.loss = "kl"
      return sample
    default: return .clouds(10, 8, seed: 50)
    }
  }

  private func divergence(_ sample: GromovSample, _ plan: [Double]) -> Double {
    var sum = 1 - plan.reduce(0, +)
    for k in plan.indices where plan[k] > 0 {
      sum += plan[k] * log(plan[k] / (sample.a[k / sample.m] * sample.b[k % sample.m]))
    }
    return sum
  }

  @Test(arguments: ["clouds", "fused", "random", "kl"])
  func projectedPlansAreFixedPoints(what: String) throws {
    let sample = sample(what)
    for epsilon in [0.05, 0.5] {
      let result = try sample.solve("gromov_entropic", options: ["epsilon": .real(epsilon)])
      #expect(result.status == .solved)
      let plan = try result.array("plan").list()
      let expected = sample.value(plan) + epsilon * divergence(sample, plan)
      #expect(close(try result.real("objective"), expected))
      // log P + G / eps is a sum of a row and a column part.
      let gradient = sample.gradient(plan)
      let w = plan.indices.map { log(plan[$0]) + gradient[$0] / epsilon }
      for i in 1..<sample.n {
        for j in 1..<sample.m {
          let mixed = w[i * sample.m + j] - w[i * sample.m] - w[j] + w[0]
          #expect(abs(mixed) <= 1e-3)
        }
      }
      for j in 0..<sample.m {
        let column = (0..<sample.n).reduce(0) { $0 + plan[$1 * sample.m + j] }
        #expect(close(column, sample.b[j], 1e-8))
      }
    }
  }

  @Test func muchEntropyGivesTheProduct() throws {
    let sample = GromovSample.clouds(6, 5, seed: 3)
    let plan = try sample.solve("gromov_entropic", options: ["epsilon": .real(1e6)]).array("plan")
    for (k, x) in try plan.list().enumerated() {
      #expect(close(x, sample.a[k / 5] * sample.b[k % 5], 1e-5))
    }
  }

  @Test func withoutStructureItIsSinkhorn() throws {
    let sample = GromovSample.fused(8, 9, alpha: 0, seed: 70)
    let result = try sample.solve("gromov_entropic", options: ["epsilon": .real(0.1)])
    let transport = Problem(kind: TransportKind.kind)
    try transport.set("cost", .array(Tensor(try Buffer(sample.cost ?? []), shape: [8, 9])))
    try transport.set("weights_source", .array(Tensor(try Buffer(sample.a))))
    try transport.set("weights_target", .array(Tensor(try Buffer(sample.b))))
    let settings = Settings(method: try Catalog.standard.method("sinkhorn").spec)
    try settings.set("epsilon", .real(0.1))
    let other = try Catalog.standard.solve(transport, method: "sinkhorn", settings: settings)
    #expect(close(try result.real("objective"), try other.real("objective"), 1e-7))
  }

  /// Steps that would raise the objective are shortened: strongly convex F, little entropy.
  @Test func convexObjectivesDescendToo() throws {
    var sample = GromovSample.clouds(8, 8, seed: 4)
    sample.c = sample.c.map { -8 * exp(-$0) }
    sample.d = sample.d.map { 8 * exp(-$0) }
    let result = try sample.solve(
      "gromov_entropic", options: ["epsilon": .real(0.3), "trace": .flag(true)])
    let gap = try result.real("relative_gap")
    #expect(gap <= 1e-3)
    // Sinkhorn's tolerance is 1e-3 at first.
    let course = try result.array("trace_objective").list()
    for k in 1..<course.count { #expect(course[k] <= course[k - 1] * (1 + 1e-2)) }
  }

  @Test(arguments: ["clouds", "fused", "random", "kl"])
  func proximalEndsAreStationary(what: String) throws {
    let sample = sample(what)
    let options: [String: OptionValue] = ["scheme": .text("proximal"), "epsilon": .real(0.1)]
    let result = try sample.solve("gromov_entropic", options: options)
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    #expect(close(try result.real("objective"), sample.value(plan)))
    #expect(try result.real("marginal_residual") <= 1e-13)
    var raw = options
    raw["polish"] = .flag(false)
    raw["tolerance"] = .real(1e-5)
    let rough = try sample.solve("gromov_entropic", options: raw)
    #expect(try rough.int("polish_steps") == 0)
    #expect(try rough.real("relative_gap") <= 1e-2)
    #expect(try rough.real("objective") >= result.real("objective") - 1e-3)
  }

  @Test func massOnlyScalesThePlan() throws {
    var sample = GromovSample.clouds(6, 7, seed: 80)
    let before = try sample.solve("gromov_entropic", options: ["epsilon": .real(0.1)])
    sample.a = sample.a.map { 4 * $0 }
    sample.b = sample.b.map { 4 * $0 }
    let after = try sample.solve("gromov_entropic", options: ["epsilon": .real(0.4)])
    let (p, q) = (try before.array("plan").list(), try after.array("plan").list())
    for k in p.indices { #expect(close(4 * p[k], q[k], 1e-5)) }
  }

  @Test func startsWhereItIsTold() throws {
    let sample = GromovSample.clouds(9, 9, seed: 90)
    let options: [String: OptionValue] = ["epsilon": .real(0.05)]
    let cold = try sample.solve("gromov_entropic", options: options)
    let warm = try sample.solve(
      "gromov_entropic", options: options, start: ["plan": try cold.array("plan")])
    let (steps, before) = (try warm.int("iterations"), try cold.int("iterations"))
    #expect(steps < before && warm.status == .solved)
    #expect(close(try warm.real("objective"), try cold.real("objective"), 1e-8))
  }

  @Test func limitsAreTold() throws {
    let sample = GromovSample.clouds(9, 8, seed: 90)
    let result = try sample.solve(
      "gromov_entropic", options: ["epsilon": .real(0.02), "max_iterations": .int(2)])
    #expect(result.status == .iterationLimit)
    #expect(try result.int("iterations") == 2)
  }
}
