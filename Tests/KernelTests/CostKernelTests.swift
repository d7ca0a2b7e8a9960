import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Costs {
    @Test(arguments: CostSample.kinds)
    func rowsOfEverySizeAndDimension(kind: Int) {
      atEveryLevel { level in
        var worst = Worst()
        var worstSingle = Worst()
        for m in oddSizes {
          for dimension in kind < CostSample.denseKinds ? [1] : [1, 2, 3, 7, 8, 9, 16, 33] {
            let cost = CostSample(kind: kind, n: 3, m: m, dimension: dimension)
            var sequence = Sequence64(UInt64(m))
            for row in 0..<cost.n {
              let first = row == 0 ? 0 : Int(sequence.next() % UInt64(m))
              let count = row == 0 ? m : m - first
              let out = GuardedMemory(count: count, filledWith: Double.nan)
              let single = GuardedMemory(count: count, filledWith: Float.nan)
              withUnsafePointer(to: cost.kernel) {
                kn_cost_row_f64($0, Int64(row), Int64(first), Int64(count), out.start)
                kn_cost_row_f32($0, Int64(row), Int64(first), Int64(count), single.start)
              }
              for k in 0..<count {
                let exact = cost[row, first + k]
                worst.addRelative(out[k], exact, floor: 1e-3)
                worstSingle.addRelative(Double(single[k]), exact, floor: 1e-3)
              }
            }
          }
        }
        #expect(worst.value <= 2e-14, "level \(level)")
        #expect(worstSingle.value <= 4e-6, "level \(level)")
      }
    }

    @Test func distancesOfEqualPointsAreZero() {
      for kind in [KN_COST_SQEUCLIDEAN, KN_COST_EUCLIDEAN, KN_COST_L1, KN_COST_POWER] {
        for dimension in [1, 2, 9, 33] {
          let cost = CostSample(kind: kind, n: 5, m: 40, dimension: dimension)
          atEveryLevel { level in
            for j in stride(from: 0, to: 40, by: 3) {
              var c = Double.nan
              var single = Float.nan
              withUnsafePointer(to: cost.kernel) {
                kn_cost_row_f64($0, Int64(j % 5), Int64(j), 1, &c)
                kn_cost_row_f32($0, Int64(j % 5), Int64(j), 1, &single)
              }
              #expect(c == 0 && single == 0, "kind \(kind), level \(level)")
            }
          }
        }
      }
    }

    @Test func everyPower() {
      for power in [0.5, 1, 1.5, 2, 2.7, 3, 4, 5] {
        let cost = CostSample(
          kind: KN_COST_POWER, n: 2, m: 67, dimension: 3, power: power)
        atEveryLevel { level in
          var out = [Double](repeating: .nan, count: 67)
          var single = [Float](repeating: .nan, count: 67)
          withUnsafePointer(to: cost.kernel) {
            kn_cost_row_f64($0, 1, 0, 67, &out)
            kn_cost_row_f32($0, 1, 0, 67, &single)
          }
          for j in 0..<67 {
            let exact = cost[1, j]
            let singleError = abs(Double(single[j]) - exact)
            #expect(abs(out[j] - exact) <= 1e-14 * exact, "power \(power), level \(level)")
            #expect(singleError <= 2e-6 * exact, "power \(power), level \(level)")
          }
        }
      }
    }

    /// A large distance overflows to +inf, never to NaN.
    @Test func overflowingDistances() {
      let x = [1e300, 1e300]
      let y = [Double](repeating: -1e300, count: 32)
      for kind in [KN_COST_SQEUCLIDEAN, KN_COST_EUCLIDEAN] {
        var cost = kn_cost()
        (cost.kind, cost.dimension, cost.rows, cost.columns) = (Int32(kind), 2, 1, 16)
        cost.stride = 16
        x.withUnsafeBufferPointer { x in
          y.withUnsafeBufferPointer { y in
            (cost.x64, cost.y64) = (x.baseAddress, y.baseAddress)
            atEveryLevel { level in
              var out = [Double](repeating: 0, count: 16)
              kn_cost_row_f64(&cost, 0, 0, 16, &out)
              #expect(out.allSatisfy { $0 == .infinity }, "kind \(kind), level \(level)")
            }
          }
        }
      }
    }
  }
}
