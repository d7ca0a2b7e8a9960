import KantorCore
import KantorNumerics

/// Turns a proposal for relaxed marginals into a result: asks the checker, derives the status from
/// the certificate and names what the caller can read.
enum RelaxedResult {
  static func make(
    _ spec: MethodSpec, _ problem: RelaxedProblem, _ proposal: RelaxedProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let check = try RelaxedCheck(problem, threads: run.threads)
    let certificate: RelaxedCertificate
    var fields = ResultFields()
    switch proposal.plan {
    case .sparse(let plan):
      certificate = try check.certify(plan, f: proposal.f, g: proposal.g)
    case .dense(let plan):
      certificate = try check.certify(dense: plan, f: proposal.f, g: proposal.g)
    case .entropic(let entropy):
      certificate = try check.certify(
        entropy, f: proposal.f, g: proposal.g, multiplier: proposal.multiplier)
      fields.add("epsilon", entropy.epsilon)
    case .infeasible:
      return try infeasible(spec, check, proposal, run)
    }
    let status = Status.judge(
      residual: certificate.residual, tolerance: proposal.tolerance, gap: certificate.relativeGap,
      gapTolerance: proposal.gapTolerance, stop: run.monitor.stop)
    add(&fields, certificate, problem)
    fields.append(proposal.figures)
    fields.add(
      "message",
      "\(status.name): relative gap \(shortText(certificate.relativeGap)), tolerance "
        + "\(shortText(proposal.gapTolerance)), marginal residual "
        + "\(shortText(certificate.residual)), \(run.monitor.iterations) iterations")
    try addPlan(&fields, problem, proposal)
    fields.add("marginal_source", Tensor(certificate.rows))
    fields.add("marginal_target", Tensor(certificate.columns))
    fields.add("potential_source", Tensor(certificate.f))
    fields.add("potential_target", Tensor(certificate.g))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: RelaxedDerivative(problem, proposal.plan, certificate).products)
  }

  private static func infeasible(
    _ spec: MethodSpec, _ check: RelaxedCheck, _ proposal: RelaxedProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let holds = try check.isRay(proposal.f, proposal.g, proposal.multiplier)
    var fields = ResultFields()
    fields.add("objective", holds ? Double.infinity : Double.nan)
    fields.append(proposal.figures)
    fields.add(
      "message",
      holds
        ? "infeasible: forbidden pairs leave too few ways for the mass that has to be moved; "
          + "ray_source, ray_target and the multiplier prove it"
        : "no feasible plan was found and its absence could not be proved")
    if check.terms.total != nil { fields.add("multiplier", proposal.multiplier) }
    fields.add("ray_source", Tensor(proposal.f))
    fields.add("ray_target", Tensor(proposal.g))
    let status: Status = holds ? .infeasible : run.monitor.stop ?? .numericalError
    return Result(spec: spec, status: status, fields: fields)
  }

  private static func add(
    _ fields: inout ResultFields, _ certificate: RelaxedCertificate, _ problem: RelaxedProblem
  ) {
    fields.add("objective", certificate.objective)
    fields.add("transport_cost", certificate.transportCost)
    if problem.terms.total == nil {
      fields.add("penalty_source", certificate.penaltySource)
      fields.add("penalty_target", certificate.penaltyTarget)
    } else {
      fields.add("multiplier", certificate.multiplier)
    }
    fields.add("plan_mass", certificate.planMass)
    fields.certify("dual_objective", certificate.dualObjective)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.residual)
  }

  private static func addPlan(
    _ fields: inout ResultFields, _ problem: RelaxedProblem, _ proposal: RelaxedProposal
  ) throws(KantorError) {
    let view: PlanView
    switch proposal.plan {
    case .sparse(let plan):
      addEntries(&fields, plan)
      view = .sparse(plan, problem.base)
    case .dense(let plan):
      let entries = try entries(plan, problem.m)
      addEntries(&fields, entries)
      view = .sparse(entries, problem.base)
    case .entropic(let entropy):
      view = .entropic(try EntropicPlan(problem, entropy, proposal))
      view.addEntries(&fields, threshold: 0)
    case .infeasible: return
    }
    fields.addLazily("plan") { () throws(KantorError) in try view.dense() }
    if problem.geometry.isPoints {
      fields.addLazily("barycentric_map") { () throws(KantorError) in try view.barycentricMap() }
    }
  }

  private static func addEntries(_ fields: inout ResultFields, _ plan: SparsePlan) {
    fields.add("plan_row", Tensor(plan.rows, count: plan.count))
    fields.add("plan_column", Tensor(plan.columns, count: plan.count))
    fields.add("plan_value", Tensor(plan.values, count: plan.count))
  }

  private static func entries(
    _ plan: Buffer<Double>, _ m: Int
  ) throws(KantorError) -> SparsePlan {
    var count = 0
    for k in 0..<plan.count where plan.pointer[k] != 0 { count += 1 }
    var out = try SparsePlan(capacity: count)
    for k in 0..<plan.count where plan.pointer[k] != 0 {
      out.append(k / m, k % m, plan.pointer[k])
    }
    return out
  }
}

