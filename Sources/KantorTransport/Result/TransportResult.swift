import KantorCore
import KantorNumerics

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum TransportResult {
  static func make(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: TransportProposal, _ run: Run
  ) throws(KantorError) -> Result {
    switch proposal.plan {
    case .sparse(let plan): return try sparse(spec, problem, proposal, plan, run)
    case .entropic(let epsilon): return try entropic(spec, problem, proposal, epsilon, run)
    case .infeasible: return try infeasible(spec, problem, proposal, run)
    }
  }

  private static func sparse(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: TransportProposal,
    _ plan: SparsePlan, _ run: Run
  ) throws(KantorError) -> Result {
    let certificate = try certify(problem, proposal, plan, run)
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: proposal.tolerance,
      gap: certificate.relativeGap, gapTolerance: proposal.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    addCertificate(&fields, certificate)
    addFigures(&fields, problem, proposal, run)
    fields.add("message", message(status, certificate, proposal.tolerance, run))
    fields.add("plan_row", Tensor(plan.rows, count: plan.count))
    fields.add("plan_column", Tensor(plan.columns, count: plan.count))
    fields.add("plan_value", Tensor(plan.values, count: plan.count))
    let view = PlanView.sparse(plan, problem)
    addPlanArrays(&fields, view, problem, proposal)
    try addTrace(&fields, run)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: TransportDerivative.exact(problem, plan: plan, f: proposal.f, g: proposal.g))
  }

  /// The walk along the line where there is one, else one pass over all pairs.
  static func certify(
    _ problem: TransportProblem, _ proposal: TransportProposal, _ plan: SparsePlan, _ run: Run
  ) throws(KantorError) -> TransportCertificate {
    let (f, g) = (UnsafePointer(proposal.f.pointer), UnsafePointer(proposal.g.pointer))
    if let line = LinePlanCheck(problem), let walk = try line.certify(plan, f: f, g: g) {
      return walk
    }
    return try SparsePlanCheck(problem).certify(
      plan, f: f, g: g, parallel: Parallel(threads: run.threads))
  }

  private static func entropic(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: TransportProposal,
    _ epsilon: Double, _ run: Run
  ) throws(KantorError) -> Result {
    let interrupted = run.monitor.stop.map { $0 != .iterationLimit } ?? false
    let answer = try certifyEntropic(problem, proposal, epsilon, run, interrupted)
    let certificate = answer.certificate
    // The gap that was asked for, if any: that of the entropic problem, or of the bounds.
    let asksBounds = proposal.boundTolerance > 0
    let asked = asksBounds ? proposal.boundTolerance : proposal.gapTolerance
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: proposal.tolerance,
      gap: asked == 0 ? 0 : asksBounds ? certificate.relativeBoundGap : certificate.relativeGap,
      gapTolerance: asked > 0 ? asked : .infinity, stop: run.monitor.stop)
    var fields = ResultFields()
    addCertificate(&fields, certificate)
    fields.add("epsilon", epsilon)
    addFigures(&fields, problem, proposal, run)
    fields.add("message", message(status, certificate, proposal.tolerance, run))
    let view = PlanView.entropic(
      try EntropicPlan(
        problem, epsilon: epsilon, f: proposal.f, g: proposal.g,
        rounding: proposal.rounds ? answer.rounding : nil, tolerance: proposal.tolerance))
    view.addEntries(&fields, threshold: proposal.planThreshold)
    addPlanArrays(&fields, view, problem, proposal)
    try addTrace(&fields, run)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: TransportDerivative.entropic(
        problem, epsilon: epsilon, f: proposal.f, g: proposal.g, tolerance: proposal.tolerance))
  }

  /// Passes over all pairs or, for large clouds, over those that can matter; what needs the rounded
  /// plan or another bound needs all pairs.
  private static func certifyEntropic(
    _ problem: TransportProblem, _ proposal: TransportProposal, _ epsilon: Double, _ run: Run,
    _ interrupted: Bool
  ) throws(KantorError) -> EntropicCheck.Answer {
    let parallel = Parallel(threads: run.threads)
    if CloudCheck.fits(problem), !proposal.rounds, proposal.boundG == nil {
      let check = try CloudCheck(
        problem, epsilon: epsilon, f: proposal.f, g: proposal.g, tolerance: proposal.tolerance,
        parallel: parallel)
      return EntropicCheck.Answer(certificate: try check.certify(isInterrupted: interrupted))
    }
    let check = try EntropicCheck(
      problem, epsilon: epsilon, f: proposal.f, g: proposal.g, parallel: parallel)
    var answer = try check.certify(isInterrupted: interrupted)
    if let g = proposal.boundG, !interrupted {
      try check.improveBound(of: &answer.certificate, with: g)
    }
    if proposal.rounds, let rounding = answer.rounding {
      (answer.certificate.transportCost, answer.certificate.objective) =
        try check.value(of: rounding)
    }
    return answer
  }

  static func infeasible(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: TransportProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let holds = try InfeasibilityCheck.holds(
      problem, f: proposal.f.pointer, g: proposal.g.pointer)
    let status: Status = holds ? .infeasible : run.monitor.stop ?? .numericalError
    var fields = ResultFields()
    fields.add("objective", holds ? Double.infinity : Double.nan)
    addFigures(&fields, problem, proposal, run)
    fields.add(
      "message",
      holds
        ? "infeasible: some sources hold more mass than the targets they may reach; "
          + "ray_source and ray_target prove it"
        : "no feasible plan was found and its absence could not be proved")
    fields.add("ray_source", Tensor(proposal.f))
    fields.add("ray_target", Tensor(proposal.g))
    try addTrace(&fields, run)
    return Result(spec: spec, status: status, fields: fields)
  }

  // MARK: Fields

  static func addCertificate(
    _ fields: inout ResultFields, _ certificate: TransportCertificate
  ) {
    fields.add("objective", certificate.objective)
    fields.add("transport_cost", certificate.transportCost)
    fields.certify("dual_objective", certificate.dualObjective)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.certify("row_residual", certificate.rowResidual)
    fields.certify("column_residual", certificate.columnResidual)
    fields.certify("lower_bound", certificate.lowerBound)
    fields.certify("upper_bound", certificate.upperBound)
  }

  static func addFigures(
    _ fields: inout ResultFields, _ problem: TransportProblem, _ proposal: TransportProposal,
    _ run: Run
  ) {
    fields.add("mass", problem.mass)
    fields.add("mass_factor", problem.massFactor)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
    if run.monitor.callbackCode != 0 {
      fields.add("callback_code", Int(run.monitor.callbackCode))
    }
  }

  static func addPlanArrays(
    _ fields: inout ResultFields, _ view: PlanView, _ problem: TransportProblem,
    _ proposal: TransportProposal
  ) {
    fields.addLazily("plan") { () throws(KantorError) in try view.dense() }
    fields.add("potential_source", Tensor(proposal.f))
    fields.add("potential_target", Tensor(proposal.g))
    if problem.geometry.isPoints {
      fields.addLazily("barycentric_map") { () throws(KantorError) in try view.barycentricMap() }
    }
  }

  static func addTrace(_ fields: inout ResultFields, _ run: Run) throws(KantorError) {
    if run.monitor.keepsTrace { try fields.add(run.monitor.trace) }
  }

  static func message(
    _ status: Status, _ certificate: TransportCertificate, _ tolerance: Double, _ run: Run
  ) -> String {
    "\(status.name): marginal residual \(shortText(certificate.marginalResidual)), relative gap "
      + "\(shortText(certificate.relativeGap)), tolerance \(shortText(tolerance)), "
      + "\(run.monitor.iterations) iterations"
  }
}

