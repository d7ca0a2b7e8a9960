import CKantorKernels
import KantorCore
import KantorNumerics

/// Changes potentials by constants on cells so that the plan, added up over cells, has the right
/// marginals: the best step of the dual in these directions, which are the slow ones of sweeps.
///
/// With M the sums of the plan over cells A x B, alpha and beta make M_AB exp(alpha_A + beta_B)
/// have the marginals a(A), b(B). Then phi_i += alpha_A, and
///     gamma_j += beta_B + log(b_j / w_j) - log(w'_B / w_B),   w'_B the new sum of the cell,
/// where the last two terms are the plain step without what the correction has done of it.
final class CellCorrection {
  let blocks: BlockSums
  private(set) var newtonSteps = 0
  private(set) var innerIterations = 0
  private(set) var entries = 0
  private var isHard = false
  private let threads: Int
  private let monitor: Monitor

  /// Share of the error that the small problem may keep.
  private static let share = 0.02
  /// Sweeps of the small problem before Newton's method, and logarithms from which they act.
  private static let firstSweeps = 8
  private static let farOff = 0.5

  init(_ blocks: BlockSums, threads: Int, monitor: Monitor) {
    self.blocks = blocks
    self.threads = threads
    self.monitor = monitor
  }

  /// After a sweep that filled `blocks`; the columns' sums are those of exact rows.
  ///
  /// Pairs of cells below exp(left) are not there, and above exp(matter) they would be missed:
  /// potentials move only so far.
  func apply(
    _ state: EntropicState, left: Double, matter: Double, error: Double
  ) throws(KantorError) {
    let small = try EntropicState(a: blocks.a, b: blocks.b, mass: 1, epsilon: 1)
    let plan = try blocks.plan(small, cut: left, threads: threads)
    // Cells far off would shorten every step of Newton's method.
    for _ in 0..<Self.firstSweeps {
      _ = plan.run(small)
      for cell in 0..<small.m where small.columnSum.pointer[cell] > 0 {
        let step = Double.log(small.b.pointer[cell] / small.columnSum.pointer[cell])
        if abs(step) > Self.farOff { small.gamma.pointer[cell] += step }
      }
    }
    let newton = try SparseNewton(
      small, plan, rule: .droppedMass(0.01), threads: threads, isHard: isHard)
    _ = try newton.run(
      tolerance: Self.share * error, cut: matter,
      goesOn: { (_) throws(KantorError) in monitor.heartbeat() == nil },
      shouldStop: { monitor.heartbeat() != nil })
    newtonSteps += newton.steps
    innerIterations += newton.innerIterations
    isHard = newton.isHard
    entries = plan.count
    move(state, small, try blocks.columns.sums(state.columnSum.pointer))
  }

  private func move(_ state: EntropicState, _ small: EntropicState, _ w: Buffer<Double>) {
    for cell in 0..<blocks.rows.count where blocks.a.pointer[cell] > 0 {
      let alpha = small.phi.pointer[cell] - small.logA.pointer[cell]
      for i in blocks.rows.range(cell) { state.phi.pointer[i] += alpha }
    }
    for cell in 0..<blocks.columns.count
    where w.pointer[cell] > 0 && small.columnSum.pointer[cell] > 0 {
      let beta = small.gamma.pointer[cell] - small.logB.pointer[cell]
      let mean = beta - Double.log(small.columnSum.pointer[cell] / w.pointer[cell])
      for j in blocks.columns.range(cell)
      where state.columnSum.pointer[j] > 0 && state.b.pointer[j] > 0 {
        state.gamma.pointer[j] +=
          mean + Double.log(state.b.pointer[j] / state.columnSum.pointer[j])
      }
    }
  }
}
