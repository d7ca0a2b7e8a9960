import Glibc
import KantorCore
import KantorNumerics
import Testing

@Suite struct LBFGSTests {
  typealias Function = (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Double

  /// sum_k 100 (x_2k+1 - x_2k^2)^2 + (1 - x_2k)^2, whose minimum is 0 at (1, ..., 1).
  private func rosenbrock(_ count: Int) -> Function {
    { x, g in
      var value = 0.0
      for k in stride(from: 0, to: count, by: 2) {
        let (p, q) = (x[k + 1] - x[k] * x[k], 1 - x[k])
        value += 100 * p * p + q * q
        g[k] = -400 * x[k] * p - 2 * q
        g[k + 1] = 200 * p
      }
      return value
    }
  }

  private func run(
    _ start: [Double], _ tolerance: Double = 1e-10, _ limit: Int = 2000, memory: Int = 10,
    function: Function, goesOn: (LBFGS.Iterate) -> Bool = { _ in true }
  ) throws -> (outcome: LBFGS.Outcome, x: [Double]) {
    var method = try LBFGS(count: start.count, memory: memory)
    let x = try Buffer(start)
    let outcome = method.minimise(
      x: x.pointer, tolerance: tolerance, maxIterations: limit, evaluate: function, goesOn: goesOn)
    return (outcome, Array(x.span))
  }

  @Test(arguments: [2, 100]) func rosenbrocksValley(count: Int) throws {
    let start = (0..<count).map { $0 % 2 == 0 ? -1.2 : 1.0 }
    let (outcome, x) = try run(start, function: rosenbrock(count))
    #expect(outcome.end == .converged)
    #expect(outcome.iterations < 100)
    #expect(x.allSatisfy { abs($0 - 1) < 1e-9 })
  }

  /// Scales from 1 to 1e6; gradients far below the square root of the precision.
  @Test(arguments: [1, 3, 20]) func badlyScaledQuadratic(memory: Int) throws {
    let count = 30
    let scales = (0..<count).map { pow(10, 6 * Double($0) / Double(count - 1)) }
    let (outcome, x) = try run(
      [Double](repeating: 1, count: count), 1e-9, 20000, memory: memory,
      function: { x, g in
        var value = 7.0
        for i in 0..<count {
          g[i] = scales[i] * (x[i] - 0.5)
          value += 0.5 * g[i] * (x[i] - 0.5)
        }
        return value
      })
    #expect(outcome.end == .converged, "\(outcome)")
    #expect(x.allSatisfy { abs($0 - 0.5) < 1e-8 })
  }

  /// A barrier: the function is infinite outside x > 0, where the first long step leads.
  @Test func avoidsWhereTheFunctionIsNotDefined() throws {
    let (outcome, x) = try run([30, 0.01], function: { x, g in
      var value = 0.0
      for i in 0..<2 {
        value += x[i] > 0 ? x[i] - log(x[i]) : .nan
        g[i] = 1 - 1 / x[i]
      }
      return value
    })
    #expect(outcome.end == .converged)
    #expect(x.allSatisfy { abs($0 - 1) < 1e-9 })
  }

  @Test func valuesNeverRise() throws {
    var last = Double.infinity
    _ = try run([-1.2, 1, -1.2, 1], function: rosenbrock(4)) { now in
      #expect(now.value <= last * (1 + 1e-13))
      last = now.value
      return true
    }
  }

  @Test func endsAtTheLimitAndWhenTold() throws {
    let limited = try run([-1.2, 1], 1e-12, 5, function: rosenbrock(2))
    #expect(limited.outcome.end == .iterationLimit && limited.outcome.iterations == 5)
    let told = try run([-1.2, 1], function: rosenbrock(2)) { $0.iteration < 3 }
    #expect(told.outcome.end == .stopped && told.outcome.iterations == 3)
  }

  /// |x| + y^2 has no gradient at its minimum: the method comes near and claims nothing.
  @Test func claimsNothingAtAKink() throws {
    let (outcome, x) = try run([1, 1], 1e-12, 500, function: { x, g in
      g[0] = x[0] >= 0 ? 1 : -1
      g[1] = 2 * x[1]
      return abs(x[0]) + x[1] * x[1]
    })
    #expect(outcome.end == .stalled || outcome.end == .iterationLimit)
    #expect(abs(x[0]) < 1e-3)
  }

  @Test func startThatIsNotANumber() throws {
    let (outcome, _) = try run([.nan, 1], function: rosenbrock(2))
    #expect(outcome.end == .stalled)
  }

  /// A linear function falls without end; the caller sees how far.
  @Test func functionsWithoutMinimum() throws {
    var method = try LBFGS(count: 1)
    let x = try Buffer([1.0])
    let outcome = try method.minimise(
      x: x.pointer, tolerance: 1e-9, maxIterations: 100,
      evaluate: { (x, g) throws(KantorError) -> Double in
        g[0] = -1
        return -x[0]
      }, goesOn: { $0.value > -1e18 })
    #expect(outcome.end == .stopped && outcome.value <= -1e18)
  }

  @Test func errorsOfTheFunctionPassThrough() throws {
    struct Refusal: Error {}
    var method = try LBFGS(count: 1)
    let x = try Buffer([1.0])
    var calls = 0
    #expect(throws: Refusal.self) {
      _ = try method.minimise(x: x.pointer, tolerance: 0, maxIterations: 100) {
        (x, g) throws(Refusal) in
        calls += 1
        if calls == 2 { throw Refusal() }
        g[0] = x[0]
        return 0.5 * x[0] * x[0]
      }
    }
  }
}

