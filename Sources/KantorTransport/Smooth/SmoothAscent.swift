import KantorCore
import KantorNumerics

/// L-BFGS on a smoothed dual: in g alone, where lines are exact, or in f and g.
final class SmoothAscent {
  private(set) var evaluations = 0
  private let dual: SmoothDual
  private let isDual: Bool

  init(_ dual: SmoothDual, isDual: Bool) throws(KantorError) {
    self.dual = dual
    self.isDual = isDual
  }

  /// Leaves the dual evaluated at its best point, lines exact, unless the host asked to stop.
  func run(tolerance: Double, goesOn: (Double) -> Bool) throws(KantorError) {
    let (n, m, g) = (dual.n, dual.m, dual.g.pointer)
    // The potentials f to start from are those of exact lines.
    guard case .complete = try dual.evaluate() else { return }
    let size = isDual ? n + m : m
    let x = try Buffer<Double>(count: size)
    for j in 0..<m where dual.b.pointer[j] > 0 { x.pointer[j] = g[j] }
    if isDual {
      for i in 0..<n { x.pointer[m + i] = dual.plan.answers.pointer[i].shift }
      dual.given = try Buffer(count: n)
    }
    var method = try LBFGS(count: size)
    var isOver = false
    let outcome = try method.minimise(
      x: x.pointer, tolerance: 0, maxIterations: .max,
      evaluate: { (x, gradient) throws(KantorError) in
        try self.evaluate(x, gradient, &isOver)
      },
      goesOn: { _ in
        !isOver && goesOn(self.dual.error) && self.dual.error > tolerance
      })
    evaluations = outcome.evaluations
    for j in 0..<m where dual.b.pointer[j] > 0 { g[j] = x.pointer[j] }
    if let given = dual.given {
      for i in 0..<n { given.pointer[i] = x.pointer[m + i] }
    }
    _ = try dual.evaluate()
  }

  /// -F and its gradient; points at which the host asked to stop are not accepted.
  private func evaluate(
    _ x: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>, _ isOver: inout Bool
  ) throws(KantorError) -> Double {
    let (n, m) = (dual.n, dual.m)
    for j in 0..<m where dual.b.pointer[j] > 0 { dual.g.pointer[j] = x[j] }
    if let given = dual.given { for i in 0..<n { given.pointer[i] = x[m + i] } }
    guard !isOver, case .complete = try dual.evaluate() else {
      isOver = true
      return .nan
    }
    for j in 0..<m { gradient[j] = dual.columnSum.pointer[j] - dual.b.pointer[j] }
    guard isDual else { return -dual.value }
    for i in 0..<n { gradient[m + i] = dual.rowSum.pointer[i] - dual.a.pointer[i] }
    return -dual.value
  }
}
