import KantorCore
import KantorNumerics

/// An estimate B of the lower Hessian K of small lower levels, kept from one x to the next: where K
/// is the same, the first step of conjugate gradients with the inverse of B ends them.
///
/// B learns from the steps s of conjugate gradients and their products q = K s. Where K was known
/// at one x, another diagonal may make it for all, as with a penalty for each variable: one
/// product with signs then tells it. That is tried where systems take several steps, and left for a
/// while where it does not make them few.
///
/// Source: J. E. Dennis, J. J. More, "Quasi-Newton methods, motivation and theory" (1977) for the
/// update; C. Bekas, E. Kokiopoulou, Y. Saad, "An estimator for the diagonal of a matrix" (2007).
final class HessianEstimate {
  typealias Point = UnsafePointer<Double>

  private let oracle: BilevelOracle
  private let count: Int
  private let matrix: Buffer<Double>
  private let factor: DenseLDL
  private let image: Buffer<Double>
  /// K where it was made as a matrix, and B as it was before signs.
  private var known: Buffer<Double>?
  private var learned: Buffer<Double>?
  private let signs: Buffer<Double>
  private let product: Buffer<Double>
  /// The x of the last system.
  private let place: Buffer<Double>
  private var isThere = false
  private var isFactored = false
  private var stream: RandomStream
  /// Systems at a new x for which signs are not tried, and how many it will be the next time.
  private var (rest, pause) = (0, 4)
  private var wantsSigns = false
  private var usedSigns = false
  private var isMoved = false

  /// Steps that a system may take before a product with signs is tried, or with one.
  private static let fewSteps = 2

  init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    let (n, nx) = (oracle.problem.ny, oracle.problem.nx)
    count = n
    matrix = try Buffer(count: try checkedProduct(n, n, of: "lower Hessian"))
    factor = try DenseLDL(order: n)
    image = try Buffer(count: n)
    signs = try Buffer(count: oracle.problem.n)
    product = try Buffer(count: oracle.problem.n)
    place = try Buffer(count: nx)
    stream = RandomStream(seed: 0, stream: 0x4849_4147)
  }

  /// Takes up a system at w; whether `apply` may be used for it.
  func prepare(_ free: UnsafePointer<Bool>, at w: Point) throws(KantorError) -> Bool {
    isMoved = false
    for i in 0..<place.count where place.pointer[i] != w[i] { isMoved = true }
    place.pointer.update(from: w, count: place.count)
    usedSigns = false
    guard isThere else { return false }
    if isMoved, wantsSigns, let known {
      if rest > 0 { rest -= 1 } else { try useSigns(known, free, w) }
    }
    if !usedSigns { isFactored = refactor(free) }
    if !isFactored {
      matrix.fill(0)
      isThere = false
    }
    return isFactored
  }

  /// B <- the known matrix with the diagonal that B v = K v asks for with random signs v, unless
  /// that is not positive definite.
  private func useSigns(
    _ known: Buffer<Double>, _ free: UnsafePointer<Bool>, _ w: Point
  ) throws(KantorError) {
    let nx = place.count
    let v = signs.pointer + nx
    for j in 0..<count { v[j] = free[j] ? (stream.uniform() < 0.5 ? -1 : 1) : 0 }
    guard try oracle.innerProduct(w, times: signs.pointer, product.pointer) else { return }
    let before: Buffer<Double>
    if let learned { before = learned } else { before = try Buffer(count: matrix.count) }
    learned = before
    before.pointer.update(from: matrix.pointer, count: matrix.count)
    matrix.pointer.update(from: known.pointer, count: matrix.count)
    multiply(UnsafePointer(v), free)
    let q = product.pointer + nx
    for j in 0..<count where free[j] {
      matrix.pointer[j * count + j] += v[j] * (q[j] - image.pointer[j])
    }
    isFactored = refactor(free)
    usedSigns = isFactored
    if !isFactored { restore() }
  }

  private func restore() {
    if let learned { matrix.pointer.update(from: learned.pointer, count: matrix.count) }
    rest = pause
    pause = min(2 * pause, 1000)
  }

  /// Factors B in the free variables, with ones for the others.
  private func refactor(_ free: UnsafePointer<Bool>) -> Bool {
    factor.load(UnsafePointer(matrix.pointer))
    for j in 0..<count where !free[j] {
      for i in 0..<j { factor.entries[i * factor.leading + j] = 0 }
      for i in j..<count { factor.entries[j * factor.leading + i] = i == j ? 1 : 0 }
    }
    let outcome = factor.factor()
    return outcome.isUsable && outcome.positive == count && outcome.replaced == 0
  }

  /// r <- the inverse of B in the free variables times r.
  func apply(_ r: UnsafeMutablePointer<Double>) { factor.solve(r) }

  /// Ends a system, with the products it made.
  func learn(
    _ pairs: [(s: Buffer<Double>, q: Buffer<Double>)], _ free: UnsafePointer<Bool>
  ) {
    if isMoved {
      if !usedSigns {
        wantsSigns = pairs.count > Self.fewSteps
      } else if pairs.count <= Self.fewSteps {
        pause = 4
      } else {
        restore()
      }
    }
    isMoved = false
    for (s, q) in pairs { update(UnsafePointer(s.pointer), UnsafePointer(q.pointer), free) }
  }

  /// The update of Broyden, Fletcher, Goldfarb and Shanno in the free variables.
  private func update(_ s: Point, _ q: Point, _ free: UnsafePointer<Bool>) {
    var (sq, ss, qq) = (0.0, 0.0, 0.0)
    for j in 0..<count where free[j] {
      sq += s[j] * q[j]
      ss += s[j] * s[j]
      qq += q[j] * q[j]
    }
    guard sq > 1e-10 * (ss * qq).squareRoot(), qq.isFinite else { return }
    if !isThere {
      for j in 0..<count { matrix.pointer[j * count + j] = qq / sq }
      isThere = true
    }
    multiply(s, free)
    var sBs = 0.0
    for j in 0..<count where free[j] { sBs += s[j] * image.pointer[j] }
    guard sBs > 0 else { return }
    for j in 0..<count where free[j] {
      let (row, a, b) = (matrix.pointer + j * count, q[j] / sq, image.pointer[j] / sBs)
      for i in 0..<count where free[i] { row[i] += a * q[i] - b * image.pointer[i] }
    }
  }

  /// image <- B v, for v that is 0 outside the free variables.
  private func multiply(_ v: Point, _ free: UnsafePointer<Bool>) {
    for j in 0..<count {
      image.pointer[j] = 0
      guard free[j] else { continue }
      let row = matrix.pointer + j * count
      var sum = 0.0
      for i in 0..<count where free[i] { sum += row[i] * v[i] }
      image.pointer[j] = sum
    }
  }

  /// B <- K, which was found, in the free variables.
  func adopt(_ found: Point, leading: Int, free: [Int]) throws(KantorError) {
    if !isThere { for j in 0..<count { matrix.pointer[j * count + j] = 1 } }
    for (a, i) in free.enumerated() {
      for (b, j) in free.enumerated() {
        matrix.pointer[i * count + j] = found[a * leading + b]
      }
    }
    isThere = true
    if free.count == count { known = try matrix.copy() }
  }
}
