import CKantorKernels
import Glibc
import Testing

extension KernelTests {
  @Suite struct PlanProducts {
    @Test(arguments: CostSample.kinds)
    func agreesWithStoredPlan(kind: Int) {
      for m in [1, 7, 8, 17, 33, 100, 530] {
        for (n, width) in [(1, 1), (4, 2), (6, 3), (5, 8), (9, 9), (19, 21)] {
          let cost = CostSample(kind: kind, n: n, m: m, dimension: 10, forbidden: 0.2)
          let sample = SweepSample(cost, inverseEpsilon: 30)
          var sequence = Sequence64(UInt64(width))
          let values = GuardedMemory((0..<(m * width)).map { _ in sequence.uniform(-1, 1) })
          let rowValues = GuardedMemory((0..<(n * width)).map { _ in sequence.uniform(-1, 1) })
          var forward = [Double](repeating: 0, count: n * width)
          var backward = [Double](repeating: 2, count: m * width)
          for i in 0..<n {
            for j in 0..<m {
              let p = exp(sample.phi[i] + sample.gamma[j] - 30 * cost[i, j])
              for k in 0..<width {
                forward[i * width + k] += p * values[j * width + k]
                backward[j * width + k] += p * rowValues[i * width + k]
              }
            }
          }
          let scratch = cost.scratch()
          atEveryLevel { level in
            let out = GuardedMemory(count: n * width, filledWith: Double.nan)
            let turned = GuardedMemory(count: m * width, filledWith: 2.0)
            withUnsafePointer(to: cost.kernel) {
              kn_plan_apply_f64(
                $0, 0, Int64(n), 30, sample.phi, sample.gamma, values.start, Int64(width),
                out.start, scratch.start)
              kn_plan_apply_transposed_f64(
                $0, 0, Int64(n), 30, sample.phi, sample.gamma, rowValues.start, Int64(width),
                turned.start, scratch.start)
            }
            var worst = Worst()
            for k in 0..<(n * width) { worst.add(abs(out[k] - forward[k])) }
            for k in 0..<(m * width) { worst.add(abs(turned[k] - backward[k])) }
            #expect(worst.value <= 1e-12, "n \(n), m \(m), width \(width), level \(level)")
          }
        }
      }
    }

    /// Only the rows asked for are written or read.
    @Test func partOfTheRows() {
      let cost = CostSample(kind: 2, n: 10, m: 20)
      let sample = SweepSample(cost, inverseEpsilon: 5)
      let ones = [Double](repeating: 1, count: 20)
      let scratch = cost.scratch()
      atEveryLevel { level in
        var whole = [Double](repeating: 0, count: 10)
        var part = [Double](repeating: -3, count: 10)
        withUnsafePointer(to: cost.kernel) {
          kn_plan_apply_f64(
            $0, 0, 10, 5, sample.phi, sample.gamma, ones, 1, &whole, scratch.start)
          kn_plan_apply_f64($0, 3, 8, 5, sample.phi, sample.gamma, ones, 1, &part, scratch.start)
        }
        for i in 0..<10 {
          let expected = (3..<8).contains(i) ? whole[i] : -3
          #expect(abs(part[i] - expected) <= 1e-15, "row \(i), level \(level)")
        }
      }
    }
  }
}
