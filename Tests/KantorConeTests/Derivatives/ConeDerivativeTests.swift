import Glibc
import KantorCatalog
import KantorCore
import KantorNumerics
import TestSupport
import Testing

import KantorBlocks
import KantorCone

/// Strongly convex programs with few rows, solved to rounding by steps on the dual: slow, simple.
private struct Program {
  var p: [[Double]]
  var q: [Double]
  var a: [[Double]]
  var b: [Double]
  var lower: [Double] = []
  var upper: [Double] = []
  let cone: String

  init(_ cone: String, rows m: Int, seed: UInt64, box: Bool = false) {
    var numbers = Numbers(seed)
    let n = m + 4
    let root = (0..<n).map { _ in numbers.list(n) }
    p = (0..<n).map { i in
      (0..<n).map { j in (i == j ? 1.5 : 0) + 0.2 * dot(root[i], root[j]) }
    }
    q = numbers.list(n)
    a = (0..<m).map { _ in numbers.list(n) }
    b = numbers.list(m)
    self.cone = cone
    if box {
      lower = numbers.list(m).map { -0.3 + 0.2 * $0 }
      upper = numbers.list(m).map { 0.3 + 0.2 * $0 }
    }
  }

  var sample: ConeSample {
    ConeSample(p: p, q: q, a: a, b: b, cones: cone, lower: lower, upper: upper)
  }

  /// M y = r by elimination; M is positive definite.
  private func solve(_ r: [Double]) -> [Double] {
    var (m, y) = (p, r)
    let n = y.count
    for k in 0..<n {
      for i in (k + 1)..<max(n, k + 1) {
        let f = m[i][k] / m[k][k]
        for j in k..<n { m[i][j] -= f * m[k][j] }
        y[i] -= f * y[k]
      }
    }
    for k in stride(from: n - 1, through: 0, by: -1) {
      for j in (k + 1)..<max(n, k + 1) { y[k] -= m[k][j] * y[j] }
      y[k] /= m[k][k]
    }
    return y
  }

  private func gradient(_ z: [Double]) -> [Double] {
    (0..<q.count).map { j in -q[j] - (0..<b.count).reduce(0) { $0 + a[$1][j] * z[$1] } }
  }

  func point() throws -> (x: [Double], s: [Double], z: [Double]) {
    let sealed = try sample.sealed()
    let projection = try ConeProjection(
      sealed.cones, lower: sealed.lower, upper: sealed.upper)
    var bound = 0.0
    for i in 0..<b.count { bound += dot(a[i], solve(a[i])) }
    let unit = { (j: Int) in self.q.indices.map { $0 == j ? 1.0 : 0.0 } }
    let inverse = q.indices.map { solve(unit($0)) }
    // At most the trace of A P^-1 A'.
    let step = 1.5 / bound
    var z = b.map { _ in 0.0 }
    var (x, s) = ([Double](), [Double]())
    let w = try Buffer<Double>(count: b.count)
    for _ in 0..<40_000 {
      let g = gradient(z)
      x = inverse.map { dot($0, g) }
      // s minimises step-scaled distance: s = P(b - Ax - z/step), z += step (Ax + s - b).
      for i in 0..<b.count { w[i] = b[i] - dot(a[i], x) - z[i] / step }
      #expect(projection.project(w.pointer))
      s = Array(w.span)
      var change = 0.0
      for i in 0..<b.count {
        let d = step * (dot(a[i], x) + s[i] - b[i])
        z[i] += d
        change = max(change, abs(d))
      }
      if change < 1e-16 { break }
    }
    return (solve(gradient(z)), s, z)
  }

  func derivative() throws -> ConeDerivative {
    let (x, s, z) = try point()
    return ConeDerivative(
      problem: try sample.sealed(), x: try Buffer(x), s: try Buffer(s), z: try Buffer(z))
  }

  var names: [String] { ["P", "q", "A", "b"] + (lower.isEmpty ? [] : ["lower", "upper"]) }

