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

  public var sentence: String {
    switch self {
    case .solved: return "The certificate holds to the tolerance asked for."
    case .solvedInaccurate: return "The certificate holds, to a looser tolerance than asked for."
    case .infeasible: return "No point satisfies the constraints."
    case .unbounded: return "The objective has no bound on the feasible points."
    case .stalled: return "No more progress was made, and the tolerance was not reached."
    case .iterationLimit: return "The option max_iterations ended the solve; best point so far."
    case .timeLimit: return "The option time_limit ended the solve; best point so far."
    case .cancelled: return "The solve was cancelled; best point so far."
    case .callbackError: return "A callback could not be evaluated; best point so far."
    case .numericalError: return "Rounding errors kept the method from a certified answer."
    case .locallyInfeasible: return "The violation of the constraints cannot be reduced nearby."
    case .evaluationLimit: return "The limit of evaluations ended the solve; best point so far."
    case .stoppedByCallback: return "The progress hook ended the solve; best point so far."
    }
  }
}
