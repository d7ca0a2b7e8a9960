import CKantorKernels
import KantorCore

/// The state of one `greenkhorn` solve and its steps; see `Greenkhorn`.
final class GreedyScaling {
  let state: EntropicState
  private(set) var ray: (f: Buffer<Double>, g: Buffer<Double>)?
  private(set) var refreshes = 0

  private let problem: TransportProblem
  private let monitor: Monitor
  private let sweep: FullSweep
  private let blocks: RowBlocks
  private let rows: Side
  private let columns: Side
  private let zeros: Buffer<Double>
  private let scratch: Buffer<UInt8>
  private let scratchStride: Int
  private var updates = 0
  private var previous = Double.infinity

  /// Sources or targets: their scalings, the weights that the sums should have, and the sums.
  private struct Side {
    let count: Int
    let weights: Buffer<Double>
    let scaling: Buffer<Double>
    let sums: Buffer<Double>
    let gain: Buffer<Double>
    /// The kernel with this side's points as rows.
    let kernel: Buffer<Double>
    var best = -1
    var error = 0.0
    /// A scaling has left the middle of the floating-point range.
    var isFar = false
  }

  private static func side(
    _ weights: Buffer<Double>, others: Int
  ) throws(KantorError) -> Side {
    let n = weights.count
    return Side(
      count: n, weights: weights, scaling: try Buffer(count: n), sums: try Buffer(count: n),
      gain: try Buffer(count: n),
      kernel: try Buffer(count: try checkedProduct(n, others, of: "kernel")))
  }

  /// Steps between two looks at the clock, and passes' worth of steps between two fresh sums.
  private static let pause = 64
  private static let epochs = 8
  /// Scalings beyond which K is made anew, and column sums (relative to their weights) below which
  /// whole sweeps come first: single columns cannot be mended when their sum is lost.
  private static let farthest = 1e80
  private static let leastSum = 1e-60
  private static let mostSweeps = 100

  init(
    _ problem: TransportProblem, epsilon: Double, threads: Int, _ monitor: Monitor
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    let costs = try CostSummary(problem, sampled: epsilon > 0, monitor)
    let a = try problem.a.copy()
    let b = try problem.b.copy()
    for i in 0..<a.count { a.pointer[i] /= problem.mass }
    for j in 0..<b.count { b.pointer[j] /= problem.mass }
    state = try EntropicState(
      a: a, b: b, mass: 1, epsilon: epsilon > 0 ? epsilon : costs.automaticEpsilon)
    sweep = try FullSweep(
      problem.geometry, precision: .double, threads: threads, monitor: monitor)
    blocks = RowBlocks(problem.geometry, threads: threads, monitor: monitor)
    rows = try Self.side(a, others: b.count)
    columns = try Self.side(b, others: a.count)
    zeros = try Buffer(count: max(a.count, b.count))
    scratchStride = (Int(kn_sweep_scratch(Int64(b.count))) + 127) / 64 * 64
    scratch = try Buffer(count: scratchStride * blocks.parallel.threads)
  }

  func run(tolerance: Double) throws(KantorError) {
    guard try start() else { return }
    var (rows, columns) = (rows, columns)
    guard makeKernel(&rows, &columns) else { return }
    let epoch = Self.epochs * (rows.count + columns.count)
    var next = updates + epoch
    while rows.error + columns.error > tolerance {
      guard step(&rows, &columns) else { break }
      let error = rows.error + columns.error
      if updates % Self.pause == 0 || updates == monitor.iterationLimit {
        guard monitor.check(iteration: updates, residual: error) == nil else { break }
      }
      if monitor.reachesIterationLimit(updates) { break }
      // Sums that were only added to are not what decides.
      guard updates >= next || error <= tolerance || rows.isFar || columns.isFar else { continue }
      guard makeKernel(&rows, &columns), isProgressing(rows.error + columns.error) else { break }
      next = updates + epoch
    }
    absorb(&rows, &columns)
    _ = monitor.check(iteration: updates, residual: rows.error + columns.error)
    if rows.error + columns.error > max(tolerance, 1e-6) { try findRay() }
  }

  /// Exact rows, and columns that are not lost; false when there is nothing to go on with.
  private func start() throws(KantorError) -> Bool {
    for _ in 0..<Self.mostSweeps {
      switch sweep.run(state) {
      case .complete: break
      case .interrupted: return false
      case .forbidden:
        ray = try ForbiddenRay.find(state, problem)
        return false
      }
      let (sums, b) = (state.columnSum.pointer, state.b.pointer)
      var isLost = false
      for j in 0..<state.m where b[j] > 0 && !(sums[j] >= Self.leastSum * b[j]) { isLost = true }
      guard isLost else { return true }
      for j in 0..<state.m where b[j] > 0 && sums[j] > 0 {
        state.gamma.pointer[j] += Double.log(b[j] / sums[j])
      }
      sweep.mendColumns(state)
    }
    return true
  }

