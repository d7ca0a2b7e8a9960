import KantorCore
import KantorNumerics

/// BFGS of the last steps in compact form, for sparse systems:
///
///     W = sigma I - U M^-1 U',  U = [sigma S, Y],  M = [sigma S'S, L; L', -D],
///
/// S and Y the steps and the changes of the gradient, L and D the strictly lower part and the
/// diagonal of S'Y. A system K = K0 - [U; 0] M^-1 [U; 0]' is solved by that of K0, Z = K0^-1 U and
/// the small matrix C = M - U'Z.
///
/// Source: R. H. Byrd, J. Nocedal, R. B. Schnabel, "Representations of quasi-Newton matrices and
/// their use in limited memory methods" (1994).
final class LowRankCurvature: CurvatureModel {
  private let n: Int
  private let most: Int
  private(set) var updates = 0
  private(set) var pairs = 0
  private var sigma = 1.0
  /// Steps and changes, the oldest first, n numbers each.
  private let s: Buffer<Double>
  private let r: Buffer<Double>
  private let before: Buffer<Double>
  /// Whole, row-major, 2 pairs x 2 pairs.
  private let middle: Buffer<Double>
  private var middleFactor: PivotedLDL?
  private let small: Buffer<Double>

  init(_ n: Int, memory: Int = 8) throws(KantorError) {
    self.n = n
    most = memory
    s = try Buffer(count: try checkedProduct(n, memory, of: "limited memory"))
    r = try Buffer(count: n * memory)
    before = try Buffer(count: n)
    middle = try Buffer(count: 4 * memory * memory)
    small = try Buffer(count: 2 * memory)
  }

  /// Columns of U.
  var rank: Int { 2 * pairs }

  func reset(_ scale: Double) {
    (pairs, updates, sigma) = (0, 0, scale)
    middleFactor = nil
  }

  func fill(_ model: ScaledModel) {
    guard let h = model.hessianSparse else { return }
    for k in 0..<h.count { h.values.pointer[k] = sigma }
  }

  func leave(_ model: ScaledModel, sigma: Double, y: UnsafePointer<Double>) {
    gradient(model, sigma, y, before.pointer)
  }

  func arrive(
    _ model: ScaledModel, sigma objective: Double, y: UnsafePointer<Double>,
    old: UnsafePointer<Double>, new: UnsafePointer<Double>
  ) {
    if pairs == most { forget() }
    let (step, change) = (s.pointer + pairs * n, r.pointer + pairs * n)
    gradient(model, objective, y, change)
    var (ss, sr, rr) = (0.0, 0.0, 0.0)
    for k in 0..<n {
      step[k] = new[k] - old[k]
      change[k] -= before.pointer[k]
      ss += step[k] * step[k]
      sr += step[k] * change[k]
      rr += change[k] * change[k]
    }
    guard ss > 1e-30, rr.isFinite, sr > 1.5e-8 * (ss * rr).squareRoot() else { return }
    pairs += 1
    updates += 1
    sigma = min(max(sr / ss, 1e-8), 1e8)
    build()
    if middleFactor == nil { reset(sigma) }
  }

  private func forget() {
    for k in 0..<n * (pairs - 1) {
      s.pointer[k] = s.pointer[k + n]
      r.pointer[k] = r.pointer[k + n]
    }
    pairs -= 1
  }

  private func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for k in 0..<n { sum += a[k] * b[k] }
    return sum
  }

  private func build() {
    let (h, width) = (pairs, 2 * pairs)
    let m = middle.pointer
    for a in 0..<h {
      for b in 0..<h {
        m[a * width + b] = sigma * dot(s.pointer + a * n, s.pointer + b * n)
        let cross = dot(s.pointer + a * n, r.pointer + b * n)
        m[a * width + h + b] = a > b ? cross : 0
        m[(h + b) * width + a] = a > b ? cross : 0
        m[(h + a) * width + h + b] = a == b ? -cross : 0
      }
    }
    middleFactor = Self.factored(m, width)
  }

  private static func factored(_ matrix: UnsafePointer<Double>, _ width: Int) -> PivotedLDL? {
    guard let factor = try? PivotedLDL(order: width) else { return nil }
    for k in 0..<width * width { factor.entries[k] = matrix[k] }
    factor.factor(threshold: 0)
    return factor.isFinite && factor.zero == 0 ? factor : nil
  }

  /// Column k of U.
  func column(_ k: Int, into out: UnsafeMutablePointer<Double>) {
    let (source, scale) =
      k < pairs ? (s.pointer + k * n, sigma) : (r.pointer + (k - pairs) * n, 1)
    for j in 0..<n { out[j] = scale * source[j] }
  }

  /// out = U'x.
  func project(_ x: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    for k in 0..<pairs {
      out[k] = sigma * dot(s.pointer + k * n, x)
      out[pairs + k] = dot(r.pointer + k * n, x)
    }
  }

  /// out += U M^-1 U'x.
  func addProduct(_ x: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    guard let middleFactor, pairs > 0 else { return }
    let t = small.pointer
    project(x, into: t)
    middleFactor.solve(t)
    for k in 0..<pairs {
      let (a, b) = (s.pointer + k * n, r.pointer + k * n)
      let (u, w) = (sigma * t[k], t[pairs + k])
      for j in 0..<n { out[j] += a[j] * u + b[j] * w }
    }
  }

  /// The factor of M - U'Z, Z with `order` rows, column by column.
  func condensed(_ z: UnsafePointer<Double>, order: Int) -> PivotedLDL? {
    let width = rank
    guard let c = try? Buffer<Double>(count: width * width) else { return nil }
    for b in 0..<width {
      project(z + b * order, into: small.pointer)
      for a in 0..<width {
        c.pointer[a * width + b] = middle.pointer[a * width + b] - small.pointer[a]
      }
    }
    return withExtendedLifetime(c) { Self.factored(c.pointer, width) }
  }
}

/// Solves with K0 - U M^-1 U' by solves with K0.
final class LowRankSolver {
  let memory: LowRankCurvature
  private let order: Int
  /// K0^-1 U by columns.
  private var z: Buffer<Double>?
  private let column: Buffer<Double>
  private var condensed: PivotedLDL?
  private var small: Buffer<Double>?

  init(_ memory: LowRankCurvature, order: Int) throws(KantorError) {
    self.memory = memory
    self.order = order
    column = try Buffer(count: order)
  }

  /// After K0 was factored; false when the small system is singular.
  func prepare(
    apply: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) -> Bool {
    condensed = nil
    let rank = memory.rank
    guard rank > 0 else { return true }
    if (z?.count ?? 0) < order * rank {
      z = try? Buffer<Double>(count: order * rank)
      small = try? Buffer<Double>(count: rank)
    }
    guard let z, small != nil, z.count >= order * rank else { return false }
    for k in 0..<rank {
      column.fill(0)
      memory.column(k, into: column.pointer)
      apply(column.pointer, z.pointer + k * order)
    }
    condensed = memory.condensed(z.pointer, order: order)
    return condensed != nil
  }

  /// x + Z C^-1 U'x.
  func complete(_ x: UnsafeMutablePointer<Double>) {
    guard let condensed, let z, let t = small?.pointer else { return }
    memory.project(x, into: t)
    condensed.solve(t)
    for k in 0..<memory.rank {
      let from = z.pointer + k * order
      for j in 0..<order { x[j] += from[j] * t[k] }
    }
  }
}
