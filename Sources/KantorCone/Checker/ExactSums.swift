import KantorCore
import KantorNumerics

/// Sums kept in twice the working precision, one per element of a vector: the residuals of a
/// certificate are differences of large numbers, and rounding must not decide them.
///
/// Source: T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26
/// (2005), algorithms 4.3 and 5.3.
package final class ExactSums {
  package let count: Int
  private let high: Buffer<Double>
  private let low: Buffer<Double>

  package init(count: Int) throws(KantorError) {
    self.count = count
    high = try Buffer(count: count)
    low = try Buffer(count: count)
  }

  @inline(__always)
  private static func add(
    _ x: Double, _ rest: Double, _ high: inout Double, _ low: inout Double
  ) {
    let sum = high + x
    let part = sum - high
    low += ((high - (sum - part)) + (x - part)) + rest
    high = sum
  }

  /// self += sign * x.
  package func add(_ x: UnsafePointer<Double>, sign: Double = 1) {
    let (h, l) = (high.pointer, low.pointer)
    for i in 0..<count { Self.add(sign * x[i], 0, &h[i], &l[i]) }
  }

  /// self += A x.
  package func addProduct(_ a: SparseMatrix, _ x: UnsafePointer<Double>) {
    let (h, l) = (high.pointer, low.pointer)
    let (first, row, value) = (a.starts.pointer, a.indices.pointer, a.values.pointer)
    for j in 0..<a.columns where x[j] != 0 {
      for k in first[j]..<first[j &+ 1] {
        let p = value[k] * x[j]
        let i = Int(row[k])
        Self.add(p, (-p).addingProduct(value[k], x[j]), &h[i], &l[i])
      }
    }
  }

  /// self += A' z.
  package func addTransposedProduct(_ a: SparseMatrix, _ z: UnsafePointer<Double>) {
    let (h, l) = (high.pointer, low.pointer)
    let (first, row, value) = (a.starts.pointer, a.indices.pointer, a.values.pointer)
    for j in 0..<a.columns {
      var (sum, rest) = (h[j], l[j])
      for k in first[j]..<first[j &+ 1] {
        let t = z[Int(row[k])]
        let p = value[k] * t
        Self.add(p, (-p).addingProduct(value[k], t), &sum, &rest)
      }
      (h[j], l[j]) = (sum, rest)
    }
  }

  /// self += S x for a symmetric S whose upper triangle is stored.
  package func addSymmetricProduct(_ s: SparseMatrix, _ x: UnsafePointer<Double>) {
    let (h, l) = (high.pointer, low.pointer)
    let (first, row, value) = (s.starts.pointer, s.indices.pointer, s.values.pointer)
    for j in 0..<s.columns {
      for k in first[j]..<first[j &+ 1] {
        let i = Int(row[k])
        let p = value[k] * x[j]
        Self.add(p, (-p).addingProduct(value[k], x[j]), &h[i], &l[i])
        if i == j { continue }
        let q = value[k] * x[i]
        Self.add(q, (-q).addingProduct(value[k], x[i]), &h[j], &l[j])
      }
    }
  }

  /// The sums, rounded once.
  package subscript(i: Int) -> Double {
    let sum = high.pointer[i] + low.pointer[i]
    // A correction that overflowed says nothing.
    return low.pointer[i].isFinite ? sum : high.pointer[i]
  }

  package var largest: Double {
    var top = 0.0
    for i in 0..<count {
      let x = abs(self[i])
      if x.isNaN { return .nan }
      top = max(top, x)
    }
    return top
  }

  package var length: Double {
    var top = largest
    if top == 0 || !top.isFinite { return top }
    // A power of two, so that dividing by it is exact.
    top = Double(sign: .plus, exponent: top.exponent, significand: 1)
    var sum = 0.0
    for i in 0..<count { sum += (self[i] / top) * (self[i] / top) }
    return top * sum.squareRoot()
  }

  package func copied() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: count)
    for i in 0..<count { out.pointer[i] = self[i] }
    return out
  }
}

/// x'y in twice the working precision.
package func exactDot(
  _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ count: Int
) -> Double {
  var sum = CompensatedSum()
  for i in 0..<count {
    let p = x[i] * y[i]
    sum.add(p)
    sum.add((-p).addingProduct(x[i], y[i]))
  }
  return sum.value
}
