import CKantorKernels
import Testing

extension KernelTests {
  @Suite struct Tiny {
    static let sizes = [1, 2, 3, 7, 8, 9, 10, 16, 17, 33]

    static func padded(_ n: Int) -> Int {
      (n + Int(KN_TINY_PAD) - 1) / Int(KN_TINY_PAD) * Int(KN_TINY_PAD)
    }

    static func sample(_ count: Int, _ seed: Int) -> [Double] {
      var sequence = Sequence64(UInt64(seed))
      return (0..<count).map { _ in sequence.uniform(-1, 1) }
    }

    @Test func paddingCopiesAndLooksForRubbish() {
      for n in Self.sizes {
        let lead = Self.padded(n)
        let source = GuardedMemory(Self.sample(3 * n, n))
        atEveryLevel { level in
          var matrix = [Double](repeating: 7, count: 3 * lead)
          var top = [Double](repeating: 0.25, count: lead)
          var rowTop = [Double](repeating: 7, count: 3)
          #expect(
            kn_tiny_pad(source.start, 3, Int64(n), &matrix, Int64(lead), &top, &rowTop) == 1)
          for j in 0..<n {
            #expect(top[j] == (0..<3).reduce(0.25) { max($0, abs(matrix[$1 * lead + j])) })
          }
          for i in 0..<3 {
            #expect(rowTop[i] == (0..<n).reduce(0) { max($0, abs(matrix[i * lead + $1])) })
            for j in 0..<lead {
              #expect(matrix[i * lead + j] == (j < n ? source.start[i * n + j] : 0))
            }
          }
          for (place, value) in [(0, Double.nan), (3 * n - 1, .infinity), (n, -.infinity)] {
            var spoilt = (0..<(3 * n)).map { source.start[$0] }
            spoilt[place] = value
            #expect(
              kn_tiny_pad(spoilt, 3, Int64(n), &matrix, Int64(lead), &top, nil) == 0,
              "\(value) at \(place) of \(n), level \(level)")
          }
        }
      }
    }

    @Test func products() {
      for n in Self.sizes {
        let (rows, lead) = (5, Self.padded(n))
        let source = Self.sample(rows * n, n + 1)
        var x = Self.sample(n, n + 2)
        x += [Double](repeating: 0, count: lead - n)
        let w = Self.sample(rows, n + 3)
        atEveryLevel { level in
          var matrix = [Double](repeating: 0, count: rows * lead)
          var top = [Double](repeating: 0, count: lead)
          _ = kn_tiny_pad(source, Int64(rows), Int64(n), &matrix, Int64(lead), &top, nil)
          var along = [Double](repeating: .nan, count: rows)
          var across = [Double](repeating: .nan, count: lead)
          kn_tiny_rows(matrix, Int64(lead), Int64(rows), x, &along)
          kn_tiny_combine(matrix, Int64(lead), Int64(rows), w, &across)
          for i in 0..<rows {
            let exact = (0..<n).reduce(0.0) { $0 + source[i * n + $1] * x[$1] }
            #expect(abs(along[i] - exact) < 1e-14, "row \(i), n \(n), level \(level)")
          }
          for j in 0..<lead {
            let exact = j < n ? (0..<rows).reduce(0.0) { $0 + source[$1 * n + j] * w[$1] } : 0
            #expect(abs(across[j] - exact) < 1e-14, "column \(j), n \(n), level \(level)")
          }
          kn_tiny_rank_one(&matrix, Int64(lead), Int64(rows), w, x)
          for i in 0..<rows {
            for j in 0..<lead {
              let exact = j < n ? source[i * n + j] - w[i] * x[j] : 0
              #expect(abs(matrix[i * lead + j] - exact) < 1e-15)
            }
          }
        }
      }
    }

    @Test func factorAndInverse() {
      for n in Self.sizes {
        let lead = Self.padded(n)
        let g = Self.sample(n * n, n + 4)
        var h = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
          for j in 0..<n {
            h[i * n + j] = (0..<n).reduce(i == j ? 0.5 : 0) { $0 + g[i * n + $1] * g[j * n + $1] }
          }
        }
        atEveryLevel { level in
          var matrix = [Double](repeating: 0, count: n * lead)
          var inverse = [Double](repeating: .nan, count: n * lead)
          let least = [Double](repeating: 0, count: n)
          var pivot = 0.0
          var top = [Double](repeating: 0, count: lead)
          _ = kn_tiny_pad(h, Int64(n), Int64(n), &matrix, Int64(lead), &top, nil)
          let done = kn_tiny_invert_factor(
            &matrix, Int64(lead), Int64(n), least, &inverse, &pivot)
          #expect(done == n)
          // J'HJ = I.
          var worst = 0.0
          for a in 0..<n {
            for b in 0..<n {
              var sum = a == b ? -1.0 : 0
              for i in 0..<n {
                let left = inverse[a * lead + i]
                for j in 0..<n { sum += left * h[i * n + j] * inverse[b * lead + j] }
              }
              worst = max(worst, abs(sum))
            }
            for j in (a + 1)..<max(lead, a + 1) { #expect(inverse[a * lead + j] == 0) }
          }
          #expect(worst < 1e-12 * Double(n * n), "n \(n), level \(level): \(worst)")
        }
      }
    }

    @Test func pivotsThatAreTooSmallAreNamed() {
      atEveryLevel { _ in
        // Eigenvalues 3 and -1: the second pivot is 1 - 4 = -3.
        var matrix = [Double](repeating: 0, count: 16)
        (matrix[0], matrix[1], matrix[8], matrix[9]) = (1, 2, 2, 1)
        var inverse = [Double](repeating: 0, count: 16)
        var pivot = 0.0
        #expect(kn_tiny_invert_factor(&matrix, 8, 2, [0, 0], &inverse, &pivot) == 1)
        #expect(pivot == -3)
        var small = [Double](repeating: 0, count: 8)
        small[0] = 1e-9
        #expect(kn_tiny_invert_factor(&small, 8, 1, [1e-8], &inverse, &pivot) == 0)
        #expect(pivot == 1e-9)
      }
    }
  }
}
