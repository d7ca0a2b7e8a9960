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
}
