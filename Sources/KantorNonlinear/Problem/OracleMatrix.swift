import KantorCore
import KantorNumerics

/// A Jacobian or a Hessian as an oracle gives it: dense and row-major, or sparse by columns. A
/// symmetric one is whole when dense, and its upper triangle when sparse.
public final class OracleMatrix {
  public let rows: Int
  public let columns: Int
  public let isSymmetric: Bool
  /// Nil when sparse.
  public let dense: Buffer<Double>?
  /// Nil when dense. Its values change with every evaluation.
  public let sparse: SparseMatrix?
  /// All entries of the dense matrix, or those that the pattern has.
  public let values: Buffer<Double>

  init(
    rows: Int, columns: Int, pattern: FunctionPattern?, isSymmetric: Bool = false
  ) throws(KantorError) {
    self.rows = rows
    self.columns = columns
    self.isSymmetric = isSymmetric
    if let pattern {
      let matrix = try pattern.makeMatrix()
      (sparse, dense, values) = (matrix, nil, matrix.values)
    } else {
      let entries = try Buffer<Double>(count: try checkedProduct(rows, columns, of: "matrix"))
      (sparse, dense, values) = (nil, entries, entries)
    }
  }

  /// y += scale A x.
  public func multiply(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scale: Double = 1
  ) {
    if let sparse {
      if isSymmetric {
        sparse.multiplySymmetric(x, into: y, scale: scale)
      } else {
        sparse.multiply(x, into: y, scale: scale)
      }
    } else if let a = dense?.pointer {
      for i in 0..<rows {
        var sum = 0.0
        let row = a + i &* columns
        for j in 0..<columns { sum += row[j] * x[j] }
        y[i] += scale * sum
      }
    }
  }

  /// y += scale A'x.
  public func multiplyTransposed(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scale: Double = 1
  ) {
    if isSymmetric {
      multiply(x, into: y, scale: scale)
    } else if let sparse {
      sparse.multiplyTransposed(x, into: y, scale: scale)
    } else if let a = dense?.pointer {
      for i in 0..<rows {
        let t = scale * x[i]
        if t == 0 { continue }
        let row = a + i &* columns
        for j in 0..<columns { y[j] += row[j] * t }
      }
    }
  }

  /// out[i] = largest entry of row i in size.
  public func rowSizes(into out: UnsafeMutablePointer<Double>) {
    for i in 0..<rows { out[i] = 0 }
    if let sparse {
      for k in 0..<sparse.count {
        let i = Int(sparse.indices.pointer[k])
        out[i] = max(out[i], abs(sparse.values.pointer[k]))
      }
    } else if let a = dense?.pointer {
      for i in 0..<rows {
        for j in 0..<columns { out[i] = max(out[i], abs(a[i &* columns &+ j])) }
      }
    }
  }
}
