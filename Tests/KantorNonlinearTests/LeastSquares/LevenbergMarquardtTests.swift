import Glibc
import KantorCore
import TestSupport
import Testing

import KantorNonlinear

@Suite struct LevenbergMarquardtTests {
  private func x(_ result: Result) throws -> [Double] { try result.array("x").list() }

  private func near(_ a: [Double], _ b: [Double], _ tolerance: Double) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
  }

  @Test(arguments: [
    LeastSquaresSample.Form.entries, .products, .differences,
  ])
  func rosenbrock(_ form: LeastSquaresSample.Form) throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.form = form
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(near(try x(result), [1, 1], 1e-9))
    #expect(try result.int("iterations") <= 40)
  }

  /// The bound of the second variable is active; x1 is the root of a cubic equation.
  @Test(arguments: [LeastSquaresSample.Form.entries, .products, .differences])
  func boundHolds(_ form: LeastSquaresSample.Form) throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.form = form
    sample.lower = [-.infinity, 1.5]
    let result = try sample.solve()
    #expect(result.status == .solved)
    let found = try x(result)
    // d/dx of 50 (1.5 - x^2)^2 + (1 - x)^2 / 2.
    let slope = -200 * found[0] * (1.5 - found[0] * found[0]) - (1 - found[0])
    #expect(found[1] == 1.5 && abs(slope) < 1e-5)
    #expect(abs(try result.real("objective") - 0.025213093946805685) < 1e-12)
    #expect(try result.array("active").list() == [0, -1])
  }

  /// Certified values of NIST, from the far start.
  @Test(arguments: ["auto", "normal", "orthogonal"])
  func misra(_ algebra: String) throws {
    for form in [LeastSquaresSample.Form.entries, .differences] {
      var sample = LeastSquaresSample.misra
      sample.form = form
      let result = try sample.solve(["linear_algebra": .text(algebra)])
      let message = try result.text("message")
      #expect(result.status == .solved, "\(message)")
      #expect(near(try x(result), [2.3894212918e02, 5.5015643181e-04], 1e-7))
      let sum = 2 * (try result.real("objective"))
      #expect(abs(sum - 1.2455138894e-01) < 1e-10)
    }
  }

  /// The order on a system with a singular Jacobian at every root: log of the next residual over
  /// log of this one, fitted over the last iterations.
  @Test func superlinearOnSingularSystem() throws {
    for exponent in [1.0, 2.0] {
      let result = try LeastSquaresSample.circle.solve([
        "trace": .flag(true), "residual_tolerance": .real(1e-15), "exponent": .real(exponent),
        "tolerance": .real(1e-14),
      ])
      #expect(result.status == .solved)
      let found = try x(result)
      #expect(abs(found[0] * found[0] + found[1] * found[1] - 1) < 1e-12)
      let residuals = try result.array("trace_objective").list().map { (2 * $0).squareRoot() }
      let order = Self.order(residuals.filter { $0 < 0.5 && $0 > 1e-14 })
      #expect(order > 1.5, "order \(order) with exponent \(exponent)")
    }
  }

  /// Slope of log e_{k+1} over log e_k.
  static func order(_ e: [Double]) -> Double {
    let (a, b) = (e.dropLast().map { log($0) }, e.dropFirst().map { log($0) })
    let count = Double(a.count)
    let (ma, mb) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
    let over = zip(a, b).reduce(0) { $0 + ($1.0 - ma) * ($1.1 - mb) }
    return over / a.reduce(0) { $0 + ($1 - ma) * ($1 - ma) }
  }

  @Test func powellIsSingularAtItsRoot() throws {
    let result = try LeastSquaresSample.powell.solve()
    #expect(result.status == .solved)
    #expect(try result.real("largest_residual") < 1e-9)
    #expect(near(try x(result), [0, 0, 0, 0], 1e-4))
  }

  /// Units of variables and residuals make no difference to the path.
  @Test func unitsDoNotMatter() throws {
    let plain = LeastSquaresSample.misra
    let (f, j) = (plain.residuals, plain.jacobian)
    let scaled = LeastSquaresSample(
      start: [500 / 1024.0, 0.0001 * 4096], residuals: 14,
      { b in f([b[0] * 1024, b[1] / 4096]).map { $0 * 65536 } },
      jacobian: { b in
        (j?([b[0] * 1024, b[1] / 4096]) ?? []).enumerated().map {
          $1 * 65536 * ($0 % 2 == 0 ? 1024 : 1 / 4096.0)
        }
      })
    let (one, two) = (try plain.solve(), try scaled.solve())
    #expect(try one.int("iterations") == two.int("iterations"))
    let (p, q) = (try x(one), try x(two))
    #expect(abs(p[0] - q[0] * 1024) < 1e-6 && abs(p[1] - q[1] / 4096) < 1e-12)
  }

  /// A line through points with gross errors: robust losses find it, squares do not.
  @Test(arguments: ["soft_l1", "huber", "cauchy", "arctan"])
  func outliersDoNotPull(_ loss: String) throws {
    let t = (0..<40).map { Double($0) / 10 }
    let y = t.enumerated().map { (k, t) in
      2 + 3 * t + 0.01 * sin(Double(7 * k)) + (k % 8 == 3 ? 20.0 : 0)
    }
    var sample = LeastSquaresSample(
      start: [1, 1], residuals: 40, { b in zip(t, y).map { b[0] + b[1] * $0 - $1 } },
      jacobian: { _ in t.flatMap { [1, $0] } })
    let plain = try x(try sample.solve())
    #expect(abs(plain[0] - 2) > 1)
    sample.loss = loss
    sample.scale = 0.05
    let result = try sample.solve()
    let message = try result.text("message")
    #expect(result.status == .solved, "\(message)")
    let robust = try x(result)
    #expect(abs(robust[0] - 2) < 0.05 && abs(robust[1] - 3) < 0.05, "\(robust)")
    // The gradient by differences of the cost, which uses no Jacobian.
    let rho = RobustLoss(try #require(RobustLoss.Shape(rawValue: loss)), scale: 0.05)
    func cost(_ b: [Double]) -> Double {
      let r = sample.residuals(b)
      return r.withUnsafeBufferPointer { p in p.baseAddress.map { rho.cost($0, 40) } ?? .nan }
    }
    let h = 1e-6
    let slope = (cost([robust[0] + h, robust[1]]) - cost([robust[0] - h, robust[1]])) / (2 * h)
    #expect(abs(slope) < 1e-6)
    let objective = try result.real("objective")
    #expect(abs(cost(robust) - objective) < 1e-12)
  }

  @Test func lossesHaveTheirDerivatives() {
    for shape in RobustLoss.Shape.allCases {
      let loss = RobustLoss(shape)
      for z in [0.01, 0.5, 0.97, 1.3, 7, 400] {
        let h = 1e-5 * z
        let (up, down) = (loss.values(z + h), loss.values(z - h))
        let at = loss.values(z)
        #expect(abs((up.rho - down.rho) / (2 * h) - at.first) < 1e-7 * max(1, at.first))
        #expect(abs((up.first - down.first) / (2 * h) - at.second) < 1e-6)
      }
    }
  }

  /// Broyden's tridiagonal system, with entries of the pattern, differences by groups, and dense.
  @Test func sparseJacobian() throws {
    let n = 60
    let (functions, pattern) = try Self.broyden(n, withJacobian: true)
    let sample = LeastSquaresSample(
      start: [Double](repeating: -1, count: n), residuals: n, { _ in [] })
    var points: [[Double]] = []
    for form in 0..<3 {
      var offered = functions
      if form > 0 { offered.jacobian = nil }
      let problem = try sample.problem(offered)
      if form < 2 { try problem.set("jacobian_pattern", .sparse(pattern)) }
      let result = try LeastSquaresSample.solve(problem)
      #expect(result.status == .solved)
      #expect(try result.real("largest_residual") < 1e-9)
      points.append(try x(result))
      // A dense solve needs n calls per Jacobian, three groups 3.
      if form == 1 { #expect(try result.int("evaluations") < 100) }
      if form == 2 { #expect(try result.int("evaluations") > 2 * Int64(n)) }
    }
    #expect(near(points[0], points[1], 1e-8) && near(points[0], points[2], 1e-8))
  }

  static func broyden(_ n: Int, withJacobian: Bool) throws -> (Functions, SparseTensor) {
    var (rows, columns): ([Double], [Double]) = ([], [])
    for i in 0..<n {
      for j in max(0, i - 1)...min(n - 1, i + 1) {
        rows.append(Double(i))
        columns.append(Double(j))
      }
    }
    func integers(_ list: [Double]) throws -> Tensor {
      let buffer = try Buffer<Int64>(count: list.count)
      for (k, t) in list.enumerated() { buffer[k] = Int64(t) }
      return Tensor(buffer)
    }
    let pattern = try SparseTensor(
      format: .coo, rows: n, columns: n,
      values: Tensor(try Buffer<Double>(count: rows.count)), indices: try integers(rows),
      offsets: try integers(columns))
    var functions = Functions()
    functions.map = { x, out in
      for i in 0..<n {
        out[i] = (3 - x[i]) * x[i] + 1 - (i > 0 ? x[i - 1] : 0) - (i < n - 1 ? 2 * x[i + 1] : 0)
      }
      return 0
    }
    functions.jacobian = { x, out in
      var k = 0
      for i in 0..<n {
        for j in max(0, i - 1)...min(n - 1, i + 1) {
          out[k] = j == i ? 3 - 2 * x[i] : j < i ? -1 : -2
          k += 1
        }
      }
      return 0
    }
    return (functions, pattern)
  }

  /// Starts outside the bounds are moved, and it is said.
  @Test func startOutsideTheBounds() throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.upper = [0.5, 10]
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(try result.int("start_projections") == 1)
    #expect(near(try x(result), [0.5, 0.25], 1e-8))
  }

  @Test func everyVariableFixed() throws {
    var sample = LeastSquaresSample.rosenbrock
    sample.lower = [1.5, 2]
    sample.upper = [1.5, 2]
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(try result.int("iterations") == 0)
    #expect(try x(result) == [1.5, 2])
  }

  @Test func warmStart() throws {
    let problem = try LeastSquaresSample.misra.problem()
    let first = try LeastSquaresSample.solve(problem)
    let settings = Settings(method: LevenbergMarquardt.spec)
    settings.setStart(first)
    let run = try settings.run(for: LevenbergMarquardt.spec)
    let second = try LevenbergMarquardt.entry.solve(try problem.seal(), run)
    #expect(second.status == .solved && run.monitor.iterations == 0)
  }
}
