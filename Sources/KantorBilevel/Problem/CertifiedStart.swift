import KantorCore

/// A solve that starts from a result: where the certificate holds there already, nothing is to do.
enum CertifiedStart {
  /// The start as a proposal, with the figures of `outputs` unset; nil where the solve begins at
  /// the problem's own start, or that of the run is not certified.
  fileprivate static func proposal(
    _ problem: BilevelProblem, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>),
    _ outputs: [FieldSpec]
  ) throws(KantorError) -> BilevelProposal? {
    guard !run.start.isEmpty, run.monitor.heartbeat() == nil else { return nil }
    let certificate = try BilevelCheck(problem).certify(
      x: start.x, y: start.y, effort: BilevelResult.effort(run))
    guard certificate.worst <= run.options.real("tolerance") else { return nil }
    var proposal = BilevelProposal(x: start.x, y: start.y)
    proposal.certificate = certificate
    for output in outputs {
      switch output.type {
      case .real: proposal.figures.add(output.name, Double.nan)
      case .int: proposal.figures.add(output.name, 0)
      default: break
      }
    }
    return proposal
  }
}

extension BilevelMethod {
  /// Solves from the start of the run, or of the problem, with an oracle for the run; where the
  /// certificate holds at a start that was given, that is the answer. `own` are the outputs of the
  /// method beside those that all have.
  static func fromStart(
    _ problem: BilevelProblem, _ run: Run, _ own: [FieldSpec],
    _ solve: (
      _ oracle: BilevelOracle, _ start: (x: Buffer<Double>, y: Buffer<Double>)
    ) throws(KantorError) -> BilevelProposal
  ) throws(KantorError) -> BilevelProposal {
    let oracle = try BilevelOracle(problem, run)
    let start = try start(problem, run)
    if let done = try CertifiedStart.proposal(problem, run, start, own) { return done }
    return try solve(oracle, start)
  }
}
