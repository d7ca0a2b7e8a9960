import KantorCore
import KantorNumerics

/// Bounds of curvature and coupling from derivatives of the players' gradients: the least over all
/// matrices of the least eigenvalue of each player's symmetric part, the largest norms of the other
/// blocks. What a set of matrices has, their averages have too.
package final class GameDerivatives {
  private let players: [Int]
  private let n: Int
  private let curvature: Buffer<Double>
  private let coupling: Buffer<Double>
  private let smoothness: Buffer<Double>

  package init(players: [Int]) throws(KantorError) {
    self.players = players
    n = players.reduce(0, +)
    let count = players.count
    curvature = try Buffer(count: count, repeating: .infinity)
    coupling = try Buffer(count: try checkedProduct(count, count, of: "coupling"))
    smoothness = try Buffer(count: count)
  }

  package var bounds: GameBounds {
    GameBounds(curvature: curvature, coupling: coupling, smoothness: smoothness)
  }

  /// Takes one more matrix into account, n x n, row-major.
  package func add(_ jacobian: UnsafePointer<Double>) throws(KantorError) {
    var row = 0
    for (i, rows) in players.enumerated() {
      var column = 0
      for (j, columns) in players.enumerated() {
        let block = jacobian + row * n + column
        if i == j {
          curvature[i] = min(curvature[i], try least(block, rows))
          smoothness[i] = max(smoothness[i], try norm(block, rows, columns))
        } else {
          let at = i * players.count + j
          coupling[at] = max(coupling[at], try norm(block, rows, columns))
        }
        column += columns
      }
      row += rows
    }
  }

  /// The least eigenvalue of the symmetric part, rounded down.
  private func least(_ block: UnsafePointer<Double>, _ k: Int) throws(KantorError) -> Double {
    if k == 1 { return block[0] }
    let matrix = try Buffer<Double>(count: k * k)
    for i in 0..<k {
      for j in 0..<k { matrix[i * k + j] = 0.5 * (block[i * n + j] + block[j * n + i]) }
    }
    return try SpectrumBounds.least(matrix, order: k)
  }

  /// The largest singular value, rounded up.
  private func norm(
    _ block: UnsafePointer<Double>, _ rows: Int, _ columns: Int
  ) throws(KantorError) -> Double {
    if rows == 1 || columns == 1 {
      var sum = 0.0
      for i in 0..<rows {
        for j in 0..<columns { sum += block[i * n + j] * block[i * n + j] }
      }
      return rows * columns == 1 ? abs(block[0]) : sum.squareRoot() * (1 + 1e-14)
    }
    let dense = try Buffer<Double>(count: rows * columns)
    for i in 0..<rows {
      for j in 0..<columns { dense[i * columns + j] = block[i * n + j] }
    }
    return try SpectrumBounds.norm(dense, rows: rows, columns: columns)
  }
}

/// Eigenvalues with room for rounding.
enum SpectrumBounds {
  /// No eigenvalue of the symmetric matrix is less. The least that was computed, less what rounding
  /// can do; a factorisation with that shift has to succeed.
  static func least(_ matrix: Buffer<Double>, order k: Int) throws(KantorError) -> Double {
    let spectrum = try SymmetricSpectrum(order: k)
    guard spectrum.decompose(matrix.pointer) else {
      throw KantorError(.internal, "eigenvalues of order \(k) were not found")
    }
    var size = 0.0
    for e in 0..<(k * k) { size += matrix[e] * matrix[e] }
    let slack = 4e-16 * Double(k + 4) * size.squareRoot()
    var shift = spectrum.values[0] - slack
    for _ in 0..<20 {
      if isPositive(matrix, k, shift) { return shift }
      shift -= 4 * slack
    }
    return .nan
  }

  /// Does Cholesky's factorisation of A - shift I succeed?
  private static func isPositive(_ a: Buffer<Double>, _ k: Int, _ shift: Double) -> Bool {
    guard let factor = try? Buffer<Double>(count: k * k) else { return false }
    for j in 0..<k {
      for i in j..<k {
        var sum = a[i * k + j] - (i == j ? shift : 0)
        for l in 0..<j { sum -= factor[i * k + l] * factor[j * k + l] }
        if i == j {
          guard sum > 0 else { return false }
          factor[j * k + j] = sum.squareRoot()
        } else {
          factor[i * k + j] = sum / factor[j * k + j]
        }
      }
    }
    return true
  }

  /// No singular value is larger.
  static func norm(
    _ dense: Buffer<Double>, rows: Int, columns: Int
  ) throws(KantorError) -> Double {
    let k = min(rows, columns)
    var top = 0.0
    for e in 0..<(rows * columns) { top = max(top, abs(dense[e])) }
    guard top > 0 else { return 0 }
    let gram = try Buffer<Double>(count: k * k)
    for i in 0..<k {
      for j in 0...i {
        var sum = 0.0
        for l in 0..<max(rows, columns) {
          let (a, b) = rows <= columns
            ? (dense[i * columns + l], dense[j * columns + l])
            : (dense[l * columns + i], dense[l * columns + j])
          sum += (a / top) * (b / top)
        }
        // The least eigenvalue of the negative is the largest.
        gram[i * k + j] = -sum
        gram[j * k + i] = -sum
      }
    }
    let largest = -(try least(gram, order: k))
    return top * max(largest, 0).squareRoot() * (1 + 1e-14)
  }
}
