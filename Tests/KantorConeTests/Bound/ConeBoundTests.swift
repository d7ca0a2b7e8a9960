import Glibc
import KantorCore
import KantorNumerics
import Testing

import KantorBlocks
import KantorCone

@Suite struct ConeBoundTests {
  private func bound(
    _ sample: ConeSample, z: [Double], x: [Double]? = nil, lower: [Double]? = nil,
    upper: [Double]? = nil
  ) throws -> Double {
    try ConeBound(
      try sample.sealed(), z: try Buffer(z), x: try x.map { (v) in try Buffer(v) },
      lower: try lower.map { (v) in try Buffer(v) }, upper: try upper.map { (v) in try Buffer(v) }
    ).value
  }

  /// Fractional knapsack: weights (1, 2, 3), capacity 5, profits (6, 10, 12).
  private let knapsack = ConeSample(
    q: [-6, -10, -12],
    a: [[1, 2, 3], [1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]],
    b: [5, 1, 1, 1, 0, 0, 0], cones: "nonnegative 7")

  @Test func theMultiplierOfAKnapsackIsAllThatIsNeeded() throws {
    let best = try bound(knapsack, z: [4, 0, 0, 0, 0, 0, 0])
    #expect(best <= -24 && best > -24 - 1e-12)
    // Every other one proves less, also those outside of the dual cone.
    var numbers = Numbers(1)
    for _ in 0..<200 {
      let z = numbers.list(7).map { 20 * $0 }
      let value = try bound(knapsack, z: z)
      #expect(value <= -24 && value > -1e3)
    }
    #expect(abs(try bound(knapsack, z: [5, 0, 0, 0, 0, 0, 0]) + 26) < 1e-12)
  }

  /// Random programs of all cones with a known solution: s and z from the two parts of a vector,
  /// b and q to match.
  @Test(arguments: [
    "zero 4", "nonnegative 6", "second_order 5", "rotated_second_order 5", "exponential",
    "power 0.3", "generalized_power 2 0.5 0.3 0.2", "psd 4",
    "nonnegative 2, 2 * exponential, psd 3",
  ])
  func boundsNeverPassTheOptimum(_ cones: String) throws {
    let list = try ConeList.parse(cones)
    let projection = try ConeProjection(list, lower: nil, upper: nil)
    let m = projection.rows
    for seed in 1..<9 as Range<UInt64> {
      for isQuadratic in [false, true] {
        var numbers = Numbers(seed)
        let n = 5
        let v = numbers.list(m)
        let (s, z) = (try Buffer(v), try Buffer(v.map { -$0 }))
        #expect(projection.project(s.pointer) && projection.projectDual(z.pointer))
        let a = (0..<m).map { _ in numbers.list(n) }
        let x = numbers.list(n)
        let root = (0..<n).map { _ in numbers.list(n) }
        let p = (0..<n).map { i in
          (0..<n).map { j in isQuadratic ? dot(root[i], root[j]) + (i == j ? 0.1 : 0) : 0 }
        }
        let b = (0..<m).map { dot(a[$0], x) + s[$0] }
        let q = (0..<n).map { j in
          -dot(p[j], x) - (0..<m).reduce(0) { $0 + a[$1][j] * z[$1] }
        }
        let optimum = 0.5 * dot(x, p.map { dot($0, x) }) + dot(q, x)
        let sample = ConeSample(p: isQuadratic ? p : [], q: q, a: a, b: b, cones: cones)
        let (low, high) = ([Double](repeating: -2, count: n), [Double](repeating: 2, count: n))
        let multipliers = Array(z.span)
        let best = try bound(sample, z: multipliers, x: x, lower: low, upper: high)
        #expect(best <= optimum + 1e-14 && best > optimum - 1e-11, "\(cones): \(optimum - best)")
        for size in [1e-6, 0.1, 10] {
          let other = multipliers.map { $0 + size * numbers.next() }
          let start = x.map { $0 + size * numbers.next() }
          let value = try bound(sample, z: other, x: start, lower: low, upper: high)
          #expect(value <= optimum + 1e-14 && value > optimum - 1e3 * size, "\(cones)")
        }
        // Without bounds, and without a solution to the last digit, nothing can be said.
        let open = try bound(sample, z: multipliers.map { $0 + 0.1 }, x: x)
        #expect(open == -.infinity || cones == "zero 4" || open <= optimum)
      }
    }
  }

