import KantorCore

/// The symmetric system that couples row and column multipliers through a matrix W >= 0,
///
///     [ diag(W 1) + ridge    W               ] [lambda]   [p]
///     [ W'                   diag(W' 1) + ridge ] [mu  ] = [q]
///
/// by the Schur complement of the rows and its Cholesky factor. It is the Hessian of the duals of
/// both projections (W the plan, or its pattern), and what their derivatives need. The ridge takes
/// care of the shifts that change nothing: one for each connected part of W.
struct MarginalSystem {
  let n: Int
  private let factor: UnsafeMutablePointer<Double>
  private let rows: UnsafeMutablePointer<Double>
  private let list: UnsafeMutablePointer<Double>

  /// Numbers of scratch memory that a system of size n needs.
  static func room(_ n: Int) -> Int { n * n + 2 * n }

  init(n: Int, room: UnsafeMutablePointer<Double>) {
    self.n = n
    factor = room
    rows = room + n * n
    list = rows + n
  }

  /// Factors the complement; false when a pivot is not positive or the solve is to stop.
  func prepare(
    _ w: UnsafePointer<Double>, ridge: Double, pause: BatchLoop.Pause
  ) -> Bool {
    for k in 0..<n * n { factor[k] = 0 }
    for i in 0..<n {
      var sum = ridge
      var count = 0
      let row = w + i * n
      for j in 0..<n where row[j] != 0 {
        sum += row[j]
        list[count] = Double(j)
        count += 1
      }
      rows[i] = 1 / sum
      if 2 * count > n { addDense(row, rows[i]) } else { addSparse(row, rows[i], count) }
      if i & 63 == 63, n > 256, pause() { return false }
    }
    // Diagonal: column sums of W and the ridge.
    for j in 0..<n {
      var sum = ridge
      for i in 0..<n { sum += w[i * n + j] }
      factor[j * n + j] += sum
    }
    return cholesky(pause)
  }

  private func addDense(_ row: UnsafePointer<Double>, _ inverse: Double) {
    for j in 0..<n {
      let f = -row[j] * inverse
      let out = factor + j * n
      for k in j..<n { out[k] += f * row[k] }
    }
  }

  private func addSparse(_ row: UnsafePointer<Double>, _ inverse: Double, _ count: Int) {
    for s in 0..<count {
      let j = Int(list[s])
      let f = -row[j] * inverse
      let out = factor + j * n
      for t in s..<count {
        let k = Int(list[t])
        out[k] += f * row[k]
      }
    }
  }

  /// The upper factor U of S = U' U, in place of S.
  private func cholesky(_ pause: BatchLoop.Pause) -> Bool {
    for k in 0..<n {
      let top = factor + k * n
      guard top[k] > 0, top[k].isFinite else { return false }
      let inverse = 1 / top[k].squareRoot()
      for j in k..<n { top[j] *= inverse }
      var i = k + 1
      while i < n {
        let f = top[i]
        if f != 0 {
          let row = factor + i * n
          for j in i..<n { row[j] -= f * top[j] }
        }
        i += 1
      }
      if k & 15 == 15, n > 256, pause() { return false }
    }
    return true
  }

  /// p and q become lambda and mu.
  func solve(
    _ w: UnsafePointer<Double>, _ p: UnsafeMutablePointer<Double>,
    _ q: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<n {
      let f = p[i] * rows[i]
      let row = w + i * n
      for j in 0..<n { q[j] -= f * row[j] }
    }
    for k in 0..<n {
      let top = factor + k * n
      q[k] /= top[k]
      let f = q[k]
      for j in (k + 1)..<max(n, k + 1) { q[j] -= f * top[j] }
    }
    for k in stride(from: n - 1, through: 0, by: -1) {
      let top = factor + k * n
      var sum = q[k]
      for j in (k + 1)..<max(n, k + 1) { sum -= top[j] * q[j] }
      q[k] = sum / top[k]
    }
    for i in 0..<n {
      var sum = p[i]
      let row = w + i * n
      for j in 0..<n { sum -= row[j] * q[j] }
      p[i] = sum * rows[i]
    }
  }
}

/// The derivative of both projections: with W the plan (or its pattern) and Xbar the cotangent of
/// the projection, W (Xbar - lambda 1' - 1 mu') with the multipliers of the system above, whose
/// right sides are the row and column sums of W Xbar.
enum MarginalDerivative {
  static func pull(
    _ problem: DoublyStochasticProblem, n: Int, weights: Buffer<Double>, rate: Double,
    threads: Int, _ cotangent: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let batch = problem.batch
    let out = try Buffer<Double>(count: cotangent.count)
    let width = MarginalSystem.room(n) + 4 * n
    let loop = BatchLoop(monitor: Monitor(), threads: threads)
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(threads, batch), width, of: "derivative"))
    defer { withExtendedLifetime(scratch) {} }
    let (ws, bars, outs, rooms) = (
      weights.pointer, cotangent.pointer, out.pointer, scratch.pointer
    )
    loop.run(batch, work: n * n * n, progress: { _ in nil }) { part, first, end, pause in
      let room = rooms + part * width
      let system = MarginalSystem(n: n, room: room)
      let p = room + MarginalSystem.room(n)
      for b in first..<end {
        one(system, ws + b * n * n, bars + b * n * n, outs + b * n * n, p, pause)
        for k in 0..<n * n { outs[b * n * n + k] *= rate }
      }
    }
    withExtendedLifetime(weights) {}
    return out
  }

  private static func one(
    _ system: MarginalSystem, _ w: UnsafePointer<Double>, _ bar: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ p: UnsafeMutablePointer<Double>,
    _ pause: BatchLoop.Pause
  ) {
    let n = system.n
    let q = p + n
    var ridge = 1e-13
    while !system.prepare(w, ridge: ridge, pause: pause), ridge < 1 { ridge *= 100 }
    for k in 0..<n * n { out[k] = w[k] * bar[k] }
    // The second round takes back what the ridge did to the first.
    for _ in 0..<2 {
      for j in 0..<n { q[j] = 0 }
      for i in 0..<n {
        p[i] = 0
        for j in 0..<n {
          p[i] += out[i * n + j]
          q[j] += out[i * n + j]
        }
      }
      system.solve(w, p, q)
      for i in 0..<n {
        for j in 0..<n { out[i * n + j] -= w[i * n + j] * (p[i] + q[j]) }
      }
    }
  }
}
