import KantorBlocks
import KantorCore
import KantorNumerics

/// Projections on the dual cones of a splitting's rows.
final class SplittingCones {
  private let form: SplittingForm
  /// Takes the rows of boxes as they are, without bounds.
  private let general: ConeProjection?
  /// The last t of the two-sided rows: mostly the next one is near.
  private var top = 1.0
  private let lowPerTop: Buffer<Double>
  private let highPerTop: Buffer<Double>

  init(_ form: SplittingForm) throws(KantorError) {
    self.form = form
    let m = form.problem.m
    lowPerTop = try Buffer(count: m)
    highPerTop = try Buffer(count: m)
    if form.hasBox {
      let unit = form.b.pointer[m]
      for i in 0..<m where form.kind.pointer[i] == SplittingForm.Kind.box {
        lowPerTop.pointer[i] = form.low.pointer[i] / unit
        highPerTop.pointer[i] = form.high.pointer[i] / unit
      }
    }
    general = form.hasGeneral ? try ConeProjection(form.problem.cones, lower: nil, upper: nil) : nil
  }

  /// v <- the nearest point of K*. False when an entry is not finite or an eigenvalue computation
  /// did not converge.
  func projectDual(_ v: UnsafeMutablePointer<Double>) -> Bool {
    let (m, kind) = (form.problem.m, form.kind.pointer)
    let isFine = general?.projectDual(v) ?? true
    for i in 0..<m {
      switch kind[i] {
      case SplittingForm.Kind.nonnegative: if v[i] < 0 { v[i] = 0 }
      case SplittingForm.Kind.free: v[i] = 0
      default: break
      }
    }
    if form.hasBox { projectBoxDual(v) }
    return isFine
  }

  // MARK: Two-sided rows

  /// Moreau: the dual part of v is v + the point of the cone nearest to -v.
  private func projectBoxDual(_ v: UnsafeMutablePointer<Double>) {
    let (m, kind) = (form.problem.m, form.kind.pointer)
    let (low, high) = (lowPerTop.pointer, highPerTop.pointer)
    let t = boxTop(v)
    for i in 0..<m where kind[i] == SplittingForm.Kind.box {
      v[i] += min(max(-v[i], t * low[i]), t * high[i])
    }
    v[m] += t
  }

  /// t of the nearest point of {t low <= s <= t high} to -v: the root of an increasing piecewise
  /// linear function, by Newton's method between bounds.
  private func boxTop(_ v: UnsafePointer<Double>) -> Double {
    let goal = -v[form.problem.m]
    var (lowest, highest) = (0.0, Double.infinity)
    if slope(v, at: 0, goal).value >= 0 { return 0 }
    var t = max(top, 1e-300)
    for _ in 0..<60 {
      let (value, derivative) = slope(v, at: t, goal)
      if value == 0 { break }
      if value > 0 { highest = t } else { lowest = t }
      var next = t - value / derivative
      if !(next > lowest && next < highest) {
        next = highest.isFinite ? 0.5 * (lowest + highest) : 2 * t
      }
      if abs(next - t) <= 1e-15 * t {
        t = next
        break
      }
      t = next
    }
    top = t
    return t
  }

  private func slope(
    _ v: UnsafePointer<Double>, at t: Double, _ goal: Double
  ) -> (value: Double, derivative: Double) {
    let (m, kind) = (form.problem.m, form.kind.pointer)
    let (low, high) = (lowPerTop.pointer, highPerTop.pointer)
    var (value, derivative) = (t - goal, 1.0)
    for i in 0..<m where kind[i] == SplittingForm.Kind.box {
      let s = -v[i]
      if s > t * high[i] {
        value += high[i] * (t * high[i] - s)
        derivative += high[i] * high[i]
      } else if s < t * low[i] {
        value += low[i] * (t * low[i] - s)
        derivative += low[i] * low[i]
      }
    }
    return (value, derivative)
  }
}
