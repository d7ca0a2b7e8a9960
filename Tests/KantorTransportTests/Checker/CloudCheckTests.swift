import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing


/// The check of large clouds against the one over all pairs, which it must never flatter.
@Suite struct CloudCheckTests {
  private struct Case {
    let problem: TransportProblem
    let f: Buffer<Double>
    let g: Buffer<Double>
  }

  private func make(
    _ metric: Metric, epsilon: Double, disturbance: Double, mass: Double, d: Int
  ) throws -> Case {
    var random = RandomStream(seed: 17)
    let (n, m) = (700, 650)
    let x = try Buffer<Double>(count: n * d)
    let y = try Buffer<Double>(count: m * d)
    for i in 0..<(n * d) { x.pointer[i] = random.uniform() }
    for j in 0..<(m * d) { y.pointer[j] = random.uniform() + 0.3 }
    let a = try Buffer<Double>(count: n)
    for i in 0..<n { a.pointer[i] = i % 9 == 0 ? 0 : mass }
    let total = a.span.reduce(0, +)
    for i in 0..<n { a.pointer[i] *= mass / total }
    let geometry = try Geometry.points(
      x: x, n: n, y: y, m: m, dimension: d, metric: metric, power: 1.5)
    let problem = try TransportProblem(
      geometry: geometry, a: a, b: try Buffer(count: m, repeating: mass / Double(m)))
    let run = Run(
      options: OptionValues(specs: Sinkhorn.spec.options, set: ["epsilon": .real(epsilon)]),
      monitor: Monitor())
    let proposal = try Sinkhorn.propose(problem, run)
    for i in 0..<n { proposal.f.pointer[i] += disturbance * (random.uniform() - 0.5) }
    return Case(problem: problem, f: proposal.f, g: proposal.g)
  }

  @Test(arguments: [Metric.sqeuclidean, .euclidean, .l1, .power], [0.0, 0.01])
  func isNeverKinder(metric: Metric, disturbance: Double) throws {
    for (mass, d) in [(1.0, 2), (5.0, 3)] {
      let epsilon = metric == .sqeuclidean ? 0.004 : 0.02
      let data = try make(metric, epsilon: epsilon, disturbance: disturbance, mass: mass, d: d)
      let tolerance = 1e-6
      let full = try EntropicCheck(
        data.problem, epsilon: epsilon, f: data.f, g: data.g, parallel: Parallel(threads: 1)
      ).certify(isInterrupted: false).certificate
      let fast = try CloudCheck(
        data.problem, epsilon: epsilon, f: data.f, g: data.g, tolerance: tolerance,
        parallel: Parallel(threads: 2)
      ).certify(isInterrupted: false)
      let rounding = 1e-12 * full.scale
      #expect(fast.rowResidual >= full.rowResidual - 1e-12)
      #expect(fast.rowResidual <= full.rowResidual + 2.1e-2 * tolerance)
      #expect(fast.columnResidual >= full.columnResidual - 1e-12)
      #expect(fast.columnResidual <= full.columnResidual + 2.1e-2 * tolerance)
      #expect(fast.dualObjective <= full.dualObjective + rounding)
      #expect(fast.lowerBound <= full.lowerBound + rounding)
      #expect(fast.upperBound >= full.upperBound - rounding)
      #expect(fast.gap >= full.gap - rounding)
      #expect(abs(fast.objective - full.objective) <= 1e-6 * full.scale)
      #expect(abs(fast.transportCost - full.transportCost) <= 1e-6 * full.scale)
    }
  }

  /// What a plan is not looked at for counts as an error, so a far too large tolerance shows.
  @Test func unseenMassIsCounted() throws {
    let data = try make(.sqeuclidean, epsilon: 0.004, disturbance: 0, mass: 1, d: 2)
    func residual(_ tolerance: Double) throws -> Double {
      try CloudCheck(
        data.problem, epsilon: 0.004, f: data.f, g: data.g, tolerance: tolerance,
        parallel: Parallel(threads: 1)
      ).certify(isInterrupted: false).marginalResidual
    }
    #expect(try residual(1e-8) < 1e-8)
    #expect(try residual(1) > 1e-6)
  }

  @Test func potentialsThatAreNotNumbersCertifyNothing() throws {
    let data = try make(.sqeuclidean, epsilon: 0.004, disturbance: 0, mass: 1, d: 2)
    data.f.pointer[5] = .nan
    let certificate = try CloudCheck(
      data.problem, epsilon: 0.004, f: data.f, g: data.g, tolerance: 1e-6,
      parallel: Parallel(threads: 1)
    ).certify(isInterrupted: false)
    #expect(!(certificate.marginalResidual <= 1e-6))
  }
}
