import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// Bounds and equations that were written as inequalities.
@Suite struct PlainRowsTests {
  private typealias Row = (value: Double, slopes: [Double])
  private typealias Body = @Sendable ([Double]) -> Row

  private static func functions(_ n: Int, _ f: @escaping Body, _ rows: [Body]) -> Functions {
    var functions = Functions()
    functions.valueGradient = { w, value, gradient in
      let found = f((0..<n).map { w[$0] })
      value[0] = found.value
      for i in 0..<n { gradient[i] = found.slopes[i] }
      return 0
    }
    guard !rows.isEmpty else { return functions }
    functions.map = { w, out in
      for (r, row) in rows.enumerated() { out[r] = row((0..<n).map { w[$0] }).value }
      return 0
    }
    functions.jacobian = { w, out in
      for (r, row) in rows.enumerated() {
        for (i, slope) in row((0..<n).map { w[$0] }).slopes.enumerated() { out[r * n + i] = slope }
      }
      return 0
    }
    return functions
  }

  private static func solve(
    nx: Int, start: [Double], upper: @escaping Body, _ upperRows: [Body] = [],
    lower: @escaping Body, _ lowerRows: [Body] = []
  ) throws -> Result {
    let n = start.count
    let problem = Problem(kind: BilevelKind.kind)
    try problem.set("upper", .functions(functions(n, upper, upperRows)))
    try problem.set("lower", .functions(functions(n, lower, lowerRows)))
    try problem.set("start_x", .array(Tensor(try Buffer(Array(start[..<nx])))))
    try problem.set("start_y", .array(Tensor(try Buffer(Array(start[nx...])))))
    if !upperRows.isEmpty { try problem.set("upper_rows", .int(Int64(upperRows.count))) }
    if !lowerRows.isEmpty { try problem.set("lower_rows", .int(Int64(lowerRows.count))) }
    return try AdaptiveBilevel.entry.solve(
      try problem.seal(), Settings.defaultRun(for: AdaptiveBilevel.spec))
  }

  private static func side(_ i: Int, _ n: Int, most: Double) -> Body {
    { w in (w[i] - most, (0..<n).map { $0 == i ? 1 : 0 }) }
  }
  private static func side(_ i: Int, _ n: Int, least: Double) -> Body {
    { w in (2 * (least - w[i]), (0..<n).map { $0 == i ? -2 : 0 }) }
  }

