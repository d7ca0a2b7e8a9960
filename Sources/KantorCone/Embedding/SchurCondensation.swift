import KantorCore
import KantorNumerics

/// How the system of a program with psd cones, half-lines and a linear objective is condensed to a
/// small dense one, [M F'; F 0] with M_ij = <B_i, G B_j G> summed over the psd cones.
///
/// - By variables (programs in inequality form): z is eliminated; M belongs to the variables,
///   B_i to column i of A, G = (RR')^-1, and F are the equations.
/// - By rows (programs in standard form, where each entry of a psd matrix is a variable of its
///   own): x and z of the psd rows are eliminated; M belongs to the other rows, B_i to row i,
///   G = RR', and F are the columns of the other variables.
///
/// Source: K. Fujisawa, M. Kojima, K. Nakata, "Exploiting sparsity in primal-dual interior-point
/// methods for semidefinite programming", Math. Program. 79 (1997).
struct SchurCondensation {
  let byRows: Bool
  /// Order of M and number of rows of F.
  let order: Int
  let border: Int
  /// By rows: the variable of each psd row and its coefficient, by internal row; -1 elsewhere.
  let variable: Buffer<Int32>
  let coefficient: Buffer<Double>
  /// By rows: whether a variable is an entry of a matrix; else its place in F, from 0, or -1.
  let place: Buffer<Int32>
  /// Multiplications that a factorisation of the whole system takes.
  var wholeWork = 0.0

  /// The cheaper one that is possible and pays, or nil.
  static func best(_ form: EmbeddingForm) throws(KantorError) -> SchurCondensation? {
    for k in 0..<form.p.count where form.p.values.pointer[k] != 0 { return nil }
    var (whole, cubes, halves) = (0.0, 0.0, 0)
    for block in form.blocks {
      switch block {
      case let matrix as SemidefiniteBlock:
        let (rows, side) = (Double(matrix.count), Double(matrix.side))
        whole += rows * rows * rows / 3
        cubes += side * side * side
      case is NonnegativeBlock: halves += block.count
      default: if block.degree > 0 { return nil }
      }
    }
    guard cubes > 0 else { return nil }
    let equations = form.blocks.first.map { $0.degree == 0 ? $0.count : 0 } ?? 0
    let rows = try byRows(form, others: equations + halves)
    let byVariables = cost(form.n + equations, form.n, cubes)
    let byRows = rows.map { cost($0.order + $0.border, $0.order, cubes) } ?? .infinity
    guard min(byVariables, byRows) < whole, min(byVariables, byRows) < 1e14 else { return nil }
    if var rows, byRows <= byVariables {
      rows.wholeWork = whole
      return rows
    }
    let none = try Buffer<Int32>(count: 0)
    return SchurCondensation(
      byRows: false, order: form.n, border: equations, variable: none,
      coefficient: try Buffer(count: 0), place: none, wholeWork: whole)
  }

  /// Multiplications, products with the matrices being cheap.
  private static func cost(_ whole: Int, _ order: Int, _ cubes: Double) -> Double {
    let t = Double(whole)
    return t * t * t / 3 + Double(order) * cubes.squareRoot() + 20 * cubes
  }

  /// Nil unless each psd row has one entry, in a column that no other psd row uses.
  private static func byRows(
    _ form: EmbeddingForm, others: Int
  ) throws(KantorError) -> SchurCondensation? {
    let variable = try Buffer<Int32>(count: form.m, repeating: -1)
    let coefficient = try Buffer<Double>(count: form.m)
    let place = try Buffer<Int32>(count: form.n)
    var border = 0
    let a = form.a
    for j in 0..<form.n {
      var found = -1
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let i = Int(a.indices.pointer[k])
        // Psd rows come after all others.
        guard i >= others, a.values.pointer[k] != 0 else { continue }
        if found >= 0 || variable.pointer[i] >= 0 { return nil }
        found = i
        variable.pointer[i] = Int32(truncatingIfNeeded: j)
        coefficient.pointer[i] = a.values.pointer[k]
      }
      if found >= 0 {
        place.pointer[j] = -1
      } else {
        place.pointer[j] = Int32(truncatingIfNeeded: border)
        border += 1
      }
    }
    for i in others..<form.m where variable.pointer[i] < 0 { return nil }
    return SchurCondensation(
      byRows: true, order: others, border: border, variable: variable, coefficient: coefficient,
      place: place)
  }
}

/// The matrices B_i of one psd cone, sparse.
final class SchurMatrices {
  let block: SemidefiniteBlock
  /// Those that are not zero, most entries first.
  private let active: [Int]
  private let starts: Buffer<Int>
  private let row: Buffer<Int32>
  private let column: Buffer<Int32>
  /// Coefficients of the scaled triangle.
  private let value: Buffer<Double>
  private let left: Buffer<Double>
  private let whole: Buffer<Double>
  private let touched: Buffer<UInt8>

