import KantorCore

/// A gradient of one level at a moving point: of a random batch where the level is a finite sum
/// whose batches can be asked for, else of the whole function; with momentum of the kind
///
///     q <- grad(w; batch) + (1 - eta) (q - grad(w_before; batch)).
///
/// Source: A. Cutkosky, F. Orabona, "Momentum-based variance reduction in non-convex SGD" (2019).
final class GradientEstimate {
  private let oracle: BilevelOracle
  private let level: BilevelLevel
  private let stream: BatchStream
  private let batch: Int
  private let seed: UInt64
  private let before: Buffer<Double>
  private let old: Buffer<Double>
  private var isFresh = true
  /// The estimate, joined.
  let q: Buffer<Double>
  private let fresh: Buffer<Double>
  let isSampled: Bool

  /// `batch` 0 takes the whole function.
  init(
    _ oracle: BilevelOracle, _ level: BilevelLevel, _ stream: BatchStream, batch: Int, seed: UInt64
  ) throws(KantorError) {
    self.oracle = oracle
    self.level = level
    self.stream = stream
    self.batch = batch
    self.seed = seed
    isSampled = batch > 0 && oracle.offersBatches(level)
    let n = oracle.problem.n
    before = try Buffer(count: n)
    old = try Buffer(count: n)
    q = try Buffer(count: n)
    fresh = try Buffer(count: n)
  }

  /// `step` numbers the draw; the same number gives the same batch. `eta` 1 is without momentum.
  func refresh(
    _ w: UnsafePointer<Double>, step: Int, eta: Double = 1
  ) throws(KantorError) -> Bool {
    let n = oracle.problem.n
    let indices =
      isSampled
      ? try oracle.draw(level, size: batch, seed: seed, stream: stream, step: step) : nil
    guard try gradient(w, indices, fresh.pointer) else { return false }
    if eta < 1, !isFresh {
      guard try gradient(before.pointer, indices, old.pointer) else { return false }
      for i in 0..<n {
        q.pointer[i] = fresh.pointer[i] + (1 - eta) * (q.pointer[i] - old.pointer[i])
      }
    } else {
      q.pointer.update(from: fresh.pointer, count: n)
    }
    before.pointer.update(from: w, count: n)
    isFresh = false
    return true
  }

  private func gradient(
    _ w: UnsafePointer<Double>, _ indices: Buffer<Int64>?, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    guard let indices else { return try oracle.gradient(level, w, out) }
    return try oracle.batchGradient(level, w, indices, out)
  }
}
