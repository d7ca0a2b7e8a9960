/// What the host sees of a running solve.
public struct Progress: Sendable {
  public var iteration: Int
  public var seconds: Double
  public var objective: Double
  public var residual: Double
  public var gap: Double
  /// True when called from inside a long iteration, only to give the host a moment.
  public var isHeartbeat: Bool
}

public enum LogLevel: Int32, Sendable {
  case error = 1
  case warning = 2
  case info = 3
  case debug = 4
}

/// The host's functions. They are called on the thread that called solve, never on a worker.
public struct Hooks: @unchecked Sendable {
  /// Nonzero stops the solve.
  public var progress: ((Progress) -> Int32)?
  public var log: ((LogLevel, String) -> Void)?
  public var logLevel: LogLevel

  public init(
    progress: ((Progress) -> Int32)? = nil, log: ((LogLevel, String) -> Void)? = nil,
    logLevel: LogLevel = .info
  ) {
    self.progress = progress
    self.log = log
    self.logLevel = logLevel
  }
}
