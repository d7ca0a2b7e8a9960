import KantorCore

/// A real matrix in compressed sparse columns: within a column the rows ascend without repeats.
///
/// The pattern never changes. `values` may be written by the one who made the matrix and has not
/// shared it yet; `SparsePlaces` tells where an entry of the caller's data went.
public final class SparseMatrix: Sendable {
  public let rows: Int
  public let columns: Int
  /// First entry of each column, and the end of the last.
  public let starts: Buffer<Int>
  /// Row of each entry.
  public let indices: Buffer<Int32>
  public let values: Buffer<Double>

  /// Largest number of rows, columns or entries: all are counted in 32 bits.
  public static let largest = Int(Int32.max) - 1

  /// Takes arrays that already have the order this type promises.
  public init(
    rows: Int, columns: Int, starts: Buffer<Int>, indices: Buffer<Int32>, values: Buffer<Double>
  ) {
    precondition(starts.count == columns + 1 && indices.count == values.count)
    self.rows = rows
    self.columns = columns
    self.starts = starts
    self.indices = indices
    self.values = values
  }

  public var count: Int { starts.pointer[columns] }

  public static func zero(rows: Int, columns: Int) throws(KantorError) -> SparseMatrix {
    try checkSize(rows, columns, 0, "matrix")
    return SparseMatrix(
      rows: rows, columns: columns, starts: try Buffer(count: columns + 1),
      indices: try Buffer(count: 0), values: try Buffer(count: 0))
  }

  /// `values` on the diagonal, zeros included.
  public static func diagonal(_ values: Buffer<Double>) throws(KantorError) -> SparseMatrix {
    let n = values.count
    try checkSize(n, n, n, "matrix")
    let starts = try Buffer<Int>(count: n + 1)
    let indices = try Buffer<Int32>(count: n)
    for j in 0..<n {
      starts.pointer[j + 1] = j + 1
      indices.pointer[j] = Int32(truncatingIfNeeded: j)
    }
    return SparseMatrix(
      rows: n, columns: n, starts: starts, indices: indices, values: try values.copy())
  }

  /// The same pattern, shared, with other values.
  public func with(values: Buffer<Double>) -> SparseMatrix {
    SparseMatrix(rows: rows, columns: columns, starts: starts, indices: indices, values: values)
  }

  public func copy() throws(KantorError) -> SparseMatrix { with(values: try values.copy()) }

  /// The transposed matrix, and where each entry of this one stands in it.
  public func transposed() throws(KantorError) -> (matrix: SparseMatrix, places: Buffer<Int32>) {
    let entries = count
    let newStarts = try Buffer<Int>(count: rows + 1)
    let newIndices = try Buffer<Int32>(count: entries)
    let newValues = try Buffer<Double>(count: entries)
    let places = try Buffer<Int32>(count: entries)
    let next = try Buffer<Int>(count: rows + 1)
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    let (start, index, out, place) = (
      newStarts.pointer, newIndices.pointer, newValues.pointer, places.pointer)
    for k in 0..<entries { start[Int(row[k]) &+ 1] &+= 1 }
    for i in 0..<rows { start[i &+ 1] &+= start[i] }
    for i in 0..<rows { next.pointer[i] = start[i] }
    for j in 0..<columns {
      for k in first[j]..<first[j &+ 1] {
        let i = Int(row[k])
        let p = next.pointer[i]
        next.pointer[i] = p &+ 1
        index[p] = Int32(truncatingIfNeeded: j)
        out[p] = value[k]
        place[k] = Int32(truncatingIfNeeded: p)
      }
    }
    let matrix = SparseMatrix(
      rows: columns, columns: rows, starts: newStarts, indices: newIndices, values: newValues)
    return (matrix, places)
  }

  /// Position of an entry, or nil where nothing is stored.
  public func position(row: Int, column: Int) -> Int? {
    guard row >= 0, row < rows, column >= 0, column < columns else { return nil }
    var (low, high) = (starts.pointer[column], starts.pointer[column + 1])
    while low < high {
      let middle = low + (high - low) / 2
      if Int(indices.pointer[middle]) < row { low = middle + 1 } else { high = middle }
    }
    guard low < starts.pointer[column + 1], Int(indices.pointer[low]) == row else { return nil }
    return low
  }

  public subscript(row: Int, column: Int) -> Double {
    position(row: row, column: column).map { values.pointer[$0] } ?? 0
  }

  static func checkSize(
    _ rows: Int, _ columns: Int, _ entries: Int, _ name: String
  ) throws(KantorError) {
    guard rows >= 0, columns >= 0 else {
      throw KantorError(.shape, "\(name): \(rows) x \(columns) is not the size of a matrix")
    }
    guard rows <= largest, columns <= largest, entries <= largest else {
      throw KantorError(
        .tooLarge,
        "\(name): \(rows) x \(columns) with \(entries) entries; at most \(largest) of each")
    }
  }
}
