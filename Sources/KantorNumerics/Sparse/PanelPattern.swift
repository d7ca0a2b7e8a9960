import CKantorKernels
import KantorCore

/// The pattern of a factor as dense panels: groups of columns, cut where they are wide, with the
/// rows they share, what each does to later ones, and where the matrix's entries go.
struct PanelPattern: Sendable {
  let first: Buffer<Int32>
  let rowStarts: Buffer<Int>
  let rows: Buffer<Int32>
  let offsets: Buffer<Int>
  let leading: Buffer<Int32>
  let updateStarts: Buffer<Int>
  let updateSource: Buffer<Int32>
  let updateRow: Buffer<Int32>
  let updateCount: Buffer<Int32>
  let entryStarts: Buffer<Int>
  let entryFrom: Buffer<Int32>
  let entryTo: Buffer<Int>
  /// Parent of each panel in the tree of panels; -1 for a root.
  let parent: Buffer<Int32>
  /// Multiplications that each panel takes, its updates included.
  let work: Buffer<Double>
  let mostRows: Int

  var count: Int { first.count - 1 }
  /// Doubles of the factor.
  var size: Int { offsets.pointer[count] }

  @inline(__always) func width(_ s: Int) -> Int { Int(first.pointer[s + 1] - first.pointer[s]) }
  @inline(__always) func rowCount(_ s: Int) -> Int {
    rowStarts.pointer[s + 1] - rowStarts.pointer[s]
  }

  /// `upper` is the permuted matrix, `groups` the first columns of its groups. `source[k]` is where
  /// entry k of `upper` stands in the caller's values. Nil when interrupted.
  init?(
    _ upper: SparseMatrix, groups: Buffer<Int32>, tree: EliminationTree, source: Buffer<Int32>,
    interruption: Interruption
  ) throws(KantorError) {
    let (lower, places) = try upper.transposed()
    guard
      let below = try Self.rowsBelow(lower, groups: groups, tree: tree, interruption)
    else { return nil }
    first = try Self.cut(groups)
    let count = first.count - 1
    let panelOf = try Buffer<Int32>(count: upper.columns)
    for s in 0..<count {
      for j in first.pointer[s]..<first.pointer[s + 1] { panelOf.pointer[Int(j)] = Int32(s) }
    }
    (rowStarts, rows) = try Self.panelRows(first, groups, below)
    offsets = try Buffer(count: count + 1)
    leading = try Buffer(count: count)
    parent = try Buffer(count: count, repeating: -1)
    var most = 0
    for s in 0..<count {
      let (w, m) = (
        Int(first.pointer[s + 1] - first.pointer[s]),
        rowStarts.pointer[s + 1] - rowStarts.pointer[s]
      )
      most = max(most, m)
      let ld = Self.leadingDimension(rows: m, width: w)
      leading.pointer[s] = Int32(truncatingIfNeeded: ld)
      // Vectors may read a little past the end; that must not be memory another thread writes.
      let block = try checkedProduct(ld, w, of: "factor") + (w > 1 ? 8 : 0)
      guard offsets.pointer[s] <= Int.max / 16 - block else {
        throw KantorError(.tooLarge, "the factor does not fit in memory")
      }
      offsets.pointer[s + 1] = offsets.pointer[s] + block
      if w < m {
        parent.pointer[s] = panelOf.pointer[Int(rows.pointer[rowStarts.pointer[s] + w])]
      }
    }
    mostRows = most
    (updateStarts, updateSource, updateRow, updateCount) = try Self.updates(
      first, rowStarts, rows, panelOf)
    (entryStarts, entryFrom, entryTo) = try Self.entries(
      lower, places: places, source: source, first, rowStarts, rows, leading)
    work = try Buffer(count: count)
    for s in 0..<count {
      let (w, m) = (Double(width(s)), Double(rowCount(s)))
      var total = m * w * w
      for u in updateStarts.pointer[s]..<updateStarts.pointer[s + 1] {
        let q = Int(updateSource.pointer[u])
        total +=
          Double(rowCount(q) - Int(updateRow.pointer[u])) * Double(updateCount.pointer[u])
          * Double(width(q))
      }
      work.pointer[s] = total
    }
  }

