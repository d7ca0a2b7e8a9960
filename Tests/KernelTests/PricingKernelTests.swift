import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Pricing {
    /// Small integers, so that ties are common; some NaN.
    private static func sample(_ n: Int, withNaN: Bool) -> (c: [Double], v: [Double]) {
      var sequence = Sequence64(UInt64(n))
      let c = (0..<n).map { _ in
        withNaN && sequence.happens(0.2) ? Double.nan : Double(sequence.next() % 50)
      }
      return (c, (0..<n).map { _ in Double(sequence.next() % 7) })
    }

    @Test(arguments: [false, true])
    func lowestIndexOfTheLeastDifference(withNaN: Bool) {
      for n in oddSizes + [1023, 1024, 1025, 4097] {
        let (c, v) = Self.sample(n, withNaN: withNaN)
        var least = Double.infinity, second = Double.infinity, index = 0
        for j in 0..<n where c[j] - v[j] < second {
          if c[j] - v[j] < least {
            (second, least, index) = (least, c[j] - v[j], j)
          } else {
            second = c[j] - v[j]
          }
        }
        let (gc, gv) = (GuardedMemory(c), GuardedMemory(v))
        let (fc, fv) = (GuardedMemory(c.map { Float($0) }), GuardedMemory(v.map { Float($0) }))
        atEveryLevel { level in
          var found = 0.0, next = 0.0, single: Float = 0
          var place: Int64 = -1
          kn_argmin_difference_f64(gc.start, gv.start, Int64(n), &found, &place)
          #expect(found == least && place == index, "n \(n), level \(level)")
          kn_argmin_difference_f32(fc.start, fv.start, Int64(n), &single, &place)
          #expect(Double(single) == least && place == index, "n \(n), level \(level)")
          kn_two_smallest_f64(gc.start, gv.start, Int64(n), &found, &place, &next)
          #expect(found == least && place == index && next == second, "n \(n), level \(level)")
        }
      }
    }

    @Test func nothingFinite() {
      for n in oddSizes {
        atEveryLevel { _ in
          let zeros = [Double](repeating: 0, count: n)
          for value in [Double.infinity, .nan] {
            let c = [Double](repeating: value, count: n)
            var found = 0.0, next = 0.0
            var place: Int64 = -1
            kn_argmin_difference_f64(c, zeros, Int64(n), &found, &place)
            #expect(found == .infinity && place == 0)
            kn_two_smallest_f64(c, zeros, Int64(n), &found, &place, &next)
            #expect(found == .infinity && next == .infinity && place == 0)
          }
        }
      }
    }
  }
}
