import CKantorKernels
import KantorCore

/// The derivative of a given number of Sinkhorn sweeps, as they were done: reverse mode through
///     v = -lse_i(l + u),  u = -lse_j(l + v),  X = exp(l + u + v)
/// with all potentials kept and the plans between them formed again.
struct UnrolledSweeps: Sendable {
  let n: Int
  let rate: Double
  let sweeps: Int

  func pull(
    _ given: Buffer<Double>, batch: Int, threads: Int, _ cotangent: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: cotangent.count)
    let history = try checkedProduct(2 * n, sweeps + 1, of: "derivative")
    let width = 2 * n * n + 8 * n + history
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(threads, batch), width, of: "derivative"))
    let (ls, bars, outs, rooms) = (given.pointer, cotangent.pointer, out.pointer, scratch.pointer)
    defer { withExtendedLifetime(scratch) {} }
    let loop = BatchLoop(monitor: Monitor(), threads: threads)
    loop.run(batch, work: 40 * n * n * sweeps, progress: { _ in nil }) { part, first, end, _ in
      for b in first..<end {
        one(ls + b * n * n, bars + b * n * n, outs + b * n * n, rooms + part * width)
      }
    }
    withExtendedLifetime(given) {}
    return out
  }

  private func one(
    _ l: UnsafePointer<Double>, _ bar: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ room: UnsafeMutablePointer<Double>
  ) {
    let x = room
    let (ub, vb) = (room + n * n, room + n * n + n)
    let work = room + n * n + 2 * n
    let potentials = work + n * n + 6 * n
    // potentials + 2 n k: u and v after k sweeps.
    for i in 0..<2 * n { potentials[i] = 0 }
    for k in 1...sweeps {
      let (before, here) = (potentials + 2 * n * (k - 1), potentials + 2 * n * k)
      for i in 0..<n { here[i] = before[i] }
      let step = KnoppStep(n: n, rate: rate, l: l, x: x, u: here, v: here + n, room: work)
      step.sweep()
    }
    for i in 0..<n { (ub[i], vb[i]) = (0, 0) }
    form(l, potentials + 2 * n * sweeps, potentials + 2 * n * sweeps + n, x)
    for i in 0..<n {
      for j in 0..<n {
        let t = bar[i * n + j] * x[i * n + j]
        out[i * n + j] = t
        ub[i] += t
        vb[j] += t
      }
    }
    for k in stride(from: sweeps, through: 1, by: -1) {
      let (before, here) = (potentials + 2 * n * (k - 1), potentials + 2 * n * k)
      // x is the plan at (u_k, v_k), whose rows sum to 1.
      for i in 0..<n {
        for j in 0..<n {
          let t = ub[i] * x[i * n + j]
          out[i * n + j] -= t
          vb[j] -= t
        }
        ub[i] = 0
      }
      form(l, before, here + n, x)
      for i in 0..<n {
        for j in 0..<n {
          let t = vb[j] * x[i * n + j]
          out[i * n + j] -= t
          ub[i] -= t
        }
      }
      for j in 0..<n { vb[j] = 0 }
      if k > 1 { form(l, before, before + n, x) }
    }
    for k in 0..<n * n { out[k] *= rate }
  }

  private func form(
    _ l: UnsafePointer<Double>, _ u: UnsafePointer<Double>, _ v: UnsafePointer<Double>,
    _ x: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<n {
      for j in 0..<n { x[i * n + j] = rate * l[i * n + j] + u[i] + v[j] }
    }
    kn_exp_f64(x, x, Int64(n * n))
  }
}
