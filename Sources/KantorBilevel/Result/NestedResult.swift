import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum NestedResult {
  static let outputs: [FieldSpec] =
    [
      FieldSpec("objective", .real, .output, "F(x, z), z from a fresh lower solve."),
      FieldSpec("lower_objective", .real, .output, "The lower result's objective, if it has one."),
      FieldSpec(
        "lower_status", .text, .output,
        "Status of that solve, by the checker of the lower kind; 'solved' is needed."),
      FieldSpec(
        "value_difference", .real, .certificate,
        "Distance of F from what the method saw; not 0 where the lower problem has several "
          + "answers."),
      FieldSpec(
        "upper_feasibility", .real, .certificate,
        "Distance of x from its set, relative, or the largest violation of upper rows."),
      FieldSpec(
        "hypergradient_norm", .real, .certificate,
        "Largest entry of the projected derivative of F along z(x); with upper rows of what "
          + "multipliers of active rows and bounds leave of it."),
      FieldSpec(
        "derivative_check", .real, .certificate,
        "Largest distance of that derivative from difference quotients along random directions; "
          + "up to the root of the tolerance is allowed. NaN where none was taken."),
      FieldSpec(
        "improvement", .real, .certificate,
        "How far F falls at one of the points of the differences."),
      FieldSpec(
        "residual", .real, .certificate,
        "Largest of value difference, feasibility, hypergradient and improvement, relative to the "
          + "largest of 1, |F| and the entries of its gradient."),
      FieldSpec(
        "reason", .text, .output,
        "What keeps the result from 'solved': 'none', 'lower_infeasible', 'lower_unbounded', "
          + "'lower_unsolved', 'several_answers', 'upper_infeasible', 'not_stationary', "
          + "'not_minimal', "
          + "'not_differentiable', 'not_checked' or 'undefined'."),
      FieldSpec("x", .array, .output, shape: "(nx,)", "Upper variables."),
      FieldSpec(
        "answer", .array, .output, shape: "(nz,)", "z: the answers, one after another, flat."),
      FieldSpec("gradient", .array, .output, shape: "(nx,)", "Derivative of F along z(x)."),
      FieldSpec(
        "upper_constraints", .array, .output, shape: "(upper_rows,)", "G and H at the answer."),
      FieldSpec(
        "upper_multipliers", .array, .output, shape: "(upper_rows,)",
        "Multipliers of these rows: 0 or positive for inequalities."),
      FieldSpec(
        "lower_values", .array, .output, shape: "(r,)",
        "The numbers of the lower fields for x, one field after another."),
    ] + NestedCounts.specs

  /// Which entry decides.
  enum Reason: String {
    case none
    case lowerInfeasible = "lower_infeasible"
    case lowerUnbounded = "lower_unbounded"
    /// The lower method gave up.
    case lowerUnsolved = "lower_unsolved"
    case severalAnswers = "several_answers"
    /// An upper row does not hold.
    case upperInfeasible = "upper_infeasible"
    case notStationary = "not_stationary"
    /// F is lower nearby.
    case notMinimal = "not_minimal"
    /// Differences do not confirm the derivative.
    case notDifferentiable = "not_differentiable"
    /// No differences were taken.
    case notChecked = "not_checked"
    /// A function is not defined at the start.
    case undefined
  }

  static func make(
    _ problem: NestedProblem, _ proposal: NestedProposal, _ run: Run
  ) throws(KantorError) -> Result {
    guard let seen = proposal.seen else { return failed(problem, proposal, run) }
    var certificate = NestedCertificate()
    let stop = run.monitor.stop
    if stop == nil || stop == .iterationLimit || stop == .evaluationLimit {
      certificate = try NestedCheck(
        problem, run, directions: run.options.int("check_directions")
      ).certify(proposal.x, seen: seen.value)
      // A request that came during the check.
      _ = run.monitor.heartbeat()
    } else if problem.rows == 0 {
      certificate.hypergradient = try residual(problem, seen)
    }
    let tolerance = run.options.real("tolerance")
    let status = Status.judge(certificate, tolerance: tolerance, stop: run.monitor.stop)
    let why = reason(certificate, tolerance, status)
    var fields = ResultFields()
    fields.add("objective", certificate.sight?.value ?? seen.value)
    add(certificate, certificate.sight ?? seen, to: &fields)
    fields.add("reason", why.rawValue)
    addFigures(&fields, proposal, run)
    fields.add("message", message(certificate, tolerance, status, why, proposal, run))
    return Result(spec: ImplicitProgramming.spec, status: status, fields: fields)
  }

  private static func residual(
    _ problem: NestedProblem, _ seen: NestedSight
  ) throws(KantorError) -> Double {
    let room = try Buffer<Double>(count: problem.nx)
    return problem.leader.residual(seen.x.pointer, seen.gradient.pointer, room: room.pointer)
  }

  static func add(
    _ certificate: NestedCertificate, _ sight: NestedSight, to fields: inout ResultFields
  ) {
    if let value = try? sight.lower.real("objective") { fields.add("lower_objective", value) }
    fields.add("lower_status", certificate.lowerStatus?.name ?? "")
    fields.certify("value_difference", certificate.difference)
    fields.certify("upper_feasibility", max(certificate.feasibility, certificate.violation))
    fields.certify("hypergradient_norm", certificate.hypergradient)
    fields.certify("derivative_check", certificate.derivativeCheck)
    fields.certify("improvement", certificate.improvement)
    fields.certify("residual", certificate.worst)
    fields.add("x", Tensor(sight.x))
    fields.add("answer", Tensor(sight.z))
    fields.add("gradient", Tensor(sight.gradient))
    if let rows = certificate.rows { fields.add("upper_constraints", Tensor(rows)) }
    if let multipliers = certificate.multipliers {
      fields.add("upper_multipliers", Tensor(multipliers))
    }
    fields.add("lower_values", Tensor(sight.fields))
  }

  private static func reason(
    _ certificate: NestedCertificate, _ tolerance: Double, _ status: Status
  ) -> Reason {
    if status == .solved { return .none }
    let goal = tolerance * (1 + 1e-6) * certificate.size
    if let lower = certificate.lowerStatus, lower != .solved { return .lowerUnsolved }
    if certificate.difference > goal { return .severalAnswers }
    if certificate.violation > tolerance * (1 + 1e-6) { return .upperInfeasible }
    if certificate.improvement > goal { return .notMinimal }
    let check = certificate.derivativeCheck
    if check > NestedCertificate.differenceTolerance(tolerance) * certificate.size {
      return .notDifferentiable
    }
    if !(certificate.hypergradient <= goal) { return .notStationary }
    return check.isNaN ? .notChecked : .none
  }

  private static func message(
    _ certificate: NestedCertificate, _ tolerance: Double, _ status: Status, _ why: Reason,
    _ proposal: NestedProposal, _ run: Run
  ) -> String {
    let size = certificate.size
    var text =
      "\(status.name): lower problem \(certificate.lowerStatus?.name ?? "not checked"), "
      + "hypergradient \(shortText(certificate.hypergradient / size)), differences "
      + "\(shortText(certificate.derivativeCheck / size)), all relative, tolerance "
      + "\(shortText(tolerance)), \(run.monitor.iterations) iterations"
    switch why {
    case .severalAnswers: text += "; the lower problem has several answers for this x"
    case .upperInfeasible:
      text += "; an upper row is violated by \(shortText(certificate.violation))"
    case .notMinimal: text += "; F is lower at an x nearby"
    case .notDifferentiable:
      let what = certificate.worstRow.map { "upper row \($0)" } ?? "F"
      text += "; differences of \(what) do not confirm the derivative: a kink or a jump of the "
        + "answer, or a wrong derivative of the functions that were given"
    default: break
    }
    if status != .solved, let complaint = proposal.complaint {
      text += "; there were x without an answer: \(complaint)"
    }
    return text
  }

  /// F is not defined at the start.
  private static func failed(
    _ problem: NestedProblem, _ proposal: NestedProposal, _ run: Run
  ) -> Result {
    let (status, reason) = ends(proposal.lowerEnd)
    let ended = run.monitor.stop ?? status
    let x = NestedOracle.text(proposal.x.pointer, count: problem.nx)
    var fields = ResultFields()
    fields.add("objective", Double.nan)
    fields.add("lower_status", proposal.lowerEnd?.name ?? "")
    fields.add("reason", reason.rawValue)
    addFigures(&fields, proposal, run)
    let why = proposal.complaint.map { ": \($0)" } ?? ""
    let what = run.monitor.stop == nil ? "is not defined" : "was not evaluated"
    fields.add("message", "\(ended.name): F(x, z(x)) \(what) at x = \(x)\(why)")
    fields.add("x", Tensor(proposal.x))
    return Result(spec: ImplicitProgramming.spec, status: ended, fields: fields)
  }

  /// What it means for the whole that the lower problem ended so.
  static func ends(_ lower: Status?) -> (Status, Reason) {
    switch lower {
    case .infeasible, .locallyInfeasible: return (.locallyInfeasible, .lowerInfeasible)
    case .unbounded: return (.unbounded, .lowerUnbounded)
    case nil: return (.callbackError, .undefined)
    default: return (.numericalError, .lowerUnsolved)
    }
  }

  private static func addFigures(
    _ fields: inout ResultFields, _ proposal: NestedProposal, _ run: Run
  ) {
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.counts.fields)
  }
}
