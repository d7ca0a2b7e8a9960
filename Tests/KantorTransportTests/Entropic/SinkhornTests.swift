import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct SinkhornKnownAnswers {
  @Test(arguments: [10.0, 1, 0.1, 0.01]) func twoByTwo(epsilon: Double) throws {
    let data = EntropicData(cost: [[0, 1], [1, 0]])
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(epsilon)])
    let plan = try result.matrix("plan")
    let diagonal = 0.5 / (1 + exp(-1 / epsilon))
    #expect(result.status == .solved)
    #expect(abs(plan[0][0] - diagonal) < 1e-9)
    #expect(abs(plan[1][1] - diagonal) < 1e-9)
    #expect(abs(plan[0][1] - (0.5 - diagonal)) < 1e-9)
  }

  @Test func constantCostGivesTheProduct() throws {
    var data = EntropicProblems.dense(7, 5, seed: 1)
    data.cost = data.cost.map { $0.map { _ in 3.5 } }
    let result = try data.solve()
    let (a, b) = data.weights
    let plan = try result.matrix("plan")
    for i in 0..<7 {
      for j in 0..<5 { #expect(abs(plan[i][j] - a[i] * b[j]) < 1e-14) }
    }
    #expect(abs(try result.real("objective") - 3.5) < 1e-12)
  }

  @Test func sumOfPotentialsGivesTheProduct() throws {
    var data = EntropicProblems.dense(6, 9, seed: 2)
    let (a, b) = data.weights
    let f = (0..<6).map { Double($0 * $0) / 7 }
    let g = (0..<9).map { Double($0) / 3 }
    data.cost = f.map { u in g.map { u + $0 } }
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.1)])
    let expected =
      zip(a, f).reduce(0) { $0 + $1.0 * $1.1 } + zip(b, g).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(try result.real("objective") - expected) < 1e-8)
    let plan = try result.matrix("plan")
    for i in 0..<6 {
      for j in 0..<9 { #expect(abs(plan[i][j] - a[i] * b[j]) < 1e-9) }
    }
  }

  @Test(arguments: [(1, 6), (6, 1), (1, 1)]) func onePoint(n: Int, m: Int) throws {
    let data = EntropicProblems.dense(n, m, seed: 3)
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(1e-3)])
    let (a, b) = data.weights
    #expect(result.status == .solved)
    let plan = try result.matrix("plan")
    for i in 0..<n {
      for j in 0..<m { #expect(abs(plan[i][j] - a[i] * b[j]) < 1e-9) }
    }
  }

  @Test func duplicatePoints() throws {
    var data = EntropicProblems.points(8, 8, 2, seed: 4)
    for k in 0..<4 { data.x[2 * k] = data.x[2 * k + 1] }
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.05)])
    let plain = PlainSinkhorn(data, epsilon: 0.05)
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - plain.value) < 1e-9)
  }

  @Test(arguments: ["sqeuclidean", "euclidean", "l1", "power", "cosine"])
  func pointsEqualTheirCosts(metric: String) throws {
    var data = EntropicProblems.points(23, 31, 3, seed: 5, metric: metric)
    data.power = 1.5
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.05)])
    let plain = PlainSinkhorn(data, epsilon: 0.05)
    #expect(result.status == .solved)
    #expect(largestDifference(try result.values("potential_source"), plain.f) < 1e-8)
    #expect(largestDifference(try result.values("potential_target"), plain.g) < 1e-8)
    #expect(
      largestDifference(try result.values("plan"), plain.plan.flatMap { $0 }) < 1e-9)
  }
}

@Suite struct SinkhornRoutes {
  static let engines = ["auto", "log", "scaling", "newton"]

