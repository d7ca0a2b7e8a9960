import CKantorKernels
import KantorCore

/// What one thread of a `CellSweep` works in: the gathered columns of a group of rows.
final class SweepRoom: @unchecked Sendable {
  /// Kept nodes as runs [first, end) of columns, merged where they touch.
  let runs: Buffer<Int32>
  var runCount = 0
  /// Gathered columns, their potentials and the sums of the rows last worked on.
  var count = 0
  let stride: Int
  let y64: Buffer<Double>
  let y32: Buffer<Float>
  let gamma: Buffer<Double>
  let sums: Buffer<Double>
  /// Runs of gathered columns of one cell: where they begin, and the cell.
  let segmentStart: Buffer<Int32>
  let segmentCell: Buffer<Int32>
  var segmentCount = 0
  let columnSum: Buffer<Double>
  let scratch: Buffer<UInt8>
  let stack: Buffer<Int>
  var pairs = 0.0
  /// The group that the columns were gathered for.
  var level = 0
  var place = 0
  let oldPhi: Buffer<Double>
  var hopeless: Int64 = 0
  var failure: KantorError?

  init(_ m: Int, _ d: Int, nodes: Int, groupRows: Int) throws(KantorError) {
    stride = Geometry.paddedCount(m)
    let size = try checkedProduct(stride, d, of: "points_target")
    y64 = try Buffer(count: size)
    y32 = try Buffer(count: size)
    gamma = try Buffer(count: stride)
    sums = try Buffer(count: stride)
    columnSum = try Buffer(count: stride)
    runs = try Buffer(count: 2 * nodes + 2)
    segmentStart = try Buffer(count: m + 1)
    segmentCell = try Buffer(count: m + 1)
    scratch = try Buffer(count: Int(kn_sweep_scratch(Int64(m))) + 64)
    stack = try Buffer(count: NodeWalk.depth)
    oldPhi = try Buffer(count: groupRows)
  }

  func start() {
    columnSum.fill(0)
    (pairs, hopeless, failure) = (0, 0, nil)
  }
}

/// The loops of one pass of a `CellSweep`.
struct GroupSweep {
  private let state: EntropicState
  private let cut: Double
  private let geometry: Geometry
  private let cost: BoxCost
  private let precision: SweepPrecision
  private let rows: PointTree
  private let columns: PointTree
  private let rowBounds: NodeBounds
  private let columnBounds: NodeBounds
  private let columnCell: Buffer<Int32>?

  init(
    _ state: EntropicState, cut: Double, geometry: Geometry, cost: BoxCost,
    precision: SweepPrecision, rows: PointTree, columns: PointTree, rowBounds: NodeBounds,
    columnBounds: NodeBounds, columnCell: Buffer<Int32>?
  ) {
    self.state = state
    self.cut = cut
    self.geometry = geometry
    self.cost = cost
    self.precision = precision
    self.rows = rows
    self.columns = columns
    self.rowBounds = rowBounds
    self.columnBounds = columnBounds
    self.columnCell = columnCell
  }

  /// Finds and gathers the columns that a group of rows may hold mass with.
  func gather(_ level: Int, _ place: Int, _ room: SweepRoom) {
    (room.level, room.place) = (level, place)
    gather(room)
  }

  private func gather(_ room: SweepRoom) {
    room.runCount = 0
    room.count = 0
    room.segmentCount = 0
    let node = PointTree.number(room.level, room.place)
    guard rowBounds.mean.pointer[node] > -.infinity else { return }
    let walk = NodeWalk(rows: rowBounds, columns: columnBounds, tree: columns, cost: cost)
    walk.visit(node, 1 / state.epsilon, cut, room.stack.pointer) { keep($0, room) }
    if room.runCount == 0 {
      // Nothing seems to be near: the potentials are far off, so look everywhere.
      room.runs.pointer[0] = 0
      room.runs.pointer[1] = Int32(truncatingIfNeeded: columns.count)
      room.runCount = 1
    }
    copy(room)
    if let columnCell { findSegments(columnCell, room) }
  }