extension EntropicPlan {
  /// The plan of potentials, of a multiplier and of any of the two references.
  init(
    _ problem: RelaxedProblem, _ entropy: RelaxedEntropy, _ proposal: RelaxedProposal
  ) throws(KantorError) {
    let (f, g) = (try proposal.f.copy(), try proposal.g.copy())
    let eps = entropy.epsilon
    for i in 0..<f.count {
      let a = problem.a.pointer[i]
      f.pointer[i] += proposal.multiplier - (entropy.isUniform && a > 0 ? eps * Double.log(a) : 0)
    }
    if entropy.isUniform {
      for j in 0..<g.count where problem.b.pointer[j] > 0 {
        g.pointer[j] -= eps * Double.log(problem.b.pointer[j])
      }
    }
    try self.init(problem.base, epsilon: eps, f: f, g: g, rounding: nil)
  }
}

/// The outputs that every method for relaxed marginals has.
public enum RelaxedOutputs {
  private static let certificate: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "Value of the problem solved, at the plan returned."),
    FieldSpec("transport_cost", .real, .output, "<P, C> of the plan."),
    FieldSpec("plan_mass", .real, .output, "Total mass of the plan."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "Value of a dual point: a lower bound of the optimum of the problem solved."),
    FieldSpec("gap", .real, .certificate, "objective minus dual_objective."),
    FieldSpec(
      "relative_gap", .real, .certificate,
      "gap over the size of the objective's terms (at least 1e-6 of the value of no plan)."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "What marginals that are fixed or capped, and a prescribed mass, are missed by (L1), over "
        + "the larger total of the weights; 0 where marginals are only penalised."),
  ]

  private static let arrays: [FieldSpec] = [
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec("plan_row", .array, .output, shape: "(k,)", "Sources of the plan's entries (i64)."),
    FieldSpec("plan_column", .array, .output, shape: "(k,)", "Targets of the entries (i64)."),
    FieldSpec("plan_value", .array, .output, shape: "(k,)", "Masses of the entries."),
    FieldSpec("plan", .array, .output, shape: "(n, m)", "The plan, dense; made when asked for."),
    FieldSpec("marginal_source", .array, .output, shape: "(n,)", "P 1."),
    FieldSpec("marginal_target", .array, .output, shape: "(m,)", "P' 1."),
    FieldSpec("potential_source", .array, .output, shape: "(n,)", "Dual potentials f."),
    FieldSpec("potential_target", .array, .output, shape: "(m,)", "Dual potentials g."),
    FieldSpec(
      "barycentric_map", .array, .output, shape: "(n, d)",
      "Mean target point of each source, (P y)_i / (P 1)_i; for points; made when asked for."),
    FieldSpec(
      "ray_source", .array, .output, shape: "(n,)",
      "Infeasible problems: f of a ray, f_i + g_j + multiplier <= 0 on allowed pairs, along which "
        + "the dual rises for ever."),
    FieldSpec("ray_target", .array, .output, shape: "(m,)", "Infeasible problems: g of the ray."),
  ]

  static func unbalanced(_ figures: [FieldSpec] = []) -> [FieldSpec] {
    certificate + [
      FieldSpec("penalty_source", .real, .output, "D(P 1 | a)."),
      FieldSpec("penalty_target", .real, .output, "D(P' 1 | b)."),
    ] + figures + arrays
  }

  static func partial(_ figures: [FieldSpec] = []) -> [FieldSpec] {
    certificate + [
      FieldSpec(
        "multiplier", .real, .output,
        "Of the mass: the derivative of the objective in the mass to move."),
    ] + figures + arrays
  }
}
