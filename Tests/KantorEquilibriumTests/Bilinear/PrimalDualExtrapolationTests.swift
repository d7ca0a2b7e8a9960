import Foundation
import KantorCore
import TestSupport
import Testing

import KantorEquilibrium

/// Anderson's extrapolation between primal-dual steps.
@Suite struct PrimalDualExtrapolationTests {
  private let entry = PrimalDualHybridGradient.entry

  private func solved(_ sample: BilinearSample, _ choice: String) throws -> Result {
    let result = try sample.solve(
      entry, [
        "tolerance": .real(1e-9), "acceleration": .text(choice), "memory": .int(20),
      ])
    #expect(result.status == .solved, "\(choice): \(message(result))")
    return result
  }

  /// min over x, max over y of x'Ky - c'x - b'y with singular values from 1 to 1e-2.
  private var rotations: BilinearSample {
    let n = 20
    var k = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n { k[i][i] = exp(-log(100) * Double(i) / Double(n - 1)) }
    return BilinearSample(
      matrices: ["K": k],
      vectors: ["c": (0..<n).map { sin(Double($0)) }, "b": (0..<n).map { cos(Double($0)) }])
  }

  private var lasso: BilinearSample {
    let k = BilinearSample.random(30, 20, seed: 8)
    let b = (0..<20).map { 2 * k[0][$0] - k[5][$0] }
    return BilinearSample(
      matrices: ["K": k], vectors: ["b": b], numbers: ["mu": 1, "g_weight": 0.05],
      words: ["g": "l1"])
  }

  private var program: BilinearSample {
    BilinearSample(
      matrices: ["K": BilinearSample.random(25, 15, seed: 2)],
      vectors: [
        "c": (0..<25).map { 1 + 0.1 * Double($0 % 7) }, "b": (0..<15).map { 0.1 * Double($0 % 3) },
      ],
      numbers: ["g_lower": -1, "g_upper": 1], words: ["g": "box", "h": "nonnegative"])
  }

  @Test func fewerIterationsOnIllConditionedOnes() throws {
    let (plain, fast) = (try solved(rotations, "none"), try solved(rotations, "anderson"))
    let (many, few) = (try plain.int("iterations"), try fast.int("iterations"))
    #expect(3 * few <= many, "\(few) against \(many)")
    #expect(try fast.int("extrapolations") > 0)
    #expect(try plain.int("extrapolations") == 0)
  }

  @Test func theAnswersAreTheSame() throws {
    for sample in [lasso, program] {
      let (plain, fast) = (try solved(sample, "none"), try solved(sample, "anderson"))
      let change = try plain.real("objective") - fast.real("objective")
      #expect(abs(change) < 1e-7)
      let (many, few) = (try plain.int("iterations"), try fast.int("iterations"))
      #expect(few <= 2 * many, "\(few) against \(many)")
    }
  }

  @Test func gamesToo() throws {
    let sample = BilinearSample.game(BilinearSample.random(40, 30, seed: 6))
    for choice in ["none", "anderson"] {
      let result = try sample.solve(
        MatrixGameGradient.entry, ["tolerance": .real(1e-8), "acceleration": .text(choice)])
      #expect(result.status == .solved, "\(message(result))")
    }
  }
}
