import Glibc
import KantorBlocks
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Sparse problems of scalable size.
enum ScalableProblem {
  static func pattern(
    _ rows: [Int], _ columns: [Int], _ m: Int, _ n: Int
  ) throws -> FieldValue {
    .sparse(
      try SparseTensor(
        format: .coo, rows: m, columns: n, values: Tensor(try Buffer<Double>(count: rows.count)),
        indices: Tensor(try Buffer(rows.map { Int64($0) })),
        offsets: Tensor(try Buffer(columns.map { Int64($0) }))))
  }

  static func vector(_ values: [Double]) throws -> FieldValue {
    .array(Tensor(try Buffer(values)))
  }

  /// Luksan and Vlcek's chained Rosenbrock function with trigonometric-exponential equations.
  static func chain(_ n: Int, hessian: Bool = true) throws -> NonlinearProblem {
    let m = n - 2
    var f = Functions()
    f.value = { x, out in
      var sum = 0.0
      for i in 0..<n - 1 {
        let a = x[i] * x[i] - x[i + 1]
        sum += 100 * a * a + (x[i] - 1) * (x[i] - 1)
      }
      out[0] = sum
      return 0
    }
    f.gradient = { x, g in
      for i in 0..<n { g[i] = 0 }
      for i in 0..<n - 1 {
        let a = x[i] * x[i] - x[i + 1]
        g[i] += 400 * a * x[i] + 2 * (x[i] - 1)
        g[i + 1] -= 200 * a
      }
      return 0
    }
    f.map = { x, c in
      for k in 0..<m {
        let (a, b, d) = (x[k], x[k + 1], x[k + 2])
        c[k] = 3 * b * b * b + 2 * d - 5 + sin(b - d) * sin(b + d) + 4 * b - a * exp(a - b) - 3
      }
      return 0
    }
    f.jacobian = { x, j in
      for k in 0..<m {
        let (a, b, d) = (x[k], x[k + 1], x[k + 2])
        let e = exp(a - b)
        j[3 * k] = -(1 + a) * e
        j[3 * k + 1] = 9 * b * b + cos(b - d) * sin(b + d) + sin(b - d) * cos(b + d) + 4 + a * e
        j[3 * k + 2] = 2 - cos(b - d) * sin(b + d) + sin(b - d) * cos(b + d)
      }
      return 0
    }
    // Lower triangle: diagonal first, then (i + 1, i); repeated entries are added up.
    if hessian {
      f.hessian = { x, s, y, h in
        for k in 0..<2 * n - 1 { h[k] = 0 }
        for i in 0..<n - 1 {
          h[i] += s * (1200 * x[i] * x[i] - 400 * x[i + 1] + 2)
          h[i + 1] += s * 200
          h[n + i] -= s * 400 * x[i]
        }
        for k in 0..<m {
          let (a, b, d) = (x[k], x[k + 1], x[k + 2])
          let e = exp(a - b)
          // sin(b-d) sin(b+d) = sin(b)^2 - sin(d)^2.
          h[k] -= y[k] * (2 + a) * e
          h[n + k] += y[k] * (1 + a) * e
          h[k + 1] += y[k] * (18 * b + 2 * cos(2 * b) - a * e)
          h[k + 2] -= y[k] * 2 * cos(2 * d)
        }
        return 0
      }
    }
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(f))
    try problem.set("start", vector((0..<n).map { $0 % 2 == 0 ? -1.2 : 1 }))
    try problem.set("constraint_lower", vector([Double](repeating: 0, count: m)))
    try problem.set("constraint_upper", vector([Double](repeating: 0, count: m)))
    try problem.set(
      "jacobian_pattern",
      pattern((0..<m).flatMap { [$0, $0, $0] }, (0..<m).flatMap { [$0, $0 + 1, $0 + 2] }, m, n))
    try problem.set(
      "hessian_pattern",
      pattern(Array(0..<n) + Array(1..<n), Array(0..<n) + Array(0..<n - 1), n, n))
    return try sealed(problem)
  }

  /// Control of the Poisson equation on an N x N grid: w* wanted, z between -5 and 5.
  static func control(
    _ side: Int, bound: Double = .infinity, right: [Double]? = nil
  ) throws -> NonlinearProblem {
    let n = side * side
    let h = 2 / Double(side + 1)
    let scale = 1 / (h * h)
    let wanted = (0..<n).map { (k: Int) -> Double in
      let (i, j) = (Double(k % side + 1), Double(k / side + 1))
      let half = Double(side + 1) / 2
      let c = 0.1 / 15.0.squareRoot()
      return sin(4 + c * (i - half)) + cos(3 + c * (j - half))
    }
    var (rows, columns, values) = ([Int](), [Int](), [Double]())
    func add(_ i: Int, _ j: Int, _ v: Double) {
      rows.append(i)
      columns.append(j)
      values.append(v)
    }
    for k in 0..<n {
      let (i, j) = (k % side, k / side)
      add(k, k, -4 * scale)
      if i > 0 { add(k, k - 1, scale) }
      if i < side - 1 { add(k, k + 1, scale) }
      if j > 0 { add(k, k - side, scale) }
      if j < side - 1 { add(k, k + side, scale) }
      add(k, n + k, 1)
    }
    var f = Functions()
    f.value = { x, out in
      var sum = 0.0
      for k in 0..<n {
        sum += 0.5 * (x[k] - wanted[k]) * (x[k] - wanted[k]) + 0.05 * x[n + k] * x[n + k]
      }
      out[0] = sum
      return 0
    }
    f.gradient = { x, g in
      for k in 0..<n {
        g[k] = x[k] - wanted[k]
        g[n + k] = 0.1 * x[n + k]
      }
      return 0
    }
    let (r, c, v) = (rows, columns, values)
    f.map = { x, out in
      for k in 0..<n { out[k] = 0 }
      for k in 0..<v.count { out[r[k]] += v[k] * x[c[k]] }
      return 0
    }
    f.jacobian = { _, out in
      for k in 0..<v.count { out[k] = v[k] }
      return 0
    }
    f.hessian = { _, s, _, out in
      for k in 0..<n {
        out[k] = s
        out[n + k] = 0.1 * s
      }
      return 0
    }
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(f))
    let zeros = [Double](repeating: 0, count: n)
    try problem.set("start", vector(zeros + zeros))
    if bound.isFinite {
      let free = [Double](repeating: .infinity, count: n)
      let side = [Double](repeating: bound, count: n)
      try problem.set("lower", vector((free + side).map { -$0 }))
      try problem.set("upper", vector(free + side))
    }
    try problem.set("constraint_lower", vector(right ?? zeros))
    try problem.set("constraint_upper", vector(right ?? zeros))
    try problem.set("jacobian_pattern", pattern(rows, columns, n, 2 * n))
    try problem.set("hessian_pattern", pattern(Array(0..<2 * n), Array(0..<2 * n), 2 * n, 2 * n))
    return try sealed(problem)
  }

  static func sealed(_ problem: Problem) throws -> NonlinearProblem {
    guard let sealed = try problem.seal() as? NonlinearProblem else {
      throw KantorError(.internal, "another kind of problem")
    }
    return sealed
  }
}

