import CKantorKernels
import KantorCore
import KantorNumerics

/// The objective of a `GromovProblem` and its parts, as the methods use them:
///
///     F(P) = (1 - alpha) <M, P> + alpha (<r, P 1> / 2 + <c, P^T 1> / 2 - <K(P), P>)
///     grad F(P) = (1 - alpha) M + alpha (r 1^T + 1 c^T - 2 K(P))
///
/// with K(P) = (h1(C) P h2(D)^T + h1(C)^T P h2(D)) / 2, one product of each kind where both
/// structures are symmetric. r belongs to the sources' marginal, c to the targets'.
///
/// Source: Peyre, Cuturi, Solomon, "Gromov-Wasserstein averaging of kernel and distance matrices"
/// (2016), proposition 1.
final class GromovModel {
  let problem: GromovProblem
  let n: Int
  let m: Int
  let monitor: Monitor
  /// h2(D); h1 is the identity for both losses.
  private let h2: Buffer<Double>
  /// Transposes, row-major, for products with sparse plans; the matrices themselves if symmetric.
  private let sourceTurned: Buffer<Double>
  private let targetTurned: Buffer<Double>
  /// f1(C) + f1(C)^T times a, and f2(D) + f2(D)^T times the targets' marginal.
  let rowPart: Buffer<Double>
  let columnPart: Buffer<Double>
  private let engine: MatrixProduct
  private let half: Buffer<Double>

  init(_ problem: GromovProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    monitor = run.monitor
    (n, m) = (problem.n, problem.m)
    engine = try MatrixProduct(threads: run.threads)
    half = try Buffer(count: n * m)
    h2 = try problem.target.copy()
    if problem.loss == .square {
      for k in 0..<h2.count { h2.pointer[k] *= 2 }
    } else {
      for k in 0..<h2.count { h2.pointer[k] += StructureLoss.shift }
      kn_log_f64(h2.pointer, h2.pointer, Int64(h2.count))
    }
    sourceTurned = problem.isSymmetric ? problem.source : try Self.transpose(problem.source, n)
    targetTurned = problem.isSymmetric ? h2 : try Self.transpose(h2, m)
    rowPart = try Buffer(count: n)
    columnPart = try Buffer(count: m)
    try Self.addOwnPart(problem, ofSource: true, problem.a, into: rowPart)
    try Self.addOwnPart(problem, ofSource: false, problem.b, into: columnPart)
  }

