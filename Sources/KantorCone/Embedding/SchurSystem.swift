import KantorCore
import KantorNumerics

/// Solves the system of the embedding through a small dense one (`SchurCondensation`). Refined are
/// the rows that the dense system stands for; the others hold but for rounding, as they are what
/// the eliminated unknowns are computed from.
final class SchurSystem: EmbeddingSystem {
  private let form: EmbeddingForm
  private let plan: SchurCondensation
  private let blocks: [SemidefiniteBlock]
  /// For the dense factor, where that is made.
  private let matrices: [SchurMatrices]
  private let factor: DenseLDL
  private let iteration: SchurIteration?
  private let signs: Buffer<Int8>
  private let scale: Buffer<Double>
  private let right: Buffer<Double>
  /// Rows of A by rows, where that is needed.
  private let rows: SparseMatrix
  private let rowWork: [Buffer<Double>]
  private let columnWork: [Buffer<Double>]
  /// Cones that are no matrices, as diagonals and vectors.
  private let diagonal: Buffer<Double>
  private let vectors: Buffer<Double>

  private static let rounds = 5

  init(
    _ form: EmbeddingForm, _ plan: SchurCondensation, _ iteration: SchurIteration?, threads: Int
  ) throws(KantorError) {
    self.form = form
    self.plan = plan
    self.iteration = iteration
    blocks = form.blocks.compactMap { $0 as? SemidefiniteBlock }
    rows = try form.a.transposed().matrix
    var list: [SchurMatrices] = []
    for block in blocks where iteration == nil {
      list.append(try Self.matrices(form, plan, rows, block, threads))
    }
    let others = form.blocks.filter { !($0 is SemidefiniteBlock) }
    diagonal = try Buffer(count: others.map(\.count).max() ?? 0)
    vectors = try Buffer(count: others.map { $0.count * $0.rank }.max() ?? 0)
    matrices = list
    let order = plan.order + plan.border
    factor = try DenseLDL(order: iteration == nil ? order : 0, threads: threads)
    signs = try Buffer(count: order, repeating: 1)
    for i in plan.order..<order { signs.pointer[i] = -1 }
    scale = try Buffer(count: order, repeating: 1)
    right = try Buffer(count: order)
    var (long, short): ([Buffer<Double>], [Buffer<Double>]) = ([], [])
    for _ in 0..<5 {
      long.append(try Buffer(count: form.m))
      short.append(try Buffer(count: form.n))
    }
    (rowWork, columnWork) = (long, short)
  }

