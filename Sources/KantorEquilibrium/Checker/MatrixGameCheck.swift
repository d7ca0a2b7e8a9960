import KantorCore
import KantorNumerics

/// What two strategies prove about a zero-sum game: the value lies between what p gains at the
/// least and what q loses at the most, whatever the other player does.
package struct MatrixGameCertificate {
  package var lower = Double.nan
  package var upper = Double.nan
  /// upper - lower.
  package var gap = Double.nan
  /// gap over the range of the payoffs.
  package var relativeGap = Double.nan
  /// A q and A'p.
  package let rowPayoffs: Buffer<Double>
  package let columnPayoffs: Buffer<Double>
}

package struct MatrixGameCheck {
  let problem: MatrixGameProblem

  package init(_ problem: MatrixGameProblem) { self.problem = problem }

  /// What `solved_inaccurate` promises at the least.
  package static let inaccurate = 1e-4

  /// Rounding and small excursions are taken off: negative numbers become 0, the sum 1. False when
  /// nothing positive is left, or a number is not finite; the strategy is uniform then.
  package static func normalise(_ p: Buffer<Double>) -> Bool {
    var sum = CompensatedSum()
    var isFinite = true
    for i in 0..<p.count {
      if !p[i].isFinite { isFinite = false }
      p[i] = max(p[i], 0)
      sum.add(p[i])
    }
    guard isFinite, sum.value > 0, sum.value.isFinite else {
      p.fill(1 / Double(p.count))
      return false
    }
    let total = sum.value
    for i in 0..<p.count { p[i] /= total }
    return true
  }

  /// Of strategies that `normalise` has made.
  package func certify(
    _ p: Buffer<Double>, _ q: Buffer<Double>
  ) throws(KantorError) -> MatrixGameCertificate {
    let a = problem.payoff
    var rows = [CompensatedSum](repeating: CompensatedSum(), count: problem.n)
    let columnPayoffs = try Buffer<Double>(count: problem.m)
    for j in 0..<problem.m {
      var column = CompensatedSum()
      for e in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let (i, value) = (Int(a.indices.pointer[e]), a.values.pointer[e])
        rows[i].add(value * q[j])
        column.add(value * p[i])
      }
      columnPayoffs.pointer[j] = column.value
    }
    let rowPayoffs = try Buffer<Double>(count: problem.n)
    for i in 0..<problem.n { rowPayoffs.pointer[i] = rows[i].value }
    var found = MatrixGameCertificate(rowPayoffs: rowPayoffs, columnPayoffs: columnPayoffs)
    var (upper, lower) = (-Double.infinity, Double.infinity)
    for i in 0..<problem.n { upper = max(upper, rowPayoffs[i]) }
    for j in 0..<problem.m { lower = min(lower, columnPayoffs[j]) }
    (found.lower, found.upper) = (lower, upper)
    found.gap = upper - lower
    let range = problem.most - problem.least
    found.relativeGap = range > 0 ? max(found.gap, 0) / range : 0
    return found
  }
}
