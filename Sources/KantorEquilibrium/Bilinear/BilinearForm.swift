import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// A point of a bilinear problem, and its products.
final class BilinearPoint {
  let x: Buffer<Double>
  let y: Buffer<Double>
  /// Ky + Px, and K'x.
  let ky: Buffer<Double>
  let px: Buffer<Double>
  let kx: Buffer<Double>

  init(_ problem: BilinearProblem) throws(KantorError) {
    x = try Buffer(count: problem.n)
    y = try Buffer(count: problem.m)
    ky = try Buffer(count: problem.n)
    px = try Buffer(count: problem.n)
    kx = try Buffer(count: problem.m)
  }

  /// x and y first.
  var parts: [Buffer<Double>] { [x, y, ky, px, kx] }

  func copy(_ other: BilinearPoint) {
    for (mine, its) in zip(parts, other.parts) {
      mine.pointer.update(from: its.pointer, count: its.count)
    }
  }

  /// self <- self + weight (other - self), all products with it: they are linear.
  func move(to other: BilinearPoint, _ weight: Double) {
    for (mine, its) in zip(parts, other.parts) {
      let (a, b) = (mine.pointer, its.pointer)
      for i in 0..<its.count { a[i] += weight * (b[i] - a[i]) }
    }
  }
}

/// What a method can say about a point: errors of which the largest decides, relative.
struct BilinearMeasure {
  var worst = Double.infinity
  var gap = Double.nan
  var objective = Double.nan
}

/// The functions and products of a bilinear problem, for its methods.
final class BilinearForm {
  let problem: BilinearProblem
  let g: any ProximalMap
  let h: any ProximalMap
  /// Gaps over the range of the payoffs, rather than over the objective.
  private let isGame: Bool
  private let slopeX: Buffer<Double>
  private let slopeY: Buffer<Double>
  /// Estimates from below, which grow when the iteration shows that they must.
  private(set) var norm: Double
  private(set) var curvature: Double

  init(_ problem: BilinearProblem, isGame: Bool = false, seed: UInt64) throws(KantorError) {
    self.problem = problem
    self.isGame = isGame
    g = try problem.primal.make()
    h = try problem.dual.make()
    slopeX = try Buffer(count: problem.n)
    slopeY = try Buffer(count: problem.m)
    (norm, curvature) = (0, 0)
    norm = try couplingNorm(seed)
    curvature = try largestCurvature(seed)
  }

  var n: Int { problem.n }
  var m: Int { problem.m }

  // MARK: Products

  /// K y.
  func apply(_ y: Buffer<Double>, into out: Buffer<Double>) {
    out.fill(0)
    problem.coupling.multiply(y.pointer, into: out.pointer)
  }

  /// K'x.
  func applyTransposed(_ x: Buffer<Double>, into out: Buffer<Double>) {
    out.fill(0)
    problem.coupling.multiplyTransposed(x.pointer, into: out.pointer)
  }

  /// P x.
  func curve(_ x: Buffer<Double>, into out: Buffer<Double>) {
    out.fill(0)
    problem.quadratic?.multiplySymmetric(x.pointer, into: out.pointer)
  }

  func fill(_ point: BilinearPoint) {
    apply(point.y, into: point.ky)
    applyTransposed(point.x, into: point.kx)
    curve(point.x, into: point.px)
  }

  // MARK: Steps

  /// out <- argmin h(u) + mu |u|^2/2 + |u - v|^2/(2 step), v in `out`.
  func proxDual(_ out: Buffer<Double>, step: Double) -> Bool {
    let shrink = 1 + step * problem.mu
    for j in 0..<m { out.pointer[j] /= shrink }
    return h.apply(out.pointer, step: step / shrink, into: out.pointer)
  }

  func proxPrimal(_ out: Buffer<Double>, step: Double) -> Bool {
    g.apply(out.pointer, step: step, into: out.pointer)
  }

  // MARK: Measure

