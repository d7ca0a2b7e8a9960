import KantorCore

/// **Solves** bilevel problems without a choice to make: the default.
///
/// **Method** Implicit differentiation first; the point it comes to, and where that fails the
/// start, go through the lower level's conditions of optimality piece by piece; what the checker
/// finds wrong tells what to try next. Of the points that pass, the one with the lowest F.
///
/// **Symbols** F, f the two objectives; a candidate is a pair (x, y); y' a lower-level answer of
/// the checker's.
///
/// **Iteration**
/// 0. Rows that are bounds of one variable become bounds, rows of opposite sign equations.
/// 1. `implicit` from the start. Large problems end here if the checker agrees.
/// 2. Small ones: `mpcc` from there and from the start, with all pieces where there are few, and
///    from some random x with the best of several lower minima there.
/// 3. Candidates in the order of F go to the checker; the first that passes is the answer.
/// 4. A candidate with a lower f at y': the cut f(x, y) <= v'(x) joins the conditions, v' the value
///    of the lower minimum that leads on from y', and its piece is solved again, also from the best
///    of the random x. A candidate with a lower F at an x nearby: again from there.
///
/// **Stops when** a candidate passes and none with a lower F is left, or there are no more.
///
/// **Guarantee** A `solved` result meets the certificate, which shares nothing with the methods;
/// local in x. The several starts find better minima of small problems, without a proof.
///
/// **Cost** That of the methods it runs, and of a certificate for each candidate, whose calls are
/// not counted.
///
/// **Reference** scholtes2001convergence; lorraine2020optimizing; mitsos2008global.
///
/// Deviation: the cuts of Mitsos, Lemonis and Barton serve local solves here, not bounds, and
/// follow the lower minimum instead of staying at y'.
public enum AdaptiveBilevel: BilevelMethod {
  public static let spec = MethodSpec(
    name: "adaptive", kind: BilevelKind.kind.name,
    summary: "The default: implicit differentiation, conditions of optimality, what is certified.",
    source: "S. Scholtes, Convergence properties of a regularization scheme for mathematical "
      + "programs with complementarity constraints (2001)",
    guarantee: "Lower-level gap and residual, feasibility and the stationarity of the single-level "
      + "problem within the tolerance, by the checker's own solves; local in x.",
    options: BilevelOptions.specs(iterations: 10_000) + options,
    outputs: BilevelOutputs.specs + outputs, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "starts", .int(-1, min: -1, max: 1_000_000),
      "Random x to start from beside the given one; -1 takes 16 for up to 12 variables, else none.")
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("found_by", .text, .output, "The method that found the answer."),
    FieldSpec("candidates", .int, .output, "Pairs (x, y) that were found."),
    FieldSpec("certificates", .int, .output, "How many of them were checked."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    let (x, y) = try start(problem, run)
    let whole = try BilevelOracle(problem, run)
    let moved = try PlainRows.moved(whole, seed: run.seed)
    let oracle = try BilevelOracle(moved, run, after: whole.counts)
    let (nearX, nearY) = (try x.copy(), try y.copy())
    moved.projectX(nearX.pointer)
    moved.clampY(nearY.pointer)
    let solve = try AdaptiveSolve(oracle, run, judgedBy: problem)
    var found = try solve.propose(nearX, nearY)
    if moved === problem || solve.isSolved || oracle.stopped { return found }
    // What the rows looked like may not be what they are.
    let last = try BilevelOracle(problem, run, after: oracle.counts)
    let second = try AdaptiveSolve(last, run, judgedBy: problem)
    let other = try second.propose(x, y)
    if second.isSolved { return other }
    found.counts = other.counts
    return found
  }
}

/// One solve of the default method.
final class AdaptiveSolve {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let check: BilevelCheck
  private let tolerance: Double
  private var candidates: [AdaptiveCandidate] = []
  private var tried: [AdaptiveCandidate] = []
  private var best: AdaptiveCandidate?
  private var found = 0
  private var certificates = 0
  private var jumps = 0
  private var mpcc: MpccSolve?
  private var scattered: ScatteredPairs?
  /// Lower answers that were better than a candidate's: where the checker starts for the next.
  private var betterLowers: [Buffer<Double>] = []
  private var remark = ""
  private var claim = BilevelProposal.Claim.point

