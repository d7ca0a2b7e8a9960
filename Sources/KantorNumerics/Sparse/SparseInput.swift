import KantorCore

/// Where the entries of the caller's arrays stand in a `SparseMatrix`. Entries that named the same
/// place were added up.
public struct SparsePlaces: Sendable {
  /// Position for each entry given; nil when the entries were taken as they stand.
  public let place: Buffer<Int32>?
  public let given: Int

  /// New values for the pattern, from values in the order of the data that made it.
  public func fill(_ matrix: SparseMatrix, from source: Buffer<Double>, name: String)
    throws(KantorError)
  {
    guard source.count == given else {
      throw KantorError(.shape, "\(name) has \(source.count) entries; the pattern has \(given)")
    }
    for k in 0..<given where !source.pointer[k].isFinite {
      throw KantorError(.notFinite, "\(name)[\(k)] is \(source.pointer[k]); it has to be finite")
    }
    let values = matrix.values.pointer
    guard let place else {
      values.update(from: source.pointer, count: given)
      return
    }
    matrix.values.fill(0)
    for k in 0..<given { values[Int(place.pointer[k])] += source.pointer[k] }
  }
}

extension Buffer where Element == Int {
  /// A vector of i32 or i64 as integers.
  public convenience init(integers tensor: Tensor, name: String) throws(KantorError) {
    guard tensor.rank == 1 else {
      throw KantorError(.shape, "\(name) has the shape \(tensor.shapeText); a vector is needed")
    }
    try self.init(count: tensor.shape[0])
    let step = tensor.strides[0]
    switch tensor.type {
    case .i64:
      let source = tensor.base.assumingMemoryBound(to: Int64.self)
      for k in 0..<count { pointer[k] = Int(source[k &* step]) }
    case .i32:
      let source = tensor.base.assumingMemoryBound(to: Int32.self)
      for k in 0..<count { pointer[k] = Int(source[k &* step]) }
    default:
      throw KantorError(.type, "\(name) is \(tensor.type.name); i32 or i64 is needed")
    }
  }
}

/// Sparse data as callers have it: any order, repeats allowed (they are added up). What lies
/// outside the matrix, or is not finite, is refused with its position and value.
public struct SparseInput {
  public var rows: Int
  public var columns: Int
  /// Stands before "indices[3]" in messages.
  public var name: String

  public init(rows: Int, columns: Int, name: String) {
    self.rows = rows
    self.columns = columns
    self.name = name
  }

  public func compressedColumns(
    starts: Buffer<Int>, indices: Buffer<Int>, values: Buffer<Double>
  ) throws(KantorError) -> (matrix: SparseMatrix, places: SparsePlaces) {
    try SparseMatrix.checkSize(rows, columns, indices.count, name)
    try checkStarts(starts, columns, indices, values, "columns")
    let row = try checked(indices, below: rows, "indices")
    try checkFinite(values)
    if ascend(starts, row) {
      let matrix = SparseMatrix(
        rows: rows, columns: columns, starts: try starts.copy(), indices: row,
        values: try values.copy())
      return (matrix, SparsePlaces(place: nil, given: values.count))
    }
    return try sort(row: row, column: try spread(starts, columns), values)
  }

  public func compressedRows(
    starts: Buffer<Int>, indices: Buffer<Int>, values: Buffer<Double>
  ) throws(KantorError) -> (matrix: SparseMatrix, places: SparsePlaces) {
    try SparseMatrix.checkSize(rows, columns, indices.count, name)
    try checkStarts(starts, rows, indices, values, "rows")
    let column = try checked(indices, below: columns, "indices")
    try checkFinite(values)
    return try sort(row: try spread(starts, rows), column: column, values)
  }

  public func triplets(
    rowIndices: Buffer<Int>, columnIndices: Buffer<Int>, values: Buffer<Double>
  ) throws(KantorError) -> (matrix: SparseMatrix, places: SparsePlaces) {
    try SparseMatrix.checkSize(rows, columns, values.count, name)
    guard rowIndices.count == values.count, columnIndices.count == values.count else {
      throw KantorError(
        .shape, "\(name) has \(rowIndices.count) rows, \(columnIndices.count) columns and "
          + "\(values.count) values; triplets need as many of each")
    }
    let row = try checked(rowIndices, below: rows, "rows")
    let column = try checked(columnIndices, below: columns, "columns")
    try checkFinite(values)
    return try sort(row: row, column: column, values)
  }

  /// A row-major dense matrix; zeros are left out.
  public func dense(_ source: UnsafePointer<Double>) throws(KantorError) -> SparseMatrix {
    try SparseMatrix.checkSize(rows, columns, 0, name)
    let total = try checkedProduct(rows, columns, of: name)
    var count = 0
    for k in 0..<total {
      guard source[k].isFinite else {
        throw KantorError(
          .notFinite,
          "\(name)[\(k / columns), \(k % columns)] is \(source[k]); it has to be finite")
      }
      if source[k] != 0 { count &+= 1 }
    }
    try SparseMatrix.checkSize(rows, columns, count, name)
    let starts = try Buffer<Int>(count: columns + 1)
    let indices = try Buffer<Int32>(count: count)
    let values = try Buffer<Double>(count: count)
    var k = 0
    for j in 0..<columns {
      for i in 0..<rows where source[i &* columns &+ j] != 0 {
        indices.pointer[k] = Int32(truncatingIfNeeded: i)
        values.pointer[k] = source[i &* columns &+ j]
        k &+= 1
      }
      starts.pointer[j &+ 1] = k
    }
    return SparseMatrix(
      rows: rows, columns: columns, starts: starts, indices: indices, values: values)
  }

