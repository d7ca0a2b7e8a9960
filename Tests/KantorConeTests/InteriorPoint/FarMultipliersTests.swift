import Glibc
import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Programs whose multipliers are many orders larger than their data: proximal centres have a long
/// way to go.
@Suite struct FarMultipliersTests {
  /// The convex sequence nearest to a concave one is its regression line; every second difference
  /// is held, and the multipliers are sums of sums of the residuals.
  @Test func convexFitOfConcaveData() throws {
    let n = 2002
    let t = (1...n).map { Double($0) / Double(n) }
    let c = t.map { sin($0) }
    func sparse(_ entries: [(Int, Int, Double)], _ rows: Int) throws -> SparseTensor {
      try SparseTensor(
        format: .coo, rows: rows, columns: n,
        values: Tensor(try Buffer(entries.map { $0.2 })),
        indices: Tensor(try Buffer(entries.map { Int64($0.0) })),
        offsets: Tensor(try Buffer(entries.map { Int64($0.1) })))
    }
    var differences: [(Int, Int, Double)] = []
    for i in 0..<(n - 2) { differences += [(i, i, -1), (i, i + 1, 2), (i, i + 2, -1)] }
    let problem = Problem(kind: ConeKind.kind)
    try problem.set("P", .sparse(try sparse((0..<n).map { ($0, $0, 1) }, n)))
    try problem.set("q", .array(Tensor(try Buffer(c.map { -$0 }))))
    try problem.set("A", .sparse(try sparse(differences, n - 2)))
    try problem.set("b", .array(Tensor(try Buffer(count: n - 2, repeating: 0.0))))
    try problem.set("cones", .text("nonnegative \(n - 2)"))
    let result = try Catalog.standard.solve(problem, method: "cone/interior_point")
    #expect(result.status == .solved)
    let meanT = t.reduce(0, +) / Double(n)
    let meanC = c.reduce(0, +) / Double(n)
    var (above, below) = (0.0, 0.0)
    for (u, v) in zip(t, c) {
      above += (u - meanT) * (v - meanC)
      below += (u - meanT) * (u - meanT)
    }
    let slope = above / below
    let x = try result.array("x").list()
    var farthest = 0.0
    for (v, u) in zip(x, t) { farthest = max(farthest, abs(v - meanC - slope * (u - meanT))) }
    #expect(farthest < 1e-5)
    #expect(try result.array("z").list().map(abs).max() ?? 0 > 1e3)
  }

  /// The same one order higher, where the multipliers are sums of sums of sums: the nearest
  /// sequence without negative third differences to minus a cube is its regression parabola.
  @Test func thirdDifferences() throws {
    let n = 1002
    let t = (0..<n).map { 2 * Double($0) / Double(n - 1) - 1 }
    var (rows, columns, values): ([Int64], [Int64], [Double]) = ([], [], [])
    for i in 0..<(n - 3) {
      for (k, v) in [1.0, -3, 3, -1].enumerated() {
        rows.append(Int64(i))
        columns.append(Int64(i + k))
        values.append(v)
      }
    }
    let problem = Problem(kind: ConeKind.kind)
    let diagonal = (0..<n).map { Int64($0) }
    try problem.set(
      "P",
      .sparse(
        try SparseTensor(
          format: .coo, rows: n, columns: n,
          values: Tensor(try Buffer(count: n, repeating: 1.0)), indices: Tensor(Buffer(diagonal)),
          offsets: Tensor(Buffer(diagonal)))))
    try problem.set("q", .array(Tensor(try Buffer(t.map { $0 * $0 * $0 }))))
    try problem.set(
      "A",
      .sparse(
        try SparseTensor(
          format: .coo, rows: n - 3, columns: n, values: Tensor(Buffer(values)),
          indices: Tensor(Buffer(rows)), offsets: Tensor(Buffer(columns)))))
    try problem.set("cones", .text("nonnegative \(n - 3)"))
    let result = try Catalog.standard.solve(problem, method: "cone/interior_point")
    #expect(result.status == .solved)
    // -t^3 is odd, so that its parabola is a line through 0.
    let (above, below) = (
      t.reduce(0) { $0 - $1 * $1 * $1 * $1 }, t.reduce(0) { $0 + $1 * $1 }
    )
    let x = try result.array("x").list()
    let farthest = zip(x, t).map { abs($0 - above / below * $1) }.max() ?? .infinity
    #expect(farthest < 1e-5)
  }
}
