import CKantorKernels
import KantorCore
import KantorNumerics

/// What the iteration of a barycentre works on, as logarithms.
final class BarycentreState {
  let count: Int
  let n: Int
  let m: Int
  /// k x n: log p.
  let logHistograms: Buffer<Double>
  /// k x m: potentials g / epsilon of the barycentre's side, one row for each measure.
  let gamma: Buffer<Double>
  /// k x m: log K' u, with u = p / (K exp gamma) so that the plans have the rows p exactly.
  let logK: Buffer<Double>

  init(_ problem: BarycentreProblem) throws(KantorError) {
    (count, n, m) = (problem.count, problem.n, problem.m)
    let (rows, columns) = (problem.histograms.count, try checkedProduct(count, m, of: "potentials"))
    logHistograms = try Buffer(count: rows)
    kn_log_f64(problem.histograms.pointer, logHistograms.pointer, Int64(rows))
    gamma = try Buffer(count: columns)
    logK = try Buffer(count: columns)
  }
}

/// The kernel K = exp(-C / epsilon) between the supports, in the form that suits them.
protocol BarycentrePass: AnyObject {
  /// logK from gamma, for every measure. False when the host said stop in between.
  func run(_ state: BarycentreState) -> Bool
  /// out = log K exp(x), for supports that are the same.
  func smooth(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>)
}

/// Entries below this have lost digits to the end of the floating-point range.
let smallestScaling = 1e-280

/// Measures and barycentre on points or a dense cost.
///
/// As long as nothing underflows, K is stored and both products of an iteration take one pass over
/// it for all measures together; else two passes of log-sum-exp for each measure.
final class PairsPass: BarycentrePass {
  private let problem: BarycentreProblem
  private let geometry: Geometry
  private let inverse: Double
  private let parallel: Parallel
  private let monitor: Monitor
  private var kernel: Buffer<Double>?
  private let leading: Int
  private var transposed: Geometry?
  private let u: Buffer<Double>
  private let v: Buffer<Double>
  private let sums: Buffer<Double>
  private let shift: Buffer<Double>
  private let lost: Buffer<UInt8>
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int

  /// Largest kernel that is stored, in entries.
  private static let largestKernel = 1 << 25
  /// Pairs to a block of rows: a millisecond or two, and small enough for the cache.
  private static let blockPairs = 1 << 15

  init(
    _ problem: BarycentreProblem, _ geometry: Geometry, epsilon: Double, threads: Int,
    _ monitor: Monitor
  ) throws(KantorError) {
    self.problem = problem
    self.geometry = geometry
    self.monitor = monitor
    inverse = 1 / epsilon
    parallel = Parallel(threads: min(threads, problem.count))
    let (n, m, k) = (problem.n, problem.m, problem.count)
    leading = Geometry.paddedCount(m)
    u = try Buffer(count: k * n)
    v = try Buffer(count: k * m)
    sums = try Buffer(count: k * m)
    shift = try Buffer(count: k)
    lost = try Buffer(count: k)
    scratchStride = (Int(kn_sweep_scratch(Int64(max(n, m)))) + 127) / 64 * 64
    scratch = try Buffer(count: try checkedProduct(scratchStride, parallel.threads, of: "scratch"))
    let size = try checkedProduct(n, leading, of: "kernel")
    guard size <= Self.largestKernel else { return }
    let stored = try Buffer<Double>(count: size)
    var cost = geometry.cost
    let zero = try Buffer<Double>(count: max(n, leading))
    kn_kernel_rows_f64(
      &cost, 0, Int64(n), inverse, zero.pointer, zero.pointer, stored.pointer, Int64(leading),
      scratch.pointer)
    kernel = stored
  }

  func run(_ state: BarycentreState) -> Bool {
    if let kernel {
      switch scale(state, kernel) {
      case .done: return true
      case .stopped: return false
      case .underflow: self.kernel = nil
      }
    }
    return soften(state)
  }

  private enum Outcome { case done, stopped, underflow }

