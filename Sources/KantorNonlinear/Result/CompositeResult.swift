import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum CompositeResult {
  static func make(
    _ spec: MethodSpec, _ problem: CompositeProblem, _ proposal: CompositeProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let certificate = try CompositeCheck(problem).certify(proposal.x)
    var status = Status.judge(
      certificate, tolerance: proposal.tolerance, stop: run.monitor.stop)
    if proposal.failure != nil { status = .callbackError }
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("smooth_objective", certificate.smooth)
    fields.certify("residual", certificate.residual)
    fields.certify("scaled_residual", certificate.scaledResidual)
    fields.certify("violation", certificate.violation)
    fields.certify("gap", certificate.gap)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
    var message: String
    if let failure = proposal.failure {
      message = "callback_error: at the start, \(failure)"
    } else {
      message =
        "\(status.name): scaled residual \(shortText(certificate.scaledResidual)), tolerance "
        + "\(shortText(proposal.tolerance)), gap \(shortText(certificate.gap)), "
        + "\(run.monitor.iterations) iterations"
      if status != .solved, let complaint = certificate.complaint { message += "; " + complaint }
    }
    fields.add("message", message)
    fields.add("x", Tensor(proposal.x))
    return Result(spec: spec, status: status, fields: fields)
  }
}

/// The outputs of methods for composite problems.
enum CompositeOutputs {
  static let all: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output, "f(x) + g(x); f(x) where g is known by its map only."),
    FieldSpec("smooth_objective", .real, .output, "f(x)."),
    FieldSpec(
      "residual", .real, .certificate,
      "Largest entry of x - P(x - f'(x)), P the proximal map of g."),
    FieldSpec(
      "scaled_residual", .real, .certificate, "residual over max(1, largest |f'(x)|)."),
    FieldSpec("violation", .real, .certificate, "How far x lies outside the domain of g."),
    FieldSpec(
      "gap", .real, .certificate,
      "g(x) + g*(-f'(x)) + x'f'(x), g* the conjugate of g: for convex f, f + g is within it of its "
        + "minimum. Infinite where -f'(x) lies outside the domain of g*, or g* is not known."),
    FieldSpec("evaluations", .int, .output, "Calls of value and value_gradient."),
    FieldSpec("gradient_evaluations", .int, .output, "Calls of gradient and value_gradient."),
    FieldSpec("restarts", .int, .output, "How often the lead was taken back."),
    FieldSpec(
      "callback_seconds", .real, .output, unit: "s", "Time spent in the caller's functions."),
    FieldSpec("x", .array, .output, shape: "(n,)", "The point."),
  ]
}
