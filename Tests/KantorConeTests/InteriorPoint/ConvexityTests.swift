import Glibc
import KantorCone
import KantorCore
import KantorNumerics
import Testing

/// Matrices whose lowest curvature is tiny beside the largest.
@Suite struct ConvexityTests {
  private func matrix(_ n: Int, _ entry: (Int, Int) -> Double) throws -> SparseMatrix {
    var (starts, rows, values) = ([0], [Int32](), [Double]())
    for j in 0..<n {
      for i in 0...j where entry(i, j) != 0 {
        rows.append(Int32(i))
        values.append(entry(i, j))
      }
      starts.append(rows.count)
    }
    return SparseMatrix(
      rows: n, columns: n, starts: try Buffer(starts), indices: try Buffer(rows),
      values: try Buffer(values))
  }

  /// What is said about a matrix, nil when it passes.
  private func refusal(_ p: SparseMatrix) throws -> String? {
    do {
      try Convexity.check(p, .never)
      return nil
    } catch {
      #expect(error.code == .range)
      return error.message
    }
  }

  /// Second differences, a multiple of 1 off them: the spectrum is dense at its lower end.
  private func differences(_ n: Int, lowest: Double) throws -> SparseMatrix {
    let s = sin(Double.pi / Double(2 * n + 2))
    let middle = 2 - 4 * s * s + lowest
    return try matrix(n) { $0 == $1 ? middle : $1 - $0 == 1 ? -1 : 0 }
  }

  @Test(arguments: [-1e-2, -1e-4, -1e-6])
  func sparse(lowest: Double) throws {
    let text = try #require(try refusal(try differences(300, lowest: lowest)))
    #expect(text.contains("P is not positive semidefinite: the curvature x'Px is -"))
    #expect(text.contains("along an x of length 1"))
    #expect(try refusal(try differences(300, lowest: -0.01 * lowest)) == nil)
  }

  /// The curvature that is named is the lowest, up to a part of it.
  @Test func curvatureIsNamed() throws {
    let text = try #require(try refusal(try differences(300, lowest: -2e-5)))
    // Scaled to a diagonal of 1, which is nearly 2 here.
    #expect(abs(text.number(after: "x'Px is ") / -1e-5 - 1) < 0.2)
  }

  /// F F' of fewer columns than rows, by columns of the upper triangle; `shift` off the diagonal.
  private func gram(_ n: Int, rank: Int, shift: Double, single: Bool) throws -> SparseMatrix {
    var numbers = Numbers(4)
    let f = numbers.list(n * rank)
    return try matrix(n) { i, j in
      var (exact, rounded) = (0.0, Float(0))
      for k in 0..<rank {
        exact += f[i * rank + k] * f[j * rank + k]
        rounded += Float(f[i * rank + k]) * Float(f[j * rank + k])
      }
      return (single ? Double(rounded) : exact) - (i == j ? shift : 0)
    }
  }

  @Test func productsOfLowRankPass() throws {
    #expect(try refusal(try gram(90, rank: 12, shift: 0, single: false)) == nil)
    #expect(try refusal(try gram(90, rank: 12, shift: 0, single: true)) == nil)
  }

  @Test func dense() throws {
    #expect(try refusal(try gram(90, rank: 12, shift: 1e-4, single: false)) != nil)
  }
}

extension String {
  /// The number after a part of the text; NaN if there is none.
  fileprivate func number(after part: String) -> Double {
    guard let at = end(of: part) else { return .nan }
    return Double(self[at...].prefix { $0 != " " }) ?? .nan
  }

  private func end(of part: String) -> String.Index? {
    var at = startIndex
    while at != endIndex {
      if self[at...].hasPrefix(part) { return index(at, offsetBy: part.count) }
      at = index(after: at)
    }
    return nil
  }
}
