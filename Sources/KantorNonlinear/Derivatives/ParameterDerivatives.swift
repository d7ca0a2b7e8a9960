import KantorBlocks
import KantorCore

/// What the host's functions say about their parameters at a solution.
struct ParameterDerivatives {
  private let of: NonlinearDerivative
  private let p: Int
  private let n: Int
  private let m: Int
  private let evaluator: Evaluator

  init(_ d: NonlinearDerivative) throws(KantorError) {
    of = d
    (p, n, m) = (d.problem.parameters, d.problem.n, d.problem.m)
    guard p > 0 else {
      throw KantorError(.missing, "field 'parameters' has not been set; it has no derivatives")
    }
    evaluator = try Evaluator(d.problem.functions, variables: n, rows: m, monitor: Monitor())
  }

  /// Of the least value: d_p f + (d_p c)'y, by the envelope theorem.
  func ofValue() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: p)
    try check(
      evaluator.call(
        .parameterValue, of.problem.functions.parameterValue, at: of.x.pointer, into: out.pointer,
        count: p))
    guard m > 0 else { return out }
    let rows = try ofRows()
    for i in 0..<m {
      for k in 0..<p { out.pointer[k] += of.y.pointer[i] * rows.pointer[i * p + k] }
    }
    return out
  }

  /// Of the gradient of the Lagrangian and of the rows.
  func ofSolution() throws(KantorError) -> Cross {
    let ofGradient = try Buffer<Double>(count: try checkedProduct(n, p, of: "parameter_gradient"))
    try check(
      evaluator.call(
        .parameterGradient, of.problem.functions.parameterGradient, at: of.x.pointer, sigma: 1,
        y: of.y.pointer, into: ofGradient.pointer, count: ofGradient.count))
    return Cross(p: p, parts: [(ofGradient, n), (try ofRows(), m)])
  }

  private func ofRows() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: try checkedProduct(m, p, of: "parameter_jacobian"))
    guard m > 0 else { return out }
    try check(
      evaluator.call(
        .parameterJacobian, of.problem.functions.parameterJacobian, at: of.x.pointer,
        into: out.pointer, count: out.count))
    return out
  }

  private func check(_ outcome: Evaluation) throws(KantorError) {
    guard case .fine = outcome else {
      throw KantorError(
        .unsupported, "derivatives with respect to parameters: \(evaluator.complaint ?? "")")
    }
  }

  /// Matrices (n, p) and (m, p), row-major.
  struct Cross {
    fileprivate let p: Int
    fileprivate let parts: [(matrix: Buffer<Double>, rows: Int)]

    /// r and s += scale times the matrices' products with t.
    func add(
      _ t: Buffer<Double>, into r: Buffer<Double>, _ s: Buffer<Double>, scale: Double
    ) {
      for (part, out) in zip(parts, [r, s]) {
        for i in 0..<part.rows {
          for k in 0..<p {
            out.pointer[i] += scale * part.matrix.pointer[i * p + k] * t.pointer[k]
          }
        }
      }
    }

    /// out += scale times the transposed matrices' products with u and v.
    func addTransposed(
      _ u: Buffer<Double>, _ v: Buffer<Double>, into out: Buffer<Double>, scale: Double
    ) {
      for (part, w) in zip(parts, [u, v]) {
        for i in 0..<part.rows {
          for k in 0..<p {
            out.pointer[k] += scale * part.matrix.pointer[i * p + k] * w.pointer[i]
          }
        }
      }
    }
  }
}
