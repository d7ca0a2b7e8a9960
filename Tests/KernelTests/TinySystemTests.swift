import CKantorKernels
import Testing

extension KernelTests {
  /// Kernels of the dual active-set method, against their formulas in plain loops.
  @Suite struct TinySystem {
    static func padded(_ values: [Double], _ fill: Double = 0) -> [Double] {
      values + [Double](repeating: fill, count: Tiny.padded(values.count) - values.count)
    }

    @Test func boundsAreFilledAndJudged() {
      for n in Tiny.sizes {
        let lower = Tiny.sample(n, n + 5)
        let upper = lower.map { $0 + 0.5 }
        var (low, high) = ([Double](repeating: 7, count: n), [Double](repeating: 7, count: n))
        atEveryLevel { level in
          #expect(kn_tiny_bounds(lower, upper, Int64(n), &low, &high) == 1)
          #expect(low == lower && high == upper)
          #expect(kn_tiny_bounds(nil, upper, Int64(n), &low, &high) == 1)
          #expect(low.allSatisfy { $0 == -.infinity } && high == upper)
          #expect(kn_tiny_bounds(lower, nil, Int64(n), &low, &high) == 1)
          #expect(low == lower && high.allSatisfy { $0 == .infinity })
          for value in [Double.nan, .infinity, lower[n - 1] - 1] {
            var wrong = upper
            wrong[n - 1] = value
            let isRight = value == .infinity
            #expect(
              kn_tiny_bounds(lower, wrong, Int64(n), &low, &high) == (isRight ? 1 : 0),
              "\(value), level \(level)")
            wrong = lower
            wrong[0] = value == lower[n - 1] - 1 ? upper[0] + 1 : value
            #expect(kn_tiny_bounds(wrong, upper, Int64(n), &low, &high) == 0)
          }
        }
      }
    }

