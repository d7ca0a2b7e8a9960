import CKantorKernels
import KantorCore
import KantorNumerics

/// How the exponentials of a sweep are computed.
enum SweepPrecision {
  case double
  /// Exponents in f64, exponentials in f32.
  case mixed
  case single
}

/// One pass over all pairs: finds phi from gamma (exact rows) and the column sums of that plan.
///
/// Rows are cut into blocks so that the host gets a moment every few milliseconds, and blocks into
/// one part per thread, whose column sums are added in order of the parts.
final class FullSweep: EntropicPass {
  var precision: SweepPrecision
  let geometry: Geometry
  private let blocks: RowBlocks
  private let partialSums: Buffer<Double>
  private let stride: Int
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int
  private let errors: Buffer<Double>
  private let hopeless: Buffer<Int64>
  private var rescue: ColumnRescue

  init(
    _ geometry: Geometry, precision: SweepPrecision, threads: Int, monitor: Monitor
  ) throws(KantorError) {
    let m = geometry.m
    self.geometry = geometry
    self.precision = precision
    blocks = RowBlocks(geometry, threads: threads, monitor: monitor)
    let threads = blocks.parallel.threads
    stride = Geometry.paddedCount(m)
    partialSums = try Buffer(count: try checkedProduct(stride, threads, of: "sums"))
    scratchStride = (Int(kn_sweep_scratch(Int64(m))) + 127) / 64 * 64
    scratch = try Buffer(count: scratchStride * threads)
    errors = try Buffer(count: threads * 8)
    hopeless = try Buffer(count: threads * 8)
    rescue = try ColumnRescue(m)
  }

  func run(_ state: EntropicState) -> PassOutcome {
    let (a, phi, gamma) = (state.a.pointer, state.phi.pointer, state.gamma.pointer)
    partialSums.fill(0)
    hopeless.fill(0)
    let isComplete = blocks.forEach { part, first, end in
      sweepRows(first, end, part, 1 / state.epsilon, a, phi, gamma)
    }
    guard isComplete else { return .interrupted }
    let sums = state.columnSum.pointer
    for j in 0..<state.m {
      var sum = 0.0
      for part in 0..<blocks.parallel.threads { sum += partialSums.pointer[part * stride + j] }
      sums[j] = sum
    }
    for part in 0..<blocks.parallel.threads where hopeless.pointer[part * 8] > 0 {
      return .forbidden
    }
    return rescue.mend(state, geometry, precision) ? .complete : .forbidden
  }

  func mendColumns(_ state: EntropicState) { rescue.update(state) }

  @inline(__always)
  private func sweepRows(
    _ begin: Int, _ end: Int, _ part: Int, _ inverse: Double, _ a: UnsafePointer<Double>,
    _ phi: UnsafeMutablePointer<Double>, _ gamma: UnsafePointer<Double>
  ) {
    var cost = geometry.cost
    let sums = partialSums.pointer + part * stride
    let room = scratch.pointer + part * scratchStride
    let error = errors.pointer + part * 8
    let (first, last) = (Int64(begin), Int64(end))
    switch precision {
    case .double:
      hopeless.pointer[part * 8] += kn_sinkhorn_sweep_f64(
        &cost, first, last, inverse, a, phi, gamma, sums, error, room)
    case .mixed, .single:
      hopeless.pointer[part * 8] += kn_sinkhorn_sweep_f32(
        &cost, first, last, inverse, a, phi, gamma, sums, error, precision == .mixed ? 1 : 0, room)
    }
  }
}

/// Columns with mass whose sum was lost to the cut of the exponentials: weights near the end of
/// the floating-point range, or potentials far off. Their log-sum is formed with the maximum
/// subtracted, in one extra pass over the costs.
struct ColumnRescue {
  /// Column sums as logarithms, valid where `isRescued`.
  private let logSum: Buffer<Double>
  private let high: Buffer<Double>
  private let lost: Buffer<Int32>
  private(set) var count = 0

  /// Below this a column sum has lost digits to entries that were cut, which happens at
  /// exp(-700) in f64 and exp(-80) in f32.
  static func smallest(_ precision: SweepPrecision) -> Double {
    precision == .double ? 1e-280 : 1e-25
  }

  init(_ m: Int) throws(KantorError) {
    logSum = try Buffer(count: m)
    high = try Buffer(count: m)
    lost = try Buffer(count: m)
  }

  /// False when a column with mass has no allowed partner.
  mutating func mend(
    _ state: EntropicState, _ geometry: Geometry, _ precision: SweepPrecision
  ) -> Bool {
    count = 0
    let smallest = Self.smallest(precision)
    for j in 0..<state.m
    where state.b.pointer[j] > 0 && !(state.columnSum.pointer[j] >= smallest) {
      lost.pointer[count] = Int32(truncatingIfNeeded: j)
      high.pointer[count] = -.infinity
      logSum.pointer[count] = 0
      count += 1
    }
    guard count > 0 else { return true }
    var cost = geometry.cost
    for i in 0..<state.n where state.a.pointer[i] > 0 {
      for k in 0..<count {
        let j = Int(lost.pointer[k])
        var c = 0.0
        kn_cost_row_f64(&cost, Int64(i), Int64(j), 1, &c)
        add(k, state.phi.pointer[i] - c / state.epsilon)
      }
    }
    for k in 0..<count {
      guard high.pointer[k] > -.infinity else { return false }
      let j = Int(lost.pointer[k])
      var (sum, log) = (logSum.pointer[k], 0.0)
      kn_log_f64(&sum, &log, 1)
      logSum.pointer[k] = log + high.pointer[k]
      var (exponent, value) = (state.gamma.pointer[j] + logSum.pointer[k], 0.0)
      kn_exp_f64(&exponent, &value, 1)
      state.columnSum.pointer[j] = value
    }
    return true
  }

  /// One more term e of the log-sum of lost column k.
  private func add(_ k: Int, _ e: Double) {
    guard e > -.infinity else { return }
    if e > high.pointer[k] {
      var (shift, factor) = (high.pointer[k] - e, 0.0)
      kn_exp_f64(&shift, &factor, 1)
      logSum.pointer[k] = logSum.pointer[k] * factor + 1
      high.pointer[k] = e
    } else {
      var (shift, term) = (e - high.pointer[k], 0.0)
      kn_exp_f64(&shift, &term, 1)
      logSum.pointer[k] += term
    }
  }

  /// gamma that makes the lost columns exact.
  func update(_ state: EntropicState) {
    for k in 0..<count {
      let j = Int(lost.pointer[k])
      state.gamma.pointer[j] = state.logB.pointer[j] - logSum.pointer[k]
    }
  }
}
