import KantorCore

/// The result of a fitted map.
enum MapFitResult {
  static func make(
    _ spec: MethodSpec, _ solver: MapFitSolver, _ check: MapFitCheck,
    _ certificate: MapFitCertificate, _ run: Run
  ) throws(KantorError) -> Result {
    let problem = solver.problem
    let d = problem.dimension
    // Plans that are far from their marginals say nothing about the gradient.
    let status = Status.judge(
      residual: certificate.gradientResidual, tolerance: solver.tolerance,
      gap: certificate.marginalResidual, gapTolerance: solver.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("fitting_loss", certificate.fittingLoss)
    fields.add("monge_gap", certificate.mongeGap)
    fields.add("penalty", certificate.penalty)
    fields.certify("gradient_residual", certificate.gradientResidual)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.add("epsilon", solver.epsilon)
    fields.add("gap_epsilon", solver.gapEpsilon)
    fields.add("evaluations", solver.evaluations)
    fields.add(
      "message",
      "\(status.name): gradient residual \(shortText(certificate.gradientResidual)), tolerance "
        + "\(shortText(solver.tolerance)), fitting loss \(shortText(certificate.fittingLoss)), "
        + "Monge gap \(shortText(certificate.mongeGap)), \(run.monitor.iterations) iterations")
    fields.add("matrix", Tensor(check.parameters.matrix, shape: [d, d]))
    fields.add("offset", Tensor(check.parameters.offset))
    let k = problem.centres.count
    if k > 0 {
      fields.add("centres", Tensor(problem.centres.points, shape: [k, d]))
      fields.add("radial_weights", Tensor(check.parameters.radial, shape: [k, d]))
      fields.add("width", problem.width)
    }
    fields.add("mapped", Tensor(check.images, shape: [problem.n, d]))
    if let new = problem.new {
      let mapped = try MapFitCheck.map(new, problem, check.parameters)
      fields.add("mapped_new", Tensor(mapped, shape: [new.count, d]))
    }
    return Result(spec: spec, status: status, fields: fields)
  }
}
