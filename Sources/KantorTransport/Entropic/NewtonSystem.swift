import CKantorKernels
import KantorCore
import KantorNumerics

/// The linear system of a Newton step on the row-exact plan P with its small entries left out:
///     ((1 + s) diag(w) - S^T diag(1/a) S) d = b - w,   S = {P_ij >= theta}.
///
/// It is the Schur complement of the Laplacian of the bipartite graph with weights S, plus an
/// excess on the diagonal: what was left out, and the shift. Conjugate gradients run on the
/// complement; the preconditioner is its diagonal or, once that has been slow, an approximate
/// factorisation of the Laplacian, which does not mind how far the weights lie apart.
final class NewtonSystem {
  private(set) var innerIterations = 0

  private let plan: RestrictedPlan
  private let state: EntropicState
  private let inverseRow: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let inverse: Buffer<Double>
  private let solver: ConjugateGradient
  private let rowStart: Buffer<Int64>
  private let column: Buffer<Int32>
  private let value: Buffer<Double>
  /// What was left out of rows (first n) and columns.
  private let excess: Buffer<Double>
  private let isPartial: Bool
  private let parallel: Parallel
  private let partial: Buffer<Double>
  private var graph: ApproximateCholesky?
  private let degree: Buffer<Int32>
  private let graphRoom: Buffer<Double>
  private var random = RandomStream(seed: 0, stream: 0x4C41_504C)
  /// Whether the diagonal was too slow a preconditioner.
  private(set) var wantsGraph: Bool

  static let maxIterations = 1000
  /// Iterations with the diagonal after which the factorisation is tried.
  static let slowIterations = 80
  /// Stored entries per vertex beyond which the factorisation would cost too much.
  static let graphDensity = 40

  /// `isPartial`: the plan has mass also where nothing is stored.
  init(
    _ state: EntropicState, _ plan: RestrictedPlan, threads: Int, wantsGraph: Bool,
    isPartial: Bool = false
  ) throws(KantorError) {
    self.wantsGraph = wantsGraph
    self.isPartial = isPartial
    self.state = state
    self.plan = plan
    let (n, m) = (state.n, state.m)
    inverseRow = try Buffer(count: n)
    for i in 0..<n where state.a.pointer[i] > 0 { inverseRow.pointer[i] = 1 / state.a.pointer[i] }
    diagonal = try Buffer(count: m)
    inverse = try Buffer(count: m)
    solver = try ConjugateGradient(count: m)
    rowStart = try Buffer(count: n + 1)
    column = try Buffer(count: plan.count)
    value = try Buffer(count: plan.count)
    excess = try Buffer(count: n + m)
    degree = try Buffer(count: n + m)
    graphRoom = try Buffer(count: n + m)
    parallel = Parallel(threads: min(threads, max(1, plan.count / RowBlocks.pairsPerThread)))
    partial = try Buffer(count: try checkedProduct(m, parallel.threads, of: "products"))
  }

  /// Solves for `direction`; the relative residual asked for is `tolerance`.
  @discardableResult
  func solve(
    gradient: UnsafePointer<Double>, threshold: Double, shift: Double, tolerance: Double,
    direction: Buffer<Double>, shouldStop: () -> Bool
  ) throws(KantorError) -> ConjugateGradient.Outcome {
    choose(threshold: threshold)
    formDiagonal(shift: shift)
    if wantsGraph { try factorise(shift: shift, shouldStop) } else { graph = nil }
    direction.fill(0)
    let outcome = solver.solve(
      rightHandSide: gradient, x: direction.pointer, tolerance: tolerance,
      maxIterations: Self.maxIterations, multiply: multiply, precondition: precondition,
      shouldStop: shouldStop)
    innerIterations += outcome.iterations
    if outcome.iterations > Self.slowIterations { wantsGraph = true }
    return outcome
  }

