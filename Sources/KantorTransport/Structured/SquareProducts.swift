/// Products and inverses of small square matrices, row-major, on a thread's own memory.
enum SquareProducts {
  typealias In = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  /// c (p x r) = a (p x q) b (q x r).
  static func multiply(_ a: In, _ b: In, _ c: Out, _ p: Int, _ q: Int, _ r: Int) {
    for i in 0..<p {
      let out = c + i * r
      for k in 0..<r { out[k] = 0 }
      for j in 0..<q {
        let (f, row) = (a[i * q + j], b + j * r)
        for k in 0..<r { out[k] += f * row[k] }
      }
    }
  }

  /// c (q x r) = a' b with a (p x q), b (p x r).
  static func multiplyTransposed(_ a: In, _ b: In, _ c: Out, _ p: Int, _ q: Int, _ r: Int) {
    for k in 0..<q * r { c[k] = 0 }
    for i in 0..<p {
      let row = b + i * r
      for j in 0..<q {
        let (f, out) = (a[i * q + j], c + j * r)
        for k in 0..<r { out[k] += f * row[k] }
      }
    }
  }

  /// c (p x r) = a (p x q) b' with b (r x q).
  static func multiplyByTransposed(_ a: In, _ b: In, _ c: Out, _ p: Int, _ q: Int, _ r: Int) {
    for i in 0..<p {
      for k in 0..<r {
        var sum = 0.0
        for j in 0..<q { sum += a[i * q + j] * b[k * q + j] }
        c[i * r + k] = sum
      }
    }
  }

  /// The inverse by elimination with row exchanges; `a` is destroyed.
  static func invert(_ a: Out, _ inverse: Out, _ n: Int) {
    for k in 0..<n * n { inverse[k] = 0 }
    for i in 0..<n { inverse[i * n + i] = 1 }
    for k in 0..<n {
      var pivot = k
      for i in k..<n where abs(a[i * n + k]) > abs(a[pivot * n + k]) { pivot = i }
      if pivot != k {
        for j in 0..<n {
          (a[k * n + j], a[pivot * n + j]) = (a[pivot * n + j], a[k * n + j])
          (inverse[k * n + j], inverse[pivot * n + j]) = (
            inverse[pivot * n + j], inverse[k * n + j]
          )
        }
      }
      let f = 1 / a[k * n + k]
      for j in 0..<n {
        a[k * n + j] *= f
        inverse[k * n + j] *= f
      }
      for i in 0..<n where i != k {
        let f = a[i * n + k]
        if f == 0 { continue }
        for j in 0..<n {
          a[i * n + j] -= f * a[k * n + j]
          inverse[i * n + j] -= f * inverse[k * n + j]
        }
      }
    }
  }
}
