import KantorCore
import KantorNumerics

/// Entries of a random matrix as a caller may have them: unsorted, some of them repeated.
struct Triplets {
  var rows: Int
  var columns: Int
  var row: [Int] = []
  var column: [Int] = []
  var value: [Double] = []

  static func random(
    _ rows: Int, _ columns: Int, count: Int, seed: UInt64
  ) -> Triplets {
    var random = RandomStream(seed: seed, stream: 1)
    var out = Triplets(rows: rows, columns: columns)
    guard rows > 0, columns > 0 else { return out }
    for _ in 0..<count {
      out.row.append(Int(random.uniform() * Double(rows)))
      out.column.append(Int(random.uniform() * Double(columns)))
      out.value.append((random.uniform() * 64).rounded() - 32)
    }
    return out
  }

  /// Row-major, by plain addition.
  var dense: [Double] {
    var out = [Double](repeating: 0, count: rows * columns)
    for k in 0..<row.count { out[row[k] * columns + column[k]] += value[k] }
    return out
  }

  func matrix() throws(KantorError) -> SparseMatrix {
    try SparseInput(rows: rows, columns: columns, name: "A").triplets(
      rowIndices: Buffer(row), columnIndices: Buffer(column), values: Buffer(value)
    ).matrix
  }
}

extension SparseMatrix {
  /// Row-major.
  var dense: [Double] {
    var out = [Double](repeating: 0, count: rows * columns)
    for j in 0..<columns {
      for k in starts[j]..<starts[j + 1] { out[Int(indices[k]) * columns + j] += values[k] }
    }
    return out
  }

  /// The order that the type promises.
  var isInOrder: Bool {
    guard starts[0] == 0, starts[columns] == indices.count else { return false }
    for j in 0..<columns {
      guard starts[j] <= starts[j + 1] else { return false }
      for k in starts[j]..<starts[j + 1] {
        guard indices[k] >= 0, indices[k] < rows else { return false }
        if k > starts[j], indices[k - 1] >= indices[k] { return false }
      }
    }
    return true
  }
}

/// A matrix given row by row.
func matrix(_ rows: [[Double]]) throws(KantorError) -> SparseMatrix {
  let flat = try Buffer<Double>(rows.flatMap { $0 })
  return try SparseInput(rows: rows.count, columns: rows.first?.count ?? 0, name: "A")
    .dense(flat.pointer)
}

extension Buffer {
  /// The elements, with the buffer kept alive while they are read.
  var list: [Element] { withExtendedLifetime(self) { Array(span) } }
}
