import CKantorKernels
import KantorCore
import KantorNumerics

/// Products of the costs with thin matrices, C R and C' Q: from the points in O((n + m) d r) for
/// squared Euclidean costs, else from the costs in blocks of rows.
final class ThinProducts {
  let n: Int
  let m: Int
  let rank: Int
  private let geometry: Geometry
  private let monitor: Monitor
  private let engine: MatrixProduct
  private let cloud: Cloud?
  private let tile: Buffer<Double>

  /// Points of both sides around the mean of the targets, and their squared norms.
  private struct Cloud {
    let d: Int
    let x: Buffer<Double>
    let y: Buffer<Double>
    let squaresX: Buffer<Double>
    let squaresY: Buffer<Double>
    let moments: Buffer<Double>
  }

  private static let rowsPerTile = 64

  init(_ problem: TransportProblem, rank: Int, _ run: Run) throws(KantorError) {
    geometry = problem.geometry
    (n, m) = (geometry.n, geometry.m)
    self.rank = rank
    monitor = run.monitor
    engine = try MatrixProduct(threads: run.threads)
    cloud = try Self.cloud(geometry, rank)
    tile = try Buffer(count: cloud == nil ? Self.rowsPerTile * m : 0)
  }

  private static func cloud(_ geometry: Geometry, _ rank: Int) throws(KantorError) -> Cloud? {
    guard case .points(let x, let y, let d, .sqeuclidean, _) = geometry.source else { return nil }
    let cloud = Cloud(
      d: d, x: try x.copy(), y: try y.copy(), squaresX: try Buffer(count: geometry.n),
      squaresY: try Buffer(count: geometry.m), moments: try Buffer(count: d * rank))
    for k in 0..<d {
      var sum = 0.0
      for j in 0..<geometry.m { sum += y.pointer[j * d + k] }
      let mean = sum / Double(geometry.m)
      for i in 0..<geometry.n { cloud.x.pointer[i * d + k] -= mean }
      for j in 0..<geometry.m { cloud.y.pointer[j * d + k] -= mean }
    }
    for (points, squares) in [(cloud.x, cloud.squaresX), (cloud.y, cloud.squaresY)] {
      for i in 0..<squares.count {
        var sum = 0.0
        for k in 0..<d { sum += points.pointer[i * d + k] * points.pointer[i * d + k] }
        squares.pointer[i] = sum
      }
    }
    return cloud
  }

  private func beat() -> Bool { monitor.heartbeat() == nil }

  /// Writes C R (n x r) and C' Q (m x r); false when the solve is to stop.
  func multiply(
    q: Buffer<Double>, r: Buffer<Double>, into first: Buffer<Double>, _ second: Buffer<Double>
  ) throws(KantorError) -> Bool {
    if let cloud {
      let (own, far) = ((cloud.x, cloud.squaresX), (cloud.y, cloud.squaresY))
      guard try expand(cloud, r, far, onto: own, first) else { return false }
      return try expand(cloud, q, own, onto: far, second)
    }
    let cost = geometry.cost
    let right = MatrixView(r.pointer, rows: m, columns: rank)
    let isDense = cost.kind == Int32(KN_COST_DENSE_F64)
    second.fill(0)
    for start in stride(from: 0, to: n, by: isDense ? n : Self.rowsPerTile) {
      let rows = isDense ? n : min(Self.rowsPerTile, n - start)
      let block: MatrixView
      if isDense, let dense = cost.dense64 {
        block = MatrixView(dense, rows: n, columns: m, leading: Int(cost.leading))
      } else {
        for i in 0..<rows {
          var view = cost
          kn_cost_row_f64(&view, Int64(start + i), 0, Int64(m), tile.pointer + i * m)
        }
        block = MatrixView(tile.pointer, rows: rows, columns: m)
      }
      let left = MatrixView(q.pointer + start * rank, rows: rows, columns: rank)
      guard
        try engine.multiply(block, right, into: first.pointer + start * rank, beat: beat),
        try engine.multiply(block.transposed, left, into: second.pointer, keep: 1, beat: beat)
      else { return false }
    }
    return true
  }

  /// out = |x|^2 (1' R) + 1 (|y|^2' R) - 2 X (Y' R)
  private func expand(
    _ cloud: Cloud, _ factor: Buffer<Double>,
    _ far: (points: Buffer<Double>, squares: Buffer<Double>),
    onto near: (points: Buffer<Double>, squares: Buffer<Double>), _ out: Buffer<Double>
  ) throws(KantorError) -> Bool {
    let (count, farCount, d) = (near.squares.count, far.squares.count, cloud.d)
    let points = MatrixView(far.points.pointer, rows: farCount, columns: d)
    let thin = MatrixView(factor.pointer, rows: farCount, columns: rank)
    let moments = MatrixView(cloud.moments.pointer, rows: d, columns: rank)
    guard
      try engine.multiply(points.transposed, thin, into: cloud.moments.pointer, beat: beat),
      try engine.multiply(
        MatrixView(near.points.pointer, rows: count, columns: d), moments, into: out.pointer,
        factor: -2, beat: beat)
    else { return false }
    var sums = [Double](repeating: 0, count: rank)
    var squares = sums
    for j in 0..<farCount {
      let row = factor.pointer + j * rank
      for s in 0..<rank {
        sums[s] += row[s]
        squares[s] += far.squares.pointer[j] * row[s]
      }
    }
    for i in 0..<count {
      let row = out.pointer + i * rank
      for s in 0..<rank { row[s] += near.squares.pointer[i] * sums[s] + squares[s] }
    }
    return true
  }
}
