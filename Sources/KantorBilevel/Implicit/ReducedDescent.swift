import KantorCore

/// Minimises the leader's objective as a function of x alone, Phi(x) = F(x, y(x)), over X by
/// `ProjectedQuasiNewton`. The tolerance to which y(x) is asked for follows the size of the
/// projected gradient, and falls where errors of values are what keeps a step from being taken.
final class ReducedDescent {
  /// Phi at x, with y(x) to `tolerance`, and its gradient into `gradient`; nil ends the solve.
  typealias Evaluate = (
    _ x: UnsafePointer<Double>, _ tolerance: Double, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> ProjectedQuasiNewton.Value?

  private let search: ProjectedQuasiNewton
  private let run: Run
  private let tolerance: Double
  private let factor: Double
  private let evaluate: Evaluate
  /// Called with a point that is taken: that of the last evaluation, or of the one before.
  private let keep: (_ x: UnsafePointer<Double>) -> Void
  private var delta = 0.1
  private(set) var iterations: Int

  /// - Parameters:
  ///   - factor: the tolerance of y(x) over the size of the projected gradient.
  ///   - iterations: those that were made before, of the same solve.
  init(
    _ leader: LeaderSet, _ run: Run, factor: Double, iterations: Int = 0,
    evaluate: @escaping Evaluate, keep: @escaping (_ x: UnsafePointer<Double>) -> Void
  ) throws(KantorError) {
    search = try ProjectedQuasiNewton(leader)
    self.run = run
    self.iterations = iterations
    self.factor = factor
    self.evaluate = evaluate
    self.keep = keep
    tolerance = run.options.real("tolerance")
  }

  /// Where the search is, and the gradient there.
  var x: Buffer<Double> { search.x }
  var gradient: Buffer<Double> { search.gradient }

  /// From `x` down; false where Phi is not defined at the start.
  func minimise(from x: Buffer<Double>) throws(KantorError) -> Bool {
    search.x.pointer.update(from: x.pointer, count: x.count)
    let first = try evaluate(search.x.pointer, delta, search.gradient.pointer)
    guard let first, first.value.isFinite else { return false }
    search.start(first)
    keep(search.x.pointer)
    delta = min(0.1, factor * max(search.projectedGradient(), 1e-300))
    // The first gradient is of the start tolerance: again where that was too loose for it.
    guard try refresh() else { return true }
    try descend()
    return true
  }

  private func descend() throws(KantorError) {
    var stalls = 0
    // Values of the last iterations: a method that creeps, along the edge of the x whose lower
    // level is feasible, say, had better end.
    var recent = [Double](repeating: .infinity, count: 12)
    while true {
      let residual = search.projectedGradient()
      let goal = 0.5 * tolerance * max(1, abs(search.value.value))
      let stop = run.monitor.check(
        iteration: iterations, objective: search.value.value, residual: residual)
      if stop != nil { return }
      if residual <= goal, delta <= max(goal, 1e-12) { return }
      if run.monitor.reachesIterationLimit(iterations) { return }
      if stalls == 0 {
        let before = recent[iterations % recent.count]
        recent[iterations % recent.count] = search.value.value
        let fall = before - search.value.value
        if before.isFinite, fall < 1e-2 * tolerance * (1 + abs(before)) { return }
      }
      delta = max(1e-13, min(delta, factor * residual))
      let step = try search.step { () throws(KantorError) in
        try self.evaluate(search.trial.pointer, delta, search.trialGradient.pointer)
      }
      switch step {
      case .taken:
        keep(search.x.pointer)
        stalls = 0
        iterations += 1
      case .stopped: return
      case .wantsPrecision, .failed:
        stalls += 1
        if stalls > 4 { return }
        delta = max(1e-13, 1e-2 * delta)
        if stalls > 1 { search.forget() }
        guard try refresh() else { return }
      }
    }
  }

  /// Phi and its gradient at the search's point again, at the present tolerance.
  private func refresh() throws(KantorError) -> Bool {
    guard let again = try evaluate(search.x.pointer, delta, search.gradient.pointer) else {
      return false
    }
    search.start(again)
    keep(search.x.pointer)
    return true
  }
}
