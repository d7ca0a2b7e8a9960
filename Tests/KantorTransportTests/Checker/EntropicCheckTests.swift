import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// The checker against closed forms and against a plain evaluation in this file.
@Suite struct EntropicCheckTests {
  private func certify(
    _ problem: TransportProblem, epsilon: Double, f: [Double], g: [Double], threads: Int = 1,
    interrupted: Bool = false
  ) throws -> EntropicCheck.Answer {
    try EntropicCheck(
      problem, epsilon: epsilon, f: Buffer(f), g: Buffer(g), parallel: Parallel(threads: threads)
    ).certify(isInterrupted: interrupted)
  }

  /// C = [[0, 1], [1, 0]], uniform: by symmetry f = g = c with
  /// a b e^{2c/eps} (1 + e^{-1/eps}) = a.
  @Test(arguments: [10, 1, 0.1, 0.01]) func knownOptimumHasNoGap(epsilon: Double) throws {
    let problem = try TransportProblem(geometry: matrix([[0, 1], [1, 0]]), a: nil, b: nil)
    let c = epsilon / 2 * log(2 / (1 + exp(-1 / epsilon)))
    let answer = try certify(problem, epsilon: epsilon, f: [c, c], g: [c, c])
    let certificate = answer.certificate
    let p = 0.5 / (1 + exp(-1 / epsilon))
    #expect(certificate.marginalResidual < 1e-14)
    #expect(abs(certificate.transportCost - 2 * (0.5 - p)) < 1e-14)
    #expect(abs(certificate.objective - 2 * c) < 1e-13)
    #expect(abs(certificate.gap) < 1e-13)
    #expect(certificate.lowerBound <= 1e-14)
    #expect(certificate.upperBound >= 0)
  }

  private struct Case {
    let rows: [[Double]]
    let a: [Double]
    let b: [Double]
    let f: [Double]
    let g: [Double]
    let epsilon = 0.3
  }

  private func randomCase(_ n: Int, _ m: Int) -> Case {
    var random = RandomStream(seed: UInt64(100 * n + m))
    func weights(_ count: Int) -> [Double] {
      let w = (0..<count).map { _ in 0.1 + random.uniform() }
      let sum = w.reduce(0, +)
      return w.map { $0 / sum }
    }
    return Case(
      rows: (0..<n).map { _ in (0..<m).map { _ in random.uniform() } }, a: weights(n),
      b: weights(m), f: (0..<n).map { _ in 0.3 * random.uniform() },
      g: (0..<m).map { _ in 0.3 * random.uniform() })
  }

