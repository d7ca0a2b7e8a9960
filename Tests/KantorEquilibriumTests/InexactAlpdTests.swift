import Foundation
import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// The inexact accelerated primal-dual method on saddle points with nonlinear coupling.
@Suite struct InexactAlpdTests {
  private func solve(
    _ problem: Problem, _ options: [String: OptionValue] = [:], by name: String = "inexact_alpd"
  ) throws -> Result {
    let entry = try #require(EquilibriumMethods.saddle.first { $0.spec.name == name })
    return try run(entry, problem, options)
  }

  private func refusal(_ problem: Problem) throws -> KantorError? {
    do {
      _ = try solve(problem)
      return nil
    } catch {
      return error as? KantorError
    }
  }

  /// min over x in a ball, max over y >= 0 of f(x) + sum y_j (softplus(a_j'x) - b_j) - mu |y|^2/2,
  /// f = x'Dx/2 - c'x with curvatures from 1e-3 to `steep`: a penalty of nonlinear constraints.
  private struct Penalty {
    let n = 20
    let m = 6
    let mu = 0.1
    let steep: Double
    let a = numbers(6 * 20, 5).map { 2 * $0 }
    let b = numbers(6, 6).map { 0.3 + 0.1 * $0 }
    let c = numbers(20, 7)

    func curvature(_ i: Int) -> Double {
      1e-3 + steep * Double(i * i) / Double((n - 1) * (n - 1))
    }
    func bend(_ t: Double) -> Double { t > 30 ? t : log1p(exp(t)) }
    func force(_ x: [Double], _ j: Int) -> Double {
      bend((0..<n).reduce(0) { $0 + a[j * n + $1] * x[$1] }) - b[j]
    }
    /// What x costs against the best y.
    func primal(_ x: [Double]) -> Double {
      let f = (0..<n).reduce(0) { $0 + 0.5 * curvature($1) * x[$1] * x[$1] - c[$1] * x[$1] }
      return f + (0..<m).reduce(0) { $0 + pow(max(force(x, $1), 0), 2) / (2 * mu) }
    }
    func slope(_ x: [Double]) -> [Double] { (0..<n).map { curvature($0) * x[$0] - c[$0] } }
    func coupling(_ z: [Double]) -> [Double] {
      let (x, y) = (Array(z[..<n]), Array(z[n...]))
      var g = [Double](repeating: 0, count: n + m)
      for j in 0..<m {
        let t = (0..<n).reduce(0) { $0 + a[j * n + $1] * x[$1] }
        for i in 0..<n { g[i] += y[j] * a[j * n + i] / (1 + exp(-t)) }
        g[n + j] = bend(t) - b[j] - mu * y[j]
      }
      return g
    }