  /// A direction in the data; P's is symmetric.
  func direction(_ seed: UInt64) throws -> [String: Tensor] {
    var numbers = Numbers(seed)
    let (n, m) = (q.count, b.count)
    var dp = (0..<n).map { _ in numbers.list(n) }
    for i in 0..<n { for j in 0..<i { dp[i][j] = dp[j][i] } }
    var all: [String: Tensor] = [
      "P": Tensor(try Buffer(dp.flatMap { $0 }), shape: [n, n]),
      "q": Tensor(try Buffer(numbers.list(n))),
      "A": Tensor(try Buffer(numbers.list(m * n)), shape: [m, n]),
      "b": Tensor(try Buffer(numbers.list(m))),
    ]
    if !lower.isEmpty {
      all["lower"] = Tensor(try Buffer(numbers.list(m)))
      all["upper"] = Tensor(try Buffer(numbers.list(m)))
    }
    return all
  }

  func moved(_ d: [String: Tensor], _ h: Double) throws -> Program {
    var other = self
    let (n, m) = (q.count, b.count)
    let (dp, da) = (try d["P"]?.doubles(), try d["A"]?.doubles())
    for i in 0..<n {
      for j in 0..<n { other.p[i][j] += h * (dp?[i * n + j] ?? 0) }
      other.q[i] += h * (try d["q"]?.doubles()[i] ?? 0)
    }
    for i in 0..<m {
      for j in 0..<n { other.a[i][j] += h * (da?[i * n + j] ?? 0) }
      other.b[i] += h * (try d["b"]?.doubles()[i] ?? 0)
      if lower.isEmpty { continue }
      other.lower[i] += h * (try d["lower"]?.doubles()[i] ?? 0)
      other.upper[i] += h * (try d["upper"]?.doubles()[i] ?? 0)
    }
    return other
  }

  /// x, s, z and the value.
  func answers() throws -> [Double] {
    let (x, s, z) = try point()
    let px = p.map { dot($0, x) }
    return x + s + z + [0.5 * dot(x, px) + dot(q, x)]
  }

  static let all: [Program] = [
    Program("zero 3", rows: 3, seed: 1), Program("nonnegative 5", rows: 5, seed: 2),
    Program("box 6", rows: 6, seed: 3, box: true), Program("second_order 4", rows: 4, seed: 4),
    Program("rotated_second_order 5", rows: 5, seed: 5), Program("exponential", rows: 3, seed: 6),
    Program("power 0.3", rows: 3, seed: 7),
    Program("generalized_power 2 0.5 0.3 0.2", rows: 5, seed: 8),
    Program("psd 3", rows: 6, seed: 9),
    Program("nonnegative 2, second_order 3, zero 1, exponential", rows: 9, seed: 10),
  ]
}

