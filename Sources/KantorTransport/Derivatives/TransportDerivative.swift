import KantorCore

/// Derivative products of transport results.
///
/// Weights are differentiated along directions that keep the two masses equal, so gradients with
/// respect to weights are determined up to (t, -t); they come with the potentials' centring. For
/// exact transport they are subgradients: the value is piecewise linear, and at a point where
/// pieces meet the potentials and plan found are one choice of several.
enum TransportDerivative {
  /// Of an optimal sparse plan: cotangents of the objective only (envelope theorem).
  static func exact(
    _ problem: TransportProblem, plan: SparsePlan, f: Buffer<Double>, g: Buffer<Double>
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let request = try DerivativeRequest(
        problem, cotangents, wanted, outputs: ["objective", "transport_cost"])
      let scale = request.scalar("objective") + request.scalar("transport_cost")
      let answer = try DerivativeAnswer(problem, request)
      answer.addWeights(f, g, scale)
      let row = answer.cost?.pointer
      for k in 0..<plan.count {
        let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
        let p = scale * plan.values.pointer[k]
        row?[i * problem.m + j] += p
        answer.addPair(i, j, p)
      }
      return answer.tensors
    }
  }

  /// Of entropic potentials: of the objective by the envelope theorem, of potentials, plan and
  /// transport cost by implicit differentiation of the optimality conditions. `tolerance` is the
  /// marginal error of the potentials.
  static func entropic(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    tolerance: Double
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let request = try DerivativeRequest(
        problem, cotangents, wanted,
        outputs: [
          "objective", "transport_cost", "potential_source", "potential_target", "plan",
        ])
      return try EntropicDerivative(
        problem, epsilon: epsilon, f: f, g: g, tolerance: tolerance, request
      ).products()
    }
  }
}

/// Cotangents and wanted fields, checked by name and shape.
struct DerivativeRequest {
  let wanted: [String]
  private let scalars: [String: Double]
  private let arrays: [String: Buffer<Double>]

  init(
    _ problem: TransportProblem, _ cotangents: [String: Tensor], _ wanted: [String],
    fields: [String]? = nil, outputs: [String]
  ) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    var scalars: [String: Double] = [:]
    var arrays: [String: Buffer<Double>] = [:]
    for (name, tensor) in cotangents.sorted(by: { $0.key < $1.key }) {
      guard outputs.contains(name) else {
        throw KantorError(
          .name, "no derivative of the result field '\(name.prefix(60))'; cotangents may be given "
            + "for \(outputs.joined(separator: ", "))")
      }
      let shapes: [[Int]]
      switch name {
      case "potential_source": shapes = [[n]]
      case "potential_target": shapes = [[m]]
      case "plan": shapes = [[n, m]]
      default: shapes = [[], [1]]
      }
      guard shapes.contains(tensor.shape) else {
        throw KantorError(
          .shape, "the cotangent of '\(name)' has the shape \(tensor.shapeText); needed is "
            + shapes.map(Tensor.shapeText).joined(separator: " or "))
      }
      let values = try tensor.doubles()
      for k in 0..<values.count where !values.pointer[k].isFinite {
        throw KantorError(
          .notFinite, "the cotangent of '\(name)' is \(values.pointer[k]) at element \(k)")
      }
      if shapes.count == 2 { scalars[name] = values.pointer[0] } else { arrays[name] = values }
    }
    let fields = fields ?? Self.fields(problem)
    for name in wanted where !fields.contains(name) {
      throw KantorError(
        .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
          + fields.joined(separator: ", "))
    }
    self.wanted = wanted
    self.scalars = scalars
    self.arrays = arrays
  }

  static func fields(_ problem: TransportProblem) -> [String] {
    ["weights_source", "weights_target"]
      + (problem.geometry.isPoints ? ["points_source", "points_target"] : ["cost"])
  }

  func scalar(_ name: String) -> Double { scalars[name] ?? 0 }
  func array(_ name: String) -> Buffer<Double>? { arrays[name] }
  func wants(_ name: String) -> Bool { wanted.contains(name) }
}

