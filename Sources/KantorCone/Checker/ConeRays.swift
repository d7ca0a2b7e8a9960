import KantorBlocks
import KantorCore
import KantorNumerics

/// What a ray proves.
///
/// Let z be in K* with b'z - sigma(z) = -1, sigma the support term of the boxes. Every feasible x
/// then has 1 <= -x'A'z <= |x| |A'z|: no point with |x| < R = 1/|A'z| is feasible. For a feasible
/// problem R cannot exceed the length of its smallest point, whatever z; for an infeasible one R
/// grows without bound. Absolute thresholds depend on the units of the data, so R is compared with
/// the length |b|'|z| / | |A|'|z| | that the same weights z would give if nothing cancelled, with
/// the largest weight of each cone that is not linear. Rows that are opposite to each other may
/// have weights of any size, which would make that length as small as one likes. So R is also
/// compared with the distance |b_i|/|a_i| of the farthest row with a share in b'z.
///
/// Deviation: solvers usually ask for |A'z| <= tolerance |b'z| with z as it comes, a test that
/// holds for feasible problems whose solutions are large.
package struct RayCertificate: Sendable {
  /// No feasible point is shorter (rays of the dual), or no dual feasible z is (rays of x).
  package var radius = Double.nan
  /// radius over the larger of the lengths at which nothing cancels, and of the farthest row.
  package var advantage = Double.nan
  /// The ray, scaled to b'z - sigma(z) = -1, or q'x = -1, and moved into its cone.
  package var ray: Buffer<Double>?

  /// A feasible problem would need a solution this much longer than its data suggest.
  package static let needed = 1e7

  package var holds: Bool { advantage >= Self.needed && radius > 0 }
}

extension ConeCheck {
  /// Of the claim that no x is feasible.
  package func infeasible(_ given: UnsafePointer<Double>) throws(KantorError) -> RayCertificate {
    var certificate = RayCertificate()
    let m = problem.m
    let z = try Buffer(copying: given, count: m)
    try moveInside(z.pointer)
    let value = exactDot(problem.b.pointer, z.pointer, m) - support(z.pointer)
    let sides = try usedSides(z.pointer)
    guard value < 0, value.isFinite, isMoreThanRounding(value, sides.pointer, z.pointer, m)
    else { return certificate }
    for i in 0..<m { z.pointer[i] /= -value }
    certificate.ray = z
    guard largest(z.pointer, m).isFinite, try distance(z.pointer, ConeDistance.dual) <= tiny(z)
    else { return certificate }
    let az = try ExactSums(count: problem.n)
    az.addTransposedProduct(problem.a, z.pointer)
    certificate.radius = 1 / az.length
    // |b|'|z| and | |A|'|z| |.
    let weights = try blockWeights(z)
    var size = 0.0
    for i in 0..<m { size += sides.pointer[i] * weights.pointer[i] }
    let terms = try Buffer<Double>(count: problem.n)
    Self.addMagnitudes(problem.a, weights.pointer, transposed: true, into: terms.pointer)
    certificate.advantage = min(
      Self.ratio(size * az.length, ConeDistance.length(terms.pointer, problem.n)),
      Self.ratio(try farthest(sides.pointer, weights.pointer, size) * az.length, 1))
    return certificate
  }

