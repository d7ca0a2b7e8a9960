import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct KernelTimes {
    @Test func agreesWithScalarArithmetic() {
      for m in oddSizes {
        for n in [1, 4, 6, 31] {
          var sequence = Sequence64(UInt64(n * 7919 + m))
          let leading = m + 3
          let kernel = GuardedMemory(
            (0..<((n - 1) * leading + m)).map { _ in sequence.uniform() })
          let v = GuardedMemory((0..<m).map { _ in sequence.uniform() })
          let u = GuardedMemory((0..<n).map { _ in sequence.uniform() })
          let rows = (0..<n).map { i in
            (0..<m).reduce(0) { $0 + kernel[i * leading + $1] * v[$1] }
          }
          let columns = (0..<m).map { j in
            (0..<n).reduce(2) { $0 + kernel[$1 * leading + j] * u[$1] }
          }
          atEveryLevel { level in
            let out = GuardedMemory(count: n, filledWith: -1.0)
            let sums = GuardedMemory(count: m, filledWith: 2.0)
            kn_kernel_times_f64(
              kernel.start, Int64(leading), Int64(m), 0, Int64(n), v.start, out.start)
            kn_kernel_transposed_f64(
              kernel.start, Int64(leading), Int64(m), 0, Int64(n), u.start, sums.start)
            var worst = Worst()
            for i in 0..<n { worst.addRelative(out[i], rows[i]) }
            for j in 0..<m { worst.addRelative(sums[j], columns[j]) }
            #expect(worst.value <= 1e-13, "\(n) x \(m), level \(level)")
          }
        }
      }
    }
  }
}
