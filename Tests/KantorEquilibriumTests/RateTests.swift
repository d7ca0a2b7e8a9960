import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Rates by slopes of residuals and of counts, never by time.
@Suite struct RateTests {
  private func trace(
    _ sample: Sample, _ entry: MethodEntry, _ options: [String: OptionValue]
  ) throws -> (k: [Double], residual: [Double]) {
    var options = options
    options["trace"] = .flag(true)
    let result = try sample.solve(entry, options)
    return (
      try result.array("trace_iteration").list(), try result.array("trace_residual").list()
    )
  }

  private func tailSlope(
    _ t: (k: [Double], residual: [Double]), from first: Double, to last: Double
  ) -> Double {
    let kept = zip(t.k, t.residual).filter { $0.0 >= first && $0.0 <= last && $0.1 > 0 }
    return slope(kept.map(\.0), kept.map(\.1))
  }

  @Test func fastExtragradientHasItsBound() throws {
    // Rotations of many speeds, all at most 1.
    let pairs = 200
    var sample = Sample([Double](repeating: 1, count: 2 * pairs)) { z in
      (0..<2 * pairs).map { i in
        let speed = Double(i / 2 + 1) / Double(pairs)
        return i % 2 == 0 ? speed * z[i + 1] : -speed * z[i - 1]
      }
    }
    sample.lipschitz = 1
    let t = try trace(
      sample, FastExtragradient.entry,
      ["restart": .flag(false), "max_iterations": .int(400), "tolerance": .real(1e-9)])
    let rate = tailSlope(t, from: 10, to: 400)
    #expect(rate < -0.9 && rate > -1.8, "\(rate)")
    let far = norm(sample.start)
    for (k, residual) in zip(t.k, t.residual) where k >= 1 {
      #expect(residual <= 2 * far / k)
    }
  }

  @Test func restartsMakeItLinear() throws {
    let sample = Sample([1, 0]) { [$0[1], -$0[0]] }
    let result = try sample.solve(FastExtragradient.entry, ["tolerance": .real(1e-12)])
    #expect(result.status == .solved)
    #expect(try result.int("iterations") < 1000)
  }

