import KantorCore

/// What a method on batches ends with: the mean of its last x, the lower answer there by a whole
/// solve, and a polish on the active set where that does not pass the certificate.
struct SampledAnswer {
  private(set) var proposal: BilevelProposal
  let isPolished: Bool

  /// Without `average`, x is the last one and there is no polish: as published.
  init(
    _ oracle: BilevelOracle, _ run: Run, _ w: Buffer<Double>, _ average: TailAverage?
  ) throws(KantorError) {
    let problem = oracle.problem
    let x = try Buffer<Double>(copying: w.pointer, count: problem.nx)
    if let average {
      average.read(into: x.pointer)
      problem.projectX(x.pointer)
    }
    let final = try TiltedSolve(oracle, second: true)
    final.start(at: w.pointer + problem.nx)
    let isThere = try final.solve(x: x.pointer, tilt: 0, tolerance: 1e-10)
    let point = try w.copy()
    point.pointer.update(from: x.pointer, count: problem.nx)
    if isThere {
      (point.pointer + problem.nx).update(from: final.answer.y, count: problem.ny)
    }
    let choice = PolishedChoice(oracle, run)
    if try !choice.consider(point.pointer), average != nil, !oracle.stopped,
      run.options.flag("polish")
    {
      _ = try choice.polish(point.pointer)
    }
    let y = try Buffer<Double>(copying: point.pointer + problem.nx, count: problem.ny)
    proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    if let complaint = oracle.complaint { proposal.remark = complaint }
    if !oracle.stopped, final.answer.end == .unbounded, choice.best?.certificate.worst ?? 1 > 1e-3 {
      proposal.claim = .lowerUnbounded
    }
    proposal.counts = oracle.counts
    isPolished = choice.best?.isPolished == true
  }
}
