import Glibc
import KantorCore
import KantorNonlinear
import Synchronization
import TestSupport
import Testing

/// Composite problems: least squares with norms and sets, against conditions of optimality and
/// closed forms.
@Suite struct CompositeTests {
  /// |A x - b|^2 / 2 with a fixed matrix.
  private struct Sample {
    var n = 20
    var m = 30
    private func entry(_ i: Int, _ j: Int) -> Double {
      let place = Double((i + 2) * (3 * j + 1))
      return sin(0.37 * place)
    }
    var a: [[Double]] { (0..<m).map { i in (0..<n).map { entry(i, $0) } } }
    var b: [Double] { (0..<m).map { (i: Int) -> Double in 2 * cos(1.7 * Double(i)) } }

    func residual(_ x: [Double]) -> [Double] {
      let (a, b) = (a, b)
      return (0..<m).map { (i: Int) -> Double in
        var sum = -b[i]
        for j in 0..<n { sum += a[i][j] * x[j] }
        return sum
      }
    }
    func gradient(_ x: [Double]) -> [Double] {
      let (a, r) = (a, residual(x))
      return (0..<n).map { (j: Int) -> Double in
        var sum = 0.0
        for i in 0..<m { sum += a[i][j] * r[i] }
        return sum
      }
    }

    var functions: Functions {
      let (n, m, a, b) = (n, m, a, b)
      var functions = Functions()
      functions.valueGradient = { x, f, g in
        for j in 0..<n { g[j] = 0 }
        f[0] = 0
        for i in 0..<m {
          var t = -b[i]
          for j in 0..<n { t += a[i][j] * x[j] }
          f[0] += 0.5 * t * t
          for j in 0..<n { g[j] += t * a[i][j] }
        }
        return 0
      }
      return functions
    }
  }

