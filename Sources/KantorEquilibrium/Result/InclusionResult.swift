import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum InclusionResult {
  static func make(
    _ spec: MethodSpec, _ problem: InclusionProblem, _ proposal: InclusionProposal, _ run: Run
  ) throws(KantorError) -> Result {
    var certificate = InclusionCertificate()
    if !proposal.hostEnded {
      certificate = try InclusionCheck(problem: problem).certify(proposal.x)
    }
    let status = Status.judge(
      certificate, tolerance: proposal.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.residual)
    fields.certify("residual", certificate.residual)
    fields.certify("relative_residual", certificate.relativeResidual)
    if let tangent = certificate.tangentResidual { fields.certify("tangent_residual", tangent) }
    if let gap = certificate.gap { fields.certify("gap", gap) }
    if let violation = certificate.violation { fields.certify("violation", violation) }
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
    fields.add("message", message(status, certificate, proposal, run))
    fields.add("x", Tensor(proposal.x))
    if let image = certificate.image { fields.add("operator", Tensor(image)) }
    return Result(spec: spec, status: status, fields: fields)
  }

  static func message(
    _ status: Status, _ certificate: InclusionCertificate, _ proposal: InclusionProposal,
    _ run: Run
  ) -> String {
    var text =
      "\(status.name): residual \(shortText(certificate.relativeResidual)), relative, tolerance "
      + "\(shortText(proposal.tolerance)), \(run.monitor.iterations) iterations"
    if status != .solved, let evidence = proposal.evidence { text += "; " + evidence }
    if status != .solved, let complaint = proposal.complaint ?? certificate.complaint {
      text += "; " + complaint
    }
    return text
  }
}

extension InclusionMethod {
  /// The entry for inclusions.
  public static var entry: MethodEntry { entry(InclusionKind.kind) }

  static func entry(_ kind: ProblemKind) -> MethodEntry {
    let spec = template.spec(kind)
    return MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? InclusionProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind \(spec.kind)")
      }
      let proposal = try propose(problem, run)
      return try InclusionResult.make(spec, problem, proposal, run)
    }
  }
}

extension MethodTemplate {
  func spec(_ kind: ProblemKind) -> MethodSpec {
    let outputs =
      InclusionOutputs.certificate
      + [InclusionOutputs.objective, InclusionOutputs.point, InclusionOutputs.image]
      + CommonChoices.counts + self.outputs
    return MethodSpec(
      name: name, kind: kind.name, summary: summary, source: source, guarantee: guarantee,
      options: options, outputs: outputs, usesWarmStart: true, hasDerivatives: false)
  }
}
