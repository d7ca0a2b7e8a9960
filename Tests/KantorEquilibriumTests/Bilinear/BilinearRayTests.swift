import KantorCore
import TestSupport
import Testing

import KantorEquilibrium

/// Bilinear problems without saddle points, and rays that prove it.
@Suite struct BilinearRayTests {
  /// Bounded sets have no direction for ever, whatever the quadratic is next to it.
  @Test(arguments: [AcceleratedPrimalDual.entry, PrimalDualHybridGradient.entry].indices)
  func boxesAreNotUnbounded(_ method: Int) throws {
    let entry = [AcceleratedPrimalDual.entry, PrimalDualHybridGradient.entry][method]
    let n = 12
    let root = BilinearSample.random(n, n, seed: 21)
    let p = (0..<n).map { i in
      (0..<n).map { j in (0..<n).reduce(0) { $0 + root[i][$1] * root[j][$1] } }
    }
    let sample = BilinearSample(
      matrices: ["K": BilinearSample.random(n, 5, seed: 22), "P": p],
      vectors: ["c": BilinearSample.random(1, n, seed: 23)[0], "b": [0.3, 0.2, 0.5, 0.1, 0.4]],
      numbers: [
        "mu": method == 0 ? 0.1 : 0, "g_lower": -1, "g_upper": 1, "h_lower": -2, "h_upper": 2,
      ],
      words: ["g": "box", "h": "box"])
    let result = try sample.solve(entry)
    #expect(result.status == .solved, "\(message(result))")
    let checked = try #require(try sample.sealed() as? BilinearProblem)
    for seed in 1...20 {
      let d = try Buffer(BilinearSample.random(1, n, seed: UInt64(seed))[0])
      #expect(try !BilinearCheck(checked).unbounded(d).holds)
    }
  }

  private let entry = PrimalDualHybridGradient.entry

  /// x1 + x2 <= -1 with x >= 0.
  @Test func infeasibleLinearPrograms() throws {
    let result = try BilinearSample(
      matrices: ["K": [[1], [1]]], vectors: ["c": [1, 1], "b": [-1]],
      words: ["g": "nonnegative", "h": "nonnegative"]
    ).solve(entry)
    #expect(result.status == .infeasible)
    #expect(try result.real("objective") == .infinity)
    #expect(try result.array("ray_dual").list() == [1])
    #expect(try result.real("advantage") >= 1e7)
  }

  /// Opposite equations, found from random ones: rows a'x = 1 and 2a'x = 3.
  @Test func contradictions() throws {
    let a = BilinearSample.random(1, 6, seed: 5)[0]
    let k = a.map { [$0, 2 * $0] }
    let result = try BilinearSample(
      matrices: ["K": k], vectors: ["c": [Double](repeating: 1, count: 6), "b": [1, 3]]
    ).solve(entry)
    #expect(result.status == .infeasible)
    // b'd = -1 and Kd = 0.
    let ray = try result.array("ray_dual").list()
    #expect(abs(ray[0] + 3 * ray[1] + 1) < 1e-9)
    #expect(abs(ray[0] + 2 * ray[1]) < 1e-6)
  }

  /// min -x1, x1 - x2 <= 1, x >= 0.
  @Test func unboundedLinearPrograms() throws {
    let result = try BilinearSample(
      matrices: ["K": [[1], [-1]]], vectors: ["c": [-1, 0], "b": [1]],
      words: ["g": "nonnegative", "h": "nonnegative"]
    ).solve(entry)
    #expect(result.status == .unbounded)
    #expect(try result.real("objective") == -.infinity)
    let ray = try result.array("ray_primal").list()
    #expect(abs(ray[0] - 1) < 1e-9 && ray[1] >= ray[0] * (1 - 1e-6))
  }

  /// A ball against a maximiser that gains 1 each unit whatever x does: |x| <= 1, y(x - 2).
  @Test func ballsAgainstRays() throws {
    var sample = BilinearSample(
      matrices: ["K": [[1]]], vectors: ["b": [2]], words: ["g": "l2_ball"])
    #expect(try sample.solve(entry).status == .infeasible)
    sample.vectors["b"] = [0.5]
    #expect(try sample.solve(entry).status == .solved)
    // With mu > 0 the maximum is finite for all x.
    sample.vectors["b"] = [2]
    sample.numbers["mu"] = 0.1
    for entry in [entry, AcceleratedPrimalDual.entry] {
      #expect(try sample.solve(entry).status == .solved)
    }
  }

  /// A quadratic along the ray makes the problem bounded.
  @Test func curvatureHoldsRays() throws {
    var sample = BilinearSample(
      matrices: ["K": [[1], [-1]]], vectors: ["c": [-1, 0], "b": [1]],
      words: ["g": "nonnegative", "h": "nonnegative"])
    sample.matrices["P"] = [[1, 0], [0, 0]]
    let result = try sample.solve(entry)
    #expect(result.status == .solved)
    #expect(throws: (any Error).self) { try result.array("ray_primal") }
  }

  @Test func thoseOfStronglyConcaveProblems() throws {
    // min -x + y x - y^2/2 - ..., x free of y: K = 0.
    let result = try BilinearSample(
      matrices: ["K": [[0]]], vectors: ["c": [-1]], numbers: ["mu": 1]
    ).solve(AcceleratedPrimalDual.entry)
    #expect(result.status == .unbounded)
  }

  /// Solutions a thousand times as far as the data suggest are found, not denied.
  @Test func farSolutionsAreNoRays() throws {
    let result = try BilinearSample(
      matrices: ["K": [[1, 1], [1, 1.001]]], vectors: ["c": [1, 1], "b": [1, 2]]
    ).solve(entry, ["max_iterations": .int(20_000)])
    #expect(result.status != .infeasible && result.status != .unbounded)
  }
}
