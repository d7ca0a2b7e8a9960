import KantorCore
import KantorNumerics

/// The result of a smoothed transport problem: the checker's figures and the arrays.
enum SmoothResult {
  /// What a method proposes, in the caller's orientation.
  struct Proposal {
    var term: SmoothTerm
    var plan: SparsePlan
    var f: Buffer<Double>
    var g: Buffer<Double>
    var figures = ResultFields()
    var tolerance: Double
    /// What the plan is, for the message.
    var remark = ""
  }

  static func make(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: Proposal, _ run: Run
  ) throws(KantorError) -> Result {
    let answer = try SmoothCheck(problem, proposal.term).certify(
      proposal.plan, f: proposal.f.pointer, g: proposal.g.pointer,
      parallel: Parallel(threads: run.threads))
    let certificate = answer.certificate
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: proposal.tolerance,
      gap: certificate.relativeGap, gapTolerance: proposal.tolerance, stop: run.monitor.stop)
    let common = TransportProposal(
      plan: .sparse(proposal.plan), f: proposal.f, g: proposal.g, figures: proposal.figures,
      tolerance: proposal.tolerance)
    var fields = ResultFields()
    TransportResult.addCertificate(&fields, certificate)
    fields.add("most_entries", answer.mostEntries)
    fields.add("exceeding_lines", answer.exceedingLines)
    fields.add("gamma", proposal.term.gamma)
    TransportResult.addFigures(&fields, problem, common, run)
    fields.add(
      "message",
      TransportResult.message(status, certificate, proposal.tolerance, run)
        + remark(proposal, answer))
    fields.add("plan_row", Tensor(proposal.plan.rows, count: proposal.plan.count))
    fields.add("plan_column", Tensor(proposal.plan.columns, count: proposal.plan.count))
    fields.add("plan_value", Tensor(proposal.plan.values, count: proposal.plan.count))
    TransportResult.addPlanArrays(
      &fields, .sparse(proposal.plan, problem), problem, common)
    try TransportResult.addTrace(&fields, run)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: TransportDerivative.smooth(
        problem, proposal.term, plan: proposal.plan, f: proposal.f, g: proposal.g,
        isExact: status == .solved && answer.exceedingLines == 0))
  }

  private static func remark(_ proposal: Proposal, _ answer: SmoothCheck.Answer) -> String {
    guard answer.exceedingLines > 0 else { return proposal.remark }
    return proposal.remark + "; \(answer.exceedingLines) \(proposal.term.side.rawValue) hold more "
      + "than \(proposal.term.limit) entries, at most \(answer.mostEntries)"
  }

  /// No plan avoids the forbidden pairs.
  static func infeasible(
    _ spec: MethodSpec, _ problem: TransportProblem, _ ray: (f: Buffer<Double>, g: Buffer<Double>),
    _ run: Run
  ) throws(KantorError) -> Result {
    try TransportResult.infeasible(
      spec, problem,
      TransportProposal(plan: .infeasible, f: ray.f, g: ray.g, tolerance: 0), run)
  }

  /// More points need an entry than the lines have room for, or a line needs more mass than k
  /// points have; `chosen` marks the points, or the line.
  static func beyondCapacity(
    _ spec: MethodSpec, _ problem: TransportProblem, _ term: SmoothTerm, isLine: Bool,
    chosen: Buffer<Double>, _ run: Run
  ) throws(KantorError) -> Result {
    let holds = isLine
      ? try CapacityCheck.isHeavy(
        problem, limit: term.limit, side: term.side, chosen: chosen.pointer)
      : try CapacityCheck.holds(
        problem, limit: term.limit, side: term.side, chosen: chosen.pointer)
    var fields = ResultFields()
    fields.add("objective", holds ? Double.infinity : Double.nan)
    fields.add("gamma", term.gamma)
    fields.add("mass", problem.mass)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    let name = (term.side == .columns) != isLine ? "capacity_source" : "capacity_target"
    fields.add(
      "message",
      holds
        ? "infeasible: \(reason(term, isLine, name))"
        : "no plan was found and its absence could not be proved")
    fields.add(name, Tensor(chosen))
    return Result(spec: spec, status: holds ? .infeasible : .numericalError, fields: fields)
  }

  private static func reason(_ term: SmoothTerm, _ isLine: Bool, _ name: String) -> String {
    let (points, lines) = (
      term.side == .columns ? "sources" : "targets", term.side.rawValue
    )
    return isLine
      ? "one of the \(lines) is marked in \(name); its mass is more than any \(term.limit) of "
        + "the \(points) open to it have together"
      : "the \(points) marked in \(name) need an entry each, and the \(lines) open to them, with "
        + "\(term.limit) entries each, have room for fewer"
  }
}
