import Glibc
import KantorCore

/// The adaptive variant of `LVHBA`: penalties, polish, certificate.
final class LVHBASearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let start: (x: Buffer<Double>, y: Buffer<Double>)
  private var g1 = 1.0
  private var g2 = 1.0
  private var penalty = 1.0
  /// What c is counted in.
  private var unit = 1.0
  private var gap = Double.nan
  private var solves = 0
  private let choice: PolishedChoice
  private var ranAway = false

  /// Programs with more unknowns are minimised without matrices.
  static let mostDense = 250
  private static let farAway = 1e8

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) {
    self.oracle = oracle
    self.run = run
    self.start = start
    problem = oracle.problem
    choice = PolishedChoice(oracle, run)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    try estimateScales()
    let first = run.options.real("c_start")
    var starts = [first]
    if first < 10 { starts.append(10) }
    for c in starts {
      if try search(from: c) || oracle.stopped { break }
    }
    return try conclude()
  }

  /// g1 = 1 / L and g2 = L / |g_y|^2, L the curvature of f in y at the start.
  private func estimateScales() throws(KantorError) {
    let w = try joined(start.x.pointer, start.y.pointer)
    unit = try penaltyUnit(w.pointer)
    g1 = run.options.real("gamma1")
    g2 = run.options.real("gamma2")
    guard g1 == 0 || g2 == 0 else { return }
    let curvature = try LowerScale.curvatureOrSlope(oracle, w: w.pointer)
    let rows = try LowerScale.rows(oracle, w: w.pointer)
    if g1 == 0 { g1 = min(max(1 / curvature, 1e-4), 1e4) }
    if g2 == 0 { g2 = rows > 0 ? min(max(curvature / rows, 1e-4), 1e4) : 1 }
  }

  /// 1, or the power of ten with which c f weighs as much as F does, where that is far from 1: F or
  /// f may come in any units.
  private func penaltyUnit(_ w: UnsafePointer<Double>) throws(KantorError) -> Double {
    let gradient = try Buffer<Double>(count: problem.n)
    let curvature = try LowerScale.curvatureOrSlope(oracle, w: w)
    guard try oracle.gradient(.upper, w, gradient.pointer) else { return 1 }
    var (slope, size) = (0.0, 1.0)
    for j in problem.nx..<problem.n {
      slope = max(slope, abs(gradient.pointer[j]))
      size = max(size, abs(w[j]))
    }
    let ratio = slope / (curvature * size)
    guard ratio > 0, ratio.isFinite, ratio < 1e-2 || ratio > 1e2 else { return 1 }
    return min(max(pow(10, log10(ratio).rounded()), 1e-12), 1e12)
  }

  private func joined(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let w = try Buffer<Double>(count: problem.n)
    w.pointer.update(from: x, count: problem.nx)
    (w.pointer + problem.nx).update(from: y, count: problem.ny)
    return w
  }

  /// Penalties from `first` on; true when a certified point was found.
  private func search(from first: Double) throws(KantorError) -> Bool {
    let most = max(run.options.real("c_max"), first)
    var program = try ValueFunctionProgram(
      oracle, g1: g1, g2: g2, largest: run.options.real("r"), second: true)
    let u = try Buffer<Double>(count: program.count)
    u.pointer.update(from: start.x.pointer, count: problem.nx)
    (u.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
    program.forget(start.y.pointer)
    var (c, shrunk, grown, previous) = (first, 0, 0, try u.copy())
    var lastGap = Double.infinity
    while c <= most * (1 + 1e-9) {
      penalty = c * unit
      program.penalty = penalty
      let goes = try minimise(program, u, tolerance: max(1e-3 / c, 1e-8) * max(unit, 1))
      solves += program.solves
      gap = program.gap
      if oracle.stopped {
        try choice.consider(u.pointer, others: [try program.copyTheta()])
        return false
      }
      if program.innerFailure == .unbounded, shrunk < 6 {
        // The lower objective is less convex than the proximal term: a stronger one.
        g1 /= 4
        shrunk += 1
        program = try ValueFunctionProgram(
          oracle, g1: g1, g2: g2, largest: run.options.real("r"), second: true)
        program.forget(previous.pointer + problem.nx)
        u.pointer.update(from: previous.pointer, count: u.count)
        continue
      }
      guard goes else {
        ranAway = true
        return false
      }
      if gap > 0.5 * lastGap, gap > 1e-6, grown < 4, program.innerFailure == nil {
        // A gap that does not fall with the penalty: theta is held too near to y to see that f has
        // lower values.
        (g1, g2) = (10 * g1, 0.1 * g2)
        grown += 1
        program = try ValueFunctionProgram(
          oracle, g1: g1, g2: g2, largest: run.options.real("r"), second: true)
        program.forget(u.pointer + problem.nx)
      }
      lastGap = gap
      if c >= min(100 * first, most) * (1 - 1e-9) {
        if try assess(u, program) { return true }
      } else if problem.n <= Self.mostDense,
        try choice.consider(u.pointer, others: [try program.copyTheta()])
      {
        return true
      }
      previous = try u.copy()
      c *= 10
    }
    return false
  }

  /// One minimisation from u, which holds the answer; false where it runs away.
  private func minimise(
    _ program: ValueFunctionProgram, _ u: Buffer<Double>, tolerance: Double
  ) throws(KantorError) -> Bool {
    if program.count > Self.mostDense {
      let solver = try BoxedLagrangian(program)
      solver.x.pointer.update(from: u.pointer, count: u.count)
      _ = try solver.solve(tolerance: tolerance, iterations: 2000)
      u.pointer.update(from: solver.x.pointer, count: u.count)
    } else {
      let solver = try SequentialQuadratic(program)
      solver.x.pointer.update(from: u.pointer, count: u.count)
      var settings = SequentialQuadratic.Settings()
      settings.tolerance = tolerance
      settings.second = false
      settings.iterations = 500
      let end = try solver.solve(settings)
      guard end != .unbounded, end != .undefined else { return false }
      u.pointer.update(from: solver.x.pointer, count: u.count)
    }
    for i in 0..<problem.n where !(abs(u.pointer[i]) < Self.farAway) { return false }
    return true
  }

  /// Certifies the point, polished and not; true when one of the two holds.
  private func assess(
    _ u: Buffer<Double>, _ program: ValueFunctionProgram
  ) throws(KantorError) -> Bool {
    let theta = try program.copyTheta()
    if try choice.consider(u.pointer, others: [theta]) { return true }
    guard run.options.flag("polish") else { return false }
    return try choice.polish(u.pointer, others: [theta])
  }

  private func conclude() throws(KantorError) -> BilevelProposal {
    var proposal = choice.proposal() ?? BilevelProposal(x: start.x, y: start.y)
    if !oracle.stopped, !choice.hasFeasible {
      // Whether the lower level has an answer here at all.
      let answer = try LowerAnswer(problem)
      try LowerSolver(oracle).solve(
        x: proposal.x.pointer, y: proposal.y.pointer, tolerance: 1e-8, into: answer)
      if answer.end == .infeasible { proposal.claim = .lowerInfeasible }
      if answer.end == .unbounded { proposal.claim = .lowerUnbounded }
      if ranAway {
        proposal.remark = "the penalised problem has no minimum for the penalties tried"
      }
    }
    if !oracle.stopped, proposal.remark.isEmpty, gap > 1e-6,
      choice.best?.certificate.worst ?? 1 > run.options.real("tolerance")
    {
      proposal.remark =
        "f - v stays at \(shortText(gap)) up to the penalty \(shortText(penalty)): the lower level "
        + "may not be convex, which 'pbgd' and the default method do not need"
    }
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("penalty", penalty)
    proposal.figures.add("penalised_gap", gap)
    proposal.figures.add("inner_solves", solves)
    proposal.figures.add("polished", choice.best?.isPolished == true ? 1 : 0)
    return proposal
  }
}
