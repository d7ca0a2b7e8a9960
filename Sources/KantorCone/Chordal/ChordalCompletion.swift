import KantorCore
import KantorNumerics

/// Completes a matrix that is known on the cliques of a chordal pattern to a positive semidefinite
/// one, that of largest determinant: from the roots of the tree down, a clique's own rows N get
/// Z_NR = Z_NS Z_SS^-1 Z_SR for all rows R that are complete, S being its separator.
///
/// Errors stay small as long as all cliques have positive definite matrices: then products of
/// Z_NS Z_SS^-1 down the tree are bounded by the root of the condition of Z. So a multiple of I,
/// as small as does it, takes part in Z_SS.
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
    let shift = try definiteShift(m)
    var done: [Int] = []
    for clique in tree.cliques {
      if !clique.separator.isEmpty { try extend(m, clique, done, shift) }
      done += clique.own
    }
    for j in 0..<side {
      for i in 0..<j { z[j * (j + 1) / 2 + i] = root * m[j * side + i] }
      z[j * (j + 1) / 2 + j] = m[j * side + j]
    }
  }

  /// What makes the matrices of all cliques positive definite, to a tenth.
  private func definiteShift(_ m: Given) throws(KantorError) -> Double {
    var top = 0.0
    for i in 0..<side { top = max(top, abs(m[i * side + i])) }
    var shift = max(1e-13 * top, .leastNormalMagnitude)
    for clique in tree.cliques {
      let vertices = clique.separator + clique.own
      let factor = try DenseLDL(order: vertices.count)
      let signs = try Buffer<Int8>(count: vertices.count, repeating: 1)
      func suffices(_ shift: Double) -> Bool {
        load(m, vertices, shift, factor)
        let rule = PivotRule(shift: 0, threshold: 0, replacement: shift)
        return factor.factor(signs: signs.pointer, rule: rule).replaced == 0
      }
      guard !suffices(shift) else { continue }
      var low = shift
      while shift < 1e-3 * top, !suffices(shift) { (low, shift) = (shift, 4 * shift) }
      while shift > 1.1 * low {
        let middle = (low * shift).squareRoot()
        if suffices(middle) { shift = middle } else { low = middle }
      }
      withExtendedLifetime(signs) {}
    }
    return 1.1 * shift
  }

  /// The lower triangle of the rows and columns of `vertices`.
  private func load(_ m: Given, _ vertices: [Int], _ shift: Double, _ factor: DenseLDL) {
    for (b, j) in vertices.enumerated() {
      for a in b..<vertices.count {
        factor.entries[b * factor.leading + a] = m[vertices[a] * side + j]
      }
      factor.entries[b * factor.leading + b] += shift
    }
  }

  private func extend(
    _ m: Entries, _ clique: CliqueTree.Clique, _ done: [Int], _ shift: Double
  ) throws(KantorError) {
    let (own, separator) = (clique.own, clique.separator)
    let (k, rows) = (separator.count, own.count)
    let inside = Set(separator)
    let others = done.filter { !inside.contains($0) }
    guard !others.isEmpty else { return }
    let left = try Buffer<Double>(count: rows * k)
    try weights(m, clique, shift, into: left.pointer)
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

  /// Z_NS (Z_SS + shift I)^-1 by rows.
  private func weights(
    _ m: Given, _ clique: CliqueTree.Clique, _ shift: Double, into out: Entries
  ) throws(KantorError) {
    let k = clique.separator.count
    let factor = try DenseLDL(order: k)
    load(m, clique.separator, shift, factor)
    for (a, i) in clique.own.enumerated() {
      for (b, j) in clique.separator.enumerated() { out[a * k + b] = m[i * side + j] }
    }
    let signs = try Buffer<Int8>(count: k, repeating: 1)
    factor.factor(
      signs: signs.pointer, rule: PivotRule(shift: 0, threshold: 0, replacement: shift))
    factor.solve(out, count: clique.own.count)
    withExtendedLifetime(signs) {}
  }
}
