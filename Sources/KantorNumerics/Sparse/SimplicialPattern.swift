import KantorCore

/// The pattern of a factor, entry by entry, for matrices whose factor has no dense blocks worth
/// the name.
struct SimplicialPattern: Sendable {
  /// Columns of every row, ascending.
  let rowStarts: Buffer<Int>
  let rowColumns: Buffer<Int32>
  /// Rows of every column, ascending.
  let columnStarts: Buffer<Int>
  let columnRows: Buffer<Int32>
  var count: Int { columnStarts.pointer[columnStarts.count - 1] }

  /// Nil when interrupted.
  init?(
    _ upper: SparseMatrix, _ tree: EliminationTree, counts: Buffer<Int>,
    interruption: Interruption
  ) throws(KantorError) {
    let n = upper.columns
    columnStarts = try Buffer(count: n + 1)
    rowStarts = try Buffer(count: n + 1)
    for j in 0..<n { columnStarts.pointer[j + 1] = columnStarts.pointer[j] + counts.pointer[j] }
    let total = columnStarts.pointer[n]
    columnRows = try Buffer(count: total)
    rowColumns = try Buffer(count: total)
    let fill = try Buffer<Int>(copying: columnStarts.pointer, count: n)
    let seen = try Buffer<Int32>(count: n, repeating: -1)
    let (first, row, up) = (upper.starts.pointer, upper.indices.pointer, tree.parent.pointer)
    var put = 0
    for j in 0..<n {
      if j & 1023 == 1023, interruption.beat() { return nil }
      let this = Int32(truncatingIfNeeded: j)
      seen.pointer[j] = this
      for k in first[j]..<first[j &+ 1] {
        var i = Int(row[k])
        while seen.pointer[i] != this {
          seen.pointer[i] = this
          columnRows.pointer[fill.pointer[i]] = this
          fill.pointer[i] &+= 1
          put &+= 1
          i = Int(up[i])
        }
      }
      rowStarts.pointer[j &+ 1] = put
    }
    // Rows by transposition of the columns, which sorts them.
    for j in 0..<n { fill.pointer[j] = rowStarts.pointer[j] }
    for i in 0..<n {
      for k in columnStarts.pointer[i]..<columnStarts.pointer[i &+ 1] {
        let j = Int(columnRows.pointer[k])
        rowColumns.pointer[fill.pointer[j]] = Int32(truncatingIfNeeded: i)
        fill.pointer[j] &+= 1
      }
    }
  }
}