  /// `entries` lists (i, place in the triangle, coefficient), ascending in i.
  init(
    _ block: SemidefiniteBlock, order: Int, count: Int,
    entries: ((Int, Int, Double) -> Void) -> Void
  ) throws(KantorError) {
    self.block = block
    let side = block.side
    let starts = try Buffer<Int>(count: order + 1)
    let row = try Buffer<Int32>(count: count)
    let column = try Buffer<Int32>(count: count)
    let value = try Buffer<Double>(count: count)
    let corner = try Buffer<Int32>(count: block.count)
    for j in 0..<side {
      for i in 0...j { corner.pointer[j * (j + 1) / 2 + i] = Int32(truncatingIfNeeded: j) }
    }
    var t = 0
    entries { i, at, x in
      guard t < count else { return }
      let j = Int(corner.pointer[at])
      row.pointer[t] = Int32(truncatingIfNeeded: at - j * (j + 1) / 2)
      column.pointer[t] = Int32(truncatingIfNeeded: j)
      value.pointer[t] = x
      t += 1
      starts.pointer[i + 1] = t
    }
    for i in 0..<order { starts.pointer[i + 1] = max(starts.pointer[i + 1], starts.pointer[i]) }
    (self.starts, self.row, self.column, self.value) = (starts, row, column, value)
    active = (0..<order).filter { starts.pointer[$0 + 1] > starts.pointer[$0] }
      .sorted {
        let (a, b) = (
          starts.pointer[$0 + 1] - starts.pointer[$0], starts.pointer[$1 + 1] - starts.pointer[$1])
        return a == b ? $0 < $1 : a > b
      }
    left = try Buffer(count: side * side)
    whole = try Buffer(count: side * side)
    touched = try Buffer(count: side)
  }

  /// Adds <B_i, G B_j G> to the lower triangle of m, by columns. False when interrupted.
  func add(
    _ g: Given, to m: Entries, leading: Int, _ interruption: Interruption
  ) -> Bool {
    var rest = active.reduce(0) { $0 + starts.pointer[$1 + 1] - starts.pointer[$1] }
    for (t, i) in active.enumerated() {
      let (first, end) = (starts.pointer[i], starts.pointer[i + 1])
      let isDirect = 3 * (end - first) * rest < block.side * block.side
      if !isDirect { product(g, first, end) }
      for s in t..<active.count {
        let j = active[s]
        let (from, to) = (starts.pointer[j], starts.pointer[j + 1])
        let x = isDirect ? inner(g, first, end, from, to) : inner(whole.pointer, from, to)
        m[min(i, j) &* leading &+ max(i, j)] += x
      }
      rest -= end - first
      if t & 15 == 15, interruption.beat() { return false }
    }
    return true
  }

  /// <B, U>.
  private func inner(_ u: Given, _ from: Int, _ to: Int) -> Double {
    let (k, root) = (block.side, 2.0.squareRoot())
    let (r, c, v) = (row.pointer, column.pointer, value.pointer)
    var (diagonal, rest) = (0.0, 0.0)
    for e in from..<to {
      let (i, j) = (Int(r[e]), Int(c[e]))
      let x = v[e] * u[j &* k &+ i]
      if i == j { diagonal += x } else { rest += x }
    }
    return diagonal + root * rest
  }

  /// <B_j, G B_i G>, entry by entry.
  private func inner(_ g: Given, _ first: Int, _ end: Int, _ from: Int, _ to: Int) -> Double {
    let (k, root) = (block.side, 2.0.squareRoot())
    let (r, c, v) = (row.pointer, column.pointer, value.pointer)
    var sum = 0.0
    for e in from..<to {
      let (p, q) = (Int(r[e]) &* k, Int(c[e]) &* k)
      var u = 0.0
      for f in first..<end {
        let (i, j) = (Int(r[f]), Int(c[f]))
        if i == j {
          u += v[f] * g[p &+ i] * g[q &+ i]
        } else {
          u += v[f] / root * (g[p &+ i] * g[q &+ j] + g[p &+ j] * g[q &+ i])
        }
      }
      sum += (p == q ? v[e] : root * v[e]) * u
    }
    return sum
  }

  /// whole = G B G; its upper triangle.
  private func product(_ g: Given, _ first: Int, _ end: Int) {
    let (k, half) = (block.side, 0.5.squareRoot())
    let (l, u, mark) = (left.pointer, whole.pointer, touched.pointer)
    for i in 0..<k { mark[i] = 0 }
    var count = 0
    func touch(_ i: Int) {
      if mark[i] == 0 {
        mark[i] = 1
        count += 1
        for p in 0..<k { l[i &* k &+ p] = 0 }
      }
    }
    for e in first..<end {
      let (i, j) = (Int(row.pointer[e]), Int(column.pointer[e]))
      let x = value.pointer[e]
      touch(i)
      touch(j)
      if i == j {
        for p in 0..<k { l[i &* k &+ p] += x * g[i &* k &+ p] }
      } else {
        for p in 0..<k {
          l[j &* k &+ p] += half * x * g[i &* k &+ p]
          l[i &* k &+ p] += half * x * g[j &* k &+ p]
        }
      }
    }
    if 8 * count > k {
      for i in 0..<k where mark[i] == 0 { for p in 0..<k { l[i &* k &+ p] = 0 } }
      block.kernels.multiply(l, by: g, into: u)
      return
    }
    for e in 0..<(k * k) { u[e] = 0 }
    for c in 0..<k where mark[c] != 0 {
      for q in 0..<k {
        let x = g[c &* k &+ q]
        for p in 0...q { u[q &* k &+ p] += x * l[c &* k &+ p] }
      }
    }
  }
}
