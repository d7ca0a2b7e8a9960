/// The symmetric rank-one update of a dense matrix. The Lagrangian of a constrained problem may
/// bend downwards at a minimum, so the matrix need not stay positive definite.
enum RankOneUpdate {
  typealias Numbers = UnsafeMutablePointer<Double>

  /// B (n x n, symmetric) with B move = change afterwards, unless the update would be without
  /// measure. `error` is overwritten.
  static func apply(
    _ b: Numbers, _ n: Int, move: Numbers, change: Numbers, error: Numbers
  ) {
    var (along, moved, left) = (0.0, 0.0, 0.0)
    for i in 0..<n {
      var sum = 0.0
      let row = b + i * n
      for j in 0..<n { sum += row[j] * move[j] }
      error[i] = change[i] - sum
      along += error[i] * move[i]
      moved += move[i] * move[i]
      left += error[i] * error[i]
    }
    guard along.isFinite, abs(along) > 1e-8 * (moved * left).squareRoot() else { return }
    for i in 0..<n {
      let (row, t) = (b + i * n, error[i] / along)
      for j in 0..<n { row[j] += t * error[j] }
    }
  }
}
