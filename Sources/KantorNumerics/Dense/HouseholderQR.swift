import KantorCore

/// Solves min |A x - b| for dense A of full column rank with at least as many rows as columns, by
/// Householder reflections; of one size, again and again. All memory is taken at the start.
///
/// Source: G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed. (2013), section 5.3.2.
public final class HouseholderQR {
  public let rows: Int
  public let columns: Int
  /// A by columns, one after the other; lost in `solve`.
  public let entries: UnsafeMutablePointer<Double>
  /// b; lost in `solve`.
  public let right: UnsafeMutablePointer<Double>
  private let storage: Buffer<Double>
  private let vector: Buffer<Double>
  private let diagonal: Buffer<Double>

  public init(rows: Int, columns: Int) throws(KantorError) {
    precondition(rows >= columns)
    self.rows = rows
    self.columns = columns
    storage = try Buffer(count: try checkedProduct(rows, columns, of: "QR factor"))
    vector = try Buffer(count: rows)
    diagonal = try Buffer(count: columns)
    entries = storage.pointer
    right = vector.pointer
  }

  /// x of least |A x - b|; entries that the columns before make up are 0. False when interrupted.
  public func solve(
    into x: UnsafeMutablePointer<Double>, interruption: Interruption = .never
  ) -> Bool {
    let r = diagonal.pointer
    var done = 0
    for k in 0..<columns {
      done += (rows - k) * (columns - k)
      if done > Self.beat {
        if interruption.beat() { return false }
        done = 0
      }
      let v = entries + (k * rows + k)
      let length = rows - k
      let norm = scaledNorm(v, length)
      guard norm > 0 else {
        r[k] = 0
        continue
      }
      let alpha = v[0] > 0 ? -norm : norm
      r[k] = alpha
      // v = a - alpha e_1, with v'v = -2 alpha v_1.
      v[0] -= alpha
      let factor = 1 / (alpha * v[0])
      for j in (k + 1)..<max(columns, k + 1) {
        reflect(v, entries + (j * rows + k), length, factor)
      }
      reflect(v, right + k, length, factor)
    }
    var largest = 0.0
    for k in 0..<columns { largest = max(largest, abs(r[k])) }
    for k in stride(from: columns - 1, through: 0, by: -1) {
      guard abs(r[k]) > Self.rank * largest else {
        x[k] = 0
        continue
      }
      x[k] = right[k] / r[k]
      let column = entries + k * rows
      for i in 0..<k { right[i] -= column[i] * x[k] }
    }
    return true
  }

  private static let beat = 1 << 22
  /// Diagonal entries below this, relative to the largest, are rounding.
  private static let rank = 1e-15

  private func scaledNorm(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    let square = dotProduct(v, v, count)
    if square.isFinite && square > 1e-280 { return square.squareRoot() }
    var top = 0.0
    for i in 0..<count { top = max(top, abs(v[i])) }
    guard top > 0, top.isFinite else { return top }
    var sum = 0.0
    for i in 0..<count { sum += (v[i] / top) * (v[i] / top) }
    return top * sum.squareRoot()
  }

  /// a <- a + factor v (v'a).
  private func reflect(
    _ v: UnsafePointer<Double>, _ a: UnsafeMutablePointer<Double>, _ count: Int, _ factor: Double
  ) {
    let t = factor * dotProduct(v, a, count)
    for i in 0..<count { a[i] += t * v[i] }
  }
}