  /// Columns of tall blocks begin at the same place of a cache line, and not 4096 bytes apart,
  /// where they would fall on each other in the cache.
  private static func leadingDimension(rows: Int, width: Int) -> Int {
    guard rows >= 32, width > 1 else { return rows }
    let padded = (rows + 7) & ~7
    return padded & 511 == 0 ? padded + 8 : padded
  }

  /// Rows below each group, ascending.
  private static func rowsBelow(
    _ lower: SparseMatrix, groups: Buffer<Int32>, tree: EliminationTree,
    _ interruption: Interruption
  ) throws(KantorError) -> (starts: Buffer<Int>, rows: Buffer<Int32>)? {
    let (n, count) = (lower.columns, groups.count - 1)
    let groupOf = try Buffer<Int32>(count: n)
    for g in 0..<count {
      for j in groups.pointer[g]..<groups.pointer[g + 1] {
        groupOf.pointer[Int(j)] = Int32(truncatingIfNeeded: g)
      }
    }
    // Children by lists; a group's rows are those of its columns and of its children.
    let child = try Buffer<Int32>(count: count, repeating: -1)
    let sibling = try Buffer<Int32>(count: count, repeating: -1)
    let seen = try Buffer<Int32>(count: n, repeating: -1)
    let starts = try Buffer<Int>(count: count + 1)
    var rows = try GrowingList<Int32>(capacity: 2 * lower.count)
    for g in 0..<count {
      if g & 255 == 255, interruption.beat() { return nil }
      let this = Int32(truncatingIfNeeded: g)
      let end = groups.pointer[g + 1]
      for j in Int(groups.pointer[g])..<Int(end) {
        for k in lower.starts.pointer[j]..<lower.starts.pointer[j + 1] {
          let i = lower.indices.pointer[k]
          guard i >= end, seen.pointer[Int(i)] != this else { continue }
          seen.pointer[Int(i)] = this
          try rows.append(i)
        }
      }
      var c = Int(child.pointer[g])
      while c >= 0 {
        for k in starts.pointer[c]..<starts.pointer[c + 1] {
          let i = rows.pointer[k]
          guard i >= end, seen.pointer[Int(i)] != this else { continue }
          seen.pointer[Int(i)] = this
          try rows.append(i)
        }
        c = Int(sibling.pointer[c])
      }
      starts.pointer[g + 1] = rows.count
      guard starts.pointer[g + 1] > starts.pointer[g] else { continue }
      rows.pointer.advanced(by: starts.pointer[g])
        .sorted(count: rows.count - starts.pointer[g], by: <)
      let p = Int(groupOf.pointer[Int(rows.pointer[starts.pointer[g]])])
      sibling.pointer[g] = child.pointer[p]
      child.pointer[p] = this
    }
    return (starts, try Buffer(copying: rows.pointer, count: rows.count))
  }

  /// Panels of nearly equal width, at most KN_PANEL_COLUMNS.
  private static func cut(_ groups: Buffer<Int32>) throws(KantorError) -> Buffer<Int32> {
    let most = Int(KN_PANEL_COLUMNS)
    var total = 0
    for g in 0..<(groups.count - 1) {
      total += (Int(groups.pointer[g + 1] - groups.pointer[g]) + most - 1) / most
    }
    let first = try Buffer<Int32>(count: total + 1)
    var put = 0
    for g in 0..<(groups.count - 1) {
      let (begin, end) = (Int(groups.pointer[g]), Int(groups.pointer[g + 1]))
      let pieces = (end - begin + most - 1) / most
      for k in 0..<pieces {
        // Multiples of eight columns keep the tiles full; rounded up, so that none is too wide.
        let at = ((end - begin) * k / pieces + 7) & ~7
        first.pointer[put] = Int32(truncatingIfNeeded: begin + at)
        put += 1
      }
    }
    first.pointer[total] = groups.pointer[groups.count - 1]
    return first
  }

