import CKantorKernels
import Glibc
import Testing

extension KernelTests {
  @Suite struct Transforms {
    @Test(arguments: CostSample.kinds)
    func softTransform(kind: Int) {
      for m in oddSizes + [1100] {
        for (n, dimension) in [(1, 1), (6, 3), (19, 12)] {
          let cost = CostSample(kind: kind, n: n, m: m, dimension: dimension, forbidden: 0.2)
          let sample = SweepSample(cost, inverseEpsilon: 30)
          let scratch = cost.scratch()
          let exact = (0..<n).map { i -> Double in
            let z = (0..<m).map { sample.gamma[$0] - 30 * cost[i, $0] }
            let top = z.max() ?? -.infinity
            if top == -.infinity { return .infinity }
            return -top - log(z.reduce(0) { $0 + exp($1 - top) })
          }
          atEveryLevel { level in
            var out = [Double](repeating: .nan, count: n)
            var single = out
            withUnsafePointer(to: cost.kernel) {
              kn_softmin_rows_f64($0, 0, Int64(n), 30, sample.gamma, &out, scratch.start)
              kn_softmin_rows_f32($0, 0, Int64(n), 30, sample.gamma, &single, scratch.start)
            }
            var worst = Worst()
            var worstSingle = Worst()
            for i in 0..<n {
              worst.addDifference(out[i], exact[i])
              worstSingle.addDifference(single[i], exact[i])
            }
            #expect(worst.value <= 2e-13, "m \(m), level \(level)")
            #expect(worstSingle.value <= 2e-5, "m \(m), level \(level)")
          }
        }
      }
    }

    @Test(arguments: CostSample.kinds)
    func hardTransforms(kind: Int) {
      for m in oddSizes + [1100] {
        for n in [1, 4, 7] {
          let cost = CostSample(kind: kind, n: n, m: m, dimension: 5, forbidden: 0.2)
          let sample = SweepSample(cost, inverseEpsilon: 1)
          let (g, f) = (sample.gamma, sample.phi)
          let scratch = cost.scratch()
          atEveryLevel { level in
            var rows = [Double](repeating: .nan, count: n)
            let columns = GuardedMemory(count: m, filledWith: -1.5)
            withUnsafePointer(to: cost.kernel) {
              kn_hardmin_rows_f64($0, 0, Int64(n), g, &rows, scratch.start)
              kn_hardmin_columns_f64($0, 0, Int64(n), f, columns.start, scratch.start)
            }
            var worst = Worst()
            for i in 0..<n {
              worst.addDifference(rows[i], (0..<m).map { cost[i, $0] - g[$0] }.min() ?? .infinity)
            }
            for j in 0..<m {
              let least = (0..<n).map { cost[$0, j] - f[$0] }.min() ?? .infinity
              worst.addDifference(columns[j], min(least, -1.5))
            }
            #expect(worst.value <= 1e-14, "n \(n), m \(m), level \(level)")
          }
        }
      }
    }

    @Test(arguments: CostSample.kinds)
    func absorbedKernel(kind: Int) {
      for m in oddSizes + [600] {
        for n in [1, 5, 18] {
          let cost = CostSample(kind: kind, n: n, m: m, dimension: 11, forbidden: 0.2)
          let sample = SweepSample(cost, inverseEpsilon: 30)
          let scratch = cost.scratch()
          let leading = m + 2
          atEveryLevel { level in
            let wide = GuardedMemory(count: n * leading, filledWith: -7.0)
            let narrow = GuardedMemory(count: n * leading, filledWith: Float(-7))
            withUnsafePointer(to: cost.kernel) {
              kn_kernel_rows_f64(
                $0, 0, Int64(n), 30, sample.phi, sample.gamma, wide.start, Int64(leading),
                scratch.start)
              kn_kernel_rows_f32(
                $0, 0, Int64(n), 30, sample.phi, sample.gamma, narrow.start, Int64(leading),
                scratch.start)
            }
            var worst = Worst()
            var worstSingle = Worst()
            for i in 0..<n {
              for j in 0..<m {
                let exact = exp(sample.phi[i] + sample.gamma[j] - 30 * cost[i, j])
                worst.addRelative(wide[i * leading + j], exact)
                worstSingle.addRelative(Double(narrow[i * leading + j]), exact, floor: 1e-30)
              }
              for j in m..<leading {
                worst.addDifference(wide[i * leading + j], -7)
                worst.addDifference(Double(narrow[i * leading + j]), -7)
              }
            }
            #expect(worst.value <= 1e-13, "m \(m), level \(level)")
            #expect(worstSingle.value <= 2e-5, "m \(m), level \(level)")
          }
        }
      }
    }

    /// Below the cut exactly 0, on overflow +inf.
    @Test func kernelAtTheEndsOfTheRange() {
      let cost = CostSample(kind: 2, n: 1, m: 16)
      let scratch = cost.scratch()
      let gamma: [Double] = [
        -701, -699, -81, -79, 0, 88, 89, 127, 709, 710, 2000, -3000, -.infinity, 1, 2, 3,
      ]
      atEveryLevel { level in
        var wide = [Double](repeating: .nan, count: 16)
        var narrow = [Float](repeating: .nan, count: 16)
        withUnsafePointer(to: cost.kernel) {
          kn_kernel_rows_f64($0, 0, 1, 0, [0], gamma, &wide, 16, scratch.start)
          kn_kernel_rows_f32($0, 0, 1, 0, [0], gamma, &narrow, 16, scratch.start)
        }
        for j in 0..<16 {
          let exact = gamma[j] < -700 ? 0 : exp(gamma[j])
          let exactSingle = gamma[j] < -80 ? 0 : Float(exp(gamma[j]))
          var worst = Worst()
          worst.addRelative(wide[j], exact)
          #expect(worst.value <= 1e-12, "\(gamma[j]), level \(level)")
          worst = Worst()
          worst.addRelative(Double(narrow[j]), Double(exactSingle))
          #expect(worst.value <= 2e-5, "\(gamma[j]), level \(level)")
        }
      }
    }
  }
}
