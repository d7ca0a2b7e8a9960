import CKantorKernels
import KantorCore
import KantorNumerics

/// A start for smoothed transport: potentials of a short entropic run, at the epsilon at which an
/// entry of the plan changes the marginal cost as much as it does in the quadratic problem,
/// epsilon = 0.3 gamma p, p the size of a typical entry. Newton's method then needs a few steps
/// where it would need a hundred from 0.
struct SmoothStart {
  private let dual: SmoothDual
  private let state: EntropicState
  private let sweep: FullSweep
  private let problem: TransportProblem
  private let monitor: Monitor

  /// Ratio to gamma times a typical entry; measured on clouds of 200 to 2000 points.
  private static let fraction = 0.3
  private static let firstFraction = 0.25
  private static let decrease = 0.5
  private static let sweepsPerLevel = 3
  private static let lastSweeps = 8
  private static let levelLimit = 40
  private static let sampledRows = 32

  init(
    _ dual: SmoothDual, _ problem: TransportProblem, threads: Int, monitor: Monitor
  ) throws(KantorError) {
    self.dual = dual
    self.problem = problem
    self.monitor = monitor
    let spread = try CostSummary(problem, sampled: true, monitor).spread
    state = try EntropicState(
      a: dual.a, b: dual.b, mass: 1, epsilon: spread > 0 ? Self.firstFraction * spread : 1)
    sweep = try FullSweep(
      problem.geometry, precision: .mixed, threads: threads, monitor: monitor)
    hasSpread = spread > 0
  }

  private let hasSpread: Bool

  /// Fills the dual's g. False when the host asked to stop or a point cannot be reached.
  func run() throws(KantorError) -> Bool {
    guard hasSpread else { return true }
    for level in 0..<Self.levelLimit {
      guard improve(Self.sweepsPerLevel) else { return false }
      let goal = Self.fraction * dual.line.gamma * (try typicalEntry())
      guard goal > 0, goal.isFinite, state.epsilon > goal, level + 1 < Self.levelLimit else {
        break
      }
      state.move(to: max(Self.decrease * state.epsilon, goal))
    }
    guard improve(Self.lastSweeps) else { return false }
    for j in 0..<dual.m where dual.b.pointer[j] > 0 {
      let value = state.epsilon * state.gamma.pointer[j]
      dual.g.pointer[j] = value.isFinite ? value : 0
    }
    return true
  }

  private func improve(_ sweeps: Int) -> Bool {
    for _ in 0..<sweeps {
      guard case .complete = sweep.run(state) else { return false }
      for j in 0..<state.m where state.columnSum.pointer[j] > 0 && state.b.pointer[j] > 0 {
        state.gamma.pointer[j] += Double.log(state.b.pointer[j] / state.columnSum.pointer[j])
      }
    }
    return true
  }

  /// sum p^2 / sum p over a sample of rows.
  private func typicalEntry() throws(KantorError) -> Double {
    let (n, m) = (state.n, state.m)
    let scratch = try Buffer<UInt8>(count: Int(kn_sweep_scratch(Int64(m))))
    let row = try Buffer<Double>(count: m)
    var cost = problem.geometry.cost
    var (sum, square) = (0.0, 0.0)
    for i in stride(from: 0, to: n, by: 1 + (n - 1) / Self.sampledRows)
    where state.a.pointer[i] > 0 {
      kn_kernel_rows_f64(
        &cost, Int64(i), Int64(i + 1), 1 / state.epsilon, state.phi.pointer, state.gamma.pointer,
        row.pointer, 0, scratch.pointer)
      for j in 0..<m {
        sum += row.pointer[j]
        square += row.pointer[j] * row.pointer[j]
      }
    }
    return sum > 0 ? square / sum : 0
  }
}
