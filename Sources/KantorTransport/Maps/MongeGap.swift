import KantorCore
import KantorNumerics

/// **Solves** how far a map T, known by x_i and T(x_i), is from moving its points at least cost:
///     M = sum_i a_i c(x_i, T(x_i)) - W(x, T(x)),
/// where W is the cost of transport between the points and their images.
///
/// **Method** One exact transport problem for epsilon = 0, one entropic problem for epsilon > 0,
/// three for the debiased form.
///
/// **Symbols** a the weights, which points and images share; P an optimal plan, f and g its
/// potentials.
///
/// **Iteration** 1. P, f, g by the exact method that fits the data, or by `sinkhorn`. 2. M = sum
/// a_i C_ii minus the value.
///
/// **Stops when** the exact method is done, or the marginals of the entropic plans are within the
/// tolerance.
///
/// **Guarantee** M lies between lower_bound and upper_bound. For epsilon = 0, M >= 0, and M = 0
/// just when no reordering of the images is cheaper; so gradients of convex functions have M = 0
/// under squared distances. Shannon form: M >= epsilon times the entropy of the weights.
///
/// **Cost** that of the inner problem.
///
/// **Reference** uscidda2023monge.
/// Deviation: epsilon = 0 is offered, and the debiased form; the paper has entropic values only,
/// whose gap is positive for optimal maps too.
public enum MongeGap {
  public static let spec = MethodSpec(
    name: "monge_gap", kind: MapKind.kind.name,
    summary: "Monge gap of a map: the cost of its own pairs minus that of optimal transport.",
    source: "T. Uscidda, M. Cuturi, The Monge gap: a regularizer to learn all transport maps "
      + "(2023)",
    guarantee: "The gap lies between lower_bound and upper_bound, which are proved on the data.",
    options: options, outputs: outputs, usesWarmStart: false, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost; 0 for exact transport."),
    OptionSpec(
      "form", .text("shannon", choices: GapForm.allCases.map(\.rawValue)),
      "With epsilon > 0, what is subtracted: shannon, min <P, C> + eps sum P log P; kl, min <P, C> "
        + "+ eps KL(P | a a'); debiased, the Sinkhorn divergence, for points."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 0, max: 1),
      "L1 error of the marginals of entropic plans relative to the mass."),
    OptionSpec(
      "max_iterations", .int(10000, min: 1, max: .max),
      "Passes over the pairs of entropic problems, after which the solve stops."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "The Monge gap."),
    FieldSpec("pairing_cost", .real, .output, "sum a_i c(x_i, T(x_i))."),
    FieldSpec("transport_value", .real, .output, "What is subtracted from it."),
    FieldSpec("lower_bound", .real, .certificate, "Lower bound of the gap."),
    FieldSpec("upper_bound", .real, .certificate, "Upper bound of the gap."),
    FieldSpec(
      "gap", .real, .certificate,
      "upper_bound - lower_bound; +infinity if an entropic solve was interrupted."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the costs."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "L1 error of the inner plans' marginals, relative to the mass."),
    FieldSpec("epsilon", .real, .output, "Strength of the entropy."),
    FieldSpec(
      "least_value", .real, .output,
      "What no map's gap is below with these weights and this form; -infinity if debiased."),
    FieldSpec("mass", .real, .output, "Sum of the weights."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "potential_source", .array, .output, shape: "(n,)", "Potentials of the points in W."),
    FieldSpec(
      "potential_target", .array, .output, shape: "(n,)", "Potentials of the images in W."),
  ]

