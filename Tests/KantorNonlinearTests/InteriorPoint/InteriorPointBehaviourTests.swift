import Glibc
import KantorBlocks
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// What the interior-point method does where problems or functions are not as they should be.
@Suite struct InteriorPointBehaviourTests {
  private let entry = NonlinearInteriorPoint.entry

  private func solve(
    _ sample: Sample, hessian: Bool = true, first: Bool = true,
    _ options: [String: OptionValue] = [:], start: WarmStart = WarmStart()
  ) throws -> Solved {
    try Solving.run(
      entry, try sample.problem(hessian: hessian, first: first), options, start: start)
  }

  private func message(_ s: Solved) -> String { (try? s.result.text("message")) ?? "" }

  @Test func knownMultipliers() throws {
    let s = try solve(.hs71, ["second_order": .flag(true)])
    let y = try s.result.array("y").list()
    let z = try s.result.array("z_lower").list()
    #expect(s.status == .solved && abs(s.objective - 17.0140173) < 1e-6)
    #expect(abs(y[0] + 0.5522937) < 1e-5 && abs(y[1] - 0.1614686) < 1e-5)
    #expect(abs(z[0] - 1.0878712) < 1e-5 && s.number("curvature") > 0)
    #expect(s.count("iterations") <= 10)
  }

  @Test func withoutAnyDerivative() throws {
    let s = try solve(.hs71, hessian: false, first: false, ["tolerance": .real(1e-7)])
    #expect(s.status == .solved, "\(message(s))")
    #expect(s.count("gradient_evaluations") == 0 && abs(s.objective - 17.0140173) < 1e-5)
  }

  @Test func onlyOneVariable() throws {
    let sample = Sample(
      start: [5], value: { ($0[0] - 1) * ($0[0] - 1) }, gradient: { [2 * ($0[0] - 1)] },
      hessian: { (_, s, _) in [2 * s] })
    let s = try solve(sample)
    #expect(s.status == .solved && abs(s.x[0] - 1) < 1e-8 && s.count("iterations") == 1)
  }

  @Test func allVariablesFixed() throws {
    var sample = Sample.hs71
    let x = [1.0, 4.742999637, 3.821149979, 1.379408293]
    (sample.lower, sample.upper) = (x, x)
    let s = try solve(sample, ["tolerance": .real(1e-6)])
    #expect(s.status == .solved && s.count("iterations") == 0 && s.x == x, "\(message(s))")
    sample.rowLower = [26, 40]
    let none = try solve(sample)
    #expect(none.status == .locallyInfeasible, "\(message(none))")
  }

  @Test func moreEquationsThanVariables() throws {
    // x + y = 10, x y = 20, and the first once more.
    var sample = Sample(start: [1, 8], value: { $0[0] * $0[0] })
    sample.gradient = { [2 * $0[0], 0] }
    (sample.rowLower, sample.rowUpper) = ([10, 20, 10], [10, 20, 10])
    sample.rows = { [$0[0] + $0[1], $0[0] * $0[1], $0[0] + $0[1]] }
    sample.jacobian = { [1, 1, $0[1], $0[0], 1, 1] }
    sample.hessian = { (_, s, y) in [2 * s, y[1], y[1], 0] }
    for hessian in [true, false] {
      let s = try solve(sample, hessian: hessian)
      let low = s.x.min() ?? .nan
      #expect(s.status == .solved && abs(low - (5 - 5.0.squareRoot())) < 1e-7, "\(message(s))")
    }
  }

  @Test func contradictionOfACurve() throws {
    var sample = Sample(start: [1, 0.5], value: { $0[0] + $0[1] })
    sample.gradient = { _ in [1, 1] }
    (sample.rowLower, sample.rowUpper) = ([-.infinity], [0])
    sample.rows = { [$0[0] * $0[0] + $0[1] * $0[1] + 1] }
    sample.jacobian = { [2 * $0[0], 2 * $0[1]] }
    sample.hessian = { (_, _, y) in [2 * y[0], 0, 0, 2 * y[0]] }
    for hessian in [true, false] {
      let s = try solve(sample, hessian: hessian)
      #expect(s.status == .locallyInfeasible, "\(message(s))")
      #expect(abs(s.number("violation") - 1) < 1e-5 && message(s).contains("row 0"))
    }
  }

