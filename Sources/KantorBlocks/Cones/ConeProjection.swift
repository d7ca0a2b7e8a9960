import KantorCore
import KantorNumerics

/// Euclidean projections on a product of cones K and on its dual, in place.
///
/// For every cone, v = P(v) - P*(-v) with P the projection on K and P* that on its dual (Moreau);
/// both parts are computed without the difference, so that each is accurate where it is small.
/// A box is no cone: P clips to its bounds, and P* is the projection on the directions in which its
/// support function is finite. Errors are some units of rounding of the largest entry of the cone.
///
/// Owns the work memory. Not for two threads at once.
///
/// Source: N. Parikh, S. Boyd, "Proximal algorithms" (2014), chapter 6.
package final class ConeProjection {
  package let cones: [Cone]
  /// Rows of all cones.
  package let rows: Int
  private let lower: Buffer<Double>?
  private let upper: Buffer<Double>?
  private let powers: [PowerShape?]
  private let spectra: [Int: SemidefiniteProjection]
  private let scratch: Buffer<Double>

  /// Bounds have an element per row, of which those in boxes are read.
  package init(
    _ cones: [Cone], lower: Buffer<Double>?, upper: Buffer<Double>?
  ) throws(KantorError) {
    self.cones = cones
    self.lower = lower
    self.upper = upper
    var (rows, most) = (0, 0)
    var powers: [PowerShape?] = []
    var spectra: [Int: SemidefiniteProjection] = [:]
    for cone in cones {
      rows += cone.rows
      let shape = try PowerShape(cone)
      powers.append(shape)
      if let shape { most = max(most, shape.rows) }
      if case .psd(let side) = cone, spectra[side] == nil {
        spectra[side] = try SemidefiniteProjection(side: side)
      }
    }
    self.rows = rows
    self.powers = powers
    self.spectra = spectra
    scratch = try Buffer(count: most)
  }

  /// About how many multiplications one projection takes; for choices of methods, and for loops
  /// that ask the host now and then.
  package var cost: Double { cones.reduce(0) { $0 + Self.cost($1) } }

  package static func cost(_ cone: Cone) -> Double {
    let rows = Double(cone.rows)
    switch cone {
    case .zero, .nonnegative, .box: return rows
    case .secondOrder, .rotatedSecondOrder: return 4 * rows
    case .exponential: return 600
    case .power, .generalizedPower: return 600 + 300 * rows
    case .psd(let side):
      // Reduction to tridiagonal form, its vectors, and two products.
      let k = Double(side)
      return 12 * k * k * k
    }
  }

  /// v <- the nearest point of K. False, and v is of no use, when an entry is not finite or an
  /// eigenvalue computation did not converge.
  package func project(_ v: UnsafeMutablePointer<Double>) -> Bool {
    var (row, isFine) = (0, true)
    for (k, cone) in cones.enumerated() {
      if !project(k, cone, v + row, row) { isFine = false }
      row += cone.rows
    }
    return isFine
  }

  /// v <- the nearest point of the dual of K.
  package func projectDual(_ v: UnsafeMutablePointer<Double>) -> Bool {
    var (row, isFine) = (0, true)
    for (k, cone) in cones.enumerated() {
      if !projectDual(k, cone, v + row, row) { isFine = false }
      row += cone.rows
    }
    return isFine
  }

  private func project(
    _ index: Int, _ cone: Cone, _ v: UnsafeMutablePointer<Double>, _ row: Int
  ) -> Bool {
    switch cone {
    case .zero(let k):
      for i in 0..<k { v[i] = 0 }
      return true
    case .nonnegative(let k):
      for i in 0..<k { v[i] = max(v[i], 0) }
      return true
    case .box(let k):
      guard let lower, let upper else { return true }
      let (l, u) = (lower.pointer + row, upper.pointer + row)
      for i in 0..<k { v[i] = min(max(v[i], l[i]), u[i]) }
      return true
    case .secondOrder(let k): return SecondOrderProjection.project(v, k)
    case .rotatedSecondOrder(let k): return SecondOrderProjection.projectRotated(v, k)
    case .exponential:
      let parts = ExponentialSplit(v[0], v[1], v[2])
      (v[0], v[1], v[2]) = parts.x
      return parts.isFinite
    case .power, .generalizedPower:
      guard let shape = powers[index] else { return false }
      let point = shape.point(v)
      shape.primal(point, v)
      return point.isFinite
    case .psd(let side): return spectra[side]?.project(v) ?? true
    }
  }

  private func projectDual(
    _ index: Int, _ cone: Cone, _ v: UnsafeMutablePointer<Double>, _ row: Int
  ) -> Bool {
    switch cone {
    case .zero: return true
    case .box(let k):
      guard let lower, let upper else { return true }
      let (l, u) = (lower.pointer + row, upper.pointer + row)
      for i in 0..<k {
        if (v[i] > 0 && l[i] == -.infinity) || (v[i] < 0 && u[i] == .infinity) { v[i] = 0 }
      }
      return true
    case .exponential:
      let parts = ExponentialSplit(-v[0], -v[1], -v[2])
      (v[0], v[1], v[2]) = parts.z
      return parts.isFinite
    case .power, .generalizedPower:
      guard let shape = powers[index] else { return false }
      for i in 0..<shape.rows { scratch.pointer[i] = -v[i] }
      let point = shape.point(scratch.pointer)
      shape.dual(point, scratch.pointer, into: v)
      return point.isFinite
    default: return project(index, cone, v, row)
    }
  }
}