  private func choose(threshold: Double) {
    excess.fill(0)
    let n = plan.n
    let (left, columns, values) = (excess.pointer, plan.column.pointer, plan.value.pointer)
    var place = 0
    for i in 0..<n {
      rowStart.pointer[i] = Int64(place)
      var dropped = 0.0
      for k in plan.entries(of: i) {
        let (j, p) = (columns[k], values[k])
        if p >= threshold {
          column.pointer[place] = j
          value.pointer[place] = p
          place &+= 1
        } else {
          dropped += p
          left[n &+ Int(j)] += p
        }
      }
      left[i] = dropped
    }
    rowStart.pointer[n] = Int64(place)
    if isPartial { completeExcess() }
  }

  /// The excess where stored entries alone do not tell it.
  private func completeExcess() {
    let (n, left) = (plan.n, excess.pointer)
    for i in 0..<n { left[i] = state.a.pointer[i] }
    for j in 0..<plan.m { left[n + j] = state.columnSum.pointer[j] }
    for i in 0..<n {
      for k in Int(rowStart.pointer[i])..<Int(rowStart.pointer[i + 1]) {
        left[i] -= value.pointer[k]
        left[n + Int(column.pointer[k])] -= value.pointer[k]
      }
    }
    for v in 0..<(n + plan.m) { left[v] = max(0, left[v]) }
  }

  private var entryCount: Int { Int(rowStart.pointer[plan.n]) }

  private func formDiagonal(shift: Double) {
    let w = state.columnSum.pointer
    inverse.fill(0)
    kn_sparse_schur_diagonal(
      rowStart.pointer, column.pointer, value.pointer, 0, Int64(plan.n), inverseRow.pointer,
      inverse.pointer)
    for j in 0..<plan.m {
      diagonal.pointer[j] = (1 + shift) * w[j]
      let remains = diagonal.pointer[j] - inverse.pointer[j]
      // Rounding can eat a pivot that a heavy pair leaves almost empty.
      inverse.pointer[j] = w[j] > 0 ? 1 / max(remains, 1e-14 * w[j]) : 0
    }
  }

  private func factorise(
    shift: Double, _ shouldStop: () -> Bool
  ) throws(KantorError) {
    let (n, m, count) = (plan.n, plan.m, entryCount)
    guard count <= Self.graphDensity * (n + m) else {
      graph = nil
      return
    }
    var factor = try ApproximateCholesky(count: n + m, edgeCount: count)
    degree.fill(0)
    for i in 0..<n {
      degree.pointer[i] = Int32(truncatingIfNeeded: rowStart.pointer[i + 1] - rowStart.pointer[i])
    }
    for k in 0..<count { degree.pointer[n + Int(column.pointer[k])] += 1 }
    try factor.begin(degrees: degree.pointer)
    for i in 0..<n {
      for k in Int(rowStart.pointer[i])..<Int(rowStart.pointer[i + 1]) {
        factor.join(i, n + Int(column.pointer[k]), value.pointer[k])
      }
      factor.join(i, n + m, excess.pointer[i])
    }
    for j in 0..<m {
      factor.join(n + j, n + m, excess.pointer[n + j] + shift * state.columnSum.pointer[j])
    }
    graph = try factor.factorise(random: &random, shouldStop: shouldStop) ? factor : nil
  }

  /// out = (1 + s) w x - S^T diag(1/a) S x
  private func multiply(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
    let m = plan.m
    partial.fill(0)
    parallel.forEach(plan.n) { part, first, end in
      kn_sparse_schur(
        rowStart.pointer, column.pointer, value.pointer, Int64(first), Int64(end),
        inverseRow.pointer, x, partial.pointer + part * m)
    }
    for j in 0..<m {
      var taken = 0.0
      for part in 0..<parallel.threads { taken += partial.pointer[part * m + j] }
      out[j] = diagonal.pointer[j] * x[j] - taken
    }
  }

  /// The complement's inverse is the column block of the Laplacian's inverse.
  private func precondition(_ r: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>) {
    let (n, m) = (plan.n, plan.m)
    guard let graph else {
      for j in 0..<m { z[j] = inverse.pointer[j] * r[j] }
      return
    }
    let room = graphRoom.pointer
    for i in 0..<n { room[i] = 0 }
    for j in 0..<m { room[n + j] = r[j] }
    graph.solve(room)
    for j in 0..<m { z[j] = room[n + j] }
  }
}
