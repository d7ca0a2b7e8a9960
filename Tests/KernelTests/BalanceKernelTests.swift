import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Balance {
    @Test(arguments: [1, 2, 3, 4, 7, 32], [0, 1, 5])
    func scalesEveryLane(n: Int, sweeps: Int) {
      let lanes = Int(KN_GROUP)
      var sequence = Sequence64(UInt64(17 * n + sweeps))
      let kernel = (0..<n * n * lanes).map { _ in sequence.uniform(0.1, 2) }
      let start = (0..<n * lanes).map { _ in sequence.uniform(0.5, 1.5) }
      let guarded = GuardedMemory(kernel)
      atEveryLevel { level in
        var u = start
        var w = [Double](repeating: 1, count: n * lanes)
        var error = [Double](repeating: -1, count: lanes)
        kn_balance_group_f64(guarded.start, Int64(n), Int64(sweeps), &u, &w, &error)
        for t in 0..<lanes {
          let k = { (i: Int, j: Int) in kernel[(i * n + j) * lanes + t] }
          var (a, b) = ((0..<n).map { start[$0 * lanes + t] }, [Double](repeating: 1, count: n))
          for _ in 0..<sweeps {
            b = (0..<n).map { j in 1 / (0..<n).map { k($0, j) * a[$0] }.reduce(0, +) }
            a = (0..<n).map { i in 1 / (0..<n).map { k(i, $0) * b[$0] }.reduce(0, +) }
          }
          let columns = (0..<n).map { j in (0..<n).map { k($0, j) * a[$0] }.reduce(0, +) * b[j] }
          let worst = columns.map { abs($0 - 1) }.max() ?? 0
          #expect(abs(error[t] - worst) < 1e-12, "n \(n), level \(level)")
          for i in 0..<n {
            #expect(abs(u[i * lanes + t] / a[i] - 1) < 1e-12, "n \(n), level \(level)")
            #expect(abs(w[i * lanes + t] / b[i] - 1) < 1e-12, "n \(n), level \(level)")
          }
        }
      }
    }
  }
}
