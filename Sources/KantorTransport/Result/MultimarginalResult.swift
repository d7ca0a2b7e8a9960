import KantorCore
import KantorNumerics

/// The result of a multimarginal problem: certificate, fields, derivative.
struct MultimarginalResult: Sendable {
  let problem: MultimarginalProblem
  let epsilon: Double
  let f: Buffer<Double>

  static func make(
    _ spec: MethodSpec, _ solver: MultimarginalSolver, _ run: Run
  ) throws(KantorError) -> Result {
    let problem = solver.problem
    let interrupted = run.monitor.stop.map { $0 != .iterationLimit } ?? false
    let certificate = try MultimarginalCheck(
      problem: problem, epsilon: solver.epsilon, f: solver.f
    ).certify(isInterrupted: interrupted)
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: solver.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("transport_cost", certificate.transportCost)
    fields.certify("dual_objective", certificate.dualObjective)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.add("residuals", Tensor(try Buffer(certificate.residuals)))
    fields.add("epsilon", solver.epsilon)
    fields.add("mass", problem.mass)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(certificate.marginalResidual)), relative gap "
        + "\(shortText(certificate.relativeGap)), tolerance \(shortText(solver.tolerance)), "
        + "\(run.monitor.iterations) iterations")
    fields.add("potentials", Tensor(solver.f))
    let this = MultimarginalResult(problem: problem, epsilon: solver.epsilon, f: solver.f)
    if case .tensor = problem.form {
      fields.addLazily("plan") { () throws(KantorError) in Tensor(try this.plan()) }
    }
    if !problem.edges.isEmpty {
      fields.addLazily("edge_plans") { () throws(KantorError) in Tensor(try this.edgePlans()) }
    }
    return Result(spec: spec, status: status, fields: fields, derivative: this.derivative)
  }

  private func plan() throws(KantorError) -> Buffer<Double> {
    try MultimarginalModel(problem: problem, epsilon: epsilon)
      .tensorPlan(try problem.exponents(f, epsilon))
  }

  private func edgePlans() throws(KantorError) -> Buffer<Double> {
    try MultimarginalModel(problem: problem, epsilon: epsilon)
      .edgePlans(try problem.exponents(f, epsilon))
  }

  // MARK: Derivative

  /// Envelope theorem: the plan is the derivative for the costs, potentials those for the weights.
  private func derivative(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    var fields = ["weights"]
    if problem.edges.isEmpty {
      fields.append("cost")
    } else {
      fields += [problem.hasPoints ? "points" : "edge_costs", "edge_weights"]
    }
    for name in wanted where !fields.contains(name) {
      throw KantorError(
        .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
          + fields.joined(separator: ", "))
    }
    let scale = try EnvelopeCotangent.scalar(cotangents)
    var out: [String: Tensor] = [:]
    for name in wanted {
      switch name {
      case "weights": out[name] = Tensor(try weightsGradient(scale))
      case "cost":
        let plan = try plan()
        for c in 0..<plan.count { plan.pointer[c] *= scale }
        out[name] = Tensor(plan, shape: problem.costShape)
      default: out[name] = try edgeGradient(name, scale)
      }
    }
    return out
  }

  /// The constant belongs to the mass, which the entropy's reference has K times.
  private func weightsGradient(_ scale: Double) throws(KantorError) -> Buffer<Double> {
    let out = try f.copy()
    let constant = epsilon * (problem.referenceMass / problem.mass - 1)
    for i in 0..<out.count { out.pointer[i] = scale * (out.pointer[i] + constant) }
    return out
  }

  private func edgeGradient(_ name: String, _ scale: Double) throws(KantorError) -> Tensor {
    let plans = try edgePlans()
    let count = problem.pointsShape.reduce(1, *)
    let points = try Buffer<Double>(count: name == "points" ? count : 0)
    let factors = try Buffer<Double>(count: problem.edges.count)
    var start = 0
    for (e, edge) in problem.edges.enumerated() {
      let (n, m) = (edge.geometry.n, edge.geometry.m)
      let plan = plans.pointer + start
      if name == "edge_weights" {
        let cost = try CheckedCost(edge.geometry)
        var sum = CompensatedSum()
        for k in 0..<n * m { sum.add(plan[k] * cost.entry(k / m, k % m)) }
        factors.pointer[e] = scale * sum.value
      }
      for k in 0..<n * m { plan[k] *= scale * edge.weight }
      if name == "points", let cost = CostDerivative(edge.geometry) {
        let d = cost.dimension
        let x = points.pointer + problem.first[edge.u] * d
        let y = points.pointer + problem.first[edge.v] * d
        for i in 0..<n { cost.add(i, plan + i * m, x, y) }
      }
      start += n * m
    }
    switch name {
    case "points": return Tensor(points, shape: problem.pointsShape)
    case "edge_weights": return Tensor(factors)
    default: return Tensor(plans)
    }
  }
}
