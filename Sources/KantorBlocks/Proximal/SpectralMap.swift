import KantorCore
import KantorNumerics

/// A function of the singular values of a matrix: the map of the vector function, applied to them.
///
/// Source: A. S. Lewis, "The convex analysis of unitarily invariant matrix functions", J. Convex
/// Anal. 2 (1995).
final class SpectralMap: ProximalMap {
  let count: Int
  private let rows: Int
  private let columns: Int
  private let base: any ProximalMap
  private let mapped: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let middle: Buffer<Double>

  init(
    _ arguments: ProximalArguments, _ base: (Int) throws(KantorError) -> any ProximalMap
  ) throws(KantorError) {
    count = arguments.count
    (rows, columns) = try arguments.sides()
    let k = min(rows, columns)
    self.base = try base(k)
    mapped = try Buffer(count: k)
    diagonal = try Buffer(count: k)
    middle = try Buffer(count: try checkedProduct(k, k, of: "matrix"))
    // Refused here rather than in the first call.
    _ = try DenseLibrary.functions(for: "singular values")
  }

  private func decompose(_ x: UnsafePointer<Double>, vectors: Bool = true) -> SingularValues? {
    do {
      return try SingularValues(x, rows: rows, columns: columns, vectors: vectors)
    } catch {
      return nil
    }
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let parts = decompose(x),
      base.apply(parts.values.pointer, step: step, into: mapped.pointer)
    else { return false }
    for e in 0..<count { out[e] = 0 }
    for k in 0..<mapped.count where mapped.pointer[k] != 0 {
      let (u, v) = (parts.left.pointer + k * rows, parts.right.pointer + k * columns)
      for i in 0..<rows {
        let t = mapped.pointer[k] * u[i]
        let row = out + i * columns
        for j in 0..<columns { row[j] += t * v[j] }
      }
    }
    return true
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    guard let parts = decompose(x, vectors: false) else { return ConvexValue(.nan) }
    return base.value(parts.values.pointer)
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    guard let parts = decompose(y, vectors: false) else { return ConvexValue(.nan) }
    return base.conjugate(parts.values.pointer)
  }

  /// With V = L'vR for the singular vectors L, R, and f the mapped values: the diagonal of V goes
  /// through the derivative of the vector map, symmetric parts of the rest are multiplied by
  /// (f_i - f_j)/(s_i - s_j), antisymmetric ones by (f_i + f_j)/(s_i + s_j), and what lies outside
  /// of the span of one side's vectors by f_i/s_i.
  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let parts = decompose(x),
      base.apply(parts.values.pointer, step: step, into: mapped.pointer),
      let outside = outsideFactors(parts, step),
      let sides = try? Buffer<Double>(count: mapped.count * (rows + columns))
    else { return false }
    let k = mapped.count
    let (l, r, m) = (parts.left.pointer, parts.right.pointer, middle.pointer)
    // sides: L'v (k x columns) and v R (k x rows, by rows of k).
    let (lv, vr) = (sides.pointer, sides.pointer + k * columns)
    for a in 0..<k {
      for i in 0..<rows {
        let t = l[a * rows + i]
        for j in 0..<columns {
          lv[a * columns + j] += t * v[i * columns + j]
          vr[a * rows + i] += v[i * columns + j] * r[a * columns + j]
        }
      }
    }
    for a in 0..<k {
      for b in 0..<k {
        var sum = 0.0
        for j in 0..<columns { sum += lv[a * columns + j] * r[b * columns + j] }
        m[a * k + b] = sum
      }
    }
    // What the vectors of one side do not span: the part of L'v beside R, of vR beside L.
    for a in 0..<k {
      for b in 0..<k {
        for j in 0..<columns { lv[a * columns + j] -= m[a * k + b] * r[b * columns + j] }
        for i in 0..<rows { vr[a * rows + i] -= m[b * k + a] * l[b * rows + i] }
      }
    }
    guard turn(parts.values.pointer, outside, step) else { return false }
    for e in 0..<count { out[e] = 0 }
    for a in 0..<k {
      for i in 0..<rows {
        let row = out + i * columns
        let (u, beside) = (l[a * rows + i], outside[a] * vr[a * rows + i])
        for j in 0..<columns {
          row[j] += u * outside[a] * lv[a * columns + j] + beside * r[a * columns + j]
        }
        for b in 0..<k {
          let t = u * m[a * k + b]
          for j in 0..<columns { row[j] += t * r[b * columns + j] }
        }
      }
    }
    return true
  }

  /// f_i/s_i, at s_i = 0 its limit.
  private func outsideFactors(_ parts: SingularValues, _ step: Double) -> [Double]? {
    var factors: [Double] = []
    let s = parts.values.pointer
    for i in 0..<mapped.count {
      guard let factor = s[i] > 0 ? mapped.pointer[i] / s[i] : slope(s, step, i, nil) else {
        return nil
      }
      factors.append(factor)
    }
    return factors
  }

  /// J_ii, or J_ii - J_ij, of the vector map.
  private func slope(_ s: UnsafePointer<Double>, _ step: Double, _ i: Int, _ j: Int?) -> Double? {
    let d = diagonal.pointer
    for a in 0..<diagonal.count { d[a] = 0 }
    d[i] = 1
    if let j { d[j] = -1 }
    return base.pullback(s, step: step, d, into: d) ? d[i] : nil
  }

  /// The middle matrix through the derivative.
  private func turn(_ s: UnsafePointer<Double>, _ outside: [Double], _ step: Double) -> Bool {
    let (k, m, f) = (mapped.count, middle.pointer, mapped.pointer)
    for i in 0..<k {
      for j in 0..<i {
        let (a, b) = (m[i * k + j], m[j * k + i])
        let isTie = s[j] - s[i] <= 1e-12 * s[0]
        guard let near = isTie ? slope(s, step, j, i) : (f[j] - f[i]) / (s[j] - s[i]) else {
          return false
        }
        let far = s[i] + s[j] > 0 ? (f[i] + f[j]) / (s[i] + s[j]) : outside[i]
        m[i * k + j] = 0.5 * (near * (a + b) + far * (a - b))
        m[j * k + i] = 0.5 * (near * (a + b) - far * (a - b))
      }
    }
    for i in 0..<k { diagonal.pointer[i] = m[i * k + i] }
    guard base.pullback(s, step: step, diagonal.pointer, into: diagonal.pointer) else {
      return false
    }
    for i in 0..<k { m[i * k + i] = diagonal.pointer[i] }
    return true
  }
}