  @Test(arguments: engines, [0.3, 0.03, 0.004])
  func enginesAgreeWithThePlainIteration(engine: String, epsilon: Double) throws {
    let data = EntropicProblems.dense(30, 22, seed: 6)
    let result = try data.solve(
      Sinkhorn.entry,
      ["engine": .text(engine), "epsilon": .real(epsilon), "max_iterations": .int(200_000)])
    let plain = PlainSinkhorn(data, epsilon: epsilon, sweeps: 100_000)
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - plain.value) < 1e-8)
    #expect(largestDifference(try result.values("plan"), plain.plan.flatMap { $0 }) < 1e-7)
  }

  @Test(arguments: ["double", "mixed", "single"]) func precisions(name: String) throws {
    let data = EntropicProblems.points(150, 170, 2, seed: 7)
    let result = try data.solve(
      Sinkhorn.entry,
      ["precision": .text(name), "tolerance": .real(1e-5), "epsilon": .real(0.02)])
    #expect(result.status == .solved)
    let fine = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.02)])
    let error = abs(try result.real("objective") - (try fine.real("objective")))
    #expect(error < 1e-5)
  }

  @Test(arguments: [1.5, 1.0, 0.0]) func overrelaxation(omega: Double) throws {
    let data = EntropicProblems.dense(40, 40, seed: 8)
    let result = try data.solve(
      Sinkhorn.entry,
      ["engine": .text("log"), "overrelaxation": .real(omega), "epsilon": .real(0.03)])
    #expect(result.status == .solved)
    let newton = try data.solve(
      Sinkhorn.entry, ["engine": .text("newton"), "epsilon": .real(0.03)])
    let error = abs(try result.real("objective") - (try newton.real("objective")))
    #expect(error < 1e-9)
  }

  /// Down to an epsilon where the entropic plan is the exact one to ten digits.
  @Test func goesToTheExactValue() throws {
    let data = EntropicProblems.dense(25, 25, seed: 9)
    let exact = try data.solve(NetworkSimplex.entry).real("objective")
    var last = Double.infinity
    for k in 0...12 {
      let epsilon = 0.5 * pow(10, -0.5 * Double(k))
      let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(epsilon)])
      #expect(result.status == .solved, "epsilon \(epsilon): \(result.message)")
      let value = try result.real("objective")
      #expect(value <= last + 1e-9 && value >= exact - 1e-9, "epsilon \(epsilon)")
      #expect(try result.real("lower_bound") <= exact + 1e-9)
      #expect(try result.real("upper_bound") >= exact - 1e-9)
      last = value
    }
    #expect(abs(last - exact) < 1e-4)
  }

  /// Every epsilon from 10 down to 1e-5 of the median cost.
  @Test(arguments: [10.0, 1, 0.1, 1e-2, 1e-3, 1e-4, 1e-5])
  func wholeRangeOfEpsilon(fraction: Double) throws {
    for data in [EntropicProblems.points(300, 280, 2, seed: 10), Self.uniform(200)] {
      let all = data.costs.flatMap { $0 }.sorted()
      let result = try data.solve(
        Sinkhorn.entry, ["epsilon": .real(fraction * all[all.count / 2])])
      #expect(result.status == .solved, "\(result.message)")
      #expect(try result.real("marginal_residual") <= 1e-9 * (1 + 1e-6))
      #expect(try result.real("gap") >= -1e-12)
    }
  }

  /// Uniform weights and costs without any structure.
  static func uniform(_ n: Int) -> EntropicData {
    var data = EntropicProblems.dense(n, n, seed: 11)
    (data.a, data.b) = (nil, nil)
    return data
  }
}

