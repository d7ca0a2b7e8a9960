import KantorCore

/// How long linear algebra learns that its host wants to stop.
public struct Interruption: Sendable {
  private let ask: @Sendable () -> Bool
  private let monitor: Monitor?

  public static let never = Interruption { false }

  /// `ask` may be called from any thread.
  public init(_ ask: @escaping @Sendable () -> Bool) {
    self.ask = ask
    monitor = nil
  }

  /// Cancel and time limit of a solve; on the calling thread its heartbeat too.
  public init(_ monitor: Monitor) {
    ask = { monitor.shouldStop || monitor.seconds > monitor.timeLimit }
    self.monitor = monitor
  }

  /// For worker threads.
  public func shouldStop() -> Bool { ask() }

  /// For the thread that called the solve.
  public func beat() -> Bool {
    if let monitor { return monitor.heartbeat() != nil }
    return ask()
  }
}
