import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// Gradients against central differences of solves to full accuracy.
@Suite struct TransportDerivativeTests {
  /// A scalar function of a result: the inner product with random cotangents.
  struct Loss {
    var cotangents: [String: Tensor]

    init(_ result: Result, _ names: [String], seed: UInt64) throws {
      var random = RandomStream(seed: seed)
      cotangents = [:]
      for name in names {
        let isScalar = name == "objective" || name == "transport_cost"
        let shape = isScalar ? [] : try result.array(name).shape
        let values = try Buffer<Double>(count: shape.reduce(1, *))
        for k in 0..<values.count { values[k] = random.uniform() - 0.5 }
        cotangents[name] = Tensor(values, shape: shape)
      }
    }

    func value(_ result: Result) throws -> Double {
      var total = 0.0
      for (name, tensor) in cotangents {
        let weights = try tensor.list()
        let values = tensor.shape.isEmpty ? [try result.real(name)] : try result.values(name)
        total += zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return total
    }
  }

  /// The derivative along a direction by central differences and by the product.
  private func compare(
    _ data: EntropicData, _ entry: MethodEntry, _ outputs: [String], epsilon: Double,
    tolerance: Double, _ fields: [(String, WritableKeyPath<EntropicData, [[Double]]>)],
    weights: Bool = true
  ) throws {
    var options: [String: OptionValue] = [:]
    if entry.spec.name != "network_simplex" {
      options = ["epsilon": .real(epsilon), "tolerance": .real(1e-13)]
    }
    let result = try data.solve(entry, options)
    let loss = try Loss(result, outputs, seed: 99)
    let names = fields.map(\.0) + (weights ? ["weights_source", "weights_target"] : [])
    let gradients = try result.vjp(cotangents: loss.cotangents, wanted: names)
    var random = RandomStream(seed: 7)
    for (name, path) in fields {
      let direction = data[keyPath: path].map { $0.map { _ in random.uniform() - 0.5 } }
      let slope = try difference(1e-5) { step in
        var moved = data
        for i in 0..<direction.count {
          for j in 0..<direction[i].count {
            moved[keyPath: path][i][j] += step * direction[i][j]
          }
        }
        return try loss.value(try accurate(moved, entry, options))
      }
      try expect(gradients, name, direction.flatMap { $0 }, slope, tolerance)
    }
    guard weights else { return }
    let (a, b) = data.weights
    for (name, isSource) in [("weights_source", true), ("weights_target", false)] {
      var direction = (isSource ? a : b).map { $0 * (random.uniform() - 0.5) }
      // Keep the mass.
      let all = isSource ? a : b
      let total = direction.reduce(0, +) / all.reduce(0, +)
      let share = all.map { $0 * total }
      for k in 0..<direction.count { direction[k] -= share[k] }
      let slope = try difference(1e-5) { step in
        var moved = data
        if isSource {
          moved.a = zip(a, direction).map { $0 + step * $1 }
        } else {
          moved.b = zip(b, direction).map { $0 + step * $1 }
        }
        return try loss.value(try accurate(moved, entry, options))
      }
      try expect(gradients, name, direction, slope, tolerance)
    }
  }

  /// A difference quotient is worth no more than the solves it is made of.
  private func accurate(
    _ data: EntropicData, _ entry: MethodEntry, _ options: [String: OptionValue]
  ) throws -> Result {
    let result = try data.solve(entry, options)
    #expect(result.status == .solved, "\(result.message)")
    return result
  }

  private func difference(_ h: Double, _ f: (Double) throws -> Double) throws -> Double {
    // Fourth order.
    (8 * (try f(h) - f(-h)) - (try f(2 * h) - f(-2 * h))) / (12 * h)
  }

  private func expect(
    _ gradients: [String: Tensor], _ name: String, _ direction: [Double], _ slope: Double,
    _ tolerance: Double
  ) throws {
    let gradient = try #require(gradients[name]).list()
    let product = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(
      abs(product - slope) <= tolerance * max(1, abs(slope)),
      "\(name): product \(product), difference \(slope)")
  }

  private let pointFields: [(String, WritableKeyPath<EntropicData, [[Double]]>)] = [
    ("points_source", \.x), ("points_target", \.y),
  ]

  static let entropicOutputs = [
    "objective", "transport_cost", "potential_source", "potential_target", "plan",
  ]

  @Test(arguments: entropicOutputs) func denseCost(output: String) throws {
    let data = EntropicProblems.dense(7, 9, seed: 50)
    try compare(
      data, Sinkhorn.entry, [output], epsilon: 0.2, tolerance: 1e-7, [("cost", \.cost)])
  }

  @Test(arguments: ["sqeuclidean", "euclidean", "l1", "power", "cosine"])
  func pointsInEveryMetric(metric: String) throws {
    var data = EntropicProblems.points(6, 8, 3, seed: 51, metric: metric)
    data.power = 3
    try compare(
      data, Sinkhorn.entry, Self.entropicOutputs, epsilon: 0.2, tolerance: 1e-7, pointFields)
  }

  /// A plan so sparse that the stored solver is used.
  @Test func sparsePlan() throws {
    let data = EntropicProblems.points(60, 60, 2, seed: 52)
    try compare(
      data, Sinkhorn.entry, Self.entropicOutputs, epsilon: 5e-4, tolerance: 1e-4, pointFields)
  }

  @Test func massOtherThanOne() throws {
    var data = EntropicProblems.points(5, 6, 2, seed: 53)
    data.a = data.a?.map { $0 * 3 }
    data.b = data.b?.map { $0 * 3 }
    try compare(
      data, Sinkhorn.entry, Self.entropicOutputs, epsilon: 0.3, tolerance: 1e-7, pointFields)
  }

