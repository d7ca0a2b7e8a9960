import KantorBilevel
import KantorCore
import KantorTransport
import TestSupport
import Testing

/// Transport as a lower level: costs recovered from an observed plan, clouds moved onto each other.
@Suite struct NestedTransportTests {
  private static let (n, m) = (5, 6)

  /// Numbers in [0, 1), the same every time.
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) * 0x1p-31
    }
  }

  private static func sinkhorn() throws -> Settings {
    let settings = Settings(method: Sinkhorn.spec)
    try settings.set("epsilon", .real(0.2))
    return settings
  }

  /// The cost is C + x_1 B_1 + x_2 B_2 + x_3 B_3; the plan for one x is observed, and x found.
  @Test func inverseTransport() throws {
    let (n, m) = (Self.n, Self.m)
    let base = Self.numbers(n * m, 1)
    let features = (0..<3).map { Self.numbers(n * m, 10 + UInt64($0)) }
    let truth = [0.7, -0.3, 0.4]
    let cost = (0..<n * m).map { k in
      base[k] + (0..<3).reduce(0) { $0 + truth[$1] * features[$1][k] }
    }
    let settings = try Self.sinkhorn()
    let exact = settings.copy()
    try exact.set("tolerance", .real(1e-12))
    let observed = try Sinkhorn.entry.solve(
      try Problem.of(TransportKind.kind, [("cost", cost, [n, m])]).seal(),
      try exact.run(for: Sinkhorn.spec)
    ).array("plan").list()
    let nested = try NestedCase(
      lower: try Problem.of(TransportKind.kind, [("cost", base, [n, m])]), by: Sinkhorn.entry,
      settings: settings, fields: "cost", answers: "plan", size: n * m, start: [0, 0, 0],
      upper: .of { w, g in
        var sum = 0.0
        for i in 0..<3 { g[i] = 0 }
        for (k, p) in observed.enumerated() {
          g[3 + k] = 1e3 * (w[3 + k] - p)
          sum += 500 * (w[3 + k] - p) * (w[3 + k] - p)
        }
        return sum
      }
    ).matrix((0..<n * m).map { k in features.map { $0[k] } })
    let result = try nested.solve(["tolerance": .real(1e-8)])
    #expect(result.status == .solved)
    for (x, t) in zip(try result.array("x").list(), truth) { #expect(abs(x - t) < 1e-5) }
    let check = try nested.hypergradient([0.1, 0.2, -0.1], ["check_directions": .int(2)])
    #expect(try check.real("derivative_check") < 1e-5 * 1e3)
  }

  /// The squared distance of two clouds over translations of one is least where their means meet;
  /// the value of an exact solve is differentiated.
  @Test func registration() throws {
    let source = Self.numbers(16, 3)
    let target = Self.numbers(16, 4)
    let lower = try Problem.of(
      TransportKind.kind,
      [("points_source", source, [8, 2]), ("points_target", target, [8, 2])],
      words: ["metric": "sqeuclidean"])
    let nested = try NestedCase(
      lower: lower, by: NetworkSimplex.entry, fields: "points_source", answers: "objective",
      size: 1, start: [1, -1],
      upper: .of { w, g in
        (g[0], g[1], g[2]) = (0, 0, 1)
        return w[2]
      }
    ).matrix((0..<16).map { $0 % 2 == 0 ? [1, 0] : [0, 1] })
    let result = try nested.solve()
    #expect(result.status == .solved)
    for (i, x) in try result.array("x").list().enumerated() {
      let means = (0..<8).reduce(0.0) { $0 + (target[2 * $1 + i] - source[2 * $1 + i]) / 8 }
      #expect(abs(x - means) < 1e-6)
    }
  }

  /// Exact plans jump; their results say that they have no derivative, before anything is solved in
  /// vain.
  @Test func exactPlansHaveNoDerivative() throws {
    let nested = try NestedCase(
      lower: try Problem.of(TransportKind.kind, [("cost", [0, 1, 1, 0], [2, 2])]),
      by: NetworkSimplex.entry, fields: "cost", answers: "plan", size: 4, start: [0.5],
      upper: .distance(nx: 1, to: [0.5, 0, 0, 0.5])
    ).matrix([[1], [0], [0], [0]])
    let failed = error { () throws(KantorError) in _ = try nested.solve() }
    #expect(failed?.code == .name)
    #expect(failed?.message.contains("'plan'") == true)
    #expect(failed?.message.contains("x = (0.5)") == true)
  }
}
