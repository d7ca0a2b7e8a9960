/// Everything of a solve that is not mathematics: limits, progress, heartbeat, cancel, log, trace.
///
/// A method asks once per iteration (`check`) and, inside long iterations, now and then
/// (`heartbeat`). Both answer with a reason to stop or nil; once there is a reason it stays. Both
/// are for the thread that called solve; workers only read `shouldStop`.
public final class Monitor: @unchecked Sendable {
  public let cancel: CancelToken
  public let timeLimit: Double
  public let iterationLimit: Int
  public let keepsTrace: Bool
  public private(set) var trace = Trace()
  public private(set) var iterations = 0
  public private(set) var stop: Status?
  /// The host's own code when a callback stopped the solve.
  public private(set) var callbackCode: Int32 = 0

  private let hooks: Hooks
  private let heartbeatSeconds: Double
  private let start: Double
  private var lastCall: Double
  private var last = Progress(
    iteration: 0, seconds: 0, objective: .nan, residual: .nan, gap: .nan, isHeartbeat: false)

  public init(
    timeLimit: Double = .infinity, iterationLimit: Int = .max, heartbeatSeconds: Double = 0.02,
    keepsTrace: Bool = false, cancel: CancelToken = CancelToken(), hooks: Hooks = Hooks()
  ) {
    self.timeLimit = timeLimit
    self.iterationLimit = iterationLimit
    self.heartbeatSeconds = heartbeatSeconds
    self.keepsTrace = keepsTrace
    self.cancel = cancel
    self.hooks = hooks
    start = monotonicSeconds()
    lastCall = start
  }

  public var seconds: Double { monotonicSeconds() - start }

  /// Safe to read from worker threads: true once the host asked to stop.
  public var shouldStop: Bool { cancel.isCancelled }

  /// Records a finished iteration. NaN where a figure is not known.
  public func check(
    iteration: Int, objective: Double = .nan, residual: Double = .nan, gap: Double = .nan
  ) -> Status? {
    if let stop { return stop }
    iterations = iteration
    let now = monotonicSeconds()
    last = Progress(
      iteration: iteration, seconds: now - start, objective: objective, residual: residual,
      gap: gap, isHeartbeat: false)
    if keepsTrace { trace.append(last) }
    call(last, at: now)
    return decide(at: now)
  }

  /// For the inside of a long iteration; cheap enough to be asked every millisecond.
  public func heartbeat() -> Status? {
    if let stop { return stop }
    let now = monotonicSeconds()
    if now - lastCall >= heartbeatSeconds {
      var beat = last
      beat.seconds = now - start
      beat.isHeartbeat = true
      call(beat, at: now)
    }
    return decide(at: now)
  }

  /// True when another iteration would pass the limit; asked after convergence was tested, so
  /// that a solve that converges on its last iteration counts as solved.
  public func reachesIterationLimit(_ iteration: Int) -> Bool {
    guard stop == nil, iteration >= iterationLimit else { return false }
    stop = .iterationLimit
    return true
  }

  /// Ends the solve for a reason that shows outside the method's own loop: one of the host's
  /// functions, or a limit on their calls. The first reason stays.
  public func end(_ reason: Status, code: Int32 = 0) {
    guard stop == nil else { return }
    stop = reason
    callbackCode = code
  }

  public func log(_ level: LogLevel, _ message: @autoclosure () -> String) {
    guard let log = hooks.log, level.rawValue <= hooks.logLevel.rawValue else { return }
    log(level, message())
  }

  private func call(_ progress: Progress, at now: Double) {
    guard let callback = hooks.progress else { return }
    lastCall = now
    let code = callback(progress)
    if code != 0 {
      callbackCode = code
      stop = .stoppedByCallback
    }
  }

  private func decide(at now: Double) -> Status? {
    if stop == nil {
      if let reason = cancel.reason {
        stop = reason
      } else if now - start > timeLimit {
        stop = .timeLimit
      }
    }
    return stop
  }
}

/// The course of a solve, one entry per iteration that was checked.
public struct Trace: Sendable {
  public private(set) var iteration: [Double] = []
  public private(set) var seconds: [Double] = []
  public private(set) var objective: [Double] = []
  public private(set) var residual: [Double] = []
  public private(set) var gap: [Double] = []

  public init() {}
  public var count: Int { iteration.count }

  mutating func append(_ p: Progress) {
    iteration.append(Double(p.iteration))
    seconds.append(p.seconds)
    objective.append(p.objective)
    residual.append(p.residual)
    gap.append(p.gap)
  }
}
