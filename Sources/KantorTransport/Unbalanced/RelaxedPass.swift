import CKantorKernels
import KantorCore
import KantorNumerics

/// One pass over all pairs of a relaxed entropic problem: row transforms, the update of the rows,
/// and with the new rows the column transforms.
///
/// With a stored kernel K_ij = exp(phi0_i + gamma0_j - C_ij/eps), whose rows sum to 1 when it is
/// made, a pass reads K once and takes no exponentials; it is made anew when gamma has moved far.
/// Without, exponentials are taken twice per pair and nothing is stored.
final class RelaxedPass {
  private let geometry: Geometry
  private let blocks: RowBlocks
  private let rows: RelaxedSide
  private let columns: RelaxedSide
  private let leading: Int
  private let kernel: Buffer<Double>?
  private let phi0: Buffer<Double>
  private let gamma0: Buffer<Double>
  private let u: Buffer<Double>
  private let v: Buffer<Double>
  private let ones: Buffer<Double>
  private let sums: Buffer<Double>
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int
  private var kernelEpsilon = Double.nan

  /// How far gamma may move from where K was made.
  private static let reach = 200.0
  /// Row sums of K below this are taken again in the log domain.
  private static let leastSum = 1e-250
  /// Rows between whose two readings K stays in the cache.
  private static let chunkEntries = 1 << 14

  init(
    _ geometry: Geometry, rows: RelaxedSide, columns: RelaxedSide, stored: Bool, threads: Int,
    monitor: Monitor
  ) throws(KantorError) {
    let (n, m) = (geometry.n, geometry.m)
    self.geometry = geometry
    self.rows = rows
    self.columns = columns
    blocks = RowBlocks(geometry, threads: threads, monitor: monitor)
    leading = Geometry.paddedCount(m)
    kernel = stored ? try Buffer(count: try checkedProduct(n, leading, of: "kernel")) : nil
    phi0 = try Buffer(count: n)
    gamma0 = try Buffer(count: m)
    u = try Buffer(count: n)
    v = try Buffer(count: leading)
    ones = try Buffer(count: n, repeating: 1)
    let threads = blocks.parallel.threads
    sums = try Buffer(count: try checkedProduct(leading, threads, of: "sums"))
    scratchStride = (Int(kn_sweep_scratch(Int64(m))) + 127) / 64 * 64
    scratch = try Buffer(count: try checkedProduct(scratchStride, threads, of: "scratch"))
  }

  /// From the exponents of the columns; false when the host said stop.
  func run(_ epsilon: Double) -> Bool {
    sums.fill(0)
    let done = kernel == nil ? runInLogDomain(epsilon) : runOnKernel(epsilon)
    guard done else { return false }
    collectColumns(epsilon)
    return true
  }

  /// The mass of the plan of both sides' exponents; nil when the host said stop.
  func mass(_ epsilon: Double) -> Double? {
    let t = rows.transform.pointer
    let done = blocks.forEach { part, first, end in
      var cost = geometry.cost
      kn_softmin_rows_f64(
        &cost, Int64(first), Int64(end), 1 / epsilon, columns.phi.pointer, t,
        scratch.pointer + part * scratchStride)
    }
    guard done else { return nil }
    for i in 0..<rows.count { u.pointer[i] = rows.phi.pointer[i] - t[i] }
    kn_exp_f64(u.pointer, u.pointer, Int64(rows.count))
    return RelaxedProblem.total(u)
  }

  private func runInLogDomain(_ epsilon: Double) -> Bool {
    let (gamma, phi) = (columns.phi.pointer, rows.phi.pointer)
    return blocks.forEach { part, first, end in
      var cost = geometry.cost
      let room = scratch.pointer + part * scratchStride
      let (begin, last) = (Int64(first), Int64(end))
      kn_softmin_rows_f64(&cost, begin, last, 1 / epsilon, gamma, rows.transform.pointer, room)
      rows.update(epsilon, first, end)
      kn_plan_apply_transposed_f64(
        &cost, begin, last, 1 / epsilon, phi, gamma, ones.pointer, 1,
        sums.pointer + part * leading, room)
    }
  }

  // MARK: Stored kernel

