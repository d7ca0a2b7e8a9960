import CKantorKernels
import KantorCore
import KantorNumerics

/// Passes by scaling a stored kernel K_ij = exp(phi0_i + gamma0_j - C_ij/eps), made at potentials
/// near the present ones, so that its entries are those of a plan and the scalings u, v stay near
/// 1: one read of K and no exponential per pair. K is made anew when gamma has moved far.
///
/// Source: B. Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport
/// problems" (2019), section 3.1 (absorption).
final class StoredKernel: EntropicPass {
  let isSingle: Bool
  private let geometry: Geometry
  private let blocks: RowBlocks
  private let leading: Int
  private let single: Buffer<Float>?
  private let double: Buffer<Double>?
  private let phi0: Buffer<Double>
  private let gamma0: Buffer<Double>
  private let u: Buffer<Double>
  private let v: Buffer<Double>
  private let partialSums: Buffer<Double>
  private let errors: Buffer<Double>
  private let lost: Buffer<Int64>
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int
  private var epsilon = Double.nan

  /// How far gamma may move from where K was made.
  private var reach: Double { isSingle ? 30 : 200 }

  init(
    _ geometry: Geometry, single isSingle: Bool, threads: Int, monitor: Monitor
  ) throws(KantorError) {
    let (n, m) = (geometry.n, geometry.m)
    self.geometry = geometry
    self.isSingle = isSingle
    blocks = RowBlocks(geometry, threads: threads, monitor: monitor)
    let threads = blocks.parallel.threads
    leading = Geometry.paddedCount(m)
    let size = try checkedProduct(n, leading, of: "kernel")
    single = isSingle ? try Buffer(count: size) : nil
    double = isSingle ? nil : try Buffer(count: size)
    phi0 = try Buffer(count: n)
    gamma0 = try Buffer(count: m)
    u = try Buffer(count: n)
    v = try Buffer(count: leading)
    partialSums = try Buffer(count: try checkedProduct(leading, threads, of: "sums"))
    errors = try Buffer(count: threads * 8)
    lost = try Buffer(count: threads * 8)
    scratchStride = (Int(kn_sweep_scratch(Int64(m))) + 127) / 64 * 64
    scratch = try Buffer(count: scratchStride * threads)
  }

  func run(_ state: EntropicState) -> PassOutcome {
    if needsKernel(state), !makeKernel(state) { return .interrupted }
    scaleColumns(state)
    let outcome = sweep(state)
    guard outcome == .forbidden else { return outcome }
    // A row vanished from the kernel: make it anew around the present potentials, once.
    guard makeKernel(state) else { return .interrupted }
    scaleColumns(state)
    return sweep(state)
  }

  private func needsKernel(_ state: EntropicState) -> Bool {
    guard state.epsilon == epsilon else { return true }
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      if !(abs(state.gamma.pointer[j] - gamma0.pointer[j]) <= reach) { return true }
    }
    return false
  }

  /// False when the host wants to stop.
  private func makeKernel(_ state: EntropicState) -> Bool {
    epsilon = state.epsilon
    phi0.pointer.update(from: state.phi.pointer, count: state.n)
    gamma0.pointer.update(from: state.gamma.pointer, count: state.m)
    return blocks.forEach { part, first, end in
      var cost = geometry.cost
      let room = scratch.pointer + part * scratchStride
      let (begin, last, ld) = (Int64(first), Int64(end), Int64(leading))
      if let single {
        kn_kernel_rows_f32(
          &cost, begin, last, 1 / epsilon, phi0.pointer, gamma0.pointer, single.pointer, ld, room)
      } else if let double {
        kn_kernel_rows_f64(
          &cost, begin, last, 1 / epsilon, phi0.pointer, gamma0.pointer, double.pointer, ld, room)
      }
    }
  }

  private func scaleColumns(_ state: EntropicState) {
    for j in 0..<state.m {
      v.pointer[j] =
        state.b.pointer[j] > 0 ? state.gamma.pointer[j] - gamma0.pointer[j] : -.infinity
    }
    kn_exp_f64(v.pointer, v.pointer, Int64(state.m))
  }

  private func sweep(_ state: EntropicState) -> PassOutcome {
    partialSums.fill(0)
    lost.fill(0)
    let isComplete = blocks.forEach { part, first, end in
      let sums = partialSums.pointer + part * leading
      let error = errors.pointer + part * 8
      let (begin, last, ld) = (Int64(first), Int64(end), Int64(leading))
      let a = state.a.pointer
      if let single {
        lost.pointer[part * 8] += kn_scaling_sweep_f32(
          single.pointer, ld, Int64(state.m), begin, last, a, u.pointer, v.pointer, sums, error,
          scratch.pointer + part * scratchStride)
      } else if let double {
        lost.pointer[part * 8] += kn_scaling_sweep_f64(
          double.pointer, ld, Int64(state.m), begin, last, a, u.pointer, v.pointer, sums, error)
      }
    }
    guard isComplete else { return .interrupted }
    for part in 0..<blocks.parallel.threads where lost.pointer[part * 8] > 0 { return .forbidden }
    kn_log_f64(u.pointer, u.pointer, Int64(state.n))
    for i in 0..<state.n { state.phi.pointer[i] = phi0.pointer[i] + u.pointer[i] }
    for j in 0..<state.m {
      var sum = 0.0
      for part in 0..<blocks.parallel.threads { sum += partialSums.pointer[part * leading + j] }
      state.columnSum.pointer[j] = sum * v.pointer[j]
    }
    return .complete
  }
}
