import KantorBlocks
import KantorCone
import KantorCore

/// An iteration whose steps are those of a map of its state: what Anderson's extrapolation needs.
protocol FixedPointIteration: Iteration {
  /// Numbers of the state; the first n are those of a point.
  var order: Int { get }
  /// The step of the last prox.
  var eta: Double { get }
  /// Below which part of the last proposal's residual that of the next has to be.
  var keptFactor: Double { get }
  /// The state before a step.
  func readState(into w: Vectors.Out)
  /// After a step: what the map made of the state. May put another state into `w` whose image is
  /// known. False when there is none.
  func readImage(
    of w: Vectors.Out, into image: Vectors.Out
  ) throws(KantorError) -> Bool
  /// Goes on from the state `w`; `point` and `value` are set already.
  func jump(to w: Vectors.Point)
}

extension FixedPointIteration {
  var order: Int { point.count }
  var keptFactor: Double { 0.99 }

  func readState(into w: Vectors.Out) { w.update(from: point.pointer, count: point.count) }

  func readImage(
    of w: Vectors.Out, into image: Vectors.Out
  ) throws(KantorError) -> Bool {
    readState(into: image)
    return true
  }

  /// Runs with the extrapolation that the options ask for; the answer is how many were kept.
  func solve(accelerated run: Run, _ track: Track) throws(KantorError) -> Int {
    guard run.options.text("acceleration") == "anderson" else {
      try solve(track, run)
      return 0
    }
    let steps = try ExtrapolatedSteps(self, track, memory: run.options.int("memory"))
    try steps.solve(track, run)
    return steps.kept
  }
}

/// Steps of a method with Anderson's extrapolation between them.
///
/// A proposal is kept where its residual is no larger than that of the method's own point, and less
/// by a factor than that of the last one kept: so either proposals bring the residual to 0, or from
/// one of them on the method goes its own way, with its own guarantee. Each proposal costs one call
/// of F; after refusals they become rarer.
final class ExtrapolatedSteps: Iteration {
  private(set) var kept = 0
  private let base: any FixedPointIteration
  private let track: Track
  private let n: Int
  private let extrapolation: SplittingExtrapolation
  private let ones: Buffer<Double>
  private let state: Buffer<Double>
  private let image: Buffer<Double>
  private let proposal: Buffer<Double>
  private let proposalValue: Buffer<Double>
  /// Steps until the next proposal, and between two after the last refusal.
  private var wait = 0
  private var pause = 1

  /// Residual of the last proposal that was kept.
  private var level = Double.infinity

  private static let longestPause = 8

  init(
    _ base: any FixedPointIteration, _ track: Track, memory: Int
  ) throws(KantorError) {
    self.base = base
    self.track = track
    n = base.point.count
    extrapolation = try SplittingExtrapolation(size: base.order, memory: memory)
    ones = try Buffer(count: base.order, repeating: 1)
    state = try Buffer(count: base.order)
    image = try Buffer(count: base.order)
    proposal = try Buffer(count: base.order)
    proposalValue = try Buffer(count: n)
  }

  var point: Buffer<Double> { base.point }
  var value: Buffer<Double> { base.value }
  var stride: Int { base.stride }

  func begin() throws(KantorError) -> Bool { try base.begin() }

  func advance() throws(KantorError) -> Evaluation {
    base.readState(into: state.pointer)
    let outcome = try base.advance()
    guard case .fine = outcome else { return outcome }
    let p = proposal.pointer
    guard try base.readImage(of: state.pointer, into: image.pointer),
      extrapolation.extrapolate(state.pointer, image.pointer, metric: ones.pointer, into: p)
    else { return .fine }
    if wait > 0 {
      wait -= 1
      return .fine
    }
    return try judge(p)
  }

  private func judge(_ p: Vectors.Out) throws(KantorError) -> Evaluation {
    guard case .fine = try track.oracle.prox(p, step: base.eta) else { return .fine }
    let outcome = try track.oracle.value(at: p, into: proposalValue.pointer)
    guard case .fine = outcome else {
      if case .stop = outcome { return .stop }
      refuse()
      return .fine
    }
    let plain = try track.residual(base.point, base.value)
    let tried = try track.residual(proposal, proposalValue)
    guard tried <= plain, tried <= base.keptFactor * level else {
      refuse()
      return .fine
    }
    level = tried
    kept += 1
    pause = 1
    base.point.pointer.update(from: p, count: n)
    base.value.pointer.update(from: proposalValue.pointer, count: n)
    base.jump(to: p)
    return .fine
  }

  private func refuse() {
    wait = pause
    pause = min(2 * pause, Self.longestPause)
  }

  func resume(_ reason: Resumption) -> Bool {
    extrapolation.clear()
    return base.resume(reason)
  }
}
