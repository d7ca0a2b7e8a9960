import KantorCore
import KantorNumerics
import Testing

import KantorBlocks
import KantorCone

@Suite struct ConeCheckTests {
  private func certify(
    _ sample: ConeSample, x: [Double], s: [Double], z: [Double]
  ) throws -> ConeCertificate {
    try ConeCheck(try sample.sealed()).certify(x: x, s: s, z: z)
  }

  @Test func certifiesTheSolutionOfAProgram() throws {
    // min x^2/2 - 3x, x <= 1: x = 1, z = 2.
    let sample = ConeSample(p: [[1]], q: [-3], a: [[1]], b: [1], cones: "nonnegative 1")
    let certificate = try certify(sample, x: [1], s: [0], z: [2])
    #expect(certificate.objective == -2.5)
    #expect(certificate.dualObjective == -2.5)
    #expect(certificate.worst == 0)
    #expect(Status.judge(certificate, tolerance: 0, stop: .cancelled) == .solved)
  }

  @Test func eachShortfallIsSeen() throws {
    let sample = ConeSample(p: [[1]], q: [-3], a: [[1]], b: [1], cones: "nonnegative 1")
    #expect(try certify(sample, x: [1.5], s: [0], z: [2]).primalResidual == 0.5)
    #expect(try certify(sample, x: [1], s: [0], z: [1.5]).dualResidual == 0.5)
    #expect(try certify(sample, x: [2], s: [-1], z: [1]).primalViolation == 1)
    #expect(try certify(sample, x: [1], s: [0], z: [-2]).dualViolation == 2)
    let far = try certify(sample, x: [0], s: [1], z: [3])
    #expect(far.gap == 3 && far.primalResidual == 0 && far.dualResidual == 0)
    #expect(Status.judge(far, tolerance: 1e-8, stop: nil) == .stalled)
    #expect(Status.judge(far, tolerance: 1e-8, stop: .timeLimit) == .timeLimit)
    let broken = try certify(sample, x: [.nan], s: [0], z: [2])
    #expect(Status.judge(broken, tolerance: 1, stop: nil) == .numericalError)
  }

  @Test func nearSolutionsAreCalledInaccurate() throws {
    let sample = ConeSample(p: [[1]], q: [-3], a: [[1]], b: [1], cones: "nonnegative 1")
    let near = try certify(sample, x: [1 + 1e-6], s: [0], z: [2])
    #expect(Status.judge(near, tolerance: 1e-8, stop: nil) == .solvedInaccurate)
    #expect(Status.judge(near, tolerance: 1e-5, stop: nil) == .solved)
  }

  @Test func residualsAreNotLostToRounding() throws {
    // 1e16 + 1 - 1e16: plain summation finds 0 or 2.
    let sample = ConeSample(q: [0, 0, 0], a: [[1e16, 1, -1e16]], b: [0], cones: "zero 1")
    #expect(try certify(sample, x: [1, 1, 1], s: [0], z: [0]).primalResidual == 1)
    // (1 + e)^2 - 1 - 2e = e^2 for e = 2^-30.
    let e = 1.0 / Double(1 << 30)
    let square = ConeSample(q: [0, 0], a: [[1 + e, -1]], b: [2 * e], cones: "zero 1")
    #expect(try certify(square, x: [1 + e, 1], s: [0], z: [0]).primalResidual == e * e)
  }

  @Test func boxesHaveTheirSupportInTheDual() throws {
    // min -x with -x... s = -x in [-2, 5]: x = 2, z = 1 > 0, lower is active.
    let sample = ConeSample(
      q: [-1], a: [[1]], b: [0], cones: "box 1", lower: [-2], upper: [5])
    let certificate = try certify(sample, x: [2], s: [-2], z: [1])
    #expect(certificate.worst == 0 && certificate.objective == -2)
    let free = ConeSample(
      q: [-1], a: [[1]], b: [0], cones: "box 1", lower: [-.infinity], upper: [5])
    #expect(try certify(free, x: [2], s: [-2], z: [1]).dualViolation == 1)
    #expect(try certify(sample, x: [3], s: [-3], z: [1]).primalViolation == 1)
  }

  // MARK: Cones

  private func distances(_ cone: Cone, _ v: [Double]) throws -> (Double, Double) {
    (
      try ConeDistance.primal(cone, v, lower: nil, upper: nil),
      try ConeDistance.dual(cone, v, lower: nil, upper: nil)
    )
  }

