import KantorCone
import KantorCore
import TestSupport
import Testing

/// Small dense programs in one call: points, rays, working sets, scaling, refusals.
@Suite struct DenseAnswerTests {
  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(a), abs(b))
  }

  private let example = DenseProgram(
    p: [4, 1, 1, 2], q: [1, 1], a: [1, 1], rowLower: [1], rowUpper: [1], lower: [0, 0],
    upper: [0.7, 0.7])

  @Test func aKnownQuadraticProgram() throws {
    let answer = try example.solve()
    #expect(answer.found.status == .solved)
    #expect(near(answer.x[0], 0.3) && near(answer.x[1], 0.7))
    #expect(near(answer.found.certificate.objective, 1.88))
    #expect(near(answer.y[0], -2.9) && answer.y[1] == 0 && near(answer.y[2], 0.2))
    #expect(answer.active[0] != 0 && answer.active[1] == 0 && answer.active[2] == 1)
  }

  @Test func theWorkingSetOfASolutionLeavesNothingToDo() throws {
    var again = example
    again.active = try example.solve().active
    let answer = try again.solve()
    #expect(answer.found.status == .solved && answer.found.steps == 0)
    #expect(near(answer.x[0], 0.3))
    // A wrong one is mended.
    again.active = [0, -1, -1]
    let mended = try again.solve()
    #expect(mended.found.status == .solved && near(mended.x[0], 0.3))
  }

  @Test func linearPrograms() throws {
    // max x + 2y, x + y <= 4, 0 <= x, 0 <= y <= 3.
    let corner = DenseProgram(
      q: [-1, -2], a: [1, 1], rowUpper: [4], lower: [0, 0], upper: [.infinity, 3])
    let answer = try corner.solve()
    #expect(answer.found.status == .solved && near(answer.x[0], 1) && near(answer.x[1], 3))
    #expect(near(answer.y[0], 1) && near(answer.y[2], 1))
    // No objective: any feasible point.
    let nothing = try DenseProgram(q: [0, 0], a: [1, 1], rowLower: [3], lower: [1, 1]).solve()
    #expect(nothing.found.status == .solved && nothing.x[0] + nothing.x[1] >= 3 - 1e-9)
    // No constraint, no objective.
    #expect(try DenseProgram(q: [0]).solve().found.status == .solved)
  }

  @Test func semidefiniteObjectives() throws {
    // (x + y - 2)^2 / 2 alone: a line of solutions.
    let line = try DenseProgram(p: [1, 1, 1, 1], q: [-2, -2]).solve()
    #expect(line.found.status == .solved && near(line.x[0] + line.x[1], 2))
    // Flat in y, which the linear term pushes to its bound.
    let pushed = try DenseProgram(
      p: [1, 0, 0, 0], q: [-1, -1], lower: [-5, -5], upper: [5, 5]
    ).solve()
    #expect(pushed.found.status == .solved && near(pushed.x[0], 1) && near(pushed.x[1], 5))
    let fall = try DenseProgram(p: [1, 0, 0, 0], q: [-1, -1], lower: [-5, -5]).solve()
    #expect(fall.found.status == .unbounded && fall.x[1] > 0 && fall.x[0] == 0)
  }

  @Test func contradictionsCarryARay() throws {
    let programs = [
      DenseProgram(q: [1, 1], a: [1, 1], rowUpper: [-1], lower: [0, 0]),
      DenseProgram(q: [0], a: [1, 1], rowLower: [1, 2], rowUpper: [1, 2]),
      DenseProgram(p: [1, 0, 0, 1], q: [0, 0], a: [0, 0], rowLower: [1]),
      // Neither side has a solution; a ray of either kind would do, and this one is found.
      DenseProgram(q: [-1, 0], a: [0, 1, 0, 1], rowLower: [2, -9], rowUpper: [9, 1]),
    ]
    for program in programs {
      let answer = try program.solve()
      #expect(answer.found.status == .infeasible && answer.found.radius > 1e6)
      check(ray: answer.y, of: program)
      #expect(answer.x.allSatisfy { $0 == -7 }, "no point is written")
    }
  }

  private func check(ray y: [Double], of program: DenseProgram) {
    var support = 0.0
    for c in 0..<(program.m + program.n) where y[c] != 0 {
      let side = y[c] > 0 ? program.high(c) : program.low(c)
      #expect(side.isFinite)
      support += y[c] * side
    }
    #expect(support < 0)
    let rest = program.gradient([], y, full: false).map(abs).max() ?? 0
    #expect(rest <= 1e-9 * -support)
  }

  /// Random programs with a known solution, also with dependent rows and flat directions.
  @Test(arguments: 1...60) func optimalityConditions(seed: Int) throws {
    var numbers = Numbers(UInt64(seed))
    let (n, m) = (1 + seed % 9, seed % 13)
    var program = DenseProgram(q: numbers.list(n))
    program.a = numbers.list(m * n)
    if m > 2 { for j in 0..<n { program.a[(m - 1) * n + j] = program.a[j] } }
    let rank = seed % 3 == 0 ? n : n / 2
    if seed % 5 > 0 {
      let root = numbers.list(n * max(rank, 1))
      program.p = (0..<(n * n)).map { e in
        (0..<max(rank, 1)).reduce(0) { $0 + root[e / n + n * $1] * root[e % n + n * $1] }
      }
    }
    let x0 = numbers.list(n)
    program.rowLower = (0..<m).map { program.value($0, x0) - abs(numbers.next()) }
    program.rowUpper = (0..<m).map { program.value($0, x0) + abs(numbers.next()) }
    if m > 2 {
      let equal = program.value(0, x0)
      for i in [0, m - 1] { (program.rowLower[i], program.rowUpper[i]) = (equal, equal) }
    }
    program.lower = x0.map { $0 - 1 }
    program.upper = (0..<n).map { seed % 2 == 0 || $0 > 0 ? x0[$0] + 0.5 : .infinity }
    let answer = try program.solve()
    if answer.found.status == .unbounded {
      #expect(seed % 2 == 1)
      return
    }
    #expect(answer.found.status == .solved)
    for c in 0..<(m + n) {
      let (v, y) = (program.value(c, answer.x), answer.y[c])
      #expect(v >= program.low(c) - 1e-8 && v <= program.high(c) + 1e-8)
      if y > 1e-9 { #expect(near(v, program.high(c), 1e-7)) }
      if y < -1e-9 { #expect(near(v, program.low(c), 1e-7)) }
    }
    let gradient = program.gradient(answer.x, answer.y, full: true)
    #expect(gradient.allSatisfy { abs($0) < 1e-8 })
  }

  /// Units of rows, variables and objective do not matter.
  @Test(arguments: 1...20) func scaledData(seed: Int) throws {
    var numbers = Numbers(UInt64(100 + seed))
    let (n, m) = (2 + seed % 5, 4)
    var program = DenseProgram(q: numbers.list(n), a: numbers.list(m * n))
    program.p = [Double](repeating: 0, count: n * n)
    for j in 0..<(n - 1) { program.p[j * n + j] = 0.5 + abs(numbers.next()) }
    program.rowLower = [Double](repeating: -.infinity, count: m)
    program.rowUpper = (0..<m).map { _ in abs(numbers.next()) }
    if seed % 3 == 0 { (program.rowUpper[0], program.rowLower[0]) = (-8, -9) }
    program.lower = [Double](repeating: -2, count: n)
    program.upper = [Double](repeating: seed % 4 == 1 ? .infinity : 2, count: n)
    var units = program
    let d = (0..<n).map { _ in power(6 * numbers.next()) }
    let e = (0..<m).map { _ in power(6 * numbers.next()) }
    for j in 0..<n {
      units.q[j] *= d[j]
      units.lower[j] /= d[j]
      units.upper[j] /= d[j]
      for k in 0..<n { units.p[j * n + k] *= d[j] * d[k] }
      for i in 0..<m { units.a[i * n + j] *= e[i] * d[j] }
    }
    for i in 0..<m {
      units.rowLower[i] *= e[i]
      units.rowUpper[i] *= e[i]
    }
    let (plain, scaled) = (try program.solve(), try units.solve())
    #expect(plain.found.status == scaled.found.status)
    if plain.found.status == .solved {
      #expect(
        near(plain.found.certificate.objective, scaled.found.certificate.objective, 1e-7))
    } else if plain.found.status == .infeasible {
      check(ray: scaled.y, of: units)
    }
  }

  private func power(_ decades: Double) -> Double {
    var (value, left) = (1.0, decades)
    while left > 1 { (value, left) = (value * 10, left - 1) }
    while left < 0 { (value, left) = (value / 10, left + 1) }
    return value * (1 + 9 * left)
  }

  @Test func raysThatProveNothingAreNotBelieved() throws {
    let buffer = try Buffer<Double>(count: 8)
    let (q, a, one) = (try Buffer([1.0]), try Buffer([1.0, 1]), try Buffer([1.0, 1 + 1e-4]))
    let problem = DenseQP(
      n: 1, m: 2, p: nil, q: q.pointer, a: a.pointer, rowLower: one.pointer, rowUpper: one.pointer,
      lower: nil, upper: nil)
    let check = DenseCheck(problem, memory: buffer.pointer)
    #expect(check.infeasible([1, -1, 0]).holds)
    #expect(!check.infeasible([-1, 1, 0]).holds, "of the wrong sign")
    #expect(!check.infeasible([1, -1 + 1e-6, 0]).holds, "what is left of A'y is not small")
    #expect(!check.infeasible([1, -1, 1]).holds, "an infinite bound")
    #expect(!check.infeasible([.nan, 1, 0]).holds)
    #expect(!check.unbounded([-1]).holds && !check.unbounded([1]).holds)
    withExtendedLifetime((buffer, q, a, one)) {}
  }

  @Test func whatIsRefused() throws {
    func code(_ change: (inout DenseProgram) -> Void) -> KantorError.Code? {
      var program = example
      change(&program)
      do {
        _ = try program.solve()
        return nil
      } catch {
        return (error as? KantorError)?.code
      }
    }
    #expect(code { $0.p[3] = -2 } == .range)
    #expect(code { $0.p = [0, 1, 1, 0] } == .range)
    #expect(code { $0.p[1] = 1.1 } == .range)
    #expect(code { $0.p[3] = .infinity } == .notFinite)
    #expect(code { $0.q[1] = .nan } == .notFinite)
    #expect(code { $0.a[1] = .nan } == .notFinite)
    #expect(code { $0.upper[1] = -1 } == .range)
    #expect(code { $0.lower[1] = .infinity } == .notFinite)
    #expect(code { $0.rowUpper[0] = .nan } == .notFinite)
    for strange in [2, -2, Int32.min, .max] {
      #expect(code { $0.active = [strange, 0, 0] } == .range)
    }
  }
}
