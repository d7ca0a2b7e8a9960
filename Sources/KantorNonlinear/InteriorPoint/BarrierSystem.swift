import KantorBlocks
import KantorCore
import KantorNumerics

/// The Newton system of a barrier program, reduced to x and the rows:
///
///     [W + D_x + w   J'              ] [dx]   [r_x]
///     [J             -(S + c I)      ] [dy] = [r_c - ...],
///
/// S_i the sum of 1 / (D_k + w) over the u_k of row i, D the diagonal of barrier and proximal
/// terms, w and c shifts. Its inertia is right when that of the whole system is: as many negative
/// eigenvalues as rows.
final class BarrierSystem {
  enum Verdict: Sendable {
    case good, wrongInertia, singular, stopped
  }

  let form: BarrierForm
  private let n: Int
  private let m: Int
  private let order: Int
  /// Barrier and proximal terms of v; to be set before `factor`.
  let diagonal: Buffer<Double>
  private let auxiliary: Buffer<Double>
  private let rowTerm: Buffer<Double>
  private let scale: Buffer<Double>
  private let right: Buffer<Double>
  private let answer: Buffer<Double>
  private let error: Buffer<Double>
  private let core: SystemCore
  private var isIdentity = false
  /// What W has beside the entries that the model knows of.
  var lowRank: LowRankSolver?
  /// Right-hand sides are refined until the residual is this small, relative.
  private static let accurate = 1e-12

  init(_ form: BarrierForm, reuse: PatternAnalysis?, _ run: Run) throws(KantorError) {
    self.form = form
    n = form.nx
    m = form.m
    order = n + m
    diagonal = try Buffer(count: form.nv)
    auxiliary = try Buffer(count: form.na)
    rowTerm = try Buffer(count: m)
    scale = try Buffer(count: order)
    right = try Buffer(count: order)
    answer = try Buffer(count: order)
    error = try Buffer(count: order)
    if form.model.isSparse {
      core = try SparseCore(form.model, reuse: reuse, run)
    } else {
      core = try DenseCore(order: order, n)
    }
  }

  var analysis: PatternAnalysis? { (core as? SparseCore)?.analysis }
  var isUsable: Bool { core.isUsable }

  /// Takes W and J over from the model; `identity` puts I in place of W.
  func load(identity: Bool = false) {
    isIdentity = identity
    core.load(form.model, identity: identity)
  }

  /// Factors with the shifts w and c.
  func factor(_ w: Double, _ c: Double, _ interruption: Interruption) -> Verdict {
    for i in 0..<m { rowTerm.pointer[i] = c }
    for k in 0..<form.na {
      let d = diagonal.pointer[n + k] + w
      auxiliary.pointer[k] = d
      rowTerm.pointer[Int(form.row.pointer[k])] += 1 / d
    }
    let verdict = core.factor(
      diagonal.pointer, w, rowTerm.pointer, scale.pointer, interruption)
    guard verdict == .good, let lowRank, !isIdentity else { return verdict }
    return lowRank.prepare(apply: { applyCore($0, $1) }) ? .good : .singular
  }

  /// dv and dy for the right-hand sides r_v and r_c. False when the factor is too bad for that.
  func solve(
    _ rv: UnsafePointer<Double>, _ rc: UnsafePointer<Double>,
    _ dv: UnsafeMutablePointer<Double>, _ dy: UnsafeMutablePointer<Double>
  ) -> Bool {
    let b = right.pointer
    for k in 0..<n { b[k] = rv[k] }
    for i in 0..<m { b[n + i] = rc[i] }
    let (d, row, sign) = (auxiliary.pointer, form.row.pointer, form.sign.pointer)
    for k in 0..<form.na { b[n &+ Int(row[k])] -= sign[k] * rv[n + k] / d[k] }
    guard refine() else { return false }
    let x = answer.pointer
    for k in 0..<n { dv[k] = x[k] }
    for i in 0..<m { dy[i] = x[n + i] }
    for k in 0..<form.na { dv[n + k] = (rv[n + k] - sign[k] * dy[Int(row[k])]) / d[k] }
    return true
  }

  /// Solves for `right` with the factor, and improves the answer by residuals of the true matrix.
  private func refine() -> Bool {
    let (b, x, r) = (right.pointer, answer.pointer, error.pointer)
    var size = 0.0
    for k in 0..<order { size = max(size, abs(b[k])) }
    if size == 0 {
      answer.fill(0)
      return true
    }
    apply(b, x)
    var (last, sum) = (Double.infinity, 0.0)
    for round in 0..<10 {
      for k in 0..<order { r[k] = b[k] }
      core.subtractProduct(x, from: r, rowTerm.pointer)
      if !isIdentity { lowRank?.memory.addProduct(x, into: r) }
      var top = 0.0
      sum = 0
      for k in 0..<order {
        top = max(top, abs(r[k]))
        sum += abs(x[k])
      }
      guard top.isFinite, sum.isFinite else { return false }
      if top <= Self.accurate * size || (round > 0 && top > 0.3 * last) {
        return top <= 1e-5 * size
      }
      last = top
      apply(r, r)
      for k in 0..<order { x[k] += r[k] }
    }
    return last <= 1e-5 * size
  }

