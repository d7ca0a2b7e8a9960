import KantorCore
import KantorNumerics

/// The power diagram of points with potentials within a convex polygon: cell j is where
/// |x - y_j|^2 - g_j is least.
///
/// A cell is cut out of the polygon by the bisectors with the other points, the near ones first:
/// buckets of a grid in rings about the point. With R the largest distance of the cell's corners
/// from y_j, a point at the distance d > R cuts nothing off where (d - R)^2 >= R^2 - g_j + g_k.
final class PowerDiagram {
  /// A corner, relative to the cell's point, and the point beyond the edge that starts there; -1 on
  /// the border of the polygon.
  struct Corner {
    var at: PlanePoint
    var beyond: Int32
  }

  /// The common border of two cells, over twice the distance of their points: what moves from one
  /// to the other per unit of potential, in area.
  struct Border {
    var first: Int32
    var second: Int32
    var rate: Double
  }

  private let problem: PolygonProblem
  private let parallel: Parallel
  private let origin: PlanePoint
  private let width: Double
  private let across: Int
  private let up: Int
  private let start: Buffer<Int32>
  private let member: Buffer<Int32>

  let areas: Buffer<Double>
  /// Integrals of |x - y_j|^2 over the cells.
  let costs: Buffer<Double>
  private(set) var borders: [Border] = []

  init(_ problem: PolygonProblem, threads: Int) throws(KantorError) {
    self.problem = problem
    parallel = Parallel(threads: threads)
    let m = problem.m
    var (low, high) = (problem.point(0), problem.point(0))
    for j in 1..<max(1, m) {
      let p = problem.point(j)
      low = PlanePoint(min(low.x, p.x), min(low.y, p.y))
      high = PlanePoint(max(high.x, p.x), max(high.y, p.y))
    }
    origin = low
    // About two points in a bucket; at most m buckets along an axis where points lie on a line.
    let size = high - low
    let longest = max(size.x, size.y)
    let square = (size.x * size.y * 2 / Double(m)).squareRoot()
    width = longest > 0 ? max(square, 2 * longest / Double(m)) : 1
    across = Self.bucket(size.x, width) + 1
    up = Self.bucket(size.y, width) + 1
    start = try Buffer(count: try checkedProduct(across, up, of: "grid") + 1)
    member = try Buffer(count: m)
    areas = try Buffer(count: m)
    costs = try Buffer(count: m)
    fillBuckets()
  }

  private static func bucket(_ offset: Double, _ width: Double) -> Int {
    Int(exactly: (offset / width).rounded(.down)) ?? 0
  }

  private func place(_ j: Int) -> (Int, Int) {
    let p = problem.point(j) - origin
    return (
      min(max(Self.bucket(p.x, width), 0), across - 1), min(max(Self.bucket(p.y, width), 0), up - 1)
    )
  }

  private func fillBuckets() {
    let m = problem.m
    for j in 0..<m {
      let (c, r) = place(j)
      start.pointer[r * across + c + 1] += 1
    }
    for k in 1..<start.count { start.pointer[k] += start.pointer[k - 1] }
    var next = Array(start.span)
    for j in 0..<m {
      let (c, r) = place(j)
      member.pointer[Int(next[r * across + c])] = Int32(truncatingIfNeeded: j)
      next[r * across + c] += 1
    }
  }

  // MARK: All cells

  /// Areas, costs and borders for a potential.
  func measure(_ g: UnsafePointer<Double>) {
    let m = problem.m
    var highest = -Double.infinity
    for j in 0..<m { highest = max(highest, g[j]) }
    let top = highest
    let found = (0..<parallel.threads).map { _ in BorderList() }
    parallel.forEach(m) { part, first, end in
      var (cell, spare) = ([Corner](), [Corner]())
      for j in first..<end {
        cut(j, g, top, &cell, &spare)
        record(j, cell, found[part])
      }
    }
    borders.removeAll(keepingCapacity: true)
    for list in found { borders.append(contentsOf: list.borders) }
  }

  private final class BorderList: @unchecked Sendable {
    var borders: [Border] = []
  }

