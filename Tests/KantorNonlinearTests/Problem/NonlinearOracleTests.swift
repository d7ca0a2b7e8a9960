import KantorBlocks
import KantorCore
import KantorNonlinear
import KantorNumerics
import TestSupport
import Testing

/// Derivatives that the host does not offer, against those that it would.
@Suite struct NonlinearOracleTests {
  private let x = [1.5, 4.0, 3.0, 1.25]

  private func apart(_ a: Buffer<Double>, _ b: [Double]) -> Double {
    var top = 0.0
    for k in 0..<b.count { top = max(top, abs(a[k] - b[k]) / max(1, abs(b[k]))) }
    return top
  }

  @Test func differencesAgreeWithDerivatives() throws {
    let sample = Sample.hs71
    let point = try Buffer(x)
    let y = try Buffer([0.7, -1.3])
    for (scheme, allowed) in [(Differences.Scheme.forward, 1e-6), (.central, 1e-8)] {
      let oracle = try NonlinearOracle(
        try sample.problem(hessian: false, first: false), monitor: Monitor(), scheme: scheme)
      let g = try Buffer<Double>(count: 4)
      let (outcome, f) = try oracle.valueAndGradient(at: point.pointer, into: g.pointer)
      #expect(outcome == .fine && f == sample.value(x))
      #expect(apart(g, sample.gradient?(x) ?? []) < allowed)
      #expect(try oracle.jacobian(at: point.pointer) == .fine)
      #expect(apart(oracle.jacobianMatrix.values, sample.jacobian?(x) ?? []) < allowed)
      let exact = try NonlinearOracle(
        try sample.problem(hessian: false), monitor: Monitor(), scheme: scheme)
      #expect(try exact.hessian(at: point.pointer, sigma: 2, y: y.pointer) == .fine)
      let h = sample.hessian?(x, 2, [0.7, -1.3]) ?? []
      #expect(apart(try exact.hessianMatrix().values, h) < allowed)
      let v = try Buffer([1.0, -2, 0.5, 3])
      let hv = try Buffer<Double>(count: 4)
      _ = try exact.hessianProduct(
        at: point.pointer, sigma: 2, y: y.pointer, times: v.pointer, into: hv.pointer)
      let product = (0..<4).map { i in (0..<4).reduce(0) { $0 + h[i * 4 + $1] * v[$1] } }
      #expect(apart(hv, product) < 1e-7)
    }
  }

  @Test func differencesStayInsideBounds() throws {
    // f is not defined outside [0, 1] x [2, 2 + 1e-9] x {3}.
    var functions = Functions()
    functions.value = { x, out in
      guard x[0] >= 0, x[0] <= 1, x[1] >= 2, x[1] <= 2 + 1e-9, x[2] == 3 else { return 1 }
      out[0] = x[0] * x[0] + 3 * x[0] + 5 * x[1]
      return 0
    }
    let problem = try NonlinearProblem(
      functions: functions, start: Buffer([0, 2, 3]), lower: Buffer([0, 2, 3]),
      upper: Buffer([1, 2 + 1e-9, 3]))
    for x0 in [0.0, 1.0, 0.5] {
      let oracle = try NonlinearOracle(problem, monitor: Monitor())
      let g = try Buffer<Double>(count: 3)
      let point = try Buffer([x0, 2, 3])
      let (outcome, _) = try oracle.valueAndGradient(at: point.pointer, into: g.pointer)
      #expect(outcome == .fine)
      #expect(abs(g[0] - (2 * x0 + 3)) < 1e-7)
      #expect(abs(g[1] - 5) < 1e-4 && g[2] == 0)
    }
  }