  /// False when an epoch has gained nothing but rounding.
  private func isProgressing(_ error: Double) -> Bool {
    defer { previous = error }
    return error < 1e-12 ? error < 0.999 * previous : true
  }

  /// Makes the worst point exact.
  private func step(_ rows: inout Side, _ columns: inout Side) -> Bool {
    guard rows.best >= 0, columns.best >= 0 else { return false }
    updates += 1
    if rows.gain.pointer[rows.best] > columns.gain.pointer[columns.best] {
      return scale(&rows, &columns)
    }
    return scale(&columns, &rows)
  }

  private func scale(_ side: inout Side, _ other: inout Side) -> Bool {
    let i = side.best
    let (w, sum, old) = (side.weights.pointer[i], side.sums.pointer[i], side.scaling.pointer[i])
    let new = old * (w / sum)
    guard new.isFinite else { return false }
    side.scaling.pointer[i] = new
    side.sums.pointer[i] = w
    other.error = 0
    other.best = Int(
      kn_greedy_update(
        side.kernel.pointer + i * other.count, other.scaling.pointer, new - old,
        other.weights.pointer, other.sums.pointer, other.gain.pointer, Int64(other.count),
        &other.error))
    side.error = max(0, side.error - abs(sum - w))
    side.gain.pointer[i] = 0
    if new > Self.farthest || new < 1 / Self.farthest { side.isFar = true }
    var (least, place) = (0.0, Int64(-1))
    kn_argmin_difference_f64(
      zeros.pointer, side.gain.pointer, Int64(side.count), &least, &place)
    side.best = Int(place)
    return true
  }

  /// K at the present potentials, scalings of 1, fresh sums; false when the host wants to stop.
  private func makeKernel(_ rows: inout Side, _ columns: inout Side) -> Bool {
    absorb(&rows, &columns)
    refreshes += 1
    let (n, m) = (rows.count, columns.count)
    let isComplete = blocks.forEach { part, first, end in
      var cost = problem.geometry.cost
      kn_kernel_rows_f64(
        &cost, Int64(first), Int64(end), 1 / state.epsilon, state.phi.pointer,
        state.gamma.pointer, rows.kernel.pointer, Int64(m),
        scratch.pointer + part * scratchStride)
    }
    guard isComplete else { return false }
    transpose(rows.kernel.pointer, n, m, columns.kernel.pointer)
    sum(&rows, columns)
    sum(&columns, rows)
    return true
  }

  private func transpose(
    _ from: UnsafePointer<Double>, _ n: Int, _ m: Int, _ to: UnsafeMutablePointer<Double>
  ) {
    let tile = 32
    for i0 in stride(from: 0, to: n, by: tile) {
      for j0 in stride(from: 0, to: m, by: tile) {
        for i in i0..<min(i0 + tile, n) {
          for j in j0..<min(j0 + tile, m) { to[j * n + i] = from[i * m + j] }
        }
      }
    }
  }

  private func sum(_ side: inout Side, _ other: Side) {
    for i in 0..<side.count {
      let row = side.kernel.pointer + i * other.count
      var sum = 0.0
      for j in 0..<other.count { sum += row[j] }
      side.sums.pointer[i] = side.scaling.pointer[i] > 0 ? sum : 0
    }
    side.error = 0
    side.best = Int(
      kn_greedy_update(
        side.kernel.pointer, side.scaling.pointer, 0, side.weights.pointer, side.sums.pointer,
        side.gain.pointer, Int64(side.count), &side.error))
  }

  /// Moves the scalings into the potentials and sets them to 1, 0 where there is no mass.
  private func absorb(_ rows: inout Side, _ columns: inout Side) {
    Self.absorb(&rows, state.phi.pointer)
    Self.absorb(&columns, state.gamma.pointer)
  }

  private static func absorb(_ side: inout Side, _ potential: UnsafeMutablePointer<Double>) {
    for i in 0..<side.count where side.weights.pointer[i] > 0 {
      let scaling = side.scaling.pointer[i]
      if scaling > 0 { potential[i] += Double.log(scaling) }
      side.scaling.pointer[i] = 1
    }
    side.isFar = false
  }

  private func findRay() throws(KantorError) {
    guard try CostSummary.hasForbiddenPairs(problem.geometry) else { return }
    let (phi, gamma) = (try state.phi.copy(), try state.gamma.copy())
    if sweep.run(state) == .complete { ray = try ForbiddenRay.find(state, problem) }
    state.phi.pointer.update(from: phi.pointer, count: phi.count)
    state.gamma.pointer.update(from: gamma.pointer, count: gamma.count)
  }
}
