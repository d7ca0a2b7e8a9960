import KantorCore
import KantorNumerics

/// Refuses a P that is not positive semidefinite, and names a direction of negative curvature.
///
/// A method for convex programs would return a stationary point that may be a maximum. What
/// rounding can make of a semidefinite matrix passes: curvature above -1e-9 of a variable's own.
package struct Convexity {
  private let p: SparseMatrix
  private let n: Int
  private static let slack = 1e-9

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
        if abs(x) > product * (1 + Self.slack) {
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
    guard let outcome = try pivots(scaled, interruption), outcome.isUsable, outcome.negative > 0
    else { return }
    let (curvature, direction) = try lowest(scaled)
    guard curvature < -Self.slack else { return }
    var (top, place) = (0.0, 0)
    for j in 0..<n where abs(direction.pointer[j]) > top {
      top = abs(direction.pointer[j])
      place = j
    }
    throw refused(
      "\(outcome.negative) of its eigenvalues are negative; the curvature x'Px is "
        + "\(shortText(curvature)) along an x of length 1 (in variables scaled to P_jj = 1) whose "
        + "largest entry is variable \(place)")
  }

  /// The factorisation of S + slack I, with small pivots made positive; nil when interrupted.
  private func pivots(
    _ s: SparseMatrix, _ interruption: Interruption
  ) throws(KantorError) -> FactorOutcome? {
    let rule = PivotRule(shift: 0, threshold: 1e-15, replacement: 1e-9)
    // Half full, a matrix takes longer to be analysed than to be factored whole.
    if s.count >= n * n / 4 {
      let dense = try DenseLDL(order: n)
      for j in 0..<n {
        for k in s.starts.pointer[j]..<s.starts.pointer[j + 1] {
          dense.entries[Int(s.indices.pointer[k]) * dense.leading + j] = s.values.pointer[k]
        }
        dense.entries[j * dense.leading + j] += Self.slack
      }
      return dense.factor(rule: rule, interruption: interruption)
    }
    var assembly = try SymmetricAssembly(order: n, capacity: s.count + n)
    _ = try assembly.append(s, rowOffset: 0, columnOffset: 0)
    _ = try assembly.appendDiagonal(at: 0, count: n, value: Self.slack)
    let matrix = try assembly.finish().matrix
    guard let analysis = try LDLAnalysis(matrix, interruption: interruption) else {
      return nil
    }
    return try LDLFactor(analysis).factor(
      values: matrix.values.pointer, rule: rule, interruption: interruption)
  }

  /// Power iteration with c I - P, c a bound of the eigenvalues.
  private func lowest(_ s: SparseMatrix) throws(KantorError) -> (Double, Buffer<Double>) {
    let norms = try Buffer<Double>(count: n)
    s.symmetricNorms(.one, into: norms.pointer)
    let bound = norms.span.reduce(0, max)
    let x = try Buffer<Double>(count: n)
    let y = try Buffer<Double>(count: n)
    // Any start that no symmetry of P makes special.
    for j in 0..<n {
      let part = 0.618 * Double((j &* 7919) % 97) / 97
      x.pointer[j] = j % 2 == 0 ? 1 + part : 1 - 2 * part
    }
    var curvature = Double.infinity
    for _ in 0..<2000 {
      var square = 0.0
      for j in 0..<n { square += x.pointer[j] * x.pointer[j] }
      let unit = 1 / square.squareRoot()
      for j in 0..<n { x.pointer[j] *= unit }
      y.fill(0)
      s.multiplySymmetric(x.pointer, into: y.pointer)
      let last = curvature
      curvature = 0
      for j in 0..<n { curvature += x.pointer[j] * y.pointer[j] }
      if curvature < 0 && last - curvature < 1e-6 * -curvature { break }
      for j in 0..<n { x.pointer[j] = bound * x.pointer[j] - y.pointer[j] }
    }
    return (curvature, x)
  }

  private func refused(_ what: String) -> KantorError {
    KantorError(.range, "P is not positive semidefinite: \(what)")
  }
}
