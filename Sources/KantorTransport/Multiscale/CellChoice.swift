import Glibc
import KantorCore

/// Which cells the corrections of a cloud work on: the smallest that pay and whose pairs may be
/// stored.
final class CellChoice {
  private let sweep: CellSweep
  private let threads: Int
  private let monitor: Monitor
  private var correction: CellCorrection?
  private var epsilon = Double.nan
  /// Size of the cells, from centre to corner, in units of eps.
  private var radius = 0.0
  /// What was left out of the blocks in the last sweep was below this, in logarithms and relative
  /// to what independence would give.
  private var left = 0.0
  /// A better choice of cells is at hand.
  private var isOutdated = true

  private(set) var newtonSteps = 0
  private(set) var innerIterations = 0
  var count: Int { correction.map { max($0.blocks.rows.count, $0.blocks.columns.count) } ?? 0 }

  /// Cells smaller than this gain nothing, since the plan blurs more; larger ones do little.
  private static let smallest = 0.05
  private static let largest = 1e3
  /// Pairs of cells for each point: what keeps memory proportional to the points.
  private static let pairsPerPoint = 48
  private static let leastPairs = 1 << 21
  /// Share of them that is aimed at.
  private static let wanted = 0.6

  init(_ sweep: CellSweep, threads: Int, monitor: Monitor) {
    self.sweep = sweep
    self.threads = threads
    self.monitor = monitor
  }

  private var budget: Double {
    Double(max(Self.leastPairs, Self.pairsPerPoint * (sweep.rows.count + sweep.columns.count)))
  }

  /// Where the next sweep shall put its sums.
  func blocks(_ epsilon: Double, _ pace: MultiscalePace) throws(KantorError) -> BlockSums? {
    if epsilon != self.epsilon {
      // Cells may become smaller by themselves; a larger eps never follows a smaller one.
      (self.epsilon, radius) = (epsilon, Self.smallest)
      isOutdated = true
    }
    if isOutdated { try choose() }
    correction?.blocks.floor = pace.floor
    left = max(pace.cut, Double.log(pace.floor))
    return correction?.blocks
  }

  /// Share of the pairs of cells that is stored: what the last choice of cells came to or, before
  /// there is one, what the last sweep looked at.
  private var pairShare: Double {
    if let correction, correction.entries > 0 {
      return Double(correction.entries)
        / (Double(correction.blocks.rows.count) * Double(correction.blocks.columns.count))
    }
    let size = Double(sweep.rows.count) * Double(sweep.columns.count)
    return sweep.pairs > 0 ? sweep.pairs / size : 1
  }

  /// The smallest cells for which the pairs, at the share that the last sweep saw, are few enough.
  private func choose() throws(KantorError) {
    isOutdated = false
    let share = pairShare
    while radius < Self.largest {
      let rows = try CellCut(sweep.rows, sweep.cost, radius: radius * epsilon)
      let columns = try CellCut(sweep.columns, sweep.cost, radius: radius * epsilon)
      if share * Double(rows.count) * Double(columns.count) <= budget {
        correction = CellCorrection(
          try BlockSums(sweep, rows: rows, columns: columns), threads: threads, monitor: monitor)
        return
      }
      radius *= 1.5
    }
    correction = nil
  }

  /// After a sweep into `blocks`.
  func correct(_ state: EntropicState, _ pace: MultiscalePace) throws(KantorError) {
    guard let correction else { return }
    let (steps, inner) = (correction.newtonSteps, correction.innerIterations)
    try correction.apply(state, left: left, matter: pace.matter, error: pace.error)
    newtonSteps = correction.newtonSteps - steps
    innerIterations = correction.innerIterations - inner
    // Fewer pairs than feared: smaller cells next time. Halving cells doubles them along every
    // axis, on both sides.
    let used = Double(correction.entries) / (Self.wanted * budget)
    guard radius > Self.smallest, used < 0.5 else { return }
    let factor = max(0.25, Glibc.pow(used, 1 / Double(sweep.rows.dimension)))
    radius = max(Self.smallest, factor * radius)
    isOutdated = true
  }
}
