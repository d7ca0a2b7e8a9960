import KantorCore

/// min |A u - b| with u_j >= 0 for some j and free otherwise: Lawson and Hanson's rounds over
/// orthogonal factorisations with column pivoting, which leave dependent columns at 0.
///
/// Source: C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems" (1974), chapter 23.
struct SignedLeastSquares {
  let rows: Int
  let columns: Int
  /// Column by column.
  let a: Buffer<Double>
  let b: Buffer<Double>
  /// b - A u after `solve`.
  let residual: Buffer<Double>
  let u: Buffer<Double>
  private let work: Buffer<Double>
  private let right: Buffer<Double>
  private let trial: Buffer<Double>

  /// Columns are dependent when what is left of them is this much smaller than they were.
  static let rank = 1e-11

  init(rows: Int, columns: Int) throws(KantorError) {
    self.rows = rows
    self.columns = columns
    let size = try checkedProduct(rows, columns, of: "least squares")
    a = try Buffer(count: size)
    work = try Buffer(count: size)
    b = try Buffer(count: rows)
    right = try Buffer(count: rows)
    residual = try Buffer(count: rows)
    u = try Buffer(count: columns)
    trial = try Buffer(count: columns)
  }

  func column(_ j: Int) -> UnsafeMutablePointer<Double> { a.pointer + j * rows }

  private func update() {
    for i in 0..<rows { residual.pointer[i] = b.pointer[i] }
    for j in 0..<columns where u.pointer[j] != 0 {
      let (weight, column) = (u.pointer[j], column(j))
      for i in 0..<rows { residual.pointer[i] -= weight * column[i] }
    }
  }

  /// `isSigned[j]`: u_j >= 0.
  func solve(isSigned: [Bool]) {
    u.fill(0)
    var isIn = isSigned.map { !$0 }
    var rounds = 0
    factor(isIn)
    adopt(&isIn, isSigned)
    while rounds < 3 * columns + 10 {
      rounds += 1
      update()
      var (best, most) = (-1, 0.0)
      var scale = 0.0
      for i in 0..<rows { scale = max(scale, abs(b.pointer[i])) }
      for j in 0..<columns where !isIn[j] {
        let column = column(j)
        var (slope, square) = (0.0, 0.0)
        for i in 0..<rows {
          slope += column[i] * residual.pointer[i]
          square += column[i] * column[i]
        }
        let gain = square > 0 ? slope / square.squareRoot() : 0
        if gain > most {
          most = gain
          best = j
        }
      }
      guard best >= 0, most > 1e-13 * max(scale, 1e-300) else { break }
      isIn[best] = true
      factor(isIn)
      if trial.pointer[best] <= 0 {
        // Rounding made it look useful.
        isIn[best] = false
        break
      }
      adopt(&isIn, isSigned)
    }
    update()
  }

  /// Moves from u to the trial solution, dropping columns that would turn negative on the way.
  private func adopt(_ isIn: inout [Bool], _ isSigned: [Bool]) {
    for _ in 0...columns {
      var step = 1.0
      for j in 0..<columns where isIn[j] && isSigned[j] && trial.pointer[j] < 0 {
        step = min(step, u.pointer[j] / (u.pointer[j] - trial.pointer[j]))
      }
      for j in 0..<columns {
        u.pointer[j] += step * ((isIn[j] ? trial.pointer[j] : 0) - u.pointer[j])
      }
      if step >= 1 { return }
      for j in 0..<columns where isIn[j] && isSigned[j] && u.pointer[j] <= 1e-15 {
        u.pointer[j] = 0
        isIn[j] = false
      }
      factor(isIn)
    }
  }

  /// The least-squares solution over the columns that are in, into `trial`.
  private func factor(_ isIn: [Bool]) {
    var order = (0..<columns).filter { isIn[$0] }
    for j in order {
      for i in 0..<rows { work.pointer[j * rows + i] = a.pointer[j * rows + i] }
    }
    for i in 0..<rows { right.pointer[i] = b.pointer[i] }
    trial.fill(0)
    var first = 0.0
    var used = 0
    let original = order.map { length($0, 0) }
    var size = [Double](repeating: 0, count: columns)
    for (k, j) in order.enumerated() { size[j] = original[k] }
    for k in 0..<min(order.count, rows) {
      var (best, most) = (k, -1.0)
      for p in k..<order.count {
        let left = length(order[p], k)
        if left > most {
          most = left
          best = p
        }
      }
      order.swapAt(k, best)
      if k == 0 { first = most }
      guard most > Self.rank * max(first, 1e-300), most > Self.rank * size[order[k]] else { break }
      reflect(order, k, most)
      used = k + 1
    }
    for k in stride(from: used - 1, through: 0, by: -1) {
      var sum = right.pointer[k]
      for p in (k + 1)..<max(used, k + 1) {
        sum -= work.pointer[order[p] * rows + k] * trial.pointer[order[p]]
      }
      trial.pointer[order[k]] = sum / work.pointer[order[k] * rows + k]
    }
  }

  /// Length of column j below row k.
  private func length(_ j: Int, _ k: Int) -> Double {
    var sum = 0.0
    for i in k..<rows {
      let x = work.pointer[j * rows + i]
      sum += x * x
    }
    return sum.squareRoot()
  }

  /// Householder's reflection that takes column order[k] to a multiple of unit vector k.
  private func reflect(_ order: [Int], _ k: Int, _ length: Double) {
    let pivot = work.pointer + order[k] * rows
    let alpha = pivot[k] > 0 ? -length : length
    pivot[k] -= alpha
    var square = 0.0
    for i in k..<rows { square += pivot[i] * pivot[i] }
    if square > 0 {
      for p in (k + 1)..<max(order.count, k + 1) {
        apply(pivot, work.pointer + order[p] * rows, k, square)
      }
      apply(pivot, right.pointer, k, square)
    }
    pivot[k] = alpha
  }

  private func apply(
    _ h: UnsafePointer<Double>, _ column: UnsafeMutablePointer<Double>, _ k: Int, _ square: Double
  ) {
    var sum = 0.0
    for i in k..<rows { sum += h[i] * column[i] }
    let factor = 2 * sum / square
    for i in k..<rows { column[i] -= factor * h[i] }
  }
}
