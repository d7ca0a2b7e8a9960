import Glibc
import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct LeastEigenvalueTests {
  /// Of the lower triangle by columns; what lies above it is not read.
  private func least(_ n: Int, _ entry: (Int, Int) -> Double) throws -> Double {
    let a = try Buffer<Double>(count: n * n, repeating: .nan)
    for j in 0..<n { for i in j..<n { a[j * n + i] = entry(i, j) } }
    return withExtendedLifetime(a) { (try? LeastEigenvalue(order: n).find(a.pointer)) ?? .nan }
  }

  /// H diag(values) H with a reflection H.
  private func turned(_ values: [Double], _ i: Int, _ j: Int) -> Double {
    let n = values.count
    let v = (0..<n).map { sin(Double($0 + 1)) }
    let beta = 2 / v.reduce(0) { $0 + $1 * $1 }
    func h(_ a: Int, _ b: Int) -> Double { (a == b ? 1 : 0) - beta * v[a] * v[b] }
    return (0..<n).reduce(0.0) { $0 + h(i, $1) * values[$1] * h($1, j) }
  }

  @Test(arguments: [1, 2, 3, 7, 16, 40])
  func secondDifferences(n: Int) throws {
    let found = try least(n) { $0 == $1 ? 2 : $0 - $1 == 1 ? -1 : 0 }
    let s = sin(Double.pi / Double(2 * n + 2))
    #expect(abs(found - 4 * s * s) < 4e-15)
  }

  /// Simple and multiple roots, clusters, either sign, all of the matrix's size or far below it.
  private static let spectra: [[Double]] = [
    [3, 1, 2, -0.5], [1, 1, 1, 1, 1], [-2, -2, -2, 5, 5, 5, 5], [-7], [0, 0, 4],
    [1e-9, 1, 1, 2, 2, 3], [-1, -1 + 1e-12, -1 + 2e-12, 0, 1], [-1e-3, 1e3, 1e3, 2e3],
    [5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -5, -5, -5, -5, -5],
  ]

  @Test(arguments: spectra)
  func knownSpectra(values: [Double]) throws {
    let norm = values.map { abs($0) }.max() ?? 0
    let wanted = values.min() ?? 0
    for unit in [1.0, 1e-200, 1e200] {
      let found = try least(values.count) { unit * turned(values, $0, $1) }
      #expect(abs(found / unit - wanted) < 40 * 0x1p-52 * norm)
    }
  }

  @Test func diagonalAndEmpty() throws {
    #expect(abs(try least(4) { $0 == $1 ? Double($0) - 1 : 0 } + 1) < 4e-15)
    #expect(try least(3) { _, _ in 0 } == 0)
    #expect(try least(3) { $0 == 2 && $1 == 0 ? .infinity : 1 }.isNaN)
  }

  /// The same memory, again and again.
  @Test func memoryIsUsedAgain() throws {
    let n = 9
    let finder = try LeastEigenvalue(order: n)
    let a = try Buffer<Double>(count: n * n)
    for shift in [0.0, 3, -3, 0] {
      for j in 0..<n { for i in 0..<n { a[j * n + i] = 1 + (i == j ? shift : 0) } }
      #expect(abs(finder.find(a.pointer) - shift) < 1e-14)
    }
  }

  @Test(arguments: [1, 5, 16, 17])
  func productsOfSquareMatrices(n: Int) throws {
    let kernels = try SquareKernels(order: n)
    let a = try SystemSample.vector(n * n, seed: 5)
    let b = try SystemSample.vector(n * n, seed: 6)
    let c = try Buffer<Double>(count: n * n)
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
      kernels.multiply(a.pointer, turned: ta, by: b.pointer, turnedRight: tb, into: c.pointer)
      for j in 0..<n {
        for i in 0..<n {
          let sum = (0..<n).reduce(0.0) {
            $0 + (ta ? a[i * n + $1] : a[$1 * n + i]) * (tb ? b[$1 * n + j] : b[j * n + $1])
          }
          #expect(abs(c[j * n + i] - sum) < 1e-13 * Double(n + 1))
        }
      }
    }
  }
}
