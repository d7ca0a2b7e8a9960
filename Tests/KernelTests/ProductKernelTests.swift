import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Product {
    /// One block against scalar sums, at every level, with memory that ends where it may.
    @Test(arguments: [(1, 1, 1), (7, 23, 5), (8, 24, 33), (9, 49, 256), (100, 130, 20)])
    func blockAgreesWithScalarSums(_ n: Int, _ m: Int, _ depth: Int) {
      var sequence = Sequence64(UInt64(n * 1009 + m))
      let a = GuardedMemory((0..<(n * depth)).map { _ in sequence.uniform(-1, 1) })
      let b = GuardedMemory((0..<(depth * m)).map { _ in sequence.uniform(-1, 1) })
      let panel = Int(KN_PRODUCT_PANEL)
      let packed = GuardedMemory(
        count: (m + panel - 1) / panel * panel * depth, filledWith: Double.nan)
      let scratch = GuardedMemory(
        count: Int(KN_PRODUCT_ROWS) * Int(KN_PRODUCT_DEPTH), filledWith: Double.nan)
      atEveryLevel { level in
        for turned in [false, true] {
          let (rowB, columnB) = turned ? (1, depth) : (m, 1)
          let (rowA, columnA) = turned ? (1, n) : (depth, 1)
          // In two parts, as two threads would.
          let cut = min(m, panel)
          kn_product_pack_f64(
            b.start, Int64(rowB), Int64(columnB), Int64(depth), 0, Int64(cut), packed.start)
          if cut < m {
            kn_product_pack_f64(
              b.start, Int64(rowB), Int64(columnB), Int64(depth), Int64(cut), Int64(m),
              packed.start)
          }
          let c = GuardedMemory(count: n * m, filledWith: 3.0)
          kn_product_rows_f64(
            a.start, Int64(rowA), Int64(columnA), Int64(n), Int64(depth), packed.start, Int64(m),
            0.5, 2, c.start, Int64(m), scratch.start)
          var worst = Worst()
          for i in 0..<n {
            for j in 0..<m {
              var sum = 0.0
              for k in 0..<depth { sum += a[i * rowA + k * columnA] * b[k * rowB + j * columnB] }
              worst.addDifference(c[i * m + j], 6 + 0.5 * sum)
            }
          }
          #expect(worst.value <= 1e-15 * Double(depth + 10), "level \(level)")
        }
      }
    }

    @Test func constantsFitEachOther() {
      #expect(Int(KN_PRODUCT_COLUMNS) % Int(KN_PRODUCT_PANEL) == 0)
      #expect(Int(KN_PRODUCT_ROWS) % 8 == 0)
    }
  }
}
