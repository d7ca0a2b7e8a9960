import Glibc
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

@Suite struct TrustRegionTests {
  /// Exact, truncated with a matrix, truncated with products, truncated with differences.
  @Test func subproblemsAgree() throws {
    let n = 10
    let sample = Sample.rosenbrock(n)
    var products = sample.functions(hessian: false)
    products.hessianProduct = { x, sigma, _, v, out in
      let h = sample.hessian?(list(x, n), sigma, []) ?? []
      for i in 0..<n { out[i] = (0..<n).reduce(0) { $0 + h[i * n + $1] * v[$1] } }
      return 0
    }
    let cases: [(String, Functions)] = [
      ("exact", sample.functions()), ("truncated", sample.functions()), ("auto", products),
      ("truncated", sample.functions(hessian: false)),
    ]
    for (kind, functions) in cases {
      let result = try Sample.solve(
        TrustRegion.self, sample, ["subproblem": .text(kind)], functions: functions)
      let message = try result.text("message")
      #expect(result.status == .solved, "\(kind): \(message)")
      #expect(sample.slope(try result.array("x").list()) < 1e-6)
      if functions.hessianProduct != nil {
        #expect(try result.int("hessian_evaluations") == 0)
        #expect(try result.int("hessian_products") > 0)
      }
    }
  }

  /// At a saddle with no gradient along the descent direction the exact step still leaves: the hard
  /// case. x^2 - y^2 + y^4/4 from (1, 0).
  @Test func leavesSaddles() throws {
    let sample = Sample(
      start: [1, 0], value: { $0[0] * $0[0] - $0[1] * $0[1] + pow($0[1], 4) / 4 },
      gradient: { [2 * $0[0], -2 * $0[1] + pow($0[1], 3)] },
      hessian: { (x, s, _) in [2 * s, 0, 0, s * (3 * x[1] * x[1] - 2)] })
    let result = try Sample.solve(
      TrustRegion.self, sample, ["second_order": .flag(true), "radius": .real(3)])
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(abs(x[1]) - 2.0.squareRoot()) < 1e-7, "\(x)")
    #expect(abs(try result.real("objective") + 1) < 1e-12)
    #expect(try result.real("curvature") > 1)
  }

  @Test func sparseHessianIsTruncatedOrRefused() throws {
    let n = 30
    let sample = Sample.rosenbrock(n)
    var (rows, columns): ([Int], [Int]) = ([], [])
    for i in 0..<n {
      rows += i > 0 ? [i, i] : [i]
      columns += i > 0 ? [i - 1, i] : [i]
    }
    let pairs = Array(zip(rows, columns))
    var functions = sample.functions(hessian: false)
    functions.hessian = { x, sigma, _, out in
      let h = sample.hessian?(list(x, n), sigma, []) ?? []
      for (k, (i, j)) in pairs.enumerated() { out[k] = h[i * n + j] }
      return 0
    }
    func integers(_ values: [Int]) throws -> Tensor {
      let buffer = try Buffer<Int64>(count: values.count)
      for (k, v) in values.enumerated() { buffer[k] = Int64(v) }
      return Tensor(buffer)
    }
    let pattern = try SparseTensor(
      format: .coo, rows: n, columns: n, values: Tensor(try Buffer<Double>(count: rows.count)),
      indices: try integers(rows), offsets: try integers(columns))
    func problem() throws -> Problem {
      let problem = Problem(kind: NonlinearKind.kind)
      try problem.set("functions", .functions(functions))
      try problem.set("start", .array(Tensor(try Buffer(sample.start))))
      try problem.set("hessian_pattern", .sparse(pattern))
      return problem
    }
    for method in SmoothMethodTests.methods {
      let result = try Sample.solve(method, try problem())
      let message = try result.text("message")
      #expect(result.status == .solved, "\(method.spec.name): \(message)")
      #expect(sample.slope(try result.array("x").list()) < 1e-6)
    }
    let settings = Settings(method: TrustRegion.spec)
    try settings.set("subproblem", .text("exact"))
    let sealed = try problem().seal()
    let run = try settings.run(for: TrustRegion.spec)
    let refusal = failure { () throws(KantorError) in
      _ = try TrustRegion.entry.solve(sealed, run)
    }
    #expect(refusal == .unsupported)
  }
}

@Suite struct LimitedMemoryTests {
  /// Bounds on both sides of a convex function: the projected gradient vanishes.
  @Test func boundsOnBothSides() throws {
    var sample = Sample.logistic(10, rows: 50)
    sample.lower = (0..<10).map { $0 % 3 == 0 ? 0.05 : -.infinity }
    sample.upper = (0..<10).map { $0 % 2 == 0 ? 0.1 : .infinity }
    for gradient in [true, false] {
      let tolerance = gradient ? 1e-8 : 1e-7
      let result = try Sample.solve(
        LimitedMemory.self, sample, ["tolerance": .real(tolerance)],
        functions: gradient ? nil : {
          var f = sample.functions(hessian: false)
          f.gradient = nil
          return f
        }())
      let message = try result.text("message")
      #expect(result.status == .solved, "gradient \(gradient): \(message)")
      let x = try result.array("x").list()
      #expect(sample.slope(x) < 1e-6)
      for j in 0..<10 {
        #expect(x[j] >= sample.lower?[j] ?? 0 && x[j] <= sample.upper?[j] ?? 0)
      }
      let (low, high) = (try result.array("z_lower").list(), try result.array("z_upper").list())
      #expect(low.contains { $0 > 1e-6 } || high.contains { $0 > 1e-6 }, "a bound is active")
    }
  }

  @Test func manyVariables() throws {
    let sample = Sample.rosenbrock(1000)
    let result = try Sample.solve(LimitedMemory.self, sample)
    #expect(result.status == .solved)
    #expect(try result.int("iterations") < 6000)
  }
}
