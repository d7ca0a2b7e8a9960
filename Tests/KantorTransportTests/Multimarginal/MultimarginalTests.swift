import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct MultimarginalTests {
  private let entry = MultimarginalSinkhorn.entry

  private func data(_ sizes: [Int]) -> MapData {
    var data = MapData(kind: MultimarginalKind.kind)
    data.arrays["sizes"] = ([sizes.count], sizes.map { Double($0) })
    return data
  }

  private func tensor(_ sizes: [Int], seed: UInt64, mass: Double = 1) -> MapData {
    var data = data(sizes)
    let count = sizes.reduce(1, *)
    data.arrays["cost"] = ([count], TransportSpecimens.numbers(count, seed))
    let weights = sizes.enumerated().flatMap {
      MapData.weights($1, seed + 1 + UInt64($0), mass: mass)
    }
    data.arrays["weights"] = ([weights.count], weights)
    return data
  }

  @Test(arguments: [0.3, 0.05]) func twoMeasuresAreSinkhorn(epsilon: Double) throws {
    let data = tensor([11, 14], seed: 41, mass: 1.6)
    let c = data.arrays["cost"]?.numbers ?? []
    let w = data.arrays["weights"]?.numbers ?? []
    let pair = EntropicData(
      cost: (0..<11).map { Array(c[14 * $0..<14 * $0 + 14]) }, a: Array(w[..<11]),
      b: Array(w[11...]))
    let other = try pair.solve(Sinkhorn.entry, ["epsilon": .real(epsilon)])
    let result = try data.solve(entry, ["epsilon": .real(epsilon)])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - other.real("objective")) < 1e-8)
    #expect(abs(try result.real("transport_cost") - other.real("transport_cost")) < 1e-8)
    let plans = zip(try result.array("plan").list(), try other.array("plan").list())
    #expect(plans.allSatisfy { abs($0 - $1) < 1e-8 })
    let potentials = try other.array("potential_source").list()
      + other.array("potential_target").list()
    let pairs = zip(try result.array("potentials").list(), potentials)
    #expect(pairs.allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// In the limit, K copies of one measure under all squared distances stay where they are.
  @Test func copiesStayTogether() throws {
    var copies = data([6, 6, 6])
    let x = [0.0, 1, 2.5, 3, 4.5, 6]
    copies.arrays["points"] = ([18, 1], x + x + x)
    let result = try copies.solve(entry, ["epsilon": .real(0.02)])
    #expect(result.status == .solved)
    #expect(try result.real("transport_cost") < 1e-6)
    let plan = try result.array("plan").list()
    for i in 0..<6 { #expect(abs(plan[36 * i + 6 * i + i] - 1.0 / 6) < 1e-6) }
  }

  /// sum_{k<l} |x_k - x_l|^2 / K^2 is the mean squared distance from the mean: on the line the plan
  /// is comonotone, and the means of its tuples are the quantile barycentre.
  @Test func theLineIsComonotone() throws {
    let clouds = (0..<3).map { k in
      TransportSpecimens.numbers(7, 50 + UInt64(k)).map { 6 * $0 }.sorted()
    }
    var three = data([7, 7, 7])
    three.arrays["points"] = ([21], clouds.flatMap { $0 })
    let result = try three.solve(entry, ["epsilon": .real(0.002)])
    #expect(result.status == .solved)
    var expected = 0.0
    for i in 0..<7 {
      for (k, l) in [(0, 1), (0, 2), (1, 2)] {
        expected += (clouds[k][i] - clouds[l][i]) * (clouds[k][i] - clouds[l][i]) / 7
      }
    }
    #expect(abs(try result.real("transport_cost") - expected) < 0.01)
    #expect(try result.real("transport_cost") >= expected - 1e-8)
  }

  /// A star whose centre is one point splits into its arms; one of two points has a closed form.
  @Test func closedForms() throws {
    var product = data([3, 1, 4])
    product.arrays["edge_costs"] = ([7], [1, 2, 3, 4, 5, 6, 7])
    product.arrays["edges"] = ([2, 2], [0, 1, 1, 2])
    let one = try product.solve(entry, ["epsilon": .real(0.3)])
    #expect(abs(try one.real("transport_cost") - (2 + 5.5)) < 1e-12)
    #expect(abs(try one.real("objective") - 7.5) < 1e-9)
    // C = 0 if all three agree, else 1: by symmetry P is p on the two, q on the other six.
    var cube = data([2, 2, 2])
    cube.arrays["cost"] = ([8], [0, 1, 1, 1, 1, 1, 1, 0])
    let epsilon = 0.4
    let two = try cube.solve(entry, ["epsilon": .real(epsilon)])
    let p = 1 / (2 + 6 * exp(-1 / epsilon))
    let plan = try two.array("plan").list()
    #expect(abs(plan[0] - p) < 1e-9 && abs(plan[7] - p) < 1e-9)
    #expect(abs(plan[3] - (0.5 - p) / 3) < 1e-9)
    #expect(abs(try two.real("objective") + epsilon * log((2 + 6 * exp(-1 / epsilon)) / 8)) < 1e-9)
  }

  @Test(arguments: [[5, 6, 4], [70, 3, 80], [2, 3, 2, 4, 2]], [1, 3] as [Int64])
  func chainsEqualTheirTensors(sizes: [Int], threads: Int64) throws {
    var chain = data(sizes)
    let total = sizes.reduce(0, +)
    let points = TransportSpecimens.numbers(2 * total, 61)
    chain.arrays["points"] = ([total, 2], points)
    chain.arrays["edges"] = (
      [sizes.count - 1, 2], (0..<sizes.count - 1).flatMap { [Double($0), Double($0 + 1)] }
    )
    var full = data(sizes)
    var first = [0]
    for n in sizes { first.append((first.last ?? 0) + n) }
    let cells = sizes.reduce(1, *)
    full.arrays["cost"] = (
      [cells],
      (0..<cells).map { cell in
        var (rest, cost, next) = (cell, 0.0, -1)
        for k in stride(from: sizes.count - 1, through: 0, by: -1) {
          let i = first[k] + rest % sizes[k]
          rest /= sizes[k]
          if next >= 0 {
            let x = points[2 * i] - points[2 * next]
            let y = points[2 * i + 1] - points[2 * next + 1]
            cost += x * x + y * y
          }
          next = i
        }
        return cost
      }
    )
    let options: [String: OptionValue] = ["epsilon": .real(0.1), "threads": .int(threads)]
    let (one, two) = (try chain.solve(entry, options), try full.solve(entry, options))
    #expect(one.status == .solved && two.status == .solved)
    #expect(abs(try one.real("objective") - two.real("objective")) < 1e-8)
    #expect(abs(try one.real("transport_cost") - two.real("transport_cost")) < 1e-8)
    let pairs = zip(try one.array("potentials").list(), try two.array("potentials").list())
    #expect(pairs.allSatisfy { abs($0 - $1) < 1e-6 })
    let gap = try one.real("gap")
    #expect(gap > -1e-12 && gap < 1e-6)
  }

  @Test func theIntervalHoldsTheValue() throws {
    let data = tensor([6, 5, 7], seed: 71, mass: 1.3)
    let options: [String: OptionValue] = ["epsilon": .real(0.05)]
    let sharp = try data.solve(entry, options.merging(["tolerance": .real(1e-13)]) { $1 })
      .real("objective")
    for tolerance in [1e-1, 1e-2, 1e-4] {
      let rough = try data.solve(entry, options.merging(["tolerance": .real(tolerance)]) { $1 })
      let low = try rough.real("dual_objective")
      #expect(low <= sharp + 1e-12)
      #expect(low + (try rough.real("gap")) >= sharp - 1e-12)
      #expect(try rough.real("gap") < 20 * tolerance)
    }
  }

  /// Small eps, stopped early: sums under- and overflow on the way.
  @Test func smallEpsilonsStayFinite() throws {
    let data = tensor([8, 9, 10], seed: 72)
    let result = try data.solve(
      entry, ["epsilon": .real(1e-4), "max_iterations": .int(300)])
    #expect(try result.array("potentials").list().allSatisfy { $0.isFinite })
  }

  /// The limit comes while epsilon is above the one asked for: far from an answer, but bounded.
  @Test(arguments: [1, 3, 40] as [Int64]) func limitsOnTheWayLeaveAnInterval(limit: Int64) throws {
    var chain = data([8, 9, 10])
    chain.arrays["points"] = ([27, 2], TransportSpecimens.numbers(54, 81))
    chain.arrays["edges"] = ([2, 2], [0, 1, 1, 2])
    for data in [tensor([8, 9, 10], seed: 72), chain] {
      for epsilon in [1e-3, 1e-6, 1e-9] {
        let result = try data.solve(
          entry, ["epsilon": .real(epsilon), "max_iterations": .int(limit)])
        #expect(result.status == .iterationLimit)
        let low = try result.real("dual_objective")
        let gap = try result.real("gap")
        #expect(low.isFinite && gap.isFinite && gap >= 0, "\(epsilon): \(low), \(gap)")
      }
    }
  }

  @Test func gradientsAreThoseOfDifferences() throws {
    let options: [String: OptionValue] = ["epsilon": .real(0.2), "tolerance": .real(1e-12)]
    var star = data([4, 5, 3])
    star.arrays["edge_costs"] = ([35], TransportSpecimens.numbers(35, 73))
    star.arrays["edges"] = ([2, 2], [0, 1, 2, 1])
    star.arrays["edge_weights"] = ([2], [0.7, 1.4])
    var cloud = data([4, 5, 3])
    cloud.arrays["points"] = ([12, 2], TransportSpecimens.numbers(24, 74))
    cloud.words["metric"] = "cosine"
    for (data, field) in [
      (tensor([4, 3, 5], seed: 75, mass: 1.2), "cost"), (star, "edge_costs"),
      (star, "edge_weights"), (cloud, "points"),
    ] {
      let slopes = try data.slopes(field, seed: 76, step: 1e-5, entry, options)
      #expect(
        abs(slopes.product - slopes.difference) < 1e-6 * max(1, abs(slopes.difference)), "\(field)")
    }
  }

  /// Weights move mass within a measure, and all masses together.
  @Test func gradientForWeights() throws {
    let options: [String: OptionValue] = ["epsilon": .real(0.2), "tolerance": .real(1e-12)]
    let data = tensor([4, 3, 5], seed: 77, mass: 1.2)
    let weights = data.arrays["weights"]?.numbers ?? []
    let one = Tensor(try Buffer([1.0]), shape: [])
    let result = try data.solve(entry, options)
    let gradient = try result.vjp(cotangents: ["objective": one], wanted: ["weights"])
    let values = try gradient["weights"]?.list() ?? []
    let within = [0.1, -0.1, 0, 0, 0, 0.05, -0.05, 0, 0, 0, 0.02, -0.02]
    for direction in [within, weights] {
      func value(_ t: Double) throws -> Double {
        var moved = data
        moved.arrays["weights"]?.numbers = zip(weights, direction).map { $0 + t * $1 }
        return try moved.solve(entry, options).real("objective")
      }
      let difference = (try value(1e-4) - value(-1e-4)) / 2e-4
      let product = zip(values, direction).map { $0 * $1 }.reduce(0, +)
      #expect(abs(product - difference) < 1e-6, "\(product) against \(difference)")
    }
  }

  @Test func wrongDataAreRefused() throws {
    func code(_ change: (inout MapData) -> Void) -> KantorError.Code? {
      var data = tensor([2, 3, 2], seed: 78)
      change(&data)
      do {
        _ = try data.problem().seal()
        return nil
      } catch let error as KantorError { return error.code } catch { return nil }
    }
    #expect(code { _ in } == nil)
    #expect(code { $0.arrays["sizes"] = nil } == .missing)
    #expect(code { $0.arrays["sizes"] = ([3], [2, 3, 3]) } == .shape)
    #expect(code { $0.arrays["sizes"] = ([1], [12]) } == .shape)
    #expect(code { $0.arrays["sizes"] = ([3], [2, 3, 0]) } == .range)
    #expect(code { $0.arrays["sizes"] = ([3], [2, 2.5, 2]) } == .range)
    #expect(code { $0.arrays["weights"]?.numbers[0] += 0.1 } == .range)
    #expect(code { $0.arrays["weights"]?.numbers[0] = -1 } == .range)
    #expect(code { $0.arrays["cost"]?.numbers[5] = .infinity } == .notFinite)
    #expect(code { $0.arrays["edges"] = ([2, 2], [0, 1, 1, 2]) } == .state)
    #expect(code { $0.arrays["cost"] = nil } == .missing)
    func tree(_ data: inout MapData) {
      data.arrays["cost"] = nil
      data.arrays["edges"] = ([2, 2], [0, 1, 1, 2])
      data.arrays["edge_costs"] = ([12], TransportSpecimens.numbers(12, 79))
    }
    #expect(code(tree) == nil)
    #expect(code { tree(&$0); $0.arrays["edges"]?.numbers[3] = 3 } == .range)
    #expect(code { tree(&$0); $0.arrays["edges"]?.numbers[3] = 1 } == .range)
    #expect(code { tree(&$0); $0.arrays["edge_costs"]?.shape = [11] } == .shape)
    #expect(code { tree(&$0); $0.arrays["edge_weights"] = ([2], [1, 0]) } == .range)
    #expect(code { tree(&$0); $0.arrays["edge_weights"] = ([1], [1]) } == .shape)
    #expect(code { tree(&$0); $0.arrays["points"] = ([7, 1], [1, 2, 3, 4, 5, 6, 7]) } == .state)
    #expect(code { tree(&$0); $0.arrays["edges"] = nil } == .missing)
  }

  /// Refused by its number, before anything of that size is allocated.
  @Test func hugeTensorsAreRefused() throws {
    var huge = data([Int](repeating: 100, count: 5))
    huge.arrays["points"] = ([500], TransportSpecimens.numbers(500, 80))
    let problem = try huge.problem()
    #expect(failure { () throws(KantorError) in _ = try problem.seal() } == .tooLarge)
    var medium = data([200, 200, 200])
    medium.arrays["points"] = ([600], TransportSpecimens.numbers(600, 80))
    medium.arrays["edges"] = ([3, 2], [0, 1, 1, 2, 0, 2])
    let small = try medium.problem()
    let budget = MemoryBudget(limit: 1_000_000)
    let code = failure { () throws(KantorError) in
      _ = try withBudget(budget) { () throws(KantorError) in try small.seal() }
    }
    #expect(code == .tooLarge)
  }
}