  /// A follower with two minima that tie at the answer, both variables in [-1, 1]: the better one
  /// for F is found only by starts within the bounds.
  @Test func bounds() throws {
    let result = try Self.solve(
      nx: 1, start: [1, 1],
      upper: { w in
        ((w[0] - 0.25) * (w[0] - 0.25) + w[1] * w[1], [2 * (w[0] - 0.25), 2 * w[1]])
      }, [Self.side(0, 2, most: 1), Self.side(0, 2, least: -1)],
      lower: { w in
        (w[1] * w[1] * w[1] / 3 - w[0] * w[1], [-w[1], w[1] * w[1] - w[0]])
      }, [Self.side(1, 2, most: 1), Self.side(1, 2, least: -1)])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - 0.25) < 1e-5)
  }

  /// y_1 + y_2 = x as two rows: y = (x + 1, x - 1) / 2, F = (x - 3)^2 / 2 + y_1, x = 2.5.
  @Test func equations() throws {
    let result = try Self.solve(
      nx: 1, start: [0, 0, 0],
      upper: { w in (0.5 * (w[0] - 3) * (w[0] - 3) + w[1], [w[0] - 3, 1, 0]) },
      lower: { w in
        (0.5 * (w[1] - 1) * (w[1] - 1) + 0.5 * w[2] * w[2], [0, w[1] - 1, w[2]])
      },
      [{ w in (w[1] + w[2] - w[0], [-1, 1, 1]) }, { w in (w[0] - w[2] - w[1], [1, -1, -1]) }])
    #expect(result.status == .solved)
    let (x, y) = (try result.array("x").list(), try result.array("y").list())
    #expect(abs(x[0] - 2.5) < 1e-5)
    #expect(abs(y[0] - 1.75) < 1e-5 && abs(y[1] - 0.75) < 1e-5)
    // The certificate is that of the two rows.
    #expect(try result.array("lower_multipliers").count == 2)
  }

  /// A row whose derivative is that of a bound at the points looked at, and another one beyond: the
  /// certificate sees the whole of it, and the rows are taken as they are.
  @Test func whatOnlyLooksLikeABound() throws {
    let bent: Body = { w in
      let beyond = max(0, w[0] - 20)
      return (0.1 * (w[0] - 40) + beyond, [w[0] > 20 ? 1.1 : 0.1, 0])
    }
    let result = try Self.solve(
      nx: 1, start: [1, 1], upper: { w in (-w[1] / 40, [0, -1.0 / 40]) }, [bent],
      lower: { w in (0.5 * (w[1] - w[0]) * (w[1] - w[0]), [w[0] - w[1], w[1] - w[0]]) })
    // The row holds up to x = 240 / 11, not up to 40.
    #expect(result.status == .solved)
    #expect(abs(try result.array("x").list()[0] - 240.0 / 11) < 1e-4)
  }

  // MARK: Where to start from

  /// y = 1, or y = x where that is lower, for x <= -2 or x >= 1. F = (y + 1)^2 is best at x = -2,
  /// where both have the same f and the row holds: what is against x > -2 is a condition on f along
  /// that row.
  @Test func answersThatTieOnARow() throws {
    let result = try Self.solve(
      nx: 1, start: [1, 1], upper: { w in ((w[1] + 1) * (w[1] + 1), [0, 2 * (w[1] + 1)]) },
      [Self.side(0, 2, most: 2), Self.side(0, 2, least: -3)],
      lower: { w in (w[1] * w[1] * w[1] - 3 * w[1], [0, 3 * w[1] * w[1] - 3]) },
      [{ w in (w[0] - w[1], [1, -1]) }])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - 1) < 1e-5)
    #expect(abs(try result.array("x").list()[0] + 2) < 1e-5)
  }

  /// y = min(20 - x, 50 - 4 x), F = 16 x^2 + 9 y^2: one valley ends at x = 7.2, and the better one,
  /// at x = 11.25, is far from the start.
  @Test func theFarEndOfABox() throws {
    let result = try Self.solve(
      nx: 1, start: [1, 1],
      upper: { w in (16 * w[0] * w[0] + 9 * w[1] * w[1], [32 * w[0], 18 * w[1]]) },
      [Self.side(0, 2, least: 0), Self.side(0, 2, most: 12.5)],
      lower: { w in
        let d = w[0] + w[1] - 20
        return (d * d, [2 * d, 2 * d])
      }, [Self.side(1, 2, least: 0), { w in (4 * w[0] + w[1] - 50, [4, 1]) }])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - 2250) < 0.1)
  }

  /// With a row of the upper level too, a kink from which F falls is no answer: y = |x| at x = 0
  /// with F = y - 2 x satisfies conditions of first order of one side only.
  @Test func kinksWithUpperRowsAreProbed() throws {
    let upper: Body = { w in (w[1] - 2 * w[0], [-2, 1]) }
    let lower: Body = { w in (0.5 * w[1] * w[1], [0, w[1]]) }
    let rows: [Body] = [{ w in (w[0] - w[1], [1, -1]) }, { w in (-w[0] - w[1], [-1, -1]) }]
    let problem = Problem(kind: BilevelKind.kind)
    let above: Body = { w in (w[0] + w[1] - 4, [1, 1]) }
    try problem.set("upper", .functions(Self.functions(2, upper, [above])))
    try problem.set("lower", .functions(Self.functions(2, lower, rows)))
    try problem.set("start_x", .array(Tensor(try Buffer([0.0]))))
    try problem.set("start_y", .array(Tensor(try Buffer([0.0]))))
    try problem.set("upper_rows", .int(1))
    try problem.set("lower_rows", .int(2))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    let check = try BilevelCheck(sealed)
    let atKink = try check.certify(x: try Buffer([0.0]), y: try Buffer([0.0]))
    #expect(atKink.relativeImprovement > 1e-3)
    // x = y = 2 is the answer: probes beyond the row do not count.
    let atEnd = try check.certify(x: try Buffer([2.0]), y: try Buffer([2.0]))
    #expect(atEnd.relativeImprovement == 0)
    #expect(atEnd.worst < 1e-6)
  }
}