  @Test func contradictionOfAffineRowsIsProven() throws {
    var sample = Sample(start: [3], value: { $0[0] })
    sample.gradient = { _ in [1] }
    (sample.rowLower, sample.rowUpper) = ([1, -.infinity], [.infinity, 0])
    sample.rows = { [$0[0], $0[0]] }
    sample.jacobian = { _ in [1, 1] }
    sample.hessian = { (_, _, _) in [0] }
    let local = try solve(sample)
    #expect(local.status == .locallyInfeasible, "\(message(local))")
    sample.linearRows = [1, 1]
    let s = try solve(sample)
    #expect(s.status == .infeasible, "\(message(s))")
    let w = try s.result.array("weights").list()
    #expect(abs(w[0] + 1) < 1e-6 && abs(w[1] - 1) < 1e-6)
  }

  @Test func noMinimum() throws {
    var sample = Sample(start: [1], value: { -$0[0] })
    sample.gradient = { _ in [-1] }
    (sample.rowLower, sample.rowUpper) = ([0], [.infinity])
    sample.rows = { [$0[0]] }
    sample.jacobian = { _ in [1] }
    sample.hessian = { (_, _, _) in [0] }
    for hessian in [true, false] {
      let s = try solve(sample, hessian: hessian)
      #expect(s.status == .unbounded && s.objective < -1e15, "\(message(s))")
    }
    let free = Sample(
      start: [1, 1], value: { $0[0] * $0[0] - $0[1] * $0[1] },
      gradient: { [2 * $0[0], -2 * $0[1]] }, hessian: { (_, s, _) in [2 * s, 0, 0, -2 * s] })
    #expect(try solve(free).status == .unbounded)
  }

  @Test func notDefinedAtTheStart() throws {
    let sample = Sample(
      start: [0.5, -1], value: { $0[0] + log($0[1]) }, gradient: { [1, 1 / $0[1]] },
      hessian: { (x, s, _) in [0, 0, 0, -s / (x[1] * x[1])] })
    let s = try solve(sample)
    #expect(s.status == .callbackError)
    #expect(message(s).contains("at the start") && message(s).contains("value: entry 0 is"))
    var later = Sample.hs71
    later.gradient = { _ in [1, 2, .nan, 4] }
    let other = try solve(later)
    #expect(other.status == .callbackError && message(other).contains("gradient: entry 2 is nan"))
  }

  @Test func domainIsNotLeft() throws {
    // x - log x on x >= 0: Newton's first steps would leave the domain.
    let sample = Sample(
      start: [0.5], value: { $0[0] > 0 ? 100 * $0[0] - log($0[0]) : .nan },
      gradient: { [100 - 1 / $0[0]] }, hessian: { (x, s, _) in [s / (x[0] * x[0])] })
    let s = try solve(sample)
    #expect(s.status == .solved && abs(s.x[0] - 0.01) < 1e-8, "\(message(s))")
  }

  @Test func functionsAreCalledInsideBoundsOnly() throws {
    for p in TextCollection.hockSchittkowski.prefix(40) {
      var functions = p.functions(hessian: false)
      guard let value = functions.value else { continue }
      let (n, lower, upper) = (p.n, p.lower, p.upper)
      functions.value = { x, out in
        for j in 0..<n where x[j] < lower[j] || x[j] > upper[j] { return -77 }
        return value(x, out)
      }
      functions.gradient = nil
      let s = try Solving.run(entry, try p.problem(functions), ["max_iterations": .int(40)])
      #expect(s.status != .stoppedByCallback, "\(p.name)")
    }
  }

  @Test func limitsAreExact() throws {
    for limit in 1...9 {
      let s = try solve(
        .hs71, hessian: false, first: false, ["max_evaluations": .int(Int64(limit))])
      #expect(s.status == .evaluationLimit || s.status == .callbackError)
      #expect(s.count("evaluations") == limit)
    }
    let s = try solve(.hs71, ["max_iterations": .int(2)])
    #expect(s.status == .iterationLimit && s.count("iterations") == 2)
  }