    func problem(split: Bool, start: Double = 0, ball: Bool = true) throws(KantorError) -> Problem {
      let (me, n) = (self, self.n)
      var functions = Sample.functions(
        n + m,
        map: { z in
          var g = me.coupling(z)
          if !split { for (i, s) in me.slope(Array(z[..<n])).enumerated() { g[i] += s } }
          return g
        })
      functions.gradient = functions.map
      functions.map = nil
      let problem = Problem(kind: SaddleKind.kind)
      try problem.set("functions", .functions(functions))
      if split {
        var primal = Sample.functions(n, map: { me.slope($0) })
        primal.gradient = primal.map
        primal.map = nil
        try problem.set("primal", .functions(primal))
      }
      try problem.set("mu", .real(mu))
      try problem.set("start_x", .array(Tensor(try Buffer(count: n, repeating: start))))
      try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: m))))
      if ball { try problem.set("prox_x", .text("l2_ball 3")) }
      try problem.set("prox_y", .text("nonnegative"))
      return problem
    }
  }

  @Test(arguments: [true, false]) func agreesWithTheDefault(_ split: Bool) throws {
    let penalty = Penalty(steep: 10)
    let result = try solve(try penalty.problem(split: split), ["tolerance": .real(1e-8)])
    #expect(result.status == .solved, "\(message(result))")
    let other = try solve(
      try penalty.problem(split: split), ["tolerance": .real(1e-9)], by: "golden_ratio")
    #expect(other.status == .solved)
    for name in ["x", "y"] {
      #expect(distance(try result.array(name).list(), try other.array(name).list()) < 1e-4)
    }
    #expect(abs(try result.real("relative_residual")) <= 1e-8)
  }

  /// The gap of the point falls at least like 1/t^2, and gradients of f are needed once per step.
  @Test func theRate() throws {
    let penalty = Penalty(steep: 300)
    let problem = try penalty.problem(split: true, start: 0.5, ball: false)
    let best = try solve(problem, ["tolerance": .real(1e-11)])
    #expect(best.status == .solved, "\(message(best))")
    let least = penalty.primal(try best.array("x").list())
    let lengths = [100, 200, 400, 800]
    var gaps: [Double] = []
    var slopes: [Double] = []
    for length in lengths {
      let result = try solve(
        problem,
        [
          "restart": .flag(false), "tolerance": .real(1e-13),
          "max_iterations": .int(Int64(length)),
        ])
      gaps.append(max(penalty.primal(try result.array("x").list()) - least, 1e-14))
      slopes.append(try result.real("primal_evaluations"))
      #expect(try result.int("inner_iterations") >= length)
    }
    let rate = slope(lengths.map(Double.init), gaps)
    #expect(rate <= -1.8, "\(rate): \(gaps)")
    // One per step, two more for ten steps, and those of the beginning.
    for (k, count) in zip(lengths, slopes) {
      #expect(count <= 1.2 * Double(k) + 8, "\(count) for \(k)")
    }
  }

  /// With f apart, the slopes of phi do not depend on how steep f is.
  @Test func steepSlopesOfTheirOwn() throws {
    var counts: [Double] = []
    for steep in [10.0, 1000.0] {
      let penalty = Penalty(steep: steep)
      let result = try solve(
        try penalty.problem(split: true), ["tolerance": .real(1e-6)])
      #expect(result.status == .solved, "\(message(result))")
      let l = try result.array("lipschitz").list()
      #expect(l[0] <= 3 * steep)
      counts.append(try result.real("evaluations"))
    }
    #expect(counts[1] < 30 * counts[0], "\(counts)")
  }

  /// Bilinear coupling: one step in x is exact.
  @Test func bilinearCoupling() throws {
    // min |x|_1/10 + max y'(x - b) - |y|^2/2: the soft threshold of b.
    let b = [1.0, -0.5, 0.05, 0.3]
    var functions = Sample.functions(
      8,
      map: { z in
        Array(z[4...]) + (0..<4).map { z[$0] - b[$0] - z[4 + $0] }
      })
    functions.gradient = functions.map
    functions.map = nil
    let problem = Problem(kind: SaddleKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("mu", .real(1))
    try problem.set("start_x", .array(Tensor(try Buffer<Double>(count: 4))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: 4))))
    try problem.set("prox_x", .text("l1 0.1"))
    let result = try solve(problem, ["tolerance": .real(1e-9)])
    #expect(result.status == .solved, "\(message(result))")
    #expect(distance(try result.array("x").list(), [0.9, -0.4, 0, 0.2]) < 1e-7)
  }

  @Test func refusals() throws {
    let penalty = Penalty(steep: 10)
    let problem = try penalty.problem(split: true)
    try problem.set("mu", .real(0))
    let unable = try refusal(problem)
    #expect(unable?.code == .unsupported)
    #expect(unable?.message.contains("mu") == true)
    let negative = try penalty.problem(split: true)
    try negative.set("mu", .real(-1))
    #expect(try refusal(negative)?.code == .range)
    let hollow = try penalty.problem(split: false)
    try hollow.set("primal", .functions(Sample.functions(20, map: nil)))
    let missing = try refusal(hollow)
    #expect(missing?.code == .missing, "\(missing?.message ?? "")")
  }

  /// A mu that phi does not have is noticed.
  @Test func notConcaveEnough() throws {
    let problem = try Penalty(steep: 10).problem(split: true)
    try problem.set("mu", .real(50))
    let result = try solve(problem)
    #expect(result.status == .stalled)
    #expect(message(result).contains("not concave in y for mu = 50"), "\(message(result))")
  }

  /// An f that is not defined ends the solve with what it did wrong.
  @Test func complaints() throws {
    let problem = try Penalty(steep: 10).problem(split: true)
    var primal = Functions()
    primal.gradient = { _, out in
      for i in 0..<20 { out[i] = .nan }
      return 0
    }
    try problem.set("primal", .functions(primal))
    let result = try solve(problem)
    #expect(result.status == .callbackError)
    #expect(try result.text("message").contains("gradient"))
  }
}
