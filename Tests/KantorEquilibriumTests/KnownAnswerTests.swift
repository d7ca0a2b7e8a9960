import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Every method on problems whose solutions are known.
@Suite struct KnownAnswerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let entry: MethodEntry
    var testDescription: String { entry.spec.name }
  }
  /// Those that take any monotone F.
  static let general = [
    FastExtragradient.entry, Extragradient.entry, PastExtragradient.entry,
    ForwardReflectedBackward.entry, GoldenRatio.entry, ProximalPoint.entry,
  ].map(Case.init)

  private func solve(
    _ sample: Sample, _ method: Case, _ tolerance: Double = 1e-8
  ) throws -> [Double] {
    let result = try sample.solve(method.entry, ["tolerance": .real(tolerance)])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    return try result.array("x").list()
  }

  @Test(arguments: general) func linear(method: Case) throws {
    let (sample, solution) = Known.linear(50)
    #expect(distance(try solve(sample, method, 1e-12), solution) < 1e-10)
  }

  @Test(arguments: general) func squareOfTheBilinearForm(method: Case) throws {
    #expect(norm(try solve(Known.square, method)) < 1e-7)
  }

  @Test(arguments: general) func games(method: Case) throws {
    let third = [Double](repeating: 1.0 / 3, count: 6)
    let x = try solve(Known.game(Known.rockPaperScissors), method)
    #expect(distance(x, third) < 1e-6)
    let weights = [4.0 / 7, 2.0 / 7, 1.0 / 7]
    let y = try solve(Known.game(Known.diagonal), method)
    #expect(distance(y, weights + weights) < 1e-6)
  }

  @Test(arguments: general) func complementarity(method: Case) throws {
    for (k, start) in [[1.2, 0.1, 0.1, 0.6], [1, 0, 2.8, 0.1]].enumerated() {
      let result = try Known.kojimaShindo(start).solve(
        method.entry, ["tolerance": .real(1e-9), "max_iterations": .int(20_000)])
      let x = try result.array("x").list()
      let known = Known.kojimaShindoSolutions.map { distance(x, $0) }.min() ?? .infinity
      // F is not monotone, so that no method has to find a solution; what is called one has to be
      // one.
      if result.status == .solved { #expect(known < 1e-6, "start \(k): \(x)") }
    }
  }

  @Test(arguments: general) func traffic(method: Case) throws {
    let one = try Known.routes(demand: 1).solve(method.entry)
    #expect(distance(try one.array("x").list(), [1, 0]) < 1e-5)
    #expect(distance(try solve(Known.routes(demand: 2), method), [1, 1]) < 1e-7)
    #expect(distance(try solve(Known.braess(bridge: false), method), [3, 3]) < 1e-6)
    let sample = Known.braess(bridge: true)
    let h = try solve(sample, method)
    #expect(distance(h, [2, 2, 2]) < 1e-6)
    let times = sample.map?(h) ?? []
    #expect(times.allSatisfy { abs($0 - 92) < 1e-4 })
  }

  @Test(arguments: general) func cournot(method: Case) throws {
    let (sample, solution) = Known.cournot([1, 2, 3, 4], a: 20, b: 0.5)
    #expect(distance(try solve(sample, method), solution) < 1e-6)
  }

  @Test(arguments: general) func linearProgram(method: Case) throws {
    let (sample, x, y) = Known.linearProgram()
    #expect(distance(try solve(sample, method), x + y) < 1e-6)
  }

  @Test(arguments: general) func theHostsProx(method: Case) throws {
    // F(x) = x - (3, -0.2, 1) and g = the l1 norm: soft thresholding.
    var sample = Sample([0, 0, 0]) { [$0[0] - 3, $0[1] + 0.2, $0[2] - 1] }
    sample.hostProx = { x, step in
      x.map { $0 > step ? $0 - step : $0 < -step ? $0 + step : 0 }
    }
    #expect(distance(try solve(sample, method), [2, 0, 0]) < 1e-7)
  }

  @Test(arguments: general) func bothPlayersOfASum(method: Case) throws {
    let (whole, solution) = Known.linear(8, seed: 5)
    var sample = Sample(whole.start)
    sample.components = 4
    let map = whole.map
    sample.component = { i, z in (map?(z) ?? []).map { $0 * Double(1 + i % 2) / 1.5 } }
    #expect(distance(try solve(sample, method), solution) < 1e-6)
  }

  @Test func complementarityProblemsHaveBothSolutions() throws {
    for solution in Known.kojimaShindoSolutions {
      let result = try Known.kojimaShindo(solution).solve(
        FastExtragradient.entry, ["tolerance": .real(1e-10)])
      #expect(result.status == .solved)
      #expect(try result.int("iterations") == 0)
    }
  }
}
