import KantorCore

/// The exact method that fits the structure of a problem.
enum ExactDispatch {
  static func method(for problem: TransportProblem) -> String { "network_simplex" }

  static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    try NetworkSimplex.propose(problem, run)
  }
}