  @Test func hostEndsTheSolve() throws {
    var functions = Sample.hs71.functions()
    let value = try #require(functions.value)
    nonisolated(unsafe) var calls = 0
    functions.value = { x, out in
      calls += 1
      return calls == 4 ? -7 : value(x, out)
    }
    let problem = try Sample.hs71.problem()
    let other = try NonlinearProblem(
      functions: functions, start: problem.start, lower: problem.lower, upper: problem.upper,
      constraintLower: problem.constraintLower, constraintUpper: problem.constraintUpper)
    let s = try Solving.run(entry, other)
    #expect(s.status == .stoppedByCallback && !s.x.isEmpty)
  }

  @Test func sameProblemAgain() throws {
    for name in ["HS35", "HS43", "HS65", "HS71", "HS76", "HS100", "HS106", "HS113"] {
      let p = try TextCollection.named(name)
      let cold = try p.solve(entry)
      let warm = try p.solve(entry, start: WarmStart(result: cold.result))
      #expect(warm.status == .solved && warm.count("iterations") <= 1, "\(name) \(message(warm))")
      var moved = p
      moved.start = p.start.map { $0 + 1 }
      moved.rowLower = p.rowLower.map { $0 + 1e-4 }
      moved.rowUpper = p.rowUpper.map { $0 + 1e-4 }
      let near = try moved.solve(entry, start: WarmStart(result: cold.result))
      #expect(near.status == .solved, "\(name) \(message(near))")
      #expect(near.count("iterations") <= max(6, cold.count("iterations") / 2), "\(name)")
    }
  }

  @Test func narrowBounds() throws {
    let sample = Sample(
      start: [1e-12], lower: [0.5e-12], upper: [1.5e-12], value: { 1e12 * $0[0] },
      gradient: { _ in [1e12] }, hessian: { (_, _, _) in [0] })
    let s = try solve(sample)
    #expect(s.status == .solved && abs(s.x[0] - 0.5e-12) < 0.5e-14, "\(message(s))")
  }

  @Test func toleranceBelowRounding() throws {
    for name in ["HS6", "HS71", "HS100", "HS106"] {
      let s = try TextCollection.named(name).solve(entry, ["tolerance": .real(1e-13)])
      let isFine = [.solved, .solvedInaccurate, .stalled].contains(s.status)
      #expect(isFine && s.count("iterations") < 300, "\(name) \(message(s))")
    }
  }

  @Test func dependentRowsAndComplementarity() throws {
    var same = Sample(
      start: [0, 0], value: { ($0[0] - 2) * ($0[0] - 2) + ($0[1] - 1) * ($0[1] - 1) })
    same.gradient = { [2 * ($0[0] - 2), 2 * ($0[1] - 1)] }
    (same.rowLower, same.rowUpper) = ([2, 4], [2, 4])
    same.rows = { [$0[0] + $0[1], 2 * $0[0] + 2 * $0[1]] }
    same.jacobian = { _ in [1, 1, 2, 2] }
    same.hessian = { (_, s, _) in [2 * s, 0, 0, 2 * s] }
    let first = try solve(same)
    #expect(first.status == .solved && abs(first.objective - 0.5) < 1e-8, "\(message(first))")
    var product = same
    product.lower = [0, 0]
    product.value = { ($0[0] - 1) * ($0[0] - 1) + ($0[1] - 1) * ($0[1] - 1) }
    product.gradient = { [2 * ($0[0] - 1), 2 * ($0[1] - 1)] }
    (product.rowLower, product.rowUpper) = ([-.infinity], [0])
    product.rows = { [$0[0] * $0[1]] }
    product.jacobian = { [$0[1], $0[0]] }
    product.hessian = { (_, s, y) in [2 * s, y[0], y[0], 2 * s] }
    product.start = [0.5, 0.4]
    let second = try solve(product)
    #expect(abs(second.objective - 1) < 1e-3 && second.number("violation") < 1e-7)
    #expect(second.count("iterations") < 200, "\(message(second))")
  }
}
