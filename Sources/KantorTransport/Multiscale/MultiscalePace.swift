import KantorCore

/// The course of the errors on one cloud, and how much of the plan the next sweep may leave out.
struct MultiscalePace {
  private(set) var error: Double
  private(set) var isStuck = false
  private(set) var isDone = false
  private var rate = 0.1
  private let goal: Double
  private var milestone = Double.infinity
  private var sinceMilestone = 0

  /// Share of the error expected after a sweep that the pairs left out may make.
  private static let leftOut = 0.01

  /// Sweeps until the error has to be halved.
  private static let patience = 12

  /// `error` is what is expected at the start.
  init(goal: Double, error: Double = 1) { (self.goal, self.error) = (goal, error) }

  var cut: Double {
    Double.log(Self.leftOut * max(goal, rate * min(error, 1))) - GroupSweep.margin
  }

  /// Blocks of cells below this, relative to what independence would give, are left out.
  var floor: Double { 1e-5 * min(error, 1) }
  /// Above this they would matter, in logarithms.
  var matter: Double { Double.log(0.1 * min(error, 1)) }

  mutating func record(_ reached: Double) {
    rate = min(max(reached / error, 1e-3), 0.5)
    error = reached
    isDone = reached <= goal
    sinceMilestone += 1
    if reached <= 0.5 * milestone { (milestone, sinceMilestone) = (reached, 0) }
    isStuck = sinceMilestone > Self.patience
  }

  /// The next sweep may be the last one.
  var isNearlyDone: Bool { rate * error <= goal }
}
