import KantorCore
import KantorNumerics

/// Refuses a P that is not positive semidefinite, and names a direction of negative curvature.
///
/// A method for convex programs would return a stationary point that may be a maximum. What
/// rounding can make of a semidefinite matrix passes: with variables scaled to P_jj = 1, negative
/// eigenvalues up to 1e-7 of the largest, as products of single precision have; in two rows and
/// columns, a determinant that misses zero by 1e-9.
package struct Convexity {
  private let p: SparseMatrix
  private let n: Int
  private static let pairSlack = 1e-9
  private static let slack = 1e-7

  package static func check(_ p: SparseMatrix, _ interruption: Interruption) throws(KantorError) {
    if p.count == 0 { return }
    let check = Convexity(p: p, n: p.columns)
    try check.run(interruption)
  }

  private func run(_ interruption: Interruption) throws(KantorError) {
    let diagonal = try Buffer<Double>(count: n)
    let others = try Buffer<Double>(count: n)
    let (first, row, value) = (p.starts.pointer, p.indices.pointer, p.values.pointer)
    for j in 0..<n {
      for k in first[j]..<first[j + 1] {
        let i = Int(row[k])
        if i == j {
          diagonal.pointer[j] = value[k]
        } else {
          others.pointer[j] += abs(value[k])
          others.pointer[i] += abs(value[k])
        }
      }
    }
    var dominant = true
    for j in 0..<n {
      if diagonal.pointer[j] < 0 {
        throw refused("P[\(j), \(j)], the curvature along variable \(j), is \(diagonal.pointer[j])")
      }
      if others.pointer[j] > diagonal.pointer[j] { dominant = false }
    }
    if dominant { return }
    try minors(diagonal)
    try inertia(diagonal, interruption)
  }

  /// Principal minors of order two, which cost nothing.
  private func minors(_ d: Buffer<Double>) throws(KantorError) {
    for j in 0..<n {
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] {
        let i = Int(p.indices.pointer[k])
        let x = p.values.pointer[k]
        if i == j || x == 0 { continue }
        let product = d.pointer[i].squareRoot() * d.pointer[j].squareRoot()
        if abs(x) > product * (1 + Self.pairSlack) {
          let (a, b) = (d.pointer[i], d.pointer[j])
          let root = (0.25 * (a - b) * (a - b) + x * x).squareRoot()
          let curvature = (a * b - x * x) / (0.5 * (a + b) + root)
          throw refused(
            "the rows and columns \(i) and \(j) have the diagonal \(d.pointer[i]), "
              + "\(d.pointer[j]) and \(x) off it; the least curvature along an x of length 1 of "
              + "these two variables is \(shortText(curvature))")
        }
      }
    }
  }

  /// Signs of the pivots of P, scaled to a unit diagonal.
  private func inertia(
    _ d: Buffer<Double>, _ interruption: Interruption
  ) throws(KantorError) {
    for j in 0..<n { d.pointer[j] = d.pointer[j] > 0 ? 1 / d.pointer[j].squareRoot() : 1 }
    let scaled = try p.copy()
    p.scale(rows: d.pointer, columns: d.pointer, into: scaled)
    // The largest eigenvalue is at least the mean of the diagonal, 1 where there is curvature; most
    // programs are settled by one factorisation.
    guard let search = try NegativeCurvature(scaled, interruption),
      search.isNegative(shift: Self.slack) == true
    else { return }
    let allowed = Self.slack * max(1, search.largest())
    guard search.isNegative(shift: allowed) == true,
      let curvature = search.lowest(from: allowed, most: Double(n)), curvature < -allowed
    else { return }
    let direction = search.direction.pointer
    var (top, place) = (0.0, 0)
    for j in 0..<n where abs(direction[j]) > top {
      top = abs(direction[j])
      place = j
    }
    throw refused(
      "the curvature x'Px is \(shortText(curvature)) along an x of length 1 (in variables scaled "
        + "to P_jj = 1) whose largest entry is variable \(place)")
  }

  private func refused(_ what: String) -> KantorError {
    KantorError(.range, "P is not positive semidefinite: \(what)")
  }
}
