import KantorBlocks
import KantorCore

/// The derivative of the objective f + phi at a saddle point: along the variables, and with respect
/// to the parameters of phi alone. Terms g and h are no part of the objective, so that it may move
/// with the variables even at a solution.
struct SaddleValue {
  private let problem: InclusionProblem
  private let x: Buffer<Double>
  private let split: Int

  /// nil where the objective of results is no value of functions.
  init?(_ problem: InclusionProblem, _ x: Buffer<Double>) {
    guard case .saddle(let split) = problem.form, problem.offersValue else { return nil }
    self.problem = problem
    self.x = x
    self.split = split
  }

  /// (f_x + phi_x, phi_y).
  func slope() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: problem.n)
    let host = try HostOperator(problem)
    guard try host.value(at: x, into: out) else {
      throw KantorError(
        .unsupported, "the derivative of 'objective': \(host.complaint ?? "no gradient")")
    }
    for i in split..<problem.n { out.pointer[i] = -out.pointer[i] }
    return out
  }

  func ofParameters() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: problem.parameters)
    let evaluator = try Evaluator(
      problem.hostFunctions, variables: problem.n, monitor: Monitor())
    let outcome = try evaluator.call(
      .parameterValue, problem.hostFunctions.parameterValue, at: x.pointer, into: out.pointer,
      count: out.count)
    guard case .fine = outcome else {
      throw KantorError(
        .unsupported,
        "the derivative of 'objective' with respect to 'parameters': \(evaluator.complaint ?? "")")
    }
    return out
  }
}
