/// A lower bound of all entries of a Monge matrix D from those along a staircase.
///
/// D_ij = C_ij - f_i - g_j with C_ij = h(|x_i - y_j|), h convex and both point sets sorted, has
///     D_ij + D_kl <= D_il + D_kj  for i < k, j < l.
/// Take a cell below the staircase and the stretch of the staircase between the cell's column and
/// its row. Adding the inequalities of the rectangles in between shows that the cell is at least
/// the sum of D at both ends of the stretch, plus D at its corners where the staircase turns from
/// down to right, minus D where it turns from right to down. Cells above: the other way round. So
/// the least of these sums over all stretches, found in one pass, bounds every entry. Rounding
/// along the staircase enters with both signs and mostly cancels.
package struct StaircaseBound {
  /// The least sum that starts anywhere and ends before the present cell: for cells below the
  /// staircase, and above it.
  private var below = Double.infinity
  private var above = Double.infinity
  private var last = 0.0
  private var lastIsDown = false
  private var count = 0
  private var lowest = 0.0

  package init() {}

  /// The next cell and how it was reached: from above (`down`) or from the left.
  @inline(__always)
  package mutating func visit(_ d: Double, down: Bool) {
    if count > 0 {
      // Only now is it known whether the staircase turned at the last cell.
      let turn = count == 1 || lastIsDown == down ? 0.0 : (down ? -1.0 : 1.0)
      below = min(below + turn * last, last)
      above = min(above - turn * last, last)
      lowest = min(lowest, d, below + d, above + d)
    } else {
      lowest = min(0, d)
    }
    last = d
    lastIsDown = down
    count &+= 1
  }

  /// What the potentials have to be lowered by to be feasible: NaN stays NaN.
  package var defect: Double { -lowest }
}