  @Test func distancesOfSymmetricCones() throws {
    let half = 0.5.squareRoot()
    let root = 2.0.squareRoot()
    let cases: [(Cone, [Double], Double)] = [
      (.nonnegative(3), [1, -2, 0], 2),
      (.secondOrder(3), [5, 3, 4], 0), (.secondOrder(3), [4, 3, 4], 1),
      (.secondOrder(1), [-1], 1), (.secondOrder(1), [0], 0),
      (.rotatedSecondOrder(3), [1, 1, root], 0), (.rotatedSecondOrder(2), [-1, 0], root),
      (.rotatedSecondOrder(3), [1, 1, 3], 3 - root),
      (.psd(side: 1), [-3], 3), (.psd(side: 2), [1, 0, -2], 2),
      (.psd(side: 2), [1, root * 3, 1], 2), (.psd(side: 2), [2, root, 2], 0),
    ]
    for (cone, v, expected) in cases {
      let (primal, dual) = try distances(cone, v)
      #expect(abs(primal - expected) <= 1e-15 * 8, "\(cone) \(v): \(primal)")
      #expect(primal == dual)
    }
    _ = half
  }

  @Test func smallestEigenvalueOfALargeMatrix() throws {
    // I + the path's adjacency / 2 has the eigenvalues 1 + cos(k pi / (n + 1)); minus 0.5.
    let n = 40
    var v: [Double] = []
    for j in 0..<n {
      for i in 0...j { v.append(i == j ? 0.5 : i + 1 == j ? 0.5 * 2.0.squareRoot() : 0) }
    }
    let expected = 0.5 - cosine(.pi / Double(n + 1))
    let (primal, _) = try distances(.psd(side: n), v)
    #expect(abs(primal + expected) < 1e-14)
    // A rank-one perturbation hidden by a rotation: Q diag(-1, 2, ..., 2) Q'.
    var w = Numbers(3)
    var u = w.list(n)
    let norm = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
    u = u.map { $0 / norm }
    var hidden: [Double] = []
    for j in 0..<n {
      for i in 0...j {
        hidden.append(i == j ? 2 - 3 * u[i] * u[j] : -3 * u[i] * u[j] * 2.0.squareRoot())
      }
    }
    #expect(abs(try distances(.psd(side: n), hidden).0 - 1) < 1e-13)
  }

  private func cosine(_ x: Double) -> Double {
    var (sum, term) = (1.0, 1.0)
    for k in 1..<30 {
      term *= -x * x / Double((2 * k - 1) * (2 * k))
      sum += term
    }
    return sum
  }

  @Test func distancesOfOtherCones() throws {
    let e = 2.718281828459045
    // Members, and points of a known distance along the inner point.
    let members: [(Cone, [Double], isDual: Bool)] = [
      (.exponential, [1, 1, 3], false), (.exponential, [-1, 0, 0], false),
      (.exponential, [-1, 0, 2], false), (.exponential, [-1, 1, 1], true),
      (.exponential, [0, 1, 1], true), (.exponential, [-1, 1, 1.0001], true),
      (.power(0.3), [1, 1, -1], false), (.power(0.5), [4, 1, 2], false),
      (.power(0.5), [0, 1, 0], false), (.power(0.5), [1, 1, 2], true),
      (.generalizedPower(exponents: [0.5, 0.5], tail: 2), [1, 1, 0.6, 0.8], false),
    ]
    for (cone, v, isDual) in members {
      let (primal, dual) = try distances(cone, v)
      #expect((isDual ? dual : primal) == 0, "\(cone) \(v)")
    }
    #expect(abs(try distances(.exponential, [1, 0, 1]).0 - 0.5) < 0.2)
    #expect(try distances(.exponential, [1, 1, e * 0.99]).0 > 1e-3)
    #expect(try distances(.exponential, [1, 1, e * 1.01]).0 == 0)
    #expect(try distances(.exponential, [1, 0, 0]).1 > 0.5)
    #expect(abs(try distances(.power(0.5), [1, 1, 3]).0 - 2) < 3e-3)
    #expect(abs(try distances(.power(0.5), [-1, 2, 0]).0 - 1) < 2e-3)
    #expect(try distances(.power(0.5), [.nan, 2, 0]).0.isNaN)
  }

  // MARK: Rays