  /// Moving mass into a point that has none changes the value by its potential.
  @Test func pointsWithoutMass() throws {
    var data = EntropicProblems.points(6, 6, 2, seed: 54)
    data.a?[2] = 0
    data.b?[4] = 0
    let total = (data.a ?? []).reduce(0, +)
    data.a = data.a?.map { $0 / total }
    let other = (data.b ?? []).reduce(0, +)
    data.b = data.b?.map { $0 / other }
    try compare(
      data, Sinkhorn.entry, Self.entropicOutputs, epsilon: 0.3, tolerance: 1e-7, pointFields)
    let options: [String: OptionValue] = ["epsilon": .real(0.3), "tolerance": .real(1e-13)]
    let result = try data.solve(Sinkhorn.entry, options)
    let gradient = try result.vjp(
      cotangents: ["objective": Tensor(try Buffer([1.0]))], wanted: ["weights_source"])
    let f = try #require(gradient["weights_source"]).list()
    let h = 1e-6
    var moved = data
    moved.a?[2] += h
    moved.a?[0] -= h
    var further = data
    further.a?[2] += 2 * h
    further.a?[0] -= 2 * h
    let v0 = try result.real("objective")
    let v1 = try moved.solve(Sinkhorn.entry, options).real("objective")
    let v2 = try further.solve(Sinkhorn.entry, options).real("objective")
    // One-sided: the weight cannot become negative.
    let slope = (4 * v1 - v2 - 3 * v0) / (2 * h)
    #expect(abs(slope - (f[2] - f[0])) < 1e-5)
  }

  @Test func exactTransport() throws {
    let data = EntropicProblems.points(8, 8, 2, seed: 55)
    try compare(
      data, NetworkSimplex.entry, ["objective"], epsilon: 0, tolerance: 1e-7, pointFields)
    let dense = EntropicProblems.dense(6, 5, seed: 56)
    try compare(
      dense, NetworkSimplex.entry, ["objective"], epsilon: 0, tolerance: 1e-7,
      [("cost", \.cost)])
  }

  @Test(arguments: ["objective", "transport_cost", "potential_source", "potential_target"])
  func divergence(output: String) throws {
    let data = EntropicProblems.points(6, 7, 2, seed: 57)
    try compare(
      data, SinkhornDivergence.entry, [output], epsilon: 0.2, tolerance: 1e-7, pointFields)
  }

  @Test func divergenceOfDenseCosts() throws {
    let data = EntropicProblems.dense(4, 5, seed: 58)
    var full = data
    full.costSource = EntropicProblems.dense(4, 4, seed: 59).cost
    full.costTarget = EntropicProblems.dense(5, 5, seed: 60).cost
    let options: [String: OptionValue] = ["epsilon": .real(0.2), "tolerance": .real(1e-13)]
    let result = try full.solve(SinkhornDivergence.entry, options)
    let gradients = try result.vjp(
      cotangents: ["objective": Tensor(try Buffer([1.0]))],
      wanted: ["cost", "cost_source", "cost_target"])
    for (name, path) in [
      ("cost_source", \EntropicData.costSource), ("cost_target", \EntropicData.costTarget),
    ] {
      let slope = try difference(1e-5) { step in
        var moved = full
        moved[keyPath: path]?[1][2] += step
        return try moved.solve(SinkhornDivergence.entry, options).real("objective")
      }
      let tensor = try #require(gradients[name])
      let values = try tensor.list()
      #expect(abs(values[tensor.shape[1] + 2] - slope) < 1e-7)
    }
  }

  @Test func centredPotentialsAreTheGradient() throws {
    let data = EntropicProblems.dense(6, 6, seed: 61)
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.1)])
    let gradients = try result.vjp(
      cotangents: ["objective": Tensor(try Buffer([1.0]), shape: [])],
      wanted: ["weights_source", "weights_target", "cost"])
    let f = try #require(gradients["weights_source"]).list()
    #expect(largestDifference(f, try result.values("potential_source")) < 1e-15)
    let plan = try #require(gradients["cost"]).list()
    #expect(largestDifference(plan, try result.values("plan")) < 1e-13)
  }

  @Test func coincidentPointsHaveFiniteGradients() throws {
    for metric in ["euclidean", "l1", "cosine", "power"] {
      var data = EntropicProblems.points(5, 5, 2, seed: 62, metric: metric)
      data.power = 0.5
      data.y = data.x
      if metric == "cosine" { data.x[0] = [0, 0] }
      let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.1)])
      let gradient = try result.vjp(
        cotangents: ["objective": Tensor(try Buffer([1.0]))], wanted: ["points_source"])
      let values = try #require(gradient["points_source"]).list()
      #expect(values.allSatisfy { $0.isFinite })
    }
  }

  @Test func misuseIsRefused() throws {
    let data = EntropicProblems.points(4, 5, 2, seed: 63)
    let result = try data.solve(Sinkhorn.entry, ["epsilon": .real(0.2)])
    let one = Tensor(try Buffer([1.0]))
    func code(_ cotangents: [String: Tensor], _ wanted: [String]) -> KantorError.Code? {
      do {
        _ = try result.vjp(cotangents: cotangents, wanted: wanted)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(["lower_bound": one], ["points_source"]) == .name)
    #expect(code(["objective": one], ["cost"]) == .name)
    #expect(code(["objective": one], ["metric"]) == .name)
    #expect(code(["potential_source": one], ["points_source"]) == .shape)
    #expect(code(["plan": one], ["points_source"]) == .shape)
    let bad = Tensor(try Buffer([Double.nan]))
    #expect(code(["objective": bad], ["points_source"]) == .notFinite)
    #expect(code(["objective": one], ["points_source", "weights_target"]) == nil)
  }
}