  @Test(arguments: [(3, 4), (9, 5), (17, 33)]) func boundsHoldForAnyPotentials(
    n: Int, m: Int
  ) throws {
    let data = randomCase(n, m)
    let problem = try TransportProblem(
      geometry: matrix(data.rows), a: Buffer(data.a), b: Buffer(data.b))
    let certificate = try certify(problem, epsilon: data.epsilon, f: data.f, g: data.g).certificate
    var (rows, columns) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: m))
    var (cost, entropy, total) = (0.0, 0.0, 0.0)
    for i in 0..<n {
      for j in 0..<m {
        let c = data.rows[i][j]
        let p = data.a[i] * data.b[j] * exp((data.f[i] + data.g[j] - c) / data.epsilon)
        rows[i] += p
        columns[j] += p
        cost += p * c
        total += p
        entropy += p * log(p / (data.a[i] * data.b[j])) - p + data.a[i] * data.b[j]
      }
    }
    let rowError = zip(rows, data.a).reduce(0) { $0 + abs($1.0 - $1.1) }
    let columnError = zip(columns, data.b).reduce(0) { $0 + abs($1.0 - $1.1) }
    #expect(abs(certificate.rowResidual - rowError) < 1e-13)
    #expect(abs(certificate.columnResidual - columnError) < 1e-13)
    #expect(abs(certificate.transportCost - cost) < 1e-13)
    #expect(abs(certificate.objective - (cost + data.epsilon * entropy)) < 1e-13)
    let dual =
      zip(data.a, data.f).reduce(0) { $0 + $1.0 * $1.1 }
      + zip(data.b, data.g).reduce(0) { $0 + $1.0 * $1.1 } - data.epsilon * (total - 1)
    #expect(abs(certificate.dualObjective - dual) < 1e-13)
    #expect(certificate.gap > 0)
    #expect(certificate.lowerBound < certificate.upperBound)
  }

  /// The rounded plan, evaluated entry by entry, is feasible and no dearer than the checker says.
  @Test func roundingIsFeasibleAndItsValueIsBounded() throws {
    let data = randomCase(6, 11)
    let problem = try TransportProblem(
      geometry: matrix(data.rows), a: Buffer(data.a), b: Buffer(data.b))
    let answer = try certify(problem, epsilon: data.epsilon, f: data.f, g: data.g)
    let rounding = try #require(answer.rounding)
    var (rows, columns) = ([Double](repeating: 0, count: 6), [Double](repeating: 0, count: 11))
    var (cost, entropy) = (0.0, 0.0)
    for i in 0..<6 {
      for j in 0..<11 {
        let c = data.rows[i][j]
        let ab = data.a[i] * data.b[j]
        let p =
          rounding.x[i] * rounding.y[j] * ab * exp((data.f[i] + data.g[j] - c) / data.epsilon)
          + rounding.added(i, j)
        #expect(p >= 0)
        rows[i] += p
        columns[j] += p
        cost += p * c
        entropy += p * log(p / ab) - p + ab
      }
    }
    for i in 0..<6 { #expect(abs(rows[i] - data.a[i]) < 1e-15) }
    for j in 0..<11 { #expect(abs(columns[j] - data.b[j]) < 1e-15) }
    let certificate = answer.certificate
    let value = try EntropicCheck(
      problem, epsilon: data.epsilon, f: Buffer(data.f), g: Buffer(data.g),
      parallel: Parallel(threads: 2)
    ).value(of: rounding)
    #expect(abs(value.transportCost - cost) < 1e-14)
    #expect(abs(value.objective - (cost + data.epsilon * entropy)) < 1e-13)
    #expect(cost <= certificate.upperBound + 1e-14)
    #expect(
      cost + data.epsilon * entropy <= certificate.dualObjective + certificate.gap + 1e-13)
  }

  @Test func interruptedSolvesHaveNoUpperBound() throws {
    let data = randomCase(4, 4)
    let problem = try TransportProblem(
      geometry: matrix(data.rows), a: Buffer(data.a), b: Buffer(data.b))
    let certificate = try certify(
      problem, epsilon: data.epsilon, f: data.f, g: data.g, interrupted: true
    ).certificate
    #expect(certificate.gap == .infinity)
    #expect(certificate.upperBound == .infinity)
    #expect(certificate.marginalResidual.isFinite)
  }

  @Test func zeroWeightsAndForbiddenPairs() throws {
    let problem = try TransportProblem(
      geometry: matrix([[0, 1, .infinity], [1, 0, 0], [5, 5, 5]]), a: Buffer([0.5, 0.5, 0]),
      b: Buffer([0.5, 0.25, 0.25]))
    let certificate = try certify(problem, epsilon: 0.5, f: [0, 0, 0], g: [0, 0, 0]).certificate
    #expect(certificate.marginalResidual.isFinite)
    #expect(certificate.transportCost.isFinite)
    #expect(certificate.gap == .infinity)
  }

  @Test func threadsAgree() throws {
    let data = randomCase(31, 29)
    let problem = try TransportProblem(
      geometry: matrix(data.rows), a: Buffer(data.a), b: Buffer(data.b))
    let one = try certify(problem, epsilon: data.epsilon, f: data.f, g: data.g).certificate
    let three = try certify(
      problem, epsilon: data.epsilon, f: data.f, g: data.g, threads: 3
    ).certificate
    #expect(abs(one.gap - three.gap) < 1e-13)
    #expect(abs(one.transportCost - three.transportCost) < 1e-14)
  }
}
