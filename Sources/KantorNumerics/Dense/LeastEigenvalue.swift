import KantorCore

/// The least eigenvalue of symmetric matrices of one order, again and again: reflections make the
/// matrix tridiagonal, and Laguerre's iteration runs from below its spectrum up to the first root
/// of the characteristic polynomial, which it reaches with third order and does not pass. All
/// memory is taken at the start.
///
/// Source: J. H. Wilkinson, "The Algebraic Eigenvalue Problem" (1965), sections 5.30 to 5.35 and
/// 7.20.
public final class LeastEigenvalue {
  public let order: Int
  private let diagonal: Buffer<Double>
  /// Entry i of the side diagonal, between i and i + 1, and its square.
  private let beside: Buffer<Double>
  private let squares: Buffer<Double>
  private let work: Buffer<Double>

  public init(order n: Int) throws(KantorError) {
    order = n
    diagonal = try Buffer(count: n)
    beside = try Buffer(count: n)
    squares = try Buffer(count: n)
    work = try Buffer(count: n)
  }

  /// Of the matrix by columns, of which the lower triangle is read and lost; to a few units of
  /// rounding of its norm. NaN when an entry is not finite.
  public func find(_ a: UnsafeMutablePointer<Double>) -> Double {
    let n = order
    var top = 0.0
    for j in 0..<n {
      for i in j..<n {
        let x = abs(a[j &* n &+ i])
        guard x.isFinite else { return .nan }
        top = max(top, x)
      }
    }
    guard top > 0 else { return n > 0 ? 0 : .nan }
    // Squares of entries, and their reciprocals, have to be numbers.
    let isTame = top > 1e-60 && top < 1e60
    if !isTame {
      for e in 0..<(n &* n) where e % n >= e / n { a[e] /= top }
    }
    reduce(a)
    return isTame ? climb() : top * climb()
  }

  /// Householder's reduction: A <- A - v w' - w v' with v from each column, w = p - beta/2 (v'p) v,
  /// p = beta A v.
  private func reduce(_ a: UnsafeMutablePointer<Double>) {
    let n = order
    let (d, e, p) = (diagonal.pointer, beside.pointer, work.pointer)
    for k in 0..<n {
      let v = a + k &* n
      d[k] = v[k]
      guard k &+ 1 < n else { break }
      let first = k &+ 1
      var square = 0.0
      for i in (first &+ 1)..<max(n, first &+ 1) { square += v[i] * v[i] }
      guard square > 0 else {
        e[k] = v[first]
        continue
      }
      let length = (square + v[first] * v[first]).squareRoot()
      e[k] = v[first] > 0 ? -length : length
      v[first] -= e[k]
      let beta = 2 / (square + v[first] * v[first])
      for i in first..<n { p[i] = 0 }
      for j in first..<n {
        let (column, t) = (a + j &* n, v[j])
        var sum = column[j] * t
        for i in (j &+ 1)..<max(n, j &+ 1) {
          sum += column[i] * v[i]
          p[i] += column[i] * t
        }
        p[j] += sum
      }
      var inner = 0.0
      for i in first..<n {
        p[i] *= beta
        inner += p[i] * v[i]
      }
      let shift = 0.5 * beta * inner
      for i in first..<n { p[i] -= shift * v[i] }
      for j in first..<n {
        let (column, x, y) = (a + j &* n, v[j], p[j])
        for i in j..<n { column[i] -= v[i] * y + p[i] * x }
      }
    }
  }

  /// Steps that Laguerre's iteration may take by itself; a root of high multiplicity takes more,
  /// and halving helps.
  private static let freeSteps = 10
  private static let mostSteps = 200

  private func climb() -> Double {
    let n = order
    let (d, e) = (diagonal.pointer, beside.pointer)
    var (low, high, norm) = (Double.infinity, Double.infinity, 0.0)
    for i in 0..<n {
      let sides = (i > 0 ? abs(e[i &- 1]) : 0) + (i &+ 1 < n ? abs(e[i]) : 0)
      low = min(low, d[i] - sides)
      high = min(high, d[i])
      norm = max(norm, abs(d[i]) + sides)
      squares.pointer[i] = i &+ 1 < n ? e[i] * e[i] : 0
    }
    // Below all eigenvalues, where every pivot is positive, in spite of rounding.
    let grain = norm * 0x1p-52
    low -= 4 * grain
    var t = low
    for step in 0..<Self.mostSteps where high - low > grain {
      let middle = low + 0.5 * (high - low)
      if let rise = rise(from: t) {
        low = t
        guard rise > grain else { break }
        t += rise
        if t >= high || (step > Self.freeSteps && t < middle) { t = middle }
      } else {
        high = t
        t = low + 0.5 * (high - low)
      }
    }
    return low
  }

  /// What Laguerre's step adds to t, below the spectrum; nil where t is not.
  ///
  /// With the pivots q_i of T - t and their logarithmic derivatives, sum 1/(lambda - t) and
  /// sum 1/(lambda - t)^2 follow without the eigenvalues lambda.
  private func rise(from t: Double) -> Double? {
    let (d, s) = (diagonal.pointer, squares.pointer)
    // q'/q and q''/q of the last pivot, and the square beside it divided by it.
    var (first, second, coupling) = (0.0, 0.0, 0.0)
    var (sum, squares) = (0.0, 0.0)
    for i in 0..<order {
      let pivot = d[i] - t - coupling
      guard pivot > 0 else { return nil }
      let inverse = 1 / pivot
      let slope = (coupling * first - 1) * inverse
      second = coupling * (second - 2 * first * first) * inverse
      first = slope
      coupling = s[i] * inverse
      sum -= first
      squares += first * first - second
    }
    let n = Double(order)
    let rest = max((n - 1) * (n * squares - sum * sum), 0)
    return n / (sum + rest.squareRoot())
  }
}
