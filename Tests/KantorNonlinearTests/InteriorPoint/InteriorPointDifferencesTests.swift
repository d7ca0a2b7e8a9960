import Glibc
import KantorBlocks
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Without any derivative the interior point reaches the default tolerance all the same: near the
/// answer its differences become central ones.
@Suite struct InteriorPointDifferencesTests {
  private func solve(_ functions: Functions, start: [Double]) throws -> Result {
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer(start))))
    let entry = NonlinearInteriorPoint.entry
    return try entry.solve(try problem.seal(), Settings.defaultRun(for: entry.spec))
  }

  @Test func valuesAlone() throws {
    var functions = Functions()
    functions.value = { x, out in
      guard x[0] > 0 else { return 1 }
      out[0] = log(x[0]) * log(x[0]) + x[1] * x[1] + x[0]
      return 0
    }
    let result = try solve(functions, start: [0.5, 1])
    #expect(result.status == .solved)
    // 2 log x + x = 0.
    #expect(abs(try result.array("x").list()[0] - 0.7034674224983917) < 1e-7)
  }
}
