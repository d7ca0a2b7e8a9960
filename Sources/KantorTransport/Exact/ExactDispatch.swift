import KantorCore

/// The exact method that fits the structure of a problem.
///
/// Measured on one core, in units of the network simplex: `one_dimensional` 1000 times faster at
/// n = 4000; `assignment` 2 times at n = 10, 1.1 times at n = 4000 (points in the plane and in 16
/// dimensions, independent costs).
enum ExactDispatch {
  static func method(for problem: TransportProblem) -> String {
    if problem.geometry.isConvexLine { return OneDimensional.spec.name }
    if Assignment.applies(to: problem) { return Assignment.spec.name }
    return NetworkSimplex.spec.name
  }

  /// The proposal of the method that fits a dense matrix.
  static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    Assignment.applies(to: problem)
      ? try Assignment.propose(problem, run) : try NetworkSimplex.propose(problem, run)
  }

  /// The proposal of the method that fits any geometry, with that method's defaults; limits, hooks
  /// and threads are those of the run.
  static func proposeAny(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    func own(_ spec: MethodSpec) -> Run {
      Run(
        options: OptionValues(specs: spec.options, set: ["threads": .int(Int64(run.threads))]),
        monitor: run.monitor)
    }
    if problem.geometry.isConvexLine {
      return try OneDimensional.propose(problem, own(OneDimensional.spec))
    }
    return Assignment.applies(to: problem)
      ? try Assignment.propose(problem, own(Assignment.spec))
      : try NetworkSimplex.propose(problem, own(NetworkSimplex.spec))
  }
}
