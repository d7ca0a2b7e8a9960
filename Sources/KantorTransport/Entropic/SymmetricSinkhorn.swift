import CKantorKernels
import KantorCore
import KantorNumerics

/// Entropic transport of a measure to itself under a symmetric cost: one potential f, found by the
/// averaged iteration f <- (f + T f)/2, T the soft c-transform.
///
/// With a positive definite kernel exp(-C/eps) the error shrinks at least by half per pass, since
/// the eigenvalues of T's derivative lie in [-1, 0]. Where that is not so the caller falls back on
/// the general method.
///
/// Source: J. Feydy and others, "Interpolating between optimal transport and MMD using Sinkhorn
/// divergences" (2019), section 3.
final class SymmetricSinkhorn {
  private let geometry: Geometry
  private let a: Buffer<Double>
  private let logA: Buffer<Double>
  /// f / eps
  private let scaled: Buffer<Double>
  private let gamma: Buffer<Double>
  private let image: Buffer<Double>
  private let monitor: Monitor
  private let blocks: RowBlocks
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int
  private(set) var passes = 0

  static let sweepsPerLevel = 3
  static let scalingFactor = 0.25
  static let maxPasses = 200

  enum Outcome {
    case converged
    case slow
    case stopped
    case forbidden
  }

  /// The weights have total 1.
  init(
    _ geometry: Geometry, a: Buffer<Double>, threads: Int, monitor: Monitor
  ) throws(KantorError) {
    let n = geometry.n
    self.geometry = geometry
    self.a = a
    self.monitor = monitor
    logA = try Buffer(count: n)
    kn_log_f64(a.pointer, logA.pointer, Int64(n))
    scaled = try Buffer(count: n)
    gamma = try Buffer(count: n)
    image = try Buffer(count: n)
    blocks = RowBlocks(geometry, threads: threads, monitor: monitor)
    scratchStride = (Int(kn_sweep_scratch(Int64(n))) + 127) / 64 * 64
    scratch = try Buffer(count: scratchStride * blocks.parallel.threads)
  }

  /// Down from `start` to `epsilon`; the error is the L1 marginal error of the plan of (f, f).
  func run(
    from start: Double, to epsilon: Double, tolerance: Double, next: (Double) -> Bool
  ) -> Outcome {
    var level = epsilon
    while level < start { level /= Self.scalingFactor }
    while level > epsilon {
      for _ in 0..<Self.sweepsPerLevel {
        guard transform(level) else { return failure }
        guard next(error) else { return .stopped }
        average()
      }
      level *= Self.scalingFactor
      rescale(1 / Self.scalingFactor)
    }
    for _ in 0..<Self.maxPasses {
      guard transform(epsilon) else { return failure }
      let reached = error
      guard next(reached) else { return .stopped }
      if reached <= tolerance {
        fillMassless()
        return .converged
      }
      average()
    }
    return .slow
  }

  /// Potential in units of the cost.
  func potential(_ epsilon: Double) throws(KantorError) -> Buffer<Double> {
    let f = try Buffer<Double>(count: scaled.count)
    for i in 0..<f.count { f.pointer[i] = epsilon * scaled.pointer[i] }
    return f
  }

  private var failure: Outcome { monitor.stop == nil ? .forbidden : .stopped }

  /// image = T f / eps; false when the host wants to stop or a point with mass reaches nothing.
  private func transform(_ epsilon: Double) -> Bool {
    let n = a.count
    for i in 0..<n { gamma.pointer[i] = logA.pointer[i] + scaled.pointer[i] }
    passes += 1
    let isComplete = blocks.forEach { part, first, end in
      var cost = geometry.cost
      kn_softmin_rows_f64(
        &cost, Int64(first), Int64(end), 1 / epsilon, gamma.pointer, image.pointer,
        scratch.pointer + part * scratchStride)
    }
    guard isComplete else { return false }
    for i in 0..<n where a.pointer[i] > 0 && !image.pointer[i].isFinite { return false }
    return true
  }

  /// sum_i a_i |exp((f_i - T f_i)/eps) - 1|
  private var error: Double {
    var total = CompensatedSum()
    for i in 0..<a.count where a.pointer[i] > 0 {
      total.add(a.pointer[i] * abs(Double.exp(scaled.pointer[i] - image.pointer[i]) - 1))
    }
    return total.value
  }

  private func average() {
    for i in 0..<a.count {
      scaled.pointer[i] = 0.5 * (scaled.pointer[i] + image.pointer[i])
      if !scaled.pointer[i].isFinite { scaled.pointer[i] = 0 }
    }
  }

  private func rescale(_ factor: Double) {
    for i in 0..<a.count { scaled.pointer[i] *= factor }
  }

  /// Points without mass have the soft c-transform for their potential.
  private func fillMassless() {
    for i in 0..<a.count where !(a.pointer[i] > 0) {
      scaled.pointer[i] = image.pointer[i].isFinite ? image.pointer[i] : 0
    }
  }
}
