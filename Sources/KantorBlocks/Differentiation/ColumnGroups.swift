import KantorCore
import KantorNumerics

/// Columns of a sparse matrix in groups, no two of a group with an entry in the same row: one
/// difference along the sum of a group's directions gives all its columns.
///
/// Source: A. R. Curtis, M. J. D. Powell, J. K. Reid, "On the estimation of sparse Jacobian
/// matrices" (1974); greedy, in the order of the columns.
public struct ColumnGroups: Sendable {
  public let count: Int
  /// Columns, group after group.
  public let columns: Buffer<Int32>
  /// First of each group in `columns`, and the end of the last.
  public let starts: Buffer<Int>

  /// Each column by itself.
  public init(separate n: Int) throws(KantorError) {
    count = n
    columns = try Buffer(count: n)
    starts = try Buffer(count: n + 1)
    for j in 0..<n {
      columns.pointer[j] = Int32(truncatingIfNeeded: j)
      starts.pointer[j + 1] = j + 1
    }
  }

  public init(_ pattern: SparseMatrix) throws(KantorError) {
    let n = pattern.columns
    let byRow = try pattern.transposed().matrix
    let group = try Buffer<Int32>(count: n, repeating: -1)
    // The column for which a group was last found to be taken.
    let taken = try Buffer<Int32>(count: n + 1, repeating: -1)
    var groups = 0
    for j in 0..<n {
      let mark = Int32(truncatingIfNeeded: j)
      for k in pattern.starts.pointer[j]..<pattern.starts.pointer[j + 1] {
        let i = Int(pattern.indices.pointer[k])
        for l in byRow.starts.pointer[i]..<byRow.starts.pointer[i + 1] {
          let other = Int(byRow.indices.pointer[l])
          if group.pointer[other] >= 0 { taken.pointer[Int(group.pointer[other])] = mark }
        }
      }
      var g = 0
      while taken.pointer[g] == mark { g += 1 }
      group.pointer[j] = Int32(truncatingIfNeeded: g)
      groups = max(groups, g + 1)
    }
    count = groups
    starts = try Buffer(count: groups + 1)
    for j in 0..<n { starts.pointer[Int(group.pointer[j]) + 1] += 1 }
    for g in 0..<groups { starts.pointer[g + 1] += starts.pointer[g] }
    let next = try starts.copy()
    columns = try Buffer(count: n)
    for j in 0..<n {
      let g = Int(group.pointer[j])
      columns.pointer[next.pointer[g]] = Int32(truncatingIfNeeded: j)
      next.pointer[g] += 1
    }
  }

  public func members(_ g: Int) -> UnsafeBufferPointer<Int32> {
    let first = starts.pointer[g]
    return UnsafeBufferPointer(
      start: columns.pointer + first, count: starts.pointer[g + 1] - first)
  }
}
