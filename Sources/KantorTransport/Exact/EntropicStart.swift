import CKantorKernels
import KantorCore
import KantorNumerics

/// Good potentials for an exact method, cheaply: a short run of Sinkhorn's iteration in single
/// precision, epsilon going down geometrically, and two hard c-transforms in double precision.
///
/// Sinkhorn's potentials at an epsilon near the spacing of the smallest costs tell which pairs an
/// optimal plan is likely to use: those with a small C_ij - f_i - g_j. The c-transforms make the
/// pair feasible (f_i + g_j <= C_ij for all pairs with mass, with equality somewhere in each row
/// and column), whatever Sinkhorn's iteration did, so nothing here has to be exact.
///
/// Measured on 4000 x 4000 points in the plane: the simplex needs 2 to 3 pivots a node from here.
/// Potentials of a solve before (warm start) serve as well, and cost nothing.
struct EntropicStart {
  let rows: CostRows
  let a: UnsafePointer<Double>
  let b: UnsafePointer<Double>
  let mass: Double
  let f: UnsafeMutablePointer<Double>
  let g: UnsafeMutablePointer<Double>
  let monitor: Monitor
  let parallel: Parallel
  /// Potentials of the targets from a solve before; then the entropic run is left out.
  let given: Buffer<Double>?

  private var n: Int { rows.n }
  private var m: Int { rows.m }
  /// Rows between two questions to the monitor: about a millisecond of work for each thread.
  private var chunk: Int { max(1, (1 << 20) / max(m, 1)) * parallel.threads }

  /// What the costs look like, from a sample of rows.
  let scale: Scale

  private static let sampledRows = 64
  /// The first epsilon, in units of the mean excess of a cost over the least of its row.
  private static let firstFraction = 0.2
  /// epsilon of a sweep over that of the sweep before, and the most sweeps. Measured: 0.5 costs
  /// as many more pivots as it saves time here; 0.85 saves none.
  private static let decrease = 0.75
  private static let sweepLimit = 60
  /// Part of the last change of g that is made again (heavy ball). Mass that has far to go moves in
  /// many small steps; measured on 4000 points in the plane: a third of the pivots less.
  private static let momentum = 0.5

  init(
    rows: CostRows, a: UnsafePointer<Double>, b: UnsafePointer<Double>, mass: Double,
    f: UnsafeMutablePointer<Double>, g: UnsafeMutablePointer<Double>, _ run: Run,
    given: Buffer<Double>?
  ) {
    (self.rows, self.a, self.b, self.mass) = (rows, a, b, mass)
    (self.f, self.g, monitor) = (f, g, run.monitor)
    parallel = Parallel(threads: min(run.threads, rows.n))
    self.given = given
    scale = Self.sample(rows, a, b)
  }

  /// Fills f and g; weights of 0 get -inf. Returns a reason to stop, if there is one.
  func run() throws(KantorError) -> Status? {
    for j in 0..<m { g[j] = b[j] > 0 ? given?.pointer[j] ?? 0 : -.infinity }
    if given == nil, scale.meanExcess > 0, let stop = try sinkhorn() { return stop }
    return try cTransforms()
  }

  // MARK: - Scale

  struct Scale {
    /// Mean excess over the row's least cost; 0 when there is nothing to tell apart.
    var meanExcess = 0.0
    /// Distance from the least to the fourth cost of a row.
    var spacing = 0.0
    /// Largest |C_ij|.
    var largest = 0.0
  }

