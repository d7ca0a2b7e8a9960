import KantorBlocks
import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum NonlinearResult {
  static func make(
    _ spec: MethodSpec, _ problem: NonlinearProblem, _ proposal: NonlinearProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let left = run.options.int("max_evaluations") - proposal.counts.limited
    // At the limit the call that was kept for the checker is made, so that the count is the limit.
    let known = run.monitor.stop == .evaluationLimit ? nil : proposal.known
    let check = try NonlinearCheck(problem, limit: left, known: known)
    // A claim that does not hold leaves a point to be looked at.
    if proposal.claim != .point, left <= 2 * NonlinearOracle.evaluations(of: problem) {
      run.monitor.end(.evaluationLimit)
      return try point(spec, problem, proposal.withoutClaim(), run, check)
    }
    switch proposal.claim {
    case .point: return try point(spec, problem, proposal, run, check)
    case .infeasible:
      let evidence = try check.infeasible(x: proposal.x.pointer, weights: proposal.y.pointer)
      guard evidence.isGlobal || evidence.isLocal else {
        return try point(spec, problem, proposal.withoutClaim(), run, check)
      }
      return infeasible(spec, problem, proposal, run, check, evidence)
    case .unbounded:
      let (holds, certificate) = try check.unbounded(proposal.x.pointer)
      guard holds else { return try point(spec, problem, proposal.withoutClaim(), run, check) }
      return unbounded(spec, problem, proposal, run, check, certificate)
    }
  }

  private static func point(
    _ spec: MethodSpec, _ problem: NonlinearProblem, _ proposal: NonlinearProposal, _ run: Run,
    _ check: NonlinearCheck
  ) throws(KantorError) -> Result {
    let (certificate, zLower, zUpper) = try check.certify(proposal)
    let status = Status.judge(
      certificate, tolerance: proposal.tolerance, stop: run.monitor.stop,
      failedAtStart: proposal.failedAtStart)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    certify(&fields, certificate)
    fields.certify("stationarity", certificate.stationarity)
    fields.certify("complementarity", certificate.complementarity)
    fields.certify("scaled_stationarity", certificate.scaledStationarity)
    fields.certify("scaled_complementarity", certificate.scaledComplementarity)
    fields.certify("wrong_sign", certificate.wrongSign)
    if proposal.secondOrder { fields.certify("curvature", certificate.curvature) }
    fields.add("message", message(status, certificate, problem, proposal, run))
    fields.add("x", Tensor(proposal.x))
    fields.add("y", Tensor(proposal.y))
    fields.add("z_lower", Tensor(zLower))
    fields.add("z_upper", Tensor(zUpper))
    fields.add("constraints", Tensor(check.c))
    addFigures(&fields, problem, proposal, run, check)
    guard spec.hasDerivatives, status == .solved || status == .solvedInaccurate else {
      return Result(spec: spec, status: status, fields: fields, reusable: proposal.reusable)
    }
    let derivative = NonlinearDerivative(
      problem: problem, x: proposal.x, y: proposal.y, zLower: zLower, zUpper: zUpper)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: { (cotangents, wanted) throws(KantorError) in
        try derivative.pull(cotangents, wanted)
      },
      forward: { (tangents, wanted) throws(KantorError) in
        try derivative.push(tangents, wanted)
      }, reusable: proposal.reusable)
  }

  private static func infeasible(
    _ spec: MethodSpec, _ problem: NonlinearProblem, _ proposal: NonlinearProposal, _ run: Run,
    _ check: NonlinearCheck, _ evidence: InfeasibilityCertificate
  ) -> Result {
    var fields = ResultFields()
    fields.add("objective", evidence.isGlobal ? .infinity : .nan)
    fields.certify("violation", evidence.violation)
    fields.certify("contradiction", evidence.contradiction)
    fields.certify("contradiction_residual", evidence.residual)
    let status = evidence.isGlobal ? Status.infeasible : .locallyInfeasible
    let place = placeText(evidence.worstPlace, problem)
    var message = "\(status.name): violation \(shortText(evidence.violation)) at \(place)"
    if evidence.isGlobal {
      fields.certify("radius", evidence.radius)
      message += "; weights of affine rows prove that no point shorter than "
        + "\(shortText(evidence.radius)) satisfies them"
    } else {
      message += "; the linearised constraints contradict each other there, residual "
        + shortText(evidence.residual)
    }
    fields.add("message", message + movedText(problem))
    fields.add("x", Tensor(proposal.x))
    fields.add("constraints", Tensor(check.c))
    if let weights = evidence.weights { fields.add("weights", Tensor(weights)) }
    addFigures(&fields, problem, proposal, run, check)
    return Result(spec: spec, status: status, fields: fields)
  }

  private static func unbounded(
    _ spec: MethodSpec, _ problem: NonlinearProblem, _ proposal: NonlinearProposal, _ run: Run,
    _ check: NonlinearCheck, _ certificate: NonlinearCertificate
  ) -> Result {
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    certify(&fields, certificate)
    fields.add(
      "message",
      "unbounded: objective \(shortText(certificate.objective)) at a point with violation "
        + "\(shortText(certificate.violation))")
    fields.add("x", Tensor(proposal.x))
    fields.add("constraints", Tensor(check.c))
    addFigures(&fields, problem, proposal, run, check)
    return Result(spec: spec, status: .unbounded, fields: fields)
  }

  private static func certify(_ fields: inout ResultFields, _ c: NonlinearCertificate) {
    fields.certify("violation", c.violation)
    fields.certify("scaled_violation", c.scaledViolation)
  }

  private static func addFigures(
    _ fields: inout ResultFields, _ problem: NonlinearProblem, _ proposal: NonlinearProposal,
    _ run: Run, _ check: NonlinearCheck
  ) {
    var counts = proposal.counts
    counts += NonlinearCounts(check.oracle.evaluator)
    fields.add("evaluations", counts.values)
    fields.add("gradient_evaluations", counts.gradients)
    fields.add("constraint_evaluations", counts.constraints)
    fields.add("jacobian_evaluations", counts.jacobians)
    fields.add("hessian_evaluations", counts.hessians)
    fields.add("jacobian_products", counts.jacobianProducts)
    fields.add("hessian_products", counts.hessianProducts)
    fields.add("callback_seconds", counts.seconds)
    fields.add("start_projections", problem.projected)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
  }

  /// "variable 3", "row 0", or "no place".
  private static func placeText(_ place: Int, _ problem: NonlinearProblem) -> String {
    if place < 0 { return "no place" }
    return place < problem.n ? "variable \(place)" : "row \(place - problem.n)"
  }

  private static func movedText(_ problem: NonlinearProblem) -> String {
    guard problem.projected > 0 else { return "" }
    return "; \(problem.projected) entries of the start were moved inside the bounds"
  }

  private static func message(
    _ status: Status, _ c: NonlinearCertificate, _ problem: NonlinearProblem,
    _ proposal: NonlinearProposal, _ run: Run
  ) -> String {
    var text = status.name
    if c.worst.isNaN {
      text += ": the functions cannot be evaluated"
        + (proposal.failedAtStart ? " at the start" : " at the last point")
    } else {
      text += ": stationarity \(shortText(c.scaledStationarity)), violation "
        + "\(shortText(c.scaledViolation)), complementarity "
        + "\(shortText(c.scaledComplementarity)), all scaled, tolerance "
        + "\(shortText(proposal.tolerance)), \(run.monitor.iterations) iterations"
    }
    if !proposal.remark.isEmpty { text += "; " + proposal.remark }
    if status != .solved, c.violation > proposal.tolerance, c.worstPlace >= 0 {
      text += "; \(placeText(c.worstPlace, problem)) is violated most"
    }
    text += movedText(problem)
    if status != .solved, let complaint = proposal.complaint ?? c.complaint {
      text += "; \(complaint)"
    }
    return text
  }
}

