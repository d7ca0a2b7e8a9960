/// What is known about a result. Every status follows from a certificate; see `Certificate`.
///
/// The raw values are the positive codes of `kantor/types.h`.
public enum Status: Int32, Sendable, CaseIterable {
  case solved = 1
  case solvedInaccurate = 2
  case infeasible = 3
  case unbounded = 4
  case stalled = 5
  case iterationLimit = 6
  case timeLimit = 7
  case cancelled = 8
  case callbackError = 9
  case numericalError = 10
  case locallyInfeasible = 11
  case evaluationLimit = 12
  case stoppedByCallback = 13

  public var name: String {
    switch self {
    case .solved: return "solved"
    case .solvedInaccurate: return "solved_inaccurate"
    case .infeasible: return "infeasible"
    case .unbounded: return "unbounded"
    case .stalled: return "stalled"
    case .iterationLimit: return "iteration_limit"
    case .timeLimit: return "time_limit"
    case .cancelled: return "cancelled"
    case .callbackError: return "callback_error"
    case .numericalError: return "numerical_error"
    case .locallyInfeasible: return "locally_infeasible"
    case .evaluationLimit: return "evaluation_limit"
    case .stoppedByCallback: return "stopped_by_callback"
    }
  }
}