/// Collects the gradients that are wanted.
final class DerivativeAnswer {
  let weightsSource: Buffer<Double>?
  let weightsTarget: Buffer<Double>?
  let cost: Buffer<Double>?
  let pointsSource: Buffer<Double>?
  let pointsTarget: Buffer<Double>?
  private let costDerivative: CostDerivative?
  private let groupDerivative: GroupDerivative?
  private let problem: TransportProblem

  /// `isGrouped`: rows come with the targets of groups.
  init(
    _ problem: TransportProblem, _ request: DerivativeRequest, isGrouped: Bool = false
  ) throws(KantorError) {
    let (n, m, d) = (problem.n, problem.m, problem.geometry.dimension ?? 0)
    func room(_ name: String, _ count: Int) throws(KantorError) -> Buffer<Double>? {
      request.wants(name) ? try Buffer(count: count) : nil
    }
    self.problem = problem
    let costDerivative = CostDerivative(problem.geometry)
    self.costDerivative = costDerivative
    let wantsPoints = request.wants("points_source") || request.wants("points_target")
    if isGrouped, wantsPoints, let costDerivative {
      groupDerivative = try GroupDerivative(costDerivative)
    } else {
      groupDerivative = nil
    }
    weightsSource = try room("weights_source", n)
    weightsTarget = try room("weights_target", m)
    cost = try room("cost", try checkedProduct(n, m, of: "cost"))
    pointsSource = try room("points_source", n * d)
    pointsTarget = try room("points_target", m * d)
  }

  var wantsCosts: Bool { cost != nil || pointsSource != nil || pointsTarget != nil }

  func addWeights(_ f: Buffer<Double>, _ g: Buffer<Double>, _ scale: Double) {
    if let out = weightsSource { for i in 0..<f.count { out.pointer[i] += scale * f.pointer[i] } }
    if let out = weightsTarget { for j in 0..<g.count { out.pointer[j] += scale * g.pointer[j] } }
  }

  /// The cotangents of the costs of source i.
  func addRow(_ i: Int, _ row: UnsafePointer<Double>) {
    if let cost {
      let out = cost.pointer + i * problem.m
      for j in 0..<problem.m { out[j] += row[j] }
    }
    guard pointsSource != nil || pointsTarget != nil else { return }
    costDerivative?.add(i, row, pointsSource?.pointer, pointsTarget?.pointer)
  }

  /// The cotangents of the costs of source i to the targets of its group, or to all.
  func addRow(_ i: Int, _ targets: PlanRows.Targets, _ row: UnsafePointer<Double>) {
    guard let groupDerivative else { return addRow(i, row) }
    groupDerivative.add(i, targets.count, row, pointsSource?.pointer)
  }

  /// Before and after the rows of a group.
  func begin(_ targets: PlanRows.Targets) { groupDerivative?.begin(targets) }
  func end(_ targets: PlanRows.Targets) {
    if let out = pointsTarget?.pointer { groupDerivative?.end(targets, out) }
  }

  /// The cotangent of one cost, for the matrix only.
  func addCost(_ i: Int, _ j: Int, _ value: Double) { cost?.pointer[i * problem.m + j] += value }

  /// The cotangent of one cost, for the points only.
  func addPair(_ i: Int, _ j: Int, _ value: Double) {
    guard pointsSource != nil || pointsTarget != nil else { return }
    costDerivative?.add(i, j, value, pointsSource?.pointer, pointsTarget?.pointer)
  }

  var tensors: [String: Tensor] {
    var out: [String: Tensor] = [:]
    if let weightsSource { out["weights_source"] = Tensor(weightsSource) }
    if let weightsTarget { out["weights_target"] = Tensor(weightsTarget) }
    if let cost { out["cost"] = Tensor(cost, shape: [problem.n, problem.m]) }
    let shapes = problem.pointShapes
    if let pointsSource { out["points_source"] = Tensor(pointsSource, shape: shapes.source) }
    if let pointsTarget { out["points_target"] = Tensor(pointsTarget, shape: shapes.target) }
    return out
  }
}
