import KantorCore

/// Solves: K x = b for a dense symmetric indefinite K, and its inertia.
/// Method: P K P' = L D L' with 1 by 1 and 2 by 2 pivots chosen by Bunch and Kaufman's rule.
/// Symbols: alpha = (1 + sqrt 17) / 8, which bounds the growth of both kinds of pivots alike.
/// Iteration: if |k_jj| >= alpha times the largest entry below it, it is the pivot; else the row of
///   that entry decides between a 1 by 1 pivot here, one there, and both as a 2 by 2 one.
/// Stops when: the last column is done.
/// Guarantee: backward stable; signs of D are those of the eigenvalues (Sylvester). Pivots of at
///   most `zero` in size are counted and left out of solves.
/// Cost: order^3 / 3 multiplications; for some hundreds of rows. `DenseLDL` is for larger ones.
/// Reference: J. R. Bunch, L. Kaufman, "Some stable methods for calculating inertia and solving
///   symmetric linear systems", Math. Comp. 31 (1977).
public final class PivotedLDL {
  public let order: Int
  /// By columns without gaps; the lower triangle is read by `factor`, which leaves L and D there.
  public let entries: UnsafeMutablePointer<Double>
  public private(set) var positive = 0
  public private(set) var negative = 0
  public private(set) var zero = 0
  public private(set) var isFinite = true
  private let storage: Buffer<Double>
  /// Row that column k was exchanged with; -1 - row for both columns of a 2 by 2 pivot.
  private let exchange: Buffer<Int32>

  public init(order n: Int) throws(KantorError) {
    order = n
    storage = try Buffer(count: try checkedProduct(n, n, of: "dense factor"))
    entries = storage.pointer
    exchange = try Buffer(count: n)
  }

  /// Factors in place. Pivots of at most `threshold` in size count as zero.
  public func factor(threshold: Double = 1e-14) {
    let n = order
    let a = entries
    let alpha = 0.6403882032022076
    (positive, negative, zero) = (0, 0, 0)
    isFinite = true
    var k = 0
    while k < n {
      let column = a + k &* n
      let here = abs(column[k])
      let (row, largest) = Self.largest(column, k &+ 1, n)
      if !(here + largest).isFinite {
        isFinite = false
        return
      }
      var (pivot, isPair) = (k, false)
      if max(here, largest) > threshold, here < alpha * largest {
        let other = rowSize(row, from: k)
        if here * other >= alpha * largest * largest {
          pivot = k
        } else if abs(a[row &* n &+ row]) >= alpha * other {
          pivot = row
        } else {
          (pivot, isPair) = (row, true)
        }
      }
      swap(k, isPair ? k &+ 1 : k, pivot, isPair)
      let mark = Int32(truncatingIfNeeded: pivot)
      if isPair {
        exchange.pointer[k] = -1 &- mark
        exchange.pointer[k &+ 1] = -1 &- mark
        eliminatePair(k)
        k &+= 2
      } else {
        exchange.pointer[k] = mark
        eliminate(k, threshold)
        k &+= 1
      }
    }
  }

  private static func largest(
    _ v: UnsafeMutablePointer<Double>, _ from: Int, _ end: Int
  ) -> (Int, Double) {
    var (at, top) = (from, 0.0)
    for i in from..<max(end, from) {
      let x = abs(v[i])
      if !(x <= top) { (at, top) = (i, x) }
    }
    return (at, top)
  }

  /// Largest entry beside the diagonal in row `row` of what is left.
  private func rowSize(_ row: Int, from k: Int) -> Double {
    let n = order
    var top = 0.0
    for j in k..<row { top = max(top, abs(entries[j &* n &+ row])) }
    for i in row &+ 1..<max(n, row &+ 1) { top = max(top, abs(entries[row &* n &+ i])) }
    return top
  }

