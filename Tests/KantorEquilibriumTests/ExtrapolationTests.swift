import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Anderson's extrapolation as an option of the deterministic methods.
@Suite struct ExtrapolationTests {
  private static let methods: [MethodEntry] = [
    FastExtragradient.entry, Extragradient.entry, PastExtragradient.entry,
    ForwardReflectedBackward.entry, GoldenRatio.entry, ProximalPoint.entry, Halpern.entry,
  ]

  private func solved(
    _ sample: Sample, _ entry: MethodEntry, _ acceleration: String, tolerance: Double = 1e-8
  ) throws -> Result {
    let result = try sample.solve(
      entry,
      [
        "acceleration": .text(acceleration), "tolerance": .real(tolerance),
        "max_evaluations": .int(200_000),
      ])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(entry.spec.name): \(message)")
    return result
  }

  /// The gradient of a quadratic with eigenvalues from 1e-3 to 1.
  private var valley: Sample {
    let n = 40
    return Sample([Double](repeating: 0, count: n)) { x in
      (0..<n).map { i in
        let size = 1e-3 + Double(i * i) / Double((n - 1) * (n - 1)) * (1 - 1e-3)
        return size * (x[i] - 1)
      }
    }
  }

  @Test(arguments: methods.indices) func valleysNeedFewerCalls(_ method: Int) throws {
    let entry = Self.methods[method]
    let plain = try solved(valley, entry, "none")
    let fast = try solved(valley, entry, "anderson")
    #expect(try plain.int("extrapolations") == 0)
    #expect(try fast.int("extrapolations") > 0)
    let (few, many) = (try fast.int("evaluations"), try plain.int("evaluations"))
    #expect(2 * few < many, "\(entry.spec.name): \(few) against \(many)")
    for x in try fast.array("x").list() { #expect(abs(x - 1) < 1e-3) }
  }

  /// Sets, games and nonlinear maps: the same answers.
  @Test(arguments: methods.indices.dropLast()) func answersAreTheSame(_ method: Int) throws {
    let entry = Self.methods[method]
    let game = try solved(Known.game(Known.diagonal), entry, "anderson")
    #expect(
      distance(
        try game.array("x").list(), [4.0 / 7, 2.0 / 7, 1.0 / 7, 4.0 / 7, 2.0 / 7, 1.0 / 7]) < 1e-5)
    let braess = try solved(Known.braess(bridge: true), entry, "anderson")
    #expect(distance(try braess.array("x").list(), [2, 2, 2]) < 1e-5)
    let (firms, amounts) = Known.cournot([1, 2, 3], a: 20, b: 1)
    let cournot = try solved(firms, entry, "anderson")
    #expect(distance(try cournot.array("x").list(), amounts) < 1e-5)
  }

  @Test func theDefaultNeedsFewCalls() throws {
    // Routes that share links, with times that grow with the fourth power of the flow.
    let (links, routes) = (20, 40)
    let uses = numbers(links * routes, 5).map { $0 > 0.6 ? 1.0 : 0 }
    let sample = Sample([Double](repeating: 0.1, count: routes), prox: "simplex 4") { h in
      var times = [Double](repeating: 0, count: routes)
      for a in 0..<links {
        let flow = (0..<routes).reduce(0) { $0 + uses[a * routes + $1] * h[$1] }
        let time = 1 + 0.15 * flow * flow * flow * flow
        for r in 0..<routes { times[r] += uses[a * routes + r] * time }
      }
      return times
    }
    let problem = try sample.problem()
    let name = problem.kind.defaultMethod(try problem.seal())
    #expect(name == "golden_ratio")
    let entry = try #require(EquilibriumMethods.inclusion.first { $0.spec.name == name })
    let result = try sample.solve(entry)
    #expect(result.status == .solved)
    #expect(try result.int("evaluations") < 500)
  }
}