  private static func transpose(
    _ matrix: Buffer<Double>, _ count: Int
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: matrix.count)
    for i in 0..<count {
      for j in 0..<count { out.pointer[j * count + i] = matrix.pointer[i * count + j] }
    }
    return out
  }

  /// out = (f(C) + f(C)^T) w for the structure of one side.
  private static func addOwnPart(
    _ problem: GromovProblem, ofSource: Bool, _ w: Buffer<Double>, into out: Buffer<Double>
  ) throws(KantorError) {
    let structure = ofSource ? problem.source : problem.target
    let count = w.count
    let row = try Buffer<Double>(count: count)
    let logs = try Buffer<Double>(count: count)
    out.fill(0)
    for i in 0..<count {
      let from = structure.pointer + i * count
      let f = row.pointer
      if problem.loss == .square {
        for k in 0..<count { f[k] = from[k] * from[k] }
      } else if ofSource {
        for k in 0..<count { logs.pointer[k] = from[k] + StructureLoss.shift }
        kn_log_f64(logs.pointer, logs.pointer, Int64(count))
        for k in 0..<count { f[k] = from[k] * logs.pointer[k] - from[k] }
      } else {
        f.update(from: from, count: count)
      }
      var sum = 0.0
      let weight = w.pointer[i]
      for k in 0..<count {
        sum += f[k] * w.pointer[k]
        out.pointer[k] += f[k] * weight
      }
      out.pointer[i] += sum
    }
  }

  /// The sources' part for another marginal, for partial and unbalanced problems.
  func setRowPart(_ marginal: Buffer<Double>) throws(KantorError) {
    try Self.addOwnPart(problem, ofSource: true, marginal, into: rowPart)
  }

  /// The targets' part for another marginal, for semi-relaxed problems and those.
  func setColumnPart(_ marginal: Buffer<Double>) throws(KantorError) {
    try Self.addOwnPart(problem, ofSource: false, marginal, into: columnPart)
  }

  // MARK: - Products

  private func beat() -> Bool { monitor.heartbeat() == nil }

  /// K of a dense plan; false when the solve is to stop.
  func cross(_ plan: Buffer<Double>, into out: Buffer<Double>) throws(KantorError) -> Bool {
    let c = MatrixView(problem.source.pointer, rows: n, columns: n)
    let d = MatrixView(h2.pointer, rows: m, columns: m)
    let p = MatrixView(plan.pointer, rows: n, columns: m)
    let middle = MatrixView(half.pointer, rows: n, columns: m)
    let share = problem.isSymmetric ? 1.0 : 0.5
    guard
      try engine.multiply(c, p, into: half.pointer, beat: beat),
      try engine.multiply(middle, d.transposed, into: out.pointer, factor: share, beat: beat)
    else { return false }
    if problem.isSymmetric { return true }
    guard try engine.multiply(c.transposed, p, into: half.pointer, beat: beat) else { return false }
    return try engine.multiply(middle, d, into: out.pointer, factor: share, keep: 1, beat: beat)
  }

  /// K of a sparse plan: one product of matrices instead of two, over the smaller side.
  func cross(_ plan: SparsePlan, into out: Buffer<Double>) throws(KantorError) -> Bool {
    let share = problem.isSymmetric ? 1.0 : 0.5
    guard try addCross(plan, turned: false, share, keep: 0, out) else { return false }
    if problem.isSymmetric { return true }
    return try addCross(plan, turned: true, share, keep: 1, out)
  }

  /// out = keep out + share A P B with A = C, B = h2(D)^T, or the transposes of both.
  private func addCross(
    _ plan: SparsePlan, turned: Bool, _ share: Double, keep: Double, _ out: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let work = half.pointer
    work.update(repeating: 0, count: n * m)
    if n <= m {
      // Row k of P B is a sum of rows of B.
      let b = turned ? h2 : targetTurned
      for e in 0..<plan.count {
        let (k, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
        Self.add(plan.values.pointer[e], b.pointer + j * m, to: work + k * m, m)
      }
      let a = MatrixView(problem.source.pointer, rows: n, columns: n)
      return try engine.multiply(
        turned ? a.transposed : a, MatrixView(work, rows: n, columns: m), into: out.pointer,
        factor: share, keep: keep, beat: beat)
    }
    // Row j of (A P)^T is a sum of rows of A^T.
    let a = turned ? problem.source : sourceTurned
    for e in 0..<plan.count {
      let (k, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
      Self.add(plan.values.pointer[e], a.pointer + k * n, to: work + j * n, n)
    }
    let b = MatrixView(h2.pointer, rows: m, columns: m)
    return try engine.multiply(
      MatrixView(work, rows: m, columns: n).transposed, turned ? b : b.transposed,
      into: out.pointer, factor: share, keep: keep, beat: beat)
  }

  @inline(__always)
  private static func add(
    _ factor: Double, _ row: UnsafePointer<Double>, to out: UnsafeMutablePointer<Double>,
    _ count: Int
  ) {
    for k in 0..<count { out[k] += factor * row[k] }
  }

  // MARK: - Values

  /// out = grad F, from K.
  func gradient(_ product: Buffer<Double>, into out: Buffer<Double>) {
    let alpha = problem.alpha
    let (k, g, c) = (product.pointer, out.pointer, columnPart.pointer)
    for i in 0..<n {
      let own = rowPart.pointer[i]
      let base = i * m
      if let cost = problem.cost?.pointer {
        for j in 0..<m {
          g[base + j] =
            (1 - alpha) * cost[base + j] + alpha * (own + c[j] - 2 * k[base + j])
        }
      } else {
        for j in 0..<m { g[base + j] = alpha * (own + c[j] - 2 * k[base + j]) }
      }
    }
  }

  /// F, from the gradient and <grad F, P>: the part that is linear counts once more.
  func value(slope: Double, linear: Double) -> Double {
    0.5 * (slope + (1 - problem.alpha) * linear)
  }

  /// <M, P>
  func linearCost(_ plan: Buffer<Double>) -> Double {
    problem.cost.map { Self.inner($0, plan) } ?? 0
  }

  func linearCost(_ plan: SparsePlan) -> Double {
    problem.cost.map { inner($0, plan) } ?? 0
  }

  static func inner(_ x: Buffer<Double>, _ y: Buffer<Double>) -> Double {
    var lanes = SIMD8<Double>(repeating: 0)
    let (p, q) = (UnsafeRawPointer(x.pointer), UnsafeRawPointer(y.pointer))
    let whole = x.count / 8 * 8
    var k = 0
    while k < whole {
      lanes += p.loadUnaligned(fromByteOffset: k &* 8, as: SIMD8<Double>.self)
        * q.loadUnaligned(fromByteOffset: k &* 8, as: SIMD8<Double>.self)
      k &+= 8
    }
    var sum = lanes.sum()
    while k < x.count {
      sum += x.pointer[k] * y.pointer[k]
      k &+= 1
    }
    return sum
  }

  func inner(_ x: Buffer<Double>, _ plan: SparsePlan) -> Double {
    var sum = CompensatedSum()
    for e in 0..<plan.count {
      let (i, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
      sum.add(x.pointer[i * m + j] * plan.values.pointer[e])
    }
    return sum.value
  }
}
