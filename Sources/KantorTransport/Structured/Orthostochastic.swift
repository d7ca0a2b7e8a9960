import KantorCore
import KantorNumerics

/// **Solves** H = Q o Q, M = Q R: the squares of the entries of the orthogonal factor of M, for
/// each matrix M of a batch.
///
/// **Method** Gram and Schmidt's process, done twice.
///
/// **Symbols** Q orthogonal, R upper triangular with a positive diagonal.
///
/// **Iteration** q_k <- m_k - Q (Q' m_k), twice; r_kk = |q_k|; q_k <- q_k / r_kk.
///
/// **Stops when** all columns are done.
///
/// **Guarantee** Rows and columns of an orthogonal matrix have norm 1, so H is doubly stochastic up
/// to rounding. Not every doubly stochastic matrix is of this form (n >= 3). Where M is singular, Q
/// is one completion of several: `singular_matrices` counts them, and there is no derivative.
///
/// **Cost** 4 n^3 operations.
///
/// **Reference** horn1954doubly; born2025quantum uses it in attention layers.
public enum Orthostochastic: DoublyStochasticMethod {
  public static let spec = describe(
    name: "orthostochastic",
    summary: "Squared entries of the orthogonal factor of given matrices, batched.",
    source: "J. Born and others, Quantum doubly stochastic transformers (2025)",
    guarantee: "Row and column sums are 1 and entries non-negative within the tolerance.",
    options: [toleranceOption(1e-12)],
    outputs: [
      FieldSpec(
        "singular_matrices", .int, .output,
        "Matrices of the batch whose columns are dependent to rounding.")
    ])

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let (given, n) = try problem.needMatrices(spec.name)
    let batch = problem.batch
    let h = try Buffer<Double>(count: given.count)
    let isSingular = try Buffer<UInt8>(count: batch)
    let room = OrthogonalStep.room(n)
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(run.threads, batch), room, of: "workspace"))
    defer { withExtendedLifetime(scratch) {} }
    let (ms, hs, rooms, flags) = (
      given.pointer, h.pointer, scratch.pointer, isSingular.pointer
    )
    let monitor = run.monitor
    BatchLoop(run).run(
      batch, work: 4 * n * n * n, progress: { _ in monitor.check(iteration: 1) }
    ) { part, first, end, pause in
      let step = OrthogonalStep(n: n, room: rooms + part * room)
      for b in first..<end {
        flags[b] = step.factor(ms + b * n * n) ? 0 : 1
        step.squares(hs + b * n * n)
        if n > 64, pause() { return }
      }
    }
    let bad = isSingular.span.firstIndex { $0 != 0 }
    var figures = ResultFields()
    figures.add("singular_matrices", isSingular.span.reduce(0) { $0 + Int($1) })
    let threads = run.threads
    return MatrixProposal(
      n: n, matrices: h, form: .sums, tolerance: run.options.real("tolerance"), figures: figures,
      pull: { (cotangent) throws(KantorError) in
        if let bad {
          throw KantorError(
            .range, "matrices: the matrix \(bad) is singular, and its orthogonal factor has no "
              + "derivative there")
        }
        let out = try Buffer<Double>(count: given.count)
        let scratch = try Buffer<Double>(
          count: try checkedProduct(min(threads, batch), room, of: "derivative"))
        defer { withExtendedLifetime(scratch) {} }
        let (ms, bars, outs, rooms) = (
          given.pointer, cotangent.pointer, out.pointer, scratch.pointer
        )
        BatchLoop(monitor: Monitor(), threads: threads).run(
          batch, work: 10 * n * n * n, progress: { _ in nil }
        ) { part, first, end, _ in
          let step = OrthogonalStep(n: n, room: rooms + part * room)
          for b in first..<end {
            step.pull(ms + b * n * n, bars + b * n * n, outs + b * n * n)
          }
        }
        withExtendedLifetime((given, cotangent)) {}
        return out
      })
  }
}

