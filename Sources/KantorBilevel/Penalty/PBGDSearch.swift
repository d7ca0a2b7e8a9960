import KantorCore

/// The adaptive variant of `PBGD`.
final class PBGDSearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let program: GapProgram
  private let w: Buffer<Double>
  private let choice: PolishedChoice

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>),
    _ program: GapProgram
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    self.program = program
    problem = oracle.problem
    choice = PolishedChoice(oracle, run)
    w = try Buffer(count: problem.n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let first = try firstPenalty()
    let most = first * run.options.real("gamma_max")
    var (gamma, ranAway) = (first, false)
    while gamma <= most * (1 + 1e-9), !oracle.stopped {
      program.penalty = gamma
      let goal = max(1e-3 * first / gamma, 1e-8)
      let before = try w.copy()
      if try minimise(goal) {
        let others =
          program.solve.answer.isUsable ? [try program.solve.answer.copyY()] : []
        if try choice.consider(w.pointer, others: others) { break }
        if gamma > 50 * first, run.options.flag("polish"),
          try choice.polish(w.pointer, others: others)
        {
          break
        }
      } else {
        // No minimum for this gamma: a larger one, from where this one began.
        ranAway = true
        w.pointer.update(from: before.pointer, count: problem.n)
      }
      gamma *= 10
    }
    if choice.best == nil { try choice.consider(w.pointer) }
    let x = try Buffer<Double>(copying: w.pointer, count: problem.nx)
    let y = try Buffer<Double>(copying: w.pointer + problem.nx, count: problem.ny)
    var proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    if !oracle.stopped, program.solve.solves > 0, !choice.hasFeasible {
      if program.solve.answer.end == .infeasible { proposal.claim = .lowerInfeasible }
      if program.solve.answer.end == .unbounded { proposal.claim = .lowerUnbounded }
    }
    if ranAway { proposal.remark = "F + gamma p had no minimum for a small gamma" }
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("penalty", program.penalty)
    proposal.figures.add("penalised_gap", program.gap)
    proposal.figures.add("lower_solves", program.solve.solves)
    proposal.figures.add("polished", choice.best?.isPolished == true ? 1 : 0)
    return proposal
  }

  /// gamma with which the slope of F moves y by its size against the curvature of f, at most.
  private func firstPenalty() throws(KantorError) -> Double {
    let given = run.options.real("gamma")
    if given > 0 { return given }
    let g = try Buffer<Double>(count: problem.n)
    let curvature = try LowerScale.curvatureOrSlope(oracle, w: w.pointer)
    guard try oracle.gradient(.upper, w.pointer, g.pointer) else { return 1 }
    var (slope, length) = (0.0, 1.0)
    for j in problem.nx..<problem.n {
      slope = max(slope, abs(g.pointer[j]))
      length = max(length, abs(w.pointer[j]))
    }
    return slope > 0 ? min(max(slope / (length * curvature), 1e-6), 1e6) : 1
  }

  private func minimise(_ tolerance: Double) throws(KantorError) -> Bool {
    if problem.n > LVHBASearch.mostDense {
      let solver = try BoxedLagrangian(program)
      solver.x.pointer.update(from: w.pointer, count: problem.n)
      _ = try solver.solve(tolerance: tolerance, iterations: 2000)
      w.pointer.update(from: solver.x.pointer, count: problem.n)
    } else {
      let solver = try SequentialQuadratic(program)
      solver.x.pointer.update(from: w.pointer, count: problem.n)
      var settings = SequentialQuadratic.Settings()
      settings.tolerance = tolerance
      settings.second = false
      settings.iterations = 500
      let end = try solver.solve(settings)
      guard end != .unbounded, end != .undefined else { return false }
      w.pointer.update(from: solver.x.pointer, count: problem.n)
    }
    for i in 0..<problem.n where !(abs(w.pointer[i]) < 1e8) { return false }
    return true
  }
}

/// The published loop of `PBGD`.
final class PBGDLoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let isGradient: Bool
  private let w: Buffer<Double>
  private let running: Buffer<Double>

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>),
    isGradient: Bool
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    self.isGradient = isGradient
    problem = oracle.problem
    guard problem.lower.rows == 0, problem.upper.rows == 0 else {
      throw KantorError(
        .unsupported, "the variant 'published' of 'pbgd' takes no rows; 'adaptive' does")
    }
    w = try Buffer(count: problem.n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
    running = try w.copy()
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let (nx, n, options) = (problem.nx, problem.n, run.options)
    let gamma = options.real("gamma") > 0 ? options.real("gamma") : 10
    let alpha = options.real("alpha") > 0 ? options.real("alpha") : 0.1 / gamma
    let beta = options.real("beta")
    let upper = try Buffer<Double>(count: n)
    let lower = try Buffer<Double>(count: n)
    let other = try Buffer<Double>(count: n)
    let old = try Buffer<Double>(count: n)
    var k = 0
    loop: while !oracle.stopped {
      for _ in 0..<(isGradient ? 0 : options.int("lower_steps")) {
        guard try oracle.gradient(.lower, running.pointer, other.pointer) else { break loop }
        for j in nx..<n { running.pointer[j] -= beta * other.pointer[j] }
        problem.clampY(running.pointer + nx)
      }
      guard try oracle.gradient(.upper, w.pointer, upper.pointer),
        try oracle.gradient(.lower, w.pointer, lower.pointer)
      else { break }
      if isGradient {
        for i in 0..<n { old.pointer[i] = i < nx ? 0 : lower.pointer[i] }
        guard try oracle.hessianProduct(.lower, w.pointer, times: old.pointer, other.pointer)
        else { break }
        for i in 0..<n { lower.pointer[i] = 2 * other.pointer[i] }
      } else {
        guard try oracle.gradient(.lower, running.pointer, other.pointer) else { break }
        for i in 0..<nx { lower.pointer[i] -= other.pointer[i] }
      }
      old.pointer.update(from: w.pointer, count: n)
      for i in 0..<n {
        w.pointer[i] -= alpha * (upper.pointer[i] + gamma * lower.pointer[i])
      }
      problem.projectX(w.pointer)
      problem.clampY(w.pointer + nx)
      var residual = 0.0
      for i in 0..<n { residual = max(residual, abs(w.pointer[i] - old.pointer[i]) / alpha) }
      for i in 0..<nx { running.pointer[i] = w.pointer[i] }
      k += 1
      if run.monitor.check(iteration: k, residual: residual) != nil { break }
      if residual <= options.real("tolerance") || run.monitor.reachesIterationLimit(k) { break }
    }
    var proposal = BilevelProposal(
      x: try Buffer(copying: w.pointer, count: nx),
      y: try Buffer(copying: w.pointer + nx, count: problem.ny))
    if !isGradient {
      proposal.others = [try Buffer(copying: running.pointer + nx, count: problem.ny)]
    }
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.counts = oracle.counts
    proposal.figures.add("penalty", gamma)
    proposal.figures.add("penalised_gap", Double.nan)
    proposal.figures.add("lower_solves", 0)
    proposal.figures.add("polished", 0)
    return proposal
  }
}
