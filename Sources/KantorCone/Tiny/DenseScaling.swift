import KantorCore

/// Scales rows and columns of a small dense program by powers of two, so that no digit changes:
/// x = D xh, P and A become c D P D and E A D, multipliers y = E yh / c and D^-1 yh / c.
///
/// Ruiz' iteration in the largest entry; left out where the data are well scaled as they come.
struct DenseScaling {
  typealias Numbers = UnsafeMutablePointer<Double>

  let n: Int
  let m: Int
  let columns: Numbers
  /// Before `scale` the largest entries of the rows of A.
  let rows: Numbers
  /// Largest entries of the columns of P and A.
  let tops: Numbers
  private(set) var objective = 1.0
  private(set) var isOn = false

  static func room(_ n: Int, _ m: Int) -> Int { n + DualActiveSet.padded(n) + m }

  /// Largest over smallest entry from which data are scaled.
  private static let spread = 64.0

  init(n: Int, m: Int, memory: Numbers) {
    (self.n, self.m) = (n, m)
    columns = memory
    tops = memory + n
    rows = memory + n + DualActiveSet.padded(n)
  }

  /// Scales padded copies of P, A and q in place. `tops` and `rows` have the largest entries.
  mutating func scale(p: Numbers, a: Numbers, q: Numbers, leading: Int) {
    isOn = false
    objective = 1
    guard isUneven() else { return }
    isOn = true
    for j in 0..<n { columns[j] = 1 }
    for i in 0..<m { rows[i] = 1 }
    for _ in 0..<6 {
      var changes = false
      for i in 0..<m {
        let factor = Self.power(1 / Self.top(a + i * leading, n).squareRoot())
        if factor == 1 { continue }
        changes = true
        rows[i] *= factor
        for j in 0..<n { a[i * leading + j] *= factor }
      }
      measure(p, a, leading)
      for j in 0..<n {
        tops[j] = Self.power(1 / tops[j].squareRoot())
        columns[j] *= tops[j]
        if tops[j] != 1 { changes = true }
      }
      if !changes { break }
      for i in 0..<m { for j in 0..<n { a[i * leading + j] *= tops[j] } }
      for i in 0..<n { for j in 0..<n { p[i * leading + j] *= tops[i] * tops[j] } }
    }
    var size = 0.0
    for j in 0..<n {
      q[j] *= columns[j]
      size = max(size, abs(q[j]), Self.top(p + j * leading, n))
    }
    objective = Self.power(1 / size)
    if objective == 1 { return }
    for j in 0..<n {
      q[j] *= objective
      for k in 0..<n { p[j * leading + k] *= objective }
    }
  }

  /// Largest entries of the columns of P and A, into `tops`.
  private func measure(_ p: Numbers, _ a: Numbers, _ leading: Int) {
    for j in 0..<n { tops[j] = 0 }
    for i in 0..<n {
      let row = p + i * leading
      for j in 0..<n { tops[j] = max(tops[j], abs(row[j])) }
    }
    for i in 0..<m {
      let row = a + i * leading
      for j in 0..<n { tops[j] = max(tops[j], abs(row[j])) }
    }
  }

  private func isUneven() -> Bool {
    var (least, most) = (1.0, 1.0)
    for j in 0..<n where tops[j] > 0 {
      least = min(least, tops[j])
      most = max(most, tops[j])
    }
    for i in 0..<m where rows[i] > 0 {
      least = min(least, rows[i])
      most = max(most, rows[i])
    }
    return most > Self.spread * least
  }

  private static func top(_ row: Numbers, _ n: Int) -> Double {
    var top = 0.0
    for j in 0..<n { top = max(top, abs(row[j])) }
    return top
  }

  /// The power of two next to x; 1 for what has no size.
  private static func power(_ x: Double) -> Double {
    guard x.isFinite, x > 0 else { return 1 }
    let factor = Double(sign: .plus, exponent: min(max(x.exponent, -500), 500), significand: 1)
    return x.significand > 1.4142135623730951 ? 2 * factor : factor
  }

  /// What a bound of constraint c (rows, then variables) is multiplied by.
  @inline(__always) func bound(_ c: Int) -> Double { c < m ? rows[c] : 1 / columns[c - m] }

  /// x in the caller's units.
  func restorePoint(_ x: Numbers) {
    if !isOn { return }
    for j in 0..<n { x[j] *= columns[j] }
  }

  /// Multipliers in the caller's units.
  func restoreMultipliers(_ y: Numbers) {
    if !isOn { return }
    for c in 0..<(m + n) where y[c] != 0 { y[c] *= bound(c) / objective }
  }
}