@Suite struct SinkhornHardData {
  @Test func tinyWeights() throws {
    var data = EntropicProblems.dense(12, 12, seed: 12)
    var a = (0..<12).map { pow(10, -27.0 * Double($0)) }
    let total = a.reduce(0, +)
    a = a.map { $0 / total }
    (data.a, data.b) = (a, a.reversed())
    for epsilon in [0.5, 0.02] {
      let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(epsilon)])
      #expect(result.status == .solved, "\(result.message)")
      #expect(try result.values("potential_source").allSatisfy { $0.isFinite })
      #expect(try result.values("potential_target").allSatisfy { $0.isFinite })
      // Even the smallest row has its mass.
      let plan = try result.matrix("plan")
      for i in 0..<12 {
        let sum = plan[i].reduce(0, +)
        #expect(abs(sum / a[i] - 1) < 1e-6, "row \(i)")
      }
    }
  }

  @Test func zeroWeightsChangeNothing() throws {
    let data = EntropicProblems.points(20, 25, 2, seed: 13)
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.03)])
    var larger = data
    larger.x.insert([0.3, 0.4], at: 5)
    larger.a?.insert(0, at: 5)
    larger.y.append([0.9, 0.1])
    larger.b?.append(0)
    let other = try larger.solve(Sinkhorn.entry, ["epsilon": .real(0.03)])
    #expect(other.status == .solved)
    let difference = abs(try result.real("objective") - (try other.real("objective")))
    #expect(difference < 1e-9)
    // The potential of the added source is the soft c-transform of the targets'.
    let g = try other.values("potential_target")
    let (_, b) = larger.weights
    let row = larger.costs[5]
    let transform = -0.03 * logSum((0..<26).map { log(b[$0]) + (g[$0] - row[$0]) / 0.03 })
    #expect(abs(try other.values("potential_source")[5] - transform) < 1e-9)
    let f = try other.values("potential_source")
    let (a, _) = larger.weights
    let column = -0.03
      * logSum((0..<21).map { log(a[$0]) + (f[$0] - larger.costs[$0][25]) / 0.03 })
    #expect(abs(g[25] - column) < 1e-9)
  }

  @Test func forbiddenPairs() throws {
    var data = EntropicProblems.dense(15, 15, seed: 14)
    for i in 0..<15 {
      for j in 0..<15 where abs(i - j) > 4 { data.cost[i][j] = .infinity }
    }
    (data.a, data.b) = (nil, nil)
    for engine in ["log", "newton", "scaling"] {
      let result = try data.solve(
        Sinkhorn.entry, ["epsilon": .real(0.05), "engine": .text(engine)])
      #expect(result.status == .solved)
      let plan = try result.matrix("plan")
      for i in 0..<15 {
        for j in 0..<15 where abs(i - j) > 4 { #expect(plan[i][j] == 0) }
      }
    }
  }

  @Test func forbiddenRowIsInfeasible() throws {
    var data = EntropicProblems.dense(5, 6, seed: 15)
    data.cost[2] = [Double](repeating: .infinity, count: 6)
    #expect(try data.solve().status == .infeasible)
    var other = EntropicProblems.dense(5, 6, seed: 15)
    for i in 0..<5 { other.cost[i][3] = .infinity }
    #expect(try other.solve().status == .infeasible)
  }

  /// Two sources that may reach one target only, which is too small for them.
  @Test func blockedMassIsNotSolved() throws {
    var data = EntropicProblems.dense(4, 4, seed: 16)
    (data.a, data.b) = ([0.3, 0.3, 0.2, 0.2], [0.1, 0.3, 0.3, 0.3])
    for i in 0..<2 {
      for j in 1..<4 { data.cost[i][j] = .infinity }
    }
    let result = try data.solve(Sinkhorn.entry, ["max_iterations": .int(500)])
    #expect(result.status == .infeasible)
  }

  @Test(arguments: [1e-7, 3.0, 1e8]) func massScales(mass: Double) throws {
    let data = EntropicProblems.dense(10, 14, seed: 17)
    let (a, b) = data.weights
    var scaled = data
    (scaled.a, scaled.b) = (a.map { $0 * mass }, b.map { $0 * mass })
    let one = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.1)])
    let other = try scaled.solve(Sinkhorn.entry, ["epsilon": .real(0.1)])
    #expect(other.status == .solved)
    let (p, q) = (try one.values("plan"), try other.values("plan").map { $0 / mass })
    #expect(largestDifference(p, q) < 1e-10)
    // f + g shifts by -eps log mass, since a_i b_j has the square of the mass.
    let f = try other.values("potential_source").map { $0 + 0.05 * log(mass) }
    #expect(largestDifference(try one.values("potential_source"), f) < 1e-8)
  }

  @Test(arguments: [1e-6, 1.0, 1e7]) func costScales(scale: Double) throws {
    let data = EntropicProblems.dense(16, 12, seed: 18)
    var scaled = data
    scaled.cost = data.cost.map { $0.map { $0 * scale } }
    let one = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.02)])
    let other = try scaled.solve(Sinkhorn.entry, ["epsilon": .real(0.02 * scale)])
    #expect(other.status == .solved)
    let difference =
      abs(try other.real("objective") / scale - (try one.real("objective")))
    #expect(difference < 1e-9)
  }

  /// C/eps up to 1e6.
  @Test func hugeExponents() throws {
    var data = EntropicProblems.dense(40, 40, seed: 19)
    (data.a, data.b) = (nil, nil)
    let exact = try data.solve(NetworkSimplex.entry).real("objective")
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(1e-6)])
    #expect(result.status == .solved, "\(result.message)")
    #expect(abs(try result.real("transport_cost") - exact) < 1e-6)
  }

  @Test func negativeCosts() throws {
    var data = EntropicProblems.dense(9, 9, seed: 20)
    let before = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.05)]).real("objective")
    data.cost = data.cost.map { $0.map { $0 - 100 } }
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.05)])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") + 100 - before) < 1e-9)
    #expect(try data.solve().status == .solved)
  }
}