  @Test func raysOfInfeasiblePrograms() throws {
    // x >= 1 and x <= -1.
    let sample = ConeSample(
      q: [0], a: [[-1], [1]], b: [-1, -1], cones: "nonnegative 2")
    let check = ConeCheck(try sample.sealed())
    let proof = try check.infeasible([3, 3])
    #expect(proof.holds && proof.radius == .infinity)
    #expect(proof.ray.map { Array($0.span) } == [0.5, 0.5])
    let weak = try check.infeasible([3, 3.1])
    #expect(!weak.holds && weak.radius > 10 && weak.radius < 100)
    #expect(!(try check.infeasible([-1, -1])).holds)
    #expect(!(try check.infeasible([.nan, 1])).holds)
  }

  @Test func feasibleProgramsWithLargeSolutionsAreNotCalledInfeasible() throws {
    // 1e-9 x >= 1: every z excludes |x| < 1e9, which is no proof.
    let sample = ConeSample(q: [0], a: [[-1e-9]], b: [-1], cones: "nonnegative 1")
    let claim = try ConeCheck(try sample.sealed()).infeasible([1])
    #expect(!claim.holds)
    #expect(abs(claim.radius - 1e9) < 1)
  }

  @Test func cancelledNoiseIsNoProof() throws {
    // x = 1 twice: z = (1e12, -1e12) nearly cancels, and says nothing.
    let sample = ConeSample(q: [0], a: [[1], [1]], b: [1, 1], cones: "zero 2")
    #expect(!(try ConeCheck(try sample.sealed()).infeasible([1e12, -1e12 - 1])).holds)
  }

  /// The slack of the matrix is constant, on the boundary and rounded outwards by one bit.
  @Test func slacksRoundedOutwardsProveNothing() throws {
    let root = 2.0.squareRoot()
    func program(_ corner: Double) -> ConeSample {
      ConeSample(
        q: [1], a: [[0], [0], [0], [-1]], b: [0.01, 0.03 * root, corner, 0],
        cones: "psd 2, nonnegative 1")
    }
    let ray = [9, -3 * root, 1, 0]
    let rounded = program(0.09 - 4e-17)
    #expect(try !ConeCheck(try rounded.sealed()).infeasible(ray).holds)
    #expect(try rounded.solve().status == .solved)
    #expect(try rounded.solve("first_order").status == .solved)
    let outside = program(0.0899)
    #expect(try ConeCheck(try outside.sealed()).infeasible(ray).holds)
    #expect(try outside.solve().status == .infeasible)
  }

  @Test func raysOfBoxes() throws {
    // s = x in [1, 2] and s = x in [4, 5], written as s = 0 - (-x).
    let sample = ConeSample(
      q: [0], a: [[-1], [-1]], b: [0, 0], cones: "box 2", lower: [1, 4], upper: [2, 5])
    let proof = try ConeCheck(try sample.sealed()).infeasible([-1, 1])
    #expect(proof.holds)
    #expect(!(try ConeCheck(try sample.sealed()).infeasible([1, -1])).holds)
  }

  @Test func raysOfUnboundedPrograms() throws {
    let sample = ConeSample(q: [1], a: [[1]], b: [1], cones: "nonnegative 1")
    let check = ConeCheck(try sample.sealed())
    #expect(try check.unbounded([-2]).holds)
    #expect(!(try check.unbounded([2])).holds)
    // Bounded by its box.
    let box = ConeSample(q: [1], a: [[1]], b: [0], cones: "box 1", lower: [0], upper: [1])
    #expect(!(try ConeCheck(try box.sealed()).unbounded([-2])).holds)
    // Bounded by its curvature.
    let curved = ConeSample(p: [[1e-6]], q: [1])
    #expect(!(try ConeCheck(try curved.sealed()).unbounded([-1])).holds)
  }

  /// x^2 / 2e12 - x, x >= 0: the minimum at 1e12 is far away next to the row, not to P.
  @Test func smallCurvatureBoundsTheObjective() throws {
    let sample = ConeSample(p: [[1e-12]], q: [-1], a: [[-1]], b: [0], cones: "nonnegative 1")
    #expect(try !ConeCheck(try sample.sealed()).unbounded([1]).holds)
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") + 5e11) <= 1e4)
  }

  /// Columns that differ by rounding of q only.
  @Test func costsThatCancelButForRoundingProveNothing() throws {
    let q = [0.1 + 0.2, 0.3]
    let sample = ConeSample(q: q, a: [[1, 1], [-1, -1]], b: [1, 1], cones: "nonnegative 2")
    #expect(try !ConeCheck(try sample.sealed()).unbounded([-1, 1]).holds)
    #expect(try sample.solve().status == .solved)
  }
}
