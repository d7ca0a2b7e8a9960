import KantorCore
import KantorNumerics

/// What a method for doubly stochastic matrices proposes: matrices, and for projections the dual
/// vectors that prove them. The checker decides what they are worth.
package struct MatrixProposal {
  var n: Int
  /// batch x n x n.
  var matrices: Buffer<Double>
  var form: DoublyStochasticCheck.Form
  /// batch x n each.
  var u: Buffer<Double>?
  var v: Buffer<Double>?
  var tolerance: Double
  var figures = ResultFields()
  /// Pulls the cotangent of the matrices (batch x n x n) back to the data, of the problem's shape.
  var pull: (@Sendable (Buffer<Double>) throws(KantorError) -> Buffer<Double>)?
}

/// A method of the kind doubly_stochastic.
package protocol DoublyStochasticMethod: Sendable {
  static var spec: MethodSpec { get }
  static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal
}

extension DoublyStochasticMethod {
  package static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? DoublyStochasticProblem else {
        throw KantorError(
          .unsupported, "'\(spec.name)' solves problems of the kind doubly_stochastic")
      }
      let proposal = try propose(problem, run)
      return try DoublyStochasticResult.make(spec, problem, proposal, run)
    }
  }

  package static func describe(
    name: String, summary: String, source: String, guarantee: String, options: [OptionSpec],
    outputs: [FieldSpec] = []
  ) -> MethodSpec {
    MethodSpec(
      name: name, kind: DoublyStochasticKind.kind.name, summary: summary, source: source,
      guarantee: guarantee, options: options, outputs: outputs + DoublyStochasticResult.outputs,
      usesWarmStart: false, hasDerivatives: true)
  }

  package static func toleranceOption(_ value: Double) -> OptionSpec {
    OptionSpec(
      "tolerance", .real(value, min: 0, max: 1),
      "Largest error of a row or column sum, and largest negative entry, that counts as solved.")
  }
}

