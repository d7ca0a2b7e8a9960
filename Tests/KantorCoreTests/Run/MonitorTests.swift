import KantorCore
import Testing

@Suite struct MonitorTests {
  @Test func nothingStopsAnUnlimitedRun() {
    let monitor = Monitor()
    for k in 1...100 { #expect(monitor.check(iteration: k) == nil) }
    #expect(monitor.heartbeat() == nil)
    #expect(monitor.iterations == 100)
    #expect(monitor.seconds >= 0)
    #expect(!monitor.shouldStop)
  }

  @Test func cancelStopsAndTheReasonStays() {
    let token = CancelToken()
    let monitor = Monitor(cancel: token)
    #expect(monitor.check(iteration: 1) == nil)
    token.cancel()
    #expect(monitor.shouldStop)
    #expect(monitor.heartbeat() == .cancelled)
    token.clear()
    #expect(monitor.check(iteration: 2) == .cancelled)
    #expect(monitor.iterations == 1)
  }

  @Test func timeIsUp() {
    #expect(Monitor(timeLimit: 0).check(iteration: 1) == .timeLimit)
    #expect(Monitor(timeLimit: 0).heartbeat() == .timeLimit)
    #expect(Monitor(timeLimit: 1000).check(iteration: 1) == nil)
  }

  @Test func theIterationLimitIsAskedLast() {
    let monitor = Monitor(iterationLimit: 3)
    for k in 1...3 { #expect(monitor.check(iteration: k) == nil) }
    #expect(!monitor.reachesIterationLimit(2))
    #expect(monitor.reachesIterationLimit(3))
    #expect(monitor.stop == .iterationLimit)
    #expect(!monitor.reachesIterationLimit(4))
  }

  @Test func theHookIsToldAndMayStop() {
    var told: [Progress] = []
    let monitor = Monitor(
      hooks: Hooks(progress: {
        told.append($0)
        return $0.iteration == 2 ? -5 : 0
      }))
    #expect(monitor.check(iteration: 1, objective: 3, residual: 2, gap: 1) == nil)
    #expect(monitor.check(iteration: 2) == .stoppedByCallback)
    #expect(monitor.check(iteration: 3) == .stoppedByCallback)
    #expect(monitor.callbackCode == -5)
    #expect(told.map(\.iteration) == [1, 2])
    #expect(told[0].objective == 3 && told[0].residual == 2 && told[0].gap == 1)
    #expect(told[1].objective.isNaN && !told[1].isHeartbeat)
  }

  @Test func heartbeatsKeepTheirDistance() {
    var beats = 0
    let often = Monitor(
      heartbeatSeconds: 0,
      hooks: Hooks(progress: {
        beats += $0.isHeartbeat ? 1 : 0
        return 0
      }))
    for _ in 0..<10 { _ = often.heartbeat() }
    #expect(beats == 10)
    let seldom = Monitor(
      heartbeatSeconds: 1000,
      hooks: Hooks(progress: { _ in
        beats += 1
        return 0
      }))
    for _ in 0..<10 { _ = seldom.heartbeat() }
    #expect(beats == 10)
  }

  @Test func heartbeatsRepeatTheLastFigures() {
    var last: Progress?
    let monitor = Monitor(
      heartbeatSeconds: 0,
      hooks: Hooks(progress: {
        last = $0
        return 0
      }))
    _ = monitor.check(iteration: 4, objective: 8)
    _ = monitor.heartbeat()
    #expect(last?.isHeartbeat == true)
    #expect(last?.iteration == 4)
    #expect(last?.objective == 8)
  }

  @Test func theTraceIsKeptOnRequest() {
    let silent = Monitor()
    _ = silent.check(iteration: 1)
    #expect(silent.trace.count == 0)
    let monitor = Monitor(keepsTrace: true)
    for k in 1...3 { _ = monitor.check(iteration: k, objective: Double(10 - k), gap: 0.5) }
    #expect(monitor.trace.iteration == [1, 2, 3])
    #expect(monitor.trace.objective == [9, 8, 7])
    #expect(monitor.trace.gap == [0.5, 0.5, 0.5])
    #expect(monitor.trace.residual.allSatisfy { $0.isNaN })
    #expect(monitor.trace.seconds == monitor.trace.seconds.sorted())
  }

  @Test func logsUpToTheLevel() {
    var lines: [String] = []
    var made = 0
    func line(_ text: String) -> String {
      made += 1
      return text
    }
    let monitor = Monitor(
      hooks: Hooks(
        log: { level, text in lines.append("\(level.rawValue) \(text)") }, logLevel: .warning))
    monitor.log(.error, line("a"))
    monitor.log(.warning, line("b"))
    monitor.log(.info, line("c"))
    #expect(lines == ["1 a", "2 b"])
    #expect(made == 2)
    Monitor().log(.error, line("d"))
    #expect(made == 2)
  }
}