  @Test func colouringNeedsFewEvaluations() throws {
    // c_i = x_i^2 + x_{i+1}: two groups however many columns.
    let n = 50
    var functions = Functions()
    functions.value = { _, out in
      out[0] = 0
      return 0
    }
    functions.map = { x, out in
      for i in 0..<n - 1 { out[i] = x[i] * x[i] + x[i + 1] }
      return 0
    }
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer((0..<n).map { 0.1 * Double($0) }))))
    try problem.set("constraint_upper", .array(Tensor(try Buffer<Double>(count: n - 1))))
    let rows = (0..<n - 1).flatMap { [Int64($0), Int64($0)] }
    let columns = (0..<n - 1).flatMap { [Int64($0), Int64($0 + 1)] }
    let zeros = Tensor(try Buffer<Double>(count: rows.count))
    try problem.set(
      "jacobian_pattern",
      .sparse(
        try SparseTensor(
          format: .coo, rows: n - 1, columns: n, values: zeros,
          indices: Tensor(try Buffer(rows)), offsets: Tensor(try Buffer(columns)))))
    let sealed = try #require(try problem.seal() as? NonlinearProblem)
    let oracle = try NonlinearOracle(sealed, monitor: Monitor(), scheme: .forward)
    #expect(try oracle.jacobian(at: sealed.start.pointer) == .fine)
    #expect(oracle.evaluator.count(.map) == 3)
    let jacobian = try #require(oracle.jacobianMatrix.sparse)
    #expect(abs(jacobian[7, 7] - 1.4) < 1e-6 && abs(jacobian[7, 8] - 1) < 1e-6)
    #expect(jacobian[7, 9] == 0)
  }

  @Test func complexStepsAreExact() throws {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = x[0] * x[0] * x[1]
      return 0
    }
    functions.valueComplex = { re, im, outRe, outIm in
      // (a + ib)^2 (c + id)
      let (a, b, c, d) = (re[0], im[0], re[1], im[1])
      outRe[0] = (a * a - b * b) * c - 2 * a * b * d
      outIm[0] = (a * a - b * b) * d + 2 * a * b * c
      return 0
    }
    let problem = try NonlinearProblem(functions: functions, start: Buffer([3, 0.7]))
    let oracle = try NonlinearOracle(problem, monitor: Monitor())
    let g = try Buffer<Double>(count: 2)
    let point = try Buffer([3, 0.7])
    #expect(try oracle.gradient(at: point.pointer, into: g.pointer) == .fine)
    #expect(abs(g[0] - 4.2) < 1e-15 && abs(g[1] - 9) < 1e-14)
  }

  @Test func limitIsExact() throws {
    let sample = Sample.hs71
    let monitor = Monitor()
    let oracle = try NonlinearOracle(
      try sample.problem(hessian: false, first: false), monitor: monitor, limit: 3)
    let g = try Buffer<Double>(count: 4)
    let point = try Buffer(x)
    let (outcome, _) = try oracle.valueAndGradient(at: point.pointer, into: g.pointer)
    #expect(outcome == .stop && monitor.stop == .evaluationLimit)
    #expect(oracle.evaluator.count(.value) == 3)
  }
}

/// The limit on evaluations holds for all calls of the host's function together.
@Suite struct EvaluationLimitTests {
  @Test(arguments: ["HS71", "HS35", "MARATOS", "WB"]) func noCallMoreIsMade(name: String) throws {
    let p = try TextCollection.named(name)
    for (entry, first) in [
      (NonlinearInteriorPoint.entry, true), (NonlinearInteriorPoint.entry, false),
      (SQP.entry, true), (AugmentedLagrangian.entry, true),
    ] {
      for limit in [1, 2, 3, 5, 9, 14, 30] {
        var functions = p.functions()
        let value = try #require(functions.value)
        nonisolated(unsafe) var calls = 0
        functions.value = { x, out in
          calls += 1
          return value(x, out)
        }
        if !first { (functions.gradient, functions.hessian) = (nil, nil) }
        let s = try Solving.run(
          entry, p.problem(functions), ["max_evaluations": .int(Int64(limit))])
        #expect(calls <= limit, "\(name) \(entry.spec.name) \(limit)")
        #expect(s.count("evaluations") == calls, "\(name) \(entry.spec.name) \(limit)")
      }
    }
  }
}