  /// Rows and columns `to` and `from` of what is left change places.
  private func swap(_ k: Int, _ to: Int, _ from: Int, _ isPair: Bool) {
    guard to != from else { return }
    let n = order
    let a = entries
    let (p, q) = (a + to &* n, a + from &* n)
    for i in from &+ 1..<max(n, from &+ 1) { Self.exchange(p + i, q + i) }
    for i in to &+ 1..<max(from, to &+ 1) {
      Self.exchange(p + i, a + (i &* n &+ from))
    }
    Self.exchange(p + to, q + from)
    if isPair {
      let c = a + k &* n
      Self.exchange(c + to, c + from)
    }
  }

  private static func exchange(
    _ p: UnsafeMutablePointer<Double>, _ q: UnsafeMutablePointer<Double>
  ) {
    let t = p.pointee
    p.pointee = q.pointee
    q.pointee = t
  }

  private func eliminate(_ k: Int, _ threshold: Double) {
    let n = order
    let c = entries + k &* n
    let d = c[k]
    guard abs(d) > threshold else {
      zero &+= 1
      c[k] = 0
      for i in k &+ 1..<max(n, k &+ 1) { c[i] = 0 }
      return
    }
    if d > 0 { positive &+= 1 } else { negative &+= 1 }
    let inverse = 1 / d
    for j in k &+ 1..<max(n, k &+ 1) {
      let t = c[j] * inverse
      if t != 0 {
        let target = entries + j &* n
        for i in j..<n { target[i] -= c[i] * t }
      }
    }
    for i in k &+ 1..<max(n, k &+ 1) { c[i] *= inverse }
  }

  private func eliminatePair(_ k: Int) {
    let n = order
    let (c, e) = (entries + k &* n, entries + (k &+ 1) &* n)
    // A 2 by 2 pivot of this rule has one eigenvalue of each sign.
    positive &+= 1
    negative &+= 1
    let off = c[k &+ 1]
    let (d1, d2) = (e[k &+ 1] / off, c[k] / off)
    let scale = 1 / (d1 * d2 - 1) / off
    for j in k &+ 2..<max(n, k &+ 2) {
      let s = scale * (d1 * c[j] - e[j])
      let t = scale * (d2 * e[j] - c[j])
      let target = entries + j &* n
      for i in j..<n { target[i] -= c[i] * s + e[i] * t }
      c[j] = s
      e[j] = t
    }
  }

  /// b <- K^-1 b.
  public func solve(_ b: UnsafeMutablePointer<Double>) {
    let n = order
    let a = entries
    let p = exchange.pointer
    var k = 0
    while k < n {
      let c = a + k &* n
      if p[k] >= 0 {
        let other = Int(p[k])
        (b[k], b[other]) = (b[other], b[k])
        let t = b[k]
        for i in k &+ 1..<max(n, k &+ 1) { b[i] -= c[i] * t }
        b[k] = c[k] == 0 ? 0 : t / c[k]
        k &+= 1
      } else {
        let other = Int(-1 &- p[k])
        (b[k &+ 1], b[other]) = (b[other], b[k &+ 1])
        let e = c + n
        let (s, t) = (b[k], b[k &+ 1])
        for i in k &+ 2..<max(n, k &+ 2) { b[i] -= c[i] * s + e[i] * t }
        let off = c[k &+ 1]
        let (d1, d2) = (c[k] / off, e[k &+ 1] / off)
        let scale = 1 / (d1 * d2 - 1) / off
        b[k] = (d2 * s - t) * scale
        b[k &+ 1] = (d1 * t - s) * scale
        k &+= 2
      }
    }
    k = n &- 1
    while k >= 0 {
      let c = a + k &* n
      if p[k] >= 0 {
        var sum = b[k]
        for i in k &+ 1..<max(n, k &+ 1) { sum -= c[i] * b[i] }
        b[k] = sum
        let other = Int(p[k])
        (b[k], b[other]) = (b[other], b[k])
        k &-= 1
      } else {
        let e = c - n
        var (s, t) = (b[k], b[k &- 1])
        for i in k &+ 1..<max(n, k &+ 1) {
          s -= c[i] * b[i]
          t -= e[i] * b[i]
        }
        (b[k], b[k &- 1]) = (s, t)
        let other = Int(-1 &- p[k])
        (b[k], b[other]) = (b[other], b[k])
        k &-= 2
      }
    }
  }
}
