import KantorBlocks
import KantorCore
import KantorNumerics

/// Second-order conditions of a local minimax point of phi, whose Hessian in y may be singular.
///
/// With B = phi_yy = P D P', its range P1 and kernel P2, C = phi_xy: B has to be negative
/// semidefinite, and A - C B^+ C' positive semidefinite on the directions d with P2'C'd = 0; along
/// others the maximum over y grows at first order.
///
/// Source: J. Chae, K. Kim, D. Kim, "Two-timescale extragradient for finding local minimax points"
/// (2024).
struct MinimaxCheck {
  /// Largest number of variables of which the Hessian is made.
  static let mostVariables = 400

  let problem: InclusionProblem
  let split: Int

  struct Curvatures {
    /// Largest eigenvalue of phi_yy, over the size of the Hessian.
    var y = Double.nan
    /// Least eigenvalue of the restricted Schur complement, over the same; infinite when there is
    /// no direction left.
    var schur = Double.nan

    /// Both conditions, up to `tolerance`.
    func hold(_ tolerance: Double) -> Bool { y <= tolerance && schur >= -tolerance }
  }

  /// nil when a function is not defined at a point that is needed.
  func curvatures(at z: Buffer<Double>) throws(KantorError) -> Curvatures? {
    let n = problem.n
    let hessian = try Buffer<Double>(count: try checkedProduct(n, n, of: "Hessian"))
    defer { withExtendedLifetime(hessian) {} }
    guard try fill(hessian, z) else { return nil }
    var size = 0.0
    for k in 0..<hessian.count { size = max(size, abs(hessian.pointer[k])) }
    guard size > 0 else { return Curvatures(y: 0, schur: 0) }
    for k in 0..<hessian.count { hessian.pointer[k] /= size }
    return try eigenvalues(hessian)
  }

  private func fill(
    _ hessian: Buffer<Double>, _ z: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let (n, functions) = (problem.n, problem.hostFunctions)
    if functions.hessian != nil, problem.primal == nil {
      let evaluator = try Evaluator(functions, variables: n, monitor: Monitor())
      let none = try Buffer<Double>(count: 1)
      defer { withExtendedLifetime(none) {} }
      let outcome = try evaluator.call(
        .hessian, functions.hessian, at: z.pointer, sigma: 1, y: none.pointer,
        into: hessian.pointer, count: n * n)
      if case .fine = outcome { return true }
      return false
    }
    return try differences(hessian, z)
  }

  /// Central differences of F, whose rows in y have the other sign.
  private func differences(
    _ hessian: Buffer<Double>, _ z: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let n = problem.n
    let host = try HostOperator(problem)
    let (moved, up, down) = (
      try z.copy(), try Buffer<Double>(count: n), try Buffer<Double>(count: n)
    )
    defer { withExtendedLifetime((moved, up, down)) {} }
    for j in 0..<n {
      let step = 1e-5 * (1 + abs(z.pointer[j]))
      for (sign, out) in [(1.0, up), (-1.0, down)] {
        moved.pointer[j] = z.pointer[j] + sign * step
        guard try host.value(at: moved, into: out) else { return false }
      }
      moved.pointer[j] = z.pointer[j]
      for i in 0..<n {
        let slope = (up.pointer[i] - down.pointer[i]) / (2 * step)
        hessian.pointer[i * n + j] = i < split ? slope : -slope
      }
    }
    for i in 0..<n {
      for j in 0..<i {
        let mean = 0.5 * (hessian.pointer[i * n + j] + hessian.pointer[j * n + i])
        hessian.pointer[i * n + j] = mean
        hessian.pointer[j * n + i] = mean
      }
    }
    return true
  }

  /// Eigenvalues of size below this are taken for 0: differences are no more exact.
  private static let zero = 1e-7

  private func eigenvalues(_ hessian: Buffer<Double>) throws(KantorError) -> Curvatures {
    let (n, h) = (problem.n, hessian.pointer)
    let m = n - split
    let block = try Buffer<Double>(count: m * m)
    defer { withExtendedLifetime(block) {} }
    for i in 0..<m {
      for j in 0..<m { block.pointer[i * m + j] = h[(split + i) * n + split + j] }
    }
    let inner = try SymmetricEigen(block.pointer, count: m)
    defer { withExtendedLifetime(inner) {} }
    var curvatures = Curvatures(y: inner.values.pointer[m - 1])
    // cross: row k is C p_k, in eigenvectors of phi_yy.
    let cross = try Buffer<Double>(count: m * split)
    defer { withExtendedLifetime(cross) {} }
    for k in 0..<m {
      for i in 0..<split {
        var sum = 0.0
        for j in 0..<m { sum += h[i * n + split + j] * inner.vectors.pointer[k * m + j] }
        cross.pointer[k * split + i] = sum
      }
    }
    let schur = try Buffer<Double>(count: split * split)
    let kernel = try Buffer<Double>(count: split * split)
    defer { withExtendedLifetime((schur, kernel)) {} }
    for i in 0..<split {
      for j in 0..<split { schur.pointer[i * split + j] = h[i * n + j] }
    }
    for k in 0..<m {
      let (value, row) = (inner.values.pointer[k], cross.pointer + k * split)
      let isZero = abs(value) <= Self.zero
      for i in 0..<split {
        for j in 0..<split {
          if isZero {
            kernel.pointer[i * split + j] += row[i] * row[j]
          } else {
            schur.pointer[i * split + j] -= row[i] * row[j] / value
          }
        }
      }
    }
    curvatures.schur = try leastOn(kernel, schur)
    return curvatures
  }

  /// The least eigenvalue of `schur` on the kernel of `excluded`.
  private func leastOn(
    _ excluded: Buffer<Double>, _ schur: Buffer<Double>
  ) throws(KantorError) -> Double {
    let directions = try SymmetricEigen(excluded.pointer, count: split)
    defer { withExtendedLifetime(directions) {} }
    var basis: [UnsafeMutablePointer<Double>] = []
    for k in 0..<split where abs(directions.values.pointer[k]) <= Self.zero {
      basis.append(directions.vectors.pointer + k * split)
    }
    guard !basis.isEmpty else { return .infinity }
    let r = basis.count
    let reduced = try Buffer<Double>(count: r * r)
    defer { withExtendedLifetime(reduced) {} }
    for a in 0..<r {
      for b in 0..<r {
        var sum = 0.0
        for i in 0..<split {
          for j in 0..<split { sum += basis[a][i] * schur.pointer[i * split + j] * basis[b][j] }
        }
        reduced.pointer[a * r + b] = sum
      }
    }
    return try SymmetricEigen(reduced.pointer, count: r).values[0]
  }
}
