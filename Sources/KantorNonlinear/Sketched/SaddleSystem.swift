import KantorCore
import KantorNumerics

/// K = [B J'; J -d I] with B = W + shift I: products, rows, and the factorisation of it with a
/// little more of -I in its second block.
final class SaddleSystem {
  typealias Numbers = UnsafeMutablePointer<Double>

  let n: Int
  let m: Int
  let order: Int
  /// The upper triangle.
  let upper: SparseMatrix
  /// The whole matrix by rows.
  let starts: Buffer<Int>
  let columns: Buffer<Int32>
  let values: Buffer<Double>
  private let mirror: Buffer<Int32>
  private let places: Buffer<Int32>
  private let hessian: OracleMatrix
  private let jacobian: OracleMatrix
  private let hessianSlots: Int
  private let jacobianSlots: Int
  private let diagonal: Buffer<Int32>
  private let regular: Buffer<Double>
  /// Up to `mostDense` unknowns with pivoting, else sparse in a fixed order.
  private let dense: PivotedLDL?
  private let factor: LDLFactor?
  private let residual: Buffer<Double>
  private let previous: Buffer<Double>
  private(set) var shift = 0.0
  /// d, with -d I in the second block of K.
  private(set) var damping = 0.0
  /// Multiplications and additions of one product.
  var productWork: Double { 2 * Double(starts.pointer[order]) }
  var factorWork: Double {
    factor.map { 2 * $0.analysis.work } ?? Double(order * order) * Double(order) / 3
  }
  var solveWork: Double {
    factor.map { 4 * Double($0.analysis.factorEntries) } ?? 2 * Double(order * order)
  }

  private static let mostDense = 200

