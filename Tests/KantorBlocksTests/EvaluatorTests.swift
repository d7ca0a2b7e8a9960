import KantorBlocks
import KantorCore
import Testing

/// Calls of the host's functions: what is noticed, counted and limited.
@Suite struct EvaluatorTests {
  private func evaluator(
    _ functions: Functions, limit: Int = .max, rows: Int = 0, monitor: Monitor = Monitor()
  ) throws -> Evaluator {
    try Evaluator(functions, variables: 2, rows: rows, monitor: monitor, limit: limit)
  }

  @Test func valuesAndCounts() throws {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = x[0] * x[1]
      return 0
    }
    functions.gradient = { x, out in
      out[0] = x[1]
      out[1] = x[0]
      return 0
    }
    let evaluator = try evaluator(functions)
    let x = try Buffer<Double>([3, 4])
    let g = try Buffer<Double>(count: 2)
    let (outcome, f) = try evaluator.valueAndGradient(at: x.pointer, into: g.pointer)
    #expect(outcome == .fine && f == 12 && g[0] == 4 && g[1] == 3)
    #expect(evaluator.count(.value) == 1 && evaluator.count(.gradient) == 1)
    #expect(functions.offered == [.value, .gradient])
  }

  /// A host that returns "done" without writing is not believed.
  @Test func whatIsLeftOutIsUndefined() throws {
    var functions = Functions()
    functions.map = { _, out in
      out[0] = 1
      return 0
    }
    let evaluator = try evaluator(functions, rows: 3)
    let x = try Buffer<Double>(count: 2)
    let c = try Buffer<Double>(count: 3, repeating: 7)
    let outcome = try evaluator.call(.map, functions.map, at: x.pointer, into: c.pointer, count: 3)
    #expect(outcome == .undefined)
    #expect(evaluator.complaint == "map: entry 1 is nan")
    #expect(c[0] == 7, "a failed call leaves the destination alone")
  }

  @Test func codesOfTheHost() throws {
    var functions = Functions()
    functions.value = { x, _ in x[0] > 0 ? 3 : -5 }
    let monitor = Monitor()
    let evaluator = try evaluator(functions, monitor: monitor)
    let x = try Buffer<Double>([1, 0])
    #expect(try evaluator.value(at: x.pointer).0 == .undefined)
    #expect(monitor.stop == nil)
    x[0] = -1
    #expect(try evaluator.value(at: x.pointer).0 == .stop)
    #expect(monitor.stop == .stoppedByCallback && monitor.callbackCode == -5)
    #expect(try evaluator.value(at: x.pointer).0 == .stop)
    #expect(evaluator.count(.value) == 2, "after a stop nothing is called")
  }

  @Test func limitIsExact() throws {
    var functions = Functions()
    functions.valueGradient = { x, f, g in
      f[0] = x[0]
      g[0] = 1
      g[1] = 0
      return 0
    }
    let monitor = Monitor()
    let evaluator = try evaluator(functions, limit: 3, monitor: monitor)
    let x = try Buffer<Double>(count: 2)
    for _ in 0..<3 { #expect(try evaluator.value(at: x.pointer).0 == .fine) }
    #expect(try evaluator.value(at: x.pointer).0 == .stop)
    #expect(monitor.stop == .evaluationLimit && evaluator.count(.valueGradient) == 3)
  }

  @Test func addressesStay() throws {
    final class Seen: @unchecked Sendable { var points = Set<UnsafePointer<Double>>() }
    let seen = Seen()
    var functions = Functions()
    functions.value = { x, out in
      seen.points.insert(x)
      out[0] = 0
      return 0
    }
    let evaluator = try evaluator(functions)
    for k in 0..<5 {
      let x = try Buffer<Double>([Double(k), 0])
      _ = try evaluator.value(at: x.pointer)
    }
    #expect(seen.points.count == 1)
  }

  @Test func missingMemberIsNamed() throws {
    let evaluator = try evaluator(Functions())
    let x = try Buffer<Double>(count: 2)
    #expect(throws: KantorError.self) { _ = try evaluator.value(at: x.pointer) }
  }
}
