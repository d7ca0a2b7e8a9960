import KantorCore

/// Step sizes for which convergence is proven, given what the problem says about F.
struct ProvenStep {
  private let problem: InclusionProblem
  private let given: Double
  private let isForced: Bool
  /// Whether the step is to stay as it is: the caller's, or one that only a range proves.
  let isFixed: Bool

  init(_ problem: InclusionProblem, _ run: Run) {
    self.problem = problem
    given = run.options.real("step")
    isForced = run.options.flag("force")
    isFixed = given > 0 || (problem.lipschitz != nil && (problem.comonotone ?? 0) < 0)
  }

  /// The step to take, or nil to search for one.
  ///
  /// - Parameters:
  ///   - usual: what is taken if nothing was given, times 1/L.
  ///   - most: largest proven step for monotone F, times 1/L.
  ///   - comonotone: for negatively comonotone F the smallest step, times r, and the largest, times
  ///     1/L; nil when nothing is proven.
  func choose(
    _ usual: Double, upTo most: Double, comonotone: (Double, Double)?
  ) throws(KantorError) -> Double? {
    let r = min(problem.comonotone ?? 0, 0)
    guard let l = problem.lipschitz else { return given > 0 ? given : nil }
    var (low, high) = (0.0, most / l)
    if r < 0 {
      guard let comonotone else {
        if isForced { return given > 0 ? given : usual / l }
        throw KantorError(
          .range,
          "comonotone is \(shortText(r)): this method is not proven to converge for such F with "
            + "a prox; 'force' runs it all the same, and fast_extragradient is proven")
      }
      (low, high) = (comonotone.0 * r, comonotone.1 / l)
    }
    let step = given > 0 ? given : min(max(usual / l, low), high)
    if isForced || (step >= low * (1 - 1e-12) && step <= high * (1 + 1e-12)) { return step }
    let range = low > high ? "empty" : "[\(shortText(low)), \(shortText(high))]"
    throw KantorError(
      .range,
      "option 'step': \(shortText(step)) is outside the proven range for lipschitz "
        + "\(shortText(l)) and comonotone \(shortText(r)), which is \(range); 'force' takes it all "
        + "the same")
  }
}