/// The outputs that every transport method has, for the methods' descriptions.
public enum TransportOutputs {
  public static let certificate: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "Value of the problem solved, at the plan returned."),
    FieldSpec("transport_cost", .real, .output, "<P, C> of the plan."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "Value of a dual point; a lower bound of the optimum of the problem solved."),
    FieldSpec(
      "gap", .real, .certificate,
      "Value of a feasible plan minus dual_objective; +infinity if the solve was interrupted "
        + "before a feasible plan was at hand."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the objective's terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "(|P 1 - a|_1 + |P' 1 - b|_1) / mass, of the plan before any rounding."),
    FieldSpec("row_residual", .real, .certificate, "|P 1 - a|_1 / mass."),
    FieldSpec("column_residual", .real, .certificate, "|P' 1 - b|_1 / mass."),
    FieldSpec(
      "lower_bound", .real, .certificate, "Lower bound of the unregularised optimal cost."),
    FieldSpec(
      "upper_bound", .real, .certificate, "Cost of a feasible plan: an upper bound of the same."),
  ]

  public static let common: [FieldSpec] = [
    FieldSpec("mass", .real, .output, "Total mass of the sources."),
    FieldSpec(
      "mass_factor", .real, .output,
      "What weights_target were multiplied by to have the sources' mass to the last digit."),
    FieldSpec("iterations", .int, .output, "Iterations of the method."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "callback_code", .int, .output, "What the progress hook returned, if it stopped the solve."),
    FieldSpec("plan_row", .array, .output, shape: "(k,)", "Sources of the plan's entries (i64)."),
    FieldSpec("plan_column", .array, .output, shape: "(k,)", "Targets of the entries (i64)."),
    FieldSpec("plan_value", .array, .output, shape: "(k,)", "Masses of the entries."),
    FieldSpec("plan", .array, .output, shape: "(n, m)", "The plan, dense; made when asked for."),
    FieldSpec("potential_source", .array, .output, shape: "(n,)", "Dual potentials f."),
    FieldSpec("potential_target", .array, .output, shape: "(m,)", "Dual potentials g."),
    FieldSpec(
      "barycentric_map", .array, .output, shape: "(n, d)",
      "Mean target point of each source, (P y)_i / (P 1)_i; for points; made when asked for."),
    FieldSpec(
      "ray_source", .array, .output, shape: "(n,)",
      "Infeasible problems: f of a proof, f_i + g_j <= 0 on allowed pairs, <a,f> + <b,g> > 0."),
    FieldSpec("ray_target", .array, .output, shape: "(m,)", "Infeasible problems: g of the proof."),
    FieldSpec("trace_iteration", .array, .output, shape: "(t,)", "With option trace: iterations."),
    FieldSpec("trace_seconds", .array, .output, shape: "(t,)", unit: "s", "Times of the trace."),
    FieldSpec("trace_objective", .array, .output, shape: "(t,)", "Objectives of the trace."),
    FieldSpec("trace_residual", .array, .output, shape: "(t,)", "Residuals of the trace."),
    FieldSpec("trace_gap", .array, .output, shape: "(t,)", "Gaps of the trace."),
  ]

  /// With the figures of a method between certificate and arrays.
  public static func with(_ figures: [FieldSpec] = []) -> [FieldSpec] {
    certificate + figures + common
  }
}
