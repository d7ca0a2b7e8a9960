import KantorCore
import KantorNumerics

/// Maximises a smooth semi-dual F(g) by semismooth Newton steps: F is concave, its gradient is
/// piecewise linear, and -(its derivative) is the sum over the lines of the matrices J of
/// `Response`, sparse plus low rank. Each step is solved by conjugate gradients.
///
/// Source: L. Qi, J. Sun, "A nonsmooth version of Newton's method" (1993); for quadratically
/// regularised transport D. Lorenz, P. Manns, C. Meyer (2021).
final class SmoothNewton {
  enum Outcome {
    case converged
    /// No step raises F or lowers the error any more.
    case stalled
    case stopped
    /// A source has no target that it may reach.
    case forbidden
  }

  private(set) var steps = 0
  private(set) var evaluations = 0
  private(set) var innerIterations = 0

  private let dual: SmoothDual
  private let monitor: Monitor
  private let start: Buffer<Double>
  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let responses: Buffer<Response>
  private let diagonal: Buffer<Double>
  private let inverse: Buffer<Double>
  private let partial: Buffer<Double>
  private let solver: ConjugateGradient
  private var graph: ApproximateCholesky?
  private let degree: Buffer<Int32>
  private let graphRoom: Buffer<Double>
  private var random = RandomStream(seed: 0, stream: 0x534D_4F4F_5448)
  private var wantsGraph = false
  private var shift = 0.0
  private var damping = 1.0
  private let parallel: Parallel

  private static let maxInner = 500
  /// Halvings of a step before more damping is tried instead.
  private static let longestSearch = 6
  private static let longestTrouble = 12
  private static let slowInner = 60
  private static let graphDensity = 40
  /// Entries of the plan below which another thread costs more than it brings.
  private static let entriesPerThread = 1 << 15

  init(_ dual: SmoothDual, _ monitor: Monitor) throws(KantorError) {
    self.dual = dual
    self.monitor = monitor
    let (n, m) = (dual.n, dual.m)
    parallel = dual.parallel
    start = try Buffer(count: m)
    gradient = try Buffer(count: m)
    direction = try Buffer(count: m)
    responses = try Buffer(count: n)
    diagonal = try Buffer(count: m)
    inverse = try Buffer(count: m)
    partial = try Buffer(count: try checkedProduct(m, parallel.threads, of: "products"))
    solver = try ConjugateGradient(count: m)
    degree = try Buffer(count: n + m)
    graphRoom = try Buffer(count: n + m)
  }

  /// Goes on until the L1 error of the column sums is at most `tolerance`. `goesOn` is told the
  /// error before every step. The dual is left evaluated at its g, unless the host asked to stop.
  func run(
    tolerance: Double, goesOn: (Double) -> Bool
  ) throws(KantorError) -> Outcome {
    if let trouble = try evaluate() { return trouble }
    var failures = 0
    while true {
      let error = dual.error
      guard goesOn(error) else { return .stopped }
      if error <= tolerance { return .converged }
      guard failures < Self.longestTrouble else { return .stalled }
      try findDirection(error)
      let reached = try search(error)
      if let trouble = reached.trouble { return trouble }
      steps += 1
      if reached.isBetter { failures = 0 } else { failures += 1 }
      adapt(to: reached.step)
    }
  }

  /// Full steps ask for less damping, short ones for more.
  private func adapt(to step: Double) {
    if step == 1 { damping = max(damping / 4, 1e-6) }
    if step < 0.2 { damping = min(damping * (step > 0 ? 8 : 30), 1e8) }
  }

  private func evaluate() throws(KantorError) -> Outcome? {
    evaluations += 1
    switch try dual.evaluate() {
    case .complete: return nil
    case .interrupted: return .stopped
    case .forbidden: return .forbidden
    }
  }

  // MARK: Line search

  private func search(
    _ error: Double
  ) throws(KantorError) -> (isBetter: Bool, step: Double, trouble: Outcome?) {
    let (m, g, d, b) = (dual.m, dual.g.pointer, direction.pointer, dual.b.pointer)
    let value = dual.value
    var slope = CompensatedSum()
    for j in 0..<m {
      start.pointer[j] = g[j]
      slope.add(gradient.pointer[j] * d[j])
    }
    let rise = slope.value
    var step = 1.0
    if rise > 0, rise.isFinite {
      for _ in 0..<Self.longestSearch {
        for j in 0..<m where b[j] > 0 { g[j] = start.pointer[j] + step * d[j] }
        if let trouble = try evaluate() { return (false, 0, trouble) }
        // Where the rise of F drowns in rounding, the error decides.
        let isRising = dual.value >= value + 1e-4 * step * rise
          && step * rise > 1e-14 * abs(value)
        if isRising || dual.error <= 0.5 * error { return (true, step, nil) }
        if step * rise <= 1e-14 * abs(value), dual.error < error {
          return (true, step, nil)
        }
        step *= 0.5
      }
    }
    for j in 0..<m { g[j] = start.pointer[j] }
    return (false, 0, try evaluate())
  }

  // MARK: Direction

