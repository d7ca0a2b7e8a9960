import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// What the oracle asks of the host, and what the kind refuses.
@Suite struct BilevelOracleTests {
  @Test func caseFileIsWhole() throws {
    #expect(BilevelCase.all.count == 44)
    for one in BilevelCase.all {
      let problem = try one.sealed()
      let oracle = try BilevelOracle(problem, monitor: Monitor())
      let w = try Buffer<Double>(one.x + one.y)
      let f = try oracle.value(.lower, w.pointer)
      #expect(abs(try oracle.value(.upper, w.pointer) - one.value) < 1e-6 * (1 + abs(one.value)))
      #expect(abs(f - one.lowerValue) < 1e-6 * (1 + abs(one.lowerValue)))
    }
  }

  /// Products by differences agree with those that are offered, rows included.
  @Test(arguments: ["quad_2x3", "svm_1c", "ball_lmo", "logreg_wd"])
  func differencedProducts(_ id: String) throws {
    let one = try BilevelCase.named(id)
    let n = one.nx + one.ny
    let w = try Buffer<Double>(zip(one.startX + one.startY, 1...n).map { $0 + 0.1 * Double($1) })
    let v = try Buffer<Double>((1...n).map { $0 % 2 == 0 ? 0.7 : -0.4 })
    let y = try Buffer<Double>(one.lowerRows.indices.map { 0.3 + Double($0) })
    var products: [[Double]] = []
    for second in [true, false] {
      let oracle = try BilevelOracle(try one.sealed(second: second), monitor: Monitor())
      let out = try Buffer<Double>(count: n)
      #expect(
        try oracle.hessianProduct(
          .lower, w.pointer, sigma: 0.5, y.pointer, times: v.pointer, out.pointer))
      #expect(oracle.counts.differenced == !second)
      products.append((0..<n).map { out[$0] })
    }
    for (a, b) in zip(products[0], products[1]) { #expect(abs(a - b) < 1e-7 * (1 + abs(a))) }
  }

  @Test func limitIsExact() throws {
    let one = try BilevelCase.named("quad_scalar")
    let monitor = Monitor()
    let oracle = try BilevelOracle(try one.sealed(), monitor: monitor, limit: 3)
    let w = try Buffer<Double>([1, 2])
    for _ in 0..<3 { #expect(try oracle.value(.lower, w.pointer).isFinite) }
    #expect(!oracle.stopped)
    #expect(try oracle.value(.upper, w.pointer) == .infinity)
    #expect(monitor.stop == .evaluationLimit && oracle.counts.calls == 3)
  }

  /// A batch is a function of seed, stream and step; sums stand in for missing functions.
  @Test func batches() throws {
    let one = try BilevelCase.named("quad_scalar")
    let problem = try one.problem()
    var functions = Functions()
    functions.batchValue = { w, indices, count, out in
      out[0] = 0
      for k in 0..<count { out[0] += (w[1] - Double(indices[k])) * (w[1] - w[0]) / Double(count) }
      return 0
    }
    functions.batchGradient = { w, indices, count, out in
      out[0] = 0
      out[1] = 0
      for k in 0..<count {
        out[0] -= (w[1] - Double(indices[k])) / Double(count)
        out[1] += (2 * w[1] - w[0] - Double(indices[k])) / Double(count)
      }
      return 0
    }
    try problem.set("lower", .functions(functions))
    #expect(failure { () throws(KantorError) in try problem.seal() } == .missing)
    try problem.set("lower_components", .int(100))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    let oracle = try BilevelOracle(sealed, monitor: Monitor())
    func draw(_ stream: BatchStream, _ step: Int, _ seed: UInt64 = 7) throws -> [Int64] {
      let drawn = try oracle.draw(.lower, size: 8, seed: seed, stream: stream, step: step)
      return (0..<drawn.count).map { drawn[$0] }
    }
    #expect(try draw(.lowerGradient, 3) == draw(.lowerGradient, 3))
    #expect(try draw(.lowerGradient, 3) != draw(.lowerGradient, 4))
    #expect(try draw(.lowerGradient, 3) != draw(.lowerProduct, 3))
    #expect(try draw(.lowerGradient, 3) != draw(.lowerGradient, 3, 8))
    #expect(try draw(.lowerGradient, 3).allSatisfy { (0..<100).contains($0) })
    let w = try Buffer<Double>([1, 2])
    #expect(abs(try oracle.value(.lower, w.pointer) - (2 - 49.5)) < 1e-12)
    let v = try Buffer<Double>([0, 1])
    let out = try Buffer<Double>(count: 2)
    #expect(try oracle.hessianProduct(.lower, w.pointer, times: v.pointer, out.pointer))
    #expect(abs(out[0] + 1) < 1e-6 && abs(out[1] - 2) < 1e-6)
  }

  @Test func refusals() throws {
    func refusal(_ change: (Problem) throws -> Void) throws -> KantorError? {
      let problem = try BilevelCase.named("switch_bound").problem()
      try change(problem)
      return error { () throws(KantorError) in try problem.seal() }
    }
    let half = try refusal { try $0.set("lower_equalities", .int(2)) }
    #expect(half?.code == .range && half?.message.contains("lower_equalities is 2") == true)
    let crossed = try refusal { try $0.set("x_lower", .array(Tensor(try Buffer([7.0])))) }
    #expect(crossed?.code == .range && crossed?.message.contains("x_lower is 7.0") == true)
    let both = try refusal { try $0.set("x_set", .text("ball")) }
    #expect(both?.code == .unsupported && both?.message.contains("bound") == true)
    let long = try refusal { try $0.set("x_lower", .array(Tensor(try Buffer([0.0, 1.0])))) }
    #expect(long?.code == .shape)
    let bare = try refusal { try $0.set("upper", .functions(Functions())) }
    #expect(bare?.code == .missing && bare?.message.contains("value and gradient") == true)
  }

  @Test func projections() throws {
    let problem = try BilevelCase.named("simplex_projection").problem()
    try problem.set("x_set", .text("simplex"))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    let x = try Buffer<Double>([0.9, 0.6, -1])
    sealed.projectX(x.pointer)
    #expect(abs(x[0] - 0.65) < 1e-15 && abs(x[1] - 0.35) < 1e-15 && x[2] == 0)
  }
}
