import CKantorKernels
import KantorCore

/// How `sinkhorn_knopp` treats some matrices of a batch; pointers into the batch.
struct KnoppPlan: @unchecked Sendable {
  let n: Int
  let rate: Double
  /// 0: until the tolerance.
  let sweeps: Int
  let tolerance: Double
  let limit: Int
  let given: UnsafePointer<Double>
  let x: UnsafeMutablePointer<Double>
  let u: UnsafeMutablePointer<Double>
  let v: UnsafeMutablePointer<Double>

  /// Sweeps between two looks at the error, and sweeps before Newton's method.
  static let stride = 8
  static let patience = 48
  /// Marks of matrices with nothing done, and with scalings to go on from.
  static let untouched = -1.0
  static let slow = -2.0

  static func room(_ n: Int) -> Int {
    let group = n <= SinkhornKnopp.groupedSize ? Int(KN_GROUP) * (n * n + 2 * n + 1) : 0
    return max(group, n * n + MarginalSystem.room(n) + 8 * n)
  }

  /// Iterations of the slowest matrix; more than the limit when some has not converged.
  func run(
    _ matrices: Range<Int>, isGroup: Bool, _ room: UnsafeMutablePointer<Double>,
    _ pause: BatchLoop.Pause
  ) -> Int {
    var most = 0
    if isGroup {
      most = runGroup(matrices, room)
    } else {
      for b in matrices { x[b * n * n] = Self.untouched }
    }
    for b in matrices where x[b * n * n] < 0 {
      most = max(most, runOne(b, room, pause))
    }
    return most
  }

  /// Eight matrices in the lanes of the vectors. Those that it leaves to `runOne` are marked in
  /// their first entry.
  private func runGroup(_ matrices: Range<Int>, _ room: UnsafeMutablePointer<Double>) -> Int {
    let lanes = Int(KN_GROUP)
    let (kernel, us) = (room, room + lanes * n * n)
    let (ws, error) = (us + lanes * n, us + 2 * lanes * n)
    var isPlain = true
    for t in 0..<lanes {
      // Unused lanes repeat the first matrix.
      let l = given + (t < matrices.count ? matrices.lowerBound + t : matrices.lowerBound) * n * n
      var (low, high) = (l[0], l[0])
      for k in 1..<max(n * n, 1) where n > 1 {
        low = min(low, l[k])
        high = max(high, l[k])
      }
      isPlain = isPlain && (high - low) * rate <= SinkhornKnopp.plainSpread
      for k in 0..<n * n { kernel[k * lanes + t] = (l[k] - high) * rate }
      for i in 0..<n { us[i * lanes + t] = 1 }
      error[t] = high * rate
    }
    guard isPlain else {
      for b in matrices { x[b * n * n] = Self.untouched }
      return 0
    }
    var top = [Double](repeating: 0, count: lanes)
    for t in 0..<lanes { top[t] = error[t] }
    kn_exp_f64(kernel, kernel, Int64(lanes * n * n))
    var done = 0
    var worst = Double.infinity
    let most = sweeps > 0 ? sweeps : min(Self.patience, limit)
    while done < most, worst > tolerance {
      let next = sweeps > 0 ? sweeps : min(Self.stride, most - done)
      kn_balance_group_f64(kernel, Int64(n), Int64(next), us, ws, error)
      done += next
      worst = 0
      for t in 0..<lanes { worst = error[t] <= worst ? worst : error[t] }
    }
    for (t, b) in matrices.enumerated() {
      if error[t].isFinite {
        store(b, t, lanes, kernel, us, ws, top[t])
        if sweeps == 0, !(error[t] <= tolerance) { x[b * n * n] = Self.slow }
      } else {
        x[b * n * n] = Self.untouched
      }
    }
    return done
  }

  private func store(
    _ b: Int, _ t: Int, _ lanes: Int, _ kernel: UnsafePointer<Double>,
    _ us: UnsafePointer<Double>, _ ws: UnsafePointer<Double>, _ top: Double
  ) {
    let out = x + b * n * n
    for i in 0..<n {
      let scale = us[i * lanes + t]
      for j in 0..<n {
        out[i * n + j] = scale * kernel[(i * n + j) * lanes + t] * ws[j * lanes + t]
      }
      u[b * n + i] = scale
      v[b * n + i] = ws[i * lanes + t]
    }
    kn_log_f64(u + b * n, u + b * n, Int64(n))
    kn_log_f64(v + b * n, v + b * n, Int64(n))
    for i in 0..<n { u[b * n + i] -= top }
  }
}

