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

  private init(
    n: Int, m: Int, rowStart: Buffer<Int64>, column: Buffer<Int32>, entryCost: Buffer<Double>,
    threads: Int
  ) throws(KantorError) {
    self.n = n
    self.m = m
    self.rowStart = rowStart
    self.column = column
    self.entryCost = entryCost
    count = column.count
    value = try Buffer(count: count)
    parallel = Parallel(threads: min(threads, max(1, count / FullSweep.pairsPerThread)))
    partialSums = try Buffer(count: try checkedProduct(m, parallel.threads, of: "sums"))
  }

  /// The pairs that matter at the state, or nil when they are more than `limit`.
  static func choose(
    _ state: EntropicState, _ geometry: Geometry, cut: Double, limit: Int, threads: Int
  ) throws(KantorError) -> RestrictedPlan? {
    let n = state.n
    let rowStart = try Buffer<Int64>(count: n + 1)
    let parallel = Parallel(threads: threads)
    let inverse = 1 / state.epsilon
    let (phi, gamma) = (state.phi.pointer, state.gamma.pointer)
    let (logA, logB) = (state.logA.pointer, state.logB.pointer)
    parallel.forEach(n) { _, first, end in
      var cost = geometry.cost
      kn_matter_count(
        &cost, Int64(first), Int64(end), inverse, phi, gamma, logA, logB, cut,
        rowStart.pointer + 1)
    }
    for i in 0..<n { rowStart.pointer[i + 1] += rowStart.pointer[i] }
    let count = Int(rowStart.pointer[n])
    guard count <= limit else { return nil }
    let column = try Buffer<Int32>(count: count)
    let entryCost = try Buffer<Double>(count: count)
    parallel.forEach(n) { _, first, end in
      var cost = geometry.cost
      kn_matter_fill(
        &cost, Int64(first), Int64(end), inverse, phi, gamma, logA, logB, cut, rowStart.pointer,
        column.pointer, entryCost.pointer)
    }
    return try RestrictedPlan(
      n: n, m: state.m, rowStart: rowStart, column: column, entryCost: entryCost, threads: threads)
  }

  /// The pairs of this choice that still matter at the state.
  func narrowed(
    _ state: EntropicState, cut: Double, threads: Int
  ) throws(KantorError) -> RestrictedPlan {
    let inverse = 1 / state.epsilon
    let starts = try Buffer<Int64>(count: n + 1)
    let keeps = { (i: Int, k: Int) -> Bool in
      let j = Int(self.column.pointer[k])
      let e = state.phi.pointer[i] + state.gamma.pointer[j] - self.entryCost.pointer[k] * inverse
      return e > cut + min(state.logA.pointer[i], state.logB.pointer[j])
    }
    for i in 0..<n {
      var kept = 0
      for k in entries(of: i) where keeps(i, k) { kept += 1 }
      starts.pointer[i + 1] = starts.pointer[i] + Int64(kept)
    }
    let count = Int(starts.pointer[n])
    let columns = try Buffer<Int32>(count: count)
    let costs = try Buffer<Double>(count: count)
    for i in 0..<n {
      var place = Int(starts.pointer[i])
      for k in entries(of: i) where keeps(i, k) {
        columns.pointer[place] = column.pointer[k]
        costs.pointer[place] = entryCost.pointer[k]
        place += 1
      }
    }
    return try RestrictedPlan(
      n: n, m: m, rowStart: starts, column: columns, entryCost: costs, threads: threads)
  }

  @inline(__always)
  func entries(of row: Int) -> Range<Int> {
    Int(rowStart.pointer[row])..<Int(rowStart.pointer[row + 1])
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
