import KantorCore
import KantorNumerics

/// Conjugate gradients for M v = b, M = A (G x G) A' + H as in `SchurCondensation` by rows, where
/// so many rows make M itself too much: with one for each entry of a matrix its order is k^2/2, and
/// a factor takes k^6/24 multiplications, but a product with M 4 k^3.
///
/// Near a solution G has few large eigenvalues, those of the range of the matrix, and many small
/// ones, G = L + N. In
///     G x G = (L x L + L x N + N x L) + N x N
/// the first part is WW' with r k columns. The second is replaced by its diagonal D in the entries
/// of the matrix, so that B = A D A' + H is sparse, and B + (AW)(AW)' the preconditioner.
///
/// Deviation: W'v is known from the small system with few digits lost, while B^-1 (b - AW y) loses
/// them all once eigenvalues differ by 1e8. What W'v then misses is taken back by one more solve.
///
/// Source: K. C. Toh, "Solving large scale semidefinite programs via an iterative solver on the
/// augmented systems", SIAM J. Optim. 14 (2004).
final class SchurIteration {
  private let form: EmbeddingForm
  private let plan: SchurCondensation
  private let parts: [SpectralPart]
  /// A D^-1, the other rows by the psd rows, D the coefficients of the entries' variables.
  private let rows: SparseMatrix
  /// B, its slots: the psd row that each belongs to, and a product of entries of A.
  private let matrix: SparseMatrix
  private let places: Buffer<Int32>
  private let slotRow: Buffer<Int32>
  private let slotFactor: Buffer<Double>
  private let factor: LDLFactor
  /// Takes the diagonal of B to 1.
  private let scale: Buffer<Double>
  /// I + (AW)'B^-1 AW, its order at most, its order now and the scale of its diagonal.
  private let small: DenseLDL
  private var columns = 0
  private let smallScale: Buffer<Double>
  private let coordinates: [Buffer<Double>]
  private let vectors: [Buffer<Double>]
  private let triangle: Buffer<Double>
  private let image: Buffer<Double>
  private let diagonal: Buffer<Double>
  private var interruption = Interruption.never
  private(set) var isInterrupted = false

  private static let most = 150
  /// Of a residual, relative; the caller repeats what is not enough.
  private static let tolerance = 1e-13
  private static let rule = PivotRule(shift: 0, threshold: 1e-15, replacement: 1e-8)

  /// Nil when the host asked to stop.
  init?(
    _ form: EmbeddingForm, _ plan: SchurCondensation, threads: Int, interruption: Interruption
  ) throws(KantorError) {
    (self.form, self.plan) = (form, plan)
    var list: [SpectralPart] = []
    for case let block as SemidefiniteBlock in form.blocks { list.append(try SpectralPart(block)) }
    parts = list
    rows = try Self.rows(form, plan)
    var assembly = try SymmetricAssembly(order: plan.order, capacity: plan.pairs + plan.order)
    slotRow = try Buffer(count: plan.pairs)
    slotFactor = try Buffer(count: plan.pairs)
    for t in 0..<rows.columns {
      let end = rows.starts.pointer[t + 1]
      for k in rows.starts.pointer[t]..<end {
        for l in k..<end {
          let slot = try assembly.append(
            Int(rows.indices.pointer[k]), Int(rows.indices.pointer[l]), 0)
          slotRow.pointer[slot] = Int32(truncatingIfNeeded: t)
          slotFactor.pointer[slot] = rows.values.pointer[k] * rows.values.pointer[l]
        }
      }
    }
    (matrix, places) = try assembly.finish()
    guard let analysis = try LDLAnalysis(matrix, interruption: interruption) else { return nil }
    factor = try LDLFactor(analysis, threads: threads)
    let signs = try Buffer<Int8>(count: plan.order, repeating: 1)
    factor.expect(signs: signs.pointer)
    withExtendedLifetime(signs) {}
    let most = list.reduce(0) { $0 + $1.mostColumns }
    small = try DenseLDL(order: most, threads: threads)
    smallScale = try Buffer(count: most)
    scale = try Buffer(count: plan.order)
    var work: [Buffer<Double>] = []
    for _ in 0..<2 { work.append(try Buffer(count: most)) }
    coordinates = work
    work = []
    for _ in 0..<6 { work.append(try Buffer(count: plan.order)) }
    vectors = work
    triangle = try Buffer(count: rows.columns)
    image = try Buffer(count: rows.columns)
    diagonal = try Buffer(count: plan.order)
  }

