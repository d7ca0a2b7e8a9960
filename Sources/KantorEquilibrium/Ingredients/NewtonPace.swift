import Glibc
import KantorCore

/// When Newton's steps are worth their calls: where what is left would take longer than a step, by
/// how the residual fell since the last look, and the calls of refused steps are no more than those
/// of all else.
struct NewtonPace {
  /// Calls that one step may need.
  private let cost: Int
  private var next: Int
  private var last: (calls: Int, residual: Double)?
  private var isGood = false
  private var pause = 1

  private static let longestPause = 64
  private static let window = 60

  init(cost: Int) {
    self.cost = cost
    next = max(cost, Self.window)
  }

  mutating func isSlow(_ track: Track) -> Bool {
    let (calls, residual) = (track.oracle.fullCalls, track.bestResidual)
    if isGood { return true }
    guard calls >= next else { return false }
    next = calls + max(cost / 2, Self.window)
    defer { last = (calls, residual) }
    guard let last else { return false }
    let fallen = log(last.residual / residual)
    let rest = log(residual / track.target)
    return !(fallen > 0) || rest / fallen * Double(calls - last.calls) > Double(cost)
  }

  /// After a step that brought the residual to `ratio` of what it was.
  mutating func note(spent: Int, ratio: Double, _ track: Track) {
    isGood = ratio <= 0.5
    pause = ratio < 1 ? 1 : min(2 * pause, Self.longestPause)
    last = nil
    if ratio >= 1 { next = track.oracle.fullCalls + spent * pause }
  }
}
