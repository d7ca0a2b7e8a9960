import KantorCore

/// What results about normal laws have in common.
enum GaussianOutputs {
  static func tolerance(_ value: Double) -> OptionSpec {
    OptionSpec(
      "tolerance", .real(value, min: 0, max: 1),
      "Largest relative residual of the maps, and of the barycentre's optimality condition.")
  }

  static func outputs(objective: String, _ own: [FieldSpec]) -> [FieldSpec] {
    [
      FieldSpec("objective", .real, .output, objective),
      FieldSpec(
        "map_residual", .real, .certificate,
        "Largest |T S T - S_k|_F / |S_k|_F of the maps; infinite if one is not semidefinite."),
      FieldSpec(
        "stationarity", .real, .certificate,
        "|sum lambda_k T_k - I|_F / sqrt(d) for barycentres, 0 for two laws."),
      FieldSpec("gap", .real, .certificate, "objective minus lower_bound."),
      FieldSpec("relative_gap", .real, .certificate, "gap over the size of the objective's terms."),
      FieldSpec(
        "lower_bound", .real, .certificate,
        "Lower bound by quadratic potentials; -infinity where a map is singular."),
      FieldSpec("iterations", .int, .output, "Iterations of the method."),
      FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
      FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    ] + own
  }

  static func result(
    _ spec: MethodSpec, _ certificate: GaussianCertificate, _ run: Run, _ extra: ResultFields,
    derivative: @escaping Result.Derivative
  ) throws(KantorError) -> Result {
    let tolerance = run.options.real("tolerance")
    let status = Status.judge(
      residual: certificate.residual, tolerance: tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.value)
    fields.certify("map_residual", certificate.mapResidual)
    fields.certify("stationarity", certificate.stationarity)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("lower_bound", certificate.lower)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): residual \(shortText(certificate.residual)), relative gap "
        + "\(shortText(certificate.relativeGap)), tolerance \(shortText(tolerance)), "
        + "\(run.monitor.iterations) iterations")
    fields.append(extra)
    return Result(spec: spec, status: status, fields: fields, derivative: derivative)
  }
}
