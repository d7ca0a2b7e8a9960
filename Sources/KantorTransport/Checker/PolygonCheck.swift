import KantorCore
import KantorNumerics

/// What is proved about potentials of points that share a polygon.
struct PolygonCertificate {
  /// Value of the semi-dual, and cost of the plan by cells.
  var dual = Double.nan
  var cost = Double.nan
  /// Cost of a plan with the masses b.
  var upper = Double.infinity
  /// |cell masses - b|_1 / mass, and what the cells miss of the polygon.
  var residual = Double.infinity
  /// Size of the dual value's terms.
  var scale = Double.nan
}

/// Certifies potentials on a polygon, with cells of its own.
///
/// Every cell is cut out of the polygon by all other points, with no search structure; the areas
/// have to add up to that of the polygon. <b, g> + rho sum_j integral over cell j of
/// (|x - y_j|^2 - g_j) is then a lower bound of the cost. For the upper one, cells with too much
/// mass keep the share b_j / q_j of their density; what they give up goes to the points that lack
/// mass, as a product, whose cost follows from the moments.
struct PolygonCheck: @unchecked Sendable {
  let problem: PolygonProblem
  private let parallel: Parallel

  /// Areas, first moments and integrals of |x|^2 of the cells, about their points.
  struct Cells: @unchecked Sendable {
    let areas: Buffer<Double>
    let moments: Buffer<Double>
    let squares: Buffer<Double>
    /// Corners of all cells in order, and where each cell starts.
    var corners: [PlanePoint] = []
    var starts: [Int64] = [0]
  }

  init(_ problem: PolygonProblem, threads: Int) {
    self.problem = problem
    parallel = Parallel(threads: threads)
  }

  private final class Outline: @unchecked Sendable {
    var corners: [[PlanePoint]] = []
  }

  func certify(_ g: Buffer<Double>) throws(KantorError) -> (PolygonCertificate, Cells) {
    let m = problem.m
    var cells = Cells(
      areas: try Buffer(count: m), moments: try Buffer(count: 2 * m), squares: try Buffer(count: m))
    let sums = cells
    var certificate = PolygonCertificate()
    for j in 0..<m where !g.pointer[j].isFinite { return (certificate, cells) }
    let outlines = (0..<parallel.threads).map { _ in Outline() }
    parallel.forEach(m) { part, first, end in
      for j in first..<end {
        let cell = cell(j, g.pointer)
        addUp(j, cell, sums)
        outlines[part].corners.append(cell)
      }
    }
    for outline in outlines {
      for (cell) in outline.corners {
        let j = cells.starts.count - 1
        let y = problem.point(j)
        for p in cell { cells.corners.append(PlanePoint(p.x + y.x, p.y + y.y)) }
        cells.starts.append(Int64(cells.corners.count))
      }
    }
    judge(g, cells, &certificate)
    return (certificate, cells)
  }

  /// The corners about y_j of what is nearer to it than to all others, in powers.
  private func cell(_ j: Int, _ g: UnsafePointer<Double>) -> [PlanePoint] {
    let y = problem.point(j)
    var cell = problem.corners.map { $0 - y }
    var reach = cell.map(\.square).max() ?? 0
    for k in 0..<problem.m where k != j {
      let d = problem.point(k) - y
      // On the cell 2 <d, x> is at most 2 |d| |x|.
      let offset = d.square + g[j] - g[k]
      if offset >= 0, offset * offset >= 4 * d.square * reach { continue }
      let sides = cell.map { 2 * (d.x * $0.x + d.y * $0.y) - offset }
      guard sides.contains(where: { $0 > 0 }) else { continue }
      var kept: [PlanePoint] = []
      for e in cell.indices {
        let f = (e + 1) % cell.count
        if sides[e] <= 0 { kept.append(cell[e]) }
        if (sides[e] < 0 && sides[f] > 0) || (sides[e] > 0 && sides[f] < 0) {
          let share = sides[e] / (sides[e] - sides[f])
          kept.append(
            PlanePoint(
              (1 - share) * cell[e].x + share * cell[f].x,
              (1 - share) * cell[e].y + share * cell[f].y))
        }
      }
      if kept.count < 3 { return [] }
      cell = kept
      reach = cell.map(\.square).max() ?? 0
    }
    return cell
  }

  /// Integrals of 1, x and |x|^2, triangle by triangle from the first corner.
  private func addUp(_ j: Int, _ cell: [PlanePoint], _ sums: Cells) {
    guard cell.count >= 3 else { return }
    var (area, first, second, square) = (0.0, 0.0, 0.0, 0.0)
    let a = cell[0]
    for k in 1..<(cell.count - 1) {
      let (b, c) = (cell[k], cell[k + 1])
      let part = 0.5 * (b - a).cross(c - a)
      let (x, y) = (a.x + b.x + c.x, a.y + b.y + c.y)
      area += part
      first += part * x / 3
      second += part * y / 3
      square += part * (x * x + y * y + a.square + b.square + c.square) / 12
    }
    sums.areas.pointer[j] = area
    sums.moments.pointer[2 * j] = first
    sums.moments.pointer[2 * j + 1] = second
    sums.squares.pointer[j] = square
  }

  private func judge(_ g: Buffer<Double>, _ cells: Cells, _ certificate: inout PolygonCertificate) {
    let (m, density) = (problem.m, problem.density)
    var (dual, cost, error, size) = (
      CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()
    )
    var total = CompensatedSum()
    for j in 0..<m {
      let (q, b) = (density * cells.areas.pointer[j], problem.b.pointer[j])
      let own = density * cells.squares.pointer[j]
      total.add(cells.areas.pointer[j])
      error.add(abs(q - b))
      cost.add(own)
      dual.add(own)
      dual.add((b - q) * g.pointer[j])
      size.add(own + abs((b - q) * g.pointer[j]))
    }
    certificate.dual = dual.value
    certificate.cost = cost.value
    certificate.residual = error.value / problem.mass + abs(total.value / problem.area - 1)
    certificate.upper = upper(cells)
    certificate.scale = max(size.value, .leastNormalMagnitude)
  }

  /// Cost of the plan by cells after it was brought to the masses b.
  private func upper(_ cells: Cells) -> Double {
    let density = problem.density
    var (cost, left, x, y, square) = (
      CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()
    )
    for j in 0..<problem.m {
      let (q, b) = (density * cells.areas.pointer[j], problem.b.pointer[j])
      let keep = q > b ? b / q : 1
      cost.add(keep * density * cells.squares.pointer[j])
      guard keep < 1 else { continue }
      // Of what is given up, the moments about the origin.
      let (p, share) = (problem.point(j), (1 - keep) * density)
      let (u, v) = (cells.moments.pointer[2 * j], cells.moments.pointer[2 * j + 1])
      let area = cells.areas.pointer[j]
      left.add(share * area)
      x.add(share * (u + area * p.x))
      y.add(share * (v + area * p.y))
      square.add(share * (cells.squares.pointer[j] + 2 * (u * p.x + v * p.y) + area * p.square))
    }
    guard left.value > 0 else { return cost.value }
    for j in 0..<problem.m {
      let lack = problem.b.pointer[j] - density * cells.areas.pointer[j]
      guard lack > 0 else { continue }
      let p = problem.point(j)
      let moved = square.value - 2 * (x.value * p.x + y.value * p.y) + left.value * p.square
      cost.add(lack * moved / left.value)
    }
    return cost.value
  }
}
