import CKantorKernels
import KantorCore
import KantorNumerics

/// A pass over the pairs that can matter: from gamma to phi with exact rows, and to the column
/// sums of that plan. It may also add the plan up over cells of sources and targets.
///
/// Sources are worked on in groups of neighbours. A walk down the tree of the targets finds the
/// nodes B of which a group A may hold mass: with an upper bound E of f/eps + g/eps - C/eps on
/// A x B (`NodeBounds`),
///     mass of A x B <= a(A) b(B) exp(E),
/// and where that exponent is below `cut` the block is left out: all such blocks together have at
/// most exp(cut) of the mass, as long as potentials do not rise. What is left is gathered, so that
/// the loops over pairs see one run of columns.
final class CellSweep {
  let rows: PointTree
  let columns: PointTree
  let geometry: Geometry
  let cost: BoxCost
  var precision = SweepPrecision.single
  /// Pairs of the last pass.
  private(set) var pairs = 0.0
  private let parallel: Parallel
  private let monitor: Monitor
  private let rowLevel: Int
  private let columnLevel: Int
  private let rowBounds: NodeBounds
  private let columnBounds: NodeBounds
  private let rooms: [SweepRoom]
  private var rescue: ColumnRescue

  /// Points in a group of rows and in the smallest node of columns that is looked at.
  private static let groupRows = 64
  private static let groupColumns = 32
  /// Pairs between two looks at the clock.
  private static let blockPairs = 1 << 22

  init(
    rows: PointTree, columns: PointTree, metric: Metric, power: Double, threads: Int,
    monitor: Monitor
  ) throws(KantorError) {
    self.rows = rows
    self.columns = columns
    self.monitor = monitor
    cost = BoxCost(metric: metric, power: power, dimension: rows.dimension)
    geometry = try .points(
      x: rows.points, n: rows.count, y: columns.points, m: columns.count,
      dimension: rows.dimension, metric: metric, power: power)
    rowLevel = rows.level(ofSize: Self.groupRows)
    columnLevel = columns.level(ofSize: Self.groupColumns)
    rowBounds = try NodeBounds(rows, metric, level: rowLevel, isRows: true)
    columnBounds = try NodeBounds(columns, metric, level: columnLevel, isRows: false)
    let size = Double(rows.count) * Double(columns.count)
    parallel = Parallel(
      threads: min(threads, max(1, Int(min(size / Double(RowBlocks.pairsPerThread), 1024)))))
    var rooms: [SweepRoom] = []
    for _ in 0..<parallel.threads {
      rooms.append(try SweepRoom(
          columns.count, rows.dimension, nodes: 1 << columnLevel, groupRows: Self.groupRows))
    }
    self.rooms = rooms
    rescue = try ColumnRescue(columns.count)
  }

  /// One pass; with `blocks` the sums of the plan over cells are collected there.
  func run(
    _ state: EntropicState, cut: Double, blocks: BlockSums? = nil
  ) throws(KantorError) -> PassOutcome {
    rowBounds.update(state.phi.pointer, state.logA.pointer)
    columnBounds.update(state.gamma.pointer, state.logB.pointer)
    for room in rooms { room.start() }
    try blocks?.start(parts: parallel.threads)
    let sweep = GroupSweep(
      state, cut: cut, geometry: geometry, cost: cost, precision: precision, rows: rows,
      columns: columns, rowBounds: rowBounds, columnBounds: columnBounds,
      columnCell: blocks?.columns.cell)
    let units = unitCount(blocks)
    var (first, size) = (0, parallel.threads)
    while first < units {
      let (base, count) = (first, min(size, units - first))
      parallel.forEach(count) { part, begin, end in
        for unit in (base + begin)..<(base + end) {
          runUnit(unit, part, sweep, blocks)
        }
      }
      first += count
      let done = rooms.reduce(0.0) { $0 + $1.pairs }
      let each = max(1, done / Double(first))
      size = max(parallel.threads, Int(Double(Self.blockPairs * parallel.threads) / each))
      if let failure = rooms.compactMap({ $0.failure }).first { throw failure }
      if first < units, monitor.heartbeat() != nil { return .interrupted }
    }
    pairs = rooms.reduce(0) { $0 + $1.pairs }
    let sums = state.columnSum.pointer
    for j in 0..<state.m {
      var sum = 0.0
      for room in rooms { sum += room.columnSum.pointer[j] }
      sums[j] = sum
    }
    guard !rooms.contains(where: { $0.hopeless > 0 }) else { return .forbidden }
    return rescue.mend(state, geometry, precision) ? .complete : .forbidden
  }

  /// Makes columns exact whose sums were lost to the cut of the exponentials or left out.
  func mendColumns(_ state: EntropicState) { rescue.update(state) }

  /// Groups, or cells of rows where these are larger: a thread works on whole ones.
  private func unitCount(_ blocks: BlockSums?) -> Int { blocks?.units.count ?? 1 << rowLevel }

  private func runUnit(_ unit: Int, _ part: Int, _ sweep: GroupSweep, _ blocks: BlockSums?) {
    let room = rooms[part]
    guard let blocks else {
      let range = rows.range(rowLevel, unit)
      sweep.gather(rowLevel, unit, room)
      sweep.run(range.lowerBound, range.upperBound, room)
      return
    }
    let span = blocks.units.range(unit)
    var group = span.lowerBound
    while group < span.upperBound {
      let place = groupPlace(group)
      let end = rows.first(rowLevel, place + 1)
      sweep.gather(rowLevel, place, room)
      var begin = group
      while begin < end {
        let cell = Int(blocks.rows.cell.pointer[begin])
        let cellEnd = Int(blocks.rows.start.pointer[cell + 1])
        let stop = min(end, cellEnd)
        sweep.run(begin, stop, room)
        blocks.add(room, part)
        if stop == cellEnd, room.failure == nil {
          do { try blocks.finish(cell, part) } catch { room.failure = error }
        }
        begin = stop
      }
      group = end
    }
  }

  /// The group that begins at a row.
  private func groupPlace(_ row: Int) -> Int {
    var place = (row << rowLevel) / rows.count
    while rows.first(rowLevel, place) < row { place += 1 }
    while rows.first(rowLevel, place) > row { place -= 1 }
    return place
  }

  /// Where groups of rows begin, for `BlockSums.units`.
  var groupStarts: [Int] { (0..<(1 << rowLevel)).map { rows.first(rowLevel, $0) } }
}
