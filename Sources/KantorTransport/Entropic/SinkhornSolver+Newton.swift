import KantorCore

/// Why sweeps were made where Newton's method was wanted.
enum NewtonFallback: String {
  /// More pairs matter than may be stored.
  case dense
  /// The steps gained nothing, or too little for long.
  case unfit
}

/// Newton's method on the pairs that matter: when they are stored, and which.
extension SinkhornSolver {
  /// What `fewPairs` becomes for problems on which sweeps would take for ever.
  private static let manyPairs = 1 << 16
  /// Sweeps ahead from which Newton's method pays, and from which it does so for plans that are
  /// not sparse.
  private static let manySweeps = 20.0
  private static let hopelessSweeps = 400.0
  private static let denseShare = 0.6
  /// Sweeps until the pairs that matter are counted again, when they were too many.
  private static let longPause = 100

  /// After a pass over all pairs that did not finish: chooses the pairs that matter anew, or for
  /// the first time when sweeps alone would take long.
  func storePairs(_ error: Double, _ goal: Double) throws(KantorError) {
    let wasStored = stored != nil
    stored = nil
    newtonPause -= 1
    guard settings.usesNewton, newtonPause < 0 else { return }
    if !wasStored {
      guard state.epsilon == target, mayStartNewton(error) else { return }
      let sweeps = relaxation.predictedSweeps(from: error, to: goal)
      guard settings.engine == "newton" || sweeps > Self.manySweeps else { return }
      if sweeps.isFinite, sweeps > Self.hopelessSweeps { storeMore() }
    }
    stored = try choose(goal)
    isDense = stored == nil
    if isDense, settings.lowRank == 0 {
      fallback = .dense
      newtonPause = Self.longPause
    }
  }

  private func mayStartNewton(_ error: Double) -> Bool {
    guard settings.firstSweeps > 0 else { return error < 0.1 }
    sweepsAtTarget += 1
    return sweepsAtTarget >= settings.firstSweeps
  }

  /// For problems on which sweeps would take for ever.
  func storeMore() {
    density = max(density, Self.denseShare)
    fewPairs = Self.manyPairs
  }

  /// Newton's method on the stored pairs, if there are any.
  func newton(_ goal: Double) throws(KantorError) -> SparseNewton.Outcome {
    guard let plan = stored else {
      return isDense && settings.lowRank > 0 && newtonPause < 0
        ? try lowRankNewton(goal) : .converged
    }
    let method = try SparseNewton(
      state, plan, rule: settings.newtonRule, threads: settings.threads, isHard: isHard)
    let outcome = try method.run(
      tolerance: 0.5 * goal, cut: cut(goal),
      goesOn: { (error) throws(KantorError) in record(error) ? try mayGoOn() : false },
      shouldStop: { monitor.heartbeat() != nil })
    newtonSteps += method.steps
    innerIterations += method.innerIterations
    storedPairs = plan.count
    isHard = method.isHard
    if outcome == .failed { fallback = .unfit }
    return outcome
  }

  /// The same for plans with more pairs than may be stored.
  private func lowRankNewton(_ goal: Double) throws(KantorError) -> SparseNewton.Outcome {
    sweep.precision = .double
    let limit = SinkhornSettings.storedLimit(problem.geometry, density: density)
    let method = try LowRankNewton(
      state, sweep, limit: max(limit, fewPairs), memory: settings.lowRank,
      threads: settings.threads, monitor: monitor)
    let outcome = try method.run(
      tolerance: 0.5 * goal, pass: { () throws(KantorError) in try pass(sweep) },
      goesOn: { (error) throws(KantorError) in record(error) ? try mayGoOn() : false })
    newtonSteps += method.steps
    innerIterations += method.innerIterations
    storedPairs = method.storedPairs
    isDense = false
    if outcome == .failed { fallback = .unfit }
    return outcome
  }

  /// At the end of a level: keeps the pairs that matter for the next.
  func prepareStored() throws(KantorError) {
    guard settings.usesNewton else { return }
    stored = try choose(levelTolerance)
  }

  /// Pairs with exponents below this, relative to their weights, do not matter for an error of
  /// `goal`.
  private func cut(_ goal: Double) -> Double {
    Double.log(0.01 * goal / Double(max(state.n, state.m)))
  }

  /// The pairs that matter for an error of `goal`, with room for the potentials to move; nil when
  /// they are too many.
  func choose(_ goal: Double) throws(KantorError) -> RestrictedPlan? {
    let geometry = problem.geometry
    let limit = SinkhornSettings.storedLimit(geometry, density: density)
    for (margin, share) in [(80.0, 16), (20.0, 8), (8.0, 2), (3.0, 1)] {
      let (cut, most) = (cut(goal) - margin, max(fewPairs, limit / share))
      guard RestrictedPlan.estimate(state, geometry, cut: cut) < 1.2 * Double(most) else {
        continue
      }
      if let plan = try RestrictedPlan.choose(
        state, geometry, cut: cut, limit: most, threads: settings.threads, monitor: monitor)
      {
        return plan
      }
    }
    return nil
  }
}
