import KantorBlocks
import KantorCore

/// Newton's steps for z = T(z); and where they do not make the residual fall, because the active
/// set of the prox is far from that of the solution, those of the proximal point iteration
/// c <- about the solution of 0 in F(z) + (z - c)/gamma + dg(z), whose gamma grows with success.
///
/// The equations of an implicit step are strongly monotone, so that Newton's steps with a line
/// search solve them as long as gamma is not too large, and a few implicit steps with large gamma
/// lead to a solution, however ill-conditioned F is.
///
/// Source: rockafellar1976monotone; knoll2004jacobian.
final class NewtonSteps {
  private let track: Track
  private let oracle: Oracle
  private let n: Int
  private let krylov: NewtonKrylov
  private let center: Buffer<Double>
  private let centerValue: Buffer<Double>
  private let way: Buffer<Double>
  private let image: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialValue: Buffer<Double>
  private let trialImage: Buffer<Double>
  /// Of the implicit steps, over t.
  private var length = 10.0

  private static let mostParts = 4
  private static let shorter = 0.3
  /// Part of what a full step promises that a step has to bring.
  private static let decrease = 0.3
  private static let mostSteps = 15
  private static let factor = 4.0
  private static let longest = 1e9
  /// Error of an implicit step, relative to its length.
  private static let error = 0.5

  init(_ track: Track) throws(KantorError) {
    self.track = track
    oracle = track.oracle
    n = oracle.n
    krylov = try NewtonKrylov(oracle)
    (center, centerValue) = (try Buffer(count: n), try Buffer(count: n))
    (way, image) = (try Buffer(count: n), try Buffer(count: n))
    (trial, trialValue, trialImage) = (
      try Buffer(count: n), try Buffer(count: n), try Buffer(count: n)
    )
  }

  /// Calls that one of Newton's steps may need.
  var cost: Int { krylov.most + Self.mostParts }

  /// A better point than z, whose T is `image` and whose residual is `plain`, into p, with F there
  /// in `pf`; returns its residual, `plain` if there is none.
  func improve(
    _ z: Buffer<Double>, _ f: Buffer<Double>, _ image: Buffer<Double>, step: Double,
    from plain: Double, into p: Buffer<Double>, _ pf: Buffer<Double>
  ) throws(KantorError) -> Double {
    let map = ForwardBackwardMap(step: step)
    self.image.pointer.update(from: image.pointer, count: n)
    p.pointer.update(from: z.pointer, count: n)
    if try move(p, pf, map, plain, { () throws(KantorError) -> Double in
      try self.track.residual(self.trial, self.trialValue)
    }) {
      return try track.residual(p, pf)
    }
    if oracle.monitor.stop != nil || oracle.problem.term.isZero { return plain }
    return try walk(z, f, step, plain, p, pf)
  }

  /// Implicit steps from z, with as many calls as were spent before.
  private func walk(
    _ z: Buffer<Double>, _ f: Buffer<Double>, _ step: Double, _ plain: Double,
    _ p: Buffer<Double>, _ pf: Buffer<Double>
  ) throws(KantorError) -> Double {
    center.pointer.update(from: z.pointer, count: n)
    centerValue.pointer.update(from: f.pointer, count: n)
    let limit = oracle.fullCalls + max(oracle.fullCalls, 2 * cost)
    var reached = plain
    while oracle.fullCalls < limit, length >= 1, oracle.monitor.stop == nil {
      guard try implicitStep(step, p, pf) else {
        length /= Self.factor
        continue
      }
      length = min(Self.factor * length, Self.longest)
      center.pointer.update(from: p.pointer, count: n)
      centerValue.pointer.update(from: pf.pointer, count: n)
      reached = try track.residual(p, pf)
      if reached <= max(track.target, 0.1 * plain) { break }
    }
    length = max(length, 1)
    p.pointer.update(from: center.pointer, count: n)
    pf.pointer.update(from: centerValue.pointer, count: n)
    return reached
  }

  /// From `center` to p, F there in `pf`; false when gamma is too large for Newton's steps.
  private func implicitStep(
    _ step: Double, _ p: Buffer<Double>, _ pf: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let gamma = length * step
    let map = ForwardBackwardMap(step: step, center: center, gamma: gamma)
    p.pointer.update(from: center.pointer, count: n)
    pf.pointer.update(from: centerValue.pointer, count: n)
    for _ in 0..<Self.mostSteps {
      guard
        case .fine = try map.apply(p.pointer, pf.pointer, oracle, into: image.pointer)
      else { return false }
      let left = Vectors.distance(p.pointer, image.pointer, n)
      let gone = Vectors.distance(p.pointer, center.pointer, n)
      if gone > 0, left <= Self.error * step / gamma * gone { return true }
      guard left > 0 else { return gone > 0 }
      guard
        try move(p, pf, map, left, { () throws(KantorError) -> Double in
          guard
            case .fine = try map.apply(
              self.trial.pointer, self.trialValue.pointer, self.oracle,
              into: self.trialImage.pointer)
          else { return .infinity }
          return Vectors.distance(self.trial.pointer, self.trialImage.pointer, self.n)
        })
      else { return false }
    }
    return false
  }

  /// p <- p + part of Newton's direction, by which what `measure` says of `trial` falls from
  /// `plain`; T(p) is in `image`.
  private func move(
    _ p: Buffer<Double>, _ pf: Buffer<Double>, _ map: ForwardBackwardMap, _ plain: Double,
    _ measure: () throws(KantorError) -> Double
  ) throws(KantorError) -> Bool {
    guard
      case .fine = try krylov.direction(p.pointer, image.pointer, map, into: way.pointer)
    else { return false }
    var part = 1.0
    for _ in 0..<Self.mostParts {
      let w = trial.pointer
      for i in 0..<n { w[i] = p.pointer[i] + part * way.pointer[i] }
      guard case .fine = try oracle.prox(w, step: ExtrapolatedSteps.small * map.step) else {
        return false
      }
      switch try oracle.value(at: w, into: trialValue.pointer) {
      case .stop: return false
      case .undefined: break
      case .fine:
        guard try measure() <= (1 - Self.decrease * part) * plain else { break }
        p.pointer.update(from: w, count: n)
        pf.pointer.update(from: trialValue.pointer, count: n)
        return true
      }
      part *= Self.shorter
    }
    return false
  }
}
