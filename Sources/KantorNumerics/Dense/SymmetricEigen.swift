import KantorCore

/// Eigenvalues and eigenvectors of one symmetric matrix, by `SymmetricSpectrum`.
public struct SymmetricEigen {
  public let count: Int
  /// In ascending order.
  public let values: Buffer<Double>
  /// Row k is the unit eigenvector of values[k].
  public let vectors: Buffer<Double>

  /// Reads the mean of the matrix, n x n and row-major, and its transpose. All entries are finite.
  public init(_ a: UnsafePointer<Double>, count n: Int) throws(KantorError) {
    count = n
    let mean = try Buffer<Double>(count: try checkedProduct(n, n, of: "matrix"))
    for i in 0..<n {
      for j in 0..<n { mean.pointer[i * n + j] = 0.5 * (a[i * n + j] + a[j * n + i]) }
    }
    let spectrum = try SymmetricSpectrum(order: n)
    guard spectrum.decompose(mean.pointer) else {
      throw KantorError(.internal, "no eigenvalues of a matrix of order \(n) could be found")
    }
    (values, vectors) = (spectrum.values, spectrum.vectors)
  }

  /// out = sum_k f(value_k) v_k v_k'.
  public func apply(_ out: UnsafeMutablePointer<Double>, _ f: (Double) -> Double) {
    let n = count
    for i in 0..<n * n { out[i] = 0 }
    for k in 0..<n {
      let (weight, v) = (f(values.pointer[k]), vectors.pointer + k * n)
      for i in 0..<n {
        let left = weight * v[i]
        for j in 0..<n { out[i * n + j] += left * v[j] }
      }
    }
  }
}
