import Foundation
import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Fields whose slopes differ by four to six orders of magnitude: steps of first order would need
/// some 1e5 calls.
@Suite struct IllConditionedTests {
  /// K = U diag V' with singular values from 1 to 1/condition, U and V reflections.
  private func coupling(_ n: Int, condition: Double, seed: UInt64) -> [Double] {
    let (u, v) = (numbers(n, seed), numbers(n, seed + 1))
    let (nu, nv) = (norm(u), norm(v))
    let s = (0..<n).map { exp(-log(condition) * Double($0) / Double(max(n - 1, 1))) }
    func reflection(_ w: [Double], _ size: Double, _ i: Int, _ j: Int) -> Double {
      (i == j ? 1 : 0) - 2 * w[i] * w[j] / (size * size)
    }
    return (0..<n * n).map { k in
      let (i, j) = (k / n, k % n)
      return (0..<n).reduce(0) {
        $0 + reflection(u, nu, i, $1) * s[$1] * reflection(v, nv, $1, j)
      }
    }
  }

  /// min over x, max over y of (x - a)'K(y - b).
  private func game(_ n: Int, condition: Double, seed: UInt64) -> (Sample, [Double]) {
    let k = coupling(n, condition: condition, seed: seed)
    let solution = numbers(2 * n, seed + 7).map { 0.4 * $0 }
    let (a, b) = (Array(solution[..<n]), Array(solution[n...]))
    let sample = Sample([Double](repeating: 0, count: 2 * n)) { z in
      let x = zip(z[..<n], a).map { $0 - $1 }
      let y = zip(z[n...], b).map { $0 - $1 }
      var f = [Double](repeating: 0, count: 2 * n)
      for i in 0..<n {
        for j in 0..<n {
          f[i] += k[i * n + j] * y[j]
          f[n + j] -= k[i * n + j] * x[i]
        }
      }
      return f
    }
    return (sample, solution)
  }

  @Test(arguments: [(20, 1e4), (50, 1e6), (80, 1e5)])
  func theDefaultSolvesThem(_ n: Int, _ condition: Double) throws {
    let (sample, solution) = game(n, condition: condition, seed: UInt64(n))
    let result = try sample.solve(GoldenRatio.entry, ["tolerance": .real(1e-10)])
    #expect(result.status == .solved, "\(message(result))")
    // A residual of 1e-10 leaves an error of 1e-10 times the condition.
    #expect(
      distance(try result.array("x").list(), solution) <= 2e-10 * condition * (1 + norm(solution)))
    #expect(try result.int("newton_steps") > 0)
    #expect(try result.int("evaluations") < 30 * n + 300)
  }

  /// Half of the variables end at bounds.
  @Test func boxesToo() throws {
    var (sample, _) = game(30, condition: 1e4, seed: 3)
    sample.prox = "box -0.2 0.2"
    let result = try sample.solve(GoldenRatio.entry, ["tolerance": .real(1e-9)])
    #expect(result.status == .solved, "\(message(result))")
    #expect(try result.int("evaluations") < 20_000)
    let plain = try sample.solve(
      GoldenRatio.entry,
      ["tolerance": .real(1e-9), "acceleration": .text("none"), "max_evaluations": .int(20_000)])
    #expect(plain.status != .solved)
  }

  /// Terms with a slope everywhere: proposals are not moved by them.
  @Test func lassos() throws {
    let (n, m) = (40, 25)
    let a = numbers(m * n, 31)
    let b = numbers(m, 32)
    let scales = (0..<n).map { exp(-6 * Double($0) / Double(n)) }
    let sample = Sample([Double](repeating: 0, count: n), prox: "l1 0.01") { x in
      let r = (0..<m).map { i in
        (0..<n).reduce(-b[i]) { $0 + a[i * n + $1] * scales[$1] * x[$1] }
      }
      return (0..<n).map { j in (0..<m).reduce(0) { $0 + a[$1 * n + j] * scales[j] * r[$1] } }
    }
    let result = try sample.solve(GoldenRatio.entry, ["tolerance": .real(1e-10)])
    #expect(result.status == .solved, "\(message(result))")
    #expect(try result.array("x").list().contains { $0 == 0 })
    #expect(try result.int("evaluations") < 12_000)
  }

  /// Where F ends the solve, Newton's steps end too; limits of calls are exact.
  @Test func limitsHold() throws {
    let (sample, _) = game(50, condition: 1e6, seed: 50)
    let result = try sample.solve(
      GoldenRatio.entry, ["tolerance": .real(1e-12), "max_evaluations": .int(150)])
    #expect(result.status != .solved)
    #expect(try result.int("evaluations") <= 151)
  }

  @Test func otherMethodsOfferIt() throws {
    let (sample, _) = game(15, condition: 1e4, seed: 9)
    for entry in [Extragradient.entry, ForwardReflectedBackward.entry, FastExtragradient.entry] {
      let result = try sample.solve(
        entry, ["tolerance": .real(1e-9), "acceleration": .text("newton")])
      #expect(result.status == .solved, "\(entry.spec.name)")
      #expect(try result.int("evaluations") < 3000, "\(entry.spec.name)")
    }
  }
}
