import KantorCore
import KantorNumerics

/// Scales of variables, rows and objective: x = D xh, s = E^-1 sh, z = E zh / c.
///
/// Ruiz's iteration makes all columns of [P; A] and rows of A have a largest entry near 1; rows of
/// one cone that is no product of half-lines keep one common scale.
///
/// Source: D. Ruiz, "A scaling algorithm to equilibrate both rows and columns norms in matrices",
/// report RAL-TR-2001-034.
struct Equilibration {
  let columns: Buffer<Double>
  let rows: Buffer<Double>
  let objective: Double

  private static let least = 1e-4
  private static let most = 1e4

  /// Scales P, A, q in place; `blocks` are ranges of rows that need a common scale.
  init(
    p: SparseMatrix, a: SparseMatrix, q: UnsafeMutablePointer<Double>, blocks: [Range<Int>],
    rounds: Int = 10
  ) throws(KantorError) {
    let (n, m) = (a.columns, a.rows)
    columns = try Buffer(count: n, repeating: 1)
    rows = try Buffer(count: m, repeating: 1)
    let d = try Buffer<Double>(count: n)
    let e = try Buffer<Double>(count: m)
    // Of the columns of P; the scale of the objective is known to them a pass before P has it.
    let norms = try Buffer<Double>(count: n)
    var (total, pending) = (1.0, 1.0)
    p.symmetricNorms(.largest, into: norms.pointer)
    for _ in 0..<rounds {
      a.largestEntries(columns: d.pointer, rows: e.pointer)
      for j in 0..<n { d.pointer[j] = max(d.pointer[j], norms.pointer[j]) }
      let spread = max(Self.invertRoots(d), Self.invertRoots(e))
      Self.clamp(d, columns)
      Self.share(e, blocks)
      Self.clamp(e, rows)
      p.scale(rows: d.pointer, columns: d.pointer, by: pending, into: p)
      a.scale(rows: e.pointer, columns: d.pointer, into: a)
      for j in 0..<n {
        q[j] *= d.pointer[j]
        columns.pointer[j] *= d.pointer[j]
      }
      for i in 0..<m { rows.pointer[i] *= e.pointer[i] }
      // The objective: mean column of P against q.
      p.symmetricNorms(.largest, into: norms.pointer)
      pending = 1
      var (mean, top) = (0.0, 0.0)
      for j in 0..<n {
        mean += norms.pointer[j] / Double(n)
        top = max(top, abs(q[j]))
      }
      let size = max(mean, top)
      if size > 0 {
        let c = min(max(1 / size, Self.least * Self.least / total), 1e8 / total)
        total *= c
        pending = c
        for j in 0..<n {
          q[j] *= c
          norms.pointer[j] *= c
        }
      }
      if spread < 1e-2 { break }
    }
    for k in 0..<p.count { p.values.pointer[k] *= pending }
    objective = total
  }

  /// v <- 1/sqrt(v), 1 where nothing is; answers how far the norms were from 1.
  private static func invertRoots(_ v: Buffer<Double>) -> Double {
    var spread = 0.0
    for i in 0..<v.count {
      let x = v.pointer[i]
      if x > 0 { spread = max(spread, abs(1 - x)) }
      v.pointer[i] = x > 0 ? 1 / x.squareRoot() : 1
    }
    return spread
  }

  /// Keeps the scale that has grown up within bounds.
  private static func clamp(_ step: Buffer<Double>, _ grown: Buffer<Double>) {
    for i in 0..<step.count {
      let old = grown.pointer[i]
      step.pointer[i] = min(max(step.pointer[i], least / old), most / old)
    }
  }

  private static func share(_ e: Buffer<Double>, _ blocks: [Range<Int>]) {
    for block in blocks where block.count > 1 {
      var sum = 0.0
      for i in block { sum += e.pointer[i] }
      let mean = sum / Double(block.count)
      for i in block { e.pointer[i] = mean }
    }
  }
}