  private func runOnKernel(_ epsilon: Double) -> Bool {
    if needsKernel(epsilon), !makeKernel(epsilon) { return false }
    for j in 0..<columns.count { v.pointer[j] = columns.phi.pointer[j] - gamma0.pointer[j] }
    for j in 0..<columns.count where !(columns.weights.pointer[j] > 0) {
      v.pointer[j] = -.infinity
    }
    kn_exp_f64(v.pointer, v.pointer, Int64(columns.count))
    guard let kernel else { return false }
    let chunk = max(4, Self.chunkEntries / leading / 4 * 4)
    let done = blocks.forEach { part, begin, last in
      var first = begin
      while first < last {
        let end = min(last, first + chunk)
        sweep(kernel, epsilon, part, first, end)
        first = end
      }
    }
    for part in 0..<blocks.parallel.threads {
      let sum = sums.pointer + part * leading
      for j in 0..<columns.count { sum[j] *= v.pointer[j] }
    }
    return done
  }

  private func sweep(
    _ kernel: Buffer<Double>, _ epsilon: Double, _ part: Int, _ first: Int, _ end: Int
  ) {
    let (t, phi, count) = (rows.transform.pointer, rows.phi.pointer, Int64(columns.count))
    let (begin, last, ld) = (Int64(first), Int64(end), Int64(leading))
    kn_kernel_times_f64(kernel.pointer, ld, count, begin, last, v.pointer, u.pointer)
    kn_log_f64(u.pointer + first, t + first, Int64(end - first))
    for i in first..<end {
      t[i] = phi0.pointer[i] - t[i]
      guard !(u.pointer[i] >= Self.leastSum) else { continue }
      var cost = geometry.cost
      kn_softmin_rows_f64(
        &cost, Int64(i), Int64(i + 1), 1 / epsilon, columns.phi.pointer, t,
        scratch.pointer + part * scratchStride)
    }
    rows.update(epsilon, first, end)
    for i in first..<end { u.pointer[i] = phi[i] - phi0.pointer[i] }
    kn_exp_f64(u.pointer + first, u.pointer + first, Int64(end - first))
    kn_kernel_transposed_f64(
      kernel.pointer, ld, count, begin, last, u.pointer, sums.pointer + part * leading)
  }

  private func needsKernel(_ epsilon: Double) -> Bool {
    guard epsilon == kernelEpsilon else { return true }
    for j in 0..<columns.count where columns.weights.pointer[j] > 0 {
      if !(abs(columns.phi.pointer[j] - gamma0.pointer[j]) <= Self.reach) { return true }
    }
    return false
  }

  private func makeKernel(_ epsilon: Double) -> Bool {
    guard let kernel else { return false }
    kernelEpsilon = epsilon
    gamma0.pointer.update(from: columns.phi.pointer, count: columns.count)
    return blocks.forEach { part, first, end in
      var cost = geometry.cost
      let room = scratch.pointer + part * scratchStride
      let (begin, last) = (Int64(first), Int64(end))
      kn_softmin_rows_f64(
        &cost, begin, last, 1 / epsilon, gamma0.pointer, phi0.pointer, room)
      // A row without any finite cost has no transform and an empty kernel.
      for i in first..<end where !phi0.pointer[i].isFinite { phi0.pointer[i] = 0 }
      kn_kernel_rows_f64(
        &cost, begin, last, 1 / epsilon, phi0.pointer, gamma0.pointer, kernel.pointer,
        Int64(leading), room)
    }
  }

  // MARK: Columns

  /// transform_j = gamma_j - log(column sum); columns that vanished are summed in the log domain.
  private func collectColumns(_ epsilon: Double) {
    let (out, gamma) = (columns.transform.pointer, columns.phi.pointer)
    let m = columns.count
    for j in 0..<m {
      var sum = 0.0
      for part in 0..<blocks.parallel.threads { sum += sums.pointer[part * leading + j] }
      v.pointer[j] = sum
    }
    kn_log_f64(v.pointer, out, Int64(m))
    for j in 0..<m where columns.weights.pointer[j] > 0 {
      out[j] = v.pointer[j] >= Self.leastSum ? gamma[j] - out[j] : transform(j, epsilon)
    }
  }

  /// -log sum_i exp(phi_i - C_ij/eps); +infinity when nobody may reach j.
  private func transform(_ j: Int, _ epsilon: Double) -> Double {
    var cost = geometry.cost
    let e = u.pointer
    for i in 0..<rows.count {
      var c = 0.0
      kn_cost_row_f64(&cost, Int64(i), Int64(j), 1, &c)
      e[i] = rows.phi.pointer[i] - c / epsilon
    }
    return -kn_logsumexp_f64(e, Int64(rows.count))
  }

  /// The same for columns without mass, whose potentials only derivatives need.
  func transformMassless(_ epsilon: Double) {
    for j in 0..<columns.count where !(columns.weights.pointer[j] > 0) {
      columns.transform.pointer[j] = transform(j, epsilon)
    }
  }
}
