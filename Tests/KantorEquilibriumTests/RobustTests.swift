import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Robust least squares: min over x, max over v of |Ax - b - v|^2 - c |v|^2 with its
/// closed form.
@Suite struct RobustTests {
  private static let rows = 12
  private static let columns = 5

  private var data: (a: [Double], b: [Double]) {
    (numbers(Self.rows * Self.columns, 11), numbers(Self.rows, 12))
  }

  private func sample(_ c: Double) -> Sample {
    let (a, b) = data
    let (m, n) = (Self.rows, Self.columns)
    return Sample([Double](repeating: 0, count: m + n)) { z in
      let v = Array(z[n...])
      let r = zip(zip(multiply(a, Array(z[..<n])), b), v).map { $0.0 - $0.1 - $1 }
      let gradient = (0..<n).map { j in (0..<m).reduce(0) { $0 + 2 * a[$1 * n + j] * r[$1] } }
      return gradient + zip(r, v).map { 2 * $0 + 2 * c * $1 }
    }
  }

  /// For c > 1 the best v is -r/(c - 1), with which x is the least-squares solution.
  @Test func penalties() throws {
    let (a, b) = data
    let (m, n) = (Self.rows, Self.columns)
    var (gram, right) = ([Double](repeating: 0, count: n * n), [Double](repeating: 0, count: n))
    for i in 0..<m {
      for j in 0..<n {
        right[j] += a[i * n + j] * b[i]
        for k in 0..<n { gram[j * n + k] += a[i * n + j] * a[i * n + k] }
      }
    }
    let x = linearSolve(gram, right)
    let r = zip(multiply(a, x), b).map { $0 - $1 }
    let expected = x + r.map { -$0 / 2 }
    for entry in [GoldenRatio.entry, FastExtragradient.entry, Extragradient.entry] {
      let result = try sample(3).solve(entry, ["tolerance": .real(1e-9)])
      #expect(result.status == .solved)
      #expect(distance(try result.array("x").list(), expected) < 1e-6, "\(entry.spec.name)")
    }
  }
}
