import KantorCore
import KantorNumerics

/// Completes a matrix that is known on the cliques of a chordal pattern to a positive semidefinite
/// one, that of largest determinant: from the roots of the tree down, a clique's own rows N get
/// Z_NR = Z_NS Z_SS^-1 Z_SR for all rows R that are complete, S being its separator.
///
/// Source: R. Grone, C. R. Johnson, E. M. Sa, H. Wolkowicz, "Positive definite completions of
/// partial Hermitian matrices", Linear Algebra Appl. 58 (1984).
struct ChordalCompletion {
  let side: Int
  let tree: CliqueTree

  /// `z` is a scaled triangle.
  func complete(_ z: Entries) throws(KantorError) {
    let root = 2.0.squareRoot()
    let full = try Buffer<Double>(
      count: try checkedProduct(side, side, of: "psd cone"))
    let m = full.pointer
    for j in 0..<side {
      for i in 0...j {
        let x = z[j * (j + 1) / 2 + i] / (i == j ? 1 : root)
        m[j * side + i] = x
        m[i * side + j] = x
      }
    }
    var done: [Int] = []
    for clique in tree.cliques {
      if !clique.separator.isEmpty { try extend(m, clique, done) }
      done += clique.own
    }
    for j in 0..<side {
      for i in 0..<j { z[j * (j + 1) / 2 + i] = root * m[j * side + i] }
      z[j * (j + 1) / 2 + j] = m[j * side + j]
    }
  }

  private func extend(
    _ m: Entries, _ clique: CliqueTree.Clique, _ done: [Int]
  ) throws(KantorError) {
    let (own, separator) = (clique.own, clique.separator)
    let (k, rows) = (separator.count, own.count)
    let inside = Set(separator)
    let others = done.filter { !inside.contains($0) }
    guard !others.isEmpty else { return }
    let left = try Buffer<Double>(count: rows * k)
    try weights(m, clique, into: left.pointer)
    let right = try Buffer<Double>(count: try checkedProduct(k, others.count, of: "psd cone"))
    for (s, i) in separator.enumerated() {
      for (t, r) in others.enumerated() { right.pointer[s * others.count + t] = m[i * side + r] }
    }
    let product = try Buffer<Double>(
      count: try checkedProduct(rows, others.count, of: "psd cone"))
    try MatrixProduct().multiply(
      MatrixView(left.pointer, rows: rows, columns: k),
      MatrixView(right.pointer, rows: k, columns: others.count), into: product.pointer)
    for (a, i) in own.enumerated() {
      for (t, r) in others.enumerated() {
        let x = product.pointer[a * others.count + t]
        m[i * side + r] = x
        m[r * side + i] = x
      }
    }
  }

  /// Z_NS Z_SS^-1 by rows, from a Cholesky factor without roots. Where Z_SS is singular but for
  /// rounding, small pivots are enlarged: they belong to directions in which Z_NS is as small.
  private func weights(
    _ m: Entries, _ clique: CliqueTree.Clique, into out: Entries
  ) throws(KantorError) {
    let (own, separator) = (clique.own, clique.separator)
    let k = separator.count
    let factor = try DenseLDL(order: k)
    var top = 0.0
    for (b, j) in separator.enumerated() {
      top = max(top, m[j * side + j])
      for a in b..<k { factor.entries[b * factor.leading + a] = m[separator[a] * side + j] }
    }
    for (a, i) in own.enumerated() {
      for (b, j) in separator.enumerated() { out[a * k + b] = m[i * side + j] }
    }
    let signs = try Buffer<Int8>(count: k, repeating: 1)
    let least = max(1e-14 * top, .leastNormalMagnitude)
    factor.factor(
      signs: signs.pointer, rule: PivotRule(shift: 0, threshold: least, replacement: least))
    factor.solve(out, count: own.count)
    withExtendedLifetime(signs) {}
  }
}
