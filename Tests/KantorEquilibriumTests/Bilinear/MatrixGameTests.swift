import KantorCore
import KantorNumerics
import TestSupport
import Testing

import KantorEquilibrium

@Suite struct MatrixGameTests {
  static let methods = [MatrixGameProgram.entry, MatrixGameGradient.entry]

  private func near(_ a: [Double], _ b: [Double], _ tolerance: Double) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test(arguments: 0..<2)
  func knownGames(_ method: Int) throws {
    func check(
      _ payoff: [[Double]], _ value: Double, _ p: [Double]? = nil, _ q: [Double]? = nil
    ) throws {
      let result = try BilinearSample.game(payoff).solve(
        Self.methods[method], ["tolerance": .real(1e-9)])
      #expect(result.status == .solved, "\(payoff)")
      #expect(abs(try result.real("objective") - value) <= 1e-8 * max(1, abs(value)))
      #expect(try result.real("lower") <= value + 1e-9 * max(1, abs(value)))
      #expect(try result.real("upper") >= value - 1e-9 * max(1, abs(value)))
      if let p { #expect(near(try result.array("row_strategy").list(), p, 1e-6)) }
      if let q { #expect(near(try result.array("column_strategy").list(), q, 1e-6)) }
    }
    let third = [1.0 / 3, 1.0 / 3, 1.0 / 3]
    try check([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], 0, third, third)
    try check([[1, -1], [-1, 1]], 0, [0.5, 0.5], [0.5, 0.5])
    // 3p - (1 - p) = -2p + 2 (1 - p) at p = 3/8; value 1/2, q = 1/2.
    try check([[3, -2], [-1, 2]], 0.5, [3.0 / 8, 5.0 / 8], [0.5, 0.5])
    // A saddle in pure strategies, and a single move.
    try check([[4, 2, 5], [1, 0, 3]], 2, [1, 0], [0, 1, 0])
    try check([[7]], 7, [1], [1])
    try check([[2, 2], [2, 2]], 2)
    // Shifted and scaled far away.
    try check([[1e6, 1e6 + 2], [1e6 + 2, 1e6]], 1e6 + 1, [0.5, 0.5], [0.5, 0.5])
    try check([[0, -1e-9, 1e-9], [1e-9, 0, -1e-9], [-1e-9, 1e-9, 0]], 0, third, third)
  }

  @Test func methodsAgreeOnALargerGame() throws {
    let game = BilinearSample.game(BilinearSample.random(200, 150, seed: 9))
    let exact = try game.solve(MatrixGameProgram.entry)
    let steps = try game.solve(MatrixGameGradient.entry, ["tolerance": .real(1e-6)])
    #expect(exact.status == .solved && steps.status == .solved)
    #expect(abs(try exact.real("objective") - steps.real("objective")) <= 2e-6)
    #expect(try exact.real("relative_gap") <= 1e-8)
    #expect(try steps.int("restarts") > 0)
  }

  /// The bounds are those of the strategies, whoever proposes them.
  @Test func boundsHoldForAnyStrategies() throws {
    let payoff = [[3.0, -2], [-1, 2]]
    let problem = try #require(try BilinearSample.game(payoff).sealed() as? MatrixGameProblem)
    let (p, q) = (try Buffer([2.0, 2]), try Buffer([1.0, -0.5]))
    #expect(MatrixGameCheck.normalise(p) && MatrixGameCheck.normalise(q))
    #expect(Array(p.span) == [0.5, 0.5] && Array(q.span) == [1, 0])
    let found = try MatrixGameCheck(problem).certify(p, q)
    #expect(found.lower == 0 && found.upper == 3 && found.gap == 3 && found.relativeGap == 0.6)
    let nothing = try Buffer([0.0, -1])
    #expect(!MatrixGameCheck.normalise(nothing))
  }

  @Test func limitsGiveTheBestStrategies() throws {
    let game = BilinearSample.game(BilinearSample.random(60, 60, seed: 2))
    let result = try game.solve(
      MatrixGameGradient.entry, ["max_iterations": .int(10), "tolerance": .real(1e-9)])
    #expect(result.status == .iterationLimit)
    #expect(try result.real("lower") <= result.real("upper"))
    let sum = try result.array("row_strategy").list().reduce(0, +)
    #expect(abs(sum - 1) < 1e-12)
  }

  @Test func sizesAreChecked() throws {
    let missing = failure { () throws(KantorError) in
      _ = try Problem(kind: MatrixGameKind.kind).seal()
    }
    #expect(missing == .missing)
    let empty = failure { () throws(KantorError) in
      let problem = Problem(kind: MatrixGameKind.kind)
      try problem.set("payoff", .array(Tensor(try Buffer<Double>(count: 0), shape: [0, 3])))
      _ = try problem.seal()
    }
    #expect(empty == .shape)
    let bad = failure { () throws(KantorError) in
      let problem = Problem(kind: MatrixGameKind.kind)
      try problem.set("payoff", .array(Tensor(try Buffer([1, Double.nan]), shape: [1, 2])))
      _ = try problem.seal()
    }
    #expect(bad == .notFinite)
  }
}
