import CKantorKernels
import KantorCore
import KantorNumerics
import Testing

extension KernelTests {
  @Suite struct Linear {
    /// Random symmetric, row-major, with a dominant diagonal of both signs.
    private static func sample(_ n: Int) -> [Double] {
      var sequence = Sequence64(UInt64(n))
      var a = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        for j in 0..<i {
          a[i * n + j] = Double(sequence.next() % 2001) / 1000 - 1
          a[j * n + i] = a[i * n + j]
        }
        a[i * n + i] = i % 3 == 2 ? -Double(n) : Double(n)
      }
      return a
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 48, 100, 128, 131, 260])
    func denseFactorsAtEveryLevel(n: Int) throws {
      let a = Self.sample(n)
      let flat = try Buffer<Double>(a)
      try levels.forEach { level in
        kn_level_select(level)
        let factor = try DenseLDL(order: n)
        factor.load(flat.pointer)
        let outcome = factor.factor()
        #expect(outcome.negative == n / 3 && outcome.replaced == 0)
        // L D L' is the matrix.
        let (l, d, ld) = (factor.entries, factor.pivots, factor.leading)
        for i in 0..<n {
          for j in 0...i {
            var sum = i == j ? d[j] : l[i + j * ld] * d[j]
            for k in 0..<j { sum += l[i + k * ld] * d[k] * l[j + k * ld] }
            #expect(abs(sum - a[i * n + j]) < 1e-13 * Double(n), "level \(level): \(i), \(j)")
          }
        }
        withExtendedLifetime(flat) {}
        let x = try Buffer<Double>(count: n, repeating: 1)
        factor.solve(x.pointer)
        for i in 0..<n {
          let product = (0..<n).reduce(0.0) { $0 + a[i * n + $1] * x[$1] }
          #expect(abs(product - 1) < 1e-12, "level \(level)")
        }
      }
    }

    /// A sparse system that has groups of all widths: random cliques and single columns.
    private static func cliques(_ n: Int) throws -> SparseMatrix {
      var sequence = Sequence64(77)
      var system = try SymmetricAssembly(order: n)
      for i in 0..<n { try system.append(i, i, Double(4 * n)) }
      for size in [2, 3, 5, 9, 20, 40, 33, 2, 2, 7, 1, 12] {
        let first = Int(sequence.next() % UInt64(n - size))
        let step = first + 3 * size < n ? 3 : 1
        for p in 0..<size {
          for q in 0..<p {
            try system.append(
              first + step * q, first + step * p, Double(sequence.next() % 100) / 50 - 1)
          }
        }
      }
      return try system.finish().matrix
    }

    @Test(arguments: [FactorForm.simplicial, .panels])
    func sparseFactorsAtEveryLevel(form: FactorForm) throws {
      let n = 300
      let k = try Self.cliques(n)
      let analysis = try #require(try LDLAnalysis(k, form: form))
      try levels.forEach { level in
        kn_level_select(level)
        let factor = try LDLFactor(analysis, rightHandSides: 2)
        #expect(factor.factor(values: k.values.pointer).positive == n)
        let x = try Buffer<Double>(count: 2 * n)
        for i in 0..<n { (x[i], x[n + i]) = (1, Double(i)) }
        factor.solve(x.pointer, count: 2)
        let r = try Buffer<Double>(count: n)
        k.multiplySymmetric(x.pointer, into: r.pointer)
        for i in 0..<n { #expect(abs(r[i] - 1) < 1e-13, "level \(level)") }
        r.fill(0)
        k.multiplySymmetric(x.pointer + n, into: r.pointer)
        for i in 0..<n { #expect(abs(r[i] - Double(i)) < 1e-11, "level \(level)") }
      }
      kn_level_select(levels.last ?? 0)
    }
  }
}