  private static func sample(
    _ rows: CostRows, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>
  ) -> Scale {
    var scale = Scale()
    var sampled = 0.0
    for i in Swift.stride(from: 0, to: rows.n, by: 1 + (rows.n - 1) / sampledRows) where a[i] > 0 {
      let c = rows.row(i)
      var least = (Double.infinity, Double.infinity, Double.infinity, Double.infinity)
      var sum = 0.0
      var count = 0.0
      for j in 0..<rows.m where b[j] > 0 && c[j] < .infinity {
        let x = c[j]
        sum += x
        count += 1
        scale.largest = max(scale.largest, abs(x))
        if x < least.3 {
          least.3 = x
          if x < least.2 { swap(&least.2, &least.3) }
          if x < least.1 { swap(&least.1, &least.2) }
          if x < least.0 { swap(&least.0, &least.1) }
        }
      }
      guard least.3 < .infinity else { continue }
      scale.meanExcess += sum / count - least.0
      scale.spacing += least.3 - least.0
      sampled += 1
    }
    guard sampled > 0, scale.meanExcess > 0, scale.meanExcess < .infinity else {
      return Scale(largest: scale.largest)
    }
    scale.meanExcess /= sampled
    scale.spacing = max(scale.spacing / sampled, 1e-9 * scale.meanExcess)
    return scale
  }

  // MARK: - Sinkhorn's iteration

  private func sinkhorn() throws(KantorError) -> Status? {
    let last = min(scale.spacing, Self.firstFraction * scale.meanExcess)
    let iterates = try Iterates(self)
    var epsilon = Self.firstFraction * scale.meanExcess
    var stop: Status?
    for sweep in 1...Self.sweepLimit {
      stop = try updateRows(iterates, epsilon, isSingle: last > 1e-30)
      if stop != nil { break }
      let isLast = epsilon <= last || sweep == Self.sweepLimit
      updateColumns(iterates, epsilon, momentum: sweep == 1 || isLast ? 0 : Self.momentum)
      if isLast { break }
      let next = max(last, Self.decrease * epsilon)
      iterates.rescale(epsilon / next, n, m)
      epsilon = next
    }
    for j in 0..<m where b[j] > 0 {
      let value = epsilon * (iterates.gamma[j] - iterates.logBeta[j])
      g[j] = value.isFinite ? value : 0
    }
    return stop
  }

  /// phi = f / epsilon + log alpha and gamma likewise, for weights alpha, beta of total 1.
  private struct Iterates {
    let alpha: UnsafeMutablePointer<Double>
    let beta: UnsafeMutablePointer<Double>
    let logAlpha: UnsafeMutablePointer<Double>
    let logBeta: UnsafeMutablePointer<Double>
    let phi: UnsafeMutablePointer<Double>
    let gamma: UnsafeMutablePointer<Double>
    /// One for each thread.
    let columnSum: UnsafeMutablePointer<Double>
    /// g before the last change.
    let previous: UnsafeMutablePointer<Double>
    private var arena: Arena

    init(_ start: EntropicStart) throws(KantorError) {
      let (n, m) = (start.n, start.m)
      let threads = start.parallel.threads
      arena = try Arena(
        bytes: 3 * Arena.bytes(Double.self, n) + 4 * Arena.bytes(Double.self, m)
          + Arena.bytes(Double.self, try checkedProduct(threads, m, of: "column sums")))
      alpha = arena.take(Double.self, n)
      logAlpha = arena.take(Double.self, n)
      phi = arena.take(Double.self, n)
      beta = arena.take(Double.self, m)
      logBeta = arena.take(Double.self, m)
      gamma = arena.take(Double.self, m)
      columnSum = arena.take(Double.self, threads * m)
      previous = arena.take(Double.self, m)
      for i in 0..<n { alpha[i] = start.a[i] / start.mass }
      for j in 0..<m { beta[j] = start.b[j] / start.mass }
      kn_log_f64(alpha, logAlpha, Int64(n))
      kn_log_f64(beta, logBeta, Int64(m))
      for j in 0..<m { gamma[j] = logBeta[j] }
      // Below any exponent: the first sweep puts every row right by its maximum.
      for i in 0..<n { phi[i] = -1e4 }
    }

    /// The same potentials at epsilon / ratio.
    func rescale(_ ratio: Double, _ n: Int, _ m: Int) {
      for i in 0..<n where alpha[i] > 0 { phi[i] = (phi[i] - logAlpha[i]) * ratio + logAlpha[i] }
      for j in 0..<m where beta[j] > 0 { gamma[j] = (gamma[j] - logBeta[j]) * ratio + logBeta[j] }
    }
  }

