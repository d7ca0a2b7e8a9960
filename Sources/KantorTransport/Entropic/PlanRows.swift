import CKantorKernels
import KantorCore

/// Rows x_j = exp(phi_i + gamma_j - C_ij/eps), computed on the fly, over all targets or over those
/// near.
final class PlanRows {
  /// Targets that some sources have in common.
  struct Targets {
    let count: Int
    /// The caller's numbers.
    let number: UnsafePointer<Int32>
  }

  /// One source; valid during a visit.
  struct Row {
    let source: Int
    let targets: Targets
    let costs: UnsafePointer<Double>
    let values: UnsafePointer<Double>
  }

  private let geometry: Geometry
  private let inverse: Double
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>
  private let near: NearPairs?
  private let costs: Buffer<Double>
  private let row: Buffer<Double>
  private let number: Buffer<Int32>
  /// Exponents and coordinates of the targets gathered, and the stack of the walk to them.
  private let shift: Buffer<Double>
  private let points: Buffer<Double>
  private let stack: Buffer<Int>

  init(
    _ geometry: Geometry, epsilon: Double, phi: Buffer<Double>, gamma: Buffer<Double>,
    near: NearPairs? = nil
  ) throws(KantorError) {
    (self.geometry, self.phi, self.gamma, self.near) = (geometry, phi, gamma, near)
    inverse = 1 / epsilon
    let m = geometry.m
    costs = try Buffer(count: m)
    row = try Buffer(count: m)
    number = try Buffer(count: m)
    for j in 0..<m { number.pointer[j] = Int32(truncatingIfNeeded: j) }
    let isNear = near != nil
    shift = isNear ? try Buffer(count: m) : gamma
    points = try Buffer(count: isNear ? Int(geometry.cost.stride) * (geometry.dimension ?? 0) : 0)
    stack = try Buffer(count: isNear ? NodeWalk.depth : 0)
  }

  /// visit(row) for every source, all of a group of neighbours one after the other; `begin` and
  /// `end` tell the targets of a group before and after it. Sources come in order where all pairs
  /// are looked at, and targets of a row then or if asked.
  func forEach(
    isOrdered: Bool = false, begin: (Targets) -> Void = { _ in },
    end: (Targets) -> Void = { _ in }, _ visit: (Row) -> Void
  ) {
    guard let near else {
      let targets = Targets(count: geometry.m, number: UnsafePointer(number.pointer))
      begin(targets)
      for i in 0..<geometry.n { visit(row(i, targets, geometry.cost)) }
      return end(targets)
    }
    for group in 0..<near.groupCount {
      let count = near.targets(
        group, number.pointer, isOrdered: isOrdered, stack: stack.pointer)
      let targets = Targets(count: count, number: UnsafePointer(number.pointer))
      let cost = gather(targets)
      begin(targets)
      for i in near.sources(group) { visit(row(Int(i), targets, cost)) }
      end(targets)
    }
  }

  var looksAtAll: Bool { near == nil }

  /// visit(source, targets) without the row itself, until it says false.
  func forEachSource(_ visit: (Int, Targets) -> Bool) {
    guard let near else { return }
    for group in 0..<near.groupCount {
      let count = near.targets(group, number.pointer, isOrdered: false, stack: stack.pointer)
      let targets = Targets(count: count, number: UnsafePointer(number.pointer))
      for i in near.sources(group) {
        guard visit(Int(i), targets) else { return }
      }
    }
  }

  /// The costs of the targets alone, side by side.
  private func gather(_ targets: Targets) -> kn_cost {
    var cost = geometry.cost
    let stride = Int(cost.stride)
    for k in 0..<targets.count { shift.pointer[k] = gamma.pointer[Int(targets.number[k])] }
    if let y = cost.y64 {
      for c in 0..<(geometry.dimension ?? 0) {
        let (from, to) = (y + c * stride, points.pointer + c * stride)
        for k in 0..<targets.count { to[k] = from[Int(targets.number[k])] }
      }
    }
    cost.columns = Int64(targets.count)
    cost.y64 = UnsafePointer(points.pointer)
    return cost
  }

  private func row(_ i: Int, _ targets: Targets, _ given: kn_cost) -> Row {
    var cost = given
    let (c, x, shift, base) = (costs.pointer, row.pointer, shift.pointer, phi.pointer[i])
    kn_cost_row_f64(&cost, Int64(i), 0, Int64(targets.count), c)
    for k in 0..<targets.count { x[k] = base + shift[k] - c[k] * inverse }
    kn_exp_f64(x, x, Int64(targets.count))
    return Row(source: i, targets: targets, costs: c, values: x)
  }
}
