import KantorBlocks
import KantorCore

/// Derivatives of a solution of 0 in F(x; p) + dg(x) with respect to parameters p of F and to the
/// bounds of boxes.
///
/// x = P(x - t F(x; p)), with P the prox of t g, is an equation whatever g is. With D the
/// derivative of P at x - t F(x; p), and B that of a projection on a box with respect to its
/// bounds b,
///
///     (I - D (I - t F_x)) dx = B db - t D F_p dp.
///
/// Where P has a kink, D is one of its branches there.
struct InclusionDerivative: Sendable {
  let problem: InclusionProblem
  let x: Buffer<Double>

  /// Products with the transposed Jacobian.
  func pull(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let n = problem.n
    for name in cotangents.keys { try checkOutput(name) }
    for name in wanted { try checkField(name) }
    let g = try Buffer<Double>(count: n)
    for (name, range) in outputs {
      guard let given = try cotangents[name]?.doubles() else { continue }
      for i in range { g.pointer[i] = given.pointer[i - range.lowerBound] }
    }
    guard !wanted.isEmpty else { return [:] }
    let weight = try cotangents["objective"]?.doubles()[0] ?? 0
    let value = weight == 0 ? nil : SaddleValue(problem, x)
    if let slope = try value?.slope() {
      for i in 0..<n { g.pointer[i] += weight * slope.pointer[i] }
    }
    let system = try ResolventSystem(problem, x)
    let adjoint = try system.solve(g, transposed: true)
    var answers: [String: Tensor] = [:]
    for name in wanted {
      if name == "parameters" {
        let pulled = try Buffer<Double>(count: n)
        system.multiplyMap(adjoint.pointer, transposed: true, into: pulled.pointer)
        let out = try parameterProduct(pulled, transposed: true, -system.step)
        if let direct = try value?.ofParameters() {
          for k in 0..<out.count { out.pointer[k] += weight * direct.pointer[k] }
        }
        answers[name] = Tensor(out)
      } else {
        answers[name] = try boundGradient(name, adjoint, system)
      }
    }
    return answers
  }

  /// Products with the Jacobian.
  func push(
    _ tangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let n = problem.n
    for name in wanted { try checkOutput(name) }
    for name in tangents.keys { try checkField(name) }
    let system = try ResolventSystem(problem, x)
    let right = try Buffer<Double>(count: n)
    for (name, tangent) in tangents {
      let t = try tangent.doubles()
      if name == "parameters" {
        guard tangent.shape == [problem.parameters] else {
          throw KantorError(
            .shape,
            "the tangent of 'parameters' has the shape \(tangent.shapeText), not "
              + "(\(problem.parameters),)")
        }
        let moved = try parameterProduct(t, transposed: false, -system.step)
        system.multiplyMap(moved.pointer, transposed: false, into: right.pointer)
      } else {
        try checkBound(name, tangent)
        for i in 0..<n where system.holds(i, isLower: name == Self.lower) {
          right.pointer[i] += t.pointer[t.count == 1 ? 0 : i]
        }
      }
    }
    let moved = try system.solve(right, transposed: false)
    var answers: [String: Tensor] = [:]
    for name in wanted {
      guard let range = outputs.first(where: { $0.name == name })?.range else {
        answers[name] = Tensor(
          try Buffer([try valueChange(moved, tangents["parameters"])]), shape: [])
        continue
      }
      answers[name] = Tensor(
        try Buffer(copying: moved.pointer + range.lowerBound, count: range.count))
    }
    return answers
  }

  /// What the objective changes by as x moves and the parameters do.
  private func valueChange(
    _ moved: Buffer<Double>, _ parameters: Tensor?
  ) throws(KantorError) -> Double {
    // The residual is 0 at solutions, whatever the data.
    guard let value = SaddleValue(problem, x) else { return 0 }
    let slope = try value.slope()
    var change = 0.0
    for i in 0..<problem.n { change += slope.pointer[i] * moved.pointer[i] }
    guard let tangent = try parameters?.doubles() else { return change }
    let direct = try value.ofParameters()
    for k in 0..<direct.count { change += direct.pointer[k] * tangent.pointer[k] }
    return change
  }

  // MARK: Parts

  static let lower = "prox_lower"
  static let upper = "prox_upper"

  /// Names of the parts of x in results.
  private var outputs: [(name: String, range: Range<Int>)] {
    guard case .saddle(let split) = problem.form else { return [("x", 0..<problem.n)] }
    return [("x", 0..<split), ("y", split..<problem.n)]
  }

  private func checkOutput(_ name: String) throws(KantorError) {
    let names = outputs.map(\.name) + ["objective"]
    guard names.contains(name) else {
      throw KantorError(
        .unsupported,
        "'\(name)' has no derivatives; those of \(names.joined(separator: ", ")) can be had")
    }
  }

  private func checkField(_ name: String) throws(KantorError) {
    switch name {
    case "parameters":
      guard problem.parameters > 0 else {
        throw KantorError(.missing, "field 'parameters' has not been set; it has no derivatives")
      }
    case Self.lower, Self.upper:
      guard problem.boundShapes[name] != nil else {
        throw KantorError(
          .unsupported,
          "there is no derivative with respect to '\(name)': it is not set, or the term is not a "
            + "box of all variables")
      }
    default:
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
  }

  private func checkBound(_ name: String, _ tangent: Tensor) throws(KantorError) {
    let shape = problem.boundShapes[name] ?? []
    guard tangent.shape == shape else {
      throw KantorError(
        .shape,
        "the tangent of '\(name)' has the shape \(tangent.shapeText), not "
          + Tensor.shapeText(shape))
    }
  }

  private func boundGradient(
    _ name: String, _ adjoint: Buffer<Double>, _ system: ResolventSystem
  ) throws(KantorError) -> Tensor {
    let shape = problem.boundShapes[name] ?? []
    let out = try Buffer<Double>(count: shape.reduce(1, *))
    for i in 0..<problem.n where system.holds(i, isLower: name == Self.lower) {
      out.pointer[out.count == 1 ? 0 : i] += adjoint.pointer[i]
    }
    return Tensor(out, shape: shape)
  }

  /// scale F_p v, or scale F_p' v.
  private func parameterProduct(
    _ v: Buffer<Double>, transposed: Bool, _ scale: Double
  ) throws(KantorError) -> Buffer<Double> {
    let (n, p) = (problem.n, problem.parameters)
    let matrix = try Buffer<Double>(count: try checkedProduct(n, p, of: "parameter_jacobian"))
    let evaluator = try Evaluator(
      problem.functions, variables: n, rows: n, monitor: Monitor())
    let outcome = try evaluator.call(
      .parameterJacobian, problem.functions.parameterJacobian, at: x.pointer,
      into: matrix.pointer, count: matrix.count)
    guard case .fine = outcome else {
      throw KantorError(
        .unsupported, "derivatives with respect to parameters: \(evaluator.complaint ?? "")")
    }
    let out = try Buffer<Double>(count: transposed ? p : n)
    for i in 0..<n {
      for k in 0..<p {
        let (to, from) = transposed ? (k, i) : (i, k)
        out.pointer[to] += scale * matrix.pointer[i * p + k] * v.pointer[from]
      }
    }
    return out
  }
}
