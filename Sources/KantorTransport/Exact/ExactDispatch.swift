/// The exact method that fits the structure of a problem.
enum ExactDispatch {
  static func method(for problem: TransportProblem) -> String { "network_simplex" }
}