  @Test(arguments: ["plain", "adaptive"]) func halpern(anchoring: String) throws {
    // A chain, whose least eigenvalue is far below its largest.
    let n = 400
    var sample = Sample((0..<n).map { Double($0 % 2) }) { x in
      (0..<n).map { i in
        2 * x[i] - (i > 0 ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0) - (i == 0 ? 1 : 0)
      }
    }
    sample.comonotone = 0.25
    let t = try trace(
      sample, Halpern.entry,
      [
        "anchoring": .text(anchoring), "step": .real(0.5), "max_iterations": .int(1000),
        "tolerance": .real(1e-12),
      ])
    let rate = tailSlope(t, from: 30, to: 1000)
    #expect(rate < -0.8, "\(rate)")
    if anchoring == "plain" { #expect(rate > -1.6, "\(rate)") }
    // The bound with the step 1/2: |F(x_k)| <= 2 |x0 - x*| / (eta (k + 1)).
    let solution = (0..<n).map { 1 - Double($0 + 1) / Double(n + 1) }
    let far = distance(sample.start, solution)
    for (k, residual) in zip(t.k, t.residual) {
      #expect(residual <= 4 * far / (k + 1) * (1 + 1e-9))
    }
  }

  @Test func theProximalPointBound() throws {
    let rho = 0.3
    var sample = Known.rotation(rho: rho)
    sample.lipschitz = 1
    sample.comonotone = -rho
    let gamma = 1.2
    let t = try trace(
      sample, ProximalPoint.entry,
      [
        "step": .real(gamma), "inner_tolerance": .real(1e-6), "max_iterations": .int(60),
        "tolerance": .real(1e-10),
      ])
    let start = norm(sample.start)
    for (k, residual) in zip(t.k, t.residual) where k >= 1 {
      #expect(residual * residual <= start * start / (gamma * (gamma - 2 * rho) * k) * 1.001)
    }
  }

  /// Cocoercive sums: F_i = a_i (a_i'x - b_i), |a_i| = 1.
  private func leastSquares(_ count: Int, _ n: Int) -> Sample {
    let raw = numbers(count * n, 3)
    let b = numbers(count, 4)
    var rows = raw
    for i in 0..<count {
      let size = norm(Array(raw[i * n..<(i + 1) * n]))
      for j in 0..<n { rows[i * n + j] = raw[i * n + j] / size }
    }
    let a = rows
    // The mean as a matrix, so that whole evaluations are cheap here.
    var gram = [Double](repeating: 0, count: n * n)
    var right = [Double](repeating: 0, count: n)
    for i in 0..<count {
      for r in 0..<n {
        right[r] += a[i * n + r] * b[i] / Double(count)
        for c in 0..<n { gram[r * n + c] += a[i * n + r] * a[i * n + c] / Double(count) }
      }
    }
    let (matrix, vector) = (gram, right)
    var sample = Sample([Double](repeating: 3, count: n)) { x in
      zip(multiply(matrix, x), vector).map { $0 - $1 }
    }
    sample.components = count
    sample.component = { i, x in
      var product = -b[i]
      for j in 0..<n { product += a[i * n + j] * x[j] }
      return (0..<n).map { a[i * n + $0] * product }
    }
    sample.comonotone = 1
    return sample
  }

  @Test func varianceReductionGrowsLikeTheRoot() throws {
    let counts = [64, 256, 1024]
    func total(_ result: Result, _ count: Int) throws -> Double {
      try result.real("component_evaluations") + result.real("evaluations") * Double(count)
    }
    var reduced: [Double] = []
    var whole: [Double] = []
    for count in counts {
      let sample = leastSquares(count, 5)
      let options: [String: OptionValue] = ["tolerance": .real(1e-4), "restart": .flag(false)]
      let result = try sample.solve(VarianceReducedHalpern.entry, options)
      #expect(result.status == .solved)
      #expect(try result.text("variant") == "cocoercive")
      reduced.append(try total(result, count))
      let other = try sample.solve(
        Halpern.entry, ["tolerance": .real(1e-4), "anchoring": .text("plain"), "step": .real(0.5)])
      #expect(other.status == .solved)
      whole.append(try total(other, count))
    }
    let x = counts.map(Double.init)
    let (slow, fast) = (slope(x, whole), slope(x, reduced))
    #expect(abs(slow - 1) < 0.1, "\(slow)")
    #expect(fast < 0.75 && fast > 0.3, "\(fast): \(reduced) against \(whole)")
  }

  @Test func stochasticStepsOfOneOverT() throws {
    // F(x) = x + noise of the components, strongly monotone with mu = 1.
    let count = 200
    let noise = numbers(2 * count, 8)
    let mean = (0..<2).map { j in (0..<count).reduce(0) { $0 + noise[2 * $1 + j] } / Double(count) }
    var sample = Sample([0.1, -0.1])
    sample.components = count
    sample.component = { i, z in
      [z[0] + z[1] + noise[2 * i] - mean[0], z[1] - z[0] + noise[2 * i + 1] - mean[1]]
    }
    var errors: [Double] = []
    let lengths = [1000, 4000, 16000]
    for length in lengths {
      var sum = 0.0
      for seed in 0..<16 {
        let result = try sample.solve(
          StochasticExtragradient.entry,
          [
            "tolerance": .real(1e-12), "max_iterations": .int(Int64(length)), "step": .real(0.2),
            "decay": .real(1), "offset": .real(10), "seed": .int(Int64(seed)),
            "batch": .int(1),
          ])
        #expect(result.status == .iterationLimit)
        let x = try result.array("x").list()
        sum += x[0] * x[0] + x[1] * x[1]
      }
      errors.append(sum / 16)
    }
    let rate = slope(lengths.map(Double.init), errors)
    // Faster than 1/t, since the best of all points that were looked at is given back.
    #expect(rate < -0.85 && rate > -2.2, "\(rate): \(errors)")
  }
}