  private static func rows(
    _ form: EmbeddingForm, _ plan: SchurCondensation
  ) throws(KantorError) -> SparseMatrix {
    let (a, count) = (form.a, form.m - plan.order)
    let starts = try Buffer<Int>(count: count + 1)
    let indices = try Buffer<Int32>(count: a.count)
    let values = try Buffer<Double>(count: a.count)
    var at = 0
    for t in 0..<count {
      let j = Int(plan.variable.pointer[plan.order + t])
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1]
      where Int(a.indices.pointer[k]) < plan.order {
        indices.pointer[at] = a.indices.pointer[k]
        values.pointer[at] = a.values.pointer[k] / plan.coefficient.pointer[plan.order + t]
        at += 1
      }
      starts.pointer[t + 1] = at
    }
    return try SparseMatrix(
      rows: plan.order, columns: count, starts: starts, indices: indices, values: values)
  }

  var entries: Int { factor.analysis.factorEntries + small.order * (small.order + 1) / 2 }

  // MARK: Preconditioner

  func refactor(_ interruption: Interruption) -> Bool {
    self.interruption = interruption
    columns = 0
    for part in parts {
      guard part.split() else { return false }
      part.first = columns
      columns += part.columns
    }
    return refactorSparse() && refactorSmall()
  }

  private func refactorSparse() -> Bool {
    let (values, d) = (matrix.values.pointer, triangle.pointer)
    for k in 0..<matrix.count { values[k] = 0 }
    for part in parts { part.entryDiagonal(d + at(part)) }
    for slot in 0..<slotRow.count {
      values[Int(places.pointer[slot])] += slotFactor.pointer[slot] * d[Int(slotRow.pointer[slot])]
    }
    for block in form.blocks where !(block is SemidefiniteBlock) {
      // Half-lines and equations: the scaling is a diagonal.
      block.parts(inverse: false, diagonal.pointer, diagonal.pointer)
      for i in 0..<block.count { values[last(block.row + i)] += diagonal.pointer[i] }
    }
    let s = scale.pointer
    for j in 0..<plan.order {
      let x = values[last(j)]
      s[j] = x > 0 && x.isFinite ? 1 / x.squareRoot() : 1
    }
    for j in 0..<plan.order {
      for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] {
        values[k] *= s[j] * s[Int(matrix.indices.pointer[k])]
      }
    }
    return factor.factor(values: values, rule: Self.rule, interruption: interruption).isUsable
  }

  /// Place of a diagonal entry, the last one in a column of an upper triangle.
  private func last(_ j: Int) -> Int { matrix.starts.pointer[j + 1] - 1 }

  private func refactorSmall() -> Bool {
    let (m, leading, order) = (small.entries, small.leading, small.order)
    let (y, v, s) = (coordinates[0].pointer, vectors[0].pointer, smallScale.pointer)
    for i in 0..<order { y[i] = 0 }
    for j in 0..<order {
      let column = m + j * leading
      for i in j..<order { column[i] = 0 }
      column[j] = 1
      guard j < columns else { continue }
      y[j] = 1
      expand(y, into: v)
      factor.solve(v)
      y[j] = 0
      project(v, into: coordinates[1].pointer, from: j)
      for i in j..<columns { column[i] += coordinates[1].pointer[i] }
      if j & 15 == 15, interruption.beat() { return false }
    }
    for j in 0..<order {
      let x = m[j * leading + j]
      s[j] = x > 0 && x.isFinite ? 1 / x.squareRoot() : 1
    }
    for j in 0..<order {
      for i in j..<order { m[j * leading + i] *= s[i] * s[j] }
      m[j * leading + j] += 1e-15
    }
    return small.factor(rule: Self.rule, interruption: interruption).isUsable
  }

  private func solveSmall(_ y: Entries) {
    for i in 0..<columns { y[i] *= smallScale.pointer[i] }
    for i in columns..<small.order { y[i] = 0 }
    small.solve(y)
    for i in 0..<columns { y[i] *= smallScale.pointer[i] }
  }

  /// Where the entries of a matrix begin.
  private func at(_ part: SpectralPart) -> Int { part.block.row - plan.order }

  /// v = (AW) y in the scale of B.
  private func expand(_ y: Given, into v: Entries) {
    for part in parts { part.expand(y + part.first, into: triangle.pointer + at(part)) }
    for i in 0..<plan.order { v[i] = 0 }
    rows.multiply(triangle.pointer, into: v)
    for i in 0..<plan.order { v[i] *= scale.pointer[i] }
  }

  /// y = (AW)'v, where only the entries from `least` on are wanted; destroys v.
  private func project(_ v: Entries, into y: Entries, from least: Int = 0) {
    for i in 0..<plan.order { v[i] *= scale.pointer[i] }
    triangle.fill(0)
    rows.multiplyTransposed(v, into: triangle.pointer)
    for part in parts where part.first + part.columns > least {
      part.project(
        triangle.pointer + at(part), into: y + part.first, from: max(0, least - part.first))
    }
  }

  /// out = M v.
  private func multiply(_ v: Given, into out: Entries) {
    triangle.fill(0)
    rows.multiplyTransposed(v, into: triangle.pointer)
    for part in parts {
      part.block.apply(triangle.pointer + at(part), into: image.pointer + at(part))
    }
    for block in form.blocks where block.row < plan.order {
      block.apply(v + block.row, into: out + block.row)
    }
    rows.multiply(image.pointer, into: out)
  }

  private func precondition(_ r: Given, into out: Entries) {
    let (n, s) = (plan.order, scale.pointer)
    for i in 0..<n { out[i] = s[i] * r[i] }
    factor.solve(out)
    if columns > 0 {
      let (y, e) = (coordinates[0].pointer, coordinates[1].pointer)
      let v = vectors[5].pointer
      v.update(from: out, count: n)
      project(v, into: y)
      solveSmall(y)
      expand(y, into: v)
      for i in 0..<n { out[i] = s[i] * r[i] - v[i] }
      factor.solve(out)
      v.update(from: out, count: n)
      project(v, into: e)
      for i in 0..<columns { e[i] = y[i] - e[i] }
      solveSmall(e)
      expand(e, into: v)
      factor.solve(v)
      for i in 0..<n { out[i] += v[i] }
    }
    for i in 0..<n { out[i] *= s[i] }
  }

  // MARK: Conjugate gradients

  /// b <- M^-1 b.
  func solve(_ b: Entries) {
    let n = plan.order
    let (x, r, z) = (vectors[0].pointer, vectors[1].pointer, vectors[2].pointer)
    let (p, q) = (vectors[3].pointer, vectors[4].pointer)
    func dot(_ u: Given, _ v: Given) -> Double {
      var sum = 0.0
      for i in 0..<n { sum += u[i] * v[i] }
      return sum
    }
    var size = 0.0
    for i in 0..<n {
      (x[i], r[i]) = (0, b[i])
      size = max(size, abs(b[i]))
    }
    precondition(r, into: z)
    p.update(from: z, count: n)
    var energy = dot(r, z)
    let first = energy
    for _ in 0..<Self.most where energy > Self.tolerance * Self.tolerance * first {
      if interruption.beat() {
        isInterrupted = true
        break
      }
      multiply(p, into: q)
      let t = energy / dot(p, q)
      guard t > 0, t.isFinite else { break }
      var rest = 0.0
      for i in 0..<n {
        x[i] += t * p[i]
        r[i] -= t * q[i]
        rest = max(rest, abs(r[i]))
      }
      if rest <= Self.tolerance * size { break }
      precondition(r, into: z)
      let next = dot(r, z)
      let beta = next / energy
      for i in 0..<n { p[i] = z[i] + beta * p[i] }
      energy = next
    }
    b.update(from: x, count: n)
  }
}