  private func findDirection(_ error: Double) throws(KantorError) {
    let (m, r) = (dual.m, gradient.pointer)
    for j in 0..<m { r[j] = dual.b.pointer[j] - dual.columnSum.pointer[j] }
    for i in 0..<dual.n {
      responses.pointer[i] = Response(dual.line, dual.plan.answers.pointer[i])
    }
    formDiagonals()
    let mean = averageDiagonal()
    shift = mean * (damping * min(1e-2, error) + 1e-13)
    for j in 0..<m {
      let own = inverse.pointer[j] + shift
      // Rounding can eat what a line of one entry leaves.
      inverse.pointer[j] = 1 / max(own, 1e-14 * (diagonal.pointer[j] + shift))
    }
    if wantsGraph { try factorise() } else { graph = nil }
    direction.fill(0)
    let outcome = solver.solve(
      rightHandSide: r, x: direction.pointer, tolerance: max(min(0.1, 0.1 * error), 1e-10),
      maxIterations: Self.maxInner, multiply: multiply, precondition: precondition,
      shouldStop: { monitor.heartbeat() != nil })
    innerIterations += outcome.iterations
    if outcome.iterations > Self.slowInner { wantsGraph = true }
  }

  /// The diagonals of sum diag(w), and of the whole matrix (kept in `inverse` for a moment).
  private func formDiagonals() {
    diagonal.fill(0)
    inverse.fill(0)
    let (d, full) = (diagonal.pointer, inverse.pointer)
    for i in 0..<dual.n {
      let (entries, count) = dual.plan.entries(i)
      guard count > 0 else { continue }
      let (response, top) = (responses.pointer[i], dual.plan.answers.pointer[i].top)
      let ownTop = response.top - response.topSum * response.topSum / response.total
      let ownMiddle = response.middle - response.coupling
        - response.middleSum * response.middleSum / response.total
      for k in 0..<count {
        let j = Int(entries[k].index)
        d[j] += k < top ? response.top : response.middle
        full[j] += max(k < top ? ownTop : ownMiddle, 0)
      }
    }
  }

  private func averageDiagonal() -> Double {
    var (sum, number) = (0.0, 0.0)
    for j in 0..<dual.m where dual.b.pointer[j] > 0 {
      sum += diagonal.pointer[j]
      number += 1
    }
    return max(sum / max(number, 1), .leastNormalMagnitude)
  }

  /// out = (sum J + shift) x
  private func multiply(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
    let m = dual.m
    partial.fill(0)
    let threads = min(
      parallel.threads, max(1, dual.plan.entryCount / Self.entriesPerThread))
    Parallel(threads: threads).forEach(dual.n) { part, first, end in
      let sums = partial.pointer + part * m
      for i in first..<end { takeAway(i, x, sums) }
    }
    for j in 0..<m {
      var taken = 0.0
      for part in 0..<threads { taken += partial.pointer[part * m + j] }
      out[j] = (diagonal.pointer[j] + shift) * x[j] - taken
    }
  }

  /// The low-rank part of one line.
  @inline(__always)
  private func takeAway(
    _ i: Int, _ x: UnsafePointer<Double>, _ sums: UnsafeMutablePointer<Double>
  ) {
    let (entries, count) = dual.plan.entries(i)
    guard count > 0 else { return }
    let (response, top) = (responses.pointer[i], dual.plan.answers.pointer[i].top)
    var (high, middle) = (0.0, 0.0)
    for k in 0..<top { high += x[Int(entries[k].index)] }
    for k in top..<count { middle += x[Int(entries[k].index)] }
    let common = (response.topSum * high + response.middleSum * middle) / response.total
    let fromTop = response.topSum * common
    let fromMiddle = response.middleSum * common + response.coupling * middle
    for k in 0..<top { sums[Int(entries[k].index)] += fromTop }
    for k in top..<count { sums[Int(entries[k].index)] += fromMiddle }
  }

  // MARK: Preconditioner

  /// Without middle entries the matrix is the Schur complement of the Laplacian of the graph whose
  /// edges are the plan's entries; with them that is still a good guess.
  private func factorise() throws(KantorError) {
    let (n, m) = (dual.n, dual.m)
    let count = dual.plan.entryCount
    guard count <= Self.graphDensity * (n + m) else {
      graph = nil
      return
    }
    var factor = try ApproximateCholesky(count: n + m, edgeCount: count + n + m)
    degree.fill(0)
    for i in 0..<n {
      let (entries, number) = dual.plan.entries(i)
      degree.pointer[i] = Int32(truncatingIfNeeded: number)
      for k in 0..<number { degree.pointer[n + Int(entries[k].index)] += 1 }
    }
    try factor.begin(degrees: degree.pointer)
    for i in 0..<n {
      let (entries, number) = dual.plan.entries(i)
      let (response, top) = (responses.pointer[i], dual.plan.answers.pointer[i].top)
      for k in 0..<number {
        factor.join(
          i, n + Int(entries[k].index), k < top ? response.top : response.middle)
      }
    }
    for j in 0..<m { factor.join(n + j, n + m, shift) }
    let done = try factor.factorise(
      random: &random, shouldStop: { monitor.heartbeat() != nil })
    graph = done ? factor : nil
  }

  private func precondition(_ r: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>) {
    let (n, m) = (dual.n, dual.m)
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