  private func record(_ j: Int, _ cell: [Corner], _ list: BorderList) {
    var (area, moment) = (0.0, 0.0)
    for k in cell.indices {
      let corner = cell[k]
      let (p, q) = (corner.at, cell[k + 1 < cell.count ? k + 1 : 0].at)
      let cross = p.cross(q)
      area += cross
      moment += cross * (p.square + p.x * q.x + p.y * q.y + q.square)
      let other = Int(corner.beyond)
      // Each border is seen from both sides; it is taken from that of the smaller number.
      guard other > j else { continue }
      let distance = (problem.point(other) - problem.point(j)).square.squareRoot()
      let rate = (q - p).square.squareRoot() / (2 * distance)
      list.borders.append(
        Border(first: Int32(truncatingIfNeeded: j), second: corner.beyond, rate: rate))
    }
    areas.pointer[j] = max(0, 0.5 * area)
    costs.pointer[j] = moment / 12
  }

  // MARK: One cell

  /// The cell of a point, empty if it has none.
  func cut(
    _ j: Int, _ g: UnsafePointer<Double>, _ top: Double, _ cell: inout [Corner],
    _ spare: inout [Corner]
  ) {
    let y = problem.point(j)
    cell.removeAll(keepingCapacity: true)
    for corner in problem.corners { cell.append(Corner(at: corner - y, beyond: -1)) }
    var radius = Self.radius(cell)
    let (c, r) = place(j)
    let lastRing = max(max(c, across - 1 - c), max(r, up - 1 - r))
    for ring in 0...lastRing {
      // Points in this ring and beyond are at least so far away.
      let away = Double(ring - 1) * width
      if away > radius.squareRoot(), Self.misses(away, radius, top - g[j]) { return }
      for row in max(0, r - ring)...min(up - 1, r + ring) {
        let isEdge = row == r - ring || row == r + ring
        let step = isEdge || ring == 0 ? 1 : 2 * ring
        for column in stride(from: c - ring, through: c + ring, by: step)
        where column >= 0 && column < across {
          let bucket = row * across + column
          for e in Int(start.pointer[bucket])..<Int(start.pointer[bucket + 1]) {
            let k = Int(member.pointer[e])
            if k == j { continue }
            let d = problem.point(k) - y
            let square = d.square
            if square > radius, Self.misses(square.squareRoot(), radius, g[k] - g[j]) { continue }
            let offset = 0.5 * (square + g[j] - g[k])
            if Self.clip(&cell, &spare, d, offset, Int32(truncatingIfNeeded: k)) {
              if cell.isEmpty { return }
              radius = Self.radius(cell)
            }
          }
        }
      }
    }
  }

  /// Whether a point at the distance d > R with the potential g_j + excess cuts nothing off.
  @inline(__always)
  private static func misses(_ d: Double, _ radius: Double, _ excess: Double) -> Bool {
    let rest = d - radius.squareRoot()
    return rest * rest >= radius + excess
  }

  /// The largest square of a distance.
  private static func radius(_ cell: [Corner]) -> Double {
    var most = 0.0
    for corner in cell { most = max(most, corner.at.square) }
    return most
  }

  /// Keeps what has <d, x> <= offset; whether anything was cut off.
  private static func clip(
    _ cell: inout [Corner], _ spare: inout [Corner], _ d: PlanePoint, _ offset: Double,
    _ beyond: Int32
  ) -> Bool {
    func excess(_ p: PlanePoint) -> Double { d.x * p.x + d.y * p.y - offset }
    guard cell.contains(where: { excess($0.at) > 0 }) else { return false }
    spare.removeAll(keepingCapacity: true)
    for k in cell.indices {
      let (from, to) = (cell[k], cell[k + 1 < cell.count ? k + 1 : 0])
      let (s, t) = (excess(from.at), excess(to.at))
      if s <= 0 { spare.append(from) }
      guard (s <= 0) != (t <= 0) else { continue }
      let u = s / (s - t)
      let at = PlanePoint(
        from.at.x + u * (to.at.x - from.at.x), from.at.y + u * (to.at.y - from.at.y))
      spare.append(Corner(at: at, beyond: s <= 0 ? beyond : from.beyond))
    }
    if spare.count < 3 { spare.removeAll(keepingCapacity: true) }
    swap(&cell, &spare)
    return true
  }
}
