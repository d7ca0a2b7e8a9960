import Glibc
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// The rates of the papers, as slopes fitted to the course of a solve.
@Suite struct SmoothRateTests {
  /// Gaps f(x_k) - f* of a solve; f* is known.
  private func gaps(
    _ method: any NonlinearMethod.Type, _ sample: Sample, best: Double,
    _ options: [String: OptionValue] = [:]
  ) throws -> [Double] {
    var all = options
    all["trace"] = .flag(true)
    let result = try Sample.solve(method, sample, all)
    return try result.array("trace_objective").list().map { $0 - best }
  }

  /// f* of the chain: every difference is 1, so that f* = n/p - n.
  private func best(_ n: Int, _ p: Double) -> Double { Double(n) / p - Double(n) }

  /// On the function that is hardest for methods of its order, over the whole solve, from the
  /// first iterations to eight digits.
  private func rate(_ gaps: [Double]) -> Double {
    let last = gaps.lastIndex { $0 > 1e-8 * gaps[0] } ?? 0
    return fittedRate(gaps, from: 2, to: last)
  }

  @Test func dampedNewtonFallsWithTheThirdPower() throws {
    for n in [30, 60] {
      let gaps = try gaps(DampedNewton.self, .chain(n, power: 4), best: best(n, 4))
      #expect(rate(gaps) < -3, "rate \(rate(gaps)) in \(gaps.count) iterations")
    }
  }

  @Test func regularisedNewtonFallsWithTheSecondPower() throws {
    for n in [30, 60] {
      let gaps = try gaps(RegularisedNewton.self, .chain(n, power: 3), best: best(n, 3))
      #expect(rate(gaps) < -2, "rate \(rate(gaps)) in \(gaps.count) iterations")
    }
  }

  /// Bounded matrices in place of the Hessian, at the least the rate 1/k of gradient descent.
  @Test(arguments: ["nothing", "the diagonal"])
  func regularisedNewtonTakesOtherMatrices(_ what: String) throws {
    let exact = Sample.logistic(6, rows: 40, ridge: 1e-2)
    let best = try Sample.solve(
      RegularisedNewton.self, exact, ["tolerance": .real(1e-12)]
    ).real("objective")
    let other = Sample(
      name: what, start: exact.start, value: exact.value, gradient: exact.gradient,
      hessian: { (x, s, y) in
        (exact.hessian?(x, s, y) ?? []).enumerated().map {
          what == "nothing" || $0 / 6 != $0 % 6 ? 0 : $1
        }
      })
    let gaps = try gaps(RegularisedNewton.self, other, best: best)
    #expect(rate(gaps) < -1, "rate \(rate(gaps)) in \(gaps.count) iterations")
    // Gradient descent is slow on columns of sizes from 1 to 10.
    if what != "nothing" { #expect((gaps.last ?? 1) < 1e-8 * gaps[0]) }
  }

  @Test func lazyNewtonFallsWithTheSecondPower() throws {
    for period in [1, 5] {
      let gaps = try gaps(
        LazyNewton.self, .chain(40, power: 3), best: best(40, 3), ["period": .int(Int64(period))])
      #expect(rate(gaps) < -2, "rate \(rate(gaps)) in \(gaps.count) iterations, m = \(period)")
    }
  }

  /// Hessians are renewed every m-th iteration only, and the count of them falls with m.
  @Test func lazyNewtonSavesHessians() throws {
    let sample = Sample.logistic(12, rows: 60)
    var counts: [Int64] = []
    for period in [1, 4, 12] {
      let result = try Sample.solve(LazyNewton.self, sample, ["period": .int(Int64(period))])
      #expect(result.status == .solved)
      let (k, d) = (try result.int("iterations"), try result.int("decompositions"))
      #expect(Double(d) <= Double(k) / Double(period) + 3)
      counts.append(d)
    }
    #expect(counts[1] < counts[0] && counts[2] <= counts[1], "\(counts)")
  }

  /// Order 2 of the last gradients, with exact Hessians at a regular minimum.
  @Test(arguments: ["trust_region", "damped_newton", "regularised_newton"])
  func superlinearInTheEnd(_ name: String) throws {
    let method = try #require(SmoothMethodTests.methods.first { $0.spec.name == name })
    let result = try Sample.solve(
      method, .logistic(6, rows: 40), ["trace": .flag(true), "tolerance": .real(1e-12)])
    let e = try result.array("trace_residual").list().filter { $0 < 1e-2 && $0 > 1e-14 }
    #expect(e.count >= 3)
    let order = log(e[e.count - 1]) / log(e[e.count - 2])
    #expect(order > 1.3, "order \(order), \(e)")
  }

  /// Coordinates make no difference to the damped Newton method, up to rounding.
  @Test func dampedNewtonIsAffineInvariant() throws {
    let plain = Sample.chain(10, power: 4)
    let scale = (0..<10).map { pow(2, Double($0 % 5) * 3) }
    let turned = Sample(
      start: zip(plain.start, scale).map { $0 / $1 },
      value: { x in plain.value(zip(x, scale).map { $0 * $1 }) },
      gradient: { x in
        zip(plain.gradient?(zip(x, scale).map { $0 * $1 }) ?? [], scale).map { $0 * $1 }
      },
      hessian: { (x, s, y) in
        (plain.hessian?(zip(x, scale).map { $0 * $1 }, s, y) ?? []).enumerated().map {
          $1 * scale[$0 / 10] * scale[$0 % 10]
        }
      })
    let one = try gaps(DampedNewton.self, plain, best: best(10, 4), ["max_iterations": .int(12)])
    let two = try gaps(DampedNewton.self, turned, best: best(10, 4), ["max_iterations": .int(12)])
    #expect(one.count == two.count)
    for (a, b) in zip(one, two) { #expect(abs(a - b) <= 1e-6 * max(a, 1e-3)) }
  }
}
