import Dispatch
import KantorCore
import KantorNumerics
import Synchronization

extension Catalog {
  /// Solves many problems of one kind, `threads` of them at a time and each on one thread.
  ///
  /// The time limit is that of the whole batch; other options hold for each problem. Hooks are
  /// called on the calling thread only: the log says how the batch begins and ends, and progress
  /// counts finished problems as iterations. Each problem has the answer that a solve of it alone
  /// would give, whatever the number of threads.
  public func solveBatch(
    _ problems: [Problem], method name: String? = nil, settings: Settings? = nil
  ) throws(KantorError) -> [Swift.Result<Result, KantorError>] {
    guard let first = problems.first else { return [] }
    for (k, problem) in problems.enumerated() where problem.kind.name != first.kind.name {
      throw KantorError(
        .type,
        "problem \(k) of the batch is of the kind \(problem.kind.name), problem 0 of the kind "
          + "\(first.kind.name); a batch has one kind")
    }
    var entry: MethodEntry?
    if let name {
      entry = try method(name, of: first.kind)
    } else if let spec = settings?.method {
      entry = try method(spec.qualifiedName, of: first.kind)
    }
    let named = entry
    let batch = try Batch(settings: settings, spec: named?.spec, count: problems.count)
    batch.log("a batch of \(problems.count) problems starts")
    let results = batch.run { (k, work) throws(KantorError) in
      let sealed = try problems[k].seal()
      let chosen: MethodEntry
      if let named {
        chosen = named
      } else {
        chosen = try self.method(problems[k].kind.defaultMethod(sealed), of: problems[k].kind)
      }
      let run = work(chosen.spec)
      let result = try chosen.solve(sealed, run)
      return result.adding(try CommonOutputs.fields(of: result, run.monitor))
    }
    batch.log("a batch of \(problems.count) problems ends")
    return results
  }
}

/// The running state of one batch. The calling thread works too and alone touches the monitor.
private final class Batch: @unchecked Sendable {
  typealias Outcome = Swift.Result<Result, KantorError>
  typealias Solve =
    @Sendable (_ index: Int, _ work: (MethodSpec) -> Run) throws(KantorError) -> Result

  private let count: Int
  private let threads: Int
  private let settings: Settings.Snapshot
  private let stop: CancelToken
  private let monitor: Monitor
  private let timeLimit: Double
  private let heartbeatSeconds: Double
  private let next = Atomic<Int>(0)
  private let finished = Atomic<Int>(0)
  private let outcomes: Mutex<[Outcome?]>

  init(settings: Settings?, spec: MethodSpec?, count: Int) throws(KantorError) {
    let settings = settings ?? Settings(method: nil)
    // Settings of another method are refused before anything is solved.
    if let spec { _ = try settings.run(for: spec) }
    self.settings = settings.snapshot()
    self.count = count
    let options = OptionValues(specs: CommonOptions.specs, set: self.settings.values)
    threads = min(max(1, options.int("threads")), count)
    timeLimit = options.real("time_limit")
    heartbeatSeconds = options.real("heartbeat")
    stop = CancelToken(parent: settings.cancel)
    monitor = Monitor(
      timeLimit: timeLimit, heartbeatSeconds: heartbeatSeconds, cancel: stop,
      hooks: self.settings.hooks)
    outcomes = Mutex(Array(repeating: nil, count: count))
  }

  func log(_ text: String) { monitor.log(.info, text) }

  func run(_ solve: @escaping Solve) -> [Outcome] {
    let others = DispatchGroup()
    for _ in 1..<max(threads, 1) {
      DispatchQueue.global().async(group: others) { self.work(calling: false, solve) }
    }
    work(calling: true, solve)
    // The host gets its moments also while the others finish.
    while others.wait(timeout: .now() + heartbeatSeconds) == .timedOut {
      if let reason = monitor.heartbeat() { stop.stop(reason) }
    }
    if monitor.iterations != count { _ = monitor.check(iteration: count) }
    return outcomes.withLock { all in
      all.map { $0 ?? .failure(KantorError(.internal, "a problem of the batch was left out")) }
    }
  }

  /// Takes the next problem until there is none; after a stop the rest ends at once.
  private func work(calling: Bool, _ solve: Solve) {
    while true {
      let k = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard k < count else { return }
      let outcome: Outcome
      do throws(KantorError) {
        outcome = .success(try solve(k) { spec in self.work(on: spec, calling: calling) })
      } catch {
        outcome = .failure(error)
      }
      outcomes.withLock { $0[k] = outcome }
      let done = finished.wrappingAdd(1, ordering: .relaxed).newValue
      if calling, let reason = monitor.check(iteration: done) { stop.stop(reason) }
    }
  }

  /// The settings of one problem: one thread, what is left of the time, and of the hooks only the
  /// moments for the host.
  private func work(on spec: MethodSpec, calling: Bool) -> Run {
    var hooks = Hooks()
    if calling {
      hooks.progress = { [self] _ in
        if let reason = monitor.heartbeat() { stop.stop(reason) }
        return 0
      }
    }
    return settings.run(
      for: spec, threads: 1, timeLimit: max(0, timeLimit - monitor.seconds),
      cancel: stop, hooks: hooks)
  }
}
