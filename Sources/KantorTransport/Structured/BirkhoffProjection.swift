import KantorCore
import KantorNumerics

/// **Solves** min |X - G|^2 / 2 over the doubly stochastic X, for each matrix G of a batch.
///
/// **Method** Semismooth Newton on the dual, after some exact coordinate steps.
///
/// **Symbols** u, v multipliers of row and column sums; T = G + u 1' + 1 v'; X = max(T, 0);
/// A the pattern of T > 0; r, c what rows and columns of X sum to beyond 1.
///
/// **Iteration**
/// 1. u_i solves sum_j max(G_ij + u_i + v_j, 0) = 1, then v likewise: a few rounds.
/// 2. [diag(A 1) + m, A; A', diag(A' 1) + m] d = -(r, c), the ridge m falling with the residual.
/// 3. (u, v) <- (u, v) + s d, s = 1, 1/2, ... until |max(T, 0)|^2 / 2 - <1, u> - <1, v> falls
///    enough or the residual does.
///
/// **Stops when** every row and column sum is within the tolerance of 1.
///
/// **Guarantee** X is the unique projection; the last steps converge at least superlinearly. The
/// duality gap is certified.
///
/// **Cost** n^3 / 3 multiplications and a pass over A per step, some ten steps; 2 n^2 numbers of
/// workspace for a thread.
///
/// **Reference** li2020efficient, section 3; the coordinate steps are Dykstra's projections.
public enum BirkhoffProjection: DoublyStochasticMethod {
  public static let spec = describe(
    name: "birkhoff_projection",
    summary: "The nearest doubly stochastic matrix in the Euclidean distance, batched.",
    source: "X. Li, D. Sun and K.-C. Toh, On the efficient computation of a generalized Jacobian "
      + "of the projector over the Birkhoff polytope (2020)",
    guarantee: "Row and column sums are 1 and entries non-negative within the tolerance, and the "
      + "duality gap bounds the distance from the exact projection.",
    options: [
      toleranceOption(1e-10),
      OptionSpec(
        "max_iterations", .int(200, min: 1, max: 1_000_000_000),
        "Newton steps on one matrix, after which it is left as it is."),
    ],
    outputs: DoublyStochasticResult.projectionOutputs)

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let (given, n) = try problem.needMatrices(spec.name)
    let batch = problem.batch
    let x = try Buffer<Double>(count: given.count)
    let u = try Buffer<Double>(count: try checkedProduct(batch, n, of: "dual vectors"))
    let v = try Buffer<Double>(count: u.count)
    let counts = try Buffer<Int64>(count: batch)
    let width = BirkhoffStep.room(n)
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(run.threads, batch), width, of: "workspace"))
    let limit = run.options.int("max_iterations")
    defer { withExtendedLifetime(scratch) {} }
    let tolerance = run.options.real("tolerance")
    let (gs, xs, us, vs) = (given.pointer, x.pointer, u.pointer, v.pointer)
    let (steps, rooms) = (counts.pointer, scratch.pointer)
    let monitor = run.monitor
    BatchLoop(run).run(
      batch, work: 10 * n * n * n,
      progress: { done in monitor.check(iteration: largest(counts, done)) }
    ) { part, first, end, pause in
      for b in first..<end {
        let step = BirkhoffStep(
          n: n, g: gs + b * n * n, x: xs + b * n * n, u: us + b * n, v: vs + b * n,
          room: rooms + part * width)
        steps[b] = Int64(step.run(tolerance: 0.5 * tolerance, limit: limit, pause: pause))
        if pause() { return }
      }
    }
    let most = largest(counts, batch)
    if most > limit { _ = monitor.reachesIterationLimit(limit) }
    let threads = run.threads
    return MatrixProposal(
      n: n, matrices: x, form: .squared, u: u, v: v, tolerance: tolerance,
      pull: { (cotangent) throws(KantorError) in
        let pattern = try Buffer<Double>(count: x.count)
        for k in 0..<x.count { pattern.pointer[k] = x.pointer[k] > 0 ? 1 : 0 }
        return try MarginalDerivative.pull(
          problem, n: n, weights: pattern, rate: 1, threads: threads, cotangent)
      })
  }

  private static func largest(_ counts: Buffer<Int64>, _ done: Int) -> Int {
    var most: Int64 = 0
    for b in 0..<done { most = max(most, counts.pointer[b]) }
    return Int(most)
  }
}

/// One matrix. Pointers into the batch; `room` is a thread's own.
private struct BirkhoffStep {
  let n: Int
  let g: UnsafePointer<Double>
  let x: UnsafeMutablePointer<Double>
  let u: UnsafeMutablePointer<Double>
  let v: UnsafeMutablePointer<Double>
  let room: UnsafeMutablePointer<Double>

  static func room(_ n: Int) -> Int { n * n + MarginalSystem.room(n) + 8 * n }
  static let coordinateRounds = 4

