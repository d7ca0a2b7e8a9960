import CKantorKernels

/// Products of square row-major matrices.
enum SquareMatrix {
  static func multiply(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>,
    _ d: Int
  ) {
    let n = Int64(d)
    kn_small_product_f64(a, n, b, n, n, n, n, out, n)
  }
}
