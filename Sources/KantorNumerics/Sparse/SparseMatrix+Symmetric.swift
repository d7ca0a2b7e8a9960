import KantorCore

extension SparseMatrix {
  /// True when no entry lies below the diagonal.
  public var isUpperTriangular: Bool {
    for j in 0..<columns where starts.pointer[j] < starts.pointer[j + 1] {
      if Int(indices.pointer[starts.pointer[j + 1] - 1]) > j { return false }
    }
    return true
  }

  /// The entries on and above the diagonal, and where each went (-1: left out).
  public func upperTriangle() throws(KantorError) -> (matrix: SparseMatrix, places: Buffer<Int32>) {
    let newStarts = try Buffer<Int>(count: columns + 1)
    let places = try Buffer<Int32>(count: count)
    var kept = 0
    for j in 0..<columns {
      for k in starts.pointer[j]..<starts.pointer[j + 1] {
        if Int(indices.pointer[k]) <= j {
          places.pointer[k] = Int32(truncatingIfNeeded: kept)
          kept &+= 1
        } else {
          places.pointer[k] = -1
        }
      }
      newStarts.pointer[j + 1] = kept
    }
    let newIndices = try Buffer<Int32>(count: kept)
    let newValues = try Buffer<Double>(count: kept)
    for k in 0..<count {
      let p = Int(places.pointer[k])
      guard p >= 0 else { continue }
      newIndices.pointer[p] = indices.pointer[k]
      newValues.pointer[p] = values.pointer[k]
    }
    let upper = SparseMatrix(
      rows: rows, columns: columns, starts: newStarts, indices: newIndices, values: newValues)
    return (upper, places)
  }

  /// The first pair (i, j), i < j, at which this matrix differs from its transpose by more than
  /// `tolerance` times the larger of the two entries; nil when it is symmetric.
  public func asymmetry(tolerance: Double) throws(KantorError) -> (row: Int, column: Int)? {
    let other = try transposed().matrix
    for j in 0..<columns {
      var (p, q) = (starts.pointer[j], other.starts.pointer[j])
      let (pEnd, qEnd) = (starts.pointer[j + 1], other.starts.pointer[j + 1])
      while p < pEnd || q < qEnd {
        let i = p < pEnd ? Int(indices.pointer[p]) : Int.max
        let l = q < qEnd ? Int(other.indices.pointer[q]) : Int.max
        let a = i <= l ? values.pointer[p] : 0
        let b = l <= i ? other.values.pointer[q] : 0
        if abs(a - b) > tolerance * max(abs(a), abs(b)) {
          return (min(min(i, l), j), max(min(i, l), j))
        }
        if i <= l { p += 1 }
        if l <= i { q += 1 }
      }
    }
    return nil
  }

  /// C = P S P' for the symmetric S whose upper triangle is stored here: row and column
  /// `permutation[k]` of S become row and column k. C is an upper triangle as well; `places` tells
  /// where each entry of S stands in C, so that new values need no new pattern.
  public func permutedSymmetric(
    _ permutation: Buffer<Int32>
  ) throws(KantorError) -> (matrix: SparseMatrix, places: Buffer<Int32>) {
    precondition(permutation.count == columns && rows == columns)
    let n = columns
    let entries = count
    let inverse = try Buffer<Int32>(count: n)
    for k in 0..<n {
      inverse.pointer[Int(permutation.pointer[k])] = Int32(truncatingIfNeeded: k)
    }
    // Two stable counting sorts: new rows first, then new columns.
    let newRow = try Buffer<Int32>(count: entries)
    let newColumn = try Buffer<Int32>(count: entries)
    for j in 0..<n {
      let b = inverse.pointer[j]
      for k in starts.pointer[j]..<starts.pointer[j &+ 1] {
        let a = inverse.pointer[Int(indices.pointer[k])]
        newRow.pointer[k] = min(a, b)
        newColumn.pointer[k] = max(a, b)
      }
    }
    let next = try Buffer<Int>(count: n + 1)
    for k in 0..<entries { next.pointer[Int(newRow.pointer[k]) &+ 1] &+= 1 }
    for j in 0..<n { next.pointer[j &+ 1] &+= next.pointer[j] }
    let byRow = try Buffer<Int32>(count: entries)
    for k in 0..<entries {
      let i = Int(newRow.pointer[k])
      byRow.pointer[next.pointer[i]] = Int32(truncatingIfNeeded: k)
      next.pointer[i] &+= 1
    }
    let newStarts = try Buffer<Int>(count: n + 1)
    for k in 0..<entries { newStarts.pointer[Int(newColumn.pointer[k]) &+ 1] &+= 1 }
    for j in 0..<n { newStarts.pointer[j &+ 1] &+= newStarts.pointer[j] }
    for j in 0..<n { next.pointer[j] = newStarts.pointer[j] }
    let newIndices = try Buffer<Int32>(count: entries)
    let newValues = try Buffer<Double>(count: entries)
    let places = try Buffer<Int32>(count: entries)
    for t in 0..<entries {
      let k = Int(byRow.pointer[t])
      let j = Int(newColumn.pointer[k])
      let p = next.pointer[j]
      next.pointer[j] = p &+ 1
      newIndices.pointer[p] = newRow.pointer[k]
      newValues.pointer[p] = values.pointer[k]
      places.pointer[k] = Int32(truncatingIfNeeded: p)
    }
    let matrix = SparseMatrix(
      rows: n, columns: n, starts: newStarts, indices: newIndices, values: newValues)
    return (matrix, places)
  }
}