  private func apply(_ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>) {
    applyCore(b, x)
    if !isIdentity { lowRank?.complete(x) }
  }

  private func applyCore(_ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>) {
    let s = scale.pointer
    for k in 0..<order { x[k] = s[k] * b[k] }
    core.solve(x)
    for k in 0..<order { x[k] *= s[k] }
  }
}

/// Storage and factorisation of the reduced system.
protocol SystemCore: AnyObject {
  var isUsable: Bool { get }
  func load(_ model: ScaledModel, identity: Bool)
  /// Fills the diagonal, finds `scale` that makes all rows alike, factors the scaled matrix.
  func factor(
    _ diagonal: UnsafePointer<Double>, _ w: Double, _ rowTerm: UnsafePointer<Double>,
    _ scale: UnsafeMutablePointer<Double>, _ interruption: Interruption
  ) -> BarrierSystem.Verdict
  /// In place, with the scaled factor.
  func solve(_ x: UnsafeMutablePointer<Double>)
  /// r -= K x with the matrix before scaling.
  func subtractProduct(
    _ x: UnsafePointer<Double>, from r: UnsafeMutablePointer<Double>,
    _ rowTerm: UnsafePointer<Double>)
}

/// Dense, with pivoting.
final class DenseCore: SystemCore {
  private let n: Int
  private let order: Int
  /// Lower triangle by columns, without and with its diagonal.
  private let base: Buffer<Double>
  private let whole: Buffer<Double>
  private let factorisation: PivotedLDL
  var isUsable: Bool { true }

  init(order: Int, _ n: Int) throws(KantorError) {
    self.n = n
    self.order = order
    let size = try checkedProduct(order, order, of: "Newton system")
    base = try Buffer(count: size)
    whole = try Buffer(count: size)
    factorisation = try PivotedLDL(order: order)
  }

  func load(_ model: ScaledModel, identity: Bool) {
    let a = base.pointer
    guard let h = model.hessianDense?.pointer, let jacobian = model.jacobianDense?.pointer else {
      return
    }
    for j in 0..<n {
      let (column, source) = (a + j &* order, h + j &* n)
      if identity {
        for i in j..<n { column[i] = i == j ? 1 : 0 }
      } else {
        for i in j..<n { column[i] = source[i] }
      }
      for i in 0..<order &- n { column[n &+ i] = jacobian[i &* n &+ j] }
    }
  }

  func factor(
    _ diagonal: UnsafePointer<Double>, _ w: Double, _ rowTerm: UnsafePointer<Double>,
    _ scale: UnsafeMutablePointer<Double>, _ interruption: Interruption
  ) -> BarrierSystem.Verdict {
    let (a, k) = (whole.pointer, order)
    a.update(from: base.pointer, count: k &* k)
    for j in 0..<n { a[j &* k &+ j] += diagonal[j] + w }
    for i in 0..<k &- n { a[(n &+ i) &* (k &+ 1)] = -rowTerm[i] }
    equilibrate(a, scale)
    let out = factorisation.entries
    for j in 0..<k {
      let (from, to, s) = (a + j &* k, out + j &* k, scale[j])
      for i in j..<k { to[i] = from[i] * s * scale[i] }
    }
    factorisation.factor(threshold: 1e-13)
    guard factorisation.isFinite else { return .singular }
    if factorisation.zero > 0 { return .singular }
    return factorisation.negative == k &- n ? .good : .wrongInertia
  }

  private func equilibrate(
    _ a: UnsafeMutablePointer<Double>, _ scale: UnsafeMutablePointer<Double>
  ) {
    let k = order
    for j in 0..<k { scale[j] = 1 }
    let top = factorisation.entries
    for _ in 0..<4 {
      // The factor's first column is free until the factorisation.
      for j in 0..<k { top[j] = 0 }
      for j in 0..<k {
        let (column, s) = (a + j &* k, scale[j])
        for i in j..<k {
          let x = abs(column[i]) * s * scale[i]
          if x > top[j] { top[j] = x }
          if x > top[i] { top[i] = x }
        }
      }
      for j in 0..<k where top[j] > 0 { scale[j] /= top[j].squareRoot() }
    }
  }

  func solve(_ x: UnsafeMutablePointer<Double>) { factorisation.solve(x) }

  func subtractProduct(
    _ x: UnsafePointer<Double>, from r: UnsafeMutablePointer<Double>,
    _ rowTerm: UnsafePointer<Double>
  ) {
    let (a, k) = (whole.pointer, order)
    for j in 0..<k {
      let (column, t) = (a + j &* k, x[j])
      var sum = column[j] * t
      for i in j &+ 1..<max(k, j &+ 1) {
        r[i] -= column[i] * t
        sum += column[i] * x[i]
      }
      r[j] -= sum
    }
  }
}

