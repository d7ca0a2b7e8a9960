import KantorCore
import KantorNumerics

/// Certifies that no plan has at most k entries in each line, by a set S of points on the other
/// side: each of them with mass needs an entry, but the lines open to them have room for fewer; or
/// by a line whose mass is more than k points can bring.
package struct CapacityCheck {
  /// `chosen` marks S: sources for a capacity of columns, targets for one of rows.
  package static func holds(
    _ problem: TransportProblem, limit: Int, side: LineSide, chosen: UnsafePointer<Double>
  ) throws(KantorError) -> Bool {
    let cost = try CheckedCost(problem.geometry)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    let isOpen = try Buffer<Bool>(count: side == .columns ? cost.m : cost.n)
    for i in 0..<cost.n where a[i] > 0 {
      if side == .columns && !(chosen[i] > 0) { continue }
      let row = cost.row(i, scratch.pointer)
      for j in 0..<cost.m where b[j] > 0 && row[j] < .infinity {
        if side == .columns { isOpen.pointer[j] = true }
        if side == .rows && chosen[j] > 0 { isOpen.pointer[i] = true }
      }
    }
    var (wanted, lines) = (0, 0)
    let (count, weights) = side == .columns ? (cost.n, a) : (cost.m, b)
    for p in 0..<count where weights[p] > 0 && chosen[p] > 0 { wanted += 1 }
    for line in 0..<isOpen.count where isOpen.pointer[line] { lines += 1 }
    let (room, overflow) = lines.multipliedReportingOverflow(by: limit)
    return !overflow && wanted > room
  }

  /// Whether one of the marked lines has more mass than any k of the points open to it together.
  package static func isHeavy(
    _ problem: TransportProblem, limit: Int, side: LineSide, chosen: UnsafePointer<Double>
  ) throws(KantorError) -> Bool {
    let cost = try CheckedCost(problem.geometry)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    let lines = side == .columns ? cost.m : cost.n
    for line in 0..<lines where chosen[line] > 0 {
      var masses: [Double] = []
      if side == .rows {
        let row = cost.row(line, scratch.pointer)
        for j in 0..<cost.m where row[j] < .infinity { masses.append(b[j]) }
      } else {
        for i in 0..<cost.n where cost.entry(i, line) < .infinity { masses.append(a[i]) }
      }
      var room = CompensatedSum()
      for mass in masses.sorted(by: >).prefix(limit) { room.add(mass) }
      if (side == .columns ? b : a)[line] > room.value * (1 + 1e-12) { return true }
    }
    return false
  }
}
