import Glibc
import KantorCone
import KantorCore
import Testing

/// Anchored against plain iterations of an operator that has no fixed point.
///
/// N turns plane j by the angle 2^-j and shifts one more coordinate by 1: its infimal displacement
/// vector is the shift alone, and T = (N + 1)/2 is what splittings of infeasible programs are.
@Suite struct HalpernRateTests {
  private static let planes = 24
  private static let size = 2 * planes + 1

  private func turn(_ w: [Double]) -> [Double] {
    var out = w
    for j in 0..<Self.planes {
      let angle = pow(2, -Double(j))
      let (c, s) = (cos(angle), sin(angle))
      out[2 * j] = c * w[2 * j] - s * w[2 * j + 1]
      out[2 * j + 1] = s * w[2 * j] + c * w[2 * j + 1]
    }
    out[Self.size - 1] += 1
    return out
  }

  /// Squared distance of N(w) - w from the infimal displacement vector.
  private func distance(_ w: [Double]) -> Double {
    let image = turn(w)
    var sum = 0.0
    for i in 0..<Self.size {
      let d = image[i] - w[i] - (i == Self.size - 1 ? 1 : 0)
      sum += d * d
    }
    return sum
  }

  private let start: [Double] = (0..<size).map { $0 % 2 == 0 ? 1 : 0 }

  private func plain(_ steps: Int) -> Double {
    var w = start
    for _ in 0..<steps {
      let image = turn(w)
      for i in w.indices { w[i] = 0.5 * (w[i] + image[i]) }
    }
    return distance(w)
  }

  private func anchored(_ steps: Int) throws -> Double {
    let w = try Buffer(start)
    var anchor = try HalpernAnchor(count: Self.size)
    anchor.place(w.pointer)
    for _ in 0..<steps {
      let image = try Buffer(turn(Array(w.span)))
      anchor.advance(w.pointer, image.pointer)
    }
    return distance(Array(w.span))
  }

  @Test func anchorsSquareTheRate() throws {
    let (few, many) = (64, 1024)
    let slow = plain(few) / plain(many)
    let fast = try anchored(few) / anchored(many)
    // 16 = 1024/64 and 256 = (1024/64)^2.
    #expect(slow > 12 && slow < 21, "\(slow)")
    #expect(fast > 150, "\(fast)")
    // The bound of the theory: |N(w) - w - v| <= 2 |w0 - w*| / (k + 1).
    for steps in [16, 64, 256, 1024] {
      let bound = 2 * Double(Self.planes).squareRoot() / Double(steps + 1)
      #expect(try anchored(steps) <= bound * bound * (1 + 1e-9))
    }
  }

  /// An extrapolation of k + 1 pairs of a linear map in k dimensions is exact but for the
  /// regularisation; 300 plain steps would be needed for the slowest coordinate.
  @Test func extrapolatesLinearMaps() throws {
    let factors = [0.9, -0.5, 0.99]
    let goal = [1.0, 2, 3]
    let memory = try SplittingExtrapolation(size: 3, memory: 5)
    let metric = try Buffer([1.0, 0.1, 10])
    var w = try Buffer([0.0, 0, 0])
    let proposal = try Buffer<Double>(count: 3)
    for round in 0..<4 {
      let image = try Buffer<Double>(count: 3)
      for i in 0..<3 { image.pointer[i] = goal[i] + factors[i] * (w.pointer[i] - goal[i]) }
      let proposed = memory.extrapolate(
        w.pointer, image.pointer, metric: metric.pointer, into: proposal.pointer)
      #expect(proposed == (round > 0))
      w = image
    }
    for i in 0..<3 { #expect(abs(proposal.pointer[i] - goal[i]) < 0.1) }
  }
}
