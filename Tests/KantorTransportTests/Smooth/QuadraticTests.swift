import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

@Suite struct QuadraticTests {
  /// The derivative of 1 - 2p + gamma (p^2 + (1/2 - p)^2) is 0 at p = 1/4 + 1/(2 gamma).
  @Test(arguments: [(4.0, 0.375), (2.0, 0.5), (1.0, 0.5), (100.0, 0.255)])
  func twoByTwo(gamma: Double, p: Double) throws {
    let data = EntropicData(cost: [[0, 1], [1, 0]])
    let result = try SmoothSolve.quadratic(data, gamma)
    #expect(result.status == .solved, "\(result.message)")
    #expect(largestDifference(try result.values("plan"), [p, 0.5 - p, 0.5 - p, p]) < 1e-12)
  }

  /// Without costs the plan is the one nearest to 0, a_i/m + b_j/n - 1/(n m) where positive.
  @Test func constantCosts() throws {
    let (a, b) = ([0.3, 0.3, 0.4], [0.2, 0.3, 0.25, 0.25])
    let data = EntropicData(cost: [[Double]](repeating: [2, 2, 2, 2], count: 3), a: a, b: b)
    let plan = try SmoothSolve.quadratic(data, 0.7).matrix("plan")
    for i in 0..<3 {
      for j in 0..<4 { #expect(abs(plan[i][j] - (a[i] / 4 + b[j] / 3 - 1 / 12)) < 1e-12) }
    }
  }

  private static let problems = [
    EntropicProblems.dense(30, 40, seed: 1), EntropicProblems.dense(50, 20, seed: 2),
    EntropicProblems.points(60, 60, 2, seed: 3),
    EntropicProblems.points(25, 35, 3, seed: 4, metric: "l1"),
  ]

  /// Optimality: P = [f + g - C]_+ / gamma with the right marginals is all there is to prove.
  @Test(arguments: [0, 1, 2, 3], [1e-3, 0.1, 1, 30, 1e4])
  func optimalityConditions(which: Int, gamma: Double) throws {
    let data = Self.problems[which]
    let reference = SmoothReference(data, gamma: gamma)
    let result = try SmoothSolve.quadratic(data, gamma)
    #expect(result.status == .solved, "\(result.message)")
    let plan = try result.matrix("plan")
    let (f, g) = (try result.values("potential_source"), try result.values("potential_target"))
    #expect(reference.marginalError(plan) < 1e-9)
    var worst = 0.0
    for i in 0..<f.count {
      for j in 0..<g.count {
        let p = max(0, f[i] + g[j] - reference.cost[i][j]) / gamma
        worst = max(worst, abs(p - plan[i][j]))
      }
    }
    #expect(worst < 1e-9)
    let value = reference.linear(plan) + reference.hull(plan, f.count)
    #expect(abs(value - (try result.real("objective"))) < 1e-10)
    #expect(abs(reference.dual(f, g, f.count) - (try result.real("dual_objective"))) < 1e-10)
  }

  @Test(arguments: ["semi_dual", "dual"]) func firstOrderMethodAgrees(formulation: String) throws {
    let data = Self.problems[0]
    let newton = try SmoothSolve.quadratic(data, 2)
    let other = try SmoothSolve.quadratic(
      data, 2, ["solver": .text("lbfgs"), "formulation": .text(formulation)])
    #expect(other.status == .solved, "\(other.message)")
    #expect(largestDifference(try newton.values("plan"), try other.values("plan")) < 1e-8)
  }

  @Test func vanishingRegularisationIsExactTransport() throws {
    let data = Self.problems[0]
    let exact = try data.solve(NetworkSimplex.entry)
    let result = try SmoothSolve.quadratic(data, 1e-4)
    #expect(result.status == .solved, "\(result.message)")
    let difference = try result.real("transport_cost") - exact.real("objective")
    #expect(abs(difference) < 1e-5)
    #expect(try result.real("lower_bound") <= exact.real("objective") + 1e-12)
  }

  /// Mass M and gamma / M give M times the plan; costs and gamma times s the same plan; a shift of
  /// rows and columns of the costs the same plan.
  @Test func invariances() throws {
    let data = Self.problems[1]
    let plan = try SmoothSolve.quadratic(data, 1).values("plan")
    var heavy = data
    heavy.a = data.a?.map { 1e5 * $0 }
    heavy.b = data.b?.map { 1e5 * $0 }
    let times = try SmoothSolve.quadratic(heavy, 1e-5).values("plan").map { 1e-5 * $0 }
    #expect(largestDifference(plan, times) < 1e-11)
    var scaled = data
    scaled.cost = data.cost.map { $0.map { 1e-6 * $0 } }
    #expect(largestDifference(plan, try SmoothSolve.quadratic(scaled, 1e-6).values("plan")) < 1e-11)
    var shifted = data
    for i in 0..<50 { for j in 0..<20 { shifted.cost[i][j] += Double(i % 3) - 2 * Double(j % 5) } }
    #expect(largestDifference(plan, try SmoothSolve.quadratic(shifted, 1).values("plan")) < 1e-10)
    let turned = EntropicData(
      cost: (0..<20).map { j in data.cost.map { $0[j] } }, a: data.b, b: data.a)
    let transposed = try SmoothSolve.quadratic(turned, 1).matrix("plan")
    let back = (0..<50).flatMap { i in (0..<20).map { transposed[$0][i] } }
    #expect(largestDifference(plan, back) < 1e-10)
  }

  @Test func pointsEqualTheirCosts() throws {
    let points = Self.problems[2]
    let dense = EntropicData(cost: points.costs, a: points.a, b: points.b)
    let one = try SmoothSolve.quadratic(points, 0.5).values("plan")
    #expect(largestDifference(one, try SmoothSolve.quadratic(dense, 0.5).values("plan")) < 1e-10)
  }

  @Test func pointsWithoutMass() throws {
    var data = Self.problems[0]
    data.a?[3] = 0
    data.b?[7] = 0
    let (p, q) = (data.a?.reduce(0, +) ?? 1, data.b?.reduce(0, +) ?? 1)
    data.a = data.a?.map { $0 / p }
    data.b = data.b?.map { $0 / q }
    let result = try SmoothSolve.quadratic(data, 1)
    #expect(result.status == .solved, "\(result.message)")
    let plan = try result.matrix("plan")
    #expect(plan[3].allSatisfy { $0 == 0 } && plan.allSatisfy { $0[7] == 0 })
    #expect(try result.values("potential_source").allSatisfy { $0.isFinite })
    #expect(SmoothReference(data, gamma: 1).marginalError(plan) < 1e-9)
  }

  @Test func forbiddenPairs() throws {
    var data = Self.problems[0]
    for i in 0..<30 { for j in 0..<40 where (i + j) % 3 == 0 { data.cost[i][j] = .infinity } }
    let result = try SmoothSolve.quadratic(data, 1)
    #expect(result.status == .solved, "\(result.message)")
    let plan = try result.matrix("plan")
    for i in 0..<30 { for j in 0..<40 where (i + j) % 3 == 0 { #expect(plan[i][j] == 0) } }
    // Sources 0 and 1 may reach target 0 only, which is smaller than both.
    for j in 1..<40 { for i in 0..<2 { data.cost[i][j] = .infinity } }
    (data.cost[0][0], data.cost[1][0]) = (1, 1)
    let none = try SmoothSolve.quadratic(data, 1)
    #expect(none.status == .infeasible, "\(none.message)")
    let (f, g) = (try none.values("ray_source"), try none.values("ray_target"))
    #expect(f[0] > 0 && f[1] > 0 && f[0] + g[0] <= 0)
  }

  @Test func warmStartSavesSteps() throws {
    let data = Self.problems[2]
    let cold = try SmoothSolve.quadratic(data, 0.1)
    let warm = try SmoothSolve.quadratic(data, 0.1, start: cold)
    #expect(warm.status == .solved)
    #expect(try warm.int("newton_steps") <= 1 && cold.int("newton_steps") > 1)
  }

  @Test func supportShrinksWithGamma() throws {
    let data = Self.problems[2]
    let counts = try [100.0, 1, 0.01].map { (gamma) -> Int in
      try SmoothSolve.quadratic(data, gamma).array("plan_value").count
    }
    #expect(counts[0] > counts[1] && counts[1] > counts[2])
    #expect(counts[2] >= 60)
  }

  @Test func automaticStrength() throws {
    let result = try Self.problems[2].solve(Quadratic.entry)
    #expect(result.status == .solved)
    let share = Double(try result.array("plan_value").count) / 60
    #expect(share > 3 && share < 40)
  }

  @Test func refusesWhatItCannotDo() throws {
    let data = Self.problems[0]
    #expect(failure { () throws(KantorError) in
      let settings = Settings(method: Quadratic.spec)
      try settings.set("gamma", .real(-1))
    } == .range)
    do {
      _ = try SmoothSolve.quadratic(data, 1, ["formulation": .text("dual")])
      Issue.record("newton worked on the dual")
    } catch let error as KantorError {
      #expect(error.code == .range && error.message.contains("lbfgs"))
    }
  }

  @Test func threadsDoNotMatter() throws {
    let data = EntropicProblems.points(400, 700, 2, seed: 9)
    let one = try SmoothSolve.quadratic(data, 1)
    let three = try SmoothSolve.quadratic(data, 1, ["threads": .int(3)])
    #expect(three.status == .solved)
    #expect(largestDifference(try one.values("plan"), try three.values("plan")) < 1e-11)
  }
}
