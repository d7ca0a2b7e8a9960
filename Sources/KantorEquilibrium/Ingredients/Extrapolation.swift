import KantorBlocks
import KantorCone
import KantorCore

/// An iteration that can go on from any point.
protocol MovableIteration: Iteration {
  /// The step of prox, once it has begun.
  var eta: Double { get }
  /// Below which part of the last proposal's residual that of the next has to be.
  var keptFactor: Double { get }
  /// Goes on from `point` and `value`, which were set.
  func jump()
}

extension MovableIteration {
  var keptFactor: Double { 0.99 }

  /// Runs with the acceleration that the options ask for; the answer is what of it was kept.
  func solve(accelerated run: Run, _ track: Track) throws(KantorError) -> ResultFields {
    let choice = run.options.text("acceleration")
    var kept = (extrapolations: 0, newtonSteps: 0)
    if choice == "none" {
      try solve(track, run)
    } else {
      let steps = try ExtrapolatedSteps(
        self, track, memory: run.options.int("memory"), newton: choice == "newton")
      try steps.solve(track, run)
      kept = (steps.kept, steps.newtonSteps)
    }
    var figures = ResultFields()
    figures.add("extrapolations", kept.extrapolations)
    figures.add("newton_steps", kept.newtonSteps)
    return figures
  }
}

/// Steps of a method with Anderson's extrapolation between them, of the map
/// T(z) = prox_t(z - t F(z)) with a fixed step t: methods whose steps change all the time are no
/// one map.
///
/// A proposal is kept where its residual is no larger than that of the method's own point, and less
/// by a factor than that of the last one kept: so either proposals bring the residual to 0, or from
/// one of them on the method goes its own way, with its own guarantee. Each proposal costs one call
/// of F; after refusals they become rarer.
///
/// Newton's steps for z = T(z) are tried when the residual, falling as it did, would need more
/// calls than such a step can cost, and no more calls go to refused ones than to all else.
final class ExtrapolatedSteps: Iteration {
  private(set) var kept = 0
  private(set) var newtonSteps = 0
  private let base: any MovableIteration
  private let track: Track
  private let n: Int
  private let newton: NewtonSteps?
  private var pace: NewtonPace
  private let extrapolation: SplittingExtrapolation
  private let ones: Buffer<Double>
  private let image: Buffer<Double>
  private let proposal: Buffer<Double>
  private let proposalValue: Buffer<Double>
  /// Of the map.
  private var step = 0.0
  /// Steps until the next proposal, and between two after the last refusal.
  private var wait = 0
  private var pause = 1
  /// Residual of the last proposal that was kept.
  private var level = Double.infinity

  private static let longestPause = 8
  /// Part of the step for the prox that moves a proposal into the domain and leaves it there.
  static let small = 1e-10
  /// The map is given another step where the method's own is so much longer or shorter.
  private static let stale = 30.0

  init(
    _ base: any MovableIteration, _ track: Track, memory: Int, newton: Bool
  ) throws(KantorError) {
    self.base = base
    self.track = track
    n = base.point.count
    self.newton = newton ? try NewtonSteps(track) : nil
    pace = NewtonPace(cost: self.newton?.cost ?? 0)
    extrapolation = try SplittingExtrapolation(size: n, memory: memory)
    ones = try Buffer(count: n, repeating: 1)
    image = try Buffer(count: n)
    proposal = try Buffer(count: n)
    proposalValue = try Buffer(count: n)
  }

  var point: Buffer<Double> { base.point }
  var value: Buffer<Double> { base.value }
  var stride: Int { base.stride }

  func begin() throws(KantorError) -> Bool { try base.begin() }

  func advance() throws(KantorError) -> Evaluation {
    let outcome = try base.advance()
    guard case .fine = outcome else { return outcome }
    chooseStep()
    let (z, f, t, p) = (
      base.point.pointer, base.value.pointer, image.pointer, proposal.pointer
    )
    for i in 0..<n { t[i] = z[i] - step * f[i] }
    guard case .fine = try track.oracle.prox(t, step: step) else { return .fine }
    if let newton, pace.isSlow(track) {
      return try advance(newton)
    }
    guard extrapolation.extrapolate(z, t, metric: ones.pointer, into: p) else { return .fine }
    if wait > 0 {
      wait -= 1
      return .fine
    }
    return try judge(p)
  }

  private func advance(_ newton: NewtonSteps) throws(KantorError) -> Evaluation {
    let before = track.oracle.fullCalls
    let plain = try track.residual(base.point, base.value)
    let reached = try newton.improve(
      base.point, base.value, image, step: step, from: plain, into: proposal, proposalValue)
    pace.note(spent: track.oracle.fullCalls - before, ratio: reached / plain, track)
    if track.oracle.monitor.stop != nil { return .stop }
    guard reached < plain else { return .fine }
    newtonSteps += 1
    extrapolation.clear()
    take(reached)
    return .fine
  }

  private func chooseStep() {
    let ratio = base.eta / step
    guard !(ratio < Self.stale && ratio > 1 / Self.stale) else { return }
    step = base.eta
    extrapolation.clear()
  }

  private func judge(_ p: Vectors.Out) throws(KantorError) -> Evaluation {
    guard case .fine = try track.oracle.prox(p, step: Self.small * step) else { return .fine }
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
    kept += 1
    pause = 1
    take(tried)
    return .fine
  }

  private func take(_ residual: Double) {
    level = residual
    base.point.pointer.update(from: proposal.pointer, count: n)
    base.value.pointer.update(from: proposalValue.pointer, count: n)
    base.jump()
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
