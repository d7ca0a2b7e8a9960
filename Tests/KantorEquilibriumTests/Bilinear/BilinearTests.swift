import Glibc
import KantorCore
import KantorNumerics
import TestSupport
import Testing

import KantorEquilibrium

@Suite struct BilinearTests {
  private func near(_ a: [Double], _ b: [Double], _ tolerance: Double) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
  }

  private static let both = [PrimalDualHybridGradient.entry, AcceleratedPrimalDual.entry]

  @Test func linearProgramsAreBilinear() throws {
    // min -x1 - 2 x2, x1 + x2 <= 4, x1 + 3 x2 <= 6, x >= 0: (3, 1), value -5, y = (1/2, 1/2).
    let sample = BilinearSample(
      matrices: ["K": [[1, 1], [1, 3]]], vectors: ["c": [-1, -2], "b": [4, 6]],
      words: ["g": "nonnegative", "h": "nonnegative"])
    let result = try sample.solve(
      PrimalDualHybridGradient.entry, ["tolerance": .real(1e-9)])
    #expect(result.status == .solved)
    #expect(near(try result.array("x").list(), [3, 1], 1e-7))
    #expect(near(try result.array("y").list(), [0.5, 0.5], 1e-7))
    #expect(abs(try result.real("objective") + 5) < 1e-7)
    #expect(abs(try result.real("dual_objective") + 5) < 1e-7)
  }

  /// min x'y over boxes: descent and ascent circle, this does not.
  @Test func rotationsConverge() throws {
    let sample = BilinearSample(
      matrices: ["K": [[1]]], numbers: ["g_lower": -1, "g_upper": 1, "h_lower": -1, "h_upper": 1],
      words: ["g": "box", "h": "box"])
    let result = try sample.solve(PrimalDualHybridGradient.entry, ["tolerance": .real(1e-10)])
    #expect(result.status == .solved)
    #expect(near(try result.array("x").list() + result.array("y").list(), [0, 0], 1e-9))
  }

  /// Without g and h the answer solves linear equations: Px + c + Ky = 0, K'x - b - mu y = 0.
  @Test(arguments: 0..<2)
  func quadraticProblemsHaveClosedForms(_ method: Int) throws {
    // y = (x - 1)/0.5 from K = 1, b = 1: 2x + 3 + 2(x - 1) = 0, x = -1/4, y = -5/2.
    let sample = BilinearSample(
      matrices: ["K": [[1]], "P": [[2]]], vectors: ["c": [3], "b": [1]], numbers: ["mu": 0.5])
    let result = try sample.solve(Self.both[method], ["tolerance": .real(1e-8)])
    #expect(result.status == .solved)
    #expect(near(try result.array("x").list(), [-0.25], 1e-6))
    #expect(near(try result.array("y").list(), [-2.5], 1e-6))
    #expect(abs(try result.real("objective") - (-0.0625 * -1 - 0.75 + 0.25 * 6.25)) < 1e-6)
  }

  private func lasso() -> BilinearSample {
    // min |K'x - b|^2/(2 mu) + 0.1 |x|_1 for mu = 1.
    let k = BilinearSample.random(12, 20, seed: 3)
    var b = [Double](repeating: 0, count: 20)
    for j in 0..<20 { b[j] = 2 * k[0][j] - k[5][j] + 0.01 * Double(j % 3) }
    return BilinearSample(
      matrices: ["K": k], vectors: ["b": b], numbers: ["mu": 1, "g_weight": 0.1],
      words: ["g": "l1"])
  }

  @Test func methodsAgreeOnALasso() throws {
    let one = try lasso().solve(PrimalDualHybridGradient.entry, ["tolerance": .real(1e-9)])
    let two = try lasso().solve(AcceleratedPrimalDual.entry, ["tolerance": .real(1e-7)])
    #expect(one.status == .solved && two.status == .solved)
    #expect(near(try one.array("x").list(), try two.array("x").list(), 1e-4))
    let x = try one.array("x").list()
    #expect(x[0] > 1.5 && x[5] < -0.5)
  }

  /// Where curvature in x is large the gap falls at least like 1/t^2.
  @Test func acceleratedStepsHaveTheirRate() throws {
    let n = 30
    var p = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n { p[i][i] = 1000 * Double((i + 1) * (i + 1)) / Double(n * n) / 100 }
    let sample = BilinearSample(
      matrices: ["K": BilinearSample.random(n, 10, seed: 4), "P": p],
      vectors: ["c": (0..<n).map { sin(Double($0)) }, "b": (0..<10).map { cos(Double($0)) }],
      numbers: ["mu": 0.1, "g_radius": 3, "h_lower": -2, "h_upper": 2],
      words: ["g": "l1_ball", "h": "box"])
    var gaps: [Double] = []
    for steps in [200, 400, 800, 1600] {
      let result = try sample.solve(
        AcceleratedPrimalDual.entry,
        ["tolerance": .real(1e-13), "max_iterations": .int(Int64(steps))])
      #expect(try result.real("gap") >= -1e-12)
      gaps.append(max(try result.real("gap"), 1e-13))
    }
    #expect(gaps[3] <= gaps[0] / 30, "\(gaps)")
  }

  /// A point that is no saddle point is not called one, whoever proposes it.
  @Test func theCheckerJudgesAlone() throws {
    let sample = BilinearSample(
      matrices: ["K": [[1, 1], [1, 3]]], vectors: ["c": [-1, -2], "b": [4, 6]],
      words: ["g": "nonnegative", "h": "nonnegative"])
    let problem = try #require(try sample.sealed() as? BilinearProblem)
    func worst(_ x: [Double], _ y: [Double]) throws -> Double {
      try BilinearCheck(problem).certify(try Buffer(x), try Buffer(y)).worst
    }
    #expect(try worst([3, 1], [0.5, 0.5]) < 1e-15)
    #expect(try worst([3, 0.9], [0.5, 0.5]) > 0.01)
    #expect(try worst([3, 1], [0.5, 0.4]) > 0.01)
    #expect(try worst([3, 1.1], [0.5, 0.5]) > 0.01)
    #expect(try worst([-0.1, 1], [0.5, 0.5]) > 0.01)
    #expect(try worst([.nan, 1], [0.5, 0.5]).isNaN)
    let exact = try BilinearCheck(problem).certify(try Buffer([3, 1]), try Buffer([0.5, 0.5]))
    #expect(exact.upper == -5 && exact.lower == -5)
  }

  @Test func badDataAreRefused() throws {
    func refusal(_ sample: BilinearSample, _ entry: MethodEntry) -> KantorError? {
      do {
        _ = try sample.solve(entry)
        return nil
      } catch {
        return error as? KantorError
      }
    }
    let first = PrimalDualHybridGradient.entry
    let k = [[1.0, 2], [3, 4]]
    #expect(refusal(BilinearSample(), first)?.code == .missing)
    #expect(
      refusal(BilinearSample(matrices: ["K": k], vectors: ["c": [1]]), first)?.code == .shape)
    #expect(
      refusal(BilinearSample(matrices: ["K": k], numbers: ["mu": -1]), first)?.code == .range)
    let hollow = refusal(BilinearSample(matrices: ["K": k, "P": [[-1, 0], [0, 1]]]), first)
    #expect(hollow?.code == .range)
    let set = refusal(
      BilinearSample(matrices: ["K": k], numbers: ["g_radius": 0], words: ["g": "simplex"]), first)
    #expect(set?.message.contains("field 'g': simplex: parameter 'radius'") == true)
    #expect(
      refusal(BilinearSample(matrices: ["K": k]), AcceleratedPrimalDual.entry)?.code
        == .unsupported)
  }
}
