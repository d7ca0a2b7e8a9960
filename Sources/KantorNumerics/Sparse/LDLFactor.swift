import CKantorKernels
import KantorCore

/// Solves: K x = b for a symmetric K that has an LDL' factorisation in any order of elimination:
///   quasidefinite matrices, definite ones, and those that shifts and replaced pivots make so.
/// Method: sparse LDL' with 1 by 1 pivots in a fixed order: row by row (up-looking) where the
///   factor is very sparse, else by dense panels that take all updates from earlier ones
///   (left-looking supernodal).
/// Symbols: P the permutation of `LDLAnalysis`; P K P' = L D L', L unit lower triangular.
/// Iteration: for each column j: take from it what earlier columns contribute; d_j is what stands
///   on the diagonal, corrected by the pivot rule; divide the rest by d_j.
/// Stops when: the last column is done, or the host asks to stop, which is looked at about every
///   ten milliseconds.
/// Guarantee: for quasidefinite K every pivot has its expected sign in exact arithmetic. A factor
///   with shifted or replaced pivots belongs to K + E, E diagonal; refinement against K makes up
///   for it. The bits of the factor do not depend on the number of threads.
/// Cost: `LDLAnalysis.work` multiplications; memory for the factor, taken once.
/// Reference: R. J. Vanderbei, "Symmetric quasidefinite matrices", SIAM J. Optim. 5 (1995);
///   E. G. Ng, B. W. Peyton, "Block sparse Cholesky algorithms on advanced uniprocessor computers",
///   SIAM J. Sci. Comput. 14 (1993).
///
/// One thread at a time may use a factor.
public final class LDLFactor {
  public let analysis: LDLAnalysis
  public private(set) var outcome = FactorOutcome()
  let store: FactorStore
  private let parallel: Parallel
  private let schedule: PanelSchedule?
  private let sign: Buffer<Int8>
  private var hasSigns = false
  let permuted: Buffer<Double>
  let solveWork: Buffer<Double>
  /// Right-hand sides that are solved for together.
  let group: Int

  /// Takes all memory that factorisations and solves will need.
  public init(
    _ analysis: LDLAnalysis, threads: Int = 1, rightHandSides: Int = 1
  ) throws(KantorError) {
    self.analysis = analysis
    let n = analysis.count
    group = max(1, min(rightHandSides, 4))
    sign = try Buffer(count: n)
    permuted = try Buffer(count: try checkedProduct(n, group, of: "right-hand sides"))
    if let panels = analysis.panels {
      let pays = panels.work.span.reduce(0, +) > PanelSchedule.leastWork
      parallel = Parallel(threads: pays ? threads : 1)
      schedule = try PanelSchedule(panels, threads: parallel.threads)
      store = try FactorStore(panels: panels, order: n, threads: parallel.threads)
      solveWork = try Buffer(count: try checkedProduct(panels.mostRows, 4, of: "solve"))
    } else {
      parallel = Parallel(threads: 1)
      schedule = nil
      store = try FactorStore(order: n, entries: analysis.factorEntries)
      solveWork = try Buffer(count: 0)
    }
  }

  /// Signs that the entries of D are expected to have, in the order of the matrix: 1, -1, or 0 for
  /// none expected. Nil takes expectations away.
  public func expect(signs: UnsafePointer<Int8>?) {
    hasSigns = signs != nil
    guard let signs else { return }
    let order = analysis.permutation.pointer
    for k in 0..<analysis.count { sign.pointer[k] = signs[Int(order[k])].signum() }
  }

  /// Factors the matrix with these values, in the order of the matrix that was analysed. Allocates
  /// nothing.
  @discardableResult
  public func factor(
    values: UnsafePointer<Double>, rule: PivotRule = PivotRule(),
    interruption: Interruption = .never
  ) -> FactorOutcome {
    let kernelRule = rule.inKernelForm(sign: hasSigns ? UnsafePointer(sign.pointer) : nil)
    if let panels = analysis.panels, let schedule {
      outcome = factorPanels(panels, schedule, values, kernelRule, interruption)
    } else if let simplicial = analysis.simplicial {
      outcome = factorRows(simplicial, values, kernelRule, interruption)
    }
    return outcome
  }

  /// 1 / D in the order of elimination.
  public var inverseDiagonal: UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(start: store.inverse.pointer, count: analysis.count)
  }

  private func factorRows(
    _ pattern: SimplicialPattern, _ values: UnsafePointer<Double>, _ rule: kn_pivot_rule,
    _ interruption: Interruption
  ) -> FactorOutcome {
    var kernel = pattern.inKernelForm(analysis)
    var memory = store.simplicial
    var rule = rule
    var count = kn_pivot_count()
    let n = Int64(analysis.count)
    var row: Int64 = 0
    var stopped = false
    while row < n {
      row = kn_ldl_rows(&kernel, values, &memory, &rule, &count, row, n, Self.budget)
      if row < n, interruption.beat() {
        stopped = true
        break
      }
    }
    // A factorisation that met NaN, or stopped, leaves traces where zeros are expected.
    if count.not_finite > 0 || stopped { store.work.fill(0) }
    return FactorOutcome([count], isInterrupted: stopped)
  }

  /// Multiplications between two looks at the host: some milliseconds.
  static var budget: Int64 { 10_000_000 }

  private func factorPanels(
    _ panels: PanelPattern, _ schedule: PanelSchedule, _ values: UnsafePointer<Double>,
    _ rule: kn_pivot_rule, _ interruption: Interruption
  ) -> FactorOutcome {
    let run = PanelRun(
      panels: panels, kernel: panels.inKernelForm(), store: store, values: values, rule: rule,
      parallel: parallel)
    let finished = run.subtrees(schedule, interruption) && run.top(schedule, interruption)
    return FactorOutcome(Array(store.counts.span), isInterrupted: !finished)
  }
}
