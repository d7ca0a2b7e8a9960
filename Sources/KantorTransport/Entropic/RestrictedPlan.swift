import CKantorKernels
import KantorCore
import KantorNumerics

/// The entropic problem on the pairs that matter, stored row by row with their costs.
///
/// What a row or column leaves out is at most exp(cut) of its weight per pair, so the potentials
/// may move by part of that before the choice has to be made again. A full pass decides whether
/// the answer holds for all pairs.
final class RestrictedPlan: EntropicPass {
  let n: Int
  let m: Int
  let count: Int
  let rowStart: Buffer<Int64>
  let column: Buffer<Int32>
  let entryCost: Buffer<Double>
  /// The plan of the last pass: rows exact.
  let value: Buffer<Double>
  private let parallel: Parallel
  private let partialSums: Buffer<Double>
  /// Potentials at the choice, and by how much C - f - g exceeds 0 at least where nothing is
  /// stored, all in units of the cost.
  private let chosenF: Buffer<Double>
  private let chosenG: Buffer<Double>
  private let slack: Double

  /// Entries that were chosen by the caller: `cut` bounds the exponents of all others.
  init(
    _ state: EntropicState, cut: Double, rowStart: Buffer<Int64>, column: Buffer<Int32>,
    entryCost: Buffer<Double>, threads: Int
  ) throws(KantorError) {
    n = state.n
    m = state.m
    self.rowStart = rowStart
    self.column = column
    self.entryCost = entryCost
    count = column.count
    value = try Buffer(count: count)
    parallel = Parallel(threads: min(threads, max(1, count / RowBlocks.pairsPerThread)))
    partialSums = try Buffer(count: try checkedProduct(m, parallel.threads, of: "sums"))
    slack = -cut * state.epsilon
    chosenF = try Buffer(count: n)
    chosenG = try Buffer(count: m)
    for i in 0..<n { chosenF.pointer[i] = state.f(i) }
    for j in 0..<m { chosenG.pointer[j] = state.g(j) }
  }

  /// How far exponents may still rise before a pair that is not stored may have one above `cut`
  /// (relative to its weights).
  func room(_ state: EntropicState, cut: Double) -> Double {
    var (riseF, riseG) = (-Double.infinity, -Double.infinity)
    for i in 0..<n where state.a.pointer[i] > 0 {
      riseF = max(riseF, state.f(i) - chosenF.pointer[i])
    }
    for j in 0..<m where state.b.pointer[j] > 0 {
      riseG = max(riseG, state.g(j) - chosenG.pointer[j])
    }
    return (slack - riseF - riseG) / state.epsilon + cut
  }

  /// About how many pairs matter at the state, from a sample of the rows.
  static func estimate(_ state: EntropicState, _ geometry: Geometry, cut: Double) -> Double {
    let step = 1 + state.n / sampledRows
    var cost = geometry.cost
    var (count, rows) = (Int64(0), 0)
    // Counts are written at the row's own place.
    withUnsafeMutablePointer(to: &count) { place in
      var total = Int64(0)
      for i in stride(from: step / 2, to: state.n, by: step) {
        kn_matter_count(
          &cost, Int64(i), Int64(i + 1), 1 / state.epsilon, state.phi.pointer, state.gamma.pointer,
          state.logA.pointer, state.logB.pointer, cut, place - i)
        total += place.pointee
        rows += 1
      }
      place.pointee = total
    }
    return rows > 0 ? Double(count) * Double(state.n) / Double(rows) : 0
  }

  private static let sampledRows = 64

  /// The pairs that matter at the state; nil when they are more than `limit`, or when the host
  /// wants to stop.
  static func choose(
    _ state: EntropicState, _ geometry: Geometry, cut: Double, limit: Int, threads: Int,
    monitor: Monitor? = nil
  ) throws(KantorError) -> RestrictedPlan? {
    let n = state.n
    let rowStart = try Buffer<Int64>(count: n + 1)
    let inverse = 1 / state.epsilon
    let (phi, gamma) = (state.phi.pointer, state.gamma.pointer)
    let (logA, logB) = (state.logA.pointer, state.logB.pointer)
    let blocks = RowBlocks(geometry, threads: threads, monitor: monitor)
    var count = 0
    let isCounted = blocks.forEach(
      { _, first, end in
        var cost = geometry.cost
        kn_matter_count(
          &cost, Int64(first), Int64(end), inverse, phi, gamma, logA, logB, cut,
          rowStart.pointer + 1)
      },
      after: { first, end in
        for i in first..<end { count += Int(rowStart.pointer[i + 1]) }
        return count <= limit
      })
    guard isCounted else { return nil }
    for i in 0..<n { rowStart.pointer[i + 1] += rowStart.pointer[i] }
    let column = try Buffer<Int32>(count: count)
    let entryCost = try Buffer<Double>(count: count)
    let isFilled = blocks.forEach { _, first, end in
      var cost = geometry.cost
      kn_matter_fill(
        &cost, Int64(first), Int64(end), inverse, phi, gamma, logA, logB, cut, rowStart.pointer,
        column.pointer, entryCost.pointer)
    }
    guard isFilled else { return nil }
    return try RestrictedPlan(
      state, cut: cut, rowStart: rowStart, column: column, entryCost: entryCost, threads: threads)
  }

  @inline(__always)
  func entries(of row: Int) -> Range<Int> {
    Int(rowStart.pointer[row])..<Int(rowStart.pointer[row + 1])
  }

  /// The stored entries of the state's plan as it is, without making rows exact.
  func evaluate(_ state: EntropicState) {
    parallel.forEach(n) { _, first, end in
      kn_sparse_plan(
        rowStart.pointer, column.pointer, entryCost.pointer, Int64(first), Int64(end),
        1 / state.epsilon, state.phi.pointer, state.gamma.pointer, value.pointer)
    }
  }

  func run(_ state: EntropicState) -> PassOutcome {
    let (phi, gamma, a) = (state.phi.pointer, state.gamma.pointer, state.a.pointer)
    let inverse = 1 / state.epsilon
    partialSums.fill(0)
    parallel.forEach(n) { part, first, end in
      kn_sparse_sweep(
        rowStart.pointer, column.pointer, entryCost.pointer, Int64(first), Int64(end), inverse, a,
        phi, gamma, value.pointer, partialSums.pointer + part * m)
    }
    let sums = state.columnSum.pointer
    for j in 0..<m {
      var sum = 0.0
      for part in 0..<parallel.threads { sum += partialSums.pointer[part * m + j] }
      sums[j] = sum
    }
    return .complete
  }
}
