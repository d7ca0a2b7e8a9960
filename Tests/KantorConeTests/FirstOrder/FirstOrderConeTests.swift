import Glibc
import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Programs with cones that are no product of half-lines by the first-order method.
@Suite struct FirstOrderConeTests {
  private static let accelerations = ["anderson", "halpern", "none"]

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-5) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  private func solve(_ sample: ConeSample, _ acceleration: String = "anderson") throws -> Result {
    try sample.solve("first_order") {
      try $0.set("acceleration", .text(acceleration))
      try $0.set("tolerance", .real(1e-8))
    }
  }

  @Test(arguments: accelerations) func secondOrder(acceleration: String) throws {
    // min x + y on the unit disc: -sqrt 2.
    let disc = ConeSample(
      q: [1, 1], a: [[0, 0], [-1, 0], [0, -1]], b: [1, 0, 0], cones: "second_order 3")
    let result = try solve(disc, acceleration)
    #expect(try result.status == .solved && near(result.real("objective"), -2.0.squareRoot()))
    // min u + v with 2 u v >= 1: u = v = 1/sqrt 2; a row between the cones.
    let rotated = ConeSample(
      q: [1, 1, 0], a: [[0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, -1]],
      b: [5, 0, 0, 1, 2], cones: "nonnegative 1, rotated_second_order 3, nonnegative 1")
    let second = try solve(rotated, acceleration)
    #expect(try second.status == .solved && near(second.real("objective"), 2.0.squareRoot()))
  }

  @Test(arguments: accelerations) func semidefinite(acceleration: String) throws {
    // min tr(CX), tr X = 1, X psd: the smallest eigenvalue of C = [2 1; 1 0], 1 - sqrt 2.
    let root = 2.0.squareRoot()
    let sample = ConeSample(
      q: [2, root, 0], a: [[1, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [1, 0, 0, 0],
      cones: "zero 1, psd 2")
    let result = try solve(sample, acceleration)
    #expect(try result.status == .solved && near(result.real("objective"), 1 - root))
  }

  @Test(arguments: accelerations) func exponentialAndPower(acceleration: String) throws {
    // max x1 + x2, e^x1 + e^x2 <= 1: -2 log 2. Variables x1, x2, u1, u2; (x_i, 1, u_i) in the cone.
    let entropy = ConeSample(
      q: [-1, -1, 0, 0],
      a: [
        [0, 0, 1, 1], [-1, 0, 0, 0], [0, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 0],
        [0, 0, 0, -1],
      ], b: [1, 0, 1, 0, 0, 1, 0], cones: "nonnegative 1, 2 * exponential")
    let first = try solve(entropy, acceleration)
    #expect(try first.status == .solved && near(first.real("objective"), 2 * log(2)))
    // max x3, x1 + x2 = 2, x1^(1/3) x2^(2/3) >= |x3|: 2^(2/3) 2/3.
    let a = 1.0 / 3
    for cones in ["zero 1, power \(a)", "zero 1, generalized_power 1 \(a) \(1 - a)"] {
      let power = ConeSample(
        q: [0, 0, -1], a: [[1, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [2, 0, 0, 0],
        cones: cones)
      let result = try solve(power, acceleration)
      #expect(result.status == .solved)
      #expect(near(try result.real("objective"), -pow(2, 2.0 / 3) * 2 / 3))
    }
  }

  @Test func infeasibleAndUnbounded() throws {
    // |x| <= 1 and x >= 2.
    let disc = ConeSample(
      q: [0, 0], a: [[0, 0], [-1, 0], [0, -1], [-1, 0]], b: [1, 0, 0, -2],
      cones: "second_order 3, nonnegative 1")
    #expect(try solve(disc).status == .infeasible)
    // X psd with X11 = -1.
    let matrix = ConeSample(
      q: [0, 0, 0], a: [[1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [-1, 0, 0, 0],
      cones: "zero 1, psd 2")
    #expect(try solve(matrix).status == .infeasible)
    // min -t, t >= |x|.
    let cone = ConeSample(
      q: [-1, 0], a: [[-1, 0], [0, -1]], b: [0, 0], cones: "second_order 2")
    #expect(try solve(cone).status == .unbounded)
  }

  @Test func warmStartsOfCones() throws {
    let root = 2.0.squareRoot()
    let sample = ConeSample(
      p: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], q: [2, root, 0],
      a: [[1, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [1, 0, 0, 0], cones: "zero 1, psd 2")
    let cold = try sample.solve("first_order")
    let warm = try sample.solve("first_order") { $0.setStart(cold) }
    #expect(cold.status == .solved && warm.status == .solved)
    #expect(try warm.int("iterations") <= 2)
  }
}
