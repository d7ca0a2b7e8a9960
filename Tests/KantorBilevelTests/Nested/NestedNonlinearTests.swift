import KantorBilevel
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Nonlinear programs with parameters as lower levels.
@Suite struct NestedNonlinearTests {
  /// min z^4/4 + z^2/2 - p z: z^3 + z = p; p = x^2 + 1. `now` is where the map leaves p.
  private static func quartic(_ now: Notes) throws -> Problem {
    var functions = Functions()
    functions.value = { z, out in
      out[0] = z[0] * z[0] * (z[0] * z[0] / 4 + 0.5) - now.all[0] * z[0]
      return 0
    }
    functions.gradient = { z, out in
      out[0] = z[0] * z[0] * z[0] + z[0] - now.all[0]
      return 0
    }
    functions.hessian = { z, sigma, _, out in
      out[0] = sigma * (3 * z[0] * z[0] + 1)
      return 0
    }
    functions.parameterGradient = { _, sigma, _, out in
      out[0] = -sigma
      return 0
    }
    let problem = try Problem.of(
      NonlinearKind.kind, [("start", [0], []), ("parameters", [1], [])])
    try problem.set("functions", .functions(functions))
    return problem
  }

  private static func map(_ now: Notes) -> Functions {
    var map = Functions()
    map.map = { x, out in
      out[0] = x[0] * x[0] + 1
      now.all = [out[0]]
      return 0
    }
    map.jacobian = { x, out in
      out[0] = 2 * x[0]
      return 0
    }
    return map
  }

  @Test(arguments: ["interior_point", "sqp", "trust_region"])
  func parameters(_ method: String) throws {
    let entries = [NonlinearInteriorPoint.entry, SQP.entry, TrustRegion.entry]
    let entry = try #require(entries.first { $0.spec.name == method })
    let now = Notes([1])
    let nested = try NestedCase(
      lower: try Self.quartic(now), by: entry, fields: "parameters", answers: "x", size: 1,
      start: [0.5], upper: .distance(nx: 1, to: [1.5])
    ).map(Self.map(now))
    let result = try nested.solve()
    #expect(result.status == .solved)
    // 1.5^3 + 1.5 = x^2 + 1
    let x = try result.array("x").list()[0]
    #expect(abs(x * x - 3.875) < 1e-5)
    #expect(try nested.hypergradient([1], ["check_directions": .int(1)]).real("derivative_check")
      < 1e-6)
  }

  /// Values of parameters that the functions cannot see are refused.
  @Test func parametersNeedAMap() throws {
    let nested = try NestedCase(
      lower: try Self.quartic(Notes([1])), by: NonlinearInteriorPoint.entry, fields: "parameters",
      answers: "x", size: 1, start: [0.5], upper: .distance(nx: 1, to: [1.5])
    ).matrix([[1]])
    let failed = error { () throws(KantorError) in _ = try nested.solve() }
    #expect(failed?.code == .unsupported)
    #expect(failed?.message.contains("lower_map") == true)
  }

  /// A request to cancel that comes during a lower solve ends that one too.
  @Test func cancelReachesTheLowerSolve() throws {
    let now = Notes([1])
    let calls = Notes([0])
    let settings = Settings(method: ImplicitProgramming.spec)
    let lower = try Self.quartic(now)
    guard case .functions(var functions) = try lower.get("functions") else { return }
    let gradient = try #require(functions.gradient)
    functions.gradient = { z, out in
      calls.all[0] += 1
      if calls.all[0] == 12 { settings.cancel.cancel() }
      return gradient(z, out)
    }
    let watched = lower.copy()
    try watched.set("functions", .functions(functions))
    let nested = try NestedCase(
      lower: watched, by: NonlinearInteriorPoint.entry, fields: "parameters", answers: "x",
      size: 1, start: [0.5], upper: .distance(nx: 1, to: [1.5])
    ).map(Self.map(now))
    let result = try nested.solve(settings: settings)
    #expect(result.status == .cancelled)
    #expect(calls.all[0] <= 14)
  }

  /// A lower function that ends the solve ends the whole.
  @Test(arguments: [3, 12, 13, 14, 15, 16, 17, 18, 19, 20] as [Double])
  func aLowerFunctionEndsTheSolve(after good: Double) throws {
    let now = Notes([1])
    let lower = try Self.quartic(now)
    guard case .functions(var functions) = try lower.get("functions") else { return }
    let calls = Notes([0])
    let value = try #require(functions.value)
    functions.value = { z, out in
      calls.all[0] += 1
      return calls.all[0] > good ? -7 : value(z, out)
    }
    let watched = lower.copy()
    try watched.set("functions", .functions(functions))
    let nested = try NestedCase(
      lower: watched, by: NonlinearInteriorPoint.entry, fields: "parameters", answers: "x",
      size: 1, start: [0.5], upper: .distance(nx: 1, to: [1.5])
    ).map(Self.map(now))
    #expect(try nested.solve().status == .stoppedByCallback)
    // One more is the lower certificate's; and what a certificate meets, the next lower solve meets
    // first, before it has a certificate of its own.
    #expect(calls.all[0] <= good + 3)
  }
}