@Suite struct SinkhornProperties {
  @Test func symmetryUnderTransposition() throws {
    let data = EntropicProblems.dense(13, 19, seed: 21)
    let flipped = EntropicData(
      cost: (0..<19).map { j in (0..<13).map { data.cost[$0][j] } }, a: data.b, b: data.a)
    let one = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.03)])
    let other = try flipped.solve(Sinkhorn.entry, ["epsilon": .real(0.03)])
    let (p, q) = (try one.matrix("plan"), try other.matrix("plan"))
    for i in 0..<13 {
      for j in 0..<19 { #expect(abs(p[i][j] - q[j][i]) < 1e-9) }
    }
  }

  @Test func permutationOfTheSources() throws {
    let data = EntropicProblems.points(17, 11, 2, seed: 22)
    var turned = data
    turned.x.reverse()
    turned.a?.reverse()
    let one = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.02)])
    let other = try turned.solve(Sinkhorn.entry, ["epsilon": .real(0.02)])
    #expect(
      largestDifference(
        try one.values("potential_source"), try other.values("potential_source").reversed())
        < 1e-7)
  }

  @Test func warmStartEndsAtOnceAtTheSameAnswer() throws {
    let data = EntropicProblems.points(60, 50, 2, seed: 23)
    let cold = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.01)])
    let warm = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.01)], start: cold)
    #expect(warm.status == .solved)
    #expect(try warm.int("iterations") <= 3)
    let difference = abs(try warm.real("objective") - (try cold.real("objective")))
    #expect(difference < 1e-10)
    // A start from another problem does no harm.
    let far = try data.solve(Sinkhorn.entry, ["epsilon": .real(1e-4)], start: cold)
    #expect(far.status == .solved)
  }

  @Test func dualAndPrimalAgree() throws {
    let data = EntropicProblems.dense(33, 21, seed: 24)
    let (a, b) = data.weights
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.02)])
    let f = try result.values("potential_source")
    let g = try result.values("potential_target")
    let left = zip(a, f).reduce(0) { $0 + $1.0 * $1.1 }
    let right = zip(b, g).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(left - right) < 1e-12)
    #expect(abs(left + right - (try result.real("objective"))) < 1e-9)
    #expect(try result.real("gap") < 1e-8)
  }

  @Test func roundedPlanIsFeasible() throws {
    let data = EntropicProblems.dense(20, 30, seed: 25)
    let (a, b) = data.weights
    let result = try data.solve(
      Sinkhorn.entry,
      ["round": .flag(true), "tolerance": .real(1e-2), "epsilon": .real(0.01)])
    let plan = try result.matrix("plan")
    for i in 0..<20 { #expect(abs(plan[i].reduce(0, +) - a[i]) < 1e-15) }
    for j in 0..<30 { #expect(abs((0..<20).reduce(0) { $0 + plan[$1][j] } - b[j]) < 1e-15) }
    #expect(plan.allSatisfy { $0.allSatisfy { $0 >= 0 } })
  }

  @Test func thresholdListsTheLargeEntries() throws {
    let data = EntropicProblems.dense(12, 12, seed: 26)
    let result = try data.solve(
      Sinkhorn.entry, ["epsilon": .real(0.02), "plan_threshold": .real(1e-3)])
    let plan = try result.matrix("plan")
    let values = try result.values("plan_value")
    #expect(values.count == plan.joined().filter { $0 > 1e-3 }.count)
    #expect(values.allSatisfy { $0 > 1e-3 })
  }

  @Test func sameBitsForTheSameThreads() throws {
    let data = EntropicProblems.points(400, 390, 2, seed: 27)
    for threads in [1, 2, 3] {
      let options: [String: OptionValue] = [
        "epsilon": .real(0.002), "threads": .int(Int64(threads)),
      ]
      let one = try data.solve(Sinkhorn.entry, options).values("potential_source")
      let two = try data.solve(Sinkhorn.entry, options).values("potential_source")
      #expect(one == two)
    }
    let serial = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.002)])
    let parallel = try data.solve(
      Sinkhorn.entry, ["epsilon": .real(0.002), "threads": .int(2)])
    #expect(
      largestDifference(
        try serial.values("potential_source"), try parallel.values("potential_source")) < 1e-6)
  }

  /// f32 costs, and rows of a larger matrix.
  @Test func singleAndStridedCosts() throws {
    let data = EntropicProblems.dense(20, 17, seed: 32)
    let expected = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.05)]).real("objective")
    let single = try Buffer<Float>(count: 20 * 17)
    let wide = try Buffer<Double>(count: 20 * 30, repeating: -5)
    for i in 0..<20 {
      for j in 0..<17 {
        single[i * 17 + j] = Float(data.cost[i][j])
        wide[i * 30 + j] = data.cost[i][j]
      }
    }
    let (a, b) = data.weights
    for (tensor, accuracy) in [
      (Tensor(single, shape: [20, 17]), 1e-7),
      (
        Tensor(
          type: .f64, shape: [20, 17], strides: [30, 1],
          base: UnsafeMutableRawPointer(wide.pointer), owner: wide), 1e-10
      ),
    ] {
      for engine in ["log", "newton", "scaling"] {
        let problem = Problem(kind: TransportKind.kind)
        try problem.set("cost", .array(tensor))
        try problem.set("weights_source", .array(Tensor(try Buffer(a))))
        try problem.set("weights_target", .array(Tensor(try Buffer(b))))
        let settings = Settings(method: Sinkhorn.spec)
        try settings.set("epsilon", .real(0.05))
        try settings.set("engine", .text(engine))
        let result = try Sinkhorn.entry.solve(
          try problem.seal(), try settings.run(for: Sinkhorn.spec))
        #expect(result.status == .solved)
        let value = try result.real("objective")
        #expect(abs(value - expected) < accuracy, "\(engine)")
      }
    }
  }

  /// The host's stop is heard inside a pass, and what was reached is returned.
  @Test(arguments: ["auto", "log", "scaling", "newton"]) func stopsWhenTold(engine: String) throws {
    let data = EntropicProblems.points(300, 300, 2, seed: 33)
    for last in [1, 5, 12] {
      let settings = Settings(method: Sinkhorn.spec)
      try settings.set("epsilon", .real(1e-4))
      try settings.set("engine", .text(engine))
      settings.setProgress { $0.iteration >= last ? 7 : 0 }
      let result = try Sinkhorn.entry.solve(
        try data.problem().seal(), try settings.run(for: Sinkhorn.spec))
      #expect(result.status == .stoppedByCallback)
      #expect(try result.int("iterations") == last)
      #expect(try result.values("potential_source").allSatisfy { $0.isFinite })
    }
  }

  @Test func limitsAreHonoured() throws {
    let data = EntropicProblems.dense(50, 50, seed: 28)
    let result = try data.solve(
      Sinkhorn.entry,
      ["epsilon": .real(0.002), "max_iterations": .int(4), "engine": .text("log")])
    #expect(result.status == .iterationLimit)
    #expect(try result.int("iterations") == 4)
    #expect(try result.values("potential_source").allSatisfy { $0.isFinite })
    let late = try data.solve(
      Sinkhorn.entry, ["epsilon": .real(0.002), "time_limit": .real(0)])
    #expect(late.status == .timeLimit)
  }

  @Test func gapIsReachedWhenAskedFor() throws {
    let data = EntropicProblems.dense(40, 30, seed: 29)
    let loose = try data.solve(
      Sinkhorn.entry, ["epsilon": .real(0.02), "tolerance": .real(0.01)])
    #expect(try loose.real("relative_gap") > 1e-8)
    let tight = try data.solve(
      Sinkhorn.entry,
      ["epsilon": .real(0.02), "tolerance": .real(0.01), "gap_tolerance": .real(1e-8)])
    #expect(tight.status == .solved)
    #expect(try tight.real("relative_gap") <= 1e-8)
  }

  @Test func automaticEpsilonIsAShareOfTheMeanCost() throws {
    let data = EntropicProblems.dense(10, 10, seed: 30)
    let (a, b) = data.weights
    var mean = 0.0
    for i in 0..<10 {
      for j in 0..<10 { mean += a[i] * b[j] * data.cost[i][j] }
    }
    let result = try data.solve()
    #expect(abs(try result.real("epsilon") - 0.05 * mean) < 1e-12)
  }

  @Test func traceHasOneEntryPerIteration() throws {
    let data = EntropicProblems.dense(20, 20, seed: 31)
    let result = try data.solve(Sinkhorn.entry, ["trace": .flag(true)])
    #expect(try result.values("trace_residual").count == Int(try result.int("iterations")))
    #expect(try result.values("trace_residual").last ?? 1 <= 1e-9)
  }
}
