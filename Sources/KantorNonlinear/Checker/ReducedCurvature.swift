import KantorBlocks
import KantorCore
import KantorNumerics

extension NonlinearCheck {
  /// Variables up to which the curvature is computed: dense matrices.
  package static let mostForCurvature = 1000

  /// The least eigenvalue of Z' H Z, H the Hessian of the Lagrangian, Z an orthonormal basis of
  /// the directions in which no active constraint changes; +infinity when there are none. Not
  /// negative at a local minimum whose active constraints are independent.
  func curvature(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ zLower: UnsafePointer<Double>,
    _ zUpper: UnsafePointer<Double>
  ) throws(KantorError) -> Double {
    let n = problem.n
    guard n <= Self.mostForCurvature else {
      throw KantorError(
        .unsupported,
        "option 'second_order': \(n) variables; up to \(Self.mostForCurvature) are allowed")
    }
    guard case .fine = try oracle.hessian(at: x, sigma: 1, y: y) else { return .nan }
    let hessian = try oracle.hessianMatrix()
    let basis = try TangentBasis(n)
    try addActive(to: basis, x, y)
    let free = basis.complement()
    guard free > 0 else { return .infinity }
    let reduced = try Buffer<Double>(count: free * free)
    let product = try Buffer<Double>(count: n)
    for a in 0..<free {
      product.fill(0)
      hessian.multiply(basis.free(a), into: product.pointer)
      for b in 0..<free {
        var sum = 0.0
        for j in 0..<n { sum += basis.free(b)[j] * product.pointer[j] }
        reduced.pointer[a * free + b] = sum
      }
    }
    return try LeastEigenvalue.of(reduced, order: free)
  }

  /// Gradients of bounds and rows that hold with equality, or that carry a multiplier.
  private func addActive(
    to basis: TangentBasis, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    let row = try Buffer<Double>(count: n)
    func isAt(_ v: Double, _ low: Double, _ high: Double) -> Bool {
      let slack = 1e-6
      return v - low <= slack * max(1, abs(low)) || high - v <= slack * max(1, abs(high))
    }
    for j in 0..<n where isAt(x[j], problem.lower.pointer[j], problem.upper.pointer[j]) {
      row.fill(0)
      row.pointer[j] = 1
      basis.add(row.pointer)
    }
    let unit = try Buffer<Double>(count: m)
    for i in 0..<m
    where isAt(
      c.pointer[i], problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
    {
      row.fill(0)
      unit.pointer[i] = 1
      guard
        case .fine = try oracle.jacobianTransposeProduct(
          at: x, times: unit.pointer, into: row.pointer)
      else { return }
      unit.pointer[i] = 0
      basis.add(row.pointer)
    }
  }
}

/// An orthonormal basis of R^n that begins with the span of given vectors.
final class TangentBasis {
  private let n: Int
  private let vectors: Buffer<Double>
  private var count = 0
  private var spanned = 0

  init(_ n: Int) throws(KantorError) {
    self.n = n
    vectors = try Buffer(count: try checkedProduct(n, n, of: "basis"))
  }

  private func column(_ k: Int) -> UnsafeMutablePointer<Double> { vectors.pointer + k * n }

  /// Dependent vectors are left out.
  @discardableResult
  func add(_ v: UnsafePointer<Double>) -> Bool {
    guard count < n else { return false }
    let q = column(count)
    var size = 0.0
    for j in 0..<n {
      q[j] = v[j]
      size += v[j] * v[j]
    }
    guard size > 0 else { return false }
    let before = size.squareRoot()
    for _ in 0..<2 {
      for k in 0..<count {
        var dot = 0.0
        let p = column(k)
        for j in 0..<n { dot += p[j] * q[j] }
        for j in 0..<n { q[j] -= dot * p[j] }
      }
    }
    var after = 0.0
    for j in 0..<n { after += q[j] * q[j] }
    after = after.squareRoot()
    guard after > 1e-8 * before else { return false }
    for j in 0..<n { q[j] /= after }
    count += 1
    return true
  }

  /// Fills up with unit vectors; the number of vectors beyond the span.
  func complement() -> Int {
    spanned = count
    var unit = [Double](repeating: 0, count: n)
    // Unit vectors that stick out most come first, so that rounding does not lose one.
    let order = (0..<n).sorted { outside($0) > outside($1) }
    for j in order where count < n {
      unit[j] = 1
      unit.withUnsafeBufferPointer { if let base = $0.baseAddress { add(base) } }
      unit[j] = 0
    }
    return count - spanned
  }

  private func outside(_ j: Int) -> Double {
    var inside = 0.0
    for k in 0..<spanned { inside += column(k)[j] * column(k)[j] }
    return 1 - inside
  }

  func free(_ a: Int) -> UnsafeMutablePointer<Double> { column(spanned + a) }
}

/// The least eigenvalue of a symmetric matrix by Jacobi's rotations for small ones.
enum LeastEigenvalue {
  static func of(_ a: Buffer<Double>, order n: Int) throws(KantorError) -> Double {
    let p = a.pointer
    for i in 0..<n {
      for j in 0..<i {
        let mean = 0.5 * (p[i * n + j] + p[j * n + i])
        p[i * n + j] = mean
        p[j * n + i] = mean
      }
    }
    for _ in 0..<30 {
      var (off, all) = (0.0, 0.0)
      for i in 0..<n {
        for j in 0..<n {
          all += p[i * n + j] * p[i * n + j]
          if i != j { off += p[i * n + j] * p[i * n + j] }
        }
      }
      if off <= 1e-26 * all || off == 0 { break }
      for i in 0..<n { for j in i + 1..<max(n, i + 1) where j < n { rotate(p, n, i, j) } }
    }
    var least = Double.infinity
    for i in 0..<n { least = min(least, p[i * n + i]) }
    return least
  }

  private static func rotate(_ p: UnsafeMutablePointer<Double>, _ n: Int, _ i: Int, _ j: Int) {
    let b = p[i * n + j]
    guard b != 0 else { return }
    let theta = 0.5 * (p[j * n + j] - p[i * n + i]) / b
    let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
    let c = 1 / (t * t + 1).squareRoot()
    let s = t * c
    for k in 0..<n {
      let (u, v) = (p[k * n + i], p[k * n + j])
      p[k * n + i] = c * u - s * v
      p[k * n + j] = s * u + c * v
    }
    for k in 0..<n {
      let (u, v) = (p[i * n + k], p[j * n + k])
      p[i * n + k] = c * u - s * v
      p[j * n + k] = s * u + c * v
    }
  }
}
