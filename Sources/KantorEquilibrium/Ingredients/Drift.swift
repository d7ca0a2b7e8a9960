import KantorBlocks
import KantorCore

/// Looks for the signs of an inclusion without solution: residuals that settle while the iterates
/// run away, in the direction of the least displacement.
///
/// For monotone F + dg and any w of it at a point p, each solution x has <w, p - x> >= 0: it lies
/// behind a plane. So points far along the way are asked whether their planes are about as far from
/// the start as they are. Where there is a solution, however far away, planes of points beyond it
/// say otherwise. All of these points have to have about the same w, the least displacement: where
/// F is not monotone and drives iterates away from a solution, it grows with the distance.
final class Drift {
  /// A point whose plane keeps all solutions far away, if there are any.
  private(set) var farPoint: Buffer<Double>?
  private let start: Buffer<Double>
  private let n: Int
  private let last: Buffer<Double>
  private let direction: Buffer<Double>
  private let far: Buffer<Double>
  private let image: Buffer<Double>
  private let value: Buffer<Double>
  private let shift: Buffer<Double>
  private let displacement: Buffer<Double>
  private var milestone = 20
  private var settled = 0
  private var residualThen = Double.infinity

  /// Distance of the last point that is asked, in sizes of the start.
  private static let farthest = 1e9
  private static let rounds = 3
  /// Of the displacement from one point to the next, relative.
  private static let change = 0.2

  init(start: Buffer<Double>) throws(KantorError) {
    self.start = start
    n = start.count
    last = try start.copy()
    direction = try Buffer(count: n)
    far = try Buffer(count: n)
    image = try Buffer(count: n)
    value = try Buffer(count: n)
    shift = try Buffer(count: n)
    displacement = try Buffer(count: n)
  }

  /// After an iteration; true when no solution is within reach.
  func observe(
    _ iteration: Int, _ z: Buffer<Double>, bestResidual: Double, _ oracle: Oracle
  ) throws(KantorError) -> Bool {
    guard iteration >= milestone else { return false }
    milestone = iteration + iteration / 2
    let moved = Vectors.distance(z.pointer, last.pointer, n)
    let gone = Vectors.distance(z.pointer, start.pointer, n)
    let isSettled = bestResidual >= 0.7 * residualThen && moved >= 0.2 * gone && moved > 0
    settled = isSettled ? settled + 1 : 0
    residualThen = bestResidual
    for i in 0..<n { direction.pointer[i] = (z.pointer[i] - last.pointer[i]) / moved }
    last.pointer.update(from: z.pointer, count: n)
    guard settled >= Self.rounds else { return false }
    return try ask(z, gone, oracle)
  }

  /// Points ten times as far each time; the first that contradicts ends it.
  private func ask(
    _ z: Buffer<Double>, _ gone: Double, _ oracle: Oracle
  ) throws(KantorError) -> Bool {
    let limit = max(Self.farthest * (1 + Vectors.norm(start.pointer, n)), 10 * gone)
    var reach = 0.0
    while reach < limit {
      for i in 0..<n { far.pointer[i] = z.pointer[i] + reach * direction.pointer[i] }
      let isFirst = reach == 0
      guard try distance(oracle) >= 0.5 * reach else { return false }
      let (w, v) = (shift.pointer, displacement.pointer)
      if !isFirst, Vectors.distance(w, v, n) > Self.change * Vectors.norm(v, n) { return false }
      v.update(from: w, count: n)
      reach = isFirst ? 10 * gone : 10 * reach
    }
    farPoint = try far.copy()
    return true
  }

  /// Of the plane at p = prox(u - F(u)), u the far point; w = F(p) + u - F(u) - p into `shift`.
  private func distance(_ oracle: Oracle) throws(KantorError) -> Double {
    let (p, f, c) = (image.pointer, value.pointer, shift.pointer)
    guard case .fine = try oracle.value(at: far.pointer, into: f) else { return -.infinity }
    for i in 0..<n { p[i] = far.pointer[i] - f[i] }
    guard case .fine = try oracle.prox(p, step: 1) else { return -.infinity }
    for i in 0..<n { c[i] = far.pointer[i] - f[i] - p[i] }
    guard case .fine = try oracle.value(at: p, into: f) else { return -.infinity }
    var (inner, square) = (0.0, 0.0)
    for i in 0..<n {
      c[i] += f[i]
      inner += c[i] * (start.pointer[i] - p[i])
      square += c[i] * c[i]
    }
    return inner / square.squareRoot()
  }
}
