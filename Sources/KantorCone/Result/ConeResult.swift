import KantorCore

/// Turns a proposal into a result: asks the checker, derives the status from the certificate and
/// names what the caller can read.
enum ConeResult {
  static func make(
    _ spec: MethodSpec, _ problem: ConeProblem, _ proposal: ConeProposal, _ run: Run
  ) throws(KantorError) -> Result {
    switch proposal.claim {
    case .point: return try point(spec, problem, proposal, run)
    case .infeasible, .unbounded: return try ray(spec, problem, proposal, run)
    }
  }

  private static func point(
    _ spec: MethodSpec, _ problem: ConeProblem, _ proposal: ConeProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let certificate = try ConeCheck(problem).certify(proposal)
    let status = Status.judge(
      certificate, tolerance: proposal.tolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.certify("dual_objective", certificate.dualObjective)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("primal_residual", certificate.primalResidual)
    fields.certify("dual_residual", certificate.dualResidual)
    fields.certify("relative_primal_residual", certificate.relativePrimalResidual)
    fields.certify("relative_dual_residual", certificate.relativeDualResidual)
    fields.certify("primal_violation", certificate.primalViolation)
    fields.certify("dual_violation", certificate.dualViolation)
    addFigures(&fields, proposal, run)
    let message =
      "\(status.name): primal residual \(shortText(certificate.relativePrimalResidual)), dual "
      + "residual \(shortText(certificate.relativeDualResidual)), gap "
      + "\(shortText(certificate.relativeGap)), all relative, tolerance "
      + "\(shortText(proposal.tolerance)), \(run.monitor.iterations) iterations"
    fields.add("message", message)
    fields.add("x", Tensor(proposal.x))
    fields.add("s", Tensor(proposal.s))
    fields.add("z", Tensor(proposal.z))
    guard spec.hasDerivatives, status == .solved || status == .solvedInaccurate else {
      return Result(
        spec: spec, status: status, fields: fields, reusable: proposal.reusable)
    }
    let quality = DerivativeQuality(problem: problem, s: proposal.s, z: proposal.z)
    fields.addLazily("derivative_quality") { () throws(KantorError) in
      Tensor(try Buffer([quality.value()]), shape: [])
    }
    let derivative = ConeDerivative(
      problem: problem, x: proposal.x, s: proposal.s, z: proposal.z)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: { (cotangents, wanted) throws(KantorError) in
        try derivative.pull(cotangents, wanted)
      },
      forward: { (tangents, wanted) throws(KantorError) in
        try derivative.push(tangents, wanted)
      }, reusable: proposal.reusable)
  }

  private static func ray(
    _ spec: MethodSpec, _ problem: ConeProblem, _ proposal: ConeProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let check = ConeCheck(problem)
    let isPrimal = proposal.claim == .infeasible
    let certificate =
      try isPrimal
      ? check.infeasible(proposal.z.pointer) : check.unbounded(proposal.x.pointer)
    let claimed: Status = isPrimal ? .infeasible : .unbounded
    let status = certificate.holds ? claimed : run.monitor.stop ?? .numericalError
    var fields = ResultFields()
    let value = isPrimal ? Double.infinity : -Double.infinity
    fields.add("objective", certificate.holds ? value : .nan)
    fields.certify("radius", certificate.radius)
    fields.certify("advantage", certificate.advantage)
    addFigures(&fields, proposal, run)
    let radius = shortText(certificate.radius)
    let message: String
    switch (certificate.holds, isPrimal) {
    case (true, true):
      message = "infeasible: ray_dual proves that no point shorter than \(radius) is feasible"
    case (true, false):
      message =
        "unbounded: the objective falls along ray_primal; no dual feasible z is shorter than "
        + radius
    case (false, true):
      message = "no feasible point was found; ray_dual excludes only points shorter than \(radius)"
    case (false, false):
      message = "no minimum was found; ray_primal excludes only z shorter than \(radius)"
    }
    fields.add("message", message)
    let ray = certificate.ray ?? (isPrimal ? proposal.z : proposal.x)
    fields.add(isPrimal ? "ray_dual" : "ray_primal", Tensor(ray))
    return Result(spec: spec, status: status, fields: fields, reusable: proposal.reusable)
  }

  private static func addFigures(
    _ fields: inout ResultFields, _ proposal: ConeProposal, _ run: Run
  ) {
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(proposal.figures)
  }
}

/// The outputs that every cone method has, for the methods' descriptions.
public enum ConeOutputs {
  public static let certificate: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "1/2 x'Px + q'x; +infinity of an infeasible problem, -infinity of an unbounded one."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "-1/2 x'Px - b'z + sum over box rows of min(lower z, upper z)."),
    FieldSpec("gap", .real, .certificate, "Distance of the two objectives."),
    FieldSpec(
      "relative_gap", .real, .certificate, "gap over max(u, the smaller of the two in size)."),
    FieldSpec("primal_residual", .real, .certificate, "Largest entry of Ax + s - b."),
    FieldSpec("dual_residual", .real, .certificate, "Largest entry of Px + A'z + q."),
    FieldSpec(
      "relative_primal_residual", .real, .certificate,
      "primal_residual over max(u, largest entry of Ax, s and b); u is 1, or less for small data."),
    FieldSpec(
      "relative_dual_residual", .real, .certificate,
      "dual_residual over max(u, largest entry of Px, A'z and q)."),
    FieldSpec("primal_violation", .real, .certificate, "Distance of s from K."),
    FieldSpec("dual_violation", .real, .certificate, "Distance of z from the dual of K."),
    FieldSpec(
      "radius", .real, .certificate,
      "Infeasible problems: no point shorter than this is feasible. Unbounded ones: no z shorter "
        + "than this is dual feasible."),
    FieldSpec(
      "advantage", .real, .certificate,
      "radius over the length that the data suggest; 1e7 is needed for a claim."),
  ]

  public static let common: [FieldSpec] = [
    FieldSpec("x", .array, .output, shape: "(n,)", "The point."),
    FieldSpec("s", .array, .output, shape: "(m,)", "Slack b - Ax, in the cones."),
    FieldSpec("z", .array, .output, shape: "(m,)", "Multipliers of the rows, in the dual cones."),
    FieldSpec(
      "derivative_quality", .array, .output, shape: "()",
      "Least eigenvalue of s/|s| + z/|z|: 0 where derivatives jump; NaN with exponential and power "
        + "cones."),
    FieldSpec(
      "ray_dual", .array, .output, shape: "(m,)",
      "Infeasible problems: z in the dual cones with A'z = 0 and b'z = -1 (boxes: less their "
        + "support term)."),
    FieldSpec(
      "ray_primal", .array, .output, shape: "(n,)",
      "Unbounded problems: x with Px = 0, -Ax in the cones, q'x = -1."),
  ]
}

extension ConeMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? ConeProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind cone")
      }
      let found = try proposal(problem, run)
      return try ConeResult.make(spec, problem, found, run)
    }
  }
}
