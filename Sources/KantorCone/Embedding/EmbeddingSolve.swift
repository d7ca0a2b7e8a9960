import KantorBlocks
import KantorCore
import KantorNumerics

/// One solve by the homogeneous embedding.
struct EmbeddingSolve {
  let problem: ConeProblem
  let run: Run
  let start: ConeStart
  private let tolerance: Double
  /// Whether this is the program of a `ChordalSplit`, in which what several cliques miss adds up.
  private let isSplit: Bool

  init(_ problem: ConeProblem, _ run: Run, _ start: ConeStart, isSplit: Bool = false) {
    self.problem = problem
    self.run = run
    self.start = start
    self.isSplit = isSplit
    tolerance = run.options.real("tolerance")
  }

  func propose() throws(KantorError) -> ConeProposal {
    let form = try EmbeddingForm(problem)
    let plan = try SchurCondensation.best(form)
    if !isSplit, run.options.flag("chordal"),
      let split = try ChordalSplit(
        problem, below: plan?.work ?? .infinity, Interruption(run.monitor))
    {
      let inner = EmbeddingSolve(
        split.problem, run, ConeStart(reuse: start.reuse), isSplit: true)
      let proposal = try split.back(try inner.propose())
      return try better(proposal, ifBelow: Self.cheap, plan?.work ?? .infinity) {
        () throws(KantorError) in try whole(form, plan)
      }
    }
    return try whole(form, plan)
  }

  /// Condensed where that pays, without a split.
  private func whole(
    _ form: EmbeddingForm, _ plan: SchurCondensation?
  ) throws(KantorError) -> ConeProposal {
    var last: EmbeddingState?
    guard let plan else { return try propose(form, nil, &last) }
    var proposal = try propose(form, plan, &last)
    if plan.iterates {
      let direct = plan.direct
      proposal = try better(proposal, unless: Self.near, ifBelow: Self.affordable, direct.work) {
        () throws(KantorError) in
        last = nil
        return try propose(form, direct, &last)
      }
    }
    // Condensing squares the condition; the whole matrix may do better where it is small, from the
    // point that has been reached, or else from the start.
    for afresh in [false, true] {
      proposal = try better(proposal, ifBelow: Self.cheap, plan.wholeWork) {
        () throws(KantorError) in
        if afresh { last = nil }
        return try propose(form, nil, &last)
      }
    }
    return proposal
  }

  /// The proposal, unless it misses the tolerance, another way takes less than `limit`
  /// multiplications in an iteration, and what comes of that is better.
  private func better(
    _ proposal: ConeProposal, unless enough: Double = 0, ifBelow limit: Double, _ work: Double,
    than other: () throws(KantorError) -> ConeProposal
  ) throws(KantorError) -> ConeProposal {
    guard proposal.claim == .point, run.monitor.stop == nil, work < limit else {
      return proposal
    }
    let check = ConeCheck(problem)
    let worst = try check.certify(
      x: proposal.x.pointer, s: proposal.s.pointer, z: proposal.z.pointer
    ).worst
    if worst <= max(tolerance, enough) { return proposal }
    let second = try other()
    guard second.claim == .point else { return second }
    let its = try check.certify(
      x: second.x.pointer, s: second.s.pointer, z: second.z.pointer
    ).worst
    return withExtendedLifetime((proposal, second)) {
      its < worst || worst.isNaN ? second : proposal
    }
  }

  /// Multiplications of a factorisation that may be tried for accuracy alone.
  private static let cheap = 1e10
  /// And of one that is the last resort, from residuals above the second.
  private static let affordable = 1e12
  private static let near = 1e-5

  private func propose(
    _ form: EmbeddingForm, _ plan: SchurCondensation?, _ last: inout EmbeddingState?
  ) throws(KantorError) -> ConeProposal {
    let interruption = Interruption(run.monitor)
    guard let system = try system(form, plan, interruption) else { return try origin() }
    // The checker rounds differently and measures the units of the caller.
    let loop = try EmbeddingLoop(
      problem, form, system, run.monitor, tolerance: (isSplit ? 0.02 : 0.5) * tolerance,
      iterations: run.monitor.iterations)
    let warm = try EmbeddingWarmStart(problem, form, start)
    let outcome = try loop.run(from: warm, after: last)
    last = loop.state
    var proposal: ConeProposal
    switch outcome {
    case .infeasible:
      proposal = try blank(.infeasible)
      proposal.z = try loop.state.multipliers(1)
    case .unbounded:
      proposal = try blank(.unbounded)
      proposal.x = try loop.state.variables(1)
    case .converged, .stalled, .stopped:
      let (x, s, z) = try loop.state.answer(problem)
      proposal = ConeProposal(claim: .point, x: x, s: s, z: z, tolerance: tolerance)
    }
    proposal.figures.add("factor_entries", system.entries)
    proposal.reusable = ConeReuse(linear: start.reuse?.linear, embedding: system.analysis)
    return proposal
  }

