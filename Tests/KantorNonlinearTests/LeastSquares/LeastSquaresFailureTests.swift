import Glibc
import KantorCore
import Synchronization
import TestSupport
import Testing

import KantorNonlinear

/// Data that is refused, functions that fail, and limits.
@Suite struct LeastSquaresFailureTests {
  private func sealing(_ change: (Problem) throws(KantorError) -> Void) throws -> KantorError? {
    let problem = try LeastSquaresSample.rosenbrock.problem()
    return error { () throws(KantorError) in
      try change(problem)
      try problem.seal()
    }
  }

  @Test func dataIsRefused() throws {
    func vector(_ values: [Double]) throws(KantorError) -> FieldValue {
      .array(Tensor(try Buffer(values)))
    }
    var functions = LeastSquaresSample.rosenbrock.functions
    let cases: [(KantorError?, KantorError.Code, String)] = [
      (
        try sealing { (p) throws(KantorError) in try p.set("lower", try vector([0, .nan])) },
        .notFinite, "lower is nan at 1"
      ),
      (
        try sealing { (p) throws(KantorError) in
          try p.set("lower", try vector([0, 3]))
          try p.set("upper", try vector([1, 2]))
        }, .range, "lower is 3.0 and upper 2.0 at 1"
      ),
      (
        try sealing { (p) throws(KantorError) in try p.set("upper", try vector([1])) }, .shape,
        "upper has the shape (1,)"
      ),
      (
        try sealing { (p) throws(KantorError) in try p.set("start", try vector([.infinity, 1])) },
        .notFinite, "start is inf at 0"
      ),
      (
        try sealing { (p) throws(KantorError) in try p.set("residual_count", .int(0)) }, .range,
        "residual_count is 0"
      ),
      (
        try sealing { (p) throws(KantorError) in try p.set("loss_scale", .real(-2)) }, .range,
        "loss_scale is -2.0"
      ),
      (
        try sealing { (p) throws(KantorError) in try p.set("loss", .text("square")) }, .range,
        "soft_l1"
      ),
      (
        try sealing { (p) throws(KantorError) in
          functions.jacobianProduct = { _, _, _ in 0 }
          try p.set("functions", .functions(functions))
        }, .missing, "both are needed"
      ),
      (
        try sealing { (p) throws(KantorError) in
          try p.set(
            "jacobian_pattern",
            .array(Tensor(try Buffer<Double>(count: 6), shape: [3, 2])))
        }, .shape, "jacobian_pattern has the shape (3, 2)"
      ),
    ]
    for (error, code, part) in cases {
      #expect(error?.code == code)
      #expect(error?.message.contains(part) == true, "\(error?.message ?? "nothing") / \(part)")
    }
  }

  @Test func undefinedAtTheStart() throws {
    var functions = LeastSquaresSample.rosenbrock.functions
    functions.map = { _, out in
      out[0] = 1
      out[1] = .nan
      return 0
    }
    let result = try LeastSquaresSample.rosenbrock.solve(functions: functions)
    #expect(result.status == .callbackError)
    #expect(try result.text("message").contains("map: entry 1 is nan"))
    #expect(try result.array("x").list() == [2, 2])
  }

  /// log is not defined where the first steps would go: they are shortened.
  @Test func undefinedLaterShortensTheStep() throws {
    let sample = LeastSquaresSample(
      start: [100], residuals: 1, { [log($0[0]) - 1] }, jacobian: { [1 / $0[0]] })
    let seen = Mutex(0)
    var functions = sample.functions
    let inner = functions.map
    functions.map = { x, out in
      if x[0] <= 0 {
        seen.withLock { $0 += 1 }
        return 1
      }
      return inner?(x, out) ?? 1
    }
    let result = try sample.solve(functions: functions)
    #expect(result.status == .solved)
    #expect(seen.withLock { $0 } > 0, "the test asks for steps outside the domain")
    #expect(abs(try result.array("x").list()[0] - M_E) < 1e-9)
  }

  @Test func hostEndsTheSolve() throws {
    let calls = Mutex(0)
    var functions = LeastSquaresSample.rosenbrock.functions
    let inner = functions.map
    functions.map = { x, out in
      let count = calls.withLock {
        $0 += 1
        return $0
      }
      return count == 4 ? -7 : inner?(x, out) ?? 1
    }
    let result = try LeastSquaresSample.rosenbrock.solve(functions: functions)
    #expect(result.status == .stoppedByCallback)
    #expect(try result.int("callback_code") == -7)
  }

  @Test(arguments: [1, 2, 3, 7])
  func evaluationLimitIsExact(_ limit: Int) throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.form = .differences
    let result = try sample.solve(["max_evaluations": .int(Int64(limit))])
    #expect(result.status == .evaluationLimit)
    #expect(try result.int("evaluations") == Int64(limit))
    #expect(try result.real("objective").isFinite)
  }

  @Test func iterationLimit() throws {
    let result = try LeastSquaresSample.misra.solve(["max_iterations": .int(2)])
    #expect(result.status == .iterationLimit)
    #expect(try result.int("iterations") == 2)
  }

  @Test func boundsWithoutRoom() throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.form = .differences
    sample.lower = [2 - 1e-12, -100]
    sample.upper = [2, 100]
    let result = try sample.solve()
    #expect(result.status == .solved || result.status == .solvedInaccurate)
    #expect(abs(try result.array("x").list()[1] - 4) < 1e-5)
  }

  /// x^2 + 1 has no root; at its least value the Jacobian vanishes, and the cosine says nothing.
  @Test func leastSquareWithVanishingJacobian() throws {
    let sample = LeastSquaresSample(
      start: [0.5], residuals: 1, { [$0[0] * $0[0] + 1] }, jacobian: { [2 * $0[0]] })
    let result = try sample.solve()
    let message = try result.text("message")
    #expect(result.status == .solved || result.status == .solvedInaccurate, "\(message)")
    #expect(abs(try result.array("x").list()[0]) < 1e-6)
    #expect(try result.real("relative_residual") > 1)
  }

  /// Differences of a sparse Jacobian cost some calls each, in the certificate too.
  @Test func certificateOfSparseDifferencesIsCheap() throws {
    let n = 3000
    let (functions, pattern) = try LevenbergMarquardtTests.broyden(n, withJacobian: false)
    let calls = Mutex(0)
    var counted = functions
    let inner = functions.map
    counted.jacobian = nil
    counted.map = { x, out in
      calls.withLock { $0 += 1 }
      return inner?(x, out) ?? 1
    }
    let sample = LeastSquaresSample(
      start: [Double](repeating: -1, count: n), residuals: n, { _ in [] })
    let problem = try sample.problem(counted)
    try problem.set("jacobian_pattern", .sparse(pattern))
    #expect(try LeastSquaresSample.solve(problem).status == .solved)
    #expect(calls.withLock { $0 } < 100)
  }
}
