import CKantorKernels
import Glibc
import Testing

func kernelExp(_ x: [Double]) -> [Double] {
  var y = [Double](repeating: .nan, count: x.count)
  kn_exp_f64(x, &y, Int64(x.count))
  return y
}
func kernelExp(_ x: [Float]) -> [Float] {
  var y = [Float](repeating: .nan, count: x.count)
  kn_exp_f32(x, &y, Int64(x.count))
  return y
}
func kernelLog(_ x: [Double]) -> [Double] {
  var y = [Double](repeating: 0, count: x.count)
  kn_log_f64(x, &y, Int64(x.count))
  return y
}
func kernelLog(_ x: [Float]) -> [Float] {
  var y = [Float](repeating: 0, count: x.count)
  kn_log_f32(x, &y, Int64(x.count))
  return y
}

extension KernelTests {
  @Suite struct Elementary {
    /// Arguments of exp: a grid over the whole range, random ones, and random bit patterns.
    static let exponents64: [Double] = {
      var sequence = Sequence64(1)
      var x = (0...60_000).map { -746 + 1457 * Double($0) / 60_000 }
      x += (0..<60_000).map { _ in sequence.uniform(-709, 710) }
      x += (0..<60_000).map { _ in sequence.uniform(-1, 1) }
      x += (0..<60_000).map { _ in Double(bitPattern: sequence.next()) }
      return x
    }()
    static let exponents32: [Float] = {
      var sequence = Sequence64(2)
      var x = (0...60_000).map { Float(-105 + 195 * Double($0) / 60_000) }
      x += (0..<60_000).map { _ in Float(sequence.uniform(-88, 89)) }
      x += (0..<60_000).map { _ in Float(sequence.uniform(-1, 1)) }
      x += (0..<120_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: sequence.next())) }
      return x
    }()
    /// Arguments of log: all magnitudes, near 1, and denormals.
    static let positives64: [Double] = {
      var sequence = Sequence64(3)
      var x = (0..<120_000).map { _ in abs(Double(bitPattern: sequence.next())) }
      x += (0..<60_000).map { _ in sequence.uniform(0.5, 2) }
      x += (0..<60_000).map { _ in 1 + sequence.uniform(-1e-3, 1e-3) }
      x += (0..<20_000).map { _ in Double(bitPattern: sequence.next() >> 12) }
      return x.filter { $0.isFinite && $0 > 0 }
    }()
    static let positives32: [Float] = {
      var sequence = Sequence64(4)
      var x = (0..<120_000).map { _ in
        abs(Float(bitPattern: UInt32(truncatingIfNeeded: sequence.next())))
      }
      x += (0..<60_000).map { _ in Float(sequence.uniform(0.5, 2)) }
      x += (0..<20_000).map { _ in Float(bitPattern: UInt32(sequence.next() >> 41)) }
      return x.filter { $0.isFinite && $0 > 0 }
    }()

    @Test func expIsWithinTwoUlp() {
      let exact = Self.exponents64.map { Glibc.exp(Wide($0)) }
      let normal = Wide(Double.leastNormalMagnitude)
      let largest = Wide(Double.greatestFiniteMagnitude)
      atEveryLevel { level in
        var worst = Worst()
        for (y, e) in zip(kernelExp(Self.exponents64), exact) {
          if e.isNaN {
            worst.add(y.isNaN ? 0 : .infinity)
          } else if e < normal {
            worst.add(y == 0 ? 0 : .infinity)
          } else if e > largest {
            worst.add(y == .infinity ? 0 : .infinity)
          } else {
            worst.add(ulpError(y, e))
          }
        }
        #expect(worst.value <= 2, "level \(level)")
      }
    }

    @Test func singleExpIsWithinTwoUlp() {
      let exact = Self.exponents32.map { Glibc.exp(Double($0)) }
      atEveryLevel { level in
        var worst = Worst()
        for (y, e) in zip(kernelExp(Self.exponents32), exact) {
          if e.isNaN {
            worst.add(y.isNaN ? 0 : .infinity)
          } else if e < Double(Float.leastNormalMagnitude) {
            worst.add(y == 0 ? 0 : .infinity)
          } else if e > Double(Float.greatestFiniteMagnitude) {
            worst.add(y == .infinity ? 0 : .infinity)
          } else {
            worst.add(ulpError(y, e))
          }
        }
        #expect(worst.value <= 2, "level \(level)")
      }
    }

    @Test func logIsWithinTwoUlp() {
      let exact = Self.positives64.map { Glibc.log(Wide($0)) }
      atEveryLevel { level in
        var worst = Worst()
        for (y, e) in zip(kernelLog(Self.positives64), exact) { worst.add(ulpError(y, e)) }
        #expect(worst.value <= 2, "level \(level)")
      }
    }

    @Test func singleLogIsWithinTwoUlp() {
      let exact = Self.positives32.map { Glibc.log(Double($0)) }
      atEveryLevel { level in
        var worst = Worst()
        for (y, e) in zip(kernelLog(Self.positives32), exact) { worst.add(ulpError(y, e)) }
        #expect(worst.value <= 2, "level \(level)")
      }
    }

    @Test func specialValues() {
      let least = Double.leastNonzeroMagnitude
      let leastSingle = Float.leastNonzeroMagnitude
      atEveryLevel { _ in
        let e = kernelExp([0, -0.0, -.infinity, .infinity, .nan, -1e308, 1e308, least, -746, 710])
        #expect(Array(e[0..<4]) == [1, 1, 0, .infinity])
        #expect(e[4].isNaN)
        #expect(Array(e[5...]) == [0, .infinity, 1, 0, .infinity])
        let f = kernelExp(
          [0, -0.0, -.infinity, .infinity, .nan, -3e38, 3e38, leastSingle, -104, 89] as [Float])
        #expect(Array(f[0..<4]) == [1, 1, 0, .infinity])
        #expect(f[4].isNaN)
        #expect(Array(f[5...]) == [0, .infinity, 1, 0, .infinity])
        let l = kernelLog([1, 0, -0.0, .infinity, -1, -.infinity, .nan, -least])
        #expect(Array(l[0..<4]) == [0, -.infinity, -.infinity, .infinity])
        #expect(l[4...].allSatisfy { $0.isNaN })
        let k = kernelLog([1, 0, -0.0, .infinity, -1, -.infinity, .nan, -leastSingle] as [Float])
        #expect(Array(k[0..<4]) == [0, -.infinity, -.infinity, .infinity])
        #expect(k[4...].allSatisfy { $0.isNaN })
      }
    }

    @Test func levelsAgreeWithinFourUlp() {
      kn_level_select(0)
      let (exp64, exp32) = (kernelExp(Self.exponents64), kernelExp(Self.exponents32))
      let (log64, log32) = (kernelLog(Self.positives64), kernelLog(Self.positives32))
      atEveryLevel { level in
        let apart64 = zip(kernelExp(Self.exponents64), exp64).map { steps($0, $1) }.max()
        let apart32 = zip(kernelExp(Self.exponents32), exp32).map { steps($0, $1) }.max()
        let logApart64 = zip(kernelLog(Self.positives64), log64).map { steps($0, $1) }.max()
        let logApart32 = zip(kernelLog(Self.positives32), log32).map { steps($0, $1) }.max()
        #expect(apart64 ?? .max <= 4 && logApart64 ?? .max <= 4, "level \(level)")
        #expect(apart32 ?? .max <= 4 && logApart32 ?? .max <= 4, "level \(level)")
      }
    }

    /// An element's result does not depend on its place, and nothing beyond the array is touched.
    @Test func everySizeInPlace() {
      atEveryLevel { level in
        for n in [0] + oddSizes {
          var sequence = Sequence64(UInt64(n))
          let x = GuardedMemory((0..<n).map { _ in sequence.uniform(-30, 30) })
          let f = GuardedMemory(x.array.map { Float($0) })
          let alone = x.array.map { kernelExp([$0])[0] }
          let aloneSingle = f.array.map { kernelExp([$0])[0] }
          kn_exp_f64(x.start, x.start, Int64(n))
          kn_exp_f32(f.start, f.start, Int64(n))
          #expect(x.array == alone && f.array == aloneSingle, "n \(n), level \(level)")
          let back = x.array.map { kernelLog([$0])[0] }
          let backSingle = f.array.map { kernelLog([$0])[0] }
          kn_log_f64(x.start, x.start, Int64(n))
          kn_log_f32(f.start, f.start, Int64(n))
          #expect(x.array == back && f.array == backSingle, "n \(n), level \(level)")
        }
      }
    }

    @Test func logSumExp() {
      atEveryLevel { level in
        for n in oddSizes + [5000, 9001] {
          var sequence = Sequence64(UInt64(n))
          let shift = sequence.uniform(-3000, 3000)
          let x = GuardedMemory((0..<n).map { _ in shift + sequence.uniform(-40, 0) })
          let f = GuardedMemory(x.array.map { Float($0 - shift) })
          let top = x.array.max() ?? 0
          let exact = top + log(x.array.reduce(0) { $0 + exp($1 - top) })
          let exactSingle = log(f.array.reduce(0.0) { $0 + exp(Double($1)) })
          #expect(abs(kn_logsumexp_f64(x.start, Int64(n)) - exact) <= 4e-16 * (4 + abs(exact)))
          #expect(abs(Double(kn_logsumexp_f32(f.start, Int64(n))) - exactSingle) <= 4e-6)
        }
        #expect(kn_logsumexp_f64([], 0) == -.infinity && kn_logsumexp_f32([], 0) == -.infinity)
        for n in oddSizes {
          var x = [Double](repeating: -.infinity, count: n)
          #expect(kn_logsumexp_f64(x, Int64(n)) == -.infinity)
          #expect(kn_logsumexp_f32(x.map { Float($0) }, Int64(n)) == -.infinity)
          x[n / 2] = 3
          #expect(kn_logsumexp_f64(x, Int64(n)) == 3)
          #expect(kn_logsumexp_f32(x.map { Float($0) }, Int64(n)) == 3)
          x[n - 1] = .infinity
          #expect(kn_logsumexp_f64(x, Int64(n)) == .infinity)
          #expect(kn_logsumexp_f32(x.map { Float($0) }, Int64(n)) == .infinity)
          x[0] = .nan
          #expect(kn_logsumexp_f64(x, Int64(n)).isNaN, "n \(n), level \(level)")
          #expect(kn_logsumexp_f32(x.map { Float($0) }, Int64(n)).isNaN, "n \(n), level \(level)")
        }
      }
    }
  }
}
