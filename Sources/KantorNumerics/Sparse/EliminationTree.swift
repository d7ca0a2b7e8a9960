import KantorCore

/// The elimination tree of a symmetric pattern, given by its upper triangle: the parent of j is the
/// first row below the diagonal in column j of the factor.
///
/// Source: J. W. H. Liu, "The role of elimination trees in sparse factorization", SIAM J. Matrix
/// Anal. Appl. 11 (1990).
public struct EliminationTree: Sendable {
  /// -1 for a root.
  public let parent: Buffer<Int32>
  public var count: Int { parent.count }

  public init(_ upper: SparseMatrix) throws(KantorError) {
    let n = upper.columns
    parent = try Buffer(count: n, repeating: -1)
    // Shortened paths towards the root of the part built so far.
    let ancestor = try Buffer<Int32>(count: n, repeating: -1)
    let (first, row) = (upper.starts.pointer, upper.indices.pointer)
    for j in 0..<n {
      for k in first[j]..<first[j &+ 1] {
        var i = Int(row[k])
        while i >= 0 && i < j {
          let above = ancestor.pointer[i]
          ancestor.pointer[i] = Int32(truncatingIfNeeded: j)
          if above < 0 { parent.pointer[i] = Int32(truncatingIfNeeded: j) }
          i = Int(above)
        }
      }
    }
  }

  /// An order in which every subtree is contiguous and stands before its root.
  public func postorder() throws(KantorError) -> Buffer<Int32> {
    let n = count
    let firstChild = try Buffer<Int32>(count: n, repeating: -1)
    let sibling = try Buffer<Int32>(count: n, repeating: -1)
    for j in stride(from: n - 1, through: 0, by: -1) {
      let p = Int(parent.pointer[j])
      guard p >= 0 else { continue }
      sibling.pointer[j] = firstChild.pointer[p]
      firstChild.pointer[p] = Int32(truncatingIfNeeded: j)
    }
    let order = try Buffer<Int32>(count: n)
    let stack = try Buffer<Int32>(count: n + 1)
    var put = 0
    for root in 0..<n where parent.pointer[root] < 0 {
      var depth = 0
      stack.pointer[0] = Int32(truncatingIfNeeded: root)
      while depth >= 0 {
        let j = Int(stack.pointer[depth])
        let child = firstChild.pointer[j]
        if child >= 0 {
          firstChild.pointer[j] = sibling.pointer[Int(child)]
          depth &+= 1
          stack.pointer[depth] = child
        } else {
          order.pointer[put] = Int32(truncatingIfNeeded: j)
          put &+= 1
          depth &-= 1
        }
      }
    }
    return order
  }

  /// Entries below the diagonal in every column of the factor, found by walking the subtree of
  /// every row: as much work as the factor has entries.
  public func columnCounts(
    _ upper: SparseMatrix, interruption: Interruption = .never
  ) throws(KantorError) -> Buffer<Int>? {
    let n = count
    let counts = try Buffer<Int>(count: n)
    let seen = try Buffer<Int32>(count: n, repeating: -1)
    let (first, row, up) = (upper.starts.pointer, upper.indices.pointer, parent.pointer)
    for j in 0..<n {
      if j & 1023 == 1023, interruption.beat() { return nil }
      let this = Int32(truncatingIfNeeded: j)
      seen.pointer[j] = this
      for k in first[j]..<first[j &+ 1] {
        var i = Int(row[k])
        while seen.pointer[i] != this {
          seen.pointer[i] = this
          counts.pointer[i] &+= 1
          i = Int(up[i])
        }
      }
    }
    return counts
  }
}