  /// One pass over the stored kernel, block by block for all measures.
  private func scale(_ state: BarycentreState, _ kernel: Buffer<Double>) -> Outcome {
    let (n, m, count) = (state.n, state.m, state.count)
    for k in 0..<count {
      let (g, out) = (state.gamma.pointer + k * m, v.pointer + k * m)
      var high = -Double.infinity
      for j in 0..<m { high = g[j] > high ? g[j] : high }
      for j in 0..<m { out[j] = g[j] - high }
      kn_exp_f64(out, out, Int64(m))
      shift.pointer[k] = high
    }
    for j in 0..<count * m { sums.pointer[j] = 0 }
    let failed = lost.pointer
    for k in 0..<count { failed[k] = 0 }
    let rows = max(4, Self.blockPairs / max(m, 1) / 4 * 4)
    var first = 0
    while first < n {
      let end = min(n, first + rows)
      parallel.forEach(count) { _, begin, last in
        for k in begin..<last {
          var error = 0.0
          let bad = kn_scaling_sweep_f64(
            kernel.pointer, Int64(leading), Int64(m), Int64(first), Int64(end),
            problem.histogram(k), u.pointer + k * n, v.pointer + k * m, sums.pointer + k * m,
            &error)
          if bad > 0 { failed[k] = 1 }
        }
      }
      first = end
      for k in 0..<count where failed[k] != 0 { return .underflow }
      if first < n, monitor.heartbeat() != nil { return .stopped }
    }
    for j in 0..<count * m {
      let sum = sums.pointer[j]
      guard sum >= smallestScaling, sum < .infinity else { return .underflow }
    }
    kn_log_f64(sums.pointer, state.logK.pointer, Int64(count * m))
    for k in 0..<count {
      let out = state.logK.pointer + k * m
      for j in 0..<m { out[j] -= shift.pointer[k] }
    }
    return .done
  }

  /// Two log-sum-exp passes over the costs for each measure.
  private func soften(_ state: BarycentreState) -> Bool {
    let (n, m) = (state.n, state.m)
    if transposed == nil { transposed = try? Self.transpose(geometry) }
    guard let transposed else { return false }
    for k in 0..<state.count {
      let phi = u.pointer + k * n
      guard pass(geometry, state.gamma.pointer + k * m, phi) else { return false }
      let logP = state.logHistograms.pointer + k * n
      for i in 0..<n { phi[i] += logP[i] }
      let out = state.logK.pointer + k * m
      guard pass(transposed, phi, out) else { return false }
      for j in 0..<m { out[j] = -out[j] }
    }
    return true
  }

  /// out = -log sum exp(x - C / epsilon) over the rows of a geometry, in blocks.
  private func pass(
    _ geometry: Geometry, _ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let rows = max(1, (1 << 21) / max(geometry.m, 1))
    var first = 0
    while first < geometry.n {
      let (base, size) = (first, min(rows, geometry.n - first))
      parallel.forEach(size) { part, begin, end in
        var cost = geometry.cost
        kn_softmin_rows_f64(
          &cost, Int64(base + begin), Int64(base + end), inverse, x, out,
          scratch.pointer + part * scratchStride)
      }
      first += size
      if first < geometry.n, monitor.heartbeat() != nil { return false }
    }
    return true
  }

  func smooth(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
    _ = pass(geometry, x, out)
    for i in 0..<problem.n { out[i] = -out[i] }
  }

  private static func transpose(_ geometry: Geometry) throws(KantorError) -> Geometry {
    switch geometry.source {
    case .points(let x, let y, let d, let metric, let power):
      return try .points(
        x: y, n: geometry.m, y: x, m: geometry.n, dimension: d, metric: metric, power: power)
    case .dense:
      let (n, m) = (geometry.n, geometry.m)
      let turned = try Buffer<Double>(count: try checkedProduct(n, m, of: "cost"))
      let row = try Buffer<Double>(count: m)
      var cost = geometry.cost
      for i in 0..<n {
        kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), row.pointer)
        for j in 0..<m { turned.pointer[j * n + i] = row.pointer[j] }
      }
      return .dense(Tensor(turned, shape: [m, n]))
    }
  }
}