private func expectFailure(
  _ code: KantorError.Code, _ words: [String], _ body: () throws(KantorError) -> Void
) {
  guard let found = error(body) else {
    Issue.record("no failure")
    return
  }
  #expect(found.code == code, "\(found)")
  for word in words { #expect(found.message.contains(word), "\(found.message)") }
}

private func list(_ answers: [String: Tensor]) throws -> [Double] {
  var all: [Double] = []
  for name in ["x", "s", "z", "objective"] {
    all += try #require(answers[name]).list()
  }
  return all
}

@Suite struct ConeDerivativeTests {
  @Test(arguments: 0..<10)
  func productsAgreeWithDifferences(_ index: Int) throws {
    let program = Program.all[index]
    let derivative = try program.derivative()
    let h = 1e-5
    for seed in 0..<2 as Range<UInt64> {
      let d = try program.direction(100 + seed)
      let found = try list(try derivative.push(d, ConeDerivative.outputs))
      let (up, down) = (
        try program.moved(d, h).answers(), try program.moved(d, -h).answers())
      let expected = zip(up, down).map { ($0 - $1) / (2 * h) }
      let error = distance(found, expected)
      #expect(error < 2e-6 * max(1, size(expected)), "\(program.cone): \(error)")
    }
  }

  @Test(arguments: 0..<10)
  func theTwoProductsAreTransposed(_ index: Int) throws {
    let program = Program.all[index]
    let derivative = try program.derivative()
    let d = try program.direction(7)
    var numbers = Numbers(99)
    let (n, m) = (program.q.count, program.b.count)
    let cotangents: [String: Tensor] = [
      "x": Tensor(try Buffer(numbers.list(n))), "s": Tensor(try Buffer(numbers.list(m))),
      "z": Tensor(try Buffer(numbers.list(m))), "objective": Tensor(try Buffer([0.7]), shape: []),
    ]
    let pulled = try derivative.pull(cotangents, program.names)
    let pushed = try derivative.push(d, ConeDerivative.outputs)
    var (left, right) = (0.0, 0.0)
    for name in program.names {
      let (g, t) = (try #require(pulled[name]), try #require(d[name]))
      #expect(g.shape == t.shape)
      left += dot(try g.list(), try t.list())
    }
    for name in ConeDerivative.outputs {
      let (c, t) = (try #require(cotangents[name]), try #require(pushed[name]))
      right += dot(try c.list(), try t.list())
    }
    #expect(abs(left - right) < 1e-10 * max(1, abs(left)), "\(program.cone)")
  }

  @Test func valuesNeedNoSystem() throws {
    // Rows that say the same twice: multipliers are not unique, the value's derivatives are.
    let sample = ConeSample(
      p: [[1, 0], [0, 1]], q: [0, 0], a: [[1, 1], [1, 1]], b: [2, 2], cones: "zero 2")
    let derivative = ConeDerivative(
      problem: try sample.sealed(), x: try Buffer([1, 1]), s: try Buffer([0, 0]),
      z: try Buffer([-0.5, -0.5]))
    let one = Tensor(try Buffer([1.0]), shape: [])
    let g = try derivative.pull(["objective": one], ["q", "b", "A", "P"])
    #expect(try #require(g["q"]).list() == [1, 1])
    #expect(try #require(g["b"]).list() == [0.5, 0.5])
    #expect(try #require(g["A"]).list() == [-0.5, -0.5, -0.5, -0.5])
    #expect(try #require(g["P"]).list() == [0.5, 0.5, 0.5, 0.5])
  }

  @Test func degeneratePointsGetLeastSquares() throws {
    // As above: moving both rows by 1 moves x by (1/2, 1/2) and shares the multipliers.
    let sample = ConeSample(
      p: [[1, 0], [0, 1]], q: [0, 0], a: [[1, 1], [1, 1]], b: [2, 2], cones: "zero 2")
    let derivative = ConeDerivative(
      problem: try sample.sealed(), x: try Buffer([1, 1]), s: try Buffer([0, 0]),
      z: try Buffer([-0.5, -0.5]))
    let moved = try derivative.push(
      ["b": Tensor(try Buffer([1.0, 1.0]))], ["x", "z"])
    #expect(distance(try #require(moved["x"]).list(), [0.5, 0.5]) < 1e-9)
    let dz = try #require(moved["z"]).list()
    #expect(abs(dz[0] + dz[1] + 0.5) < 1e-9 && abs(dz[0] - dz[1]) < 1e-6)
    // Rows that move apart cannot both hold: the middle is taken.
    let apart = try derivative.push(["b": Tensor(try Buffer([1.0, 0.0]))], ["x"])
    #expect(distance(try #require(apart["x"]).list(), [0.25, 0.25]) < 1e-6)
  }

  @Test func theOptimumOfALinearProgramMovesWithItsVertex() throws {
    // max x + y, x <= 1, y <= 2, x + y <= 5: dx = db_1, dy = db_2.
    let sample = ConeSample(
      q: [-1, -1], a: [[1, 0], [0, 1], [1, 1]], b: [1, 2, 5], cones: "nonnegative 3")
    let result = try sample.solve()
    let x = Tensor(try Buffer([1.0, 10.0]))
    let pulled = try result.vjp(cotangents: ["x": x], wanted: ["b", "q"])
    #expect(distance(try #require(pulled["b"]).list(), [1, 10, 0]) < 1e-8)
    #expect(size(try #require(pulled["q"]).list()) < 1e-8)
    let pushed = try result.jvp(
      tangents: ["b": Tensor(try Buffer([0.0, 1.0, 0.0]))], wanted: ["objective", "s"])
    #expect(abs(try #require(pushed["objective"]).doubles()[0] + 1) < 1e-8)
    #expect(distance(try #require(pushed["s"]).list(), [0, 0, -1]) < 1e-8)
  }

  /// Numbers stored in any order, and twice; P as a triangle and whole.
  @Test func sparseFieldsHaveADerivativePerNumber() throws {
    func tensor(_ v: [Int]) throws -> Tensor { Tensor(try Buffer(v.map(Int64.init)), count: nil) }
    func solve(triangle: Bool) throws -> Result {
      let problem = Problem(kind: ConeKind.kind)
      // P = [[2, 1], [1, 3]], A = [1, 2] with its 2 as 1.5 + 0.5.
      let p: ([Double], [Int], [Int]) =
        triangle ? ([1, 3, 2], [0, 1, 0], [1, 1, 0]) : ([3, 1, 2, 1], [1, 0, 0, 1], [1, 1, 0, 0])
      try problem.set(
        "P", .sparse(
          try SparseTensor(
            format: .coo, rows: 2, columns: 2, values: Tensor(try Buffer(p.0)),
            indices: try tensor(p.1), offsets: try tensor(p.2))))
      try problem.set("q", .array(Tensor(try Buffer([-1.0, 1.0]))))
      try problem.set(
        "A", .sparse(
          try SparseTensor(
            format: .coo, rows: 1, columns: 2, values: Tensor(try Buffer([1.5, 1, 0.5])),
            indices: try tensor([0, 0, 0]), offsets: try tensor([1, 0, 1]))))
      try problem.set("b", .array(Tensor(try Buffer([1.0]))))
      try problem.set("cones", .text("zero 1"))
      return try Catalog.standard.solve(
        problem, settings: Settings(method: InteriorPoint.spec))
    }
    let x = Tensor(try Buffer([1.0, -2.0]))
    let whole = try solve(triangle: false).vjp(cotangents: ["x": x], wanted: ["P", "A"])
    let half = try solve(triangle: true).vjp(cotangents: ["x": x], wanted: ["P", "A"])
    let dense = try ConeSample(
      p: [[2, 1], [1, 3]], q: [-1, 1], a: [[1, 2]], b: [1], cones: "zero 1"
    ).solve().vjp(cotangents: ["x": x], wanted: ["P", "A"])
    let (p, a) = (
      try #require(dense["P"]).list(), try #require(dense["A"]).list()
    )
    #expect(size(p) > 0.01 && abs(p[1] - p[2]) < 1e-12)
    let found = try #require(whole["P"]).list()
    #expect(distance(found, [p[3], p[1], p[0], p[2]]) < 1e-8)
    let upper = try #require(half["P"]).list()
    #expect(distance(upper, [p[1] + p[2], p[3], p[0]]) < 1e-8)
    #expect(distance(try #require(whole["A"]).list(), [a[1], a[0], a[1]]) < 1e-8)
  }

  @Test func whatHasNoDerivativeIsRefused() throws {
    let sample = ConeSample(p: [[1]], q: [-3], a: [[1]], b: [1], cones: "nonnegative 1")
    let result = try sample.solve()
    let one = Tensor(try Buffer([1.0]), shape: [])
    expectFailure(.unsupported, ["'gap'"]) { () throws(KantorError) in
      _ = try result.vjp(cotangents: ["gap": one], wanted: ["q"])
    }
    expectFailure(.unsupported, ["'cones'"]) { () throws(KantorError) in
      _ = try result.vjp(cotangents: ["objective": one], wanted: ["cones"])
    }
    let two = Tensor(try Buffer([1.0, 2.0]))
    expectFailure(.shape, ["'q'", "(2,)", "(1,)"]) { () throws(KantorError) in
      _ = try result.jvp(tangents: ["q": two], wanted: ["x"])
    }
    let bare = try ConeSample(q: [1], a: [[-1]], b: [1], cones: "nonnegative 1").solve()
    expectFailure(.missing, ["'P'"]) { () throws(KantorError) in
      _ = try bare.vjp(cotangents: ["objective": one], wanted: ["P"])
    }
    // Rays have none.
    let unbounded = try ConeSample(q: [1], a: [[1]], b: [1], cones: "nonnegative 1").solve()
    expectFailure(.unsupported, ["no derivative"]) { () throws(KantorError) in
      _ = try unbounded.vjp(cotangents: ["objective": one], wanted: ["q"])
    }
  }
}

/// How near the derivatives are to a jump.
@Suite struct DerivativeQualityTests {
  private func quality(_ sample: ConeSample) throws -> Double {
    try sample.solve().array("derivative_quality").list()[0]
  }

  @Test func marginsOfHalfLines() throws {
    // min 1/2 x^2 - t x with x <= 1: s = 1 - t and z = 0, or s = 0 and z = t - 1.
    func bounded(_ t: Double) -> ConeSample {
      ConeSample(p: [[1]], q: [-t], a: [[1]], b: [1], cones: "nonnegative 1")
    }
    #expect(abs(try quality(bounded(0.75)) - 0.25) < 1e-6)
    #expect(abs(try quality(bounded(1.125)) - 0.125) < 1e-6)
    #expect(try quality(bounded(1)) < 1e-3)
    // The same bound as the side of a box.
    let box = ConeSample(
      p: [[1]], q: [-1.125], a: [[-1]], b: [0], cones: "box 1", lower: [-5], upper: [1])
    #expect(abs(try quality(box) - 0.125) < 1e-6)
  }

  @Test func marginsOfOtherCones() throws {
    // The point of the cone nearest to (t, 1, 0): its spectral values are t + 1 and t - 1.
    func nearest(_ t: Double) -> ConeSample {
      ConeSample(
        p: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], q: [-t, -1, 0],
        a: [[-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [0, 0, 0], cones: "second_order 3")
    }
    #expect(try quality(nearest(0.2)) > 0.3)
    #expect(try quality(nearest(1)) < 1e-3)
    // The psd matrix nearest to diag(1, t).
    func psd(_ t: Double) -> ConeSample {
      ConeSample(
        p: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], q: [-1, 0, -t],
        a: [[-1, 0, 0], [0, -1, 0], [0, 0, -1]], b: [0, 0, 0], cones: "psd 2")
    }
    #expect(abs(try quality(psd(-0.5)) - 0.5) < 1e-5)
    #expect(try quality(psd(0)) < 1e-3)
    let exponential = ConeSample(
      q: [1], a: [[0], [0], [-1]], b: [0, 1, 0], cones: "exponential")
    #expect(try quality(exponential).isNaN)
  }

  /// Later products come from the factor of the first.
  @Test func productsShareTheFactor() throws {
    let sample = Program("nonnegative 4", rows: 4, seed: 3).sample
    let result = try sample.solve()
    let g = Tensor(try Buffer(sample.q.map { $0 + 1 }))
    let first = try result.vjp(cotangents: ["x": g], wanted: ["q", "b"])
    let forward = try result.jvp(tangents: ["q": g], wanted: ["x"])
    let again = try result.vjp(cotangents: ["x": g], wanted: ["q", "b"])
    for name in ["q", "b"] {
      #expect(try first[name]?.list() == again[name]?.list())
    }
    // <g, J g> the one way and the other.
    let left = zip(try g.list(), try forward["x"]?.list() ?? []).reduce(0) { $0 + $1.0 * $1.1 }
    let right = zip(try g.list(), try first["q"]?.list() ?? []).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(left - right) < 1e-9 * abs(left))
  }
}
