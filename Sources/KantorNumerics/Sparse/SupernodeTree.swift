import CKantorKernels
import KantorCore

/// Groups of columns of the factor with nearly the same rows, and the order that makes each group
/// contiguous.
///
/// Columns j and j + 1 of a postordered matrix belong together when column j holds row j + 1 and
/// otherwise the rows of column j + 1. A group is then merged into its parent where the zeros that
/// become part of the dense blocks cost less than the smaller blocks did; and children of one
/// column that hold nearly all of its rows are merged with each other, so that what they do to it
/// is a product of blocks instead of one outer product after the other: the slacks of dense rows.
///
/// Source: C. Ashcraft, R. Grimes, "The influence of relaxed supernode partitions on the
/// multifrontal method", ACM Trans. Math. Softw. 15 (1989).
struct SupernodeTree {
  /// New position k holds old column `order[k]`.
  let order: Buffer<Int32>
  /// First (new) column of each group, and the end of the last.
  let first: Buffer<Int32>
  var count: Int { first.count - 1 }

  /// A group under construction, named by its place in the list.
  private struct Group {
    var width: Int
    /// Rows below the group.
    var below: Int
    /// Entries of the factor that are not zero for structural reasons, diagonal included.
    var entries: Double
    var parent: Int32
    /// The column that the last column of the group has for its parent, and the most rows that a
    /// child of it may have below itself.
    var parentColumn: Int32 = -1
    var room = 0
    var absorbedBy: Int32 = -1
  }

  init(tree: EliminationTree, counts: Buffer<Int>) throws(KantorError) {
    let n = tree.count
    let groupOf = try Buffer<Int32>(count: n)
    var groups = try GrowingList<Group>(capacity: n / 2 + 16)
    for j in 0..<n {
      let size = Double(counts.pointer[j] + 1)
      let extends =
        j > 0 && Int(tree.parent.pointer[j - 1]) == j
        && counts.pointer[j - 1] == counts.pointer[j] + 1
      if extends {
        let g = groups.count - 1
        groups.pointer[g].width += 1
        groups.pointer[g].below = counts.pointer[j]
        groups.pointer[g].entries += size
      } else {
        try groups.append(
          Group(width: 1, below: counts.pointer[j], entries: size, parent: -1))
      }
      groupOf.pointer[j] = Int32(truncatingIfNeeded: groups.count - 1)
    }
    for j in 0..<n {
      // The last column of a group decides about its parent.
      let g = Int(groupOf.pointer[j])
      let p = tree.parent.pointer[j]
      groups.pointer[g].parent = p < 0 ? -1 : groupOf.pointer[Int(p)]
      groups.pointer[g].parentColumn = p
      groups.pointer[g].room = p < 0 ? 0 : counts.pointer[Int(p)] + 1
    }
    try Self.merge(groups)
    try Self.mergeSiblings(groups, columns: n)
    (order, first) = try Self.arrange(groups, groupOf)
  }

  /// Children are looked at from the largest number down, so a chain is merged from its lower end.
  private static func merge(_ groups: GrowingList<Group>) throws(KantorError) {
    let count = groups.count
    let list = groups.pointer
    for c in 0..<count {
      let p = Int(list[c].parent)
      guard p >= 0 else { continue }
      let (child, parent) = (list[c], list[p])
      let width = child.width + parent.width
      let size = Double(width) * (Double(width + 1) / 2 + Double(parent.below))
      let entries = child.entries + parent.entries
      guard pays(width: width, zeros: size - entries, of: size) else { continue }
      list[p].width = width
      list[p].entries = entries
      list[c].absorbedBy = Int32(truncatingIfNeeded: p)
    }
  }

  /// A few zeros are cheaper than another group: its rows are looked up and scattered.
  private static func pays(width: Int, zeros: Double, of size: Double) -> Bool {
    if zeros <= 0 || width <= 4 { return true }
    let fraction = zeros / size
    if width <= 16 { return fraction < 0.5 }
    if width <= 48 { return fraction < 0.15 }
    return fraction < 0.05
  }

  /// Only the numbers of rows are known here: groups with the same parent column hold no rows but
  /// that and the rows of that column.
  private static func mergeSiblings(
    _ groups: GrowingList<Group>, columns: Int
  ) throws(KantorError) {
    let (count, list) = (groups.count, groups.pointer)
    /// The last child of each column that others may still join.
    let open = try Buffer<Int32>(count: columns, repeating: -1)
    for c in 0..<count where list[c].absorbedBy < 0 && list[c].parent >= 0 {
      let column = Int(list[c].parentColumn)
      let earlier = Int(open.pointer[column])
      open.pointer[column] = Int32(truncatingIfNeeded: c)
      guard earlier >= 0 else { continue }
      let width = list[c].width + list[earlier].width
      let size = Double(width) * (Double(width + 1) / 2 + Double(list[c].room))
      let entries = list[c].entries + list[earlier].entries
      guard width <= Int(KN_PANEL_COLUMNS), size - entries < 0.1 * size else { continue }
      list[c].width = width
      list[c].below = list[c].room
      list[c].entries = entries
      list[earlier].absorbedBy = Int32(truncatingIfNeeded: c)
    }
  }

  /// What each group ended up in; that has a larger number.
  private static func finals(_ groups: GrowingList<Group>) throws(KantorError) -> Buffer<Int32> {
    let (count, list) = (groups.count, groups.pointer)
    let final = try Buffer<Int32>(count: count)
    for g in stride(from: count - 1, through: 0, by: -1) {
      let into = list[g].absorbedBy
      final.pointer[g] = into < 0 ? Int32(truncatingIfNeeded: g) : final.pointer[Int(into)]
    }
    return final
  }

  private static func arrange(
    _ groups: GrowingList<Group>, _ groupOf: Buffer<Int32>
  ) throws(KantorError) -> (Buffer<Int32>, Buffer<Int32>) {
    let (n, count, list) = (groupOf.count, groups.count, groups.pointer)
    let final = try finals(groups)
    var kept = 0
    for g in 0..<count where list[g].absorbedBy < 0 { kept += 1 }
    let tree = try Buffer<Int32>(count: count, repeating: -1)
    for g in 0..<count where list[g].absorbedBy < 0 && list[g].parent >= 0 {
      tree.pointer[g] = final.pointer[Int(list[g].parent)]
    }
    // Absorbed groups are roots without columns in this tree, and so fall out.
    let visit = try EliminationTree(parents: tree).postorder()
    let place = try Buffer<Int>(count: count + 1)
    let first = try Buffer<Int32>(count: kept + 1)
    var (column, put) = (0, 0)
    for k in 0..<count {
      let g = Int(visit.pointer[k])
      guard list[g].absorbedBy < 0 else { continue }
      place.pointer[g] = column
      first.pointer[put] = Int32(truncatingIfNeeded: column)
      put += 1
      column += list[g].width
    }
    first.pointer[kept] = Int32(truncatingIfNeeded: n)
    let order = try Buffer<Int32>(count: n)
    for j in 0..<n {
      let g = Int(final.pointer[Int(groupOf.pointer[j])])
      order.pointer[place.pointer[g]] = Int32(truncatingIfNeeded: j)
      place.pointer[g] += 1
    }
    return (order, first)
  }
}

extension EliminationTree {
  init(parents: Buffer<Int32>) { parent = parents }
}