/// From a proposal to a result.
enum DoublyStochasticResult {
  static let outputs: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "Value that the method minimises, added up over the batch; 0 for parametrisations."),
    FieldSpec(
      "residual", .real, .certificate,
      "Largest error of a sum, and negativity (norm_residual where entries may be negative)."),
    FieldSpec("row_residual", .real, .certificate, "Largest |row sum - 1| of the batch."),
    FieldSpec("column_residual", .real, .certificate, "Largest |column sum - 1| of the batch."),
    FieldSpec(
      "negativity", .real, .certificate,
      "Minus the smallest entry of the batch if that is negative, else 0."),
    FieldSpec(
      "doubly_stochastic", .array, .output, shape: "(b, n, n)", "The matrices, one after another."),
    FieldSpec(
      "matrix_residuals", .array, .output, shape: "(b,)", "The residual of each matrix."),
  ]

  static let projectionOutputs: [FieldSpec] = [
    FieldSpec(
      "gap", .real, .certificate,
      "Primal minus dual value of the matrix where that is largest: a bound of its suboptimality."),
    FieldSpec(
      "relative_gap", .real, .certificate, "Largest gap over the size of the objective's terms."),
    FieldSpec("matrix_gaps", .array, .output, shape: "(b,)", "The gap of each matrix."),
    FieldSpec("dual_row", .array, .output, shape: "(b, n)", "Dual vectors u of the row sums."),
    FieldSpec(
      "dual_column", .array, .output, shape: "(b, n)", "Dual vectors v of the column sums."),
  ]

  static func make(
    _ spec: MethodSpec, _ problem: DoublyStochasticProblem, _ proposal: MatrixProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let (n, batch) = (proposal.n, problem.batch)
    let check = DoublyStochasticCheck(n: n, form: proposal.form, threads: run.threads)
    let certificate = try check.certify(
      proposal.matrices, batch: batch, given: proposal.u == nil ? nil : problem.matrices,
      u: proposal.u, v: proposal.v)
    let status = Status.judge(
      residual: certificate.residual, tolerance: proposal.tolerance,
      gap: certificate.relativeGap, gapTolerance: max(proposal.tolerance, 1e-12),
      stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.certify("residual", certificate.residual)
    fields.certify("row_residual", certificate.rowResidual)
    fields.certify("column_residual", certificate.columnResidual)
    fields.certify("negativity", certificate.negativity)
    if certificate.isSigned { fields.certify("norm_residual", certificate.normResidual) }
    if proposal.u != nil {
      fields.certify("gap", certificate.gap)
      fields.certify("relative_gap", certificate.relativeGap)
    }
    fields.append(proposal.figures)
    let gapText = proposal.u == nil ? "" : ", relative gap \(shortText(certificate.relativeGap))"
    fields.add(
      "message",
      "\(status.name): residual \(shortText(certificate.residual))\(gapText), tolerance "
        + "\(shortText(proposal.tolerance)), \(batch) of \(n) x \(n)")
    fields.add("doubly_stochastic", Tensor(proposal.matrices, shape: [batch, n, n]))
    fields.add("matrix_residuals", Tensor(certificate.residuals))
    if let u = proposal.u, let v = proposal.v {
      fields.add("matrix_gaps", Tensor(certificate.gaps))
      fields.add("dual_row", Tensor(u, shape: [batch, n]))
      fields.add("dual_column", Tensor(v, shape: [batch, n]))
    }
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: derivative(problem, proposal))
  }

  private static func derivative(
    _ problem: DoublyStochasticProblem, _ proposal: MatrixProposal
  ) -> Result.Derivative? {
    guard let pull = proposal.pull else { return nil }
    let shape = [problem.batch, proposal.n, proposal.n]
    return { (cotangents, wanted) throws(KantorError) in
      let outputs = ["doubly_stochastic", "objective"]
      for name in cotangents.keys.sorted() where !outputs.contains(name) {
        throw KantorError(
          .name, "no derivative of the result field '\(name.prefix(60))'; cotangents may be given "
            + "for doubly_stochastic, objective")
      }
      for name in wanted where name != problem.inputName {
        throw KantorError(
          .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
            + problem.inputName)
      }
      let bar: Buffer<Double>
      if let cotangent = cotangents["doubly_stochastic"] {
        guard cotangent.shape == shape else {
          throw KantorError(
            .shape, "the cotangent of 'doubly_stochastic' has the shape \(cotangent.shapeText); "
              + "needed is \(Tensor.shapeText(shape))")
        }
        bar = try cotangent.doubles()
      } else {
        bar = try Buffer(count: proposal.matrices.count)
      }
      var scale = 0.0
      if let cotangent = cotangents["objective"], cotangent.count == 1 {
        let values = try cotangent.doubles()
        scale = values[0]
      }
      let direct = try objective(problem, proposal, scale, adding: bar)
      let gradient = try pull(bar)
      if let direct { for k in 0..<gradient.count { gradient.pointer[k] += direct.pointer[k] } }
      return wanted.isEmpty ? [:] : [problem.inputName: Tensor(gradient, shape: problem.shape)]
    }
  }

  /// What the objective gives: to the cotangent of the matrices, and straight to the data.
  private static func objective(
    _ problem: DoublyStochasticProblem, _ proposal: MatrixProposal, _ scale: Double,
    adding bar: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double>? {
    guard scale != 0, let given = problem.matrices else { return nil }
    let (x, g, out) = (proposal.matrices.pointer, given.pointer, bar.pointer)
    let direct = try Buffer<Double>(count: bar.count)
    switch proposal.form {
    case .sums, .signed: return nil
    case .squared:
      for k in 0..<bar.count {
        out[k] += scale * (x[k] - g[k])
        direct.pointer[k] = -scale * (x[k] - g[k])
      }
    case .entropic(let temperature):
      for k in 0..<bar.count {
        // x log x has no slope at 0, where x does not move either.
        if x[k] > 0 { out[k] += scale * (Double.log(x[k]) + 1 - g[k] / temperature) }
        direct.pointer[k] = -scale * x[k] / temperature
      }
    }
    return direct
  }
}