@Suite struct InteriorPointSparseTests {
  private let entry = NonlinearInteriorPoint.entry

  @Test func publishedOptimaOfControl() throws {
    for (side, optimum) in [(3, 9.644442051811629), (32, 1177.82129923)] {
      let s = try Solving.run(entry, try ScalableProblem.control(side))
      #expect(s.status == .solved && abs(s.objective - optimum) < 1e-7 * optimum)
      #expect(s.count("iterations") == 1)
    }
  }

  @Test func controlWithBounds() throws {
    let s = try Solving.run(entry, try ScalableProblem.control(32, bound: 5))
    #expect(s.status == .solved && s.count("iterations") <= 15)
  }

  @Test func limitedMemoryWithoutSecondDerivatives() throws {
    let chain = try Solving.run(
      entry, try ScalableProblem.chain(300, hessian: false), ["hessian": .text("bfgs")])
    #expect(chain.status == .solved && chain.count("hessian_evaluations") == 0)
    let problem = try ScalableProblem.control(12, bound: 5)
    let control = try Solving.run(entry, problem, ["hessian": .text("bfgs")])
    let exact = try Solving.run(entry, problem)
    #expect(control.status == .solved && abs(control.objective - exact.objective) < 1e-6)
  }

  @Test func chainOfEquations() throws {
    for n in [100, 1000, 5000] {
      let exact = try Solving.run(entry, try ScalableProblem.chain(n))
      #expect(exact.status == .solved && exact.count("iterations") <= 40)
    }
    let exact = try Solving.run(entry, try ScalableProblem.chain(100))
    let differenced = try Solving.run(entry, try ScalableProblem.chain(100, hessian: false))
    #expect(differenced.status == .solved)
    #expect(abs(exact.objective - differenced.objective) < 1e-6)
  }

  /// The answer is linear in the right side of this problem; its system is too large to be dense.
  @Test func derivativesOfLargeSolutions() throws {
    let count = 40 * 40
    let change = (0..<count).map { sin(Double($0)) }
    let s = try Solving.run(entry, try ScalableProblem.control(40))
    let moved = try Solving.run(entry, try ScalableProblem.control(40, right: change))
    let tangent = Tensor(try Buffer(change))
    let x = try #require(
      try s.result.jvp(tangents: ["constraint_upper": tangent], wanted: ["x"])["x"]).list()
    let apart = zip(x, zip(s.x, moved.x)).map { abs($0 - ($1.1 - $1.0)) }.max() ?? .infinity
    #expect(apart < 1e-7)
    let weights = (0..<2 * count).map { cos(0.3 * Double($0)) }
    let cotangent = Tensor(try Buffer(weights))
    let pulled = try #require(
      try s.result.vjp(cotangents: ["x": cotangent], wanted: ["constraint_upper"])[
        "constraint_upper"]
    ).list()
    let (a, b) = (
      zip(x, weights).reduce(0) { $0 + $1.0 * $1.1 },
      zip(pulled, change).reduce(0) { $0 + $1.0 * $1.1 }
    )
    #expect(abs(a - b) < 1e-8 * max(1, abs(a)))
  }
}