  /// The fused sweep: rows are put right, and the column sums of the new plan come with it.
  private func updateRows(
    _ iterates: Iterates, _ epsilon: Double, isSingle: Bool
  ) throws(KantorError) -> Status? {
    let sums = iterates.columnSum
    for k in 0..<(parallel.threads * m) { sums[k] = 0 }
    // In single precision the exponent loses its digits when costs are this much larger.
    let isMixed: Int32 = scale.largest > 1e5 * epsilon ? 1 : 0
    let usesFloat = isSingle && scale.largest < 1e30
    let stop = try overRows { (part, begin, end, scratch) in
      var error = 0.0
      if usesFloat {
        kn_sinkhorn_sweep_f32(
          rows.kernel, begin, end, 1 / epsilon, iterates.alpha, iterates.phi, iterates.gamma,
          sums + part * m, &error, isMixed, scratch)
      } else {
        kn_sinkhorn_sweep_f64(
          rows.kernel, begin, end, 1 / epsilon, iterates.alpha, iterates.phi, iterates.gamma,
          sums + part * m, &error, scratch)
      }
    }
    for part in Swift.stride(from: 1, to: parallel.threads, by: 1) {
      for j in 0..<m { sums[j] += sums[part * m + j] }
    }
    return stop
  }

  /// body(part, first row, end row, scratch) over all rows; the monitor is asked between chunks.
  private func overRows(
    _ body: (Int, Int64, Int64, UnsafeMutableRawPointer) -> Void
  ) throws(KantorError) -> Status? {
    let room = (Int(kn_sweep_scratch(Int64(m))) + 63) / 64 * 64
    let scratch = try Buffer<UInt8>(
      count: try checkedProduct(room, parallel.threads, of: "scratch"))
    for begin in Swift.stride(from: 0, to: n, by: chunk) {
      parallel.forEach(min(chunk, n - begin)) { part, first, end in
        guard first < end else { return }
        body(part, Int64(begin + first), Int64(begin + end), scratch.pointer + part * room)
      }
      if let stop = monitor.heartbeat() { return stop }
    }
    return nil
  }

  private func updateColumns(_ iterates: Iterates, _ epsilon: Double, momentum: Double) {
    kn_log_f64(iterates.columnSum, iterates.columnSum, Int64(m))
    for j in 0..<m where iterates.columnSum[j] > -.infinity && b[j] > 0 {
      let old = epsilon * (iterates.gamma[j] - iterates.logBeta[j])
      let change = momentum * (old - iterates.previous[j]) / epsilon
      iterates.gamma[j] += iterates.logBeta[j] - iterates.columnSum[j] + change
      iterates.previous[j] = old
    }
  }

  // MARK: - Hard c-transforms

  /// f_i = min_j C_ij - g_j, then g_j = min_i C_ij - f_i. Pairs without a finite cost give 0.
  private func cTransforms() throws(KantorError) -> Status? {
    let byRows = try overRows { (_, begin, end, scratch) in
      kn_hardmin_rows_f64(rows.kernel, begin, end, g, f, scratch)
    }
    if let byRows { return byRows }
    for i in 0..<n where !(a[i] > 0) || !f[i].isFinite { f[i] = -.infinity }
    let threads = parallel.threads
    let minima = try Buffer<Double>(count: threads * m, repeating: .infinity)
    let byColumns = try overRows { (part, begin, end, scratch) in
      kn_hardmin_columns_f64(rows.kernel, begin, end, f, minima.pointer + part * m, scratch)
    }
    if let byColumns { return byColumns }
    for j in 0..<m {
      var least = Double.infinity
      for part in 0..<threads { least = min(least, minima.pointer[part * m + j]) }
      g[j] = b[j] > 0 ? (least.isFinite ? least : 0) : -.infinity
    }
    for i in 0..<n where a[i] > 0 && !f[i].isFinite { f[i] = 0 }
    return nil
  }
}
