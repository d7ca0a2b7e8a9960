import Glibc
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// What all methods for programs without rows have in common.
@Suite struct SmoothMethodTests {
  static let methods: [any NonlinearMethod.Type] = [
    TrustRegion.self, LimitedMemory.self, LazyNewton.self, DampedNewton.self,
    RegularisedNewton.self,
  ]
  static let names = methods.map { $0.spec.name }

  private func method(_ name: String) throws -> any NonlinearMethod.Type {
    try #require(Self.methods.first { $0.spec.name == name })
  }

  @Test(arguments: names)
  func rosenbrock(_ name: String) throws {
    let sample = Sample.rosenbrock(2)
    for hessian in [true, false] {
      let result = try Sample.solve(method(name), sample, hessian: hessian)
      let message = try result.text("message")
      #expect(result.status == .solved, "\(message)")
      let x = try result.array("x").list()
      #expect(abs(x[0] - 1) < 1e-6 && abs(x[1] - 1) < 1e-6, "\(x)")
      #expect(sample.slope(x) < 1e-7)
    }
  }

  /// Two routes to the same minimum of a convex function.
  @Test func allFindTheSameMinimum() throws {
    let sample = Sample.logistic(8, rows: 40)
    var values: [Double] = []
    for method in Self.methods {
      let result = try Sample.solve(method, sample)
      #expect(result.status == .solved)
      let x = try result.array("x").list()
      #expect(sample.slope(x) < 2e-8)
      values.append(try result.real("objective"))
    }
    for value in values { #expect(abs(value - values[0]) < 1e-12) }
  }

  @Test(arguments: names)
  func constraintsAreRefused(_ name: String) throws {
    let problem = try Sample.hs71.problem()
    let chosen = try method(name)
    let refusal = error { () throws(KantorError) in
      _ = try chosen.propose(problem, Settings.defaultRun(for: chosen.spec))
    }
    #expect(refusal?.code == .unsupported)
    #expect(refusal?.message.contains("these have 2 rows") == true)
  }

  @Test(arguments: names.filter { $0 != "lbfgs" })
  func boundsAreRefused(_ name: String) throws {
    var sample = Sample.rosenbrock(2)
    sample.upper = [0.5, 5]
    let problem = try sample.problem()
    let chosen = try method(name)
    let refusal = error { () throws(KantorError) in
      _ = try chosen.propose(problem, Settings.defaultRun(for: chosen.spec))
    }
    #expect(refusal?.code == .unsupported)
    #expect(refusal?.message.contains("'lbfgs'") == true)
  }

  @Test(arguments: names)
  func undefinedAtTheStart(_ name: String) throws {
    var functions = Sample.rosenbrock(2).functions()
    functions.gradient = { _, out in
      out[0] = 1
      out[1] = .nan
      return 0
    }
    let result = try Sample.solve(method(name), Sample.rosenbrock(2), functions: functions)
    #expect(result.status == .callbackError)
    #expect(try result.text("message").contains("gradient: entry 1 is nan"))
  }

  /// -log x + x has its minimum at 1 and no value left of 0.
  @Test(arguments: names)
  func undefinedLaterShortensTheStep(_ name: String) throws {
    let sample = Sample(
      start: [30], value: { $0[0] > 0 ? $0[0] - log($0[0]) : .nan },
      gradient: { [1 - 1 / $0[0]] }, hessian: { (x, s, _) in [s / (x[0] * x[0])] })
    let result = try Sample.solve(method(name), sample)
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    #expect(abs(try result.array("x").list()[0] - 1) < 1e-7)
  }

  @Test(arguments: names)
  func hostEndsTheSolve(_ name: String) throws {
    var functions = Sample.rosenbrock(2).functions()
    let inner = functions.value
    functions.value = { x, out in
      let code = inner?(x, out) ?? 1
      return out[0] < 4 ? -7 : code
    }
    let result = try Sample.solve(method(name), Sample.rosenbrock(2), functions: functions)
    #expect(result.status == .stoppedByCallback)
    #expect(try result.int("callback_code") == -7)
  }

  @Test(arguments: names)
  func limitsAreExact(_ name: String) throws {
    let sample = Sample.rosenbrock(2)
    for limit in [1, 2, 5] {
      let result = try Sample.solve(method(name), sample, ["max_evaluations": .int(Int64(limit))])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") == Int64(limit))
    }
    let result = try Sample.solve(method(name), sample, ["max_iterations": .int(3)])
    #expect(result.status == .iterationLimit)
    #expect(try result.int("iterations") == 3)
  }

  @Test(arguments: names)
  func unbounded(_ name: String) throws {
    let sample = Sample(
      start: [0.5, 0.3], value: { -pow($0[0], 4) + $0[1] * $0[1] },
      gradient: { [-4 * pow($0[0], 3), 2 * $0[1]] },
      hessian: { (x, s, _) in [-12 * s * x[0] * x[0], 0, 0, 2 * s] })
    let result = try Sample.solve(method(name), sample)
    #expect(result.status == .unbounded)
  }

  /// Starts at a minimum: nothing to do.
  @Test(arguments: names)
  func startAtTheMinimum(_ name: String) throws {
    var sample = Sample.rosenbrock(2)
    sample.start = [1, 1]
    let result = try Sample.solve(method(name), sample)
    #expect(result.status == .solved)
    #expect(try result.int("iterations") == 0)
  }

  @Test func derivativesAreNeeded() throws {
    for name in Self.names where name != "lbfgs" {
      let problem = try Sample.rosenbrock(2).problem(hessian: false, first: false)
      let chosen = try method(name)
      let refusal = error { () throws(KantorError) in
        _ = try chosen.propose(problem, Settings.defaultRun(for: chosen.spec))
      }
      #expect(refusal?.code == .missing)
    }
  }
}
