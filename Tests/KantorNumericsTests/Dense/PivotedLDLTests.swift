import KantorCore
import KantorNumerics
import Testing

/// LDL' with pivots of one and two rows.
@Suite struct PivotedLDLTests {
  @Test(arguments: [1, 2, 3, 7, 24, 60]) func solvesAndCounts(_ n: Int) throws {
    var stream = RandomStream(seed: 5, stream: UInt64(n))
    for _ in 0..<20 {
      var a = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        for j in 0...i {
          // Many zeros on the diagonal, so that pairs are needed.
          let v = i == j && i % 3 != 0 ? 0 : 2 * stream.uniform() - 1
          a[i * n + j] = v
          a[j * n + i] = v
        }
      }
      let factor = try PivotedLDL(order: n)
      for k in 0..<n * n { factor.entries[k] = a[k] }
      factor.factor()
      guard factor.zero == 0 else { continue }
      let x = (0..<n).map { _ in stream.uniform() }
      let b = try Buffer((0..<n).map { i in (0..<n).reduce(0) { $0 + a[i * n + $1] * x[$1] } })
      factor.solve(b.pointer)
      let error = (0..<n).reduce(0.0) { max($0, abs(b[$1] - x[$1])) }
      #expect(error < 1e-8)
      #expect(factor.positive + factor.negative == n)
      // Sylvester: the same signs as after an exchange of the order.
      let other = try PivotedLDL(order: n)
      for k in 0..<n * n { other.entries[k] = a[n * n - 1 - k] }
      other.factor()
      #expect(other.positive == factor.positive)
    }
  }

  @Test func singularAndNotFinite() throws {
    let factor = try PivotedLDL(order: 3)
    for k in 0..<9 { factor.entries[k] = 1 }
    factor.factor()
    #expect(factor.zero == 2 && factor.positive == 1)
    factor.entries[1] = .nan
    factor.factor()
    #expect(!factor.isFinite)
  }
}
