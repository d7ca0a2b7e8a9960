import KantorCore

/// The adaptive variant of `PenaltyMethod`.
final class PenaltySearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let x: Buffer<Double>
  private let y: Buffer<Double>
  private let tilted: TiltedSolve
  private let plain: TiltedSolve
  private let descent: UpperDescent
  private let choice: PolishedChoice
  private var sigma = 0.1
  private var size = 1.0

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    (x, y) = start
    tilted = try TiltedSolve(oracle, second: false)
    plain = try TiltedSolve(oracle, second: false)
    tilted.start(at: y.pointer)
    plain.start(at: y.pointer)
    descent = try UpperDescent(problem, run.monitor)
    choice = PolishedChoice(oracle, run)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let tolerance = run.options.real("tolerance")
    let first = try firstPenalty()
    let least = first * run.options.real("sigma_min")
    sigma = first
    while sigma >= least, !oracle.stopped {
      let goal = max(0.1 * tolerance, 0.01 * sigma / first) * size
      _ = try descent.minimise(
        x: x.pointer, tolerance: goal,
        evaluate: { [self] (x, g) throws(KantorError) -> Double in try value(x, g) })
      if oracle.stopped || !tilted.answer.isUsable { break }
      let w = try joined(tilted.answer.y)
      let others = plain.answer.isUsable ? [try plain.answer.copyY()] : []
      if try choice.consider(w.pointer, others: others) { break }
      if sigma < 0.05 * first, run.options.flag("polish"),
        try choice.polish(w.pointer, others: others)
      {
        break
      }
      sigma *= 0.3
    }
    return try conclude()
  }

  /// The s that moves y by about a tenth, as far as curvature and F_y at the start tell.
  private func firstPenalty() throws(KantorError) -> Double {
    let w = try joined(y.pointer)
    let g = try Buffer<Double>(count: problem.n)
    let value = try oracle.valueAndGradient(.upper, w.pointer, g.pointer)
    var (slope, length) = (0.0, 1.0)
    size = value.isFinite ? max(1, abs(value)) : 1
    for i in 0..<problem.n where value.isFinite {
      size = max(size, abs(g.pointer[i]))
      guard i >= problem.nx else { continue }
      slope = max(slope, abs(g.pointer[i]))
      length = max(length, abs(w.pointer[i]))
    }
    let given = run.options.real("sigma")
    if given > 0 { return given }
    let curvature = try LowerScale.curvatureOrSlope(oracle, w: w.pointer)
    return slope > 0 ? min(max(0.1 * length * curvature / slope, 1e-30), 1e6) : 0.1
  }

  private func joined(_ y: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double> {
    let w = try Buffer<Double>(count: problem.n)
    w.pointer.update(from: x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: y, count: problem.ny)
    return w
  }

  /// psi_s and its gradient.
  private func value(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    // An error e of the gradients in y is one of e / s in the derivative.
    let lowerTolerance = min(max(1e-3 * run.options.real("tolerance") * sigma, 1e-11), 1e-8)
    guard try plain.solve(x: x, tilt: 0, tolerance: lowerTolerance) else { return .infinity }
    guard try tilted.solve(x: x, tilt: sigma, tolerance: lowerTolerance) else {
      tilted.start(at: plain.answer.y)
      return .infinity
    }
    for i in 0..<problem.nx {
      g[i] = (tilted.gradient.pointer[i] - plain.gradient.pointer[i]) / sigma
    }
    return (tilted.value - plain.value) / sigma
  }

  private func conclude() throws(KantorError) -> BilevelProposal {
    if choice.best == nil {
      let isThere = try plain.solve(x: x.pointer, tilt: 0, tolerance: 1e-9)
      let w = try joined(isThere ? UnsafePointer(plain.answer.y) : UnsafePointer(y.pointer))
      try choice.consider(w.pointer)
    }
    var proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    if !oracle.stopped, !choice.hasFeasible {
      if plain.answer.end == .infeasible { proposal.claim = .lowerInfeasible }
      if plain.answer.end == .unbounded { proposal.claim = .lowerUnbounded }
    }
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("sigma", sigma)
    proposal.figures.add("lower_solves", plain.solves + tilted.solves)
    proposal.figures.add("polished", choice.best?.isPolished == true ? 1 : 0)
    return proposal
  }
}
