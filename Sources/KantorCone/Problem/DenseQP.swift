import KantorCore

/// min 1/2 x'Px + q'x subject to row_lower <= Ax <= row_upper, lower <= x <= upper, with dense
/// row-major matrices in the caller's memory.
///
/// Its multipliers y, rows first and then variables, satisfy Px + q + A'y_rows + y_variables = 0;
/// y is >= 0 where an upper bound is active and <= 0 where a lower one is.
public struct DenseQP {
  public let n: Int
  public let m: Int
  /// nil for linear objectives.
  public let p: UnsafePointer<Double>?
  public let q: UnsafePointer<Double>
  /// nil only without rows.
  public let a: UnsafePointer<Double>?
  /// nil: no bound.
  public let rowLower: UnsafePointer<Double>?
  public let rowUpper: UnsafePointer<Double>?
  public let lower: UnsafePointer<Double>?
  public let upper: UnsafePointer<Double>?

  public init(
    n: Int, m: Int, p: UnsafePointer<Double>?, q: UnsafePointer<Double>,
    a: UnsafePointer<Double>?, rowLower: UnsafePointer<Double>?, rowUpper: UnsafePointer<Double>?,
    lower: UnsafePointer<Double>?, upper: UnsafePointer<Double>?
  ) {
    self.n = n
    self.m = m
    self.p = p
    self.q = q
    self.a = a
    self.rowLower = rowLower
    self.rowUpper = rowUpper
    self.lower = lower
    self.upper = upper
  }

  /// Bounds of constraint c: row c, or variable c - m.
  @inline(__always) public func low(_ c: Int) -> Double {
    c < m ? rowLower?[c] ?? -.infinity : lower?[c - m] ?? -.infinity
  }
  @inline(__always) public func high(_ c: Int) -> Double {
    c < m ? rowUpper?[c] ?? .infinity : upper?[c - m] ?? .infinity
  }

  /// Bounds are numbers, or infinite on their own side, and not crossed.
  func checkBounds() throws(KantorError) {
    for c in 0..<(m + n) {
      let (l, u) = (low(c), high(c))
      if l <= u && l < .infinity && u > -.infinity { continue }
      let (place, names) =
        c < m ? (c, ("row_lower", "row_upper")) : (c - m, ("lower", "upper"))
      if l.isNaN || l == .infinity {
        throw KantorError(
          .notFinite, "\(names.0) is \(l) at \(place); a number or -infinity is allowed")
      }
      if u.isNaN || u == -.infinity {
        throw KantorError(
          .notFinite, "\(names.1) is \(u) at \(place); a number or infinity is allowed")
      }
      throw KantorError(
        .range, "\(names.0) is \(l) and \(names.1) is \(u) at \(place); they must not cross")
    }
  }

  /// Called when something is not finite: says what.
  static func rubbish(
    _ name: String, _ values: UnsafePointer<Double>, rows: Int, columns: Int
  ) -> KantorError {
    for i in 0..<rows {
      for j in 0..<columns where !values[i * columns + j].isFinite {
        let place = name == "q" ? "\(j)" : "(\(i), \(j))"
        return KantorError(
          .notFinite, "\(name) is \(values[i * columns + j]) at \(place); numbers are needed")
      }
    }
    return KantorError(.notFinite, "\(name) has entries that are no numbers")
  }

  func checkSymmetry() throws(KantorError) {
    guard let p else { return }
    for i in 1..<max(n, 1) {
      for j in 0..<i where p[i * n + j] != p[j * n + i] {
        let (s, t) = (p[i * n + j], p[j * n + i])
        if abs(s - t) <= 1e-12 * max(abs(s), abs(t)) { continue }
        throw KantorError(
          .range,
          "p is \(s) at (\(i), \(j)) and \(t) at (\(j), \(i)); a symmetric matrix is needed")
      }
    }
  }
}
