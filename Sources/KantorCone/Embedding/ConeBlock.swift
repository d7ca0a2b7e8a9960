import KantorCore
import KantorNumerics

typealias Entries = UnsafeMutablePointer<Double>
typealias Given = UnsafePointer<Double>

/// One cone of the embedding: its scaling W at (s, z), and all that the loop asks of a cone.
///
/// Vectors are pointers to the cone's first row. H = W'W stands in the system
///     [P A'; A -H],
/// and the directions satisfy ds = -(H dz + c). Subclasses override; this class is the zero cone,
/// whose s is 0 and whose z is free.
class ConeBlock {
  let row: Int
  let count: Int

  init(row: Int, count: Int) {
    self.row = row
    self.count = count
  }

  /// Degree of the cone's barrier.
  var degree: Int { 0 }
  var isSymmetric: Bool { true }
  /// Whether the primal-dual scaling is defined; else H comes from the barrier at z alone.
  var hasPrimalDualScaling: Bool { true }
  /// True where one scale has to serve all rows.
  var needsCommonScale: Bool { false }

  // MARK: Points

  /// Inner points of the cone and its dual, each minus the gradient of the barrier at the other.
  func start(_ s: Entries, _ z: Entries) {
    for i in 0..<count { (s[i], z[i]) = (0, 0) }
  }

  /// How far v is inside (least eigenvalue), and the sum of the positive eigenvalues. `isDual`
  /// matters to the zero cone alone.
  func margin(_ v: Given, isDual: Bool) -> (least: Double, sum: Double) { (.infinity, 0) }

  /// v += t e, e the unit.
  func shift(_ v: Entries, _ t: Double, isDual: Bool) {
    if !isDual { for i in 0..<count { v[i] = 0 } }
  }

  // MARK: Scaling

  /// W = I.
  func resetScaling() {}

  /// W from inner points. `mu` and `dual`: see `BarrierBlock`. False where a point is not inside.
  func updateScaling(_ s: Given, _ z: Given, mu: Double, dual: Bool) -> Bool { true }

  /// out = H v.
  func apply(_ v: Given, into out: Entries) { for i in 0..<count { out[i] = 0 } }

  /// out = H^-1 v; 0 for the zero cone, which has none.
  func applyInverse(_ v: Given, into out: Entries) { for i in 0..<count { out[i] = 0 } }

  /// H (or H^-1) of a small cone is diag(d) + sum of v v' over this many vectors v; matrices have
  /// no such form.
  var rank: Int { 0 }

  /// Fills d and the vectors, one after the other.
  func parts(inverse: Bool, _ d: Entries, _ vectors: Entries) {
    for i in 0..<count { d[i] = 0 }
  }

  /// Ascending, the variables that its rows have, `rows` being A by rows.
  final func variables(_ rows: SparseMatrix) -> [Int] {
    var found: [Int] = []
    for k in rows.starts.pointer[row]..<rows.starts.pointer[row + count] {
      found.append(Int(rows.indices.pointer[k]))
    }
    found.sort()
    var kept = 0
    for j in found where kept == 0 || found[kept - 1] != j {
      found[kept] = j
      kept += 1
    }
    return Array(found.prefix(kept))
  }

  /// c of the predictor.
  func affine(_ c: Entries, s: Given) { for i in 0..<count { c[i] = s[i] } }

  /// c of the corrector, from the predictor's directions, with `weight` of their product.
  func combined(
    _ c: Entries, s: Given, z: Given, ds: Given, dz: Given, weight: Double, sigmaMu: Double
  ) {
    for i in 0..<count { c[i] = 0 }
  }

  /// The longest step up to `limit` that stays inside. Asked once for each direction, before
  /// `combined`.
  func step(s: Given, z: Given, ds: Given, dz: Given, limit: Double) -> Double { limit }

  /// Barriers of s and of z together.
  func barrier(_ s: Given, _ z: Given) -> Double { 0 }

  // MARK: The sparse system

  /// Signs of the rows that the block adds to the system.
  var extraSigns: [Int8] { [] }

  /// Appends the entries beyond the diagonal, the block's first row being `at`, its extra ones
  /// from `extra`.
  func append(
    _ assembly: inout SymmetricAssembly, at: Int, extra: Int
  ) throws(KantorError) {}

  /// Writes -H.
  func write(_ system: KKTSystem, at: Int) {
    for i in 0..<count { system.setDiagonal(at + i, 0) }
  }
}

/// s >= 0, row by row: W = diag(sqrt(s/z)).
final class NonnegativeBlock: ConeBlock {
  let square: Buffer<Double>

  init(row: Int, size: Int) throws(KantorError) {
    square = try Buffer(count: size, repeating: 1)
    super.init(row: row, count: size)
  }

  override var degree: Int { count }

  override func start(_ s: Entries, _ z: Entries) {
    for i in 0..<count { (s[i], z[i]) = (1, 1) }
  }

  override func margin(_ v: Given, isDual: Bool) -> (least: Double, sum: Double) {
    var (least, sum) = (Double.infinity, 0.0)
    for i in 0..<count {
      least = min(least, v[i])
      sum += max(v[i], 0)
    }
    return (least, sum)
  }

  override func shift(_ v: Entries, _ t: Double, isDual: Bool) {
    for i in 0..<count { v[i] += t }
  }

  override func resetScaling() { square.fill(1) }

  override func updateScaling(_ s: Given, _ z: Given, mu: Double, dual: Bool) -> Bool {
    var isInside = true
    for i in 0..<count {
      if !(s[i] > 0 && z[i] > 0) { isInside = false }
      square.pointer[i] = s[i] / z[i]
    }
    return isInside
  }

  override func apply(_ v: Given, into out: Entries) {
    for i in 0..<count { out[i] = square.pointer[i] * v[i] }
  }

  override func applyInverse(_ v: Given, into out: Entries) {
    for i in 0..<count { out[i] = v[i] / square.pointer[i] }
  }

  override func parts(inverse: Bool, _ d: Entries, _ vectors: Entries) {
    for i in 0..<count { d[i] = inverse ? 1 / square.pointer[i] : square.pointer[i] }
  }

  override func combined(
    _ c: Entries, s: Given, z: Given, ds: Given, dz: Given, weight: Double, sigmaMu: Double
  ) {
    for i in 0..<count { c[i] = s[i] + (weight * ds[i] * dz[i] - sigmaMu) / z[i] }
  }

  override func step(s: Given, z: Given, ds: Given, dz: Given, limit: Double) -> Double {
    var a = limit
    for i in 0..<count {
      if ds[i] < 0 { a = min(a, -s[i] / ds[i]) }
      if dz[i] < 0 { a = min(a, -z[i] / dz[i]) }
    }
    return a
  }

  override func barrier(_ s: Given, _ z: Given) -> Double {
    var sum = 0.0
    for i in 0..<count { sum -= safeLog(s[i] * z[i]) }
    return sum
  }

  override func write(_ system: KKTSystem, at: Int) {
    for i in 0..<count { system.setDiagonal(at + i, -square.pointer[i]) }
  }
}
