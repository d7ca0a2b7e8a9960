import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum BilevelResult {
  static func make(
    _ spec: MethodSpec, _ problem: BilevelProblem, _ proposal: BilevelProposal, _ run: Run
  ) throws(KantorError) -> Result {
    switch proposal.claim {
    case .point: return try point(spec, problem, proposal, run)
    case .lowerInfeasible, .lowerUnbounded: return failed(spec, proposal, run)
    }
  }

  static func effort(_ run: Run) -> BilevelCheck.Effort {
    var effort = BilevelCheck.Effort()
    effort.starts = run.options.int("gap_starts")
    effort.probes = run.options.int("probes")
    effort.seed = run.seed
    effort.tolerance = run.options.real("tolerance")
    effort.isBrief = run.monitor.stop != nil
    return effort
  }

  private static func point(
    _ spec: MethodSpec, _ problem: BilevelProblem, _ proposal: BilevelProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let certificate: BilevelCertificate
    if let made = proposal.certificate {
      certificate = made
    } else {
      certificate = try BilevelCheck(problem).certify(
        x: proposal.x, y: proposal.y, others: proposal.others, effort: effort(run))
    }
    let tolerance = run.options.real("tolerance")
    let status = Status.judge(certificate, tolerance: tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("lower_objective", certificate.lowerObjective)
    fields.certify("lower_gap", certificate.lowerGap)
    fields.certify("lower_stationarity", certificate.lowerStationarity)
    fields.certify("lower_feasibility", certificate.lowerFeasibility)
    fields.certify("lower_complementarity", certificate.lowerComplementarity)
    fields.certify("lower_residual", certificate.relativeLowerResidual)
    fields.certify("upper_feasibility", certificate.upperFeasibility)
    fields.certify("hypergradient_norm", certificate.hypergradient)
    fields.certify("improvement", certificate.improvement)
    fields.certify("residual", certificate.worst)
    let selection =
      certificate.selection == .unique ? BilevelSelection.unique : proposal.selection
    fields.add("selection", selection == .unique && certificate.selection != .unique
      ? BilevelSelection.unknown.rawValue : selection.rawValue)
    fields.add("reason", reason(certificate, tolerance, status).rawValue)
    addFigures(&fields, proposal, run)
    fields.add("message", message(certificate, tolerance, status, proposal, run))
    fields.add("x", Tensor(proposal.x))
    fields.add("y", Tensor(proposal.y))
    if let multipliers = certificate.multipliers {
      fields.add("lower_multipliers", Tensor(multipliers))
    }
    if let bounds = certificate.boundMultipliers {
      fields.add("lower_bound_multipliers", Tensor(bounds))
    }
    if let adjoint = certificate.adjoint { fields.add("adjoint", Tensor(adjoint)) }
    fields.add("better_y", Tensor(certificate.betterLower ?? proposal.y))
    return Result(spec: spec, status: status, fields: fields)
  }

  /// Which entry of the certificate decides.
  enum Reason: String {
    case none
    case lowerInfeasible = "lower_infeasible"
    case lowerUnbounded = "lower_unbounded"
    case upperInfeasible = "upper_infeasible"
    /// y is feasible, but f is lower elsewhere.
    case lowerNotGlobal = "lower_not_global"
    /// y does not satisfy the lower conditions of optimality.
    case lowerNotStationary = "lower_not_stationary"
    case notStationary = "not_stationary"
    /// F is lower at a nearby x.
    case notMinimal = "not_minimal"
    case undefined
  }

  private static func reason(
    _ certificate: BilevelCertificate, _ tolerance: Double, _ status: Status
  ) -> Reason {
    if status == .solved { return .none }
    if certificate.objective.isNaN || certificate.lowerObjective.isNaN { return .undefined }
    func fails(_ entry: Double) -> Bool { !(entry <= tolerance * (1 + 1e-6)) }
    if fails(certificate.relativeLowerFeasibility) { return .lowerInfeasible }
    if fails(certificate.relativeUpperFeasibility) { return .upperInfeasible }
    if fails(certificate.relativeGap) { return .lowerNotGlobal }
    if fails(certificate.relativeLowerResidual) { return .lowerNotStationary }
    if fails(certificate.relativeHypergradient) { return .notStationary }
    return fails(certificate.relativeImprovement) ? .notMinimal : .none
  }

  private static func message(
    _ certificate: BilevelCertificate, _ tolerance: Double, _ status: Status,
    _ proposal: BilevelProposal, _ run: Run
  ) -> String {
    var text =
      "\(status.name): lower gap \(shortText(certificate.relativeGap)), lower feasibility "
      + "\(shortText(certificate.relativeLowerFeasibility)), residual "
      + "\(shortText(certificate.relativeLowerResidual)), upper feasibility "
      + "\(shortText(certificate.relativeUpperFeasibility)), hypergradient "
      + "\(shortText(certificate.relativeHypergradient)), all relative, tolerance "
      + "\(shortText(tolerance)), \(run.monitor.iterations) iterations"
    switch reason(certificate, tolerance, status) {
    case .lowerNotGlobal: text += "; f is lower at another y, see 'better_y'"
    case .notMinimal: text += "; F is lower at an x nearby"
    default: break
    }
    if !proposal.remark.isEmpty { text += "; " + proposal.remark }
    return text
  }

  private static func failed(
    _ spec: MethodSpec, _ proposal: BilevelProposal, _ run: Run
  ) -> Result {
    var fields = ResultFields()
    let isInfeasible: Bool = if case .lowerInfeasible = proposal.claim { true } else { false }
    fields.add("objective", Double.nan)
    let reason = isInfeasible ? Reason.lowerInfeasible : Reason.lowerUnbounded
    fields.add("reason", reason.rawValue)
    addFigures(&fields, proposal, run)
    let status = run.monitor.stop ?? (isInfeasible ? Status.locallyInfeasible : .unbounded)
    let x = (0..<min(proposal.x.count, 4)).map { shortText(proposal.x[$0]) }
    let shown = x.joined(separator: ", ") + (proposal.x.count > 4 ? ", ..." : "")
    var text =
      isInfeasible
      ? "\(status.name): no feasible y was found for x = (\(shown))"
      : "\(status.name): the lower objective falls without end for x = (\(shown))"
    if !proposal.remark.isEmpty { text += "; " + proposal.remark }
    fields.add("message", text)
    fields.add("x", Tensor(proposal.x))
    fields.add("y", Tensor(proposal.y))
    return Result(spec: spec, status: status, fields: fields)
  }

  private static func addFigures(
    _ fields: inout ResultFields, _ proposal: BilevelProposal, _ run: Run
  ) {
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.counts.fields)
    fields.append(proposal.figures)
  }
}
