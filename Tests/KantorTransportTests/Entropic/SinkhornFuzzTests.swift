import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// Random problems of every shape: weights over twelve decades or with zeros, costs that are flat,
/// degenerate, heavy-tailed or blocky, epsilon from ten down to 1e-5 of the mean cost.
@Suite struct SinkhornFuzzTests {
  private func cost(
    _ n: Int, _ m: Int, kind: Int, _ random: inout RandomStream
  ) -> [[Double]] {
    let x = (0..<n).map { _ in random.uniform() }
    let y = (0..<m).map { _ in random.uniform() }
    return (0..<n).map { i in
      (0..<m).map { j in
        switch kind {
        case 0: return random.uniform()
        case 1: return Double(random.index(below: 2))
        case 2: return exp(6 * (random.uniform() + random.uniform() + random.uniform() - 1.5))
        case 3: return abs(x[i] - y[j])
        case 4: return Double(abs(i - j))
        default: return (x[i] - y[j]) * (x[i] - y[j]) + (i % 3 == j % 3 ? 0 : 5)
        }
      }
    }
  }

  private func weights(_ count: Int, _ random: inout RandomStream) -> [Double] {
    let style = random.index(below: 4)
    var w = (0..<count).map { _ -> Double in
      switch style {
      case 0: return 1
      case 1: return random.uniform() < 0.3 ? 0 : random.uniform()
      case 2: return random.uniform()
      default: return pow(10, -12 * random.uniform())
      }
    }
    if w.reduce(0, +) == 0 { w[0] = 1 }
    let total = w.reduce(0, +)
    for k in 0..<count { w[k] /= total }
    return w
  }

  @Test(arguments: 0..<8) func everyProblemIsSolved(batch: Int) throws {
    for seed in (40 * batch)..<(40 * (batch + 1)) {
      var random = RandomStream(seed: UInt64(seed), stream: 5)
      let largest = random.uniform() < 0.15 ? 120 : 40
      let n = 1 + random.index(below: largest)
      let m = 1 + random.index(below: largest)
      let kind = random.index(below: 6)
      let data = EntropicData(
        cost: cost(n, m, kind: kind, &random), a: weights(n, &random), b: weights(m, &random))
      let mean = data.cost.joined().reduce(0, +) / Double(n * m)
      let epsilon = (mean > 0 ? mean : 1) * pow(10, 1 - 6 * random.uniform())
      let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(epsilon)])
      #expect(
        result.status == .solved,
        "seed \(seed): \(n) x \(m), cost \(kind), epsilon \(epsilon / mean) of the mean")
      // The marginals, added up by the test.
      let plan = try result.matrix("plan")
      let (a, b) = data.weights
      var error = 0.0
      for i in 0..<n { error += abs(plan[i].reduce(0, +) - a[i]) }
      for j in 0..<m { error += abs((0..<n).reduce(0) { $0 + plan[$1][j] } - b[j]) }
      #expect(error < 1.1e-9, "seed \(seed)")
    }
  }

  /// On a line the absolute distance leaves plans dense at every epsilon: nothing to leave out.
  @Test func denseAtEveryEpsilon() throws {
    let n = 60
    let data = EntropicData(cost: (0..<n).map { i in (0..<n).map { Double(abs(i - $0)) } })
    var shifted = data
    var random = RandomStream(seed: 2)
    (shifted.a, shifted.b) = (weights(n, &random), weights(n, &random))
    for problem in [data, shifted] {
      let exact = try problem.solve(NetworkSimplex.entry).real("objective")
      let result = try problem.solve(Sinkhorn.entry, ["epsilon": .real(1e-3)])
      #expect(result.status == .solved, "\(result.message)")
      #expect(abs(try result.real("transport_cost") - exact) < 0.02)
    }
  }
}