  private func checkStarts(
    _ starts: Buffer<Int>, _ lines: Int, _ indices: Buffer<Int>, _ values: Buffer<Double>,
    _ what: String
  ) throws(KantorError) {
    guard starts.count == lines + 1 else {
      throw KantorError(
        .shape, "\(name) starts has \(starts.count) entries; \(lines) \(what) need \(lines + 1)")
    }
    guard indices.count == values.count else {
      throw KantorError(
        .shape, "\(name) has \(indices.count) indices and \(values.count) values")
    }
    guard starts.pointer[0] == 0, starts.pointer[lines] == indices.count else {
      throw KantorError(
        .range, "\(name) starts goes from \(starts.pointer[0]) to \(starts.pointer[lines]); "
          + "needed is 0 to \(indices.count), the number of entries")
    }
    for j in 0..<lines where starts.pointer[j] > starts.pointer[j + 1] {
      throw KantorError(
        .range, "\(name) starts[\(j + 1)] is \(starts.pointer[j + 1]), less than the "
          + "\(starts.pointer[j]) before it")
    }
  }

  private func checked(
    _ indices: Buffer<Int>, below limit: Int, _ what: String
  ) throws(KantorError) -> Buffer<Int32> {
    let out = try Buffer<Int32>(count: indices.count)
    for k in 0..<indices.count {
      let i = indices.pointer[k]
      guard i >= 0, i < limit else {
        let allowed = limit > 0 ? "allowed is 0 to \(limit - 1)" : "the matrix is empty"
        throw KantorError(.range, "\(name) \(what)[\(k)] is \(i); \(allowed)")
      }
      out.pointer[k] = Int32(truncatingIfNeeded: i)
    }
    return out
  }

  private func checkFinite(_ values: Buffer<Double>) throws(KantorError) {
    for k in 0..<values.count where !values.pointer[k].isFinite {
      throw KantorError(
        .notFinite, "\(name) values[\(k)] is \(values.pointer[k]); it has to be finite")
    }
  }

  private func ascend(_ starts: Buffer<Int>, _ row: Buffer<Int32>) -> Bool {
    for j in 0..<columns {
      let (first, end) = (starts.pointer[j], starts.pointer[j + 1])
      for k in stride(from: first + 1, to: end, by: 1)
      where row.pointer[k - 1] >= row.pointer[k] { return false }
    }
    return true
  }

  private func spread(_ starts: Buffer<Int>, _ lines: Int) throws(KantorError) -> Buffer<Int32> {
    let out = try Buffer<Int32>(count: starts.pointer[lines])
    for j in 0..<lines {
      for k in starts.pointer[j]..<starts.pointer[j + 1] {
        out.pointer[k] = Int32(truncatingIfNeeded: j)
      }
    }
    return out
  }

  /// Two stable counting sorts, by row and then by column; repeats end up side by side, in the
  /// order in which they were given.
  private func sort(
    row: Buffer<Int32>, column: Buffer<Int32>, _ values: Buffer<Double>
  ) throws(KantorError) -> (matrix: SparseMatrix, places: SparsePlaces) {
    let count = values.count
    let order = try countingSort(
      try countingSort(nil, by: row, lines: rows), by: column, lines: columns)
    let place = try Buffer<Int32>(count: count)
    let starts = try Buffer<Int>(count: columns + 1)
    var distinct = 0
    var previous = -1
    for t in 0..<count {
      let k = Int(order.pointer[t])
      let isRepeat =
        previous >= 0 && row.pointer[previous] == row.pointer[k]
        && column.pointer[previous] == column.pointer[k]
      if !isRepeat {
        distinct &+= 1
        starts.pointer[Int(column.pointer[k]) &+ 1] &+= 1
      }
      place.pointer[k] = Int32(truncatingIfNeeded: distinct &- 1)
      previous = k
    }
    for j in 0..<columns { starts.pointer[j + 1] += starts.pointer[j] }
    let indices = try Buffer<Int32>(count: distinct)
    let sums = try Buffer<Double>(count: distinct)
    for k in 0..<count {
      let p = Int(place.pointer[k])
      indices.pointer[p] = row.pointer[k]
      sums.pointer[p] += values.pointer[k]
    }
    for p in 0..<distinct where !sums.pointer[p].isFinite {
      throw KantorError(
        .notFinite, "\(name): entries for the same place, row \(indices.pointer[p]), "
          + "add up to \(sums.pointer[p])")
    }
    let matrix = SparseMatrix(
      rows: rows, columns: columns, starts: starts, indices: indices, values: sums)
    return (matrix, SparsePlaces(place: place, given: count))
  }

  private func countingSort(
    _ order: Buffer<Int32>?, by key: Buffer<Int32>, lines: Int
  ) throws(KantorError) -> Buffer<Int32> {
    let count = key.count
    let next = try Buffer<Int>(count: lines + 1)
    for k in 0..<count { next.pointer[Int(key.pointer[k]) &+ 1] &+= 1 }
    for j in 0..<lines { next.pointer[j + 1] += next.pointer[j] }
    let out = try Buffer<Int32>(count: count)
    for t in 0..<count {
      let k = order.map { Int($0.pointer[t]) } ?? t
      let line = Int(key.pointer[k])
      out.pointer[next.pointer[line]] = Int32(truncatingIfNeeded: k)
      next.pointer[line] &+= 1
    }
    return out
  }
}