/// The outputs that every method for nonlinear programs has, for the methods' descriptions.
public enum NonlinearOutputs {
  public static let certificate: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "f(x); +infinity where no point satisfies the constraints."),
    FieldSpec(
      "violation", .real, .certificate,
      "Largest violation of a bound or row, over max(1, |bound|)."),
    FieldSpec(
      "scaled_violation", .real, .certificate,
      "The same over max(1, |bound|, largest entry of the row's gradient)."),
    FieldSpec(
      "stationarity", .real, .certificate,
      "Largest entry of f'(x) + c'(x)'y - z_lower + z_upper."),
    FieldSpec(
      "scaled_stationarity", .real, .certificate,
      "stationarity over max(1, largest |f'(x)|, min(100, largest |y|))."),
    FieldSpec(
      "complementarity", .real, .certificate,
      "Largest product of a multiplier and the slack of its bound."),
    FieldSpec(
      "scaled_complementarity", .real, .certificate,
      "complementarity over max(1, |f(x)|, min(100, unit of stationarity))."),
    FieldSpec(
      "wrong_sign", .real, .certificate,
      "Largest multiplier that has the wrong sign or belongs to an infinite bound."),
    FieldSpec(
      "curvature", .real, .certificate,
      "Least eigenvalue of the Hessian of the Lagrangian on the active constraints, +infinity if "
        + "they leave no direction; with the option second_order."),
    FieldSpec(
      "contradiction", .real, .certificate,
      "Infeasible problems: violation that the weighted linearised rows keep."),
    FieldSpec(
      "contradiction_residual", .real, .certificate,
      "Infeasible problems: what bounds leave of c'(x)'weights, relative to its terms."),
    FieldSpec(
      "radius", .real, .certificate,
      "Infeasible problems with affine rows: no point shorter than this satisfies them."),
  ]

  public static let common: [FieldSpec] = [
    FieldSpec("x", .array, .output, shape: "(n,)", "The point."),
    FieldSpec(
      "y", .array, .output, shape: "(m,)",
      "Multipliers of the rows: >= 0 at upper bounds, <= 0 at lower ones."),
    FieldSpec("z_lower", .array, .output, shape: "(n,)", "Multipliers of lower bounds, >= 0."),
    FieldSpec("z_upper", .array, .output, shape: "(n,)", "Multipliers of upper bounds, >= 0."),
    FieldSpec("constraints", .array, .output, shape: "(m,)", "c(x)."),
    FieldSpec(
      "weights", .array, .output, shape: "(m,)",
      "Infeasible problems: weights of the rows whose linearisations contradict each other."),
    FieldSpec(
      "evaluations", .int, .output,
      "Calls of value, value_gradient and value_complex, those of the checker included, as in all "
        + "these counts."),
    FieldSpec("gradient_evaluations", .int, .output, "Calls of gradient and value_gradient."),
    FieldSpec("constraint_evaluations", .int, .output, "Calls of map and map_complex."),
    FieldSpec("jacobian_evaluations", .int, .output, "Calls of jacobian."),
    FieldSpec("hessian_evaluations", .int, .output, "Calls of hessian."),
    FieldSpec(
      "jacobian_products", .int, .output,
      "Calls of jacobian_product and jacobian_transpose_product."),
    FieldSpec("hessian_products", .int, .output, "Calls of hessian_product."),
    FieldSpec(
      "callback_seconds", .real, .output, unit: "s", "Time spent in the caller's functions."),
    FieldSpec(
      "start_projections", .int, .output,
      "Entries of the start that were moved inside the bounds."),
  ]
}

extension NonlinearMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? NonlinearProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind nonlinear")
      }
      return try NonlinearResult.make(spec, problem, try propose(problem, run), run)
    }
  }
}
