import Synchronization

/// Options by name, hooks, warm start and the request to cancel. Made for a method, so that a
/// bad name fails at the call that sets it; made without one, it holds the common options only.
/// A solve takes a snapshot: later changes affect later solves.
public final class Settings: Sendable {
  public let method: MethodSpec?
  public let cancel = CancelToken()

  /// The settings at one moment.
  public struct Snapshot: Sendable {
    public fileprivate(set) var values: [String: OptionValue] = [:]
    public fileprivate(set) var hooks = Hooks()
    fileprivate var startResult: Result?
    fileprivate var startArrays: [String: Tensor] = [:]

    /// A solve that is part of a larger one: threads, time, cancel and hooks are the larger one's.
    public func run(
      for spec: MethodSpec, threads: Int, timeLimit: Double, cancel: CancelToken, hooks: Hooks
    ) -> Run {
      var values = values
      values["threads"] = .int(Int64(threads))
      values["time_limit"] = .real(timeLimit)
      let options = OptionValues(specs: spec.options, set: values)
      return Run(
        options: options, monitor: Monitor(options: options, cancel: cancel, hooks: hooks),
        start: WarmStart(result: startResult, arrays: startArrays))
    }

    /// A solve inside another one: its time is what the outer one has left, at most, and the outer
    /// one's cancel and hooks reach into it. `presets` hold where nothing was set; `start` goes
    /// before the start that was set.
    func run(
      for spec: MethodSpec, inside outer: Monitor, presets: [String: OptionValue], start: Result?
    ) -> Run {
      var values = presets.merging(values) { (_, set) in set }
      let own = OptionValues(specs: spec.options, set: values).real("time_limit")
      values["time_limit"] = .real(max(0, min(own, outer.timeLimit - outer.seconds)))
      let options = OptionValues(specs: spec.options, set: values)
      let hooks = Hooks(progress: { _ in outer.heartbeat() == nil ? 0 : 1 })
      return Run(
        options: options,
        monitor: Monitor(
          options: options, cancel: CancelToken(parent: outer.cancel), hooks: hooks),
        start: start.map { WarmStart(result: $0) }
          ?? WarmStart(result: startResult, arrays: startArrays))
    }
  }
  private let state = Mutex(Snapshot())

  public func snapshot() -> Snapshot { state.withLock { $0 } }

  public init(method: MethodSpec?) { self.method = method }

  public func copy() -> Settings {
    let twin = Settings(method: method)
    let snapshot = state.withLock { $0 }
    twin.state.withLock { $0 = snapshot }
    return twin
  }

  public var specs: [OptionSpec] { method?.options ?? CommonOptions.specs }

  private func spec(_ name: String) throws(KantorError) -> OptionSpec {
    if let method { return try method.option(name) }
    if let spec = CommonOptions.specs.first(where: { $0.name == name }) { return spec }
    throw unknownName(
      "common option (the settings were made without a method)", name,
      among: CommonOptions.specs.map(\.name))
  }

  public func set(_ name: String, _ value: OptionValue) throws(KantorError) {
    let valid = try spec(name).validate(value)
    state.withLock { $0.values[name] = valid }
  }

  public func parse(_ name: String, _ text: String) throws(KantorError) {
    let value = try spec(name).parse(text)
    state.withLock { $0.values[name] = value }
  }

  public func get(_ name: String) throws(KantorError) -> OptionValue {
    let spec = try spec(name)
    return state.withLock { $0.values[name] } ?? spec.defaultValue
  }

  /// Back to the default: one option, or all with nil.
  public func reset(_ name: String?) throws(KantorError) {
    if let name { _ = try spec(name) }
    state.withLock {
      if let name { $0.values[name] = nil } else { $0.values = [:] }
    }
  }

  public func setProgress(_ progress: ((Progress) -> Int32)?) {
    let hook = Hooks(progress: progress)
    state.withLock { $0.hooks.progress = hook.progress }
  }

  public func setLog(_ level: LogLevel, _ log: ((LogLevel, String) -> Void)?) {
    let hook = Hooks(log: log, logLevel: level)
    state.withLock {
      $0.hooks.log = hook.log
      $0.hooks.logLevel = hook.logLevel
    }
  }

  // What is replaced is let go outside the lock: freeing a borrowed array calls the host.

  public func setStart(_ result: Result?) {
    let old = state.withLock { (state) -> Result? in
      let old = state.startResult
      state.startResult = result
      return old
    }
    withExtendedLifetime(old) {}
  }

  public func setStart(_ name: String, _ tensor: Tensor?) {
    let old = state.withLock { (state) -> Tensor? in
      let old = state.startArrays[name]
      state.startArrays[name] = tensor
      return old
    }
    withExtendedLifetime(old) {}
  }

  /// What one solve with `spec` works with.
  public func run(for spec: MethodSpec) throws(KantorError) -> Run {
    if let method, method.name != spec.name || method.kind != spec.kind {
      throw KantorError(
        .state,
        "the settings were made for '\(method.name)' and cannot be used with '\(spec.name)'")
    }
    let snapshot = state.withLock { $0 }
    let options = OptionValues(specs: spec.options, set: snapshot.values)
    return Run(
      options: options,
      monitor: Monitor(options: options, cancel: cancel, hooks: snapshot.hooks),
      start: WarmStart(result: snapshot.startResult, arrays: snapshot.startArrays))
  }

  /// A run with every option at its default.
  public static func defaultRun(for spec: MethodSpec) -> Run {
    let options = OptionValues(specs: spec.options)
    return Run(options: options, monitor: Monitor(options: options))
  }
}

extension Monitor {
  convenience init(
    options: OptionValues, cancel: CancelToken = CancelToken(), hooks: Hooks = Hooks()
  ) {
    let limit = options["max_iterations"].map { _ in options.int("max_iterations") }
    self.init(
      timeLimit: options.real("time_limit"), iterationLimit: limit ?? .max,
      heartbeatSeconds: options.real("heartbeat"), keepsTrace: options.flag("trace"),
      cancel: cancel, hooks: hooks)
  }
}