  /// Of the claim that the objective falls without end along x.
  package func unbounded(_ given: UnsafePointer<Double>) throws(KantorError) -> RayCertificate {
    var certificate = RayCertificate()
    let (n, m) = (problem.n, problem.m)
    let x = try Buffer(copying: given, count: n)
    let value = exactDot(problem.q.pointer, x.pointer, n)
    guard value < 0, value.isFinite,
      isMoreThanRounding(value, problem.q.pointer, x.pointer, n)
    else { return certificate }
    for j in 0..<n { x.pointer[j] /= -value }
    certificate.ray = x
    guard largest(x.pointer, n).isFinite else { return certificate }
    let px = try ExactSums(count: n)
    px.addSymmetricProduct(problem.p, x.pointer)
    let ax = try ExactSums(count: m)
    ax.addProduct(problem.a, x.pointer)
    let direction = try ax.copied()
    for i in 0..<m { direction.pointer[i] = -direction.pointer[i] }
    // Each cone's distance counts once; cones whose terms cancel are not known apart from others.
    var square = 0.0
    for (k, cone) in problem.cones.enumerated() {
      let t = try distance(k, cone, direction.pointer, ConeDistance.recession)
      square += t * t * Double(cone.rows)
    }
    let (bend, gap) = (px.length, square.squareRoot())
    let rest = (bend * bend + square).squareRoot()
    certificate.radius = 1 / rest
    let terms = try Buffer<Double>(count: n + m)
    Self.addMagnitudesSymmetric(problem.p, x.pointer, into: terms.pointer)
    Self.addMagnitudes(problem.a, x.pointer, transposed: false, into: terms.pointer + n)
    var size = 0.0
    for j in 0..<n { size += abs(problem.q.pointer[j] * x.pointer[j]) }
    // Px and the distance of -Ax have units of their own: next to large rows a small P would not
    // be seen, which yet bounds the objective.
    certificate.advantage = min(
      Self.ratio(size * bend, ConeDistance.length(terms.pointer, n)),
      Self.ratio(size * gap, ConeDistance.length(terms.pointer + n, m)),
      Self.ratio(try steepest(x.pointer, size) * rest, 1))
    return certificate
  }

