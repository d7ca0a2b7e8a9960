import KantorCore

/// Cholesky's factor of a symmetric positive definite matrix, A = U'U with U upper triangular, in
/// passes along rows.
public struct UpperFactor {
  public let order: Int
  /// U, row-major, with zeros below the diagonal.
  public let rows: Buffer<Double>

  /// nil where A + shift I is not positive definite; its upper triangle is read.
  public init?(
    _ a: UnsafePointer<Double>, order d: Int, shift: Double = 0
  ) throws(KantorError) {
    order = d
    rows = try Buffer(count: d * d)
    let u = rows.pointer
    for i in 0..<d {
      for j in i..<d { u[i &* d &+ j] = a[i &* d &+ j] }
      u[i &* d &+ i] += shift
    }
    for k in 0..<d {
      let row = u + k * d
      let pivot = row[k]
      guard pivot > 0, pivot.isFinite else { return nil }
      let scale = 1 / pivot.squareRoot()
      for j in k..<d { row[j] *= scale }
      for i in (k + 1)..<max(d, k + 1) {
        let (t, to) = (row[i], u + i * d)
        for j in i..<d { to[j] -= t * row[j] }
      }
    }
  }

  /// U^-1, row-major.
  public func inverse() throws(KantorError) -> Buffer<Double> {
    let (d, u) = (order, rows.pointer)
    let out = try Buffer<Double>(count: d * d)
    for i in stride(from: d - 1, through: 0, by: -1) {
      let row = out.pointer + i * d
      row[i] = 1
      for k in (i + 1)..<max(d, i + 1) {
        let (t, from) = (u[i &* d &+ k], out.pointer + k * d)
        for j in k..<d { row[j] -= t * from[j] }
      }
      let scale = 1 / u[i &* d &+ i]
      for j in i..<d { row[j] *= scale }
    }
    return out
  }
}
