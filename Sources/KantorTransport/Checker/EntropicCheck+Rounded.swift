import CKantorKernels
import KantorCore
import KantorNumerics

extension EntropicCheck {
  /// <P', C> and <P', C> + eps KL(P' | a b^T) of a rounded plan, entry by entry: for callers who
  /// are given P' itself. One more pass.
  package func value(
    of rounding: Rounding
  ) throws(KantorError) -> (transportCost: Double, objective: Double) {
    let (n, m) = (cost.n, cost.m)
    let costs = try Buffer<Double>(count: n)
    let entropies = try Buffer<Double>(count: n)
    let logs = try Buffer<Double>(count: parallel.threads * m)
    let scratch = try Scratch(self)
    parallel.forEach(n) { part, first, end in
      let ratio = logs.pointer + part * m
      for i in first..<end where a[i] > 0 {
        let c = cost.row(i, scratch.costs(part))
        let p = scratch.plan(part)
        planRow(i, c, p)
        for j in 0..<m {
          p[j] = rounding.x.pointer[i] * p[j] * rounding.y.pointer[j] + rounding.added(i, j)
          ratio[j] = p[j] > 0 ? p[j] / (a[i] * b[j]) : 1
        }
        kn_log_f64(ratio, ratio, Int64(m))
        var (value, entropy) = (0.0, 0.0)
        for j in 0..<m where p[j] > 0 {
          value += p[j] * c[j]
          entropy += p[j] * ratio[j]
        }
        costs.pointer[i] = value
        entropies.pointer[i] = entropy
      }
    }
    var (value, entropy) = (CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      value.add(costs.pointer[i])
      entropy.add(entropies.pointer[i])
    }
    return (value.value, value.value + epsilon * (entropy.value - mass + mass * mass))
  }
}
