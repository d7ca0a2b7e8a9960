import Glibc
import KantorCatalog
import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics
import TestSupport
import Testing

/// Programs with cones other than half-lines, by the homogeneous embedding.
@Suite struct ConicProgramTests {
  private func solved(_ sample: ConeSample, _ objective: Double) throws -> [Double] {
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - objective) <= 1e-6 * max(1, abs(objective)))
    return try result.array("x").list()
  }

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  private func identity(_ n: Int, _ x: Double) -> [[Double]] {
    (0..<n).map { i in (0..<n).map { $0 == i ? x : 0 } }
  }

  // MARK: Second-order cones

  @Test func secondOrderCones() throws {
    // The length of (3, 4).
    let length = ConeSample(
      q: [1], a: [[-1], [0], [0]], b: [0, 3, 4], cones: "second_order 3")
    #expect(near(try solved(length, 5)[0], 5))
    let z = try length.solve().array("z").list()
    #expect(near(z[0], 1) && near(z[1], -0.6) && near(z[2], -0.8))
    // u + v with 2uv >= 1.
    let rotated = ConeSample(
      q: [1, 1], a: [[-1, 0], [0, -1], [0, 0]], b: [0, 0, 1], cones: "rotated_second_order 3")
    let x = try solved(rotated, 2.0.squareRoot())
    #expect(near(x[0], 0.5.squareRoot()) && near(x[1], 0.5.squareRoot()))
    // Sizes 1 and 2.
    let small = ConeSample(
      q: [1, 1], a: [[-1, 0], [0, -1], [0, 0]], b: [-2, 0, 3],
      cones: "second_order 1, second_order 2")
    _ = try solved(small, 5)
  }

  /// The least c'x on the unit ball is -|c|, at -c/|c|.
  @Test(arguments: [3, 4, 5, 40]) func ballsOfAnySize(n: Int) throws {
    var numbers = Numbers(UInt64(n))
    let c = numbers.list(n)
    let size = c.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let ball = ConeSample(
      q: c, a: [[Double](repeating: 0, count: n)] + identity(n, -1),
      b: [1] + [Double](repeating: 0, count: n), cones: "second_order \(n + 1)")
    let x = try solved(ball, -size)
    for j in 0..<n { #expect(near(x[j], -c[j] / size, 1e-5)) }
    // With a quadratic term the projection onto the ball: 1/2 |x|^2 + c'x, |c| > 1.
    var projection = ball
    projection.p = identity(n, 1)
    let radius = min(size, 1)
    _ = try solved(projection, 0.5 * radius * radius - radius * size)
  }

  // MARK: Exponential cones to many digits

  /// max sum log x_i with a'x <= 1: x_i = 1 / (n a_i). The scaling keeps its digits near the
  /// boundary, so that the last iterations are no shorter than the first.
  @Test(arguments: [1e-8, 1e-11]) func logarithms(tolerance: Double) throws {
    let n = 12
    let weights = (0..<n).map { 0.1 + 3 * Double($0) }
    var rows: [[Double]] = [[Double](repeating: 0, count: n) + weights]
    var b = [1.0]
    for i in 0..<n {
      rows.append((0..<(2 * n)).map { $0 == i ? -1 : 0 })
      rows.append([Double](repeating: 0, count: 2 * n))
      rows.append((0..<(2 * n)).map { $0 == n + i ? -1 : 0 })
      b += [0, 1, 0]
    }
    let sample = ConeSample(
      q: [Double](repeating: -1, count: n) + [Double](repeating: 0, count: n), a: rows, b: b,
      cones: "nonnegative 1, \(n) * exponential")
    let result = try sample.solve { try $0.set("tolerance", .real(tolerance)) }
    #expect(result.status == .solved)
    #expect(try result.int("iterations") <= 20)
    let expected = weights.reduce(0) { $0 + log(Double(n) * $1) }
    #expect(near(try result.real("objective"), expected, 10 * tolerance))
  }

  // MARK: Matrices

  /// The largest t with M - t I psd is the least eigenvalue, here 2 - 2 cos(pi / (k + 1)).
  @Test(arguments: [1, 2, 5, 20]) func eigenvaluesByPsdCones(k: Int) throws {
    var (a, b): ([[Double]], [Double]) = ([], [])
    for j in 0..<k {
      for i in 0...j {
        a.append([i == j ? 1 : 0])
        b.append(i == j ? 2 : (i + 1 == j ? -2.0.squareRoot() : 0))
      }
    }
    let sample = ConeSample(q: [-1], a: a, b: b, cones: "psd \(k)")
    let least = 2 - 2 * cos(Double.pi / Double(k + 1))
    #expect(near(try solved(sample, -least)[0], least))
  }

  /// max sum over edges of (1 - X_ij)/2 with X psd and a unit diagonal, for a cycle of five.
  @Test(arguments: [false, true]) func maximumCutOfACycle(isConstrained: Bool) throws {
    let (k, root) = (5, 2.0.squareRoot())
    let count = k * (k + 1) / 2
    var q = [Double](repeating: 0, count: count)
    var rows: [[Double]] = []
    for j in 0..<k {
      for i in 0...j where i != j && (j - i == 1 || j - i == k - 1) {
        q[j * (j + 1) / 2 + i] = 1 / root
      }
      rows.append((0..<count).map { $0 == j * (j + 3) / 2 ? 1 : 0 })
    }
    var sample = ConeSample(
      q: q, a: rows + identity(count, -1),
      b: [Double](repeating: 1, count: k) + [Double](repeating: 0, count: count),
      cones: "zero \(k), psd \(k)")
    if isConstrained {
      // X_01 >= 0, which the symmetric solution does not meet.
      sample.a.append((0..<count).map { $0 == 1 ? -1 : 0 })
      sample.b.append(0)
      sample.cones += ", nonnegative 1"
    }
    let result = try sample.solve()
    #expect(result.status == .solved)
    let value = 2.5 - 0.5 * (try result.real("objective"))
    let free = 2.5 * (1 + cos(Double.pi / 5))
    #expect(isConstrained ? value < free - 1e-3 && value > 4 : near(value, free))
  }

  // MARK: Cones that are not symmetric

  @Test func exponentialCones() throws {
    // max x + y with e^x + e^y <= 1.
    let sample = ConeSample(
      q: [-1, -1, 0, 0],
      a: [
        [0, 0, 1, 1], [-1, 0, 0, 0], [0, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 0],
        [0, 0, 0, -1],
      ], b: [1, 0, 1, 0, 0, 1, 0], cones: "nonnegative 1, 2 * exponential")
    let x = try solved(sample, 2 * log(2.0))
    #expect(near(x[0], -log(2.0), 1e-5) && near(x[1], -log(2.0), 1e-5))
    // Entropy: max -sum x log x on the simplex is log n.
    let n = 4
    var (a, b): ([[Double]], [Double]) = ([[1, 1, 1, 1, 0, 0, 0, 0]], [1])
    for i in 0..<n {
      a.append((0..<8).map { $0 == n + i ? -1 : 0 })
      a.append((0..<8).map { $0 == i ? -1 : 0 })
      a.append([Double](repeating: 0, count: 8))
      b += [0, 0, 1]
    }
    let entropy = ConeSample(
      q: [0, 0, 0, 0, -1, -1, -1, -1], a: a, b: b, cones: "zero 1, 4 * exponential")
    _ = try solved(entropy, -log(4.0))
  }

  @Test(arguments: [0.1, 1.0 / 3, 0.5, 0.9]) func powerCones(a: Double) throws {
    // max s2 with s0 + s1 = 2: s0 = 2a, s1 = 2 (1 - a).
    let sample = ConeSample(
      q: [0, 0, -1], a: [[1, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [2, 0, 0, 0],
      cones: "zero 1, power \(a)")
    let x = try solved(sample, -pow(2 * a, a) * pow(2 - 2 * a, 1 - a))
    #expect(near(x[0], 2 * a, 1e-4) && near(x[1], 2 - 2 * a, 1e-4))
  }

  @Test func generalisedPowerCones() throws {
    // Heads add up to 1, the tail (w, w) has the length sqrt 2 w.
    let exponents = [0.5, 0.3, 0.2]
    var a: [[Double]] = [[1, 1, 1, 0]]
    for i in 0..<3 { a.append((0..<4).map { $0 == i ? -1 : 0 }) }
    a += [[0, 0, 0, -1], [0, 0, 0, -1]]
    let sample = ConeSample(
      q: [0, 0, 0, -1], a: a, b: [1, 0, 0, 0, 0, 0],
      cones: "zero 1, generalized_power 2 0.5 0.3 0.2")
    let best = exponents.reduce(1) { $0 * pow($1, $1) } / 2.0.squareRoot()
    _ = try solved(sample, -best)
    // A single exponent is a second-order cone.
    let single = ConeSample(
      q: [1], a: [[-1], [0], [0]], b: [0, 3, 4], cones: "generalized_power 2 1")
    _ = try solved(single, 5)
  }

  /// A geometric program in logarithms: min e^u + e^(v - u/2), v >= 1.
  @Test func geometricProgram() throws {
    let sample = ConeSample(
      q: [0, 0, 1, 1],
      a: [
        [0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 0], [0, 0, -1, 0], [0.5, -1, 0, 0], [0, 0, 0, 0],
        [0, 0, 0, -1],
      ], b: [-1, 0, 1, 0, 0, 1, 0], cones: "nonnegative 1, 2 * exponential")
    // u from e^u = 1/2 e^(1 - u/2).
    let u = 2.0 / 3 * (1 - log(2.0))
    #expect(near(try solved(sample, exp(u) + exp(1 - u / 2))[0], u, 1e-4))
  }

  // MARK: Rays

  @Test func infeasiblePrograms() throws {
    let cones = [
      ConeSample(q: [1], a: [[0], [-1], [0]], b: [1, 0, 2], cones: "second_order 3"),
      // [[x, 2], [2, -1]] is never psd.
      ConeSample(q: [1], a: [[-1], [0], [0]], b: [0, 2, -1], cones: "psd 2"),
      // e^x <= -1; x^0.5 (1)^0.5 >= 2 with x <= 1.
      ConeSample(q: [1], a: [[-1], [0], [0]], b: [0, 1, -1], cones: "exponential"),
      ConeSample(
        q: [1], a: [[1], [-1], [0], [0]], b: [1, 0, 1, 2], cones: "nonnegative 1, power 0.5"),
      ConeSample(
        q: [1], a: [[1], [-1], [0], [0]], b: [1, 0, 1, 2],
        cones: "nonnegative 1, generalized_power 1 0.25 0.75"),
      // A row that says 0 <= -1, beside others.
      ConeSample(
        q: [1], a: [[0], [-1], [0]], b: [-1, 1, 0], cones: "nonnegative 1, second_order 2"),
    ]
    for sample in cones {
      let result = try sample.solve()
      #expect(result.status == .infeasible, "\(sample.cones)")
      let z = try result.array("ray_dual").list()
      #expect(near(zip(sample.b, z).reduce(0) { $0 + $1.0 * $1.1 }, -1))
      let rest = zip(sample.a, z).reduce(0) { $0 + $1.0[0] * $1.1 }
      #expect(abs(rest) < 1e-5)
    }
  }

  @Test func unboundedPrograms() throws {
    let cones = [
      ConeSample(
        q: [-1, 0], a: [[-1, 0], [0, -1], [0, 0]], b: [0, 0, 1], cones: "second_order 3"),
      ConeSample(q: [-1], a: [[-1], [0], [-1]], b: [0, 1, 0], cones: "psd 2"),
      ConeSample(q: [-1, 0], a: [[0, 0], [0, 0], [-1, 0]], b: [0, 1, 0], cones: "exponential"),
      ConeSample(q: [-1, -1], a: [[-1, 0], [0, -1], [0, 0]], b: [0, 0, 1], cones: "power 0.3"),
    ]
    for sample in cones {
      let result = try sample.solve()
      #expect(result.status == .unbounded, "\(sample.cones)")
      let x = try result.array("ray_primal").list()
      #expect(near(zip(sample.q, x).reduce(0) { $0 + $1.0 * $1.1 }, -1))
    }
  }

  // MARK: Invariances

  private func mixed(_ unit: Double = 1) -> ConeSample {
    ConeSample(
      p: [[2, 0.5, 0], [0.5, 1, 0], [0, 0, 0]], q: [1, -1, -2],
      a: [
        [1, 1, 1], [0, 0, 0], [-unit, 0, 0], [0, -unit, 0], [0, 0, -unit], [0, 0, 1], [0, 0, 0],
        [0, 0, -1], [1, 0, 0], [0, 0, 0], [0, 0, -1], [0, 1, 0],
      ], b: [3, 5 * unit, 0, 0, 0, 4, 0.5, 1, 0, 1, 2, 0],
      cones: "nonnegative 1, second_order 4, psd 2, exponential, box 1", lower: [-3], upper: [3])
  }

  @Test func orderAndUnitsOfConesDoNotMatter() throws {
    let sample = mixed()
    let objective = try sample.solve().real("objective")
    #expect(objective.isFinite)
    for unit in [1e-5, 1e5] {
      let result = try mixed(unit).solve()
      #expect(result.status == .solved)
      #expect(near(try result.real("objective"), objective, 1e-5))
    }
    let ranges = [0..<1, 1..<5, 5..<8, 8..<11, 11..<12]
    let names = ["nonnegative 1", "second_order 4", "psd 2", "exponential", "box 1"]
    var turned = sample
    (turned.a, turned.b) = ([], [])
    for k in ranges.indices.reversed() {
      turned.a += sample.a[ranges[k]]
      turned.b += sample.b[ranges[k]]
    }
    turned.cones = names.reversed().joined(separator: ", ")
    #expect(near(try turned.solve().real("objective"), objective))
  }

  // MARK: Further solves

  @Test func aSolutionIsKnownAgain() throws {
    for sample in [
      mixed(), ConeSample(q: [1], a: [[-1], [0], [0]], b: [0, 3, 4], cones: "second_order 3"),
    ] {
      let first = try sample.solve()
      let again = try sample.solve { $0.setStart(first) }
      #expect(again.status == .solved)
      #expect(try again.int("iterations") <= 2)
    }
  }

  @Test func stopsWhenAsked() throws {
    let sample = mixed()
    let result = try sample.solve { try $0.set("max_iterations", .int(2)) }
    #expect(result.status == .iterationLimit)
    #expect(try result.int("iterations") == 2)
  }

  @Test func sameBitsTwice() throws {
    let (first, second) = (try mixed().solve(), try mixed().solve())
    #expect(try first.array("x").list() == second.array("x").list())
  }
}
