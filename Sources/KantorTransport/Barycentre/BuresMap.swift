import KantorCore
import KantorNumerics

/// Linear maps from one centred normal law to others: T = U^-1 (U S_k U')^(1/2) U^-T with S = U'U
/// is the symmetric positive semidefinite matrix with T S T = S_k. U in the place of S^(1/2) spares
/// the eigenvectors of S.
final class BuresMap {
  private let d: Int
  private let engine: MatrixProduct
  private let spectrum: SymmetricSpectrum
  private let inverse: Buffer<Double>
  private let factor: UpperFactor
  private let one: Buffer<Double>
  private let two: Buffer<Double>

  /// From a positive definite covariance S.
  init(
    from s: UnsafePointer<Double>, _ d: Int, _ engine: MatrixProduct, _ spectrum: SymmetricSpectrum
  ) throws(KantorError) {
    guard let factor = try UpperFactor(s, order: d) else {
      throw KantorError(.internal, "a covariance of order \(d) has lost its definiteness")
    }
    (self.d, self.engine, self.spectrum, self.factor) = (d, engine, spectrum, factor)
    inverse = try factor.inverse()
    one = try Buffer(count: d * d)
    two = try Buffer(count: d * d)
  }

  /// Writes T to `out`.
  func map(
    to target: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let u = view(factor.rows.pointer)
    try engine.multiply(u, view(target), into: one.pointer)
    try engine.multiply(view(one.pointer), u.transposed, into: two.pointer)
    symmetrise(two.pointer)
    guard spectrum.decompose(two.pointer) else {
      throw KantorError(.internal, "no eigenvalues of a matrix of order \(d) could be found")
    }
    // With Z = V U^-T, T = Z' diag(l)^(1/2) Z.
    try engine.multiply(
      view(spectrum.vectors.pointer), view(inverse.pointer).transposed, into: one.pointer)
    for k in 0..<d {
      let root = max(spectrum.values.pointer[k], 0).squareRoot()
      for i in 0..<d { two.pointer[k &* d &+ i] = root * one.pointer[k &* d &+ i] }
    }
    try engine.multiply(view(one.pointer).transposed, view(two.pointer), into: out)
    symmetrise(out)
  }

  private func view(_ a: UnsafePointer<Double>) -> MatrixView {
    MatrixView(a, rows: d, columns: d)
  }

  private func symmetrise(_ a: UnsafeMutablePointer<Double>) {
    for i in 0..<d {
      for j in 0..<i {
        let mean = 0.5 * (a[i &* d &+ j] + a[j &* d &+ i])
        (a[i &* d &+ j], a[j &* d &+ i]) = (mean, mean)
      }
    }
  }
}
