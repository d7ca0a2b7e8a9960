import CKantorKernels
import KantorCore
import KantorNumerics

/// Linear maps between centred normal laws: T = R^-1 (R S_k R)^(1/2) R^-1 with R = S^(1/2), the
/// symmetric matrix with T S T = S_k.
struct BuresMap {
  private let d: Int
  private let root: Buffer<Double>
  private let inverse: Buffer<Double>
  private let one: Buffer<Double>
  private let two: Buffer<Double>

  /// From a covariance S given by its eigenvectors.
  init(from eigen: SymmetricEigen) throws(KantorError) {
    d = eigen.count
    root = try Buffer(count: d * d)
    inverse = try Buffer(count: d * d)
    one = try Buffer(count: d * d)
    two = try Buffer(count: d * d)
    eigen.apply(root.pointer) { max($0, 0).squareRoot() }
    eigen.apply(inverse.pointer) { 1 / max($0, 1e-300).squareRoot() }
  }

  /// Writes T to `out` and returns tr (R S_k R)^(1/2).
  func map(
    to target: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    product(root.pointer, target, one.pointer)
    product(one.pointer, root.pointer, two.pointer)
    let eigen = try SymmetricEigen(two.pointer, count: d)
    var trace = 0.0
    for k in 0..<d { trace += max(eigen.values.pointer[k], 0).squareRoot() }
    eigen.apply(two.pointer) { max($0, 0).squareRoot() }
    product(inverse.pointer, two.pointer, one.pointer)
    product(one.pointer, inverse.pointer, out)
    for i in 0..<d {
      for j in 0..<i {
        let mean = 0.5 * (out[i * d + j] + out[j * d + i])
        (out[i * d + j], out[j * d + i]) = (mean, mean)
      }
    }
    return trace
  }

  func product(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) {
    let n = Int64(d)
    kn_small_product_f64(a, n, b, n, n, n, n, out, n)
  }
}
