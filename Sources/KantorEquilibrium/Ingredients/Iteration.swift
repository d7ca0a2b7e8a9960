import KantorBlocks
import KantorCore

/// What a method's file says: how one point follows from the last.
protocol Iteration: AnyObject {
  /// The point that is judged, and F there.
  var point: Buffer<Double> { get }
  var value: Buffer<Double> { get }
  /// Prepares the first step, `point` and `value` being those to start from; false when the host
  /// ends the solve.
  func begin() throws(KantorError) -> Bool
  /// Steps that the last `advance` made.
  var stride: Int { get }
  /// One step, or several up to the next point at which the whole F is known. When a function is
  /// not defined at a point that it needs, the answer says so, and `resume` follows.
  func advance() throws(KantorError) -> Evaluation
  /// Begins again at `point` and `value`, with shorter steps. False when the steps are the
  /// caller's and not to be changed.
  func resume(_ reason: Resumption) -> Bool
}

/// Why an iteration begins again.
enum Resumption {
  case undefined
  case diverging
}

extension Iteration {
  var stride: Int { 1 }

  /// From the start to a proposal without figures of its own.
  func solve(_ track: Track, _ run: Run) throws(KantorError) {
    if try track.begin(run, into: point, value), try begin() {
      try Loop(track: track).run(self)
    } else {
      track.fail()
    }
  }

  /// Goes on from `point` and `value` after the loop has ended.
  func again(_ track: Track) throws(KantorError) {
    if track.oracle.monitor.stop == nil { try Loop(track: track).run(self) }
  }
}

/// Runs an iteration until it is done, is stopped, or cannot go on.
private struct Loop {
  let track: Track
  private static let mostUndefined = 20
  private static let mostDivergences = 30

  func run(_ iteration: some Iteration) throws(KantorError) {
    var (k, undefined, divergences) = (track.oracle.monitor.iterations, 0, 0)
    while true {
      switch try track.observe(k, iteration.point, iteration.value) {
      case .end: return
      case .proceed: break
      case .diverging:
        divergences += 1
        guard divergences <= Self.mostDivergences,
          try goBack(iteration, .diverging, k)
        else { return }
      }
      let outcome = try iteration.advance()
      k += iteration.stride
      switch outcome {
      case .fine: continue
      case .stop: return
      case .undefined:
        undefined += 1
        guard undefined <= Self.mostUndefined, try goBack(iteration, .undefined, k) else {
          // A method that gave up on a step of its own has evidence instead.
          if track.oracle.complaint != nil { track.oracle.monitor.end(.callbackError) }
          return
        }
      }
    }
  }

  /// To the best point so far.
  private func goBack(
    _ iteration: some Iteration, _ reason: Resumption, _ k: Int
  ) throws(KantorError) -> Bool {
    let (oracle, z) = (track.oracle, iteration.point)
    z.pointer.update(from: track.best.pointer, count: oracle.n)
    guard case .fine = try oracle.value(at: z.pointer, into: iteration.value.pointer) else {
      return false
    }
    track.forgive(k)
    return iteration.resume(reason)
  }
}