    @Test func rowsAreTurnedWeighedAndEvaluated() {
      for (m, n) in [(1, 1), (3, 10), (20, 10), (8, 8), (9, 17), (33, 7)] {
        let (lead, rowLead) = (Tiny.padded(n), Tiny.padded(m))
        let source = Tiny.sample(m * n, m + n)
        let x = Self.padded(Tiny.sample(n, n + 9))
        atEveryLevel { level in
          var matrix = [Double](repeating: 0, count: m * lead)
          for i in 0..<m { for j in 0..<n { matrix[i * lead + j] = source[i * n + j] } }
          for j in 0..<n { matrix[j] = 0 }
          var turned = [Double](repeating: .nan, count: n * rowLead)
          kn_tiny_transpose(matrix, Int64(lead), Int64(m), Int64(n), &turned, Int64(rowLead))
          for j in 0..<n {
            for i in 0..<rowLead {
              #expect(turned[j * rowLead + i] == (i < m ? matrix[i * lead + j] : 0))
            }
          }
          var weight = [Double](repeating: .nan, count: rowLead)
          kn_tiny_weights(turned, Int64(rowLead), Int64(n), &weight)
          var values = [Double](repeating: .nan, count: Tiny.padded(m + n))
          let size = kn_tiny_values(turned, Int64(rowLead), Int64(n), Int64(m), x, &values)
          #expect(size == x.reduce(0) { max($0, abs($1)) })
          for i in 0..<rowLead {
            var (square, sum) = (0.0, 0.0)
            for j in 0..<n where i < m {
              square += matrix[i * lead + j] * matrix[i * lead + j]
              sum += matrix[i * lead + j] * x[j]
            }
            let exact = square > 0 ? 1 / square.squareRoot() : 1
            #expect(abs(weight[i] - exact) < 1e-14 * exact, "row \(i), level \(level)")
            if i < m { #expect(abs(values[i] - sum) < 1e-14, "row \(i), level \(level)") }
          }
          for j in 0..<n { #expect(values[m + j] == x[j]) }
          for value in [0, Double.infinity] {
            turned[0] = value
            kn_tiny_weights(turned, Int64(rowLead), Int64(n), &weight)
            #expect(weight[0] == 1)
          }
        }
      }
    }

    @Test func symmetryIsExact() {
      for n in Tiny.sizes {
        let lead = Tiny.padded(n)
        var matrix = [Double](repeating: 0, count: n * lead)
        for i in 0..<n { for j in 0..<n { matrix[i * lead + j] = Double(i * j + i + j) } }
        #expect(kn_tiny_is_symmetric(matrix, Int64(lead), Int64(n)) == 1)
        guard n > 1 else { continue }
        matrix[(n - 1) * lead] = -1
        #expect(kn_tiny_is_symmetric(matrix, Int64(lead), Int64(n)) == 0)
      }
    }

    @Test func theLargestViolationIsFound() {
      for count in Tiny.sizes {
        let value = Self.padded(Tiny.sample(count, count))
        let weight = Self.padded(Tiny.sample(count, count + 1).map { 1 + 0.5 * $0 }, 1)
        for turn in 0..<6 {
          let sample = Tiny.sample(count, count + 7 * turn)
          var low = sample.map { $0 - 0.3 }
          var high = sample.map { $0 + 0.1 }
          var state = [Int32](repeating: 0, count: Tiny.padded(count))
          for c in 0..<count where (c + turn) % 4 == 0 {
            if turn % 2 == 0 { state[c] = turn % 3 == 0 ? 1 : -1 }
            (low[c], high[c]) = turn % 2 == 0 ? (low[c], high[c]) : (-.infinity, .infinity)
          }
          (low, high) = (Self.padded(low, -.infinity), Self.padded(high, .infinity))
          var (found, best) = (-1, 0.0)
          for c in 0..<count where state[c] == 0 {
            let violation = max(low[c] - value[c], value[c] - high[c]) * weight[c]
            let bound = low[c] - value[c] > value[c] - high[c] ? low[c] : high[c]
            if violation > best && violation > 0.01 * (1 + abs(bound) * weight[c]) {
              (found, best) = (c, violation)
            }
          }
          atEveryLevel { level in
            let place = kn_tiny_violated(value, low, high, weight, state, Int64(count), 1, 0.01)
            #expect(place == Int64(found), "count \(count), turn \(turn), level \(level)")
          }
        }
      }
    }

    @Test func theFirstOfEqualViolationsIsTaken() {
      let count = 24
      let zeros = [Double](repeating: 0, count: count)
      let ones = [Double](repeating: 1, count: count)
      let state = [Int32](repeating: 0, count: count)
      for first in [0, 3, 7, 8, 15, 20] {
        let low = (0..<count).map { $0 >= first ? 2.0 : -1 }
        let high = [Double](repeating: 5, count: count)
        atEveryLevel { _ in
          let place = kn_tiny_violated(zeros, low, high, ones, state, Int64(count), 0, 1e-9)
          #expect(place == Int64(first))
        }
      }
    }

    /// Columns are put in and taken out; R and J keep to J'N = [R; 0] and J'J = I.
    @Test func systemsGrowAndShrink() {
      for n in [1, 2, 5, 8, 9, 10, 17, 33] {
        let normals = Tiny.sample(n * n, n)
        atEveryLevel { level in
          let worst = Self.course(n, normals)
          #expect(worst < 1e-12, "n \(n), level \(level): \(worst)")
        }
      }
    }

    /// Largest error of orthogonality, of R, of solves with R, and of a step of refinement.
    static func course(_ n: Int, _ normals: [Double]) -> Double {
      let lead = Tiny.padded(n)
      var (basis, columns) = (
        [Double](repeating: 0, count: n * lead), [Double](repeating: .nan, count: n * lead))
      for i in 0..<n { basis[i * lead + i] = 1 }
      var (diagonal, inverse) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
      var (d, z, out) = (
        [Double](repeating: 0, count: lead), [Double](repeating: 0, count: lead),
        [Double](repeating: 0, count: lead))
      var held: [Int] = []
      var worst = 0.0
      basis.withUnsafeMutableBufferPointer { b in
        columns.withUnsafeMutableBufferPointer { c in
          diagonal.withUnsafeMutableBufferPointer { e in
            inverse.withUnsafeMutableBufferPointer { f in
              var system = kn_tiny_system(
                basis: b.baseAddress, columns: c.baseAddress, diagonal: e.baseAddress,
                inverse: f.baseAddress, leading: Int64(lead), n: Int64(n), k: 0)
              func project(_ which: Int, _ row: Int) -> Double {
                (0..<n).reduce(0.0) { $0 + b[row * lead + $1] * normals[which * n + $1] }
              }
              func put(_ which: Int) {
                for i in 0..<n { d[i] = project(which, i) }
                var norms = [0.0, 0.0]
                kn_tiny_split(d, system.k, Int64(n), &norms)
                let k = Int(system.k)
                let exact = (
                  d[..<k].reduce(0) { $0 + $1 * $1 }, d[k...].reduce(0) { $0 + $1 * $1 })
                worst = max(worst, abs(norms[0] - exact.0), abs(norms[1] - exact.1))
                kn_tiny_combine(
                  system.basis + k * lead, Int64(lead), Int64(n - k), Array(d[k...]), &z)
                kn_tiny_append(&system, d, &z, norms[1])
                system.k += 1
                held.append(which)
              }
              func take(_ place: Int) {
                for i in 0..<n { d[i] = project(0, i) }
                kn_tiny_remove(&system, Int64(place), &d)
                system.k -= 1
                held.remove(at: place)
                for i in 0..<n { worst = max(worst, abs(d[i] - project(0, i))) }
              }
              func look() {
                let k = Int(system.k)
                for i in 0..<n {
                  for j in 0..<n {
                    let sum = (0..<n).reduce(i == j ? -1.0 : 0) {
                      $0 + b[i * lead + $1] * b[j * lead + $1]
                    }
                    worst = max(worst, abs(sum))
                  }
                }
                for (place, which) in held.enumerated() {
                  for row in 0..<n {
                    let stored = row < place ? c[place * lead + row] : row == place ? e[place] : 0
                    worst = max(worst, abs(project(which, row) - stored))
                  }
                  for row in place..<lead { worst = max(worst, abs(c[place * lead + row])) }
                  worst = max(worst, abs(e[place] * f[place] - 1))
                }
                let right = Tiny.sample(n, k + 40)
                for i in 0..<n { d[i] = right[i] }
                let largest = kn_tiny_back(&system, d, &out)
                worst = max(worst, abs(largest - out[..<k].reduce(0) { max($0, abs($1)) }))
                for row in 0..<k {
                  var sum = -d[row] + e[row] * out[row]
                  for place in (row + 1)..<max(k, row + 1) {
                    sum += c[place * lead + row] * out[place]
                  }
                  worst = max(worst, abs(sum) / max(1, largest))
                }
                refine(right)
              }
              /// With H = I: x + dx - N (lambda + dl) = -g and N'(x + dx) = rhs.
              func refine(_ right: [Double]) {
                let k = Int(system.k)
                var x = TinySystem.padded(Tiny.sample(n, k + 50))
                let residual = TinySystem.padded(right)
                let before = x
                let missing = Tiny.sample(n, k + 60)
                for i in 0..<n { d[i] = missing[i] }
                kn_tiny_correct(&system, residual, &d, &z, &x, &out)
                let size = out[..<k].reduce(1) { max($0, abs($1)) }
                for j in 0..<n {
                  var sum = x[j] - before[j] + residual[j]
                  for (place, which) in held.enumerated() {
                    sum -= normals[which * n + j] * out[place]
                  }
                  worst = max(worst, abs(sum) / size)
                }
                for (place, which) in held.enumerated() {
                  let moved = (0..<n).reduce(0.0) {
                    $0 + normals[which * n + $1] * (x[$1] - before[$1])
                  }
                  worst = max(worst, abs(moved - missing[place]) / size)
                }
              }
              for which in 0..<n {
                put(which)
                if which % 3 == 2 { take(which % 2 == 0 ? 0 : held.count / 2) }
                look()
              }
              while !held.isEmpty {
                take(held.count - 1)
                look()
              }
            }
          }
        }
      }
      return worst
    }

    @Test func answersAreJudgedByPlainSums() {
      for n in Tiny.sizes {
        let m = 6
        let matrix = GuardedMemory(Tiny.sample(m * n, n))
        let x = Tiny.sample(n, n + 1)
        var y = Tiny.sample(m, n + 2)
        y[2] = 0
        atEveryLevel { level in
          var rows = [Double](repeating: .nan, count: m)
          kn_tiny_judge_rows(matrix.start, Int64(m), Int64(n), x, &rows)
          var sum = [Double](repeating: 0.5, count: n)
          var size = [Double](repeating: 0.1, count: n)
          kn_tiny_judge_sum(matrix.start, Int64(m), Int64(n), y, &sum, &size)
          for i in 0..<m {
            let exact = (0..<n).reduce(0.0) { $0 + matrix.start[i * n + $1] * x[$1] }
            #expect(abs(rows[i] - exact) < 1e-14, "row \(i), level \(level)")
          }
          for j in 0..<n {
            let terms = (0..<m).map { y[$0] * matrix.start[$0 * n + j] }
            #expect(abs(sum[j] - terms.reduce(0.5, +)) < 1e-14, "level \(level)")
            #expect(size[j] == terms.reduce(0.1) { max($0, abs($1)) }, "level \(level)")
          }
        }
      }
    }
  }
}
