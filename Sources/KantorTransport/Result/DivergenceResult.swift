import KantorCore
import KantorNumerics

/// The result of a divergence: three certificates by the checker and the value that follows.
enum DivergenceResult {
  static func make(
    _ spec: MethodSpec, _ solver: DivergenceSolver, _ run: Run
  ) throws(KantorError) -> Result {
    if let part = solver.infeasible { return try infeasible(spec, solver, part, run) }
    let problem = solver.problem
    let certificate = try DivergenceCertificate(solver, run)
    let status = Status.judge(
      residual: certificate.residual, tolerance: solver.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.value)
    fields.add("transport_cost", certificate.cross.transportCost)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.residual)
    fields.certify("cross_residual", certificate.cross.marginalResidual)
    fields.certify("source_residual", certificate.source.marginalResidual)
    fields.certify("target_residual", certificate.target.marginalResidual)
    addFigures(&fields, solver, run)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(certificate.residual)), relative gap "
        + "\(shortText(certificate.relativeGap)), tolerance \(shortText(solver.tolerance)), "
        + "\(run.monitor.iterations) iterations")
    fields.add("potential_source", Tensor(certificate.f))
    fields.add("potential_target", Tensor(certificate.g))
    if run.monitor.keepsTrace { try fields.add(run.monitor.trace) }
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: TransportDerivative.divergence(
        problem, epsilon: solver.epsilon, cross: solver.cross, source: solver.source,
        target: solver.target, tolerance: solver.tolerance))
  }

  private static func addFigures(
    _ fields: inout ResultFields, _ solver: DivergenceSolver, _ run: Run
  ) {
    fields.add("epsilon", solver.epsilon)
    fields.add("mass", solver.problem.mass)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    if run.monitor.callbackCode != 0 {
      fields.add("callback_code", Int(run.monitor.callbackCode))
    }
  }

  private static func infeasible(
    _ spec: MethodSpec, _ solver: DivergenceSolver, _ part: DivergenceSolver.Part, _ run: Run
  ) throws(KantorError) -> Result {
    let holds = try InfeasibilityCheck.holds(
      part.problem, f: part.f.pointer, g: part.g.pointer)
    var fields = ResultFields()
    fields.add("objective", holds ? Double.infinity : Double.nan)
    addFigures(&fields, solver, run)
    fields.add(
      "message",
      holds
        ? "infeasible: in one of the three problems some sources hold more mass than the targets "
          + "they may reach; ray_source and ray_target prove it"
        : "no feasible plan was found and its absence could not be proved")
    fields.add("ray_source", Tensor(part.f))
    fields.add("ray_target", Tensor(part.g))
    if run.monitor.keepsTrace { try fields.add(run.monitor.trace) }
    return Result(
      spec: spec, status: holds ? .infeasible : run.monitor.stop ?? .numericalError,
      fields: fields)
  }
}

/// What the three problems prove about S.
struct DivergenceCertificate {
  let cross: TransportCertificate
  let source: TransportCertificate
  let target: TransportCertificate
  /// f_ab - f_aa and g_ab - g_bb, where f_aa is the mean of both potentials of that problem.
  let f: Buffer<Double>
  let g: Buffer<Double>
  let value: Double

  init(_ solver: DivergenceSolver, _ run: Run) throws(KantorError) {
    cross = try Self.certify(solver.cross, solver.epsilon, run)
    source = try Self.certify(solver.source, solver.epsilon, run)
    target = try Self.certify(solver.target, solver.epsilon, run)
    f = try Self.difference(solver.cross.f, solver.source)
    g = try Self.difference(solver.cross.g, solver.target)
    let (a, b) = (solver.problem.a, solver.problem.b)
    var sum = CompensatedSum()
    for i in 0..<f.count { sum.add(a.pointer[i] * f.pointer[i]) }
    for j in 0..<g.count { sum.add(b.pointer[j] * g.pointer[j]) }
    value = sum.value
  }

  var residual: Double {
    let all = [cross.marginalResidual, source.marginalResidual, target.marginalResidual]
    return all.contains { $0.isNaN } ? .nan : max(all[0], all[1], all[2])
  }
  var gap: Double { cross.gap + 0.5 * (source.gap + target.gap) }
  var relativeGap: Double {
    gap == 0 ? 0 : gap / (cross.scale + 0.5 * (source.scale + target.scale))
  }

  private static func certify(
    _ part: DivergenceSolver.Part, _ epsilon: Double, _ run: Run
  ) throws(KantorError) -> TransportCertificate {
    let check = try EntropicCheck(
      part.problem, epsilon: epsilon, f: part.f, g: part.g,
      parallel: Parallel(threads: run.threads))
    let interrupted = run.monitor.stop.map { $0 != .iterationLimit } ?? false
    return try check.certify(isInterrupted: interrupted).certificate
  }

  private static func difference(
    _ potential: Buffer<Double>, _ part: DivergenceSolver.Part
  ) throws(KantorError) -> Buffer<Double> {
    let out = try potential.copy()
    for k in 0..<out.count {
      out.pointer[k] -= 0.5 * (part.f.pointer[k] + part.g.pointer[k])
    }
    return out
  }
}