  @inline(__always)
  private func keep(_ range: Range<Int>, _ room: SweepRoom) {
    let runs = room.runs.pointer
    let (first, end) = (
      Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound)
    )
    if room.runCount > 0, runs[2 * room.runCount - 1] == first {
      runs[2 * room.runCount - 1] = end
    } else {
      runs[2 * room.runCount] = first
      runs[2 * room.runCount + 1] = end
      room.runCount += 1
    }
  }

  private func copy(_ room: SweepRoom) {
    let (gamma, d) = (state.gamma.pointer, columns.dimension)
    let from = Int(geometry.cost.stride)
    var count = 0
    for r in 0..<room.runCount {
      let first = Int(room.runs.pointer[2 * r])
      let size = Int(room.runs.pointer[2 * r + 1]) - first
      (room.gamma.pointer + count).update(from: gamma + first, count: size)
      for k in 0..<d {
        if precision == .single, let y = geometry.cost.y32 {
          (room.y32.pointer + k * room.stride + count).update(
            from: y + k * from + first, count: size)
        } else if let y = geometry.cost.y64 {
          (room.y64.pointer + k * room.stride + count).update(
            from: y + k * from + first, count: size)
        }
      }
      count += size
    }
    room.count = count
  }

  private func findSegments(_ cell: Buffer<Int32>, _ room: SweepRoom) {
    var (count, place) = (0, 0)
    var last = Int32(-1)
    for r in 0..<room.runCount {
      for j in Int(room.runs.pointer[2 * r])..<Int(room.runs.pointer[2 * r + 1]) {
        if cell.pointer[j] != last {
          last = cell.pointer[j]
          room.segmentStart.pointer[count] = Int32(truncatingIfNeeded: place)
          room.segmentCell.pointer[count] = last
          count += 1
        }
        place += 1
      }
    }
    room.segmentStart.pointer[count] = Int32(truncatingIfNeeded: place)
    room.segmentCount = count
  }

  /// Makes rows [begin, end) exact on the gathered columns; `room.sums` are the columns' sums.
  ///
  /// Where f rises by more than the margin, columns may be missing. What was found without them is
  /// too high, so what is gathered for it is enough.
  func run(_ begin: Int, _ end: Int, _ room: SweepRoom) {
    let (old, phi) = (room.oldPhi.pointer, state.phi.pointer)
    for i in begin..<end { old[i - begin] = phi[i] }
    makeExact(begin, end, room)
    var rise = -Double.infinity
    for i in begin..<end where state.a.pointer[i] > 0 { rise = max(rise, phi[i] - old[i - begin]) }
    if rise > Self.margin, room.count < columns.count {
      rowBounds.update(room.level, room.place, phi, state.logA.pointer)
      gather(room)
      makeExact(begin, end, room)
    }
    room.pairs += Double(end - begin) * Double(room.count)
    scatter(room)
  }

  /// By how much exponents may rise in a sweep beyond what its choice of pairs reckoned with.
  static let margin = 2.0

  private func makeExact(_ begin: Int, _ end: Int, _ room: SweepRoom) {
    var view = geometry.cost
    view.columns = Int64(room.count)
    view.stride = Int64(room.stride)
    view.y32 = UnsafePointer(room.y32.pointer)
    view.y64 = UnsafePointer(room.y64.pointer)
    let (a, phi, sums) = (state.a.pointer, state.phi.pointer, room.sums.pointer)
    sums.update(repeating: 0, count: room.count)
    let (first, last, inverse) = (Int64(begin), Int64(end), 1 / state.epsilon)
    var error = 0.0
    if precision == .double {
      room.hopeless += kn_sinkhorn_sweep_f64(
        &view, first, last, inverse, a, phi, room.gamma.pointer, sums, &error,
        room.scratch.pointer)
    } else {
      room.hopeless += kn_sinkhorn_sweep_f32(
        &view, first, last, inverse, a, phi, room.gamma.pointer, sums, &error,
        precision == .mixed ? 1 : 0, room.scratch.pointer)
    }
  }

  private func scatter(_ room: SweepRoom) {
    var place = 0
    for r in 0..<room.runCount {
      let first = Int(room.runs.pointer[2 * r])
      let size = Int(room.runs.pointer[2 * r + 1]) - first
      let (out, sums) = (room.columnSum.pointer + first, room.sums.pointer + place)
      for k in 0..<size { out[k] += sums[k] }
      place += size
    }
  }
}
