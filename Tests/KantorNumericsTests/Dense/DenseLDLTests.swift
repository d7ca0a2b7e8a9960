import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct DenseLDLTests {
  /// Random symmetric with a diagonal that makes the first `positive` pivots positive.
  static func sample(_ n: Int, positive: Int, seed: UInt64) throws -> [[Double]] {
    var random = RandomStream(seed: seed, stream: 4)
    var a = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for j in 0..<i {
        a[i][j] = random.uniform() * 2 - 1
        a[j][i] = a[i][j]
      }
      a[i][i] = i < positive ? Double(n) : -Double(n)
    }
    return a
  }

  private func load(_ a: [[Double]], threads: Int = 1, upper: Bool = false) throws -> DenseLDL {
    let factor = try DenseLDL(order: a.count, threads: threads)
    let flat = try Buffer<Double>(a.flatMap { $0 })
    withExtendedLifetime(flat) { factor.load(flat.pointer, upper: upper) }
    return factor
  }

  @Test(arguments: [0, 1, 2, 3, 7, 8, 9, 23, 24, 25, 64, 127, 128, 129, 200, 300])
  func answersAgreeWithElimination(n: Int) throws {
    let positive = n - n / 3
    let a = try Self.sample(n, positive: positive, seed: UInt64(n))
    let factor = try load(a, upper: n % 2 == 0)
    let signs = [Int8](repeating: 1, count: positive) + [Int8](repeating: -1, count: n / 3)
    let outcome = factor.factor(signs: signs)
    #expect(outcome.isUsable && outcome.replaced == 0)
    #expect(outcome.positive == positive && outcome.negative == n / 3)
    let b = try SystemSample.vector(3 * n, seed: 1)
    let x = try b.copy()
    factor.solve(x.pointer, count: 3)
    for r in 0..<3 {
      for i in 0..<n {
        let product = (0..<n).reduce(0.0) { $0 + a[i][$1] * x[r * n + $1] }
        #expect(abs(product - b[r * n + i]) < 1e-12)
      }
    }
  }

  @Test func bitsDoNotDependOnThreads() throws {
    let a = try Self.sample(700, positive: 700, seed: 3)
    let b = try SystemSample.vector(700, seed: 2)
    var answers: [[Double]] = []
    for threads in [1, 2, 3] {
      let factor = try load(a, threads: threads)
      #expect(factor.factor().positive == 700)
      let x = try b.copy()
      factor.solve(x.pointer)
      answers.append(x.list)
    }
    #expect(answers[1] == answers[0] && answers[2] == answers[0])
  }

  @Test func denseAndSparseFactorsAgree() throws {
    let (k, signs) = try SystemSample.quasidefinite(60, 50, perRow: 5, seed: 2)
    let dense = try load(k.symmetricRows)
    #expect(dense.factor(signs: signs).replaced == 0)
    let sparse = try LDLFactor(#require(try LDLAnalysis(k)))
    sparse.factor(values: k.values.pointer)
    let b = try SystemSample.vector(110, seed: 3)
    let (x, y) = (try b.copy(), try b.copy())
    dense.solve(x.pointer)
    sparse.solve(y.pointer)
    for i in 0..<110 { #expect(abs(x[i] - y[i]) < 1e-12) }
  }

  /// C - G D G' from its parts has the factor of the matrix itself.
  @Test(arguments: [(1, 3), (5, 1), (40, 30), (130, 300), (257, 140)])
  func productsOfGivenColumnsAreTaken(n: Int, given: Int) throws {
    let c = try Self.sample(n, positive: n, seed: 5)
    let g = try SystemSample.vector(n * given, seed: 6)
    let d = try SystemSample.vector(given, seed: 7)
    let parts = try DenseLDL(order: n, given: given)
    let whole = try DenseLDL(order: n)
    for k in 0..<given {
      parts.givenWeights[k] = -abs(d[k])
      for i in 0..<n { parts.givenColumns[k * parts.leading + i] = g[k * n + i] }
    }
    for j in 0..<n {
      for i in j..<n {
        parts.entries[j * parts.leading + i] = c[i][j]
        whole.entries[j * whole.leading + i] = (0..<given).reduce(c[i][j]) {
          $0 + abs(d[$1]) * g[$1 * n + i] * g[$1 * n + j]
        }
      }
    }
    let signs = [Int8](repeating: 1, count: n)
    #expect(parts.factor(signs: signs).positive == n && whole.factor(signs: signs).positive == n)
    let b = try SystemSample.vector(2 * n, seed: 8)
    let (x, y) = (try b.copy(), try b.copy())
    parts.solve(x.pointer, count: 2)
    whole.solve(y.pointer, count: 2)
    for i in 0..<(2 * n) { #expect(abs(x[i] - y[i]) < 1e-11) }
  }

  @Test func pivotsAreReplacedAndCounted() throws {
    let factor = try load([[0, 0, 0], [0, 4, 0], [0, 0, -2]])
    let rule = PivotRule(shift: 1, threshold: 1e-13, replacement: 0.5)
    let outcome = factor.factor(signs: [-1, 1, 1], rule: rule)
    #expect(outcome.replaced == 1 && outcome.wrongSign == 1)
    #expect(Array(factor.pivots) == [-1, 5, 0.5])
  }

  @Test func nothingFiniteAndInterruption() throws {
    let bad = try load([[1, .nan], [.nan, 1]])
    #expect(!bad.factor().isFinite)
    let large = try load(try Self.sample(300, positive: 300, seed: 1))
    #expect(large.factor(interruption: Interruption { true }).isInterrupted)
    #expect(failure { () throws(KantorError) in _ = try DenseLDL(order: .max) } == .tooLarge)
    #expect(failure { () throws(KantorError) in _ = try DenseLDL(order: -1) } == .tooLarge)
  }
}
