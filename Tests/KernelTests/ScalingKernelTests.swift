import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Scaling {
    private struct Outcome {
      var u: [Double]
      var columnSum: [Double]
      var error = 0.0
      var infeasible: Int64 = 0
    }

    @Test func agreesWithScalarArithmetic() {
      for m in oddSizes + [4095, 4112, 9000] {
        for n in m > 1000 ? [5] : [1, 4, 6, 150] {
          var sequence = Sequence64(UInt64(n * 10_007 + m))
          let leading = m + 1
          let entries = (0..<((n - 1) * leading + m)).map { _ in
            Double(Float(sequence.uniform()))
          }
          let kernel = GuardedMemory(entries)
          let single = GuardedMemory(entries.map { Float($0) })
          let a = (0..<n).map { _ in sequence.happens(0.2) ? 0 : sequence.uniform() }
          let start = (0..<n).map { _ in sequence.uniform() }
          let v = GuardedMemory((0..<m).map { _ in Double(Float(sequence.uniform())) })
          // One row without any entry: infeasible if it has mass.
          for j in 0..<m { (kernel[(n / 2) * leading + j], single[(n / 2) * leading + j]) = (0, 0) }
          var exact = Outcome(u: start, columnSum: [Double](repeating: 2, count: m))
          for i in 0..<n {
            let row = (0..<m).map { kernel[i * leading + $0] }
            let sum = zip(row, v.array).reduce(0) { $0 + $1.0 * $1.1 }
            if a[i] > 0 && sum == 0 {
              exact.infeasible += 1
              exact.error += a[i]
              continue
            }
            exact.error += abs(start[i] * sum - a[i])
            exact.u[i] = a[i] > 0 ? a[i] / sum : 0
            for j in 0..<m { exact.columnSum[j] += exact.u[i] * row[j] }
          }
          let scratch = GuardedMemory<UInt8>(
            count: Int(kn_sweep_scratch(Int64(m))), filledWith: 0xFF)
          atEveryLevel { level in
            for inSingle in [false, true] {
              var found = Outcome(u: start, columnSum: [])
              let sums = GuardedMemory(count: m, filledWith: 2.0)
              found.infeasible =
                inSingle
                ? kn_scaling_sweep_f32(
                  single.start, Int64(leading), Int64(m), 0, Int64(n), a, &found.u, v.start,
                  sums.start, &found.error, scratch.start)
                : kn_scaling_sweep_f64(
                  kernel.start, Int64(leading), Int64(m), 0, Int64(n), a, &found.u, v.start,
                  sums.start, &found.error)
              var worst = Worst()
              for i in 0..<n { worst.addRelative(found.u[i], exact.u[i]) }
              for j in 0..<m { worst.addRelative(sums[j], exact.columnSum[j]) }
              worst.addRelative(found.error, exact.error)
              #expect(found.infeasible == exact.infeasible)
              #expect(
                worst.value <= (inSingle ? 2e-6 : 1e-13), "n \(n), m \(m), level \(level)")
            }
          }
        }
      }
    }

    /// A factor beyond f32 still counts; one beyond f64 makes the row infeasible.
    @Test func factorsBeyondSinglePrecision() {
      let scratch = GuardedMemory<UInt8>(count: Int(kn_sweep_scratch(3)), filledWith: 0)
      let kernel: [Float] = [1e-20, 2e-20, 1e-20, 1, 1, 1]
      let a = [1e30, 1e-60]
      atEveryLevel { level in
        var u = [1.0, 1.0], sums = [0.0, 0.0, 0.0], error = 0.0
        let bad = kn_scaling_sweep_f32(
          kernel, 3, 3, 0, 2, a, &u, [1, 1, 1], &sums, &error, scratch.start)
        #expect(bad == 0)
        #expect(abs(sums[0] / 2.5e29 - 1) <= 1e-6 && abs(sums[1] / 5e29 - 1) <= 1e-6)
        #expect(abs(u[1] / (1e-60 / 3) - 1) <= 1e-6, "level \(level)")
        let tiny = [Double.leastNonzeroMagnitude, 0, 0]
        u = [1, 1]
        error = 0
        #expect(kn_scaling_sweep_f64(tiny, 3, 3, 0, 1, [1], &u, [1, 1, 1], &sums, &error) == 1)
        #expect(u == [1, 1] && error == 1 && sums.allSatisfy { $0.isFinite }, "level \(level)")
      }
    }
  }
}
