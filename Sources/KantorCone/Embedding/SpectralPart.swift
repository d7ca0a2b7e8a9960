import KantorCore
import KantorNumerics

/// The eigenvectors of G of one psd cone, and the columns sqrt(g_a g_j) v_a v_j' of W: a one of
/// the few large ones, v_j any.
final class SpectralPart {
  let block: SemidefiniteBlock
  let mostColumns: Int
  /// Its first column of W, and their number.
  var first = 0
  private(set) var columns = 0
  private var rank = 0
  private let cap: Int
  private let values: Buffer<Double>
  private let vectors: Buffer<Double>
  private let turned: Buffer<Double>
  private let rest: Buffer<Double>
  private let spare: Buffer<Double>
  private let line: Buffer<Double>

  /// Eigenvalues this many times the middle one are large.
  private static let large = 4.0

  init(_ block: SemidefiniteBlock) throws(KantorError) {
    self.block = block
    let k = block.side
    cap = Self.mostRank(k)
    mostColumns = cap * k - cap * (cap - 1) / 2
    values = try Buffer(count: k)
    vectors = try Buffer(count: k * k)
    turned = try Buffer(count: k * k)
    rest = try Buffer(count: k * k)
    spare = try Buffer(count: k * k)
    line = try Buffer(count: 2 * k)
  }

  static func mostRank(_ side: Int) -> Int { max(6, side / 12) }

  /// False where there are no eigenvectors.
  func split() -> Bool {
    let (k, g, v, l) = (block.side, block.gram.pointer, vectors.pointer, values.pointer)
    v.update(from: g, count: k * k)
    guard block.kernels.eigenvectors(v, values: l), l[k - 1] > 0 else { return false }
    rank = 0
    while rank < cap, l[k - 1 - rank] > Self.large * l[k / 2] { rank += 1 }
    columns = rank * k - rank * (rank - 1) / 2
    for j in 0..<k {
      let root = max(l[j], 0).squareRoot()
      for i in 0..<k {
        turned.pointer[i &* k &+ j] = v[j &* k &+ i]
        spare.pointer[j &* k &+ i] = j < k - rank ? root * v[j &* k &+ i] : 0
      }
    }
    block.kernels.multiply(
      spare.pointer, by: spare.pointer, turnedRight: true, into: rest.pointer)
    return true
  }

  /// Of N x N.
  func entryDiagonal(_ d: Entries) {
    let (k, g) = (block.side, rest.pointer)
    var at = 0
    for j in 0..<k {
      for i in 0...j {
        let (ii, jj, ij) = (g[i &* k &+ i], g[j &* k &+ j], g[j &* k &+ i])
        d[at] = i == j ? ii * ii : ii * jj + ij * ij
        at &+= 1
      }
    }
  }

  private func weight(_ a: Int, _ j: Int) -> Double {
    let (l, top) = (values.pointer, block.side &- 1 &- a)
    let x = (max(l[top], 0) * max(l[j], 0)).squareRoot()
    return j == top ? x : x * 2.0.squareRoot()
  }

  /// W'w, w a scaled triangle, from the entry `least` on.
  func project(_ w: Given, into y: Entries, from least: Int) {
    let (k, x, z) = (block.side, spare.pointer, line.pointer)
    let t = line.pointer + k
    let half = 0.5.squareRoot()
    var at = 0
    for j in 0..<k {
      for i in 0..<j {
        x[j &* k &+ i] = half * w[at]
        x[i &* k &+ j] = half * w[at]
        at &+= 1
      }
      x[j &* k &+ j] = w[at]
      at &+= 1
    }
    at = 0
    for a in 0..<rank {
      if at &+ k &- a <= least {
        at &+= k &- a
        continue
      }
      let v = vectors.pointer + (k - 1 - a) * k
      for i in 0..<k { (z[i], t[i]) = (0, 0) }
      for q in 0..<k {
        let (c, row) = (v[q], x + q &* k)
        for i in 0..<k { z[i] += c * row[i] }
      }
      for q in 0..<k {
        let (c, row) = (z[q], turned.pointer + q &* k)
        for i in 0..<k { t[i] += c * row[i] }
      }
      for j in 0..<(k - a) {
        y[at] = weight(a, j) * t[j]
        at &+= 1
      }
    }
  }

  /// w = W y.
  func expand(_ y: Given, into w: Entries) {
    let (k, x, z) = (block.side, spare.pointer, line.pointer)
    for e in 0..<(k * k) { x[e] = 0 }
    var at = 0
    for a in 0..<rank {
      let v = vectors.pointer + (k - 1 - a) * k
      var isZero = true
      for i in 0..<k { z[i] = 0 }
      for j in 0..<(k - a) {
        let c = y[at]
        at &+= 1
        if c == 0 { continue }
        isZero = false
        let (f, u) = (c * weight(a, j), vectors.pointer + j &* k)
        for i in 0..<k { z[i] += f * u[i] }
      }
      if isZero { continue }
      for q in 0..<k {
        let (c, row) = (v[q], x + q &* k)
        for i in 0..<k { row[i] += c * z[i] }
      }
    }
    // The symmetric part.
    let half = 0.5.squareRoot()
    at = 0
    for j in 0..<k {
      for i in 0..<j {
        w[at] = half * (x[j &* k &+ i] + x[i &* k &+ j])
        at &+= 1
      }
      w[at] = x[j &* k &+ j]
      at &+= 1
    }
  }
}
