/// Cholesky's factorisation of the free block of a dense symmetric matrix, which is read from the
/// upper triangle with its diagonal; the factor goes to the strict lower triangle and to `root`.
enum FreeCholesky {
  typealias Numbers = UnsafeMutablePointer<Double>

  /// Of A + delta S^-2 for the sizes S of the variables; false, and another try is possible, when
  /// a pivot is not above `least`.
  static func factor(
    _ a: Numbers, _ n: Int, _ isFree: UnsafeMutablePointer<Bool>, _ root: Numbers, _ size: Numbers,
    _ delta: Double, _ least: Double
  ) -> Bool {
    for i in 0..<n where isFree[i] {
      let row = a + i * n
      let scale = 1 / (size[i] * size[i])
      var pivot = row[i] + delta * scale
      for j in 0..<i where isFree[j] {
        let other = a + j * n
        var sum = other[i]
        for k in 0..<j where isFree[k] { sum -= row[k] * other[k] }
        row[j] = sum / root[j]
        pivot -= row[j] * row[j]
      }
      guard pivot > least * scale else { return false }
      root[i] = pivot.squareRoot()
    }
    return true
  }

  /// b := (L L')^-1 b in the free variables.
  static func solve(
    _ a: Numbers, _ n: Int, _ isFree: UnsafeMutablePointer<Bool>, _ root: Numbers, _ b: Numbers
  ) {
    for i in 0..<n where isFree[i] {
      let row = a + i * n
      var sum = b[i]
      for k in 0..<i where isFree[k] { sum -= row[k] * b[k] }
      b[i] = sum / root[i]
    }
    for i in stride(from: n - 1, through: 0, by: -1) where isFree[i] {
      b[i] /= root[i]
      let row = a + i * n
      for k in 0..<i where isFree[k] { b[k] -= row[k] * b[i] }
    }
  }
}
