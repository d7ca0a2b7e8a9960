import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Derivatives of solutions of inclusions, games and saddle points.
@Suite struct DerivativeTests {
  /// F(x; p)_i = 2 x_i + x_{i+1} - x_{i-1} + x_i^3 / 3 - p_{i mod 3} - i/n, on a ring.
  private static func ring(
    _ n: Int, _ p: [Double], prox: String, blocks: [Double]? = nil, jacobian: Bool = true,
    bounds: ([Double], [Double])? = nil, kind: ProblemKind = InclusionKind.kind
  ) throws -> Problem {
    let count = p.count
    var functions = Functions()
    functions.map = { x, out in
      for i in 0..<n {
        let coupled = x[(i + 1) % n] - x[(i + n - 1) % n]
        out[i] = 2 * x[i] + coupled + x[i] * x[i] * x[i] / 3 - p[i % count]
          - Double(i) / Double(n)
      }
      return 0
    }
    if jacobian {
      functions.jacobian = { x, out in
        for e in 0..<n * n { out[e] = 0 }
        for i in 0..<n {
          out[i * n + i] = 2 + x[i] * x[i]
          out[i * n + (i + 1) % n] += 1
          out[i * n + (i + n - 1) % n] -= 1
        }
        return 0
      }
    }
    functions.parameterJacobian = { _, out in
      for i in 0..<n { for k in 0..<count { out[i * count + k] = i % count == k ? -1 : 0 } }
      return 0
    }
    let problem = Problem(kind: kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("parameters", .array(Tensor(try Buffer(p))))
    try problem.set("prox", .text(prox))
    if let blocks { try problem.set("prox_blocks", .array(Tensor(try Buffer(blocks)))) }
    if let (low, high) = bounds {
      try problem.set("prox_lower", .array(Tensor(try Buffer(low))))
      try problem.set("prox_upper", .array(Tensor(try Buffer(high))))
    }
    return problem
  }

  private static let entry = GoldenRatio.entry

  private static func solved(_ problem: Problem) throws -> Result {
    let result = try run(
      entry, problem, ["tolerance": .real(1e-12), "max_iterations": .int(100_000)])
    #expect(result.status == .solved)
    return result
  }

  /// d (w'x) / d field: products in both directions against differences of solutions.
  private func compare(
    _ field: String, _ at: [Double], within tolerance: Double = 1e-6,
    _ make: ([Double]) throws -> Problem
  ) throws {
    let result = try Self.solved(try make(at))
    let n = try result.array("x").count
    let w = numbers(n, 3)
    let pulled = try #require(
      try result.vjp(cotangents: ["x": Tensor(try Buffer(w))], wanted: [field])[field]).list()
    for k in at.indices {
      var (ahead, behind, unit) = (at, at, [Double](repeating: 0, count: at.count))
      ahead[k] += 1e-4
      behind[k] -= 1e-4
      unit[k] = 1
      let p = try Self.solved(try make(ahead)).array("x").list()
      let q = try Self.solved(try make(behind)).array("x").list()
      let slopes = zip(p, q).map { ($0 - $1) / 2e-4 }
      let expected = zip(slopes, w).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(pulled[k] - expected) < tolerance, "\(field) \(k)")
      let pushed = try #require(
        try result.jvp(tangents: [field: Tensor(try Buffer(unit))], wanted: ["x"])["x"]).list()
      #expect(distance(pushed, slopes) < tolerance, "\(field) \(k)")
    }
  }

  @Test(arguments: [
    "zero", "nonnegative", "box -0.1 0.3", "simplex 1", "l1 0.3", "l2_ball 0.5", "l2 0.2",
    "l1_ball 0.7", "huber 0.4 0.3", "total_variation 0.1",
  ])
  func parametersMatchDifferences(_ prox: String) throws {
    try compare("parameters", [0.5, -0.4, 0.2]) { try Self.ring(7, $0, prox: prox) }
  }

  @Test func partsAndDifferencedJacobians() throws {
    try compare("parameters", [0.5, -0.4]) {
      try Self.ring(
        8, $0, prox: "simplex 1, box 0 0.2, zero", blocks: [3, 3, 2], jacobian: false)
    }
  }

  @Test func bounds() throws {
    let (low, high) = ([-0.1, 0.2, -1, -1, -1], [0.1, 1, 0.05, 1, 1.0])
    try compare("prox_lower", low) {
      try Self.ring(5, [0.4, -0.3], prox: "box", bounds: ($0, high))
    }
    try compare("prox_upper", high) {
      try Self.ring(5, [0.4, -0.3], prox: "box", bounds: (low, $0))
    }
  }

  /// F(x) = M x + q - p on the box [0, 1]^n: on the free variables dx_F = M_FF^-1 dp_F.
  @Test func affineOnABox() throws {
    let n = 6
    var m = numbers(n * n, 5)
    for i in 0..<n { m[i * n + i] += 4 }
    let q = numbers(n, 9).map { 3 * $0 }
    var functions = Functions()
    let matrix = m
    functions.map = { x, out in
      for i in 0..<n {
        out[i] = q[i]
        for j in 0..<n { out[i] += matrix[i * n + j] * x[j] }
      }
      return 0
    }
    functions.parameterJacobian = { _, out in
      for e in 0..<n * n { out[e] = e % (n + 1) == 0 ? -1 : 0 }
      return 0
    }
    let problem = Problem(kind: InclusionKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("parameters", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("prox", .text("box 0 1"))
    let result = try Self.solved(problem)
    let x = try result.array("x").list()
    let free = (0..<n).filter { x[$0] > 1e-9 && x[$0] < 1 - 1e-9 }
    #expect(free.count > 0 && free.count < n)
    let w = numbers(n, 7)
    let transposed = free.flatMap { i in free.map { j in m[j * n + i] } }
    let inner = linearSolve(transposed, free.map { w[$0] })
    var expected = [Double](repeating: 0, count: n)
    for (k, i) in free.enumerated() { expected[i] = inner[k] }
    let found = try #require(
      try result.vjp(
        cotangents: ["x": Tensor(try Buffer(w))], wanted: ["parameters"])["parameters"]).list()
    #expect(distance(found, expected) < 1e-9)
  }

  /// Firms with the price 12 - p - sum q: q_i = (12 - p) / (n + 1) each.
  @Test func firms() throws {
    let n = 3
    var functions = Functions()
    functions.map = { q, out in
      let total = (0..<n).reduce(0.0) { $0 + q[$1] }
      for i in 0..<n { out[i] = 2 + total + q[i] - 12 }
      return 0
    }
    functions.parameterJacobian = { _, out in
      for i in 0..<n { out[i] = 1 }
      return 0
    }
    let problem = Problem(kind: GameKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer<Double>(count: n))))
    try problem.set("players", .array(Tensor(try Buffer([1.0]), shape: [])))
    try problem.set("parameters", .array(Tensor(try Buffer([2.0]))))
    try problem.set("prox", .text("nonnegative"))
    let entry = try #require(
      EquilibriumMethods.game.first { $0.spec.name == Self.entry.spec.name })
    let result = try run(entry, problem, ["tolerance": .real(1e-12)])
    let one = Tensor(try Buffer([1.0]))
    let moved = try #require(
      try result.jvp(tangents: ["parameters": one], wanted: ["x"])["x"]).list()
    #expect(distance(moved, [-0.25, -0.25, -0.25]) < 1e-8)
  }

  /// x^2 + (x - p) y - y^2 has its saddle point at x = p/5, y = -2p/5; x^2 may be a function of its
  /// own.
  @Test(arguments: [false, true]) func saddlePoints(isApart: Bool) throws {
    var functions = Functions()
    var primal = Functions()
    primal.gradient = { x, out in
      out[0] = 2 * x[0]
      return 0
    }
    functions.gradient = { z, out in
      out[0] = (isApart ? 0 : 2 * z[0]) + z[1]
      out[1] = z[0] - 1.5 - 2 * z[1]
      return 0
    }
    functions.parameterGradient = { _, sigma, _, out in
      out[0] = 0
      out[1] = -sigma
      return 0
    }
    let problem = Problem(kind: SaddleKind.kind)
    try problem.set("functions", .functions(functions))
    if isApart { try problem.set("primal", .functions(primal)) }
    try problem.set("start_x", .array(Tensor(try Buffer([1.0]))))
    try problem.set("start_y", .array(Tensor(try Buffer([1.0]))))
    try problem.set("parameters", .array(Tensor(try Buffer([1.5]))))
    let entry = try #require(
      EquilibriumMethods.saddle.first { $0.spec.name == Self.entry.spec.name })
    let result = try run(entry, problem, ["tolerance": .real(1e-12)])
    let one = Tensor(try Buffer([1.0]))
    let moved = try result.jvp(tangents: ["parameters": one], wanted: ["x", "y"])
    #expect(abs(try #require(try moved["x"]?.list())[0] - 0.2) < 1e-8)
    #expect(abs(try #require(try moved["y"]?.list())[0] + 0.4) < 1e-8)
  }

  /// f + phi = x^2 + (x - p) y - y^2 with the values of both, and |x| / 2 beside, which is no part
  /// of the objective. Without it the value at the saddle point is p^2/5; with it, for p > 1,
  /// x = (p - 1) / 5 and y = -(2 p + 1/2) / 5.
  @Test(arguments: [false, true]) func valueOfSaddlePoints(isPriced: Bool) throws {
    let p = 1.5
    var functions = Functions()
    functions.valueGradient = { z, value, out in
      value.pointee = z[0] * z[0] + (z[0] - p) * z[1] - z[1] * z[1]
      out[0] = 2 * z[0] + z[1]
      out[1] = z[0] - p - 2 * z[1]
      return 0
    }
    functions.parameterGradient = { _, sigma, _, out in
      out[0] = 0
      out[1] = -sigma
      return 0
    }
    func solved(_ functions: Functions) throws -> Result {
      let problem = Problem(kind: SaddleKind.kind)
      try problem.set("functions", .functions(functions))
      if isPriced { try problem.set("prox_x", .text("l1 0.5")) }
      try problem.set("start_x", .array(Tensor(try Buffer([1.0]))))
      try problem.set("start_y", .array(Tensor(try Buffer([1.0]))))
      try problem.set("parameters", .array(Tensor(try Buffer([p]))))
      let entry = try #require(
        EquilibriumMethods.saddle.first { $0.spec.name == Self.entry.spec.name })
      return try run(entry, problem, ["tolerance": .real(1e-12)])
    }
    let without = try solved(functions)
    #expect(refused(without, "parameters", of: "objective")?.message.contains("parameter_value")
      == true)
    functions.parameterValue = { z, out in
      out[0] = -z[1]
      return 0
    }
    let result = try solved(functions)
    // Of x^2 + (x - p) y - y^2 along x(p), y(p).
    let (x, y, dx) = isPriced ? ((p - 1) / 5, -(2 * p + 0.5) / 5, 0.2) : (p / 5, -2 * p / 5, 0.2)
    #expect(abs(try result.real("objective") - (x * x + (x - p) * y - y * y)) < 1e-9)
    let expected = (2 * x + y) * dx + (x - p - 2 * y) * -0.4 - y
    if !isPriced { #expect(abs(expected - 2 * p / 5) < 1e-12) }
    let one = Tensor(try Buffer([1.0]), shape: [])
    let pulled = try #require(
      try result.vjp(cotangents: ["objective": one], wanted: ["parameters"])["parameters"])
    let pushed = try #require(
      try result.jvp(
        tangents: ["parameters": Tensor(try Buffer([1.0]))], wanted: ["objective"])["objective"])
    #expect(abs(try pulled.list()[0] - expected) < 1e-8)
    #expect(abs(try pushed.list()[0] - expected) < 1e-8)
  }

  // MARK: Failures

  private func refused(
    _ result: Result, _ wanted: String, of name: String = "x"
  ) -> KantorError? {
    error { () throws(KantorError) in
      let count = name == "x" ? try result.array("x").count : 1
      let ones = Tensor(try Buffer<Double>(count: count, repeating: 1))
      _ = try result.vjp(cotangents: [name: ones], wanted: [wanted])
    }
  }

  @Test func refusals() throws {
    let result = try Self.solved(try Self.ring(4, [0.2], prox: "zero"))
    #expect(refused(result, "start")?.code == .unsupported)
    #expect(refused(result, "prox_lower")?.message.contains("prox_lower") == true)
    #expect(refused(result, "parameters", of: "operator")?.code == .unsupported)
    let bare = try Sample([0, 0], map: { x in x.map { $0 - 1 } }).solve(Self.entry)
    #expect(refused(bare, "parameters")?.code == .missing)
  }

  @Test func theHostsProxHasNone() throws {
    let problem = try Self.ring(4, [0.2], prox: "callback")
    guard case .functions(var functions) = try problem.get("functions") else { return }
    functions.prox = { x, _, out in
      for i in 0..<4 { out[i] = max(x[i], 0) }
      return 0
    }
    try problem.set("functions", .functions(functions))
    let failed = refused(try Self.solved(problem), "parameters")
    #expect(failed?.code == .unsupported)
    #expect(failed?.message.contains("prox") == true)
  }

  /// Where solutions fill a line there is no derivative.
  @Test func singularSolutions() throws {
    var functions = Functions()
    functions.map = { x, out in
      out[0] = x[0] + x[1] - 1
      out[1] = x[0] + x[1] - 1
      return 0
    }
    functions.parameterJacobian = { _, out in
      out[0] = 1
      out[1] = -1
      return 0
    }
    let problem = Problem(kind: InclusionKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer([0.0, 0]))))
    try problem.set("parameters", .array(Tensor(try Buffer([0.0]))))
    let result = try Self.solved(problem)
    let failed = error { () throws(KantorError) in
      _ = try result.vjp(cotangents: ["x": Tensor(try Buffer([1.0, 0]))], wanted: ["parameters"])
    }
    #expect(failed?.message.contains("singular") == true)
  }
}
