import KantorBlocks
import KantorCore

/// Calls of the host's functions by one solve of a nested problem: counted, limited, and what was
/// wrong with the last that failed.
final class NestedCalls {
  let monitor: Monitor
  let limits: NestedLimits
  var counts = NestedCounts()
  var complaint: String?

  init(monitor: Monitor, limits: NestedLimits) {
    self.monitor = monitor
    self.limits = limits
  }

  /// Takes one call out of the budget.
  func permit() -> Bool {
    if monitor.stop != nil { return false }
    guard counts.calls < limits.calls else {
      monitor.end(.evaluationLimit)
      return false
    }
    counts.calls += 1
    return true
  }

  /// Keeps what an evaluator says about the last call; false where that went wrong.
  func fine(_ outcome: Evaluation, _ evaluator: Evaluator, _ name: String) -> Bool {
    if case .fine = outcome { return true }
    if let said = evaluator.complaint { complaint = "\(name) \(said)" }
    return false
  }
}
