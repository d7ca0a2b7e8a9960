import Glibc
import KantorCore
import KantorNumerics

/// -infinity of the wrong side makes barriers infinite, not NaN.
@inline(__always)
func safeLog(_ x: Double) -> Double { x > 0 ? log(x) : -.infinity }

/// s_0 >= |s_1|, with the Nesterov-Todd scaling
///     W = eta [w_0 w_1'; w_1 I + w_1 w_1'/(1 + w_0)],  W'W = eta^2 (2ww' - J),  w'Jw = 1.
///
/// Beyond four rows W'W = eta^2 (D + uu' - vv') with D diagonal, and u and v get a row of the
/// system each, which keeps it sparse and quasidefinite.
///
/// Source: L. Vandenberghe, "The CVXOPT linear and quadratic cone program solvers" (2010), for the
/// scaling; A. Domahidi, E. Chu, S. Boyd, "ECOS: an SOCP solver for embedded systems" (2013), for
/// the expansion.
final class SecondOrderBlock: ConeBlock {
  private let w: Buffer<Double>
  private let lambda: Buffer<Double>
  private let work: Buffer<Double>
  private var eta = 1.0
  private let isExpanded: Bool
  private var slots = 0..<0

  private static let mostDense = 4

  init(row: Int, size: Int) throws(KantorError) {
    w = try Buffer(count: size)
    lambda = try Buffer(count: size)
    work = try Buffer(count: try checkedProduct(size, 2, of: "second-order cone"))
    isExpanded = size > Self.mostDense
    super.init(row: row, count: size)
    resetScaling()
  }

  override var degree: Int { 1 }
  override var needsCommonScale: Bool { true }

  override func start(_ s: Entries, _ z: Entries) {
    for i in 0..<count { (s[i], z[i]) = (i == 0 ? 1 : 0, i == 0 ? 1 : 0) }
  }

  override func margin(_ v: Given, isDual: Bool) -> (least: Double, sum: Double) {
    let t = v[0] - norm(v)
    return (t, max(t, 0))
  }

  override func shift(_ v: Entries, _ t: Double, isDual: Bool) { v[0] += t }

  @inline(__always)
  private func norm(_ v: Given) -> Double {
    var sum = 0.0
    for i in 1..<count { sum += v[i] * v[i] }
    return sum.squareRoot()
  }

  /// v'Jv without cancellation.
  @inline(__always)
  private func form(_ v: Given) -> Double {
    let t = norm(v)
    return (v[0] - t) * (v[0] + t)
  }

  // MARK: Scaling

  override func resetScaling() {
    w.fill(0)
    w.pointer[0] = 1
    lambda.fill(0)
    lambda.pointer[0] = 1
    eta = 1
  }

  override func updateScaling(_ s: Given, _ z: Given, mu: Double, dual: Bool) -> Bool {
    let (squareS, squareZ) = (form(s), form(z))
    guard s[0] > 0, z[0] > 0, squareS > 0, squareZ > 0 else { return false }
    let (ns, nz) = (squareS.squareRoot(), squareZ.squareRoot())
    var inner = s[0] / ns * (z[0] / nz)
    for i in 1..<count { inner += s[i] / ns * (z[i] / nz) }
    let g = (0.5 * (1 + inner)).squareRoot()
    guard g > 0, g.isFinite else { return false }
    var square = 0.0
    let p = w.pointer
    for i in 1..<count {
      p[i] = (s[i] / ns - z[i] / nz) / (2 * g)
      square += p[i] * p[i]
    }
    p[0] = (1 + square).squareRoot()
    eta = (ns / nz).squareRoot()
    scale(z, into: lambda.pointer)
    return eta > 0 && eta.isFinite && p[0].isFinite
  }

  /// W v.
  private func scale(_ v: Given, into out: Entries) {
    let p = w.pointer
    var inner = 0.0
    for i in 1..<count { inner += p[i] * v[i] }
    let t = v[0] + inner / (1 + p[0])
    out[0] = eta * (p[0] * v[0] + inner)
    for i in 1..<count { out[i] = eta * (v[i] + t * p[i]) }
  }

  /// W^-1 v.
  private func unscale(_ v: Given, into out: Entries) {
    let p = w.pointer
    var inner = 0.0
    for i in 1..<count { inner += p[i] * v[i] }
    let t = inner / (1 + p[0]) - v[0]
    out[0] = (p[0] * v[0] - inner) / eta
    for i in 1..<count { out[i] = (v[i] + t * p[i]) / eta }
  }

  override func apply(_ v: Given, into out: Entries) {
    let p = w.pointer
    var inner = 0.0
    for i in 0..<count { inner += p[i] * v[i] }
    let square = eta * eta
    out[0] = square * (2 * inner * p[0] - v[0])
    for i in 1..<count { out[i] = square * (2 * inner * p[i] + v[i]) }
  }

