import KantorBlocks
import KantorCore
import KantorNumerics

/// Residuals and gap of a point of the scaled program in the caller's units, by the measures that
/// the checker takes but in plain arithmetic.
final class SplittingResiduals {
  private let form: SplittingForm
  private let units: DataUnits
  /// Of the point as given, with its factor tau.
  let ax: Buffer<Double>
  let px: Buffer<Double>
  let aty: Buffer<Double>
  private(set) var relativePrimal = Double.nan
  private(set) var relativeDual = Double.nan
  private(set) var gap = Double.nan
  private(set) var objective = Double.nan
  private(set) var primalRatio = Double.nan
  private(set) var dualRatio = Double.nan

  var worst: Double {
    let sum = relativePrimal + relativeDual + gap
    return sum.isNaN ? .nan : max(relativePrimal, relativeDual, gap)
  }

  init(_ form: SplittingForm) throws(KantorError) {
    self.form = form
    units = form.problem.units
    ax = try Buffer(count: form.rows)
    px = try Buffer(count: form.n)
    aty = try Buffer(count: form.n)
  }

  func update(
    x: UnsafePointer<Double>, y: UnsafePointer<Double>, s: UnsafePointer<Double>, tau: Double
  ) {
    ax.fill(0)
    px.fill(0)
    aty.fill(0)
    form.a.multiply(x, into: ax.pointer)
    form.a.multiplyTransposed(y, into: aty.pointer)
    if form.p.count > 0 { form.p.multiplySymmetric(x, into: px.pointer) }
    let inverse = 1 / tau
    primal(s, inverse)
    dual(x, inverse)
    values(x, y, inverse)
  }

  private func primal(_ s: UnsafePointer<Double>, _ inverse: Double) {
    let (b, e, kind) = (form.b.pointer, form.rowScale.pointer, form.kind.pointer)
    var (miss, size) = (0.0, 0.0)
    for i in 0..<form.problem.m {
      let value = b[i] - ax.pointer[i] * inverse
      var gone = 0.0
      var top = abs(ax.pointer[i])
      switch kind[i] {
      case SplittingForm.Kind.zero: gone = abs(value)
      case SplittingForm.Kind.nonnegative: gone = max(0, -value)
      case SplittingForm.Kind.box:
        gone = max(0, form.low.pointer[i] - value, value - form.high.pointer[i])
      case SplittingForm.Kind.general:
        gone = abs(value - s[i] * inverse)
        top = max(top, abs(s[i]))
      default: continue
      }
      let unit = 1 / (e[i] * form.sigma)
      // max passes over NaN.
      if !(gone * unit <= miss) { miss = gone * unit }
      size = max(size, top * inverse * unit)
    }
    relativePrimal = miss / max(units.primal, size, form.largestB)
    primalRatio = miss / max(size, form.largestB, 1e-12)
  }

  private func dual(_ x: UnsafePointer<Double>, _ inverse: Double) {
    let (q, d) = (form.q.pointer, form.columns.pointer)
    var (miss, size) = (0.0, 0.0)
    for j in 0..<form.n {
      let unit = 1 / (d[j] * form.sigma)
      let (p, a) = (px.pointer[j] * inverse, aty.pointer[j] * inverse)
      let gone = abs(p + a + q[j]) * unit
      if !(gone <= miss) { miss = gone }
      size = max(size, max(abs(p), abs(a), abs(q[j])) * unit)
    }
    relativeDual = miss / max(units.dual, size)
    dualRatio = miss / max(size, 1e-12)
  }

  private func values(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ inverse: Double
  ) {
    var (quadratic, linear, other) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for j in 0..<form.n {
      quadratic.add(x[j] * px.pointer[j])
      linear.add(x[j] * form.q.pointer[j])
    }
    for i in 0..<form.problem.m {
      other.add(-form.b.pointer[i] * y[i])
      if form.kind.pointer[i] == SplittingForm.Kind.box {
        other.add(min(form.low.pointer[i] * y[i], form.high.pointer[i] * y[i]))
      }
    }
    let unit = 1 / (form.sigma * form.sigma)
    let half = 0.5 * quadratic.value * inverse * inverse
    objective = (half + linear.value * inverse) * unit
    let bound = (other.value * inverse - half) * unit
    gap = abs(objective - bound) / max(units.value, min(abs(objective), abs(bound)))
  }
}

/// Whether a vector is a ray, by the measure that the checker takes but in plain arithmetic: how
/// much smaller A'z (or Px and the distance of -Ax) is than what the same weights give if nothing
/// cancels.
struct SplittingRays {
  let problem: ConeProblem
  /// The checker asks for 1e7.
  private static let needed = 2e7

  func provesInfeasible(_ z: Buffer<Double>) throws(KantorError) -> Bool {
    let (n, m, b) = (problem.n, problem.m, problem.b.pointer)
    var (value, size) = (0.0, 0.0)
    for i in 0..<m {
      let zi = z.pointer[i]
      value += b[i] * zi
      size += abs(b[i] * zi)
      guard let lower = problem.lower, let upper = problem.upper, zi != 0 else { continue }
      let side = zi > 0 ? lower.pointer[i] : upper.pointer[i]
      guard side.isFinite else { continue }
      value -= side * zi
      size += abs(side * zi)
    }
    guard value < 0, value.isFinite else { return false }
    let sum = try Buffer<Double>(count: n)
    let terms = try Buffer<Double>(count: n)
    let a = problem.a
    for j in 0..<n {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let t = a.values.pointer[k] * z.pointer[Int(a.indices.pointer[k])]
        sum.pointer[j] += t
        terms.pointer[j] += abs(t)
      }
    }
    return size * Self.length(sum) * Self.needed <= Self.length(terms) * -value
  }

  /// `slack` is a vector of the cones (of their recession cones) near to -Ax.
  func provesUnbounded(
    _ x: Buffer<Double>, slack: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let (n, m) = (problem.n, problem.m)
    var (value, size) = (0.0, 0.0)
    for j in 0..<n {
      value += problem.q.pointer[j] * x.pointer[j]
      size += abs(problem.q.pointer[j] * x.pointer[j])
    }
    guard value < 0, value.isFinite else { return false }
    let rest = try Buffer<Double>(count: n + m)
    let terms = try Buffer<Double>(count: n + m)
    problem.p.multiplySymmetric(x.pointer, into: rest.pointer)
    problem.a.multiply(x.pointer, into: rest.pointer + n)
    for i in 0..<m { rest.pointer[n + i] += slack.pointer[i] }
    for j in 0..<n {
      let x = abs(x.pointer[j])
      for k in problem.p.starts.pointer[j]..<problem.p.starts.pointer[j + 1] {
        let i = Int(problem.p.indices.pointer[k])
        terms.pointer[i] += abs(problem.p.values.pointer[k]) * x
      }
      for k in problem.a.starts.pointer[j]..<problem.a.starts.pointer[j + 1] {
        let i = n + Int(problem.a.indices.pointer[k])
        terms.pointer[i] += abs(problem.a.values.pointer[k]) * x
      }
    }
    return size * Self.length(rest) * Self.needed <= Self.length(terms) * -value
  }

  private static func length(_ v: Buffer<Double>) -> Double {
    var top = 0.0
    for i in 0..<v.count { top = max(top, abs(v.pointer[i])) }
    if top == 0 || !top.isFinite { return top }
    var sum = 0.0
    for i in 0..<v.count { sum += (v.pointer[i] / top) * (v.pointer[i] / top) }
    return top * sum.squareRoot()
  }
}
