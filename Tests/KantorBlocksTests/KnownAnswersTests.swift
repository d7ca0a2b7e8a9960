import KantorBlocks
import KantorCore
import Testing

/// Answers that one evaluator hands over to another.
@Suite struct KnownAnswersTests {
  private func functions() -> Functions {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = x[0] * x[1]
      return 0
    }
    functions.gradient = { x, out in
      out[0] = x[1]
      out[1] = x[0]
      return x[0] < 0 ? 1 : 0
    }
    functions.map = { x, out in
      out[0] = x[0] + x[1]
      return 0
    }
    return functions
  }

  private func asked(_ functions: Functions, _ known: KnownAnswers?) throws -> Evaluator {
    try Evaluator(functions, variables: 2, rows: 1, monitor: Monitor(), known: known)
  }

  @Test func whatIsKnownIsNotAskedAgain() throws {
    let functions = functions()
    let first = try asked(functions, nil)
    let x = try Buffer<Double>([3, 4])
    let g = try Buffer<Double>(count: 2)
    let c = try Buffer<Double>(count: 1)
    _ = try first.valueAndGradient(at: x.pointer, into: g.pointer)
    let known = try first.handOver(at: x)
    let second = try asked(functions, known)
    g.fill(0)
    let (outcome, f) = try second.valueAndGradient(at: x.pointer, into: g.pointer)
    #expect(outcome == .fine && f == 12 && g[0] == 4 && g[1] == 3)
    #expect(second.count(.value) == 0 && second.count(.gradient) == 0)
    // The rows were not among the answers.
    let rows = try second.call(.map, functions.map, at: x.pointer, into: c.pointer, count: 1)
    #expect(rows == .fine && c[0] == 7 && second.count(.map) == 1)
    // Another point, if only by the sign of a zero.
    let other = try Buffer<Double>([0, 4])
    let mirrored = try Buffer<Double>([-0.0, 4])
    _ = try first.value(at: other.pointer)
    #expect(try first.handOver(at: mirrored) == nil)
    let third = try asked(functions, try first.handOver(at: other))
    #expect(try third.value(at: mirrored.pointer).1 == 0 && third.count(.value) == 1)
  }

  /// Only the last point counts, and no failed call.
  @Test func onlyTheLastPointIsHandedOver() throws {
    let functions = functions()
    let first = try asked(functions, nil)
    let g = try Buffer<Double>(count: 2)
    let (x, away) = (try Buffer<Double>([3, 4]), try Buffer<Double>([-1, 4]))
    #expect(try first.handOver(at: x) == nil)
    _ = try first.valueAndGradient(at: x.pointer, into: g.pointer)
    _ = try first.valueAndGradient(at: away.pointer, into: g.pointer)
    #expect(try first.handOver(at: x) == nil)
    let second = try asked(functions, try first.handOver(at: away))
    #expect(try second.value(at: away.pointer).1 == -4 && second.count(.value) == 0)
    #expect(try second.gradient(at: away.pointer, into: g.pointer) == .undefined)
    #expect(second.count(.gradient) == 1)
    // What was given away is asked anew.
    _ = try first.value(at: away.pointer)
    #expect(first.count(.value) == 3)
  }
}
