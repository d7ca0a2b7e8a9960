import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

@Suite struct SparsityConstrainedTests {
  private static let small = EntropicProblems.dense(6, 7, seed: 11)
  private static let cloud = EntropicProblems.points(40, 40, 2, seed: 12)

  @Test(arguments: ["columns", "rows"]) func fullCapacityIsQuadratic(side: String) throws {
    for data in [Self.small, Self.cloud] {
      let quadratic = try SmoothSolve.quadratic(data, 0.5)
      let length = side == "columns" ? data.weights.0.count : data.weights.1.count
      for k in [0, length] {
        let sparse = try SmoothSolve.sparse(data, 0.5, k, ["side": .text(side)])
        #expect(sparse.status == .solved, "\(sparse.message)")
        #expect(try sparse.int("exceeding_lines") == 0)
        #expect(largestDifference(
          try quadratic.values("plan"), try sparse.values("plan")) < 1e-8)
      }
    }
  }

  /// The hull is solved: the plan's value by the k-support norm, in the tests' own computation,
  /// equals the dual value at the potentials.
  @Test(arguments: [1, 2, 3, 4]) func hullIsSolved(k: Int) throws {
    for (data, gamma) in [(Self.small, 0.5), (Self.cloud, 1), (Self.cloud, 20)] {
      let reference = SmoothReference(data, gamma: gamma)
      let result = try SmoothSolve.sparse(data, gamma, k)
      #expect(result.status == .solved, "\(result.message)")
      let plan = try result.matrix("plan")
      #expect(reference.marginalError(plan) < 1e-9)
      let primal = reference.linear(plan) + reference.hull(plan, k)
      let dual = reference.dual(
        try result.values("potential_source"), try result.values("potential_target"), k)
      #expect(abs(primal - dual) < 1e-8 * abs(primal))
      #expect(abs(primal - (try result.real("objective"))) < 1e-10)
      let counts = (0..<reference.b.count).map { j in plan.filter { $0[j] > 0 }.count }
      #expect(try result.int("most_entries") == Int64(counts.max() ?? 0))
      #expect(
        try result.int("exceeding_lines") == Int64(counts.filter { $0 > k }.count))
    }
  }

  /// With uniform weights and one entry per column a plan is a permutation, and its regularisation
  /// a constant.
  @Test func oneEntryIsAnAssignment() throws {
    var data = Self.cloud
    (data.a, data.b) = (nil, nil)
    let exact = try data.solve(Assignment.entry)
    let result = try SmoothSolve.sparse(data, 0.3, 1)
    let bound = try result.real("dual_objective")
    let optimum = try exact.real("objective") + 0.5 * 0.3 / 40
    #expect(bound <= optimum + 1e-9 && bound > optimum - 0.01 * optimum)
    if try result.int("exceeding_lines") == 0 {
      #expect(abs(try result.real("objective") - optimum) < 1e-9)
    }
  }

  /// All supports of at most k entries per column of a 3 x 3 problem: the dual is a lower bound.
  @Test(arguments: [1, 2]) func boundIsBelowEveryPlan(k: Int) throws {
    let data = EntropicData(
      cost: [[0.1, 0.5, 0.9], [0.4, 0.2, 0.6], [0.8, 0.7, 0.3]], a: [0.5, 0.25, 0.25],
      b: [0.25, 0.5, 0.25])
    let bound = try SmoothSolve.sparse(data, 0.4, k).real("dual_objective")
    var best = Double.infinity
    for mask in 0..<512 {
      let columns = (0..<3).map { j in (0..<3).filter { mask >> (3 * $0 + j) & 1 == 1 }.count }
      guard columns.allSatisfy({ $0 <= k }) else { continue }
      var restricted = data
      for cell in 0..<9 where mask >> cell & 1 == 0 {
        restricted.cost[cell / 3][cell % 3] = .infinity
      }
      let result = try SmoothSolve.quadratic(restricted, 0.4)
      if result.status == .solved { best = min(best, try result.real("objective")) }
    }
    #expect(best.isFinite && bound <= best + 1e-9)
  }

  @Test func dualPlanBelowTheNaturalSupportIsNotCalledFeasible() throws {
    let result = try SmoothSolve.sparse(Self.cloud, 1, 2, ["repair": .text("none")])
    #expect(result.status == .stalled, "\(result.message)")
    #expect(try result.real("marginal_residual") > 1e-3)
    #expect(try result.int("most_entries") <= 2)
    // Columns are exact; what is missed, rows miss.
    #expect(try result.real("column_residual") < 1e-12)
    let reference = SmoothReference(Self.cloud, gamma: 1)
    let error = reference.marginalError(try result.matrix("plan"))
    #expect(abs(error - (try result.real("marginal_residual"))) < 1e-12)
  }

  @Test func repairOnTheSupport() throws {
    let none = try SmoothSolve.sparse(Self.cloud, 1, 2, ["repair": .text("none")])
    let result = try SmoothSolve.sparse(Self.cloud, 1, 2, ["repair": .text("support")])
    let (before, plan) = (try none.matrix("plan"), try result.matrix("plan"))
    let (a, b) = Self.cloud.weights
    for i in 0..<40 {
      #expect(plan[i].reduce(0, +) <= a[i] + 1e-12)
      for j in 0..<40 where before[i][j] == 0 { #expect(plan[i][j] == 0) }
    }
    for j in 0..<40 { #expect(plan.map { $0[j] }.reduce(0, +) <= b[j] + 1e-12) }
    #expect(try result.int("most_entries") <= 2)
    #expect(result.message.contains("support"))
    let moved = plan.flatMap { $0 }.reduce(0, +)
    #expect(moved > 0.8 && moved <= 1 + 1e-12)
  }

  @Test(arguments: ["semi_dual", "dual"]) func firstOrderMethod(formulation: String) throws {
    let options: [String: OptionValue] = [
      "solver": .text("lbfgs"), "formulation": .text(formulation), "repair": .text("none"),
      "max_iterations": .int(500),
    ]
    let enough = try SmoothSolve.sparse(Self.small, 0.5, 5, options)
    #expect(enough.status == .solved, "\(enough.message)")
    let few = try SmoothSolve.sparse(Self.small, 0.5, 2, options)
    let hull = try SmoothSolve.sparse(Self.small, 0.5, 2)
    #expect(try few.real("dual_objective") <= hull.real("dual_objective") + 1e-9)
    #expect(try few.real("dual_objective") >= 0.98 * hull.real("dual_objective"))
    let repaired = try SmoothSolve.sparse(
      Self.small, 0.5, 2, ["solver": .text("lbfgs"), "formulation": .text(formulation)])
    #expect(repaired.status == .solved || repaired.status == .iterationLimit)
  }

  /// Five sources and two columns of two entries: one is left over.
  @Test func capacityBelowTheNumberOfPoints() throws {
    var data = EntropicProblems.dense(5, 2, seed: 13)
    let result = try SmoothSolve.sparse(data, 1, 2)
    #expect(result.status == .infeasible, "\(result.message)")
    #expect(try result.values("capacity_source") == [1, 1, 1, 1, 1])
    #expect(try SmoothSolve.sparse(data, 1, 3).status == .solved)
    // A source without mass needs no entry.
    data.a = [0, 0.25, 0.25, 0.25, 0.25]
    data.b = [0.5, 0.5]
    #expect(try SmoothSolve.sparse(data, 1, 2).status != .infeasible)
  }

  /// Sources 0 to 2 may reach target 1 only, which has room for two of them.
  @Test func capacityOfTheAllowedPairs() throws {
    var data = EntropicProblems.dense(6, 4, seed: 14)
    for i in 0..<3 { for j in [0, 2, 3] { data.cost[i][j] = .infinity } }
    data.a = [0.05, 0.05, 0.05, 0.3, 0.3, 0.25]
    data.b = [0.25, 0.25, 0.25, 0.25]
    let result = try SmoothSolve.sparse(data, 1, 2)
    #expect(result.status == .infeasible, "\(result.message)")
    #expect(try result.values("capacity_source") == [1, 1, 1, 0, 0, 0])
    #expect(try SmoothSolve.sparse(data, 1, 4).status == .solved)
    let rows = EntropicData(
      cost: (0..<4).map { j in data.cost.map { $0[j] } }, a: data.b, b: data.a)
    let turned = try SmoothSolve.sparse(rows, 1, 2, ["side": .text("rows")])
    #expect(turned.status == .infeasible)
    #expect(try turned.values("capacity_target") == [1, 1, 1, 0, 0, 0])
  }

  /// One column takes nine tenths of the mass, which no two of the sources have.
  @Test func capacityBelowTheMassOfALine() throws {
    var data = EntropicProblems.dense(6, 6, seed: 15)
    data.a = [Double](repeating: 1.0 / 6, count: 6)
    data.b = [0.02, 0.02, 0.9, 0.02, 0.02, 0.02]
    let result = try SmoothSolve.sparse(data, 1, 2)
    #expect(result.status == .infeasible, "\(result.message)")
    #expect(try result.values("capacity_target") == [0, 0, 1, 0, 0, 0])
    #expect(try SmoothSolve.sparse(data, 1, 6).status == .solved)
    let rows = EntropicData(
      cost: (0..<6).map { j in data.cost.map { $0[j] } }, a: data.b, b: data.a)
    let turned = try SmoothSolve.sparse(rows, 1, 2, ["side": .text("rows")])
    #expect(turned.status == .infeasible)
    #expect(try turned.values("capacity_source") == [0, 0, 1, 0, 0, 0])
  }

  @Test(arguments: [("columns", 7), ("rows", 8)])
  func capacityOutOfRange(side: String, k: Int) throws {
    do {
      _ = try SmoothSolve.sparse(Self.small, 1, k, ["side": .text(side)])
      Issue.record("a capacity of \(k) was taken")
    } catch let error as KantorError {
      #expect(error.code == .range && error.message.contains("\(k)"))
    }
  }
}