  private func problem(
    _ functions: Functions, start: [Double], term: String? = nil,
    _ parameters: [String: [Double]] = [:]
  ) throws -> Problem {
    let problem = Problem(kind: CompositeKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer(start))))
    if let term { try problem.set("term", .text(term)) }
    for (name, values) in parameters {
      let shape = values.count == 1 ? [] : [values.count]
      try problem.set("term_" + name, .array(Tensor(try Buffer(values), shape: shape)))
    }
    return problem
  }

  private func solve(
    _ problem: Problem, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: AcceleratedProximalGradient.spec)
    for (name, value) in options { try settings.set(name, value) }
    let run = try settings.run(for: AcceleratedProximalGradient.spec)
    let result = try AcceleratedProximalGradient.entry.solve(try problem.seal(), run)
    return result.adding(try CommonOutputs.fields(of: result, run.monitor))
  }

  private let zeros = [Double](repeating: 0, count: 20)

  /// The lasso: -f' is w times a sign where x is not 0, at most w elsewhere.
  @Test(arguments: [true, false]) func lasso(_ restart: Bool) throws {
    let sample = Sample()
    let result = try solve(
      problem(sample.functions, start: zeros, term: "l1", ["weight": [2]]),
      ["restart": .flag(restart)])
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    let x = try result.array("x").list()
    for (t, g) in zip(x, sample.gradient(x)) {
      if t != 0 { #expect(abs(g + (t > 0 ? 2 : -2)) < 1e-6) } else { #expect(abs(g) <= 2 + 1e-6) }
    }
    #expect(x.contains(0) && x.contains { $0 != 0 })
    var (value, norm) = (0.0, 0.0)
    for r in sample.residual(x) { value += 0.5 * r * r }
    for t in x { norm += 2 * abs(t) }
    #expect(abs(try result.real("objective") - value - norm) < 1e-10)
  }

  /// On a simplex the gap is that of Frank and Wolfe, and bounds the distance to the minimum.
  @Test func simplexHasAGap() throws {
    let sample = Sample()
    let result = try solve(
      problem(sample.functions, start: zeros, term: "simplex"), ["tolerance": .real(1e-10)])
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(x.reduce(0, +) - 1) < 1e-9 && x.allSatisfy { $0 >= 0 })
    let g = sample.gradient(x)
    var gap: Double = -(g.min() ?? 0)
    for j in 0..<20 { gap += x[j] * g[j] }
    #expect(abs(try result.real("gap") - gap) < 1e-10)
    #expect(gap < 1e-7)
    // A rough solve is within its gap of the minimum.
    let rough = try solve(
      problem(sample.functions, start: zeros, term: "simplex"), ["max_iterations": .int(3)])
    let (best, reached) = (try result.real("objective"), try rough.real("objective"))
    #expect(reached - best <= (try rough.real("gap")) && reached > best)
  }

  /// A proximal map of the host gives the answer of the named one.
  @Test func proxOfTheHost() throws {
    let sample = Sample()
    var functions = sample.functions
    functions.prox = { x, step, out in
      for j in 0..<20 { out[j] = max(0, abs(x[j]) - 2 * step) * (x[j] < 0 ? -1 : 1) }
      return 0
    }
    let own = try solve(problem(functions, start: zeros))
    let named = try solve(problem(sample.functions, start: zeros, term: "l1", ["weight": [2]]))
    #expect(own.status == .solved)
    for (a, b) in zip(try own.array("x").list(), try named.array("x").list()) {
      #expect(abs(a - b) < 1e-6)
    }
    #expect(failure { () throws(KantorError) in
      let both = Problem(kind: CompositeKind.kind)
      try both.set("functions", .functions(functions))
      try both.set("start", .array(Tensor(try Buffer([1.0]))))
      try both.set("term", .text("l1"))
      try both.seal()
    } == .unsupported)
  }

  /// Nesterov's quadratic, on which no method of first order falls faster than 1/k before k = n/2:
  /// the bound of the paper holds, and the fall is the best there is. Plain steps have k^(-1/2).
  @Test func gapStaysBelowTheBound() throws {
    let n = 400
    var functions = Functions()
    functions.valueGradient = { x, f, g in
      f[0] = 0.5 * (x[0] * x[0] + x[n - 1] * x[n - 1]) - x[0]
      for j in 0..<n { g[j] = 0 }
      g[0] = x[0] - 1
      g[n - 1] += x[n - 1]
      for j in 0..<(n - 1) {
        let d = x[j] - x[j + 1]
        f[0] += 0.5 * d * d
        g[j] += d
        g[j + 1] -= d
      }
      return 0
    }
    let best: Double = -0.5 * (1 - 1 / Double(n + 1))
    let result = try solve(
      problem(functions, start: [Double](repeating: 0, count: n)),
      ["trace": .flag(true), "max_iterations": .int(150), "curvature": .real(4)])
    let gaps = try result.array("trace_objective").list().map { $0 - best }
    // 2 L |x*|^2/(k + 1)^2.
    var square = 0.0
    for j in 1...n {
      let t: Double = 1 - Double(j) / Double(n + 1)
      square += t * t
    }
    for k in 1..<gaps.count {
      let bound: Double = 8 * square / pow(Double(k) + 1, 2)
      #expect(gaps[k] <= bound)
    }
    let rate = fittedRate(gaps, from: 10, to: 150)
    #expect(rate < -0.95, "rate \(rate)")
  }

  /// With restarts convergence is linear on strongly convex functions, and quicker than without.
  @Test func restartsPay() throws {
    var functions = Functions()
    functions.valueGradient = { x, f, g in
      f[0] = 0
      for j in 0..<50 {
        let h = pow(10, -3 * Double(j) / 49)
        f[0] += 0.5 * h * (x[j] - 1) * (x[j] - 1)
        g[j] = h * (x[j] - 1)
      }
      return 0
    }
    let start = [Double](repeating: 0, count: 50)
    let with = try solve(problem(functions, start: start))
    let without = try solve(problem(functions, start: start), ["restart": .flag(false)])
    #expect(with.status == .solved)
    let (few, many) = (try with.int("iterations"), try without.int("iterations"))
    #expect(few < many, "\(few) with and \(many) without restarts")
    #expect(try with.int("restarts") > 1)
  }

  /// Not convex: a stationary point in a box.
  @Test func notConvex() throws {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = cos(3 * x[0]) * (1 + x[1] * x[1]) + 0.1 * x[0] * x[0]
      return 0
    }
    functions.gradient = { x, out in
      out[0] = -3 * sin(3 * x[0]) * (1 + x[1] * x[1]) + 0.2 * x[0]
      out[1] = 2 * cos(3 * x[0]) * x[1]
      return 0
    }
    let result = try solve(
      problem(functions, start: [0.3, 0.5], term: "box", ["lower": [-1.3], "upper": [1.3]]))
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(abs(x[1]) - 1.3) < 1e-9)
    let slope: Double = -3 * sin(3 * x[0]) * (1 + 1.69) + 0.2 * x[0]
    #expect(abs(slope) < 1e-6, "\(x)")
  }

  @Test func failures() throws {
    let sample = Sample()
    func refusal(_ problem: Problem) -> KantorError? {
      error { () throws(KantorError) in try problem.seal() }
    }
    var only = Functions()
    only.value = { _, _ in 0 }
    #expect(refusal(try problem(only, start: [1]))?.code == .missing)
    #expect(
      refusal(try problem(sample.functions, start: zeros, term: "l1", ["weight": [-1]])) != nil)
    #expect(
      refusal(try problem(sample.functions, start: zeros, term: "l1", ["radius": [1]]))?
        .message.contains("radius") == true)
    var broken = sample.functions
    broken.valueGradient = { _, f, g in
      f[0] = .nan
      for j in 0..<20 { g[j] = 0 }
      return 0
    }
    let failed = try solve(problem(broken, start: zeros, term: "l1"))
    #expect(failed.status == .callbackError)
    #expect(try failed.text("message").contains("at the start"))
    for limit in [1, 2, 7] {
      let result = try solve(
        problem(sample.functions, start: zeros, term: "l1"),
        ["max_evaluations": .int(Int64(limit))])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") == Int64(limit))
    }
    let calls = Mutex(0)
    var ending = sample.functions
    let inner = ending.valueGradient
    ending.valueGradient = { x, f, g in
      let k = calls.withLock {
        $0 += 1
        return $0
      }
      return k == 5 ? -3 : inner?(x, f, g) ?? 1
    }
    #expect(try solve(problem(ending, start: zeros, term: "l1")).status == .stoppedByCallback)
  }
}
