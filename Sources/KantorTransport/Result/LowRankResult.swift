import KantorCore
import KantorNumerics

/// The result of a low-rank transport problem: the checker's figures and the factors.
enum LowRankResult {
  struct Proposal {
    var q: Buffer<Double>
    var r: Buffer<Double>
    var g: Buffer<Double>
    /// Duals of the factors' columns in the linearised problem.
    var h: [Double]
    var l: [Double]
    var innerIterations: Int
    var tolerance: Double
  }

  private static let marginalTolerance = 1e-10

  static func make(
    _ spec: MethodSpec, _ problem: TransportProblem, _ proposal: Proposal, _ run: Run
  ) throws(KantorError) -> Result {
    let check = try LowRankCheck(problem, q: proposal.q, r: proposal.r, g: proposal.g)
    let certificate = try check.certify(h: proposal.h, l: proposal.l)
    let status = Status.judge(
      residual: max(certificate.marginalResidual, certificate.factorResidual),
      tolerance: marginalTolerance, gap: certificate.relativeGap,
      gapTolerance: proposal.tolerance, stop: run.monitor.stop)
    let (n, m, rank) = (problem.n, problem.m, proposal.g.count)
    var fields = ResultFields()
    fields.add("objective", certificate.cost)
    fields.add("transport_cost", certificate.cost)
    fields.certify("upper_bound", certificate.cost)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.certify("row_residual", certificate.rowResidual)
    fields.certify("column_residual", certificate.columnResidual)
    fields.certify("factor_residual", certificate.factorResidual)
    fields.add("rank", rank)
    fields.add("inner_iterations", proposal.innerIterations)
    fields.add("mass", problem.mass)
    fields.add("mass_factor", problem.massFactor)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(certificate.marginalResidual)), relative "
        + "stationarity gap \(shortText(certificate.relativeGap)), tolerance "
        + "\(shortText(proposal.tolerance)), \(run.monitor.iterations) iterations")
    fields.add("factor_source", Tensor(proposal.q, shape: [n, rank]))
    fields.add("factor_target", Tensor(proposal.r, shape: [m, rank]))
    fields.add("factor_weights", Tensor(proposal.g))
    fields.add("potential_source", Tensor(certificate.f))
    fields.add("potential_target", Tensor(certificate.k))
    let derivative = LowRankDerivative(
      problem, q: proposal.q, r: proposal.r, g: proposal.g, f: certificate.f, k: certificate.k)
    fields.addLazily("plan") { () throws(KantorError) in
      Tensor(try derivative.plan(scale: 1), shape: [n, m])
    }
    if let d = problem.geometry.dimension {
      fields.addLazily("barycentric_map") { () throws(KantorError) in
        Tensor(try derivative.means(ofSource: true), shape: [n, d])
      }
    }
    return Result(
      spec: spec, status: status, fields: fields, derivative: derivative.products)
  }

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "The cost of the plan."),
    FieldSpec("transport_cost", .real, .output, "The same."),
    FieldSpec(
      "upper_bound", .real, .certificate,
      "The same: the plan is feasible, so no optimal plan costs more."),
    FieldSpec(
      "gap", .real, .certificate,
      "Upper bound of what the problem linearised at the factors could still be lowered by; 0 at "
        + "stationary factors only. No distance to the optimal cost."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the cost's terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate, "(|P 1 - a|_1 + |P' 1 - b|_1) / mass."),
    FieldSpec("row_residual", .real, .certificate, "|P 1 - a|_1 / mass."),
    FieldSpec("column_residual", .real, .certificate, "|P' 1 - b|_1 / mass."),
    FieldSpec(
      "factor_residual", .real, .certificate,
      "(|Q 1 - a|_1 + |R 1 - b|_1 + |Q' 1 - g|_1 + |R' 1 - g|_1) / mass."),
    FieldSpec("rank", .int, .output, "Number of columns of the factors."),
    FieldSpec("inner_iterations", .int, .output, "Pairs of scalings in all projections."),
    FieldSpec("mass", .real, .output, "Total mass of the sources."),
    FieldSpec(
      "mass_factor", .real, .output,
      "What weights_target were multiplied by to have the sources' mass to the last digit."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec("factor_source", .array, .output, shape: "(n, r)", "Factor Q of the sources."),
    FieldSpec("factor_target", .array, .output, shape: "(m, r)", "Factor R of the targets."),
    FieldSpec("factor_weights", .array, .output, shape: "(r,)", "Weights g of the groups."),
    FieldSpec(
      "potential_source", .array, .output, shape: "(n,)",
      "Duals of Q 1 = a in the linearised problem: the derivative of the cost in weights_source."),
    FieldSpec("potential_target", .array, .output, shape: "(m,)", "The same of the targets."),
    FieldSpec("plan", .array, .output, shape: "(n, m)", "The plan, dense; made when asked for."),
    FieldSpec(
      "barycentric_map", .array, .output, shape: "(n, d)",
      "Mean target point of each source; for points; made when asked for."),
  ]
}
