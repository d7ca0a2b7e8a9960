import KantorBlocks
import KantorCore
import KantorNonlinear
import KantorNumerics
import TestSupport
import Testing

/// Fields of the kind: what is refused and what is made of them.
@Suite struct NonlinearKindTests {
  private func problem(_ fields: [(String, [Double])]) throws -> Problem {
    let problem = Problem(kind: NonlinearKind.kind)
    var functions = Functions()
    functions.value = { x, out in
      out[0] = x[0]
      return 0
    }
    try problem.set("functions", .functions(functions))
    for (name, values) in fields { try problem.set(name, .array(Tensor(try Buffer(values)))) }
    return problem
  }

  private func complaint(_ fields: [(String, [Double])]) throws -> KantorError? {
    let problem = try problem(fields)
    return error { () throws(KantorError) in try problem.seal() }
  }

  @Test func inconsistentBoundsAreNamed() throws {
    let e = try complaint([("start", [0, 0]), ("lower", [0, 2]), ("upper", [1, 1])])
    #expect(e?.code == .range && e?.message.contains("at 1") == true)
    #expect(e?.message.contains("lower is 2.0 and upper 1.0") == true)
  }

  @Test func wrongShapesAndMissingFields() throws {
    #expect(try complaint([])?.code == .missing)
    #expect(try complaint([("start", [])])?.code == .shape)
    #expect(try complaint([("start", [.nan])])?.code == .notFinite)
    #expect(try complaint([("start", [0]), ("lower", [0, 0])])?.code == .shape)
    #expect(try complaint([("start", [0]), ("lower", [.nan])])?.code == .notFinite)
    #expect(try complaint([("start", [0]), ("lower", [.infinity])])?.code == .notFinite)
    // Rows without a function that computes them.
    #expect(try complaint([("start", [0]), ("constraint_upper", [0])])?.code == .missing)
  }

  @Test func startIsProjectedAndHugeBoundsAreNone() throws {
    let problem = try problem([
      ("start", [-3, 0.5, 9]), ("lower", [0, 0, -1e20]), ("upper", [1, 1, 2e19]),
    ])
    let sealed = try #require(try problem.seal() as? NonlinearProblem)
    #expect(Array(sealed.start.span) == [0, 0.5, 9] && sealed.projected == 1)
    #expect(sealed.lower[2] == -.infinity && sealed.upper[2] == .infinity)
  }

  @Test func patternsAreChecked() throws {
    func pattern(_ rows: [Int64], _ columns: [Int64], _ side: Int) throws -> SparseTensor {
      try SparseTensor(
        format: .coo, rows: side, columns: side,
        values: Tensor(try Buffer([Double](repeating: 0, count: rows.count))),
        indices: Tensor(try Buffer(rows)), offsets: Tensor(try Buffer(columns)))
    }
    let upper = try problem([("start", [0, 0])])
    try upper.set("hessian_pattern", .sparse(try pattern([0], [1], 2)))
    #expect(failure { () throws(KantorError) in try upper.seal() } == .range)
    let large = try problem([("start", [0, 0])])
    try large.set("hessian_pattern", .sparse(try pattern([0], [0], 3)))
    #expect(failure { () throws(KantorError) in try large.seal() } == .shape)
    let outside = try problem([("start", [0, 0])])
    try outside.set("hessian_pattern", .sparse(try pattern([2], [0], 2)))
    #expect(failure { () throws(KantorError) in try outside.seal() } == .range)
  }
}
