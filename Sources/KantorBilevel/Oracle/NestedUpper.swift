import KantorBlocks
import KantorCore

/// The upper level of a nested problem as a function of the joined vector (x, z): F and the rows,
/// with their derivatives. False and nil where they are not defined, or the solve has ended.
final class NestedUpper {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  private let problem: NestedProblem
  private let calls: NestedCalls
  private let evaluator: Evaluator

  init(_ problem: NestedProblem, _ calls: NestedCalls) throws(KantorError) {
    self.problem = problem
    self.calls = calls
    evaluator = try Evaluator(
      problem.upper, variables: problem.n, rows: problem.rows, monitor: calls.monitor)
  }

  func value(_ w: Point) throws(KantorError) -> Double? {
    guard calls.permit() else { return nil }
    calls.counts.upperValues += 1
    let (called, found) = try evaluator.value(at: w)
    return fine(called) && found.isFinite ? found : nil
  }

  /// F, and its joined gradient.
  func gradient(_ w: Point, into out: Out) throws(KantorError) -> Double? {
    guard problem.upper.valueGradient != nil else {
      guard let found = try value(w), calls.permit() else { return nil }
      calls.counts.upperGradients += 1
      return fine(try evaluator.gradient(at: w, into: out)) ? found : nil
    }
    guard calls.permit() else { return nil }
    calls.counts.upperValues += 1
    calls.counts.upperGradients += 1
    let (called, found) = try evaluator.valueAndGradient(at: w, into: out)
    return fine(called) ? found : nil
  }

  /// G and H.
  func rows(_ w: Point, into out: Out) throws(KantorError) -> Bool {
    guard problem.rows > 0 else { return true }
    guard calls.permit() else { return false }
    calls.counts.rows += 1
    return fine(
      try evaluator.call(.map, problem.upper.map, at: w, into: out, count: problem.rows))
  }

  /// Their joined Jacobian.
  func jacobian(_ w: Point, into out: Out) throws(KantorError) -> Bool {
    let (rows, n) = (problem.rows, problem.n)
    if let jacobian = problem.upper.jacobian {
      guard calls.permit() else { return false }
      calls.counts.rowDerivatives += 1
      return fine(
        try evaluator.call(.jacobian, jacobian, at: w, into: out, count: rows * n))
    }
    let unit = try Buffer<Double>(count: rows)
    for r in 0..<rows {
      guard calls.permit() else { return false }
      calls.counts.rowDerivatives += 1
      unit.pointer[r] = 1
      let called = try evaluator.call(
        .jacobianTransposeProduct, problem.upper.jacobianTransposeProduct, at: w,
        times: unit.pointer, vectorCount: rows, into: out + r * n, count: n)
      guard fine(called) else { return false }
      unit.pointer[r] = 0
    }
    return true
  }

  private func fine(_ outcome: Evaluation) -> Bool { calls.fine(outcome, evaluator, "upper") }
}
