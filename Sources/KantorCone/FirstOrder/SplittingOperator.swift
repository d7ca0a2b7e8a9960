import KantorCore
import KantorNumerics

/// The splitting's operator: w -> u~ (a linear system) -> u (projections) -> w + alpha (u - u~).
final class SplittingOperator {
  let form: SplittingForm
  let system: SplittingSystem
  let cones: SplittingCones
  /// n + rows + 1, the last one for tau.
  let size: Int
  let w: Buffer<Double>
  let half: Buffer<Double>
  let u: Buffer<Double>
  let metric: Buffer<Double>
  private let g: Buffer<Double>
  private var gRg = 0.0
  /// False once a projection has failed.
  private(set) var isFine = true

  static let variableWeight = 1e-6
  static let equationFactor = 1000.0
  static let tauWeight = 10.0

  init(_ form: SplittingForm, _ system: SplittingSystem) throws(KantorError) {
    self.form = form
    self.system = system
    cones = try SplittingCones(form)
    size = try checkedSum(form.n + form.rows, 1, of: "splitting")
    w = try Buffer(count: size)
    half = try Buffer(count: size)
    u = try Buffer(count: size)
    metric = try Buffer(count: size)
    g = try Buffer(count: size)
  }

  var tau: Double { u.pointer[size - 1] }

  /// The metric of a scale, and the factor. False when the factor is of no use.
  func setScale(_ scale: Double) -> Bool {
    let (n, r) = (form.n, metric.pointer)
    for j in 0..<n { r[j] = Self.variableWeight }
    for i in 0..<form.rows {
      let isEquation = form.kind.pointer[i] == SplittingForm.Kind.zero
      r[n + i] = 1 / (isEquation ? Self.equationFactor * scale : scale)
    }
    r[size - 1] = Self.tauWeight
    guard system.refactor(r) else { return false }
    for j in 0..<n { g.pointer[j] = form.q.pointer[j] }
    for i in 0..<form.rows { g.pointer[n + i] = -form.b.pointer[i] }
    system.solve(g.pointer)
    gRg = 0
    for i in 0..<(size - 1) { gRg += g.pointer[i] * r[i] * g.pointer[i] }
    return gRg.isFinite
  }

  /// u~ and u from w; `tau` fixes tau of u~.
  func apply(fixing tau: Double? = nil) {
    let (n, last) = (form.n, size - 1)
    let (w, p, u, r, g) = (w.pointer, half.pointer, u.pointer, metric.pointer, g.pointer)
    for j in 0..<n { p[j] = r[j] * w[j] }
    for i in n..<last { p[i] = -r[i] * w[i] }
    system.solve(p)
    let t = tau ?? root(p, w)
    p[last] = t
    for i in 0..<last {
      let x = p[i] - t * g[i]
      p[i] = x
      u[i] = 2 * x - w[i]
    }
    for j in 0..<n { u[j] = 2 * p[j] - w[j] }
    u[last] = max(0, 2 * t - w[last])
    if !cones.projectDual(u + n) { isFine = false }
  }

  /// The larger root of a t^2 + b t + c = 0, tau of the linear part.
  private func root(_ p: UnsafePointer<Double>, _ w: UnsafePointer<Double>) -> Double {
    let (last, r, g) = (size - 1, metric.pointer, g.pointer)
    var (wg, pg, pp, pw) = (0.0, 0.0, 0.0, 0.0)
    for i in 0..<last {
      let rp = r[i] * p[i]
      let rg = r[i] * g[i]
      wg += w[i] * rg
      pg += p[i] * rg
      pp += p[i] * rp
      pw += w[i] * rp
    }
    let a = Self.tauWeight + gRg
    let b = wg - 2 * pg - Self.tauWeight * w[last]
    let c = pp - pw
    let discriminant = max(0, b * b - 4 * a * c).squareRoot()
    // Without cancellation.
    return b <= 0 ? (discriminant - b) / (2 * a) : max(0, -2 * c / (b + discriminant))
  }

  /// s, in the cones: the rows' part of R (u + w - 2u~).
  func slack(into s: UnsafeMutablePointer<Double>) {
    let n = form.n
    for i in 0..<form.rows {
      let k = n + i
      s[i] = metric.pointer[k] * (u.pointer[k] + w.pointer[k] - 2 * half.pointer[k])
    }
  }

  /// Length of u - u~ in the metric.
  var error: Double {
    var sum = 0.0
    for i in 0..<size {
      let d = u.pointer[i] - half.pointer[i]
      sum += metric.pointer[i] * d * d
    }
    return sum.squareRoot()
  }
}
