import KantorCore
import KantorNumerics

/// Work on the matrices of a batch, cut over threads, with a look at the monitor now and then.
struct BatchLoop {
  let monitor: Monitor
  let threads: Int

  init(monitor: Monitor, threads: Int) {
    self.monitor = monitor
    self.threads = threads
  }

  init(_ run: Run) {
    monitor = run.monitor
    threads = run.threads
  }

  /// Asked inside long work on one matrix; true once the solve is to stop.
  struct Pause {
    fileprivate let monitor: Monitor
    fileprivate let isCaller: Bool

    /// The hook may be called on the caller's thread only; workers look at the flag and the clock.
    func callAsFunction() -> Bool {
      if isCaller { return monitor.heartbeat() != nil }
      return monitor.shouldStop || monitor.seconds > monitor.timeLimit
    }
  }

  /// body(part, first, end, pause) for all of 0..<count, in pieces of some milliseconds.
  ///
  /// `work` is roughly the number of operations of one item. Returns the number of items done.
  /// The pieces do not depend on time, so a thread count fixes the bits.
  @discardableResult
  func run(
    _ count: Int, work: Int, progress: (Int) -> Status?,
    _ body: (_ part: Int, _ first: Int, _ end: Int, _ pause: Pause) -> Void
  ) -> Int {
    let threads = min(self.threads, count)
    let parallel = Parallel(threads: threads)
    let piece = max(64, 4_000_000 / max(work, 1)) * threads
    var done = 0
    while done < count {
      let (start, size) = (done, min(piece, count - done))
      let pause = Pause(monitor: monitor, isCaller: threads == 1)
      parallel.forEach(size) { part, first, end in
        if first < end { body(part, start + first, start + end, pause) }
      }
      done += size
      if progress(done) != nil { break }
    }
    return done
  }
}
