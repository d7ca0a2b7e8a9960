import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Sparse fields in every form in which callers have them.
@Suite struct SparseFieldTests {
  /// min -x - y, x + 2 y <= 4, 3 x + y <= 6, x, y >= 0: (1.6, 1.2).
  private func solve(_ a: SparseTensor) throws -> [Double] {
    let problem = Problem(kind: ConeKind.kind)
    try problem.set("q", .array(Tensor(try Buffer([-1.0, -1]))))
    try problem.set("A", .sparse(a))
    try problem.set("b", .array(Tensor(try Buffer([4.0, 6, 0, 0]))))
    try problem.set("cones", .text("nonnegative 4"))
    let result = try Catalog.standard.solve(problem)
    #expect(result.status == .solved)
    return try result.array("x").list()
  }

  private func matrix(
    _ format: SparseTensor.Format, _ values: [Double], _ indices: [Int64], _ offsets: [Int64]
  ) throws -> SparseTensor {
    try SparseTensor(
      format: format, rows: 4, columns: 2, values: Tensor(try Buffer(values)),
      indices: Tensor(try Buffer(indices)), offsets: Tensor(try Buffer(offsets)))
  }

  private func isAnswer(_ x: [Double]) -> Bool { abs(x[0] - 1.6) < 1e-6 && abs(x[1] - 1.2) < 1e-6 }

  @Test func anyOrderAndRepeats() throws {
    #expect(
      isAnswer(
        try solve(try matrix(.csc, [1, 3, -1, 2, 1, -1], [0, 1, 2, 0, 1, 3], [0, 3, 6]))))
    // Rows of a column in any order, and one entry in two parts.
    #expect(
      isAnswer(
        try solve(
          try matrix(.csc, [-1, 2, 1, 1, -1, 1, 2], [2, 1, 0, 1, 3, 1, 0], [0, 4, 7]))))
    #expect(
      isAnswer(
        try solve(
          try matrix(.csr, [2, 1, 3, 1, -1, -1], [1, 0, 0, 1, 0, 1], [0, 2, 4, 5, 6]))))
    #expect(
      isAnswer(
        try solve(
          try matrix(
            .coo, [-1, 1, 3, -1, 1, 2], [3, 1, 1, 2, 0, 0], [1, 1, 0, 0, 0, 1]))))
  }

  private func refusal(_ a: SparseTensor) -> KantorError? {
    error { () throws(KantorError) in
      let problem = Problem(kind: ConeKind.kind)
      try problem.set("q", .array(Tensor(try Buffer([-1.0, -1]))))
      try problem.set("A", .sparse(a))
      try problem.set("cones", .text("zero 4"))
      _ = try problem.seal()
    }
  }

  @Test func indicesOutsideAreNamed() throws {
    let row = refusal(try matrix(.csc, [1], [4], [0, 1, 1]))
    #expect(row?.code == .range && row?.message.contains("4") == true)
    #expect(refusal(try matrix(.csc, [1], [-1], [0, 1, 1]))?.code == .range)
    #expect(refusal(try matrix(.coo, [1], [0], [2]))?.code == .range)
    #expect(refusal(try matrix(.csc, [1, 1], [0, 1], [0, 2, 1]))?.code == .range)
    #expect(refusal(try matrix(.csc, [1, 1], [0, 1], [1, 2, 2]))?.code == .range)
    #expect(refusal(try matrix(.csc, [.nan], [0], [0, 1, 1]))?.code == .notFinite)
  }

  @Test func conesAreRead() throws {
    let text =
      "zero 1, 2 * second_order 3, power 0.5, psd 2, generalized_power 1 0.5 0.5, exponential"
    let cones = try ConeList.parse(text)
    #expect(cones.count == 7 && cones.reduce(0) { $0 + $1.rows } == 1 + 6 + 3 + 3 + 3 + 3)
    for bad in ["zero", "zero x", "zero -1", "zero 1,", "power 1", "power nan", "cube 2", "3 *",
      "second_order 0", "generalized_power 1 0.5 0.6", "psd 70000", "zero 99999999999999999999"] {
      #expect(failure { () throws(KantorError) in _ = try ConeList.parse(bad) } != nil, "\(bad)")
    }
  }
}
