import CKantorKernels
import Glibc
import KantorCore
import KantorTransport
import Testing

private let entry = Greenkhorn.entry

@Suite struct GreenkhornTests {
  @Test(arguments: [1.0, 0.1, 0.02]) func twoByTwo(epsilon: Double) throws {
    let data = EntropicData(cost: [[0, 1], [1, 0]])
    let plan = try data.solve(entry, ["epsilon": .real(epsilon)]).matrix("plan")
    #expect(abs(plan[0][0] - 0.5 / (1 + exp(-1 / epsilon))) < 1e-9)
  }

  @Test(arguments: [0.3, 0.05, 0.01]) func equalsPlainSweeps(epsilon: Double) throws {
    let data = EntropicProblems.dense(25, 18, seed: 31)
    let result = try data.solve(entry, ["epsilon": .real(epsilon)])
    let plain = PlainSinkhorn(data, epsilon: epsilon, sweeps: 100_000)
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - plain.value) < 1e-8)
    #expect(largestDifference(try result.values("plan"), plain.plan.flatMap { $0 }) < 1e-7)
  }

  /// Kernels whose entries span more than doubles do, from zero potentials.
  @Test func costsFarAboveEpsilon() throws {
    var data = EntropicProblems.dense(6, 6, seed: 32)
    (data.a, data.b) = (nil, nil)
    for i in 0..<6 { data.cost[i][i] -= 2 }
    let result = try data.solve(entry, ["epsilon": .real(1e-3)])
    #expect(result.status == .solved)
    let plan = try result.matrix("plan")
    for i in 0..<6 { #expect(abs(plan[i][i] - 1.0 / 6) < 1e-9) }
  }

  @Test func weightsWithoutMass() throws {
    let data = EntropicData(
      cost: [[0, 1, 2], [1, 0, 1], [2, 1, 0]], a: [0.5, 0, 0.5], b: [0.25, 0.75, 0])
    let result = try data.solve(entry, ["epsilon": .real(0.2)])
    let plan = try result.matrix("plan")
    #expect(result.status == .solved)
    #expect(plan[1] == [0, 0, 0])
    #expect(abs(plan[0][1] + plan[2][1] - 0.75) < 1e-9)
    #expect(try result.values("potential_source").allSatisfy { $0.isFinite })
  }

  @Test func forbiddenPairsThatLeaveNoPlan() throws {
    let inf = Double.infinity
    let data = EntropicData(cost: [[0, inf], [1, inf]])
    #expect(try data.solve(entry).status == .infeasible)
    let crowded = EntropicData(
      cost: [[0, inf], [1, 2]], a: [0.8, 0.2], b: [0.5, 0.5])
    let result = try crowded.solve(entry, ["max_iterations": .int(2000)])
    #expect(result.status == .infeasible)
  }

  @Test func stopsAtTheLimitAndGoesOnFromThere() throws {
    let data = EntropicProblems.points(60, 50, 2, seed: 33)
    let options: [String: OptionValue] = ["epsilon": .real(0.05), "tolerance": .real(1e-8)]
    let short = try data.solve(
      entry, options.merging(["max_iterations": .int(200)]) { $1 })
    #expect(short.status == .iterationLimit)
    #expect(try short.int("iterations") == 200)
    let warm = try data.solve(entry, options, start: short)
    let cold = try data.solve(entry, options)
    #expect(warm.status == .solved)
    #expect(try warm.int("iterations") < (try cold.int("iterations")))
  }

  /// Sums, gains and the choice against the plain formulas.
  @Test func kernelOfOneStep() {
    let kernel = [0.5, 1, 2, 0.25]
    let scaling = [1.0, 0.5, 1, 0]
    let weights = [0.3, 0.2, 0.4, 0]
    let before = [0.25, 0.15, 0.1, 0]
    var sums = before
    var gain = [Double](repeating: 0, count: 4)
    var error = 1.0
    let best = kn_greedy_update(kernel, scaling, 0.1, weights, &sums, &gain, 4, &error)
    var total = 1.0
    for j in 0..<4 {
      let s = before[j] + 0.1 * kernel[j] * scaling[j]
      let rho = weights[j] > 0 ? s - weights[j] + weights[j] * log(weights[j] / s) : s
      #expect(abs(sums[j] - s) < 1e-16)
      #expect(abs(gain[j] - rho) < 1e-15)
      total += abs(s - weights[j])
    }
    #expect(abs(error - total) < 1e-15)
    #expect(best == 2)
    var near = [0.3 * (1 + 1e-9)]
    _ = kn_greedy_update([0], [1], 0, [0.3], &near, &gain, 1, &error)
    #expect(abs(gain[0] - 0.15e-18) < 1e-24)
  }
}
