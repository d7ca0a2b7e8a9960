import KantorBilevel
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Nested problems whose upper rows hold x and the lower answer.
@Suite struct NestedRowsTests {
  /// z = max(-q, 0) in each entry; q will be -x.
  private static func positivePart(_ n: Int) throws -> Problem {
    var (p, a) = ([Double](repeating: 0, count: n * n), [Double](repeating: 0, count: n * n))
    for i in 0..<n { (p[i * n + i], a[i * n + i]) = (1, -1) }
    return try Problem.of(
      ConeKind.kind,
      [("P", p, [n, n]), ("q", [Double](repeating: 0, count: n), []), ("A", a, [n, n]),
        ("b", [Double](repeating: 0, count: n), [])], words: ["cones": "nonnegative \(n)"])
  }

  private static func nested(
    _ n: Int, start: [Double], rows: Int, equalities: Int = 0, upper: Functions
  ) throws -> NestedCase {
    let shifts = (0..<n).map { i in (0..<n).map { $0 == i ? -1.0 : 0 } }
    let made = try NestedCase(
      lower: try positivePart(n), by: InteriorPoint.entry, fields: "q", answers: "x", size: n,
      start: start, upper: upper
    ).matrix(shifts)
    try made.problem.set("upper_rows", .int(Int64(rows)))
    if equalities > 0 { try made.problem.set("upper_equalities", .int(Int64(equalities))) }
    return made
  }

  /// F = (z_1 - 3)^2 / 2 + (z_2 - 2)^2 / 2 + 0.1 x_1 with a row and its derivatives.
  private static func upper(
    _ body: @escaping @Sendable (_ w: UnsafePointer<Double>) -> [(Double, [Double])]
  ) -> Functions {
    var functions = Functions.of { w, g in
      (g[0], g[1], g[2], g[3]) = (0.1, 0, w[2] - 3, w[3] - 2)
      return 0.5 * (w[2] - 3) * (w[2] - 3) + 0.5 * (w[3] - 2) * (w[3] - 2) + 0.1 * w[0]
    }
    functions.map = { w, out in
      for (r, row) in body(w).enumerated() { out[r] = row.0 }
      return 0
    }
    functions.jacobian = { w, out in
      for (r, row) in body(w).enumerated() {
        for (i, slope) in row.1.enumerated() { out[r * 4 + i] = slope }
      }
      return 0
    }
    return functions
  }

  /// z = x where x > 0. With z_1 + z_2 <= 3: (2.9 - mu, 2 - mu), mu = 0.95.
  @Test func anInequality() throws {
    let upper = Self.upper { w in [(w[2] + w[3] - 3, [0, 0, 1, 1])] }
    let nested = try Self.nested(2, start: [1, 0.5], rows: 1, upper: upper)
    let result = try nested.solve()
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(x[0] - 1.95) < 1e-5 && abs(x[1] - 1.05) < 1e-5)
    #expect(abs(try result.array("upper_multipliers").list()[0] - 0.95) < 1e-5)
    #expect(abs(try result.array("upper_constraints").list()[0]) < 1e-6)
    #expect(try result.real("upper_feasibility") <= 1e-6)
  }

  /// Rows with x alone and with both, one an equation, one inactive, and bounds.
  @Test func equationsAndBounds() throws {
    let upper = Self.upper { w in
      [(w[2] - 5, [0, 0, 1, 0]), (w[0] * w[0] - 9, [2 * w[0], 0, 0, 0]),
        (w[0] - 2 * w[3], [1, 0, 0, -2])]
    }
    // x_1 = 2 x_2 in [0, 2]: the least of (x_1 - 3)^2 / 2 + (x_1 / 2 - 2)^2 / 2 + 0.1 x_1 there.
    let result = try Self.nested(2, start: [0.5, 0.5], rows: 3, equalities: 1, upper: upper)
      .bounds([0, 0], [2, 10]).solve()
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(x[0] - 2) < 1e-6 && abs(x[1] - 1) < 1e-6)
    let multipliers = try result.array("upper_multipliers").list()
    #expect(multipliers[0] == 0 && multipliers[1] == 0)
    // F_2 = z_2 - 2 = -1 against -2 mu.
    #expect(abs(multipliers[2] + 0.5) < 1e-5)
  }

  @Test(arguments: ["ball", "simplex"]) func sets(_ name: String) throws {
    let upper = Self.upper { w in [(w[2] - 1.2, [0, 0, 1, 0])] }
    let nested = try Self.nested(2, start: [1, 1], rows: 1, upper: upper)
    try nested.problem.set("x_set", .text(name))
    try nested.problem.set("x_size", .real(2))
    let result = try nested.solve()
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(x[0] - 1.2) < 1e-5)
    #expect(abs(x[1] - (name == "ball" ? 1.6 : 0.8)) < 1e-5)
  }

  /// Rows that contradict each other.
  @Test func contradiction() throws {
    let upper = Self.upper { w in
      [(w[2] + 1, [0, 0, 1, 0]), (1 - w[3], [0, 0, 0, -1])]
    }
    let result = try Self.nested(2, start: [1, 1], rows: 2, upper: upper).solve()
    #expect(result.status != .solved && result.status != .solvedInaccurate)
    #expect(try result.text("reason") == "upper_infeasible")
    #expect(try result.text("message").contains("violated"))
  }

  @Test func budgetsAreExact() throws {
    let upper = Self.upper { w in [(w[2] + w[3] - 3, [0, 0, 1, 1])] }
    let nested = try Self.nested(2, start: [1, 0.5], rows: 1, upper: upper)
    let few = try nested.solve(["max_lower_solves": .int(1)])
    #expect(try few.int("lower_solves") == 1)
    #expect(few.status == .evaluationLimit)
    let calls = try nested.solve(["max_evaluations": .int(5)])
    #expect(try calls.int("evaluations") <= 5)
    #expect(try nested.solve(["max_iterations": .int(1)]).int("iterations") <= 1)
  }

  @Test func refusals() throws {
    var upper = Functions.distance(nx: 2, to: [0, 0])
    upper.map = { _, out in
      out[0] = 0
      return 0
    }
    let failed = error { () throws(KantorError) in
      let made: NestedCase
      do { made = try Self.nested(2, start: [1, 1], rows: 1, upper: upper) } catch { return }
      _ = try made.solve()
    }
    #expect(failed?.code == .missing)
    #expect(failed?.message.contains("jacobian") == true)
    let plain = try Self.nested(
      2, start: [1, 1], rows: 1, upper: .distance(nx: 2, to: [0, 0]))
    let missing = error { () throws(KantorError) in _ = try plain.solve() }
    #expect(missing?.message.contains("upper_rows") == true)
  }
}