  /// Steps taken; limit + 1 when it did not suffice.
  func run(tolerance: Double, limit: Int, pause: BatchLoop.Pause) -> Int {
    let pattern = room
    let system = MarginalSystem(n: n, room: room + n * n)
    let vectors = room + n * n + MarginalSystem.room(n)
    let (r, c, du, dv) = (vectors, vectors + n, vectors + 2 * n, vectors + 3 * n)
    let (oldU, oldV) = (vectors + 4 * n, vectors + 5 * n)
    for _ in 0..<Self.coordinateRounds {
      solveRows()
      solveColumns(r, c)
    }
    var (value, residual) = evaluate(u, v, r, c)
    var steps = 0
    while residual > tolerance {
      if steps == limit { return limit + 1 }
      if pause() { return steps }
      for k in 0..<n * n { pattern[k] = x[k] > 0 ? 1 : 0 }
      var ridge = max(1e-12, min(1e-2, residual) * min(1e-2, residual))
      while !system.prepare(pattern, ridge: ridge, pause: pause) {
        if ridge > 1e6 || pause() { return steps }
        ridge *= 100
      }
      var slope = 0.0
      for i in 0..<n {
        (du[i], dv[i]) = (-r[i], -c[i])
        (oldU[i], oldV[i]) = (u[i], v[i])
      }
      system.solve(pattern, du, dv)
      for i in 0..<n { slope += r[i] * du[i] + c[i] * dv[i] }
      var s = 1.0
      steps += 1
      while true {
        for i in 0..<n {
          u[i] = oldU[i] + s * du[i]
          v[i] = oldV[i] + s * dv[i]
        }
        let next = evaluate(u, v, r, c)
        if next.value <= value + 1e-4 * s * slope || next.residual <= 0.9 * residual {
          (value, residual) = next
          break
        }
        s *= 0.5
        if s < 1e-10 {
          // Rounding stands in the way: the best point stays.
          for i in 0..<n { (u[i], v[i]) = (oldU[i], oldV[i]) }
          _ = evaluate(u, v, r, c)
          return steps
        }
      }
    }
    return steps
  }

  /// X, the residuals r and c, the dual function and the largest residual at (u, v).
  private func evaluate(
    _ u: UnsafePointer<Double>, _ v: UnsafePointer<Double>, _ r: UnsafeMutablePointer<Double>,
    _ c: UnsafeMutablePointer<Double>
  ) -> (value: Double, residual: Double) {
    var (squares, sums, worst) = (0.0, 0.0, 0.0)
    for j in 0..<n { c[j] = -1 }
    for i in 0..<n {
      let (row, out, shift) = (g + i * n, x + i * n, u[i])
      var (sum, square) = (-1.0, 0.0)
      for j in 0..<n {
        let t = max(row[j] + shift + v[j], 0)
        out[j] = t
        sum += t
        square += t * t
        c[j] += t
      }
      r[i] = sum
      squares += square
      sums += u[i] + v[i]
      worst = max(worst, abs(sum))
    }
    for j in 0..<n { worst = max(worst, abs(c[j])) }
    return (0.5 * squares - sums, worst)
  }

  /// Each row to the sum 1, exactly: Newton's method from above on a convex piecewise linear
  /// function, which ends after finitely many steps.
  private func solveRows() {
    for i in 0..<n {
      let row = g + i * n
      var top = -Double.infinity
      for j in 0..<n { top = max(top, row[j] + v[j]) }
      var z = 1 - top
      for _ in 0..<64 {
        var (sum, count) = (-1.0, 0.0)
        for j in 0..<n {
          let t = row[j] + v[j] + z
          if t > 0 {
            sum += t
            count += 1
          }
        }
        if sum <= 1e-15 * Double(n) || count == 0 { break }
        z -= sum / count
      }
      u[i] = z
    }
  }

  /// Likewise all columns, side by side.
  private func solveColumns(
    _ sum: UnsafeMutablePointer<Double>, _ count: UnsafeMutablePointer<Double>
  ) {
    for j in 0..<n { sum[j] = -Double.infinity }
    for i in 0..<n {
      for j in 0..<n { sum[j] = max(sum[j], g[i * n + j] + u[i]) }
    }
    for j in 0..<n { v[j] = 1 - sum[j] }
    for _ in 0..<64 {
      for j in 0..<n { (sum[j], count[j]) = (-1, 0) }
      for i in 0..<n {
        let (row, shift) = (g + i * n, u[i])
        for j in 0..<n {
          let t = row[j] + v[j] + shift
          sum[j] += t > 0 ? t : 0
          count[j] += t > 0 ? 1 : 0
        }
      }
      var moves = false
      for j in 0..<n where sum[j] > 1e-15 * Double(n) && count[j] > 0 {
        v[j] -= sum[j] / count[j]
        moves = true
      }
      if !moves { break }
    }
  }
}
