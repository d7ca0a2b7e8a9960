import Glibc
import KantorCore
import KantorNumerics

/// From the solver's potentials to a certified result.
enum BarycentreResult {
  static func solve(
    _ spec: MethodSpec, _ sealed: any SealedProblem, _ run: Run, debiased: Bool
  ) throws(KantorError) -> Result {
    guard let problem = sealed as? BarycentreProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind barycentre")
    }
    if debiased, !problem.isSymmetric {
      throw KantorError(
        .unsupported,
        "'\(spec.name)' needs the barycentre on the points of the measures, at symmetric costs")
    }
    let solver = try BarycentreSolver(problem, run, debiased: debiased)
    solver.run()
    let check = try BarycentreCheck(
      problem, epsilon: solver.epsilon, parallel: Parallel(threads: run.threads))
    let certificate = try check.certify(
      gamma: solver.state.gamma, barycentre: solver.barycentre, debiased: debiased)
    let tolerance = run.options.real("tolerance")
    let status = Status.judge(
      residual: certificate.residual, tolerance: tolerance, stop: run.monitor.stop)
    return try make(spec, problem, solver, certificate, status, tolerance, debiased, run)
  }

  private static func make(
    _ spec: MethodSpec, _ problem: BarycentreProblem, _ solver: BarycentreSolver,
    _ certificate: BarycentreCertificate, _ status: Status, _ tolerance: Double, _ debiased: Bool,
    _ run: Run
  ) throws(KantorError) -> Result {
    let epsilon = solver.epsilon
    let mass = problem.mass
    var fields = ResultFields()
    fields.add("objective", mass * (certificate.value + epsilon * log(mass)))
    fields.certify("marginal_residual", certificate.residual)
    if debiased {
      fields.certify("smoothing_residual", certificate.smoothingResidual)
    } else {
      let shift = epsilon * log(mass)
      fields.certify("gap", mass * (certificate.upper - certificate.lower))
      fields.certify("relative_gap", certificate.relativeGap)
      fields.certify("lower_bound", mass * (certificate.lower + shift))
      fields.certify("upper_bound", mass * (certificate.upper + shift))
    }
    fields.add("epsilon", epsilon)
    fields.add("mass", mass)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(certificate.residual)), tolerance "
        + "\(shortText(tolerance)), \(run.monitor.iterations) iterations")
    let barycentre = try solver.barycentre.copy()
    for j in 0..<barycentre.count { barycentre.pointer[j] *= mass }
    fields.add("barycentre", Tensor(barycentre))
    let (f, g) = (certificate.phi, certificate.gamma)
    for i in 0..<f.count { f.pointer[i] *= epsilon }
    for j in 0..<g.count { g.pointer[j] *= epsilon }
    let k = problem.count
    fields.add("potentials_source", Tensor(f, shape: [k, problem.n]))
    fields.add("potentials_target", Tensor(g, shape: [k, problem.m]))
    guard !debiased else { return Result(spec: spec, status: status, fields: fields) }
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: BarycentreDerivative.make(problem, epsilon: epsilon, f: f))
  }
}

/// Options and outputs of the barycentre methods.
enum BarycentreOutputs {
  static func options(tolerance: Double) -> [OptionSpec] { [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost between "
        + "all points."),
    OptionSpec(
      "tolerance", .real(tolerance, min: 0, max: 1),
      "L1 distance of the plans' marginals from the barycentre, relative to the mass."),
    OptionSpec(
      "max_iterations", .int(10000, min: 1, max: .max),
      "Iterations after which the solve stops."),
  ] }

  static let bounds: [FieldSpec] = [
    FieldSpec("gap", .real, .certificate, "upper_bound minus lower_bound."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the value's terms."),
    FieldSpec(
      "lower_bound", .real, .certificate,
      "A lower bound of the optimal value, from potentials whose weighted sum is 0."),
    FieldSpec(
      "upper_bound", .real, .certificate,
      "The value of plans that have the barycentre as their marginal exactly."),
  ]

  static let debiased: [FieldSpec] = [
    FieldSpec(
      "smoothing_residual", .real, .certificate,
      "|d K d - q|_1 of the barycentre q and the scaling d of its plan with itself.")
  ]

  static func outputs(_ certificate: [FieldSpec], objective: String) -> [FieldSpec] {
    [
      FieldSpec("objective", .real, .output, objective),
      FieldSpec(
        "marginal_residual", .real, .certificate,
        "Weighted mean of the L1 distances of the plans' marginals from the barycentre, relative "
          + "to the mass; for debiased ones plus smoothing_residual."),
    ] + certificate + [
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
      FieldSpec("mass", .real, .output, "Mass of the measures and of the barycentre."),
      FieldSpec("iterations", .int, .output, "Iterations of the method."),
      FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
      FieldSpec("message", .text, .output, "The status and the certificate in one line."),
      FieldSpec(
        "barycentre", .array, .output, shape: "(m,)",
        "Weights of the barycentre; those of a grid in row-major order."),
      FieldSpec(
        "potentials_source", .array, .output, shape: "(k, n)",
        "Potentials of the measures at mass 1; -infinity where they have no mass."),
      FieldSpec(
        "potentials_target", .array, .output, shape: "(k, m)",
        "Potentials of the barycentre against each measure."),
    ]
  }
}
