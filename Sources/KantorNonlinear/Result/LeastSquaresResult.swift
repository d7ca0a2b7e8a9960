import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum LeastSquaresResult {
  static func make(
    _ spec: MethodSpec, _ problem: LeastSquaresProblem, _ proposal: LeastSquaresProposal,
    _ run: Run
  ) throws(KantorError) -> Result {
    let check = try LeastSquaresCheck(problem, x: proposal.x)
    let certificate = try check.certify()
    var status = Status.judge(
      certificate, tolerance: proposal.tolerance, residualTolerance: proposal.residualTolerance,
      stop: run.monitor.stop)
    if proposal.failure != nil { status = .callbackError }
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.certify("optimality", certificate.optimality)
    fields.certify("relative_optimality", certificate.relativeOptimality)
    fields.certify("largest_residual", certificate.largestResidual)
    fields.certify("relative_residual", certificate.relativeResidual)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
    fields.add("start_projections", problem.moved)
    fields.add("message", message(status, certificate, proposal, run))
    fields.add("x", Tensor(proposal.x))
    fields.add("residuals", Tensor(check.residuals))
    fields.add("gradient", Tensor(check.gradient))
    fields.add("active", Tensor(check.active))
    if let jacobian = check.jacobian {
      let shape = problem.pattern == nil ? [problem.m, problem.n] : [jacobian.count]
      fields.add("jacobian", Tensor(jacobian, shape: shape))
    }
    return Result(spec: spec, status: status, fields: fields)
  }

  private static func message(
    _ status: Status, _ certificate: LeastSquaresCertificate, _ proposal: LeastSquaresProposal,
    _ run: Run
  ) -> String {
    if let failure = proposal.failure {
      return "callback_error: at the start, \(failure)"
    }
    return "\(status.name): scaled gradient \(shortText(certificate.relativeOptimality)) "
      + "(tolerance \(shortText(proposal.tolerance))), relative residual "
      + "\(shortText(certificate.relativeResidual)) (tolerance "
      + "\(shortText(proposal.residualTolerance))), cost \(shortText(certificate.objective)), "
      + "\(run.monitor.iterations) iterations"
  }
}

/// The outputs of methods for least squares.
enum LeastSquaresOutputs {
  static let all: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "The cost, 1/2 sum s^2 rho((r_i / s)^2)."),
    FieldSpec(
      "optimality", .real, .certificate, "Largest entry of x - P(x - g), P onto the bounds."),
    FieldSpec(
      "relative_optimality", .real, .certificate,
      "The same in units: the largest |J_j| |x - P(x - g / |J_j|^2)|_j / |r|, which is the cosine "
        + "between r and a column of J where no bound is near. Columns with |J_j| max(1, |x_j|) < "
        + "1e-4 |r| count less, by this ratio."),
    FieldSpec("largest_residual", .real, .certificate, "Largest |r_i|."),
    FieldSpec(
      "relative_residual", .real, .certificate,
      "Largest |r_i| over the largest sum_j |J_ij| max(1, |x_j|)."),
    FieldSpec("evaluations", .int, .output, "Calls of map, those for differences included."),
    FieldSpec("jacobian_evaluations", .int, .output, "Calls of jacobian."),
    FieldSpec(
      "jacobian_products", .int, .output,
      "Calls of jacobian_product and jacobian_transpose_product; present when there were some."),
    FieldSpec(
      "callback_seconds", .real, .output, unit: "s", "Time spent in the caller's functions."),
    FieldSpec(
      "start_projections", .int, .output,
      "Entries of the start that were moved inside the bounds."),
    FieldSpec("x", .array, .output, shape: "(n,)", "The point."),
    FieldSpec("residuals", .array, .output, shape: "(m,)", "r(x)."),
    FieldSpec("gradient", .array, .output, shape: "(n,)", "Gradient of the cost, J'(rho' r)."),
    FieldSpec(
      "active", .array, .output, shape: "(n,)",
      "-1 where x is at its lower bound, 1 at its upper one, else 0."),
    FieldSpec(
      "jacobian", .array, .output, shape: "(m, n) or (k,)",
      "r'(x): dense, or the entries of jacobian_pattern; missing where there are products only."),
  ]
}