@Suite struct BoundedLBFGSTests {
  private func run(
    _ start: [Double], _ lower: [Double], _ tolerance: Double = 1e-10,
    function: LBFGSTests.Function
  ) throws -> (outcome: LBFGS.Outcome, x: [Double]) {
    var method = try BoundedLBFGS(count: start.count)
    let (x, bounds) = (try Buffer(start), try Buffer(lower))
    let outcome = method.minimise(
      x: x.pointer, lower: bounds.pointer, tolerance: tolerance, maxIterations: 5000,
      evaluate: function)
    return (outcome, Array(x.span))
  }

  @Test func separableQuadratic() throws {
    let target = [-1.0, 2, -3, 4, 0]
    let (outcome, x) = try run([1, 1, 1, 1, 1], [0, 0, -.infinity, 5, 0], function: { x, g in
      var value = 0.0
      for i in 0..<5 {
        g[i] = Double(i + 1) * (x[i] - target[i])
        value += 0.5 * g[i] * (x[i] - target[i])
      }
      return value
    })
    #expect(outcome.end == .converged)
    for (found, known) in zip(x, [0.0, 2, -3, 5, 0]) { #expect(abs(found - known) < 1e-9) }
  }

  /// Non-negative least squares with a dense matrix: the optimality conditions, not a known answer.
  @Test(arguments: [1, 2, 3]) func nonNegativeLeastSquares(seed: UInt64) throws {
    let (rows, count) = (40, 25)
    var random = RandomStream(seed: seed)
    let matrix = (0..<rows * count).map { _ in random.uniform() - 0.4 }
    let right = (0..<rows).map { _ in random.uniform() - 0.5 }
    let function: LBFGSTests.Function = { x, g in
      for j in 0..<count { g[j] = 0 }
      var value = 0.0
      for i in 0..<rows {
        var r = -right[i]
        for j in 0..<count { r += matrix[i * count + j] * x[j] }
        value += 0.5 * r * r
        for j in 0..<count { g[j] += r * matrix[i * count + j] }
      }
      return value
    }
    let (outcome, x) = try run(
      [Double](repeating: 1, count: count), [Double](repeating: 0, count: count),
      function: function)
    #expect(outcome.end == .converged, "\(outcome)")
    let (point, gradient) = (try Buffer(x), try Buffer<Double>(count: count))
    _ = function(point.pointer, gradient.pointer)
    var zeros = 0
    for j in 0..<count {
      #expect(x[j] >= 0 && gradient[j] >= -1e-9)
      #expect(x[j] < 1e-12 || abs(gradient[j]) < 1e-9)
      zeros += x[j] == 0 ? 1 : 0
    }
    #expect(zeros > 0 && zeros < count)
  }
}