  private static func matrices(
    _ form: EmbeddingForm, _ plan: SchurCondensation, _ rows: SparseMatrix,
    _ block: SemidefiniteBlock, _ threads: Int
  ) throws(KantorError) -> SchurMatrices {
    let inside = block.row..<(block.row + block.count)
    /// Visits (i, place in the triangle, coefficient).
    func visit(_ body: (Int, Int, Double) -> Void) {
      if !plan.byRows {
        let a = form.a
        for j in 0..<form.n {
          for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
            let i = Int(a.indices.pointer[k])
            if inside.contains(i) { body(j, i - block.row, a.values.pointer[k]) }
          }
        }
        return
      }
      for i in 0..<plan.order {
        for k in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
          let at = place[Int(rows.indices.pointer[k])]
          if at >= 0 {
            body(
              i, Int(at), rows.values.pointer[k] / plan.coefficient.pointer[block.row + Int(at)])
          }
        }
      }
    }
    let places = try Buffer<Int32>(count: form.n, repeating: -1)
    let place = places.pointer
    if plan.byRows {
      for i in inside {
        place[Int(plan.variable.pointer[i])] = Int32(truncatingIfNeeded: i - block.row)
      }
    }
    var count = 0
    visit { _, _, _ in count += 1 }
    let made = try SchurMatrices(
      block, isPrimal: plan.byRows, order: plan.order, count: count, threads: threads,
      entries: visit)
    return withExtendedLifetime(places) { made }
  }

  var entries: Int {
    if let iteration { return iteration.entries }
    let order = factor.order
    return order * (order + 1) / 2
  }
  var analysis: PatternAnalysis? { nil }
  var leavesRows: Bool { true }

  // MARK: Factorisation

  func refactor(_ interruption: Interruption) -> Bool {
    if let iteration { return iteration.refactor(interruption) }
    let (n, order, leading, m) = (plan.order, factor.order, factor.leading, factor.entries)
    for j in 0..<order {
      for i in j..<order { m[j * leading + i] = 0 }
    }
    for item in matrices {
      guard item.add(to: m, leading: leading, interruption) else { return false }
    }
    for block in form.blocks where block.degree > 0 && !(block is SemidefiniteBlock) {
      block.parts(inverse: !plan.byRows, diagonal.pointer, vectors.pointer)
      if plan.byRows { addScaling(block) } else { addInverse(block) }
    }
    addObjective()
    addBorder()
    // A unit diagonal; what is left is the condition that scales cannot change.
    for i in 0..<n {
      let x = m[i * leading + i]
      scale.pointer[i] = x > 0 && x.isFinite ? 1 / x.squareRoot() : 1
    }
    for j in 0..<n {
      for i in j..<order { m[j * leading + i] *= scale.pointer[i] * scale.pointer[j] }
      m[j * leading + j] += 1e-15
    }
    for j in n..<order { m[j * leading + j] -= 1e-9 }
    return factor.factor(
      signs: signs.pointer, rule: PivotRule(shift: 0, threshold: 1e-15, replacement: 1e-8),
      interruption: interruption
    ).isUsable
  }

  /// By rows: H.
  private func addScaling(_ block: ConeBlock) {
    let (leading, m, k) = (factor.leading, factor.entries, block.count)
    for i in 0..<k {
      let column = m + ((block.row + i) * leading + block.row)
      column[i] += diagonal.pointer[i]
      for r in 0..<block.rank {
        let v = vectors.pointer + r * k
        for j in i..<k { column[j] += v[i] * v[j] }
      }
    }
  }

  /// By variables: A'H^-1 A.
  private func addInverse(_ block: ConeBlock) {
    let (leading, m, k) = (factor.leading, factor.entries, block.count)
    for t in 0..<k where diagonal.pointer[t] != 0 {
      let i = block.row + t
      let end = rows.starts.pointer[i + 1]
      for k in rows.starts.pointer[i]..<end {
        let x = rows.values.pointer[k] * diagonal.pointer[t]
        let column = m + Int(rows.indices.pointer[k]) * leading
        for l in k..<end { column[Int(rows.indices.pointer[l])] += x * rows.values.pointer[l] }
      }
    }
    guard block.rank > 0 else { return }
    let touched = block.variables(rows)
    let u = columnWork[0].pointer
    for r in 0..<block.rank {
      for j in touched { u[j] = 0 }
      for t in 0..<k {
        let x = vectors.pointer[r * k + t]
        for l in rows.starts.pointer[block.row + t]..<rows.starts.pointer[block.row + t + 1] {
          u[Int(rows.indices.pointer[l])] += x * rows.values.pointer[l]
        }
      }
      for (a, j) in touched.enumerated() where u[j] != 0 {
        let column = m + j * leading
        for b in a..<touched.count { column[touched[b]] += u[j] * u[touched[b]] }
      }
    }
  }

  private func addObjective() {
    let (n, leading, m, p) = (plan.order, factor.leading, factor.entries, form.p)
    for j in 0..<form.n {
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] {
        let (i, x) = (Int(p.indices.pointer[k]), p.values.pointer[k])
        if !plan.byRows {
          m[i * leading + j] += x
        } else if x != 0 {
          let (a, b) = (Int(plan.place.pointer[i]), Int(plan.place.pointer[j]))
          m[(n + min(a, b)) * leading + n + max(a, b)] -= x
        }
      }
    }
  }

  private func addBorder() {
    let (n, leading, m) = (plan.order, factor.leading, factor.entries)
    for i in 0..<(plan.byRows ? n : plan.border) {
      for k in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
        let (j, x) = (Int(rows.indices.pointer[k]), rows.values.pointer[k])
        if !plan.byRows {
          m[j * leading + n + i] = x
        } else if plan.place.pointer[j] >= 0 {
          m[i * leading + n + Int(plan.place.pointer[j])] = -x
        }
      }
    }
  }

  // MARK: Solves

  func solve(_ top: Given, _ bottom: Given, _ x: Entries, _ z: Entries) -> Bool {
    let (n, m) = (form.n, form.m)
    // The caller may ask for the answer where the question stands.
    let (t, b) = (columnWork[0].pointer, rowWork[0].pointer)
    t.update(from: top, count: n)
    b.update(from: bottom, count: m)
    let (rt, rb) = (columnWork[1].pointer, rowWork[1].pointer)
    let (dx, dz) = (columnWork[2].pointer, rowWork[2].pointer)
    var size = 0.0
    for j in 0..<n { size = max(size, abs(t[j])) }
    for i in 0..<m { size = max(size, abs(b[i])) }
    condensed(t, b, x, z, isCorrection: false)
    var residual = remainder(t, b, x, z, rt, rb)
    guard residual.isFinite else { return false }
    let goal = 1e-12 + 1e-13 * size
    for _ in 0..<Self.rounds where residual > goal {
      if iteration?.isInterrupted == true { return false }
      condensed(rt, rb, dx, dz, isCorrection: true)
      for j in 0..<n { dx[j] += x[j] }
      for i in 0..<m { dz[i] += z[i] }
      let next = remainder(t, b, dx, dz, rt, rb)
      guard next < residual else { break }
      x.update(from: dx, count: n)
      z.update(from: dz, count: m)
      let gain = residual / next
      residual = next
      if gain < 1.5 { break }
    }
    return true
  }

  /// r = (t - Px - A'z, b - Ax + Hz) of the rows that M and F stand for, 0 elsewhere; its largest
  /// entry.
  private func remainder(
    _ t: Given, _ b: Given, _ x: Given, _ z: Given, _ rt: Entries, _ rb: Entries
  ) -> Double {
    let kept = plan.byRows ? plan.order : plan.border
    for block in form.blocks where block.row < kept {
      block.apply(z + block.row, into: rb + block.row)
    }
    for j in 0..<form.n { rt[j] = t[j] }
    form.p.multiplySymmetric(x, into: rt, scale: -1)
    form.a.multiplyTransposed(z, into: rt, scale: -1)
    var (top, sum) = (0.0, 0.0)
    for j in 0..<form.n {
      if plan.byRows && plan.place.pointer[j] < 0 { rt[j] = 0 }
      top = max(top, abs(rt[j]))
      sum += rt[j]
    }
    for i in 0..<kept {
      rb[i] += b[i]
      for k in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
        rb[i] -= rows.values.pointer[k] * x[Int(rows.indices.pointer[k])]
      }
      top = max(top, abs(rb[i]))
      sum += rb[i]
    }
    for i in kept..<form.m { rb[i] = 0 }
    return sum.isFinite ? top : .nan
  }

  private func condensed(
    _ t: Given, _ b: Given, _ x: Entries, _ z: Entries, isCorrection: Bool
  ) {
    if plan.byRows {
      condensedByRows(t, b, x, z, isCorrection: isCorrection)
    } else {
      condensedByVariables(t, b, x, z, isCorrection: isCorrection)
    }
  }

  private func solveDense() {
    let v = right.pointer
    if let iteration {
      iteration.solve(v)
      return
    }
    for i in 0..<factor.order { v[i] *= scale.pointer[i] }
    factor.solve(v)
    for i in 0..<factor.order { v[i] *= scale.pointer[i] }
  }

  /// M x + E'z_E = t + A'H^-1 b, E x = b_E; z = H^-1 (A x - b). In a correction b has equations
  /// only.
  private func condensedByVariables(
    _ t: Given, _ b: Given, _ x: Entries, _ z: Entries, isCorrection: Bool
  ) {
    let (n, w, v) = (form.n, rowWork[3].pointer, right.pointer)
    for j in 0..<n { v[j] = t[j] }
    if !isCorrection {
      for block in form.blocks { block.applyInverse(b + block.row, into: w + block.row) }
      form.a.multiplyTransposed(w, into: v)
    }
    for i in 0..<plan.border { v[n + i] = b[i] }
    solveDense()
    for j in 0..<n { x[j] = v[j] }
    for i in 0..<form.m { w[i] = -b[i] }
    form.a.multiply(x, into: w)
    for block in form.blocks { block.applyInverse(w + block.row, into: z + block.row) }
    for i in 0..<plan.border { z[i] = v[n + i] }
  }

  /// M z_R - F x_F = A_R u - b_R with u = D^-1 (b_S + H D^-1 t), F'z_R = t_F; then
  /// z_S = D^-1 (t - A_R'z_R), x = D^-1 (b_S + H z_S). In a correction t_S and b_S are 0.
  private func condensedByRows(
    _ t: Given, _ b: Given, _ x: Entries, _ z: Entries, isCorrection: Bool
  ) {
    let (n, order, v) = (form.n, plan.order, right.pointer)
    let (w, y, u) = (rowWork[3].pointer, rowWork[4].pointer, columnWork[3].pointer)
    for i in 0..<form.m { w[i] = 0 }
    if !isCorrection {
      spread(t, into: w)
      for j in 0..<n { u[j] = 0 }
      gather(w, b, y, into: u)
      for i in 0..<form.m { w[i] = 0 }
      form.a.multiply(u, into: w)
    }
    for i in 0..<order { v[i] = w[i] - b[i] }
    for j in 0..<n where plan.place.pointer[j] >= 0 {
      v[order + Int(plan.place.pointer[j])] = -t[j]
    }
    solveDense()
    for i in 0..<form.m { w[i] = i < order ? v[i] : 0 }
    for j in 0..<n { u[j] = t[j] }
    form.a.multiplyTransposed(w, into: u, scale: -1)
    spread(u, into: z)
    for i in 0..<order { z[i] = v[i] }
    for j in 0..<n {
      let at = plan.place.pointer[j]
      x[j] = at >= 0 ? v[order + Int(at)] : 0
    }
    gather(z, b, y, into: x)
  }

  /// The psd rows of D^-1 t.
  private func spread(_ t: Given, into w: Entries) {
    for i in plan.order..<form.m {
      w[i] = t[Int(plan.variable.pointer[i])] / plan.coefficient.pointer[i]
    }
  }

  /// x = D^-1 (b + H z) of the psd rows.
  private func gather(_ z: Given, _ b: Given, _ y: Entries, into x: Entries) {
    for block in blocks { block.apply(z + block.row, into: y + block.row) }
    for i in plan.order..<form.m {
      x[Int(plan.variable.pointer[i])] = (b[i] + y[i]) / plan.coefficient.pointer[i]
    }
  }
}