  /// Variables and multipliers up to which the conditions of optimality are solved.
  static let largest = 300
  /// Variables up to which random starts and all pieces are tried.
  static let small = 12
  /// All pieces are solved where there are not more, from the start and from random x.
  static let (mostPieces, mostScattered) = (64, 8)
  /// Random x in a row that may lead to nothing new, beside one for each variable.
  static let mostQuiet = 3

  /// - Parameter whole: the problem that candidates are judged by; the oracle's may differ from it
  ///   by rows that became bounds or equations.
  init(
    _ oracle: BilevelOracle, _ run: Run, judgedBy whole: BilevelProblem
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    check = try BilevelCheck(whole)
    tolerance = run.options.real("tolerance")
    let pairs = ConditionsProgram.Pairs(problem)
    if problem.n + problem.lower.rows + pairs.count <= Self.largest {
      mpcc = try MpccSolve(oracle, run)
    }
  }

  /// Whether the last proposal passed the checker.
  var isSolved: Bool { best.map(passes) ?? false }

  func propose(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> BilevelProposal {
    let first = try runImplicit(x, y)
    if mpcc == nil || problem.n > 60 {
      try certify()
      if let best, passes(best) { return try finish(x, y) }
    }
    if mpcc != nil {
      try runConditions(x, y, relaxed: run.start.isEmpty, pieces: Self.mostPieces)
      if let first { try runConditions(first.x, first.y, relaxed: false) }
      if problem.n <= Self.small { try scatter(x, y) }
      try certify()
    }
    return try finish(x, y)
  }

  private func finish(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> BilevelProposal {
    // Ended early, or nothing passed: the candidate whose certificate is least bad.
    if best == nil, let any = candidates.first { best = any }
    // A lower level without an answer at the start, and nowhere else one: that is the finding.
    if let kept = best, !passes(kept), !isPoint { best = nil }
    var proposal = best?.proposal ?? BilevelProposal(claim: claim, x: x, y: y)
    proposal.counts = oracle.counts
    proposal.figures = ResultFields()
    proposal.figures.add("found_by", best?.method ?? "none")
    proposal.figures.add("candidates", found)
    proposal.figures.add("certificates", certificates)
    if let best, !passes(best) { proposal.remark = remark.isEmpty ? proposal.remark : remark }
    return proposal
  }

  private var isPoint: Bool { if case .point = claim { true } else { false } }

  private func add(
    _ proposal: BilevelProposal, _ method: String, z: Buffer<Double>? = nil,
    sides: [ConditionsProgram.Side]? = nil, value: Double, isRough: Bool = false
  ) {
    guard value.isFinite else { return }
    let candidate = AdaptiveCandidate(
      proposal: proposal, method: method, z: z, sides: sides, value: value, isRough: isRough)
    if (candidates + tried).contains(where: candidate.repeats) { return }
    found += 1
    candidates.append(candidate)
  }

  // MARK: Methods

  private func runImplicit(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> BilevelProposal? {
    let proposal = try ImplicitSolve(oracle, run).propose(x, y)
    guard case .point = proposal.claim else {
      claim = proposal.claim
      return nil
    }
    let w = try Buffer<Double>(count: problem.n)
    for i in 0..<problem.nx { w.pointer[i] = proposal.x.pointer[i] }
    for j in 0..<problem.ny { w.pointer[problem.nx + j] = proposal.y.pointer[j] }
    let value = oracle.stopped ? 0 : try oracle.value(.upper, w.pointer)
    add(proposal, "implicit", value: oracle.stopped ? 0 : value)
    if !proposal.remark.isEmpty { remark = proposal.remark }
    return proposal
  }

  private func runConditions(
    _ x: Buffer<Double>, _ y: Buffer<Double>, relaxed: Bool, pieces: Int = 0
  ) throws(KantorError) {
    guard let mpcc, !oracle.stopped else { return }
    try runPieces(try mpcc.lift(x, y), mpcc.fine, relaxed: relaxed, pieces: pieces)
  }

  private func runPieces(
    _ z: Buffer<Double>, _ effort: PieceSearch.Effort, relaxed: Bool, pieces: Int
  ) throws(KantorError) {
    guard let mpcc, !oracle.stopped else { return }
    mpcc.iteration = run.monitor.iterations
    if pieces > 0, problem.n <= Self.small {
      for answer in try mpcc.search.enumerate(from: z, effort, most: pieces).prefix(8) {
        try add(answer, isRough: effort.isRough)
      }
    }
    if relaxed {
      try mpcc.relax(z)
      if oracle.stopped { return }
      if pieces > 0, problem.n <= Self.small {
        let all = try mpcc.search.enumerate(from: z, effort, most: pieces)
        for answer in all.prefix(8) { try add(answer) }
      }
    }
    if oracle.stopped { return }
    try descend(z, try mpcc.search.sides(z.pointer), effort)
  }

  private func add(
    _ answer: PieceSearch.Answer, isRough: Bool = false
  ) throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    var proposal = BilevelProposal(
      x: try Buffer(copying: UnsafePointer(answer.z.pointer), count: nx),
      y: try Buffer(copying: UnsafePointer(answer.z.pointer + nx), count: ny))
    proposal.selection = .optimistic
    add(proposal, "mpcc", z: answer.z, sides: answer.sides, value: answer.value,
      isRough: isRough)
  }

  /// Descents from random x, each with the best of some lower minima: rough ones, until they lead
  /// to nothing new for a while.
  private func scatter(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) {
    guard let mpcc else { return }
    let given = run.options.int("starts")
    let scattered = try ScatteredPairs(mpcc, oracle, seed: run.seed)
    self.scattered = scattered
    let effort = PieceSearch.Effort.rough(reach: reach(x, y))
    var quiet = 0
    for _ in 0..<(given < 0 ? 16 : given) {
      if oracle.stopped || (given < 0 && quiet >= Self.mostQuiet + problem.n) { return }
      guard let pair = try scattered.next(x, y) else { continue }
      let before = found
      try runPieces(pair.z, effort, relaxed: false, pieces: Self.mostScattered)
      quiet = found == before ? quiet + 1 : 0
    }
  }

  /// How far descents from random x may wander off.
  private func reach(_ x: Buffer<Double>, _ y: Buffer<Double>) -> Double {
    var size = 1.0
    func widen(_ values: Buffer<Double>) {
      for i in 0..<values.count where values.pointer[i].isFinite {
        size = max(size, abs(values.pointer[i]))
      }
    }
    for values in [x, y, problem.xLower, problem.xUpper, problem.yLower, problem.yUpper] {
      widen(values)
    }
    return 1e5 * size
  }

  // MARK: Certificates

  private func passes(_ candidate: AdaptiveCandidate) -> Bool {
    (candidate.proposal.certificate?.worst ?? .infinity) <= tolerance * (1 + 1e-6)
  }

  /// Checks candidates in the order of F until one passes.
  private func certify() throws(KantorError) {
    var effort = BilevelResult.effort(run)
    var rounds = 0
    while !candidates.isEmpty, rounds < 60 {
      rounds += 1
      candidates.sort { $0.rank < $1.rank }
      if let best, passes(best), candidates[0].rank >= best.value - 1e-9 * (1 + abs(best.value)) {
        return
      }
      guard var candidate = try refined(candidates.removeFirst()) else { continue }
      effort.isBrief = oracle.stopped
      let certificate = try check.certify(
        x: candidate.proposal.x, y: candidate.proposal.y, others: betterLowers, effort: effort)
      certificates += 1
      candidate.proposal.certificate = certificate
      tried.append(candidate)
      if isBetter(candidate) { best = candidate }
      if oracle.stopped { return }
      if !passes(candidate) { try repair(candidate, certificate) }
    }
  }

  /// A rough candidate solved to the end; nil where that leads to one that was checked.
  private func refined(_ candidate: AdaptiveCandidate) throws(KantorError) -> AdaptiveCandidate? {
    guard candidate.isRough else { return candidate }
    guard let mpcc, let z = candidate.z, let sides = candidate.sides, !oracle.stopped else {
      return oracle.stopped ? candidate : nil
    }
    guard let answer = try mpcc.search.descend(from: z, sides: sides, mpcc.fine) else { return nil }
    let before = candidates.count
    found -= 1
    try add(answer)
    return candidates.count > before ? candidates.removeLast() : nil
  }

  private func isBetter(_ candidate: AdaptiveCandidate) -> Bool {
    guard let best else { return true }
    switch (passes(candidate), passes(best)) {
    case (true, true): return candidate.value < best.value
    case (true, false): return true
    case (false, true): return false
    case (false, false):
      let (new, old) = (candidate.proposal.certificate, best.proposal.certificate)
      return (new?.worst ?? .infinity) < (old?.worst ?? .infinity)
    }
  }

  /// What the certificate of a candidate that does not pass suggests.
  private func repair(
    _ candidate: AdaptiveCandidate, _ certificate: BilevelCertificate
  ) throws(KantorError) {
    guard mpcc != nil, jumps < 20 else { return }
    jumps += 1
    if certificate.relativeGap > tolerance, let better = certificate.betterLower {
      try cut(candidate, better)
      try runConditions(candidate.proposal.x, better, relaxed: false)
    } else if let pair = certificate.betterPair {
      try runConditions(pair.x, pair.y, relaxed: false)
      _ = try runImplicit(pair.x, pair.y)
    } else if candidate.z == nil {
      try runConditions(candidate.proposal.x, candidate.proposal.y, relaxed: false)
    }
  }

  /// The candidate's piece again, with f(x, y) <= v'(x).
  private func cut(_ candidate: AdaptiveCandidate, _ better: Buffer<Double>) throws(KantorError) {
    guard let mpcc else { return }
    let search = mpcc.search
    if betterLowers.count < 8 { betterLowers.append(better) }
    try search.program.addCut(better)
    search.program.choose(nil)
    let (x, y) = (candidate.proposal.x, candidate.proposal.y)
    // From the candidate, from the answer that was better, and from the candidate's y at other x:
    // at the candidate itself the cut may have no slope.
    var stream = RandomStarts(seed: run.seed &+ UInt64(jumps))
    for k in 0..<(problem.n <= Self.small ? 6 : 2) {
      let point = try x.copy()
      if k > 1 {
        for i in 0..<problem.nx {
          point.pointer[i] += (1 + abs(x.pointer[i])) * (2 * stream.next() - 1)
        }
        problem.projectX(point.pointer)
      }
      if let known = candidate.z, let sides = candidate.sides, k != 1 {
        let z = try known.copy()
        z.pointer.update(from: point.pointer, count: problem.nx)
        try descend(z, sides, mpcc.fine)
      } else {
        let z = try mpcc.lift(point, k == 1 ? better : y)
        try descend(z, try search.sides(z.pointer), mpcc.fine)
      }
    }
    // And from pairs that satisfy it, which its slope at the candidate may not lead to.
    for pair in scattered?.lowest(4) ?? [] {
      try descend(pair.z, try search.sides(pair.z.pointer), mpcc.fine)
    }
  }

  private func descend(
    _ z: Buffer<Double>, _ sides: [ConditionsProgram.Side], _ effort: PieceSearch.Effort
  ) throws(KantorError) {
    guard let mpcc, !oracle.stopped else { return }
    if let answer = try mpcc.search.descend(from: z, sides: sides, effort) {
      try add(answer, isRough: effort.isRough)
    }
  }
}
