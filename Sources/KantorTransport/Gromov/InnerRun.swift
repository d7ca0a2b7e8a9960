import KantorCore

/// Runs of other methods inside an iteration: they have their own limits of iterations and share
/// the host's wishes, the time limit and the threads.
struct InnerRun {
  let run: Run

  /// A monitor that passes heartbeats on and stops when the outer one does.
  func monitor(iterationLimit: Int = .max) -> Monitor {
    let outer = run.monitor
    return Monitor(
      timeLimit: outer.timeLimit - outer.seconds, iterationLimit: iterationLimit,
      heartbeatSeconds: 0.002, cancel: outer.cancel,
      hooks: Hooks(progress: { _ in outer.heartbeat() == nil ? 0 : 1 }))
  }

  /// A run of a method with its default options, from potentials of the targets.
  func run(_ spec: MethodSpec, g: Buffer<Double>?) -> Run {
    let options = OptionValues(
      specs: spec.options, set: ["threads": .int(Int64(run.threads))])
    let start = g.map { WarmStart(arrays: ["potential_target": Tensor($0)]) } ?? WarmStart()
    return Run(options: options, monitor: monitor(), start: start)
  }
}