  private static func panelRows(
    _ first: Buffer<Int32>, _ groups: Buffer<Int32>,
    _ below: (starts: Buffer<Int>, rows: Buffer<Int32>)
  ) throws(KantorError) -> (Buffer<Int>, Buffer<Int32>) {
    let count = first.count - 1
    let starts = try Buffer<Int>(count: count + 1)
    var group = 0
    for s in 0..<count {
      while groups.pointer[group + 1] <= first.pointer[s] { group += 1 }
      starts.pointer[s + 1] =
        starts.pointer[s] + Int(groups.pointer[group + 1] - first.pointer[s])
        + below.starts.pointer[group + 1] - below.starts.pointer[group]
    }
    let rows = try Buffer<Int32>(count: starts.pointer[count])
    group = 0
    for s in 0..<count {
      while groups.pointer[group + 1] <= first.pointer[s] { group += 1 }
      var put = starts.pointer[s]
      for j in first.pointer[s]..<groups.pointer[group + 1] {
        rows.pointer[put] = j
        put &+= 1
      }
      for k in below.starts.pointer[group]..<below.starts.pointer[group + 1] {
        rows.pointer[put] = below.rows.pointer[k]
        put &+= 1
      }
    }
    return (starts, rows)
  }

  private static func updates(
    _ first: Buffer<Int32>, _ rowStarts: Buffer<Int>, _ rows: Buffer<Int32>,
    _ panelOf: Buffer<Int32>
  ) throws(KantorError) -> (Buffer<Int>, Buffer<Int32>, Buffer<Int32>, Buffer<Int32>) {
    let count = first.count - 1
    let starts = try Buffer<Int>(count: count + 1)
    /// visit(source, first row, number of rows, target) in order of sources.
    func forEach(_ visit: (Int, Int, Int, Int) -> Void) {
      for s in 0..<count {
        let (begin, end) = (rowStarts.pointer[s], rowStarts.pointer[s + 1])
        var k = begin + Int(first.pointer[s + 1] - first.pointer[s])
        while k < end {
          let target = Int(panelOf.pointer[Int(rows.pointer[k])])
          let limit = first.pointer[target + 1]
          var stop = k + 1
          while stop < end && rows.pointer[stop] < limit { stop &+= 1 }
          visit(s, k - begin, stop - k, target)
          k = stop
        }
      }
    }
    forEach { _, _, _, target in starts.pointer[target + 1] += 1 }
    for s in 0..<count { starts.pointer[s + 1] += starts.pointer[s] }
    let total = starts.pointer[count]
    let source = try Buffer<Int32>(count: total)
    let row = try Buffer<Int32>(count: total)
    let number = try Buffer<Int32>(count: total)
    let next = try Buffer<Int>(copying: starts.pointer, count: count + 1)
    forEach { s, at, rows, target in
      let u = next.pointer[target]
      next.pointer[target] = u &+ 1
      source.pointer[u] = Int32(truncatingIfNeeded: s)
      row.pointer[u] = Int32(truncatingIfNeeded: at)
      number.pointer[u] = Int32(truncatingIfNeeded: rows)
    }
    return (starts, source, row, number)
  }

  private static func entries(
    _ lower: SparseMatrix, places: Buffer<Int32>, source: Buffer<Int32>, _ first: Buffer<Int32>,
    _ rowStarts: Buffer<Int>, _ rows: Buffer<Int32>, _ leading: Buffer<Int32>
  ) throws(KantorError) -> (Buffer<Int>, Buffer<Int32>, Buffer<Int>) {
    let count = first.count - 1
    let starts = try Buffer<Int>(count: count + 1)
    let from = try Buffer<Int32>(count: lower.count)
    let to = try Buffer<Int>(count: lower.count)
    for k in 0..<lower.count { from.pointer[Int(places.pointer[k])] = source.pointer[k] }
    let map = try Buffer<Int32>(count: lower.columns)
    for s in 0..<count {
      let begin = rowStarts.pointer[s]
      for k in begin..<rowStarts.pointer[s + 1] {
        map.pointer[Int(rows.pointer[k])] = Int32(truncatingIfNeeded: k - begin)
      }
      for j in Int(first.pointer[s])..<Int(first.pointer[s + 1]) {
        let column = (j - Int(first.pointer[s])) * Int(leading.pointer[s])
        for k in lower.starts.pointer[j]..<lower.starts.pointer[j + 1] {
          to.pointer[k] = column &+ Int(map.pointer[Int(lower.indices.pointer[k])])
        }
      }
      starts.pointer[s + 1] = lower.starts.pointer[Int(first.pointer[s + 1])]
    }
    return (starts, from, to)
  }
}