  /// |b|, and the side of a box that z stands for.
  private func usedSides(_ z: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double> {
    let sides = try Buffer<Double>(count: problem.m)
    for i in 0..<problem.m {
      sides.pointer[i] = abs(problem.b.pointer[i])
      guard let lower = problem.lower, let upper = problem.upper, z[i] != 0 else { continue }
      let side = z[i] > 0 ? lower.pointer[i] : upper.pointer[i]
      if side.isFinite { sides.pointer[i] += abs(side) }
    }
    return sides
  }

  /// Whether value = a'v is more than rounding of a could make of it: a slack on the boundary of
  /// its cone, rounded outwards, proves nothing.
  private func isMoreThanRounding(
    _ value: Double, _ a: UnsafePointer<Double>, _ v: UnsafePointer<Double>, _ count: Int
  ) -> Bool {
    var terms = 0.0
    for i in 0..<count { terms += abs(a[i] * v[i]) }
    return abs(value) > Self.rounding * terms
  }

  private static let rounding = 1e-14

  /// Least part of the value of a ray that a row or a column must have to be looked at alone.
  private static let share = 1e-3

  /// The largest |b_i|/|a_i| of the rows with a share in b'z; a cone that is not linear is one row.
  private func farthest(
    _ sides: UnsafePointer<Double>, _ weights: UnsafePointer<Double>, _ size: Double
  ) throws(KantorError) -> Double {
    let squares = try Buffer<Double>(count: problem.m)
    let a = problem.a
    for k in 0..<a.starts.pointer[a.columns] {
      let value = a.values.pointer[k]
      squares.pointer[Int(a.indices.pointer[k])] += value * value
    }
    var top = 0.0
    for (k, cone) in problem.cones.enumerated() {
      let (first, end) = (problem.rowStarts[k], problem.rowStarts[k + 1])
      let step = cone.isLinear ? 1 : max(1, end - first)
      for start in stride(from: first, to: end, by: step) {
        var (part, side, norm) = (0.0, 0.0, 0.0)
        for i in start..<start + step {
          part += sides[i] * weights[i]
          side += sides[i] * sides[i]
          norm += squares.pointer[i]
        }
        if part > Self.share * size, norm > 0 { top = max(top, (side / norm).squareRoot()) }
      }
    }
    return top
  }

  /// The largest |q_j| over the length of column j of P and A, of the columns with a share in q'x.
  private func steepest(
    _ x: UnsafePointer<Double>, _ size: Double
  ) throws(KantorError) -> Double {
    let squares = try Buffer<Double>(count: problem.n)
    let (a, p, out) = (problem.a, problem.p, squares.pointer)
    for j in 0..<problem.n {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        out[j] += a.values.pointer[k] * a.values.pointer[k]
      }
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] {
        let (i, square) = (Int(p.indices.pointer[k]), p.values.pointer[k] * p.values.pointer[k])
        out[j] += square
        if i != j { out[i] += square }
      }
    }
    var top = 0.0
    for j in 0..<problem.n where out[j] > 0 {
      let slope = abs(problem.q.pointer[j])
      if slope * abs(x[j]) > Self.share * size { top = max(top, slope / out[j].squareRoot()) }
    }
    return top
  }

  /// |z|, and the largest of it in a cone whose rows have one unit: the weight of a row on the
  /// boundary of such a cone may vanish as a ray's should, which is a cancellation too.
  private func blockWeights(_ z: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let weights = try Buffer<Double>(count: problem.m)
    for (k, cone) in problem.cones.enumerated() {
      let (first, end) = (problem.rowStarts[k], problem.rowStarts[k + 1])
      let top = Self.largest(z.pointer + first, end - first)
      for i in first..<end { weights.pointer[i] = cone.isLinear ? abs(z.pointer[i]) : top }
    }
    return weights
  }

  /// Moves z into the dual cone by the inner points of `ConeDistance`; clips boxes.
  private func moveInside(_ z: UnsafeMutablePointer<Double>) throws(KantorError) {
    for (k, cone) in problem.cones.enumerated() {
      let row = problem.rowStarts[k]
      let v = z + row
      switch cone {
      case .zero: continue
      case .nonnegative(let size): for i in 0..<size where v[i] < 0 { v[i] = 0 }
      case .box(let size):
        guard let lower = problem.lower, let upper = problem.upper else { continue }
        for i in 0..<size {
          let side = v[i] > 0 ? lower.pointer[row + i] : upper.pointer[row + i]
          if !side.isFinite { v[i] = 0 }
        }
      default:
        let t = try distance(k, cone, z, ConeDistance.dual) * (1 + 1e-12)
        if t == 0 || !t.isFinite { continue }
        switch cone {
        case .secondOrder: v[0] += t
        case .rotatedSecondOrder:
          v[0] += t * 0.5.squareRoot()
          v[1] += t * 0.5.squareRoot()
        case .psd(let side): for i in 0..<side { v[i * (i + 3) / 2] += t }
        case .exponential:
          v[0] -= t
          v[1] += t
          v[2] += t
        case .power: for i in 0..<2 { v[i] += t }
        case .generalizedPower(let exponents, _): for i in exponents.indices { v[i] += t }
        default: break
        }
      }
    }
  }

  /// Distances that rounding leaves after `moveInside`.
  private func tiny(_ z: Buffer<Double>) -> Double {
    1e-14 * Double(max(problem.m, 16)) * largest(z.pointer, z.count)
  }

  private func largest(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    Self.largest(v, count)
  }

  /// top/bottom the other way round, where nothing at the bottom means that nothing is left.
  private static func ratio(_ rest: Double, _ terms: Double) -> Double {
    if rest == 0 { return .infinity }
    return terms / rest
  }

  private static func addMagnitudes(
    _ a: SparseMatrix, _ v: UnsafePointer<Double>, transposed: Bool,
    into out: UnsafeMutablePointer<Double>
  ) {
    for j in 0..<a.columns {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let i = Int(a.indices.pointer[k])
        let x = abs(a.values.pointer[k])
        if transposed { out[j] += x * abs(v[i]) } else { out[i] += x * abs(v[j]) }
      }
    }
  }

  private static func addMagnitudesSymmetric(
    _ s: SparseMatrix, _ v: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) {
    for j in 0..<s.columns {
      for k in s.starts.pointer[j]..<s.starts.pointer[j + 1] {
        let i = Int(s.indices.pointer[k])
        let x = abs(s.values.pointer[k])
        out[i] += x * abs(v[j])
        if i != j { out[j] += x * abs(v[i]) }
      }
    }
  }
}