/// Sparse, without pivoting: every diagonal entry gets a small shift of the sign that it would have
/// if the matrix were quasidefinite, and refinement takes it back.
final class SparseCore: SystemCore {
  private let n: Int
  private let order: Int
  private let matrix: SparseMatrix
  private let scaled: Buffer<Double>
  private let hessianPlaces: Range<Int>
  private let jacobianPlaces: Range<Int>
  private let places: Buffer<Int32>
  private let hessianDiagonal: Buffer<Double>
  private let top: Buffer<Double>
  private let factorisation: LDLFactor?
  let analysis: PatternAnalysis?
  private static let shift = 1e-9
  var isUsable: Bool { factorisation != nil }

  init(_ model: ScaledModel, reuse: PatternAnalysis?, _ run: Run) throws(KantorError) {
    n = model.count
    order = n + model.rows
    var assembly = try SymmetricAssembly(order: order)
    if let h = model.hessianSparse {
      hessianPlaces = try assembly.append(h, rowOffset: 0, columnOffset: 0)
    } else {
      hessianPlaces = 0..<0
    }
    if let j = model.jacobianSparse {
      jacobianPlaces = try assembly.append(j, rowOffset: n, columnOffset: 0)
    } else {
      jacobianPlaces = 0..<0
    }
    let built = try assembly.finish()
    matrix = built.matrix
    places = built.places
    scaled = try Buffer(count: matrix.count)
    hessianDiagonal = try Buffer(count: n)
    top = try Buffer(count: order)
    if let reuse, reuse.fits(matrix) {
      analysis = reuse
    } else if let found = try LDLAnalysis(matrix, interruption: Interruption(run.monitor)) {
      analysis = PatternAnalysis(pattern: matrix, analysis: found)
    } else {
      analysis = nil
    }
    if let analysis {
      factorisation = try LDLFactor(analysis.analysis, threads: run.threads)
    } else {
      factorisation = nil
    }
  }

  func load(_ model: ScaledModel, identity: Bool) {
    let v = matrix.values.pointer
    for k in 0..<matrix.count { v[k] = 0 }
    if let h = model.hessianSparse, !identity {
      for (k, slot) in hessianPlaces.enumerated() {
        v[Int(places.pointer[slot])] += h.values.pointer[k]
      }
    }
    if let j = model.jacobianSparse {
      for (k, slot) in jacobianPlaces.enumerated() {
        v[Int(places.pointer[slot])] += j.values.pointer[k]
      }
    }
    for j in 0..<n {
      hessianDiagonal.pointer[j] = v[matrix.starts.pointer[j + 1] - 1] + (identity ? 1 : 0)
    }
  }

  func factor(
    _ diagonal: UnsafePointer<Double>, _ w: Double, _ rowTerm: UnsafePointer<Double>,
    _ scale: UnsafeMutablePointer<Double>, _ interruption: Interruption
  ) -> BarrierSystem.Verdict {
    guard let factorisation else { return .stopped }
    let (v, start, row) = (matrix.values.pointer, matrix.starts.pointer, matrix.indices.pointer)
    for j in 0..<n { v[start[j + 1] - 1] = hessianDiagonal.pointer[j] + diagonal[j] + w }
    for i in 0..<order - n { v[start[n + i + 1] - 1] = -rowTerm[i] }
    equilibrate(matrix, scale, top.pointer)
    let out = scaled.pointer
    for j in 0..<order {
      for k in start[j]..<start[j &+ 1] { out[k] = v[k] * scale[j] * scale[Int(row[k])] }
      out[start[j &+ 1] &- 1] += j < n ? Self.shift : -Self.shift
    }
    let outcome = factorisation.factor(
      values: out, rule: PivotRule(threshold: 1e-14, replacement: 1e-8),
      interruption: interruption)
    if outcome.isInterrupted { return .stopped }
    guard outcome.isFinite, outcome.replaced == 0 else { return .singular }
    return outcome.negative == order - n ? .good : .wrongInertia
  }

  func solve(_ x: UnsafeMutablePointer<Double>) { factorisation?.solve(x) }

  func subtractProduct(
    _ x: UnsafePointer<Double>, from r: UnsafeMutablePointer<Double>,
    _ rowTerm: UnsafePointer<Double>
  ) {
    matrix.multiplySymmetric(x, into: r, scale: -1)
  }
}

/// `scale` that makes the largest entries of all rows of a symmetric matrix alike, given by its
/// upper triangle; `work` has as many numbers.
func equilibrate(
  _ matrix: SparseMatrix, _ scale: UnsafeMutablePointer<Double>,
  _ work: UnsafeMutablePointer<Double>
) {
  let (v, start, row) = (matrix.values.pointer, matrix.starts.pointer, matrix.indices.pointer)
  let order = matrix.columns
  for j in 0..<order { scale[j] = 1 }
  for _ in 0..<4 {
    for j in 0..<order { work[j] = 0 }
    for j in 0..<order {
      for k in start[j]..<start[j &+ 1] {
        let i = Int(row[k])
        let x = abs(v[k]) * scale[j] * scale[i]
        if x > work[j] { work[j] = x }
        if x > work[i] { work[i] = x }
      }
    }
    for j in 0..<order where work[j] > 0 { scale[j] /= work[j].squareRoot() }
  }
}