  /// H^-1 = (2 Jw (Jw)' - J) / eta^2.
  override func applyInverse(_ v: Given, into out: Entries) {
    let p = w.pointer
    var inner = p[0] * v[0]
    for i in 1..<count { inner -= p[i] * v[i] }
    let square = 1 / (eta * eta)
    out[0] = square * (2 * inner * p[0] - v[0])
    for i in 1..<count { out[i] = square * (v[i] - 2 * inner * p[i]) }
  }

  override var rank: Int { 1 }

  override func parts(inverse: Bool, _ d: Entries, _ vectors: Entries) {
    let factor = inverse ? 1 / eta : eta
    for i in 0..<count {
      d[i] = i == 0 ? -factor * factor : factor * factor
      let sign: Double = inverse && i > 0 ? -1 : 1
      vectors[i] = sign * factor * 2.0.squareRoot() * w.pointer[i]
    }
  }

  override func combined(
    _ c: Entries, s: Given, z: Given, ds: Given, dz: Given, weight: Double, sigmaMu: Double
  ) {
    let (a, b, l) = (work.pointer, work.pointer + count, lambda.pointer)
    unscale(ds, into: a)
    scale(dz, into: b)
    for i in 0..<count { b[i] *= weight }
    // d = a o b - sigma mu e.
    var head = a[0] * b[0]
    for i in 1..<count { head += a[i] * b[i] }
    for i in 1..<count { b[i] = a[0] * b[i] + b[0] * a[i] }
    b[0] = head - sigmaMu
    // lambda \ d.
    var inner = 0.0
    for i in 1..<count { inner += l[i] * b[i] }
    let x = (l[0] * b[0] - inner) / form(l)
    for i in 1..<count { b[i] = (b[i] - x * l[i]) / l[0] }
    b[0] = x
    scale(b, into: c)
    for i in 0..<count { c[i] += s[i] }
  }

  // MARK: Steps

  override func step(s: Given, z: Given, ds: Given, dz: Given, limit: Double) -> Double {
    min(root(s, ds, limit), root(z, dz, limit))
  }

  /// The smallest positive root of (v + t d)'J(v + t d).
  private func root(_ v: Given, _ d: Given, _ limit: Double) -> Double {
    var bound = limit
    if d[0] < 0 { bound = min(bound, -v[0] / d[0]) }
    let (a, c) = (form(d), form(v))
    var b = v[0] * d[0]
    for i in 1..<count { b -= v[i] * d[i] }
    let discriminant = b * b - a * c
    if (a > 0 && b > 0) || discriminant < 0 { return bound }
    if c <= 0 { return a >= 0 ? bound : 0 }
    let t = b >= 0 ? -b - discriminant.squareRoot() : -b + discriminant.squareRoot()
    if t == 0 { return bound }
    let (first, second) = (c / t, a == 0 ? -1 : t / a)
    if first > 0 { bound = min(bound, first) }
    if second > 0 { bound = min(bound, second) }
    return bound
  }

  override func barrier(_ s: Given, _ z: Given) -> Double {
    guard s[0] > 0, z[0] > 0 else { return .infinity }
    return -0.5 * (safeLog(form(s)) + safeLog(form(z)))
  }

  // MARK: The sparse system

  override var extraSigns: [Int8] { isExpanded ? [-1, 1] : [] }

  override func append(
    _ assembly: inout SymmetricAssembly, at: Int, extra: Int
  ) throws(KantorError) {
    guard isExpanded else {
      slots = try assembly.appendTriangle(at: at, order: count)
      return
    }
    let first = assembly.count
    for i in 1..<count { try assembly.append(at + i, extra, 0) }
    for i in 0..<count { try assembly.append(at + i, extra + 1, 0) }
    slots = first..<assembly.count
    // The order of slots: v without its first entry, which is 0; then u.
    try assembly.append(extra, extra, -1)
    try assembly.append(extra + 1, extra + 1, 1)
  }

  override func write(_ system: KKTSystem, at: Int) {
    let (p, square) = (w.pointer, eta * eta)
    guard isExpanded else {
      var slot = slots.lowerBound
      for j in 0..<count {
        for i in 0...j {
          let sign: Double = i == j ? (i == 0 ? -1 : 1) : 0
          system.set(slot, -square * (2 * p[i] * p[j] + sign))
          slot += 1
        }
      }
      return
    }
    var tail = 0.0
    for i in 1..<count { tail += p[i] * p[i] }
    let whole = p[0] * p[0] + tail
    let d = 0.5 / whole
    let u0 = (whole - d).squareRoot()
    let u1 = 2 * p[0] / u0
    let v1 = (2 * (2 + 1 / whole) / (2 * whole - 1 / whole)).squareRoot()
    system.setDiagonal(at, -square * d)
    for i in 1..<count { system.setDiagonal(at + i, -square) }
    var slot = slots.lowerBound
    for i in 1..<count {
      system.set(slot, -square * v1 * p[i])
      slot += 1
    }
    system.set(slot, -square * u0)
    slot += 1
    for i in 1..<count {
      system.set(slot, -square * u1 * p[i])
      slot += 1
    }
    system.set(slot, -square)
    system.set(slot + 1, square)
  }
}
