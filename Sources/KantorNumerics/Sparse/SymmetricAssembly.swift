import KantorCore

/// Builds the upper triangle of a symmetric matrix from parts: blocks, transposed blocks,
/// diagonals, dense triangles.
///
/// Each part gets a range of slots, one per entry. `finish` sorts once; after that
/// `places[slot]` is the position of that entry among the values, so a part is refreshed by
/// writing through its slots. Slots that fall on the same place share it: their values add up.
public struct SymmetricAssembly {
  public let order: Int
  private var row: GrowingList<Int32>
  private var column: GrowingList<Int32>
  private var value: GrowingList<Double>

  public init(order: Int, capacity: Int = 0) throws(KantorError) {
    try SparseMatrix.checkSize(order, order, capacity, "system")
    self.order = order
    row = try GrowingList(capacity: capacity)
    column = try GrowingList(capacity: capacity)
    value = try GrowingList(capacity: capacity)
  }

  public var count: Int { row.count }

  /// One entry; it is put in the upper triangle whichever side it is given for.
  @discardableResult
  public mutating func append(_ i: Int, _ j: Int, _ x: Double) throws(KantorError) -> Int {
    precondition(i >= 0 && j >= 0 && i < order && j < order)
    guard row.count < SparseMatrix.largest else {
      throw KantorError(.tooLarge, "system: more than \(SparseMatrix.largest) entries")
    }
    try row.append(Int32(truncatingIfNeeded: min(i, j)))
    try column.append(Int32(truncatingIfNeeded: max(i, j)))
    try value.append(x)
    return row.count - 1
  }

  /// `matrix` with its corner at (rowOffset, columnOffset), in the order of its entries. A block
  /// below the diagonal lands transposed above it; one that straddles it has to be an upper
  /// triangle.
  public mutating func append(
    _ matrix: SparseMatrix, rowOffset: Int, columnOffset: Int
  ) throws(KantorError) -> Range<Int> {
    let first = count
    for j in 0..<matrix.columns {
      for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] {
        try append(
          rowOffset + Int(matrix.indices.pointer[k]), columnOffset + j, matrix.values.pointer[k])
      }
    }
    return first..<count
  }

  public mutating func appendDiagonal(
    at offset: Int, count length: Int, value x: Double = 0
  ) throws(KantorError) -> Range<Int> {
    let first = count
    for k in 0..<length { try append(offset + k, offset + k, x) }
    return first..<count
  }

  /// A dense symmetric block, its upper triangle by columns.
  public mutating func appendTriangle(at offset: Int, order side: Int) throws(KantorError)
    -> Range<Int>
  {
    let first = count
    for j in 0..<side {
      for i in 0...j { try append(offset + i, offset + j, 0) }
    }
    return first..<count
  }

  /// The sorted upper triangle. A missing diagonal entry is added with the value 0, because a
  /// factorisation regularises there.
  public func finish() throws(KantorError) -> (matrix: SparseMatrix, places: Buffer<Int32>) {
    let slots = count
    guard slots <= SparseMatrix.largest - order else {
      throw KantorError(.tooLarge, "system: more than \(SparseMatrix.largest) entries")
    }
    let total = slots + order
    let rows = try Buffer<Int>(count: total)
    let columns = try Buffer<Int>(count: total)
    let values = try Buffer<Double>(count: total)
    for k in 0..<slots {
      rows.pointer[k] = Int(row.pointer[k])
      columns.pointer[k] = Int(column.pointer[k])
      values.pointer[k] = value.pointer[k]
    }
    for j in 0..<order {
      rows.pointer[slots + j] = j
      columns.pointer[slots + j] = j
    }
    let built = try SparseInput(rows: order, columns: order, name: "system")
      .triplets(rowIndices: rows, columnIndices: columns, values: values)
    guard let place = built.places.place else {
      throw KantorError(.internal, "system: triplets were not sorted")
    }
    return (built.matrix, try Buffer(copying: place.pointer, count: slots))
  }
}
