import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct GromovSemirelaxedTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-11) -> Bool {
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

  @Test(
    arguments: ["clouds", "fused", "random", "kl"], ["conditional_gradient", "mirror_descent"])
  func plansAreStationary(what: String, solver: String) throws {
    let sample = sample(what)
    let result = try sample.solve(
      "gromov_semirelaxed", options: ["solver": .text(solver), "tolerance": .real(1e-6)])
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    #expect(close(try result.real("objective"), sample.value(plan)))
    let gradient = sample.gradient(plan)
    var gap = 0.0
    for i in 0..<sample.n {
      let row = i * sample.m..<(i + 1) * sample.m
      #expect(close(plan[row].reduce(0, +), sample.a[i], 1e-13))
      gap += zip(plan[row], gradient[row]).reduce(0) { $0 + $1.0 * $1.1 }
      gap -= sample.a[i] * (gradient[row].min() ?? .nan)
    }
    let certified = try result.real("gap")
    #expect(gap <= 1e-5 && close(gap, certified, 1e-10))
    let weights = try result.array("target_weights").list()
    for j in 0..<sample.m {
      #expect(close(weights[j], (0..<sample.n).reduce(0) { $0 + plan[$1 * sample.m + j] }))
    }
  }

  /// From a balanced optimum the value can only fall, and the targets' weights are not read.
  @Test func isBelowTheBalancedValue() throws {
    var sample = GromovSample.clouds(8, 8, seed: 60)
    let balanced = try sample.solve()
    let start = ["plan": try balanced.array("plan")]
    let result = try sample.solve("gromov_semirelaxed", start: start)
    #expect(try result.real("objective") <= balanced.real("objective") + 1e-13)
    sample.b = [Double](repeating: 1.0 / 8, count: 8)
    let other = try sample.solve("gromov_semirelaxed", start: start)
    #expect(try result.real("objective") == other.real("objective"))
  }

  /// A graph of two cliques against two points: each clique goes to one point.
  @Test func cliquesAreClusters() throws {
    let n = 10
    let c = (0..<n * n).map { ($0 / n < 6) == ($0 % n < 6) ? 1.0 : 0 }
    let sample = GromovSample(
      c: c, d: [1, 0, 0, 1], a: [Double](repeating: 0.1, count: n), b: [0.5, 0.5])
    var plan = [Double](repeating: 0.05, count: 2 * n)
    plan[0] = 0.06
    plan[1] = 0.04
    let start = ["plan": Tensor(try Buffer(plan), shape: [n, 2])]
    let result = try sample.solve("gromov_semirelaxed", start: start)
    #expect(abs(try result.real("objective")) <= 1e-14)
    let weights = try result.array("target_weights").list()
    #expect(close(weights[0], 0.6) && close(weights[1], 0.4))
  }

  @Test func onePointTakesAll() throws {
    let c = GromovSpecimens.distances(5, 3)
    let sample = GromovSample(c: c, d: [0.5], a: [0.1, 0.2, 0.3, 0.2, 0.2], b: [1])
    let result = try sample.solve("gromov_semirelaxed")
    #expect(result.status == .solved)
    #expect(close(try result.real("objective"), sample.value(sample.a)))
  }

  @Test func startsWithWrongRowsAreRefused() throws {
    let sample = GromovSample.clouds(4, 5, seed: 2)
    let wrong = Tensor(try Buffer([Double](repeating: 0.1, count: 20)), shape: [4, 5])
    #expect(throws: KantorError.self) {
      _ = try sample.solve("gromov_semirelaxed", start: ["plan": wrong])
    }
  }
}
