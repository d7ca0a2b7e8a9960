import KantorCore

/// All permutations of 0..<n in lexicographic order, the identity first.
enum PermutationList {
  /// 7! = 5040 matrices of 49 entries; beyond that a mixture of all is no longer a small thing.
  static let largest = 7

  static func count(_ n: Int) -> Int { n <= 1 ? 1 : (2...n).reduce(1, *) }

  static func all(_ n: Int) throws(KantorError) -> Buffer<Int64> {
    let total = count(n)
    let out = try Buffer<Int64>(count: total * n)
    var current = (0..<n).map { Int64($0) }
    for k in 0..<total {
      for i in 0..<n { out.pointer[k * n + i] = current[i] }
      next(&current)
    }
    return out
  }

  /// The next one in lexicographic order.
  private static func next(_ p: inout [Int64]) {
    guard let i = (0..<max(p.count - 1, 0)).last(where: { p[$0] < p[$0 + 1] }),
      let j = (0..<p.count).last(where: { p[$0] > p[i] })
    else { return }
    p.swapAt(i, j)
    p[(i + 1)...].reverse()
  }

  /// n with n! = count, for n <= 7.
  static func size(of count: Int) -> Int? { (1...largest).first { self.count($0) == count } }
}

/// A convex combination of permutation matrices with softmax weights, and its derivative.
struct MixtureTerm {
  let n: Int
  let count: Int
  let permutations: UnsafePointer<Int64>

  /// weights (count) and h (n x n) from theta (count).
  func form(
    _ theta: UnsafePointer<Double>, _ weights: UnsafeMutablePointer<Double>,
    _ h: UnsafeMutablePointer<Double>
  ) {
    var top = theta[0]
    for k in 1..<max(count, 1) where count > 1 { top = max(top, theta[k]) }
    var sum = 0.0
    for k in 0..<count {
      weights[k] = Double.exp(theta[k] - top)
      sum += weights[k]
    }
    for k in 0..<n * n { h[k] = 0 }
    for k in 0..<count {
      weights[k] /= sum
      let p = permutations + k * n
      for i in 0..<n { h[i * n + Int(p[i])] += weights[k] }
    }
  }

  /// Adds nothing: out (count) = the gradient of <bar, h> with respect to theta.
  func pull(
    _ weights: UnsafePointer<Double>, _ bar: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) {
    var mean = 0.0
    for k in 0..<count {
      let p = permutations + k * n
      var sum = 0.0
      for i in 0..<n { sum += bar[i * n + Int(p[i])] }
      out[k] = sum
      mean += weights[k] * sum
    }
    for k in 0..<count { out[k] = weights[k] * (out[k] - mean) }
  }
}
