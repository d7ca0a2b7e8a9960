import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct SmallProduct {
    /// Small whole numbers, so that every order of summation gives the same.
    @Test(arguments: [(1, 1, 1), (3, 5, 7), (4, 8, 16), (9, 2, 33), (17, 13, 40), (5, 0, 6)])
    func equalsTheTripleLoop(rows: Int, inner: Int, columns: Int) {
      let (la, lb, lo) = (inner + 2, columns + 3, columns + 1)
      let a = (0..<rows * la).map { Double(($0 * 7) % 11 - 5) }
      let b = (0..<max(1, inner * lb)).map { Double(($0 * 5) % 13 - 6) }
      atEveryLevel { level in
        var out = [Double](repeating: 99, count: rows * lo)
        kn_small_product_f64(
          a, Int64(la), b, Int64(lb), Int64(rows), Int64(inner), Int64(columns), &out, Int64(lo))
        for r in 0..<rows {
          for c in 0..<columns {
            let expected = (0..<inner).reduce(0.0) { $0 + a[r * la + $1] * b[$1 * lb + c] }
            #expect(out[r * lo + c] == expected, "level \(level): (\(r), \(c))")
          }
          #expect(out[r * lo + columns] == 99)
        }
      }
    }
  }
}