/// One matrix, on a thread's own memory.
private struct OrthogonalStep {
  typealias In = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>
  let n: Int
  /// Q transposed: its rows are the orthonormal vectors.
  private let q: Out
  /// R transposed: row k holds what column k of M is made of.
  private let r: Out
  private let other: Out

  static func room(_ n: Int) -> Int { 4 * n * n }

  init(n: Int, room: Out) {
    self.n = n
    q = room
    r = room + n * n
    other = room + 2 * n * n
  }

  /// False when M is singular to rounding.
  func factor(_ m: In) -> Bool {
    var isRegular = true
    var unit = 0
    for k in 0..<n * n { r[k] = 0 }
    for k in 0..<n {
      let column = q + k * n
      var length = 0.0
      for i in 0..<n {
        column[i] = m[i * n + k]
        length = max(length, abs(column[i]))
      }
      // Scaled, so that no square over- or underflows.
      let scale = length > 0 ? length : 1
      for i in 0..<n { column[i] /= scale }
      let before = norm(column)
      project(k, r + k * n)
      project(k, r + k * n)
      var after = norm(column)
      for j in 0..<k { r[k * n + j] *= scale }
      r[k * n + k] = after * scale
      while !(after > 1e-13 * before) || after == 0 {
        // Dependent on the columns before: the next unit vector that is not.
        isRegular = false
        for i in 0..<n { column[i] = i == unit % n ? 1 : 0 }
        unit += 1
        for _ in 0..<2 { project(k, nil) }
        after = norm(column)
        if after < 0.5 / Double(n).squareRoot() { after = 0 }
      }
      for i in 0..<n { column[i] /= after }
    }
    return isRegular
  }

  private func norm(_ x: In) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += x[i] * x[i] }
    return sum.squareRoot()
  }

  /// Takes the first k vectors out of vector k; what was taken is added to `r`.
  private func project(_ k: Int, _ r: Out?) {
    let column = q + k * n
    for j in 0..<k {
      let basis = q + j * n
      var sum = 0.0
      for i in 0..<n { sum += basis[i] * column[i] }
      for i in 0..<n { column[i] -= sum * basis[i] }
      if let r { r[j] += sum }
    }
  }

  func squares(_ h: Out) {
    for k in 0..<n {
      for i in 0..<n { h[i * n + k] = q[k * n + i] * q[k * n + i] }
    }
  }

  /// With Qbar = 2 Q o bar and S = Qbar' Q: mbar = (Qbar - Q sym(S)) R^-T, where sym mirrors the
  /// lower triangle. All matrices here are transposed, as q and r are.
  func pull(_ m: In, _ bar: In, _ out: Out) {
    _ = factor(m)
    let (qbar, s) = (other, other + n * n)
    for k in 0..<n {
      for i in 0..<n { qbar[k * n + i] = 2 * q[k * n + i] * bar[i * n + k] }
    }
    SquareProducts.multiplyByTransposed(qbar, q, s, n, n, n)
    for i in 0..<n {
      for j in (i + 1)..<max(n, i + 1) { s[i * n + j] = s[j * n + i] }
    }
    for k in 0..<n {
      for j in 0..<n {
        let f = s[k * n + j]
        for i in 0..<n { qbar[k * n + i] -= f * q[j * n + i] }
      }
    }
    // Row i of mbar solves R x = y: from the last entry to the first.
    for k in stride(from: n - 1, through: 0, by: -1) {
      let inverse = 1 / r[k * n + k]
      for i in 0..<n { qbar[k * n + i] *= inverse }
      for j in 0..<k {
        let f = r[k * n + j]
        for i in 0..<n { qbar[j * n + i] -= f * qbar[k * n + i] }
      }
    }
    for k in 0..<n {
      for i in 0..<n { out[i * n + k] = qbar[k * n + i] }
    }
  }
}