  func measure(_ point: BilinearPoint) -> BilinearMeasure {
    let (x, y) = (point.x.pointer, point.y.pointer)
    var (linear, quadratic, square, offset) = (0.0, 0.0, 0.0, 0.0)
    var (sizeX, sizeY, scaleX, scaleY) = (1.0, 1.0, 1.0, 1.0)
    let (c, b, mu) = (problem.c.pointer, problem.b.pointer, problem.mu)
    for i in 0..<n {
      let (p, k) = (point.px.pointer[i], point.ky.pointer[i])
      linear += c[i] * x[i]
      quadratic += 0.5 * x[i] * p
      slopeX.pointer[i] = -(c[i] + p + k)
      sizeX = max(sizeX, abs(x[i]))
      scaleX = max(scaleX, abs(c[i]), abs(k), abs(p))
    }
    for j in 0..<m {
      let k = point.kx.pointer[j]
      offset += b[j] * y[j]
      square += 0.5 * mu * y[j] * y[j]
      slopeY.pointer[j] = k - b[j] - mu * y[j]
      sizeY = max(sizeY, abs(y[j]))
      scaleY = max(scaleY, abs(b[j]), abs(k), mu * abs(y[j]))
    }
    let (gx, hy) = (g.value(x), h.value(y))
    let (sx, sy) = (g.conjugate(slopeX.pointer), h.conjugate(slopeY.pointer))
    let upper = linear + quadratic + gx.value + sy.value + square
    let lower = -(offset + hy.value + square + quadratic + sx.value)
    var found = BilinearMeasure()
    found.gap = upper - lower
    found.objective = upper
    let scale = isGame ? 1 : 1 + min(abs(upper), abs(lower))
    let errors = [
      abs(found.gap) / scale, gx.violation / sizeX, hy.violation / sizeY, sx.violation / scaleX,
      sy.violation / scaleY,
    ]
    found.worst = errors.contains { $0.isNaN } ? .infinity : errors.reduce(0) { max($0, $1) }
    return found
  }

  // MARK: Constants

  /// A step showed |K'd| = ratio |d|.
  func observe(norm ratio: Double) -> Bool {
    guard ratio > norm * (1 + 1e-12) else { return false }
    norm = 1.05 * ratio
    return true
  }

  /// A little more than what the power method finds, and no more than Schur's bound.
  private func couplingNorm(_ seed: UInt64) throws(KantorError) -> Double {
    let k = problem.coupling
    let rows = try Buffer<Double>(count: n)
    var most = 0.0
    for j in 0..<m {
      var sum = 0.0
      for e in k.starts.pointer[j]..<k.starts.pointer[j + 1] {
        let size = abs(k.values.pointer[e])
        sum += size
        rows.pointer[Int(k.indices.pointer[e])] += size
      }
      most = max(most, sum)
    }
    var widest = 0.0
    for i in 0..<n { widest = max(widest, rows[i]) }
    let bound = (most * widest).squareRoot()
    let x = try random(n, seed)
    let y = try Buffer<Double>(count: m)
    var found = 0.0
    for _ in 0..<40 {
      applyTransposed(x, into: y)
      apply(y, into: x)
      let size = Vectors.norm(x.pointer, n)
      guard size > 0, size.isFinite else { break }
      found = size.squareRoot()
      for i in 0..<n { x.pointer[i] /= size }
    }
    return min(1.02 * found, bound)
  }

  private func largestCurvature(_ seed: UInt64) throws(KantorError) -> Double {
    guard problem.quadratic != nil else { return 0 }
    let x = try random(n, seed)
    let p = try Buffer<Double>(count: n)
    var found = 0.0
    for _ in 0..<60 {
      curve(x, into: p)
      found = Vectors.norm(p.pointer, n)
      guard found > 0, found.isFinite else { break }
      for i in 0..<n { x.pointer[i] = p.pointer[i] / found }
    }
    return 1.05 * found
  }

  private func random(_ count: Int, _ seed: UInt64) throws(KantorError) -> Buffer<Double> {
    var stream = RandomStream(seed: seed)
    let x = try Buffer<Double>(count: count)
    for i in 0..<count { x.pointer[i] = 2 * stream.uniform() - 1 }
    let size = Vectors.norm(x.pointer, count)
    for i in 0..<count where size > 0 { x.pointer[i] /= size }
    return x
  }
}
