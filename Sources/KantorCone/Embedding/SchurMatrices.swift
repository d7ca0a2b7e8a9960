import KantorCore
import KantorNumerics

/// The matrices B_i of one psd cone, sparse, and their part of M_ij = <B_i, G B_j G>.
///
/// Few entries: sums over pairs of entries, or G B_i G with one product where that is less. Many
/// entries: with G = TT' all T'B_i T are made, and M is the matrix of their inner products.
final class SchurMatrices {
  let block: SemidefiniteBlock
  /// G is RR', else QQ' with Q = R^-T.
  private let isPrimal: Bool
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
  /// Triangles of T'B_i T, one in a row, and a strip of their inner products; empty where pairs
  /// are cheaper.
  private let stack: Buffer<Double>
  private let strip: Buffer<Double>
  private let products: MatrixProduct?

  private static let stripRows = 96

  /// `entries` lists (i, place in the triangle, coefficient), ascending in i.
  init(
    _ block: SemidefiniteBlock, isPrimal: Bool, order: Int, count: Int, threads: Int,
    entries: ((Int, Int, Double) -> Void) -> Void
  ) throws(KantorError) {
    self.block = block
    self.isPrimal = isPrimal
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
    let active = (0..<order).filter { starts.pointer[$0 + 1] > starts.pointer[$0] }
      .sorted {
        let (a, b) = (
          starts.pointer[$0 + 1] - starts.pointer[$0], starts.pointer[$1 + 1] - starts.pointer[$1])
        return a == b ? $0 < $1 : a > b
      }
    left = try Buffer(count: side * side)
    whole = try Buffer(count: side * side)
    touched = try Buffer(count: side)
    self.active = active
    let sizes = active.map { starts.pointer[$0 + 1] - starts.pointer[$0] }
    guard Self.prefersStack(sizes, side: side) else {
      stack = try Buffer(count: 0)
      strip = try Buffer(count: 0)
      products = nil
      return
    }
    stack = try Buffer(
      count: try checkedProduct(active.count, block.count, of: "condensed system"))
    strip = try Buffer(count: Self.stripRows * active.count)
    // The first product takes the memory for packing.
    let product = try MatrixProduct(threads: threads)
    products = product
    try product.multiply(
      MatrixView(stack.pointer, rows: 1, columns: block.count),
      MatrixView(stack.pointer, rows: active.count, columns: block.count).transposed,
      into: strip.pointer)
  }

  /// Times of both ways in nanoseconds, roughly; `sizes` descending.
  private static func prefersStack(_ sizes: [Int], side: Int) -> Bool {
    let (n, k) = (Double(sizes.count), Double(side))
    let total = sizes.reduce(0) { $0 + Double($1) }
    guard n * k * k <= 8 * total + 4e7 else { return false }
    var (pairs, rest) = (0.0, total)
    var stacked = n * n * k * k / 50
    for size in sizes {
      let e = Double(size)
      pairs += min(2 * e * rest, (2 * e > k / 8 ? k * k * k / 10 : e * k * k) + rest)
      rest -= e
      stacked += hasFew(size, side) ? e * k * k / 2 : k * k * k / 10
    }
    return stacked < pairs
  }

  /// Whether T'BT is a sum over the entries of B.
  private static func hasFew(_ entries: Int, _ side: Int) -> Bool { 8 * entries <= side }

  /// Adds <B_i, G B_j G> to the lower triangle of m, by columns. False when interrupted.
  func add(to m: Entries, leading: Int, _ interruption: Interruption) -> Bool {
    if stack.count > 0 { return addStack(m, leading, interruption) }
    return addPairs((isPrimal ? block.gram : block.inverseGram).pointer, m, leading, interruption)
  }

  // MARK: Inner products of transformed matrices

  private func addStack(
    _ m: Entries, _ leading: Int, _ interruption: Interruption
  ) -> Bool {
    let (rows, columns) = (active.count, block.count)
    let t = (isPrimal ? block.r : block.q).pointer
    for (k, i) in active.enumerated() {
      transform(t, starts.pointer[i], starts.pointer[i + 1], into: stack.pointer + k * columns)
      if k & 15 == 15, interruption.beat() { return false }
    }
    for first in stride(from: 0, to: rows, by: Self.stripRows) {
      let height = min(Self.stripRows, rows - first)
      let width = rows - first
      let done = try? products?.multiply(
        MatrixView(stack.pointer + first * columns, rows: height, columns: columns),
        MatrixView(stack.pointer + first * columns, rows: width, columns: columns).transposed,
        into: strip.pointer, beat: { !interruption.beat() })
      guard done == true else { return false }
      for a in 0..<height {
        for b in a..<width {
          let (i, j) = (active[first &+ a], active[first &+ b])
          m[min(i, j) &* leading &+ max(i, j)] += strip.pointer[a &* width &+ b]
        }
      }
    }
    return true
  }

  /// The scaled triangle of T'BT.
  private func transform(_ t: Given, _ first: Int, _ end: Int, into out: Entries) {
    let (k, half, root) = (block.side, 0.5.squareRoot(), 2.0.squareRoot())
    let (b, y) = (left.pointer, whole.pointer)
    if Self.hasFew(end - first, k) {
      for e in 0..<block.count { out[e] = 0 }
      for e in first..<end {
        let (i, j) = (Int(row.pointer[e]), Int(column.pointer[e]))
        let x = i == j ? value.pointer[e] : root * value.pointer[e]
        for c in 0..<k { (b[c], b[k &+ c]) = (t[c &* k &+ i], t[c &* k &+ j]) }
        var at = 0
        for c in 0..<k {
          let (p, q) = (0.5 * x * b[k &+ c], 0.5 * x * b[c])
          for d in 0...c { out[at &+ d] += p * b[d] + q * b[k &+ d] }
          at &+= c &+ 1
        }
      }
    } else {
      for e in 0..<(k * k) { b[e] = 0 }
      for e in first..<end {
        let (i, j, x) = (Int(row.pointer[e]), Int(column.pointer[e]), value.pointer[e])
        b[j &* k &+ i] = i == j ? x : half * x
        b[i &* k &+ j] = i == j ? x : half * x
      }
      block.kernels.multiply(b, by: t, into: y)
      block.kernels.multiply(t, turned: true, by: y, into: b)
      var at = 0
      for c in 0..<k {
        for d in 0...c { out[at &+ d] = b[c &* k &+ d] }
        at &+= c &+ 1
      }
    }
    // Off the diagonal times sqrt 2.
    var at = 0
    for c in 0..<k {
      for d in 0..<c { out[at &+ d] *= root }
      at &+= c &+ 1
    }
  }

  // MARK: Pairs of entries

  private func addPairs(
    _ g: Given, _ m: Entries, _ leading: Int, _ interruption: Interruption
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
