import KantorBlocks
import KantorCore

/// F as the host gave it, for the checkers and derivatives: calls that count for no limit.
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
    guard case .fine = try evaluate(at: x.pointer, into: f.pointer) else { return false }
    return true
  }

  func evaluate(
    at x: Functions.Point, into f: Functions.Out
  ) throws(KantorError) -> Evaluation {
    var outcome: Evaluation
    if problem.functions.map != nil {
      outcome = try evaluator.call(.map, problem.functions.map, at: x, into: f, count: problem.n)
    } else {
      outcome = try evaluator.call(
        .batchMap, problem.functions.batchMap, at: x, indices: everything,
        count: everything.count, into: f, count: problem.n)
    }
    guard case .fine = outcome, let primal else { return outcome }
    outcome = try primal.gradient(at: x, into: slope.pointer)
    guard case .fine = outcome else { return outcome }
    for i in 0..<slope.count { f[i] += slope.pointer[i] }
    return outcome
  }
}
