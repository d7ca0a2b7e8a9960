import KantorCore
import KantorNumerics

/// A point of the caller's in the units of the form.
struct SplittingWarmStart {
  let x: Buffer<Double>
  let y: Buffer<Double>
  /// Nil: the slack that is nearest to b - Ax.
  let s: Buffer<Double>?

  /// Nil when the caller gives neither x nor z.
  init?(_ form: SplittingForm, _ start: ConeStart) throws(KantorError) {
    if start.x == nil && start.z == nil { return nil }
    let m = form.problem.m
    x = try Buffer(count: form.n)
    y = try Buffer(count: form.rows)
    if let given = start.x {
      for j in 0..<form.n {
        x.pointer[j] = given.pointer[j] * form.sigma / form.columns.pointer[j]
      }
    }
    var support = 0.0
    if let given = start.z {
      for i in 0..<m {
        let z = form.sign.pointer[i] * given.pointer[i]
        y.pointer[i] = z * form.sigma / form.rowScale.pointer[i]
        if form.kind.pointer[i] == SplittingForm.Kind.box {
          support += min(form.low.pointer[i] * y.pointer[i], form.high.pointer[i] * y.pointer[i])
        }
      }
    }
    if form.hasBox { y.pointer[m] = -support / form.b.pointer[m] }
    guard let given = start.s else {
      s = nil
      return
    }
    let slack = try Buffer<Double>(count: form.rows)
    for i in 0..<m {
      let value = form.sign.pointer[i] * (given.pointer[i] - form.shift.pointer[i])
      slack.pointer[i] = value * form.rowScale.pointer[i] * form.sigma
    }
    if form.hasBox { slack.pointer[m] = form.b.pointer[m] }
    s = slack
  }
}
