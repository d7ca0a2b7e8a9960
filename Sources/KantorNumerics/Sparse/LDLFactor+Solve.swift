import CKantorKernels
import KantorCore

extension LDLFactor {
  /// b <- K^-1 b with the factor at hand, for `count` right-hand sides `stride` apart (by default
  /// side by side).
  public func solve(
    _ b: UnsafeMutablePointer<Double>, count: Int = 1, stride: Int? = nil
  ) {
    let n = analysis.count
    let step = stride ?? n
    var done = 0
    while done < count {
      let some = min(group, count - done)
      solveGroup(b + done * step, some, step)
      done += some
    }
  }

  private func solveGroup(_ b: UnsafeMutablePointer<Double>, _ count: Int, _ step: Int) {
    let n = analysis.count
    let (order, x) = (analysis.permutation.pointer, permuted.pointer)
    for r in 0..<count {
      let (from, to) = (b + r * step, x + r * n)
      for k in 0..<n { to[k] = from[Int(order[k])] }
    }
    if let panels = analysis.panels {
      var (kernel, memory) = (panels.inKernelForm(), store.panels)
      let (all, n) = (Int64(panels.count), Int64(n))
      kn_panels_forward(&kernel, &memory, 0, all, x, Int64(count), n, solveWork.pointer)
      kn_panels_backward(&kernel, &memory, 0, all, x, Int64(count), n, solveWork.pointer)
    } else if let pattern = analysis.simplicial {
      var (kernel, memory) = (pattern.inKernelForm(analysis), store.simplicial)
      for r in 0..<count { kn_ldl_solve(&kernel, &memory, Int64(n), x + r * n) }
    }
    for r in 0..<count {
      let (from, to) = (x + r * n, b + r * step)
      for k in 0..<n { to[Int(order[k])] = from[k] }
    }
  }
}

/// Iterative refinement of K x = b by a factor of something close to K.
///
/// Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed. (2002), ch. 12.
public struct Refinement: Sendable {
  public struct Outcome: Sendable {
    public var rounds = 0
    /// Largest entry of b - K x.
    public var residual = Double.nan
    public var isFinite: Bool { residual.isFinite }
  }

  public var rounds: Int
  public var absolute: Double
  /// Relative to the largest entry of b.
  public var relative: Double
  /// A round that gains less than this factor is the last.
  public var leastGain: Double

  private let residual: Buffer<Double>
  private let candidate: Buffer<Double>

  public init(
    order: Int, rounds: Int = 10, absolute: Double = 1e-12, relative: Double = 1e-13,
    leastGain: Double = 5
  ) throws(KantorError) {
    self.rounds = rounds
    self.absolute = absolute
    self.relative = relative
    self.leastGain = leastGain
    residual = try Buffer(count: order)
    candidate = try Buffer(count: order)
  }

  /// x <- an approximation of K^-1 b; `solve` applies the factor in place. `upper` is the upper
  /// triangle of K itself.
  public func solve(
    _ upper: SparseMatrix, _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>,
    by solve: (UnsafeMutablePointer<Double>) -> Void
  ) -> Outcome {
    self.solve(b, x, subtract: { upper.multiplySymmetric($0, into: $1, scale: -1) }, by: solve)
  }

  /// The same with any K; `subtract(v, r)` takes K v from r.
  public func solve(
    _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>,
    subtract: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void,
    by solve: (UnsafeMutablePointer<Double>) -> Void
  ) -> Outcome {
    let n = residual.count
    let (r, y) = (residual.pointer, candidate.pointer)
    var size = 0.0
    for i in 0..<n {
      x[i] = b[i]
      size = max(size, abs(b[i]))
    }
    solve(x)
    var outcome = Outcome()
    outcome.residual = Self.remainder(subtract, b, x, into: r, count: n)
    let goal = absolute + relative * size
    while outcome.rounds < rounds, outcome.residual > goal, outcome.residual.isFinite {
      solve(r)
      for i in 0..<n { y[i] = x[i] + r[i] }
      let next = Self.remainder(subtract, b, y, into: r, count: n)
      outcome.rounds += 1
      guard next < outcome.residual else { break }
      for i in 0..<n { x[i] = y[i] }
      let gain = outcome.residual / next
      outcome.residual = next
      if gain < leastGain { break }
    }
    return outcome
  }

  /// r = b - K x; its largest entry, NaN when one is not finite.
  private static func remainder(
    _ subtract: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void,
    _ b: UnsafePointer<Double>, _ x: UnsafePointer<Double>,
    into r: UnsafeMutablePointer<Double>, count n: Int
  ) -> Double {
    for i in 0..<n { r[i] = b[i] }
    subtract(x, r)
    var (largest, sum) = (0.0, 0.0)
    for i in 0..<n {
      largest = max(largest, abs(r[i]))
      sum += r[i]
    }
    return sum.isFinite || largest == .infinity ? largest : .nan
  }
}