  @Test func variablesOfTheirOwnNeedNoBounds() throws {
    // min x^2 - 3x + y^2/2 s.t. x + y = 1: x = 4/3, y = -1/3, value 16/9 - 4 + 1/18.
    let sample = ConeSample(
      p: [[2, 0], [0, 1]], q: [-3, 0], a: [[1, 1]], b: [1], cones: "zero 1")
    let value = 16.0 / 9 - 4 + 1.0 / 18
    let best = try bound(sample, z: [1.0 / 3])
    #expect(best <= value && best > value - 1e-14)
    #expect(try bound(sample, z: [0]) <= value && bound(sample, z: [0]) > -2.26)
  }

  @Test func boxesEnterWithTheirSupport() throws {
    // s = -x - y in [-3, 1]; min -x - 2y with x, y in [0, 2]: y = 2, x = 1.
    let sample = ConeSample(
      q: [-1, -2], a: [[1, 1], [1, 0], [0, 1]], b: [0, 0, 0], cones: "box 3",
      lower: [-3, -2, -2], upper: [1, 0, 0])
    let best = try bound(sample, z: [1, 0, 0])
    #expect(best <= -5 && best > -5 - 1e-13)
  }

  @Test func rangesFollowFromRows() throws {
    // 0 <= x, 2x + 3y <= 6, y = 1: x <= 1.5.
    let sample = ConeSample(
      q: [-1, 0], a: [[-1, 0], [2, 3], [0, 1]], b: [0, 6, 1], cones: "nonnegative 2, zero 1")
    let value = try bound(sample, z: [0, 0, 0])
    #expect(value <= -1.5 && value > -1.5 - 1e-13)
    // A ball.
    let ball = ConeSample(
      q: [1, 1], a: [[0, 0], [1, 0], [0, 1]], b: [2, 0, 0], cones: "second_order 3")
    #expect(abs(try bound(ball, z: [0, 0, 0]) + 4) < 1e-12)
    let root = 2.0.squareRoot()
    let tight = try bound(ball, z: [root, -1, -1])
    #expect(tight <= -2 * root + 1e-15 && tight > -2 * root - 1e-13)
  }

  @Test func emptyRangesProveThatNothingIsFeasible() throws {
    let sample = ConeSample(
      q: [1], a: [[1], [-1]], b: [-1, -1], cones: "nonnegative 2")
    #expect(try bound(sample, z: [0, 0]) == .infinity)
  }

  @Test func anOpenVariableIsNamed() throws {
    let sample = ConeSample(q: [1, 0, -1], a: [[-1, 0, 0]], b: [0], cones: "nonnegative 1")
    let answer = try ConeBound(try sample.sealed(), z: try Buffer([0]))
    #expect(answer.value == -.infinity && answer.openVariable == 2)
  }

  @Test func linearProgramsOfSolutions() throws {
    // Transport between three and four places: ranges follow from the marginals.
    var numbers = Numbers(4)
    let cost = numbers.list(12).map { 1 + $0 }
    var a: [[Double]] = []
    for i in 0..<3 { a.append((0..<12).map { $0 / 4 == i ? 1 : 0 }) }
    for j in 0..<4 { a.append((0..<12).map { $0 % 4 == j ? 1 : 0 }) }
    for k in 0..<12 { a.append((0..<12).map { $0 == k ? -1 : 0 }) }
    let b = [0.5, 0.3, 0.2, 0.1, 0.2, 0.3, 0.4] + [Double](repeating: 0, count: 12)
    let sample = ConeSample(q: cost, a: a, b: b, cones: "zero 7, nonnegative 12")
    let result = try sample.solve { try $0.set("tolerance", .real(1e-11)) }
    let (value, z) = (try result.real("objective"), try result.array("z").doubles())
    let best = try bound(sample, z: Array(z.span))
    withExtendedLifetime(z) {}
    #expect(best <= value + 1e-10 && best > value - 1e-8)
  }
}
