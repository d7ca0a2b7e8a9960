import KantorBlocks
import KantorCore

/// F as the host gave it, for the checkers: calls that count for no limit.
final class HostOperator {
  let evaluator: Evaluator
  private let problem: InclusionProblem
  private let primal: Evaluator?
  private let slope: Buffer<Double>
  private let everything: Buffer<Int64>

  init(_ problem: InclusionProblem) throws(KantorError) {
    self.problem = problem
    let n = problem.n
    evaluator = try Evaluator(problem.functions, variables: n, rows: n, monitor: Monitor())
    if let own = problem.primal, case .saddle(let split) = problem.form {
      primal = try Evaluator(own, variables: split, monitor: Monitor())
      slope = try Buffer(count: split)
    } else {
      primal = nil
      slope = try Buffer(count: 0)
    }
    everything = try Buffer(count: problem.functions.map == nil ? problem.components : 0)
    for i in 0..<everything.count { everything.pointer[i] = Int64(i) }
  }

  var complaint: String? { evaluator.complaint ?? primal?.complaint }

  /// False where F is not defined.
  func value(at x: Buffer<Double>, into f: Buffer<Double>) throws(KantorError) -> Bool {
    let outcome: Evaluation
    if problem.functions.map != nil {
      outcome = try evaluator.call(
        .map, problem.functions.map, at: x.pointer, into: f.pointer, count: problem.n)
    } else {
      outcome = try evaluator.call(
        .batchMap, problem.functions.batchMap, at: x.pointer, indices: everything,
        count: everything.count, into: f.pointer, count: problem.n)
    }
    guard case .fine = outcome else { return false }
    guard let primal else { return true }
    guard case .fine = try primal.gradient(at: x.pointer, into: slope.pointer) else {
      return false
    }
    for i in 0..<slope.count { f.pointer[i] += slope[i] }
    return true
  }
}
