import KantorBlocks
import KantorCore

/// F and prox of a problem, for one solve: calls, counts, limits.
final class Oracle {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  let problem: InclusionProblem
  let n: Int
  let monitor: Monitor
  private let evaluator: Evaluator
  /// Of f, where a saddle point has it apart.
  private let primal: Evaluator?
  private let slope: Buffer<Double>
  private let projection: TermProjection
  private let everything: Buffer<Int64>?
  /// Calls of the whole F, evaluations of single components, and of prox.
  private(set) var fullCalls = 0
  private(set) var componentCalls = 0
  private(set) var proxCalls = 0
  /// Calls of the gradient of f.
  private(set) var primalCalls = 0

  init(_ problem: InclusionProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    n = problem.n
    monitor = run.monitor
    let limit = run.options["max_evaluations"] == nil ? Int.max : run.options.int("max_evaluations")
    evaluator = try Evaluator(
      problem.functions, variables: problem.n, rows: problem.n, monitor: run.monitor,
      limit: limit, limited: [.map, .batchMap])
    if let own = problem.primal, case .saddle(let split) = problem.form {
      primal = try Evaluator(own, variables: split, monitor: run.monitor)
      slope = try Buffer(count: split)
    } else {
      primal = nil
      slope = try Buffer(count: 0)
    }
    projection = try TermProjection(problem.term)
    everything = try Self.everything(of: problem)
  }

  /// All indices, where F can only be had as the mean over them.
  static func everything(of problem: InclusionProblem) throws(KantorError) -> Buffer<Int64>? {
    guard problem.functions.map == nil else { return nil }
    let all = try Buffer<Int64>(count: problem.components)
    for i in 0..<all.count { all.pointer[i] = Int64(i) }
    return all
  }

  var complaint: String? { evaluator.complaint ?? primal?.complaint }

  /// F(z) into `f`, which may be z's own memory.
  func value(at z: Point, into f: Out) throws(KantorError) -> Evaluation {
    // First, as f may be z's memory.
    var outcome = try primalSlope(at: z, into: slope.pointer)
    guard case .fine = outcome else { return outcome }
    outcome = try coupling(at: z, into: f)
    for i in 0..<slope.count { f[i] += slope[i] }
    return outcome
  }

  /// The gradient of f, which is 0 where there is none.
  func primalSlope(at x: Point, into out: Out) throws(KantorError) -> Evaluation {
    guard let primal else { return .fine }
    primalCalls += 1
    return try primal.gradient(at: x, into: out)
  }

  /// F(z) without the gradient of f.
  func coupling(at z: Point, into f: Out) throws(KantorError) -> Evaluation {
    fullCalls += 1
    guard let everything else {
      return try evaluator.call(.map, problem.functions.map, at: z, into: f, count: n)
    }
    componentCalls += everything.count
    return try evaluator.call(
      .batchMap, problem.functions.batchMap, at: z, indices: everything, count: everything.count,
      into: f, count: n)
  }

  /// Mean of the first `count` listed components at z.
  func mean(
    at z: Point, over indices: Buffer<Int64>, count: Int, into f: Out
  ) throws(KantorError) -> Evaluation {
    componentCalls += count
    var outcome = try primalSlope(at: z, into: slope.pointer)
    guard case .fine = outcome else { return outcome }
    outcome = try evaluator.call(
      .batchMap, problem.functions.batchMap, at: z, indices: indices, count: count, into: f,
      count: n)
    for i in 0..<slope.count { f[i] += slope[i] }
    return outcome
  }

  /// prox of step g at z, in place.
  func prox(_ z: Out, step: Double) throws(KantorError) -> Evaluation {
    if problem.term.isZero { return .fine }
    proxCalls += 1
    guard problem.term.isHost else {
      return projection.apply(z, step: step) ? .fine : .undefined
    }
    return try evaluator.prox(at: UnsafePointer(z), step: step, into: z)
  }

  var figures: ResultFields {
    var fields = ResultFields()
    fields.add("evaluations", fullCalls)
    fields.add("component_evaluations", componentCalls)
    fields.add("prox_evaluations", proxCalls)
    if case .saddle = problem.form { fields.add("primal_evaluations", primalCalls) }
    return fields
  }
}
