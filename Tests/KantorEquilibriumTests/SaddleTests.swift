import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Saddle points and games, posed as such.
@Suite struct SaddleTests {
  static let methods = EquilibriumMethods.saddle.filter {
    ["fast_extragradient", "extragradient", "golden_ratio"].contains($0.spec.name)
  }

  private func entry(_ name: String) throws -> MethodEntry {
    try #require(EquilibriumMethods.saddle.first { $0.spec.name == name })
  }

  private func saddle(
    _ x: [Double], _ y: [Double], value: @escaping @Sendable ([Double]) -> Double,
    gradient: @escaping @Sendable ([Double]) -> [Double], texts: [String: String] = [:],
    hessian: [Double]? = nil
  ) throws(KantorError) -> Problem {
    let n = x.count + y.count
    var functions = Sample.functions(n, map: gradient)
    functions.gradient = functions.map
    functions.map = nil
    functions.value = { z, out in
      out[0] = value((0..<n).map { z[$0] })
      return 0
    }
    if let hessian {
      functions.hessian = { _, sigma, _, out in
        for (k, h) in hessian.enumerated() { out[k] = sigma * h }
        return 0
      }
    }
    let problem = Problem(kind: SaddleKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start_x", .array(Tensor(try Buffer(x))))
    try problem.set("start_y", .array(Tensor(try Buffer(y))))
    for (name, text) in texts { try problem.set(name, .text(text)) }
    return problem
  }

  @Test(arguments: ["fast_extragradient", "extragradient", "golden_ratio", "past_extragradient"])
  func convexConcave(name: String) throws {
    // x^2/2 + 2xy - y^2 + x - y: (x, y) with x + 2y + 1 = 0, 2x - 2y - 1 = 0.
    let problem = try saddle(
      [1], [1],
      value: { z in z[0] * z[0] / 2 + 2 * z[0] * z[1] - z[1] * z[1] + z[0] - z[1] },
      gradient: { z in [z[0] + 2 * z[1] + 1, 2 * z[0] - 2 * z[1] - 1] })
    let result = try run(try entry(name), problem, ["tolerance": .real(1e-10)])
    #expect(result.status == .solved)
    let (x, y) = (try result.array("x").list(), try result.array("y").list())
    #expect(x.count == 1 && y.count == 1)
    #expect(abs(x[0]) < 1e-8 && abs(y[0] + 0.5) < 1e-8)
    #expect(abs(try result.real("objective") - 0.25) < 1e-8)
  }

  @Test func setsOfBothSides() throws {
    // xy on the square, and with different sets: x in [1, 2], y in [-1, 3]: (1, 3).
    let problem = try saddle(
      [1.5], [0], value: { $0[0] * $0[1] }, gradient: { [$0[1], $0[0]] },
      texts: ["prox_x": "box 1 2", "prox_y": "box -1 3"])
    let result = try run(try entry("fast_extragradient"), problem)
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - 3) < 1e-5)
    #expect(try result.real("gap") < 1e-5)
    #expect(try result.real("tangent_residual") < 1e-5)
  }

  // MARK: Local minimax points

  @Test func localMinimaxOfAQuadratic() throws {
    // -x^2/2 + 2xy - y^2/2: not convex in x; Schur complement 3.
    let problem = try saddle(
      [1], [0.5], value: { z in -z[0] * z[0] / 2 + 2 * z[0] * z[1] - z[1] * z[1] / 2 },
      gradient: { z in [-z[0] + 2 * z[1], 2 * z[0] - z[1]] })
    let result = try run(try entry("two_timescale_extragradient"), problem)
    #expect(result.status == .solved)
    #expect(abs(try result.real("curvature_y") + 0.5) < 1e-6)
    let schur = try result.real("curvature_schur")
    #expect(abs(schur - 1.5) < 1e-6, "\(schur)")
    #expect(norm(try result.array("x").list()) < 1e-5)
  }

  @Test func degenerateHessians() throws {
    // -x^2/8 + xy: phi_yy = 0, yet max over y is infinite unless x = 0, a strict minimax point.
    let problem = try saddle(
      [1], [0.5], value: { z in -z[0] * z[0] / 8 + z[0] * z[1] },
      gradient: { z in [-z[0] / 4 + z[1], z[0]] }, hessian: [-0.25, 1, 1, 0])
    let result = try run(try entry("two_timescale_extragradient"), problem)
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    #expect(try result.real("curvature_schur") == .infinity)
    // Two y's, one of them flat: -x^2/4 + x y1 - y1^2/2 + 0 y2 has the Schur complement 1/2.
    let flat = try saddle(
      [1], [0.2, 0.3],
      value: { z in -z[0] * z[0] / 4 + z[0] * z[1] - z[1] * z[1] / 2 },
      gradient: { z in [-z[0] / 2 + z[1], z[0] - z[1], 0] })
    let other = try run(try entry("two_timescale_extragradient"), flat)
    #expect(other.status == .solved)
    let schur = try other.real("curvature_schur")
    #expect(abs(schur - 0.5) < 1e-6, "\(schur)")
  }

  @Test func saddlesOfTheWrongKindAreNotCalledSolved() throws {
    // y^2/2 is to be maximised: 0 is stationary and the worst point.
    let problem = try saddle(
      [0], [0], value: { z in z[0] * z[0] / 2 + z[1] * z[1] / 2 },
      gradient: { z in [z[0], z[1]] })
    let result = try run(
      try entry("two_timescale_extragradient"), problem, ["max_iterations": .int(5000)])
    #expect(result.status != .solved && result.status != .solvedInaccurate)
    // Other methods promise stationary points only.
    let plain = try run(try entry("fast_extragradient"), problem)
    #expect(plain.status == .solved)
  }

  // MARK: Games

  private func game(
    _ sample: Sample, players: [Double]
  ) throws(KantorError) -> Problem {
    let problem = Problem(kind: GameKind.kind)
    try problem.set("functions", .functions(Sample.functions(sample.start.count, map: sample.map)))
    try problem.set("start", .array(Tensor(try Buffer(sample.start))))
    try problem.set("players", .array(Tensor(try Buffer(players))))
    if let prox = sample.prox { try problem.set("prox", .text(prox)) }
    return problem
  }

  @Test(arguments: EquilibriumMethods.game.map(\.spec.name).filter {
    !["variance_reduced_halpern", "stochastic_extragradient", "adaptive_optimistic"].contains($0)
  })
  func cournot(name: String) throws {
    let entry = try #require(EquilibriumMethods.game.first { $0.spec.name == name })
    let (sample, solution) = Known.cournot([1, 2, 3], a: 20, b: 0.5)
    let result = try run(
      entry, try game(sample, players: [1, 1, 1]), ["tolerance": .real(1e-9)])
    #expect(result.status == .solved)
    #expect(distance(try result.array("x").list(), solution) < 1e-6)
    #expect(try result.array("player_residuals").list().count == 3)
  }

  @Test func regretsOfMixedStrategies() throws {
    let sample = Known.game(Known.rockPaperScissors)
    let entry = try #require(EquilibriumMethods.game.first)
    let result = try run(entry, try game(sample, players: [3, 3]), ["max_iterations": .int(1)])
    let x = try result.array("x").list()
    let regrets = try result.array("player_regrets").list()
    let f = sample.map?(x) ?? []
    for (k, part) in [0..<3, 3..<6].enumerated() {
      let now = part.reduce(0) { $0 + f[$1] * x[$1] }
      let best = part.map { f[$0] }.min() ?? .nan
      #expect(abs(regrets[k] - (now - best)) < 1e-12)
    }
    #expect(abs(try result.real("gap") - regrets.reduce(0, +)) < 1e-12)
  }

  @Test func sizesHaveToFit() throws {
    let sample = Known.game(Known.rockPaperScissors)
    for (players, code) in [
      ([3.0, 2], KantorError.Code.shape), ([0, 6], .range), ([1.5, 4.5], .range),
      ([7], .range), ([.nan, 3], .notFinite),
    ] {
      let found = failure { () throws(KantorError) in
        try game(sample, players: players).seal()
      }
      #expect(found == code, "\(players)")
    }
  }
}
