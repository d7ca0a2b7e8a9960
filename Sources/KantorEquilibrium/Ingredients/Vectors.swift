/// Sums over vectors, with four partial sums.
enum Vectors {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  static func dot(_ a: Point, _ b: Point, _ n: Int) -> Double {
    var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i &+ 4 <= n {
      s0 += a[i] * b[i]
      s1 += a[i &+ 1] * b[i &+ 1]
      s2 += a[i &+ 2] * b[i &+ 2]
      s3 += a[i &+ 3] * b[i &+ 3]
      i &+= 4
    }
    while i < n {
      s0 += a[i] * b[i]
      i &+= 1
    }
    return (s0 + s1) + (s2 + s3)
  }

  static func norm(_ a: Point, _ n: Int) -> Double { dot(a, a, n).squareRoot() }

  static func distance(_ a: Point, _ b: Point, _ n: Int) -> Double {
    var (s0, s1) = (0.0, 0.0)
    var i = 0
    while i &+ 2 <= n {
      let (d0, d1) = (a[i] - b[i], a[i &+ 1] - b[i &+ 1])
      s0 += d0 * d0
      s1 += d1 * d1
      i &+= 2
    }
    if i < n { s0 += (a[i] - b[i]) * (a[i] - b[i]) }
    return (s0 + s1).squareRoot()
  }

  /// <a - b, c - d>.
  static func dot(_ a: Point, minus b: Point, _ c: Point, minus d: Point, _ n: Int) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += (a[i] - b[i]) * (c[i] - d[i]) }
    return sum
  }
}