  init(_ hessian: OracleMatrix, _ jacobian: OracleMatrix, _ run: Run) throws(KantorError) {
    self.hessian = hessian
    self.jacobian = jacobian
    n = hessian.rows
    m = jacobian.rows
    order = n + m
    var assembly = try SymmetricAssembly(order: order)
    if let sparse = hessian.sparse {
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          try assembly.append(Int(sparse.indices.pointer[k]), j, 0)
        }
      }
    } else {
      for i in 0..<n { for j in i..<n { try assembly.append(i, j, 0) } }
    }
    hessianSlots = assembly.count
    if let sparse = jacobian.sparse {
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          try assembly.append(j, n + Int(sparse.indices.pointer[k]), 0)
        }
      }
    } else {
      for i in 0..<m { for j in 0..<n { try assembly.append(j, n + i, 0) } }
    }
    jacobianSlots = assembly.count - hessianSlots
    let first = assembly.count
    for i in 0..<order { try assembly.append(i, i, 0) }
    let built = try assembly.finish()
    (upper, places) = (built.matrix, built.places)
    diagonal = try Buffer(count: order)
    for i in 0..<order { diagonal.pointer[i] = places.pointer[first + i] }
    let whole = try Self.mirrored(upper, order)
    (starts, columns, mirror) = whole
    values = try Buffer(count: columns.count)
    regular = try Buffer(count: upper.count)
    residual = try Buffer(count: order)
    previous = try Buffer(count: order)
    if order <= Self.mostDense {
      dense = try PivotedLDL(order: order)
      factor = nil
      return
    }
    guard let analysis = try LDLAnalysis(upper, interruption: Interruption(run.monitor)) else {
      throw KantorError(.internal, "the analysis of the system was interrupted")
    }
    dense = nil
    let made = try LDLFactor(analysis, threads: run.threads)
    factor = made
    let signs = try Buffer<Int8>(count: order)
    for i in 0..<order { signs.pointer[i] = i < n ? 1 : -1 }
    made.expect(signs: signs.pointer)
    withExtendedLifetime(signs) {}
  }

  private static func mirrored(
    _ upper: SparseMatrix, _ order: Int
  ) throws(KantorError) -> (Buffer<Int>, Buffer<Int32>, Buffer<Int32>) {
    let starts = try Buffer<Int>(count: order + 1)
    let (s, at) = (starts.pointer, upper.starts.pointer)
    for j in 0..<order {
      for k in at[j]..<at[j + 1] {
        let i = Int(upper.indices.pointer[k])
        s[i + 1] += 1
        if i != j { s[j + 1] += 1 }
      }
    }
    for i in 0..<order { s[i + 1] += s[i] }
    let columns = try Buffer<Int32>(count: s[order])
    let mirror = try Buffer<Int32>(count: s[order])
    let next = try starts.copy()
    for j in 0..<order {
      for k in at[j]..<at[j + 1] {
        let i = Int(upper.indices.pointer[k])
        for (row, column) in i == j ? [(i, j)] : [(i, j), (j, i)] {
          let place = next.pointer[row]
          next.pointer[row] += 1
          columns.pointer[place] = Int32(truncatingIfNeeded: column)
          mirror.pointer[place] = Int32(truncatingIfNeeded: k)
        }
      }
    }
    return (starts, columns, mirror)
  }

  /// Values from the matrices as they are now.
  func load() {
    let v = upper.values.pointer
    for k in 0..<upper.count { v[k] = 0 }
    let (w, j, p) = (hessian.values.pointer, jacobian.values.pointer, places.pointer)
    if hessian.sparse != nil {
      for k in 0..<hessianSlots { v[Int(p[k])] += w[k] }
    } else {
      var k = 0
      for a in 0..<n {
        for b in a..<n {
          v[Int(p[k])] += 0.5 * (w[a * n + b] + w[b * n + a])
          k += 1
        }
      }
    }
    for k in 0..<jacobianSlots { v[Int(p[hessianSlots + k])] += j[k] }
    (shift, damping) = (0, 0)
    spread()
  }

  /// Adds to the diagonal of B.
  func raise(_ amount: Double) {
    for i in 0..<n { upper.values.pointer[Int(diagonal.pointer[i])] += amount }
    shift += amount
    spread()
  }

  /// Adds -amount to the diagonal of the second block.
  func damp(_ amount: Double) {
    for i in n..<order { upper.values.pointer[Int(diagonal.pointer[i])] -= amount }
    damping += amount
    spread()
  }

  private func spread() {
    for k in 0..<values.count {
      values.pointer[k] = upper.values.pointer[Int(mirror.pointer[k])]
    }
  }

  /// Factors K - least on the second diagonal; true if its signs are those of positive curvature
  /// on the null space of J.
  func hasRightSigns(least: Double, _ run: Run) -> Bool {
    let r = regular.pointer
    for k in 0..<upper.count { r[k] = upper.values.pointer[k] }
    for i in n..<order { r[Int(diagonal.pointer[i])] -= least }
    if let dense {
      for k in 0..<(order * order) { dense.entries[k] = 0 }
      for j in 0..<order {
        for k in upper.starts.pointer[j]..<upper.starts.pointer[j + 1] {
          dense.entries[Int(upper.indices.pointer[k]) * order + j] = r[k]
        }
      }
      dense.factor()
      return dense.isFinite && dense.positive == n && dense.negative == m
    }
    guard let factor else { return false }
    let outcome = factor.factor(
      values: r, rule: PivotRule(threshold: 1e-14, replacement: 1e-8),
      interruption: Interruption(run.monitor))
    return outcome.isUsable && outcome.replaced == 0 && outcome.positive == n
      && outcome.negative == m
  }

  private func backsolve(_ b: Numbers) {
    if let dense { dense.solve(b) } else { factor?.solve(b) }
  }

  /// out = K z.
  func multiply(_ z: Numbers, into out: Numbers) {
    let (s, c, v) = (starts.pointer, columns.pointer, values.pointer)
    for i in 0..<order {
      var sum = 0.0
      for k in s[i]..<s[i + 1] { sum += v[k] * z[Int(c[k])] }
      out[i] = sum
    }
  }

  /// K z = b by the last factorisation with refinement; returns |K z - b|.
  func solve(_ b: Numbers, into z: Numbers, rounds: Int = 10) -> Double {
    let r = residual.pointer
    for i in 0..<order { z[i] = b[i] }
    backsolve(z)
    var last = norm(b, z)
    let old = previous.pointer
    for _ in 0..<rounds {
      if !last.isFinite || last == 0 { break }
      backsolve(r)
      for i in 0..<order {
        old[i] = z[i]
        z[i] += r[i]
      }
      let now = norm(b, z)
      if !(now < last) {
        for i in 0..<order { z[i] = old[i] }
        break
      }
      let gain = now / last
      last = now
      if gain > 0.5 { break }
    }
    return last
  }

  /// |b - K z|, with the vector in `residual`.
  func norm(_ b: Numbers, _ z: Numbers) -> Double {
    let r = residual.pointer
    multiply(z, into: r)
    var sum = 0.0
    for i in 0..<order {
      r[i] = b[i] - r[i]
      sum += r[i] * r[i]
    }
    return sum.squareRoot()
  }

  /// Frobenius norms of K and of B, J.
  func sizes() -> (whole: Double, hessian: Double, jacobian: Double) {
    var (w, j) = (0.0, 0.0)
    for i in 0..<n {
      for k in starts.pointer[i]..<starts.pointer[i + 1] {
        let v = values.pointer[k]
        if Int(columns.pointer[k]) < n { w += v * v } else { j += v * v }
      }
    }
    return ((w + 2 * j).squareRoot(), w.squareRoot(), j.squareRoot())
  }
}
