import Glibc
import KantorCore
import KantorNumerics

/// The derivative D of the projection on a product of cones K, at one point: a symmetric matrix
/// with eigenvalues between 0 and 1, kept as D = Q diag(d) Q' with an orthogonal Q per cone that is
/// never formed where it has structure. That of the projection on the dual at -v is I - D.
///
/// At kinks, where there is no derivative, it is one of those nearby.
///
/// Source: A. Ali, E. Wong, J. Z. Kolter, "A semismooth Newton method for fast, generic convex
/// programming" (2017); J. Malick, H. S. Sendov, "Clarke generalized Jacobian of the projection
/// onto the cone of positive semidefinite matrices", Set-Valued Anal. 14 (2006).
package final class ProjectionDerivative {
  package let rows: Int
  /// d, a value per row, in the coordinates that `rotate` leads to.
  package let eigenvalues: Buffer<Double>
  private let blocks: [Block]
  private let store: Buffer<Double>
  private let scratch: Buffer<Double>

  private enum Form {
    /// Q = I.
    case plain
    /// (t, y): reflect y/|y| to the first axis, then turn (t, y_1) by 45 degrees.
    case secondOrder(Reflection)
    case rotated(Reflection)
    /// A dense Q' of `order` rows.
    case dense(Int)
    /// Heads, and the reflected tail's first entry, by a dense Q'; the rest of the tail stays.
    case power(heads: Int, Reflection)
    /// Q'v = U'VU with the eigenvectors U.
    case psd(side: Int)
  }

  private struct Block {
    var form: Form
    let row: Int
    let rows: Int
    let memory: UnsafeMutablePointer<Double>
  }

  /// Nil when an entry of v is not finite, or an eigenvalue computation did not converge.
  package init?(
    _ cones: [Cone], lower: Buffer<Double>?, upper: Buffer<Double>?, at v: UnsafePointer<Double>
  ) throws(KantorError) {
    var (total, size, most) = (0, 0, 0)
    for cone in cones {
      total += cone.rows
      size = try checkedSum(size, try Self.memory(cone), of: "derivative")
      if case .psd(let side) = cone { most = max(most, 2 * side * side) }
      if case .generalizedPower = cone { most = max(most, cone.rows) }
    }
    rows = total
    eigenvalues = try Buffer(count: total)
    store = try Buffer(count: size)
    scratch = try Buffer(count: max(most, 3))
    var blocks: [Block] = []
    blocks.reserveCapacity(cones.count)
    var (row, at) = (0, 0)
    var spectra: [Int: SemidefiniteProjection] = [:]
    for cone in cones {
      var block = Block(
        form: .plain, row: row, rows: cone.rows, memory: store.pointer + at)
      let d = eigenvalues.pointer + row
      if case .psd(let side) = cone {
        let known = spectra[side]
        let spectrum: SemidefiniteProjection
        if let known { spectrum = known } else { spectrum = try SemidefiniteProjection(side: side) }
        spectra[side] = spectrum
        guard Self.semidefinite(&block, spectrum, v + row, d) else { return nil }
      } else {
        guard
          try Self.set(
            &block, cone, v + row, d, lower.map { $0.pointer + row }, upper.map { $0.pointer + row }
          )
        else { return nil }
      }
      // What differs from 0 or 1 by rounding is meant to be it.
      for i in 0..<cone.rows {
        if d[i] < 1e-14 { d[i] = 0 } else if d[i] > 1 - 1e-14 { d[i] = 1 }
      }
      blocks.append(block)
      row += cone.rows
      at += try Self.memory(cone)
    }
    self.blocks = blocks
  }

  private static func memory(_ cone: Cone) throws(KantorError) -> Int {
    switch cone {
    case .zero, .nonnegative, .box: return 0
    case .exponential: return 9
    case .power: return 10
    case .generalizedPower(let exponents, let tail):
      let heads = exponents.count + 1
      return try checkedSum(try checkedProduct(heads, heads, of: "power cone"), tail, of: "cones")
    case .psd(let side): return try checkedProduct(side, side, of: "psd cone")
    default: return cone.rows
    }
  }

  // MARK: Blocks

  private static func set(
    _ block: inout Block, _ cone: Cone, _ v: UnsafePointer<Double>,
    _ d: UnsafeMutablePointer<Double>, _ lower: UnsafePointer<Double>?,
    _ upper: UnsafePointer<Double>?
  ) throws(KantorError) -> Bool {
    for i in 0..<cone.rows where !v[i].isFinite { return false }
    switch cone {
    case .zero(let k): for i in 0..<k { d[i] = 0 }
    case .nonnegative(let k): for i in 0..<k { d[i] = v[i] > 0 ? 1 : 0 }
    case .box(let k):
      for i in 0..<k {
        let isInside = v[i] > lower?[i] ?? -.infinity && v[i] < upper?[i] ?? .infinity
        d[i] = isInside ? 1 : 0
      }
    case .secondOrder(let k):
      block.memory.update(from: v, count: k)
      if let reflection = secondOrder(block.memory, k, d) { block.form = .secondOrder(reflection) }
    case .rotatedSecondOrder(let k):
      block.memory.update(from: v, count: k)
      SecondOrderProjection.turn(block.memory)
      if let reflection = secondOrder(block.memory, k, d) { block.form = .rotated(reflection) }
    case .exponential:
      ExponentialSplit(v[0], v[1], v[2]).derivative(block.memory, d)
      block.form = .dense(3)
    case .power, .generalizedPower:
      if let shape = try PowerShape(cone) { return try power(&block, shape, v, d) }
    case .psd: return false
    }
    return true
  }

  /// Eigenvalues 1 and 0 in the directions (1, y/|y|) and (1, -y/|y|), (t + |y|)/(2 |y|) in all
  /// others; nil inside of K or -K.
  private static func secondOrder(
    _ v: UnsafeMutablePointer<Double>, _ k: Int, _ d: UnsafeMutablePointer<Double>
  ) -> Reflection? {
    let (t, n) = (v[0], SecondOrderProjection.length(v + 1, k - 1))
    if n <= abs(t) {
      for i in 0..<k { d[i] = t > 0 ? 1 : 0 }
      return nil
    }
    (d[0], d[1]) = (1, 0)
    for i in 2..<max(k, 2) { d[i] = 0.5 + 0.5 * (t / n) }
    return Reflection(v + 1, k - 1, length: n)
  }

  private static func power(
    _ block: inout Block, _ shape: PowerShape, _ v: UnsafePointer<Double>,
    _ d: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let (k, rows) = (shape.heads, shape.rows)
    let point = shape.point(v)
    guard point.isFinite else { return false }
    switch point.region {
    case .inside: for i in 0..<rows { d[i] = 1 }
    case .polar: for i in 0..<rows { d[i] = 0 }
    case .flat:
      for i in 0..<k { d[i] = v[i] > 0 ? 1 : 0 }
      let share = flatTail(shape, v)
      for i in k..<rows { d[i] = share }
    case .curve:
      let spectrum = try SymmetricSpectrum(order: k + 1)
      let matrix = try curve(shape, point, v)
      guard spectrum.decompose(matrix.pointer) else { return false }
      block.memory.update(from: spectrum.vectors.pointer, count: (k + 1) * (k + 1))
      for i in 0...k { d[i] = min(max(spectrum.values.pointer[i], 0), 1) }
      for i in (k + 1)..<max(rows, k + 1) { d[i] = point.r / point.length }
      let tail = block.memory + (k + 1) * (k + 1)
      tail.update(from: v + k, count: shape.tail)
      block.form = .power(heads: k, Reflection(tail, shape.tail, length: point.length))
    }
    return true
  }

  /// The limit of r/W for short tails W: with A the exponents of negative heads together and
  /// r = C (r (W - r))^A, it is 1 for A < 1/2, 0 for A > 1/2 and C^2/(1 + C^2) between.
  private static func flatTail(_ shape: PowerShape, _ v: UnsafePointer<Double>) -> Double {
    var (sum, logC, hasZero) = (0.0, 0.0, false)
    for i in 0..<shape.heads {
      let a = shape.exponents.pointer[i]
      if v[i] == 0 { hasZero = true }
      if v[i] < 0 { sum += a }
      logC += v[i] < 0 ? a * (log(a) - log(-v[i])) : a * log(v[i])
    }
    if hasZero || abs(sum - 0.5) > 1e-12 { return sum < 0.5 ? 1 : 0 }
    return 1 / (1 + exp(-2 * logC))
  }

  /// The derivative of (u, r) with respect to (v, W), symmetric: with S_i = 2 u_i - v_i,
  /// G = sum a_i^2/(S_i u_i) and c = 1/r - (W - 2r) G,
  ///     du_i/dv_j = delta_ij u_i/S_i + (W - 2r)/c a_i/S_i a_j/S_j,
  ///     du_i/dW = a_i/(S_i c),  dr/dW = r G/c.
  private static func curve(
    _ shape: PowerShape, _ point: PowerShape.Point, _ v: UnsafePointer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let k = shape.heads
    let out = try Buffer<Double>(count: (k + 1) * (k + 1))
    let slopes = try Buffer<Double>(count: k)
    let (m, p) = (out.pointer, slopes.pointer)
    let (r, rest) = (point.r, point.rest)
    // Products with r: rc = 1 - (W - 2r) r G.
    var share = 0.0
    for i in 0..<k {
      let (u, root) = shape.head(i, v[i], r, rest)
      let a = shape.exponents.pointer[i]
      p[i] = a / root
      m[i * (k + 1) + i] = u / root
      share += a * (a * r / (root * u))
    }
    let difference = rest - r
    let rc = 1 - difference * share
    for i in 0..<k {
      for j in 0..<k { m[i * (k + 1) + j] += difference * r / rc * p[i] * p[j] }
      m[i * (k + 1) + k] = r * p[i] / rc
      m[k * (k + 1) + i] = m[i * (k + 1) + k]
    }
    m[(k + 1) * (k + 1) - 1] = r * share / rc
    return out
  }

  /// Eigenvalue of the pair (i, j): 1, 0, or the positive one over the sum of sizes.
  private static func semidefinite(
    _ block: inout Block, _ projection: SemidefiniteProjection, _ v: UnsafePointer<Double>,
    _ d: UnsafeMutablePointer<Double>
  ) -> Bool {
    let k = projection.side
    guard k > 0 else { return true }
    guard projection.decompose(v) else { return false }
    let lambda = projection.spectrum.values.pointer
    block.memory.update(from: projection.spectrum.vectors.pointer, count: k * k)
    block.form = .psd(side: k)
    var p = 0
    for j in 0..<k {
      for i in 0...j {
        let (a, b) = (max(lambda[i], lambda[j]), min(lambda[i], lambda[j]))
        d[p] = b > 0 ? 1 : (a <= 0 ? 0 : 1 / (1 + -b / a))
        p += 1
      }
    }
    return true
  }

  // MARK: Use

  /// v <- D v.
  package func apply(_ v: UnsafeMutablePointer<Double>) {
    rotate(v)
    for i in 0..<rows { v[i] *= eigenvalues.pointer[i] }
    rotateBack(v)
  }

  /// v <- Q'v.
  package func rotate(_ v: UnsafeMutablePointer<Double>) {
    for k in 0..<blocks.count { rotate(v + blocks[k].row, block: k) }
  }

  /// v <- Q v.
  package func rotateBack(_ v: UnsafeMutablePointer<Double>) {
    for k in 0..<blocks.count { rotateBack(v + blocks[k].row, block: k) }
  }

  /// True where Q is not the identity.
  package func mixes(block k: Int) -> Bool {
    if case .plain = blocks[k].form { return false }
    return true
  }

  /// The rows of one cone.
  package func rotate(_ v: UnsafeMutablePointer<Double>, block k: Int) {
    let block = blocks[k]
    switch block.form {
    case .plain: return
    case .secondOrder(let reflection):
      reflection.apply(v + 1)
      SecondOrderProjection.turn(v)
    case .rotated(let reflection):
      SecondOrderProjection.turn(v)
      reflection.apply(v + 1)
      SecondOrderProjection.turn(v)
    case .dense(let order): multiply(block.memory, order, v, isTransposed: false)
    case .power(let heads, let reflection):
      reflection.apply(v + heads)
      multiply(block.memory, heads + 1, v, isTransposed: false)
    case .psd(let side): congruence(block.memory, side, v, isTransposed: false)
    }
  }

  package func rotateBack(_ v: UnsafeMutablePointer<Double>, block k: Int) {
    let block = blocks[k]
    switch block.form {
    case .plain: return
    case .secondOrder(let reflection):
      SecondOrderProjection.turn(v)
      reflection.undo(v + 1)
    case .rotated(let reflection):
      SecondOrderProjection.turn(v)
      reflection.undo(v + 1)
      SecondOrderProjection.turn(v)
    case .dense(let order): multiply(block.memory, order, v, isTransposed: true)
    case .power(let heads, let reflection):
      multiply(block.memory, heads + 1, v, isTransposed: true)
      reflection.undo(v + heads)
    case .psd(let side): congruence(block.memory, side, v, isTransposed: true)
    }
  }

  /// v <- M v or M'v, M row-major.
  private func multiply(
    _ m: UnsafePointer<Double>, _ order: Int, _ v: UnsafeMutablePointer<Double>,
    isTransposed: Bool
  ) {
    let w = scratch.pointer
    for i in 0..<order {
      var sum = 0.0
      for j in 0..<order { sum += (isTransposed ? m[j * order + i] : m[i * order + j]) * v[j] }
      w[i] = sum
    }
    v.update(from: w, count: order)
  }

  /// V <- R V R' with the eigenvectors in the rows of R, or R'V R.
  private func congruence(
    _ r: UnsafePointer<Double>, _ k: Int, _ v: UnsafeMutablePointer<Double>, isTransposed: Bool
  ) {
    let (m, t) = (scratch.pointer, scratch.pointer + k * k)
    ScaledTriangle.unpack(v, k, into: m)
    for e in 0..<(k * k) { t[e] = 0 }
    // T = R M or R' M, then M = T R' or T R.
    for i in 0..<k {
      for l in 0..<k {
        let x = isTransposed ? r[l * k + i] : r[i * k + l]
        if x == 0 { continue }
        let (out, row) = (t + i * k, m + l * k)
        for j in 0..<k { out[j] += x * row[j] }
      }
    }
    for i in 0..<k {
      let (out, row) = (m + i * k, t + i * k)
      if isTransposed {
        for j in 0..<k { out[j] = 0 }
        for l in 0..<k {
          let (x, other) = (row[l], r + l * k)
          for j in 0..<k { out[j] += x * other[j] }
        }
      } else {
        for j in 0..<k {
          var sum = 0.0
          let other = r + j * k
          for l in 0..<k { sum += row[l] * other[l] }
          out[j] = sum
        }
      }
    }
    ScaledTriangle.pack(m, k, into: v)
  }
}
