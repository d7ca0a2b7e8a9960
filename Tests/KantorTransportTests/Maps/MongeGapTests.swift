import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct MongeGapTests {
  private let x = MapData.cloud(60, 2, 1)

  /// grad of log(e^u + e^-u) + 2 v^2 + u v, a convex function.
  private func convexGradient(_ p: [Double]) -> [Double] {
    [tanh(p[0]) + 2 * p[0] + p[1], 4 * p[1] + p[0]]
  }

  @Test func gradientsOfConvexFunctionsHaveNone() throws {
    let weights = MapData.weights(60, 2)
    for data in [
      MapData(x, x.map(convexGradient)), MapData(x, x.map(convexGradient), weights: weights),
      MapData(x, x.map { [2 * $0[0] + $0[1] + 7, $0[0] + $0[1] - 3] }), MapData(x, x),
    ] {
      let result = try data.solve()
      #expect(result.status == .solved)
      let gap = try result.real("objective")
      #expect(abs(gap) < 1e-13 * (try result.real("pairing_cost") + 1))
      #expect(try result.real("lower_bound") <= 1e-13)
      #expect(try result.real("upper_bound") > -1e-13)
    }
  }

  @Test func translationsAreOptimalForCostsOfTheDifference() throws {
    for metric in ["sqeuclidean", "euclidean", "l1"] {
      let data = MapData(x, x.map { [$0[0] + 0.3, $0[1] - 0.1] }, metric: metric)
      #expect(abs(try data.solve().real("objective")) < 1e-13)
    }
  }

  @Test func mapsThatPermuteHaveTheirWholeCost() throws {
    let swapped = MapData([[0, 0], [1, 0]], [[1, 0], [0, 0]])
    #expect(try swapped.solve().real("objective") == 1)
    // All points go round by one: transport costs nothing.
    let data = MapData(x, Array(x[1...]) + [x[0]])
    let result = try data.solve()
    let pairing = zip(x, Array(x[1...]) + [x[0]]).map { p, q in
      (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1])
    }.reduce(0, +) / 60
    #expect(abs(try result.real("objective") - pairing) < 1e-12)
    #expect(abs(try result.real("transport_value")) < 1e-14)
    // A rotation by a right angle is the gradient of nothing.
    #expect(try MapData(x, x.map { [-$0[1], $0[0]] }).solve().real("objective") > 0.1)
  }

  @Test(arguments: ["sqeuclidean", "euclidean", "l1", "cosine"])
  func equalsPairsMinusTransport(metric: String) throws {
    let weights = MapData.weights(25, 3, mass: 1.7)
    let (x, y) = (MapData.cloud(25, 3, 4), MapData.cloud(25, 3, 5))
    let transport = EntropicData(x: x, y: y, metric: metric, a: weights, b: weights)
    let pairing = (0..<25).map { weights[$0] * transport.costs[$0][$0] }.reduce(0, +)
    let exact = try transport.solve(NetworkSimplex.entry).real("objective")
    let data = MapData(x, y, metric: metric, weights: weights)
    let result = try data.solve()
    #expect(abs(try result.real("objective") - (pairing - exact)) < 1e-12)
    #expect(abs(try result.real("pairing_cost") - pairing) < 1e-13)
    let epsilon: [String: OptionValue] = ["epsilon": .real(0.05), "form": .text("kl")]
    let entropic = try transport.solve(Sinkhorn.entry, ["epsilon": .real(0.05)]).real("objective")
    let kl = try data.solve(MongeGap.entry, epsilon).real("objective")
    #expect(abs(kl - (pairing - entropic)) < 1e-7)
    let divergence = try transport.solve(
      SinkhornDivergence.entry, ["epsilon": .real(0.05)]
    ).real("objective")
    let debiased = try data.solve(
      MongeGap.entry, ["epsilon": .real(0.05), "form": .text("debiased")])
    #expect(debiased.status == .solved)
    #expect(abs(try debiased.real("objective") - (pairing - divergence)) < 1e-7)
  }

  /// By sum P log P of the plan itself.
  @Test func shannonFormHasTheEntropyOfThePlan() throws {
    let weights = MapData.weights(20, 6, mass: 1.3)
    let (x, y) = (MapData.cloud(20, 2, 7), MapData.cloud(20, 2, 8))
    let transport = EntropicData(x: x, y: y, a: weights, b: weights)
    let plan = try transport.solve(Sinkhorn.entry, ["epsilon": .real(0.1)]).array("plan").list()
    var value = 0.0
    for i in 0..<20 {
      value += weights[i] * transport.costs[i][i]
      for j in 0..<20 where plan[20 * i + j] > 0 {
        value -= plan[20 * i + j] * (transport.costs[i][j] + 0.1 * log(plan[20 * i + j]))
      }
    }
    let result = try MapData(x, y, weights: weights).solve(MongeGap.entry, ["epsilon": .real(0.1)])
    #expect(abs(try result.real("objective") - value) < 1e-8)
  }

  @Test(arguments: [1.0, 0.1, 0.01]) func entropyShiftsTheLeastValue(epsilon: Double) throws {
    let data = MapData(x, x.map(convexGradient))
    let least = epsilon * log(60.0)
    let shannon = try data.solve(MongeGap.entry, ["epsilon": .real(epsilon)])
    #expect(abs(try shannon.real("least_value") - least) < 1e-12)
    #expect(try shannon.real("objective") >= least)
    let kl = try data.solve(MongeGap.entry, ["epsilon": .real(epsilon), "form": .text("kl")])
    #expect(try kl.real("objective") >= -least)
    #expect(abs(try kl.real("least_value") + least) < 1e-12)
    #expect(abs(try shannon.real("objective") - kl.real("objective") - 2 * least) < 1e-9)
  }

  @Test func theIntervalHoldsTheValue() throws {
    let data = MapData(x, MapData.cloud(60, 2, 9))
    let options: [String: OptionValue] = ["epsilon": .real(0.05)]
    let sharp = try data.solve(
      MongeGap.entry, options.merging(["tolerance": .real(1e-13)]) { $1 }
    ).real("objective")
    for tolerance in [1e-2, 1e-4, 1e-6] {
      let rough = try data.solve(
        MongeGap.entry, options.merging(["tolerance": .real(tolerance)]) { $1 })
      #expect(try rough.real("lower_bound") <= sharp + 1e-13)
      #expect(try rough.real("upper_bound") >= sharp - 1e-13)
      #expect(try rough.real("gap") < 20 * tolerance)
    }
  }

  @Test(arguments: ["sqeuclidean", "euclidean", "l1", "power", "cosine"])
  func gradientsAreThoseOfDifferences(metric: String) throws {
    let weights = MapData.weights(12, 10, mass: 1.4)
    var data = MapData(MapData.cloud(12, 2, 11), MapData.cloud(12, 2, 12), metric: metric,
      weights: weights)
    if metric == "power" { data.reals["power"] = 3 }
    for form in ["exact", "shannon", "kl", "debiased"] {
      var options: [String: OptionValue] = ["tolerance": .real(1e-13)]
      if form != "exact" { options.merge(["epsilon": .real(0.3), "form": .text(form)]) { $1 } }
      for (seed, field) in ["points", "images", "weights"].enumerated() {
        let slopes = try data.slopes(field, seed: 20 + UInt64(seed), MongeGap.entry, options)
        #expect(
          abs(slopes.product - slopes.difference) < 2e-6 * max(abs(slopes.difference), 0.1),
          "\(form) \(field): \(slopes)")
      }
    }
  }

  @Test func denseCostsEqualPoints() throws {
    let (x, y) = (MapData.cloud(15, 2, 13), MapData.cloud(15, 2, 14))
    let points = MapData(x, y)
    var dense = MapData()
    dense.set("cost", EntropicData(x: x, y: y).costs)
    for options: [String: OptionValue] in [[:], ["epsilon": .real(0.1)]] {
      let one = try points.solve(MongeGap.entry, options)
      let two = try dense.solve(MongeGap.entry, options)
      #expect(abs(try one.real("objective") - two.real("objective")) < 1e-8)
    }
    let slopes = try dense.slopes("cost", seed: 15)
    #expect(abs(slopes.product - slopes.difference) < 1e-8)
  }

  @Test func wrongDataAreRefused() throws {
    func code(_ data: MapData, _ options: [String: OptionValue] = [:]) -> KantorError.Code? {
      do {
        _ = try data.solve(MongeGap.entry, options)
        return nil
      } catch let error as KantorError { return error.code } catch { return nil }
    }
    #expect(code(MapData()) == .missing)
    #expect(code(MapData([[0, 1]], [[0, 1], [1, 2]])) == .shape)
    #expect(code(MapData([[0, 1], [1, 2]], [[0], [1]])) == .shape)
    #expect(code(MapData([[0, 1]], [[0, 1]], weights: [0.5, 0.5])) == .shape)
    #expect(code(MapData([[0, 1], [1, 2]], [[0, 1], [2, 2]], weights: [0.5, -0.5])) == .range)
    #expect(code(MapData([[0, 1], [1, 2]], [[0, 1], [2, 2]], weights: [0, 0])) == .range)
    var dense = MapData()
    dense.set("cost", [[.infinity, 1], [1, 0]])
    #expect(code(dense) == .notFinite)
    dense.set("cost", [[0, 1, 2], [1, 0, 2]])
    #expect(code(dense) == .shape)
    dense.set("cost", [[0, 1], [1, 0]])
    #expect(code(dense, ["epsilon": .real(1), "form": .text("debiased")]) == .unsupported)
    var power = MapData(x, x, metric: "power")
    power.reals["power"] = -1
    #expect(code(power) == .range)
  }
}
