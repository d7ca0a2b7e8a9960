import KantorBlocks
import KantorCone
import KantorCore

/// Anderson's extrapolation of primal-dual steps w -> T(w), w = (x, y), with fixed step sizes.
///
/// The next step starts from a proposal; its own residual |w - T(w)|, in the metric of the steps,
/// then judges it, so that a proposal which is kept costs no product: those of the combination are
/// the combination of those at hand. A refused one costs the step from it, and proposals become
/// rarer. Kept ones bring the residual to 0 or end, and then the steps have their own guarantee.
final class BilinearExtrapolation {
  private(set) var kept = 0
  private let extrapolation: SplittingExtrapolation
  private let metric: Buffer<Double>
  private let from: Buffer<Double>
  private let to: Buffer<Double>
  private let proposal: Buffer<Double>
  /// Where the steps go on when the proposal is refused.
  private let fallback: BilinearPoint
  private let n: Int
  private let m: Int
  private var isProposal = false
  /// Residual of the step before the proposal, and of the last proposal that was kept.
  private var reference = Double.infinity
  private var level = Double.infinity
  private var wait = 0
  private var pause = 1

  private static let longestPause = 16
  private static let keptFactor = 0.999

  init(_ problem: BilinearProblem, memory: Int) throws(KantorError) {
    n = problem.n
    m = problem.m
    let size = try checkedSum(
      try checkedProduct(3, n, of: "steps"), try checkedProduct(2, m, of: "steps"), of: "steps")
    extrapolation = try SplittingExtrapolation(size: size, memory: memory)
    metric = try Buffer(count: size)
    from = try Buffer(count: size)
    to = try Buffer(count: size)
    proposal = try Buffer(count: size)
    fallback = try BilinearPoint(problem)
  }

  /// Forgets the steps: their sizes are others now, or they begin elsewhere.
  func begin(tau: Double, sigma: Double) {
    extrapolation.clear()
    // Products are carried along, and weigh nothing.
    for i in 0..<n { metric.pointer[i] = 1 / tau }
    for j in 0..<m { metric.pointer[n + j] = 1 / sigma }
    isProposal = false
    (reference, level) = (.infinity, .infinity)
    (wait, pause) = (0, 1)
  }

  /// After the step from `point` to `next`: moves `point` to where the next one starts.
  func follow(_ point: BilinearPoint, _ next: BilinearPoint) {
    let residual = distance(point, next)
    if isProposal {
      isProposal = false
      guard residual <= reference, residual <= Self.keptFactor * level else {
        wait = pause
        pause = min(2 * pause, Self.longestPause)
        point.copy(fallback)
        return
      }
      (level, pause) = (residual, 1)
      kept += 1
    }
    pack(point, into: from.pointer)
    pack(next, into: to.pointer)
    point.copy(next)
    let isThere = extrapolation.extrapolate(
      from.pointer, to.pointer, metric: metric.pointer, into: proposal.pointer)
    if wait > 0 {
      wait -= 1
    } else if isThere {
      fallback.copy(next)
      unpack(proposal.pointer, into: point)
      (isProposal, reference) = (true, residual)
    }
  }

  private func distance(_ a: BilinearPoint, _ b: BilinearPoint) -> Double {
    let (w, x, u, y, v) = (
      metric.pointer, a.x.pointer, b.x.pointer, a.y.pointer, b.y.pointer
    )
    var sum = 0.0
    for i in 0..<n { sum += w[i] * (x[i] - u[i]) * (x[i] - u[i]) }
    for j in 0..<m { sum += w[n + j] * (y[j] - v[j]) * (y[j] - v[j]) }
    return sum.squareRoot()
  }

  private func pack(_ point: BilinearPoint, into out: UnsafeMutablePointer<Double>) {
    var start = 0
    for part in point.parts {
      (out + start).update(from: part.pointer, count: part.count)
      start += part.count
    }
  }

  private func unpack(_ values: UnsafePointer<Double>, into point: BilinearPoint) {
    var start = 0
    for part in point.parts {
      part.pointer.update(from: values + start, count: part.count)
      start += part.count
    }
  }
}
