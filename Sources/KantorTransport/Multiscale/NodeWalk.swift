/// The walk down the tree of the targets to the lowest nodes that a node of sources may hold mass
/// with.
package struct NodeWalk {
  let rows: NodeBounds
  let columns: NodeBounds
  let tree: PointTree
  let cost: BoxCost

  /// Room for the stack of a walk.
  package static let depth = 256

  /// keep(places) for every lowest node on whose pairs with `node` exponents may exceed `cut`, in
  /// order; `inverse` is 1/eps.
  @inline(__always)
  func visit(
    _ node: Int, _ inverse: Double, _ cut: Double, _ stack: UnsafeMutablePointer<Int>,
    _ keep: (Range<Int>) -> Void
  ) {
    stack[0] = 0
    stack[1] = 0
    var top = 2
    while top > 0 {
      let (level, place) = (stack[top - 2], stack[top - 1])
      top -= 2
      let other = PointTree.number(level, place)
      let bound = rows.exponent(node, columns, other, cost, inverse)
      guard bound > cut else { continue }
      if level == columns.level {
        keep(tree.range(level, place))
      } else {
        stack[top] = level + 1
        stack[top + 1] = 2 * place + 1
        stack[top + 2] = level + 1
        stack[top + 3] = 2 * place
        top += 4
      }
    }
  }
}
