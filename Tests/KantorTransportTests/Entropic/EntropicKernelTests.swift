import CKantorKernels
import Glibc
import KantorNumerics
import Testing

/// The loops of kantor_entropic.h against the formulas, at the CPU level of this run.
@Suite struct EntropicKernelTests {
  struct Data {
    let n = 13
    let m = 37
    var cost: [Double] = []
    var phi: [Double] = []
    var gamma: [Double] = []
    var logA: [Double] = []
    var logB: [Double] = []

    init(seed: UInt64) {
      var random = RandomStream(seed: seed)
      cost = (0..<(n * m)).map { _ in random.uniform() < 0.1 ? .infinity : random.uniform() }
      logA = (0..<n).map { _ in -3 - random.uniform() }
      logB = (0..<m).map { _ in -4 - 5 * random.uniform() }
      phi = logA.map { $0 + 4 * random.uniform() }
      gamma = logB.map { $0 + 4 * random.uniform() }
      phi[3] = -.infinity
      logA[3] = -.infinity
      gamma[5] = -.infinity
      logB[5] = -.infinity
    }

    func matters(_ i: Int, _ j: Int, _ inverse: Double, _ cut: Double) -> Bool {
      guard phi[i] > -.infinity else { return false }
      let e = phi[i] + gamma[j] - cost[i * m + j] * inverse
      return e > cut + min(logA[i], logB[j])
    }
  }

  @Test func choosesTheEntriesThatMatter() {
    let data = Data(seed: 1)
    let (n, m, inverse) = (data.n, data.m, 20.0)
    data.cost.withUnsafeBufferPointer { cost in
      var view = kn_cost()
      view.kind = Int32(KN_COST_DENSE_F64)
      (view.rows, view.columns, view.leading) = (Int64(n), Int64(m), Int64(m))
      view.dense64 = cost.baseAddress
      for cut in [-30.0, -8, -1, 3] {
        var starts = [Int64](repeating: 0, count: n + 1)
        starts.withUnsafeMutableBufferPointer {
          kn_matter_count(
            &view, 0, Int64(n), inverse, data.phi, data.gamma, data.logA, data.logB, cut,
            $0.baseAddress.map { $0 + 1 })
        }
        for i in 0..<n {
          let expected = (0..<m).filter { data.matters(i, $0, inverse, cut) }
          #expect(Int(starts[i + 1]) == expected.count)
          starts[i + 1] += starts[i]
        }
        var columns = [Int32](repeating: -1, count: Int(starts[n]))
        var costs = [Double](repeating: -1, count: Int(starts[n]))
        kn_matter_fill(
          &view, 0, Int64(n), inverse, data.phi, data.gamma, data.logA, data.logB, cut, starts,
          &columns, &costs)
        for i in 0..<n {
          let range = Int(starts[i])..<Int(starts[i + 1])
          #expect(
            columns[range].map(Int.init) == (0..<m).filter { data.matters(i, $0, inverse, cut) })
          for k in range { #expect(costs[k] == cost[i * m + Int(columns[k])]) }
        }
      }
    }
  }

  @Test func sparseSweepMakesRowsExact() {
    let starts: [Int64] = [0, 2, 2, 5]
    let columns: [Int32] = [0, 2, 0, 1, 2]
    let costs = [0.1, 0.7, 0.3, 0.2, 800]
    let a = [0.4, 0.1, 0.6]
    var phi = [9.0, 9, 9]
    let gamma = [-1.0, -2, -3]
    var values = [Double](repeating: 0, count: 5)
    var sums = [0.0, 0, 0]
    kn_sparse_sweep(starts, columns, costs, 0, 3, 10, a, &phi, gamma, &values, &sums)
    let weights = (0..<5).map { exp(gamma[Int(columns[$0])] - 10 * costs[$0]) }
    let first = weights[0] + weights[1]
    let last = weights[2] + weights[3] + weights[4]
    let expected = [
      0.4 * weights[0] / first, 0.4 * weights[1] / first, 0.6 * weights[2] / last,
      0.6 * weights[3] / last, 0,
    ]
    for k in 0..<5 { #expect(abs(values[k] - expected[k]) < 1e-15) }
    #expect(abs(phi[0] - log(0.4 / first)) < 1e-13)
    #expect(phi[1] == 9)
    #expect(abs(sums[0] - expected[0] - expected[2]) < 1e-15)
    #expect(abs(sums.reduce(0, +) - 1) < 1e-15)
  }

  @Test func storedEntriesOfAPlan() {
    let starts: [Int64] = [0, 2, 2, 3]
    let columns: [Int32] = [1, 0, 1]
    let costs = [0.3, Double.infinity, 0.1]
    var values = [Double](repeating: -1, count: 3)
    kn_sparse_plan(starts, columns, costs, 0, 3, 10, [0.5, 1, 2], [-1, -2], &values)
    let expected = [exp(0.5 - 2 - 3.0), 0, exp(2 - 2 - 1.0)]
    for k in 0..<3 { #expect(abs(values[k] - expected[k]) < 1e-15) }
  }

  @Test func schurProductAndDiagonal() {
    let starts: [Int64] = [0, 5, 7]
    let columns: [Int32] = [0, 1, 2, 3, 4, 1, 4]
    let values = [1.0, 2, 3, 4, 5, 6, 7]
    let inverse = [0.5, 0.25]
    let x = [1.0, -1, 2, 0.5, 3]
    var out = [Double](repeating: 1, count: 5)
    kn_sparse_schur(starts, columns, values, 0, 2, inverse, x, &out)
    let t0 = (1 - 2 + 6 + 2 + 15) * 0.5
    let t1 = (-6 + 21) * 0.25
    let expected = [1 + t0, 1 + 2 * t0 + 6 * t1, 1 + 3 * t0, 1 + 4 * t0, 1 + 5 * t0 + 7 * t1]
    #expect(zip(out, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    var diagonal = [Double](repeating: 0, count: 5)
    kn_sparse_schur_diagonal(starts, columns, values, 0, 2, inverse, &diagonal)
    #expect(diagonal == [0.5, 2 + 9, 4.5, 8, 12.5 + 12.25])
  }
}
