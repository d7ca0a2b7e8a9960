import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Finite sums and noise.
@Suite struct SampledTests {
  /// Bilinear game x'A_i y + b_i'x - c_i'y with A_i around a common matrix.
  private func bilinear(_ count: Int, _ n: Int, spread: Double) -> (Sample, [Double]) {
    let (a, noise) = (numbers(n * n, 21), numbers(count * n * n, 22))
    let b = numbers(2 * n * count, 23)
    let matrices = (0..<count).map { i in
      (0..<n * n).map {
        a[$0] + ($0 % (n + 1) == 0 ? 2 : 0) + spread * noise[i * n * n + $0]
      }
    }
    let component: @Sendable (Int, [Double]) -> [Double] = { i, z in
      var out = [Double](repeating: 0, count: 2 * n)
      for r in 0..<n {
        out[r] = b[2 * n * i + r]
        out[n + r] = b[2 * n * i + n + r]
        for c in 0..<n {
          out[r] += matrices[i][r * n + c] * z[n + c]
          out[n + r] -= matrices[i][c * n + r] * z[c]
        }
      }
      return out
    }
    // The solution from the mean.
    var system = [Double](repeating: 0, count: 4 * n * n)
    var right = [Double](repeating: 0, count: 2 * n)
    for column in 0...2 * n {
      var z = [Double](repeating: 0, count: 2 * n)
      if column < 2 * n { z[column] = 1 }
      var mean = [Double](repeating: 0, count: 2 * n)
      for i in 0..<count {
        for (k, v) in component(i, z).enumerated() { mean[k] += v / Double(count) }
      }
      for k in 0..<2 * n {
        if column == 2 * n { right[k] = -mean[k] } else { system[k * 2 * n + column] = mean[k] }
      }
    }
    for k in 0..<2 * n {
      for column in 0..<2 * n { system[k * 2 * n + column] += right[k] }
    }
    var sample = Sample([Double](repeating: 0, count: 2 * n))
    sample.components = count
    sample.component = component
    return (sample, linearSolve(system, right))
  }

  @Test func monotoneSums() throws {
    let (sample, solution) = bilinear(60, 3, spread: 0.5)
    let result = try sample.solve(
      VarianceReducedHalpern.entry, ["variant": .text("monotone"), "tolerance": .real(1e-5)])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    #expect(distance(try result.array("x").list(), solution) < 1e-3)
    let automatic = try sample.solve(VarianceReducedHalpern.entry)
    #expect(try automatic.text("variant") == "monotone")
    #expect(automatic.status == .solved)
  }

  @Test func monotoneSumsOnSimplices() throws {
    let a = numbers(9 * 40, 31)
    var sample = Known.game(Known.diagonal)
    sample.map = nil
    sample.components = 40
    let means = (0..<9).map { k in (0..<40).reduce(0) { $0 + a[9 * $1 + k] } / 40 }
    func entry(_ i: Int, _ r: Int, _ c: Int) -> Double {
      (r == c ? [1.0, 2, 4][r] : 0) + a[9 * i + 3 * r + c] - means[3 * r + c]
    }
    let matrices = (0..<40).map { i in (0..<9).map { entry(i, $0 / 3, $0 % 3) } }
    sample.component = { i, z in
      let m = matrices[i]
      let up = (0..<3).map { r in (0..<3).reduce(0) { $0 + m[3 * r + $1] * z[3 + $1] } }
      let down = (0..<3).map { c in -(0..<3).reduce(0) { $0 + m[3 * $1 + c] * z[$1] } }
      return up + down
    }
    let result = try sample.solve(
      VarianceReducedHalpern.entry, ["variant": .text("monotone"), "tolerance": .real(1e-4)])
    #expect(result.status == .solved)
    #expect(try result.real("gap") < 1e-2)
    #expect(try result.real("gap") >= 0)
  }

  @Test func boxes() throws {
    // Mean of squares (x - t_i)^2/2 on [0, 1]^2: the mean of the targets, clipped.
    let t = numbers(2 * 50, 41)
    var sample = Sample([0.5, 0.5], prox: "box 0 1")
    sample.components = 50
    sample.component = { i, x in [x[0] - t[2 * i] - 0.3, x[1] - t[2 * i + 1] + 2] }
    let mean = (0..<50).reduce(0.3) { $0 + t[2 * $1] / 50 }
    let result = try sample.solve(VarianceReducedHalpern.entry, ["tolerance": .real(1e-7)])
    #expect(result.status == .solved)
    #expect(distance(try result.array("x").list(), [mean, 0]) < 1e-6)
    // Counts: whole values count every component.
    let whole = try result.int("evaluations")
    #expect(try result.int("component_evaluations") >= 50 * whole)
  }

  @Test func seedsDecide() throws {
    let t = numbers(60, 51)
    var sample = Sample([2, 2])
    sample.components = 30
    sample.component = { i, x in [x[0] - t[2 * i], x[1] - t[2 * i + 1]] }
    let posed = sample
    func point(_ seed: Int64) throws -> [Double] {
      let result = try posed.solve(
        StochasticExtragradient.entry, ["seed": .int(seed), "tolerance": .real(1e-2)])
      return try result.array("x").list()
    }
    #expect(try point(1) == point(1))
    #expect(try point(1) != point(2))
  }

  @Test(arguments: ["past", "reflected", "optimistic"])
  func variantsAgreeWithoutNoise(variant: String) throws {
    let (sample, solution) = Known.linear(10)
    let result = try sample.solve(
      StochasticExtragradient.entry, ["variant": .text(variant), "tolerance": .real(1e-9)])
    #expect(result.status == .solved)
    #expect(distance(try result.array("x").list(), solution) < 1e-7)
  }

  @Test func averagesOfGames() throws {
    let result = try Known.game(Known.rockPaperScissors).solve(
      StochasticExtragradient.entry, ["answer": .text("average"), "tolerance": .real(1e-3)])
    #expect(result.status == .solved)
    #expect(try result.real("gap") < 1e-2)
  }

  @Test func noiseThatVanishesAtTheSolution() throws {
    // Bilinear with multiplicative noise: F_i = (1 + s_i) (y, -x), s_i of mean 0.
    var sample = Sample([1, 1])
    sample.components = 2
    sample.component = { i, z in
      let s = i == 0 ? 1.9 : 0.1
      return [s * z[1], -s * z[0]]
    }
    let result = try sample.solve(
      AdaptiveOptimistic.entry, ["tolerance": .real(1e-9), "max_iterations": .int(200_000)])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    #expect(norm(try result.array("x").list()) < 1e-8)
  }

  @Test func longCocoerciveSumsAreSampledByDefault() throws {
    var sample = Sample([1, 1])
    sample.component = { _, x in x }
    for (components, comonotone, name) in [
      (1000, 1.0, "variance_reduced_halpern"), (999, 1, "golden_ratio"),
      (1000, 0, "golden_ratio"), (1000, -0.1, "fast_extragradient"),
    ] {
      sample.components = components
      sample.comonotone = comonotone
      let problem = try sample.problem()
      #expect(problem.kind.defaultMethod(try problem.seal()) == name)
    }
  }

  @Test func samplesAreNeeded() throws {
    let (sample, _) = Known.linear(4)
    #expect(
      failure { () throws(KantorError) in
        _ = try sample.solve(VarianceReducedHalpern.entry)
      } == .unsupported)
    #expect(
      failure { () throws(KantorError) in
        _ = try Known.square.solve(AdaptiveOptimistic.entry)
      } == .unsupported)
  }
}