  /// What a certificate has to meet for `solved` besides the marginals, where transport is exact.
  static let exactTolerance = 1e-12

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? MapProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind map")
    }
    let form = GapForm(rawValue: run.options.text("form")) ?? .shannon
    let epsilon = run.options.real("epsilon")
    if epsilon == 0 { return try exact(problem, form, run) }
    guard form != .debiased else { return try debiased(problem, epsilon, run) }
    return try entropic(problem, epsilon, form, run)
  }

  private static func exact(
    _ problem: MapProblem, _ form: GapForm, _ run: Run
  ) throws(KantorError) -> Result {
    let proposal = try ExactDispatch.proposeAny(problem.transport, run)
    guard case .sparse(let plan) = proposal.plan else {
      throw KantorError(.internal, "a map's own pairing is a plan, and none was found")
    }
    // Methods without iterations have told nobody that they are done.
    _ = run.monitor.check(iteration: max(1, run.monitor.iterations))
    let inner = try TransportResult.certify(problem.transport, proposal, plan, run)
    let check = try MongeGapCheck(problem)
    let certificate = check.exact(inner, tolerance: exactTolerance)
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: exactTolerance,
      gap: certificate.relativeGap, gapTolerance: exactTolerance, stop: run.monitor.stop)
    let value = TransportDerivative.exact(
      problem.transport, plan: plan, f: proposal.f, g: proposal.g)
    return MongeGapResult(
      problem: problem, certificate: certificate, f: proposal.f, g: proposal.g, epsilon: 0,
      form: form, least: 0, status: status, tolerance: exactTolerance, value: value
    ).result(spec, run)
  }

  private static func entropic(
    _ problem: MapProblem, _ epsilon: Double, _ form: GapForm, _ run: Run
  ) throws(KantorError) -> Result {
    let tolerance = run.options.real("tolerance")
    let solver = try SinkhornSolver(
      problem.transport,
      SinkhornSettings(epsilon: epsilon, tolerance: tolerance, threads: run.threads), run.monitor)
    try solver.run()
    let potentials = try EntropicPotentials(solver.state, problem.transport)
    let inner = try EntropicCheck(
      problem.transport, epsilon: epsilon, f: potentials.f, g: potentials.g,
      parallel: Parallel(threads: run.threads)
    ).certify(isInterrupted: isInterrupted(run)).certificate
    let check = try MongeGapCheck(problem)
    let certificate = check.entropic(inner, epsilon: epsilon, form: form)
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: tolerance, stop: run.monitor.stop)
    let value = TransportDerivative.entropic(
      problem.transport, epsilon: epsilon, f: potentials.f, g: potentials.g, tolerance: tolerance)
    return MongeGapResult(
      problem: problem, certificate: certificate, f: potentials.f, g: potentials.g,
      epsilon: epsilon, form: form, least: check.leastValue(epsilon: epsilon, form: form),
      status: status, tolerance: tolerance, value: value
    ).result(spec, run)
  }

  private static func debiased(
    _ problem: MapProblem, _ epsilon: Double, _ run: Run
  ) throws(KantorError) -> Result {
    guard problem.transport.geometry.isPoints else {
      throw KantorError(
        .unsupported, "option 'form': debiased needs points; with a cost the costs among the "
          + "points and among the images are not known")
    }
    let solver = try DivergenceSolver(problem.transport, run)
    try solver.run()
    let inner = try DivergenceCertificate(solver, run)
    let scale = inner.cross.scale + 0.5 * (inner.source.scale + inner.target.scale)
    let check = try MongeGapCheck(problem)
    let certificate = check.debiased(
      value: inner.value, gap: inner.gap, scale: scale, marginalResidual: inner.residual)
    let status = Status.judge(
      residual: inner.residual, tolerance: solver.tolerance, stop: run.monitor.stop)
    let value = TransportDerivative.divergence(
      problem.transport, epsilon: epsilon, cross: solver.cross, source: solver.source,
      target: solver.target, tolerance: solver.tolerance)
    return MongeGapResult(
      problem: problem, certificate: certificate, f: inner.f, g: inner.g, epsilon: epsilon,
      form: .debiased, least: -.infinity, status: status, tolerance: solver.tolerance, value: value
    ).result(spec, run)
  }

  private static func isInterrupted(_ run: Run) -> Bool {
    run.monitor.stop.map { $0 != .iterationLimit } ?? false
  }
}
