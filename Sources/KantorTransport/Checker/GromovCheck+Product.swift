import KantorCore
import KantorNumerics

/// The product that the gradient needs, and the test that it is right.
extension GromovCheck {
  /// Vectors of random signs that a product is tested with.
  private static var probes: Int { 3 }

  /// (C P h2(D)^T + C^T P h2(D)) / 2, not a number if it fails the test.
  func crossProduct() throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    let c = MatrixView(problem.source.pointer, rows: n, columns: n)
    let d = MatrixView(h2.pointer, rows: m, columns: m)
    let p = MatrixView(plan, rows: n, columns: m)
    let half = try Buffer<Double>(count: n * m)
    let out = try Buffer<Double>(count: n * m)
    let engine = try MatrixProduct(threads: parallel.threads)
    let middle = MatrixView(half.pointer, rows: n, columns: m)
    try engine.multiply(c, p, into: half.pointer)
    let isOne = problem.isSymmetric
    try engine.multiply(middle, d.transposed, into: out.pointer, factor: isOne ? 1 : 0.5)
    if !isOne {
      try engine.multiply(c.transposed, p, into: half.pointer)
      try engine.multiply(middle, d, into: out.pointer, factor: 0.5, keep: 1)
    }
    withExtendedLifetime(half) {}
    for probe in 0..<Self.probes where !(try passes(out, probe)) {
      for k in 0..<out.count { out.pointer[k] = .nan }
      break
    }
    return out
  }

  /// Compares K w with C (P (h2(D)^T w)), for w of random signs.
  private func passes(_ product: Buffer<Double>, _ probe: Int) throws(KantorError) -> Bool {
    let (n, m) = (problem.n, problem.m)
    var stream = RandomStream(seed: 0x6B61_6E74, stream: UInt64(probe))
    let signs = try Buffer<Double>(count: m)
    for j in 0..<m { signs.pointer[j] = stream.index(below: 2) == 0 ? -1 : 1 }
    let first = try chain(signs, turned: false)
    let second = problem.isSymmetric ? first : try chain(signs, turned: true)
    for i in 0..<n {
      var (found, size) = (0.0, 0.0)
      for j in 0..<m {
        found += product.pointer[i * m + j] * signs.pointer[j]
        size += abs(product.pointer[i * m + j])
      }
      let expected = 0.5 * (first.value.pointer[i] + second.value.pointer[i])
      let bound = size + 0.5 * (first.size.pointer[i] + second.size.pointer[i])
      guard abs(found - expected) <= 1e-11 * bound else { return false }
    }
    return true
  }

  /// A (P (B w)) with A = C, B = h2(D)^T, or the transposes of both; and the same with the absolute
  /// values of all numbers.
  private func chain(
    _ w: Buffer<Double>, turned: Bool
  ) throws(KantorError) -> (value: Buffer<Double>, size: Buffer<Double>) {
    let (n, m) = (problem.n, problem.m)
    let ones = try Buffer<Double>(count: m, repeating: 1)
    let first = try apply(h2.pointer, m, m, transposed: !turned, (w, ones))
    let second = try apply(plan, n, m, transposed: false, first)
    return try apply(problem.source.pointer, n, n, transposed: turned, second)
  }

  /// (A x, |A| y) for a rows x columns matrix or its transpose.
  private func apply(
    _ matrix: UnsafePointer<Double>, _ rows: Int, _ columns: Int, transposed: Bool,
    _ vectors: (value: Buffer<Double>, size: Buffer<Double>)
  ) throws(KantorError) -> (value: Buffer<Double>, size: Buffer<Double>) {
    let count = transposed ? columns : rows
    let out = (value: try Buffer<Double>(count: count), size: try Buffer<Double>(count: count))
    let (x, y) = (vectors.value.pointer, vectors.size.pointer)
    let (u, v) = (out.value.pointer, out.size.pointer)
    for i in 0..<rows {
      let row = matrix + i * columns
      if transposed {
        let (s, t) = (x[i], y[i])
        for j in 0..<columns {
          u[j] += row[j] * s
          v[j] += abs(row[j]) * t
        }
      } else {
        var (s, t) = (0.0, 0.0)
        for j in 0..<columns {
          s += row[j] * x[j]
          t += abs(row[j]) * y[j]
        }
        u[i] = s
        v[i] = t
      }
    }
    return out
  }
}
