import KantorCore
import KantorNumerics

/// Symmetric systems with known properties, as upper triangles.
enum SystemSample {
  /// [H A'; A -R] with random sparse H (diagonally dominant), A and R > 0.
  static func quasidefinite(
    _ n: Int, _ m: Int, perRow: Int, seed: UInt64
  ) throws(KantorError) -> (matrix: SparseMatrix, signs: [Int8]) {
    var random = RandomStream(seed: seed, stream: 2)
    var system = try SymmetricAssembly(order: n + m)
    for i in 0..<n {
      try system.append(i, i, 1 + random.uniform())
      if n > 1, i % 3 == 0 {
        let j = random.index(below: n)
        if j != i { try system.append(i, j, 0.4 * (random.uniform() - 0.5)) }
      }
    }
    for i in 0..<m {
      try system.append(n + i, n + i, -0.1 - random.uniform())
      for _ in 0..<perRow where n > 0 {
        try system.append(n + i, random.index(below: n), random.uniform() * 2 - 1)
      }
    }
    let signs = [Int8](repeating: 1, count: n) + [Int8](repeating: -1, count: m)
    return (try system.finish().matrix, signs)
  }

  /// The five-point Laplacian of a grid, plus the identity.
  static func grid(_ rows: Int, _ columns: Int) throws(KantorError) -> SparseMatrix {
    var system = try SymmetricAssembly(order: rows * columns)
    for i in 0..<rows {
      for j in 0..<columns {
        let k = i * columns + j
        try system.append(k, k, 5)
        if j + 1 < columns { try system.append(k, k + 1, -1) }
        if i + 1 < rows { try system.append(k, k + columns, -1) }
      }
    }
    return try system.finish().matrix
  }

  /// |i - j| <= width.
  static func band(_ n: Int, _ width: Int) throws(KantorError) -> SparseMatrix {
    var system = try SymmetricAssembly(order: n)
    for j in 0..<n {
      try system.append(j, j, Double(2 * width + 1))
      for i in max(0, j - width)..<j { try system.append(i, j, -1) }
    }
    return try system.finish().matrix
  }

  /// The first unknown is tied to all others, which are tied to nothing else.
  static func arrow(_ n: Int) throws(KantorError) -> SparseMatrix {
    var system = try SymmetricAssembly(order: n)
    for j in 0..<n { try system.append(0, j, j == 0 ? Double(n) : 1) }
    for j in 1..<max(n, 1) { try system.append(j, j, 2) }
    return try system.finish().matrix
  }

  static func vector(_ n: Int, seed: UInt64) throws(KantorError) -> Buffer<Double> {
    var random = RandomStream(seed: seed, stream: 3)
    let out = try Buffer<Double>(count: n)
    for i in 0..<n { out[i] = random.uniform() * 2 - 1 }
    return out
  }
}

extension SparseMatrix {
  /// The whole symmetric matrix, row by row.
  var symmetricRows: [[Double]] {
    let n = columns
    let flat = dense
    return (0..<n).map { i in (0..<n).map { j in flat[min(i, j) * n + max(i, j)] } }
  }

  /// Largest entry of b - S x, relative to |S| |x| + |b|.
  func backwardError(_ x: Buffer<Double>, _ b: Buffer<Double>) throws(KantorError) -> Double {
    let r = try b.copy()
    multiplySymmetric(x.pointer, into: r.pointer, scale: -1)
    let sizes = try Buffer<Double>(count: values.count)
    for k in 0..<values.count { sizes[k] = abs(values[k]) }
    let scale = try Buffer<Double>(count: columns)
    let absolute = try Buffer<Double>(count: columns)
    for i in 0..<columns { absolute[i] = abs(x[i]) }
    with(values: sizes).multiplySymmetric(absolute.pointer, into: scale.pointer)
    var worst = 0.0
    for i in 0..<columns { worst = max(worst, abs(r[i]) / (scale[i] + abs(b[i]) + 1e-300)) }
    return worst
  }
}

/// Gaussian elimination with partial pivoting.
func denseSolve(_ rows: [[Double]], _ b: [Double]) -> [Double] {
  let n = b.count
  var (a, x) = (rows, b)
  for k in 0..<n {
    let p = (k..<n).max { abs(a[$0][k]) < abs(a[$1][k]) } ?? k
    a.swapAt(k, p)
    x.swapAt(k, p)
    for i in (k + 1)..<max(n, k + 1) {
      let f = a[i][k] / a[k][k]
      guard f != 0 else { continue }
      for j in k..<n { a[i][j] -= f * a[k][j] }
      x[i] -= f * x[k]
    }
  }
  for k in stride(from: n - 1, through: 0, by: -1) {
    for j in (k + 1)..<max(n, k + 1) { x[k] -= a[k][j] * x[j] }
    x[k] /= a[k][k]
  }
  return x
}
