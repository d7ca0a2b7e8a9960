import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum InclusionResult {
  static func make(
    _ spec: MethodSpec, _ problem: InclusionProblem, _ proposal: InclusionProposal, _ run: Run
  ) throws(KantorError) -> Result {
    var certificate = InclusionCertificate()
    if !proposal.hostEnded {
      certificate = try InclusionCheck(problem: problem)
        .certify(
          proposal.x, claimsMinimax: proposal.claimsMinimax, farPoint: proposal.farPoint)
    }
    let status = Status.judge(
      certificate, tolerance: proposal.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", try objective(problem, certificate, proposal))
    fields.certify("residual", certificate.residual)
    fields.certify("relative_residual", certificate.relativeResidual)
    if let tangent = certificate.tangentResidual { fields.certify("tangent_residual", tangent) }
    if let gap = certificate.gap { fields.certify("gap", gap) }
    if let violation = certificate.violation { fields.certify("violation", violation) }
    if let distance = certificate.solutionDistance {
      fields.certify("solution_distance", distance)
    }
    if let curvatures = certificate.curvatures {
      fields.certify("curvature_y", curvatures.y)
      fields.certify("curvature_schur", curvatures.schur)
    }
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
    fields.add("message", message(status, certificate, proposal, run))
    try addPoint(&fields, problem, certificate, proposal)
    guard status == .solved || status == .solvedInaccurate else {
      return Result(spec: spec, status: status, fields: fields)
    }
    let derivative = InclusionDerivative(problem: problem, x: proposal.x)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: { (cotangents, wanted) throws(KantorError) in
        try derivative.pull(cotangents, wanted)
      },
      forward: { (tangents, wanted) throws(KantorError) in
        try derivative.push(tangents, wanted)
      })
  }

  /// f + phi at saddle points where the host offers it, else the residual.
  private static func objective(
    _ problem: InclusionProblem, _ certificate: InclusionCertificate,
    _ proposal: InclusionProposal
  ) throws(KantorError) -> Double {
    guard case .saddle = problem.form, problem.offersValue, !proposal.hostEnded
    else { return certificate.residual }
    return try InclusionCheck(problem: problem).value(proposal.x)
  }

  private static func addPoint(
    _ fields: inout ResultFields, _ problem: InclusionProblem,
    _ certificate: InclusionCertificate, _ proposal: InclusionProposal
  ) throws(KantorError) {
    let x = proposal.x
    switch problem.form {
    case .inclusion: fields.add("x", Tensor(x))
    case .saddle(let split):
      fields.add("x", Tensor(try Buffer(copying: x.pointer, count: split)))
      fields.add("y", Tensor(try Buffer(copying: x.pointer + split, count: x.count - split)))
    case .game(let sizes):
      fields.add("x", Tensor(x))
      fields.add("player_residuals", Tensor(try Buffer(certificate.playerResiduals)))
      let isByPlayer = certificate.blockGaps.count == sizes.count
      let regrets = sizes.indices.map { isByPlayer ? certificate.blockGaps[$0] ?? .nan : .nan }
      fields.add("player_regrets", Tensor(try Buffer(regrets)))
    }
    if let displacement = certificate.displacement {
      fields.add("displacement", Tensor(displacement))
    }
    if let image = certificate.image { fields.add("operator", Tensor(image)) }
  }

  static func message(
    _ status: Status, _ certificate: InclusionCertificate, _ proposal: InclusionProposal,
    _ run: Run
  ) -> String {
    var text =
      "\(status.name): residual \(shortText(certificate.relativeResidual)), relative, tolerance "
      + "\(shortText(proposal.tolerance)), \(run.monitor.iterations) iterations"
    if let curvatures = certificate.curvatures, status != .solved {
      text +=
        "; curvature of phi_yy \(shortText(curvatures.y)), of the Schur complement "
        + shortText(curvatures.schur)
    }
    if status != .solved, let evidence = proposal.evidence { text += "; " + evidence }
    if status != .solved, let distance = certificate.solutionDistance {
      text +=
        "; if F is monotone, every solution is farther than \(shortText(distance)) from the start"
    }
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
    let shared =
      InclusionOutputs.certificate + InclusionOutputs.own(kind) + CommonChoices.counts
    return MethodSpec(
      name: name, kind: kind.name, summary: summary, source: source, guarantee: guarantee,
      options: options,
      outputs: shared.filter { !without.contains($0.name) } + outputs,
      usesWarmStart: true, hasDerivatives: true)
  }
}
