import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct ParametrisationTests {
  private func matrices(_ result: Result) throws -> [Double] {
    try result.array("doubly_stochastic").list()
  }

  private func parametrised(
    _ method: String, _ numbers: [Double], _ shape: [Int],
    with others: [String: FieldValue] = [:], _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    try solveMatrices(method, numbers, shape, field: "parameters", with: others, options)
  }

  @Test func mixtureOfTwo() throws {
    let result = try parametrised("permutation_mixture", [log(3), 0], [2])
    #expect(result.status == .solved)
    let x = try matrices(result)
    #expect(zip(x, [0.75, 0.25, 0.25, 0.75]).allSatisfy { abs($0 - $1) < 1e-15 })
  }

  @Test func permutationsInLexicographicOrder() throws {
    // A parameter far above the others picks one permutation.
    for (k, p) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].enumerated() {
      let theta = (0..<6).map { $0 == k ? 800.0 : 0 }
      let x = try matrices(try parametrised("permutation_mixture", theta, [6]))
      for i in 0..<3 { #expect(x[i * 3 + p[i]] == 1) }
    }
  }

  @Test func permutationsOfTheCaller() throws {
    // Cyclic shifts give circulant matrices.
    let list = try Buffer<Int64>((0..<25).map { Int64(($0 / 5 + $0 % 5) % 5) })
    let theta = spread(10, 1, seed: 1)
    let result = try parametrised(
      "permutation_mixture", theta, [2, 5],
      with: ["permutations": .array(Tensor(list, shape: [5, 5]))])
    let x = try matrices(result)
    let w = try result.array("mixture_weights").list()
    for b in 0..<2 {
      for i in 0..<5 {
        for j in 0..<5 { #expect(x[b * 25 + i * 5 + j] == w[b * 5 + (j - i + 5) % 5]) }
      }
    }
  }

  @Test func kroneckerProductOfItsFactors() throws {
    let theta = spread(2 + 6 + 2, 1, seed: 2)
    let factors = Tensor(try Buffer<Int64>([2, 3, 2]))
    let x = try matrices(
      try parametrised("kronecker_product", theta, [10], with: ["factors": .array(factors)]))
    let a = try matrices(try parametrised("permutation_mixture", Array(theta[0..<2]), [2]))
    let b = try matrices(try parametrised("permutation_mixture", Array(theta[2..<8]), [6]))
    let c = try matrices(try parametrised("permutation_mixture", Array(theta[8..<10]), [2]))
    for i in 0..<12 {
      for j in 0..<12 {
        let expected = a[i / 6 * 2 + j / 6] * b[i / 2 % 3 * 3 + j / 2 % 3] * c[i % 2 * 2 + j % 2]
        #expect(abs(x[i * 12 + j] - expected) < 1e-15)
      }
    }
  }

  @Test func sphereIsTheIdentityAtItsStart() throws {
    // No rotation and levels near 1: H = J + Z Z' = I.
    let n = 5
    var theta = [Double](repeating: 0, count: 16)
    for k in 12..<16 { theta[k] = 20 }
    let result = try parametrised("spectral_sphere", theta, [16])
    #expect(result.status == .solved)
    let x = try matrices(result)
    for k in 0..<n * n { #expect(abs(x[k] - (k / n == k % n ? 1 : 0)) < 1e-14) }
  }

  @Test func sphereHasNormOneAndNegativeEntries() throws {
    let result = try parametrised("spectral_sphere", spread(9 * 200, 2, seed: 3), [200, 9])
    #expect(result.status == .solved, "\(told(result))")
    let x = try matrices(result)
    #expect(largestSumError(x, 4) < 1e-13)
    #expect(try result.real("negativity") > 0.1)
    #expect(try result.real("norm_residual") <= 1e-12)
    // Powers of H stay bounded, as the norm says.
    for b in 0..<200 {
      var y = spread(4, 1, seed: UInt64(b))
      let before = y.map { $0 * $0 }.reduce(0, +)
      for _ in 0..<20 {
        let old = y
        for i in 0..<4 {
          y[i] = 0
          for j in 0..<4 { y[i] += x[b * 16 + i * 4 + j] * old[j] }
        }
      }
      #expect(y.map { $0 * $0 }.reduce(0, +) <= before * (1 + 1e-12))
    }
  }

  @Test func rotationsSquared() throws {
    let (c, s) = (cos(0.3), sin(0.3))
    let x = try matrices(try solveMatrices("orthostochastic", [c, -s, s, c], [2, 2]))
    #expect(zip(x, [c * c, s * s, s * s, c * c]).allSatisfy { abs($0 - $1) < 1e-15 })
    // Scaling of columns does not matter, not even out of the range of squares.
    let scaled = [c * 1e-90, -s * 1e90, s * 1e-90, c * 1e90]
    let y = try matrices(try solveMatrices("orthostochastic", scaled, [2, 2]))
    #expect(zip(x, y).allSatisfy { abs($0 - $1) < 1e-14 })
  }

  @Test func singularMatricesAreCountedAndHaveNoDerivative() throws {
    let result = try solveMatrices(
      "orthostochastic", [1, 2, 2, 4, 1, 2, 3, 4, 0, 0, 0, 0], [3, 2, 2])
    #expect(result.status == .solved)
    #expect(try result.int("singular_matrices") == 2)
    #expect(try largestSumError(matrices(result), 2) < 1e-14)
    let bar = Tensor(try Buffer(spread(12, 1, seed: 4)), shape: [3, 2, 2])
    let failed = error { () throws(KantorError) in
      _ = try result.vjp(cotangents: ["doubly_stochastic": bar], wanted: ["matrices"])
    }
    #expect(failed?.code == .range && failed?.message.contains("matrix 0") == true)
  }

  @Test(arguments: [20, 70]) func largeOrthogonalFactors(n: Int) throws {
    // Nearly dependent columns.
    var m = spread(n * n, 1, seed: 5)
    for i in 0..<n { m[i * n + 1] = m[i * n] + 1e-9 * m[i * n + 1] }
    let result = try solveMatrices("orthostochastic", m, [n, n])
    #expect(result.status == .solved, "\(told(result))")
    #expect(try largestSumError(matrices(result), n) < 1e-13)
  }

  // ---- wrong numbers of parameters ------------------------------------------------------------

  private func refused(
    _ method: String, _ count: Int, with others: [String: FieldValue] = [:]
  ) -> KantorError? {
    error { () throws(KantorError) in
      do {
        _ = try parametrised(method, spread(count, 1, seed: 6), [count], with: others)
      } catch let error as KantorError {
        throw error
      } catch {}
    }
  }

  @Test func countsOfParameters() throws {
    #expect(refused("permutation_mixture", 7)?.message.contains("n!") == true)
    #expect(refused("spectral_sphere", 8)?.message.contains("square") == true)
    #expect(refused("kronecker_product", 4)?.code == .missing)
    let factors = FieldValue.array(Tensor(try Buffer<Int64>([2, 2])))
    #expect(refused("kronecker_product", 5, with: ["factors": factors])?.code == .shape)
    #expect(refused("permutation_mixture", 6, with: ["size": .int(4)])?.code == .shape)
    #expect(refused("permutation_mixture", 6, with: ["size": .int(3)]) == nil)
    #expect(refused("birkhoff_projection", 6)?.code == .unsupported)
    let twice = FieldValue.array(Tensor(try Buffer<Int64>([0, 0]), shape: [1, 2]))
    #expect(refused("permutation_mixture", 1, with: ["permutations": twice])?.code == .range)
    let seven = FieldValue.array(Tensor(try Buffer<Int64>([7])))
    #expect(refused("kronecker_product", 5040, with: ["factors": seven])?.code == .range)
  }

  @Test func matricesMustBeSquare() throws {
    let failed = error { () throws(KantorError) in
      do {
        _ = try solveMatrices("birkhoff_projection", [1, 2, 3, 4, 5, 6], [2, 3])
      } catch let error as KantorError {
        throw error
      } catch {}
    }
    #expect(failed?.code == .shape)
    #expect(failed?.message.contains("(2, 3)") == true)
  }
}