/// One matrix through logarithms, which neither over- nor underflow, and Newton's method.
extension KnoppPlan {
  private func runOne(
    _ b: Int, _ room: UnsafeMutablePointer<Double>, _ pause: BatchLoop.Pause
  ) -> Int {
    let one = KnoppStep(
      n: n, rate: rate, l: given + b * n * n, x: x + b * n * n, u: u + b * n, v: v + b * n,
      room: room)
    if x[b * n * n] == Self.slow {
      return one.newton(
        from: min(Self.patience, limit), tolerance: tolerance, limit: limit, pause)
    }
    for i in 0..<n { (one.u[i], one.v[i]) = (0, 0) }
    var done = 0
    let most = sweeps > 0 ? sweeps : min(Self.patience, limit)
    while done < most {
      if pause() { break }
      one.sweep()
      done += 1
      let worst = one.form()
      if sweeps == 0, worst <= tolerance { return done }
    }
    if sweeps > 0 { return done }
    return one.newton(from: done, tolerance: tolerance, limit: limit, pause)
  }
}

struct KnoppStep {
  let n: Int
  let rate: Double
  let l: UnsafePointer<Double>
  let x: UnsafeMutablePointer<Double>
  let u: UnsafeMutablePointer<Double>
  let v: UnsafeMutablePointer<Double>
  let room: UnsafeMutablePointer<Double>

  /// v, then u; x serves as scratch.
  func sweep() {
    columns()
    rows()
  }

  func columns() {
    let (top, sum) = (room, room + n)
    for j in 0..<n { (top[j], sum[j]) = (-Double.infinity, 0) }
    for i in 0..<n {
      for j in 0..<n {
        x[i * n + j] = rate * l[i * n + j] + u[i]
        top[j] = max(top[j], x[i * n + j])
      }
    }
    for i in 0..<n {
      for j in 0..<n { x[i * n + j] -= top[j] }
      kn_exp_f64(x + i * n, x + i * n, Int64(n))
      for j in 0..<n { sum[j] += x[i * n + j] }
    }
    kn_log_f64(sum, sum, Int64(n))
    for j in 0..<n { v[j] = -(top[j] + sum[j]) }
  }

  func rows() {
    for i in 0..<n {
      let row = x + i * n
      for j in 0..<n { row[j] = rate * l[i * n + j] + v[j] }
      u[i] = -kn_logsumexp_f64(row, Int64(n))
    }
  }

  /// X at (u, v) and the largest error of its sums; r and c stand in `room`.
  func form() -> Double {
    let (r, c) = (room, room + n)
    for j in 0..<n { c[j] = -1 }
    var worst = 0.0
    for i in 0..<n {
      let row = x + i * n
      for j in 0..<n { row[j] = rate * l[i * n + j] + u[i] + v[j] }
      kn_exp_f64(row, row, Int64(n))
      r[i] = -1
      for j in 0..<n {
        r[i] += row[j]
        c[j] += row[j]
      }
      worst = abs(r[i]) <= worst ? worst : abs(r[i])
    }
    for j in 0..<n { worst = abs(c[j]) <= worst ? worst : abs(c[j]) }
    return worst
  }

  /// The dual function, to be minimised: with row sums r + 1.
  private var value: Double {
    var sum = 0.0
    for i in 0..<n { sum += room[i] + 1 - u[i] - v[i] }
    return sum
  }

  func newton(
    from start: Int, tolerance: Double, limit: Int, _ pause: BatchLoop.Pause
  ) -> Int {
    let vectors = room + 2 * n
    let (du, dv, oldU, oldV) = (vectors, vectors + n, vectors + 2 * n, vectors + 3 * n)
    let system = MarginalSystem(n: n, room: vectors + 4 * n)
    var done = start
    var worst = form()
    while !(worst <= tolerance) {
      if done >= limit { return limit + 1 }
      if pause() { return done }
      done += 1
      for i in 0..<n {
        (du[i], dv[i]) = (-room[i], -room[n + i])
        (oldU[i], oldV[i]) = (u[i], v[i])
      }
      let before = value
      var ridge = 1e-13
      while !system.prepare(x, ridge: ridge, pause: pause) {
        if ridge > 1 || pause() { return done }
        ridge *= 100
      }
      system.solve(x, du, dv)
      var (s, descent) = (1.0, 0.0)
      for i in 0..<n { descent += room[i] * du[i] + room[n + i] * dv[i] }
      while s > 1e-12 {
        for i in 0..<n {
          u[i] = oldU[i] + s * du[i]
          v[i] = oldV[i] + s * dv[i]
        }
        let next = form()
        if value <= before + 1e-4 * s * descent || next <= 0.9 * worst { break }
        s *= 0.5
      }
      sweep()
      let next = form()
      // Rounding stands in the way: what was reached stays.
      if s <= 1e-12, !(next < worst) { return done }
      worst = next
    }
    return done
  }
}