  /// The condensed system by plan, else the whole; nil when the host asked to stop.
  private func system(
    _ form: EmbeddingForm, _ plan: SchurCondensation?, _ interruption: Interruption
  ) throws(KantorError) -> (any EmbeddingSystem)? {
    if let plan {
      var iteration: SchurIteration?
      if plan.iterates {
        iteration = try SchurIteration(
          form, plan, threads: run.threads, interruption: interruption)
        if iteration == nil { return nil }
      }
      return try SchurSystem(form, plan, iteration, threads: run.threads)
    }
    return try SparseEmbeddingSystem(
      form, reuse: start.reuse?.embedding, threads: run.threads, interruption: interruption)
  }

  private func blank(_ claim: ConeProposal.Claim) throws(KantorError) -> ConeProposal {
    ConeProposal(
      claim: claim, x: try Buffer(count: problem.n), s: try Buffer(count: problem.m),
      z: try Buffer(count: problem.m), tolerance: tolerance)
  }

  /// Stopped before anything was known.
  private func origin() throws(KantorError) -> ConeProposal {
    var proposal = try blank(.point)
    proposal.s = try LinearSlack.make(problem, proposal.x)
    return proposal
  }
}

/// Where a solve starts when the caller has an earlier solution.
struct EmbeddingWarmStart {
  private let form: EmbeddingForm
  private let x: Buffer<Double>
  private let s: Buffer<Double>
  private let z: Buffer<Double>

  /// Nil where x or z is not given.
  init?(
    _ problem: ConeProblem, _ form: EmbeddingForm, _ start: ConeStart
  ) throws(KantorError) {
    guard let givenX = start.x, let givenZ = start.z else { return nil }
    self.form = form
    x = try Buffer(count: form.n)
    s = try Buffer(count: form.m)
    z = try Buffer(count: form.m)
    let (d, e, c) = (form.scale.columns.pointer, form.scale.rows.pointer, form.objective)
    for j in 0..<form.n { x.pointer[j] = givenX.pointer[j] / (d[j] * form.unit) }
    // The rows of a box share a multiplier: its positive part belongs to the lower side.
    for i in 0..<problem.m {
      let isSplit: Bool
      if case .box = Self.cone(problem, i) { isSplit = true } else { isSplit = false }
      form.rows.forEach(i) { row, factor in
        let t = factor * givenZ.pointer[i]
        z.pointer[row] += isSplit && row >= Self.equations(form) ? max(t, 0) : t
      }
    }
    for i in 0..<form.m { z.pointer[i] *= c / e[i] }
    s.pointer.update(from: form.b.pointer, count: form.m)
    form.a.multiply(x.pointer, into: s.pointer, scale: -1)
  }

  private static func equations(_ form: EmbeddingForm) -> Int {
    guard let block = form.blocks.first, block.degree == 0 else { return 0 }
    return block.count
  }

  private static func cone(_ problem: ConeProblem, _ i: Int) -> Cone {
    var (low, high) = (0, problem.cones.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if problem.rowStarts[middle] <= i { low = middle } else { high = middle }
    }
    return problem.cones[low]
  }

  /// False where the cold start is better.
  func place(_ state: EmbeddingState, tolerance: Double) -> Bool {
    // What rounding left outside goes back in; the residuals then tell whether that is a solution.
    for block in form.blocks { repair(block) }
    state.x.pointer.update(from: x.pointer, count: form.n)
    state.s.pointer.update(from: s.pointer, count: form.m)
    state.z.pointer.update(from: z.pointer, count: form.m)
    (state.tau, state.kappa) = (1, 0)
    let worst = state.refresh().worst
    if worst <= tolerance { return true }
    guard form.isSymmetric, worst.isFinite else { return false }
    return pushInside(state, worst)
  }

  private func repair(_ block: ConeBlock) {
    let (s, z) = (s.pointer + block.row, z.pointer + block.row)
    if block.degree == 0 {
      for i in 0..<block.count { s[i] = 0 }
      return
    }
    guard block.isSymmetric else { return }
    let (first, second) = (block.margin(s, isDual: false), block.margin(z, isDual: true))
    if first.least < 0 { block.shift(s, -first.least, isDual: false) }
    if second.least < 0 { block.shift(z, -second.least, isDual: true) }
  }

  /// Moves s and z so far inside that their product is of the size of what is wrong with them.
  private func pushInside(_ state: EmbeddingState, _ worst: Double) -> Bool {
    let mu = max(1e-4, min(worst, 1))
    for block in form.blocks where block.degree > 0 {
      for (v, isDual) in [(state.s, false), (state.z, true)] {
        let p = v.pointer + block.row
        let margin = block.margin(p, isDual: isDual)
        let typical = margin.sum / Double(block.degree)
        let wanted = max(mu.squareRoot(), 1e-3 * typical)
        if !margin.least.isFinite { return false }
        if margin.least < wanted { block.shift(p, wanted - margin.least, isDual: isDual) }
      }
    }
    (state.tau, state.kappa) = (1, mu)
    return true
  }
}
