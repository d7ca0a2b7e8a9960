import KantorCore
import KantorNumerics

/// Turns a proposal for spaces whose weights may be missed into a result: asks the checker, derives
/// the status from the certificate and names what the caller can read.
enum RelaxedGromovResult {
  static func make(
    _ spec: MethodSpec, _ problem: RelaxedGromovProblem, _ proposal: RelaxedGromovProposal,
    _ run: Run
  ) throws(KantorError) -> Result {
    let certificate = try RelaxedGromovCheck(problem, threads: run.threads).certify(
      plan: proposal.plan, f: proposal.f, g: proposal.g, multiplier: proposal.multiplier,
      entropy: proposal.entropy)
    let held = certificate.held
    let status = Status.judge(
      residual: held.residual, tolerance: proposal.tolerance, gap: certificate.relativeGap,
      gapTolerance: proposal.gapTolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("linear_cost", certificate.linearCost)
    fields.add("quadratic_cost", certificate.quadraticCost)
    if problem.isPartial {
      fields.add("multiplier", held.multiplier)
    } else {
      fields.add("penalty_source", certificate.penaltySource)
      fields.add("penalty_target", certificate.penaltyTarget)
    }
    fields.add("plan_mass", held.planMass)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", held.residual)
    fields.append(proposal.figures)
    fields.add("epsilon", proposal.entropy?.epsilon ?? 0)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(held.residual)), relative gap of the problem "
        + "with one factor held \(shortText(certificate.relativeGap)), tolerance "
        + "\(shortText(proposal.gapTolerance)), \(run.monitor.iterations) iterations")
    fields.add("plan", Tensor(proposal.plan, shape: [problem.n, problem.m]))
    GromovResult.addEntries(&fields, proposal.plan, problem.m)
    fields.add("marginal_source", Tensor(held.rows))
    fields.add("marginal_target", Tensor(held.columns))
    fields.add("potential_source", Tensor(held.f))
    fields.add("potential_target", Tensor(held.g))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: try derivative(problem, proposal, certificate).products)
  }

  /// By the envelope theorem, at the plan: that of the weights comes from the caps' multipliers or
  /// from the penalties.
  private static func derivative(
    _ problem: RelaxedGromovProblem, _ proposal: RelaxedGromovProposal,
    _ certificate: RelaxedGromovCertificate
  ) throws(KantorError) -> GromovDerivative {
    let held = certificate.held
    var values = GromovCertificate(f: try held.f.copy(), g: try held.g.copy())
    values.linearCost = certificate.linearCost
    values.quadraticCost = certificate.quadraticCost
    let (mass, masses) = (held.planMass, (problem.sourceMass, problem.targetMass))
    let entropy = proposal.entropy
    let isProduct = entropy.map { !$0.isUniform } ?? false
    let epsilon = isProduct ? entropy?.epsilon ?? 0 : 0
    func fill(
      _ out: Buffer<Double>, _ penalty: MarginalPenalty, _ marginal: Buffer<Double>,
      _ w: Buffer<Double>, _ own: Double, _ other: Double
    ) {
      for i in 0..<out.count {
        let ratio = w.pointer[i] > 0 ? marginal.pointer[i] / w.pointer[i] : 0
        if problem.isPartial {
          // eps KL(P | a b') depends on the weights as well.
          out.pointer[i] = min(out.pointer[i], 0) + epsilon * (other - ratio)
        } else {
          out.pointer[i] =
            2 * penalty.strength * (own - mass * ratio)
            + 2 * epsilon * (own * other * other - mass * ratio)
        }
      }
    }
    fill(values.f, problem.terms.source, held.rows, problem.a, masses.0, masses.1)
    fill(values.g, problem.terms.target, held.columns, problem.b, masses.1, masses.0)
    return GromovDerivative(problem.spaces, .semirelaxed, plan: proposal.plan, values)
  }
}

/// The outputs that every such method has.
enum RelaxedGromovOutputs {
  private static let replaced = [
    "objective", "gap", "relative_gap", "marginal_residual", "row_residual", "column_residual",
    "mass", "potential_source", "potential_target",
  ]

  static func with(
    isPartial: Bool, _ figures: [FieldSpec]
  ) -> [FieldSpec] {
    let values = GromovOutputs.certificate.filter { !replaced.contains($0.name) }
    let arrays = GromovOutputs.common.filter { !replaced.contains($0.name) }
    let own = isPartial
      ? [
        FieldSpec(
          "multiplier", .real, .output,
          "Of the mass: the derivative of the objective in the mass to match.")
      ]
      : [
        FieldSpec("penalty_source", .real, .output, "rho KL(p x p | a x a), p = P 1."),
        FieldSpec("penalty_target", .real, .output, "rho KL(q x q | b x b), q = P' 1."),
      ]
    return [FieldSpec("objective", .real, .output, "Value of the problem solved, at the plan.")]
      + values + own + [
        FieldSpec("plan_mass", .real, .output, "Total mass of the plan."),
        FieldSpec(
          "gap", .real, .certificate,
          "Upper bound of what another plan could lower the objective by with its other factor "
            + "held at the plan; 0 at stationary plans only."),
        FieldSpec("relative_gap", .real, .certificate, "gap over the size of its terms."),
        FieldSpec(
          "marginal_residual", .real, .certificate,
          "What caps and a prescribed mass are missed by (L1), over the larger total of the "
            + "weights; 0 where marginals are only penalised."),
        FieldSpec("epsilon", .real, .output, "Strength of the entropy; 0 without."),
      ] + figures + arrays + [
        FieldSpec("marginal_source", .array, .output, shape: "(n,)", "P 1."),
        FieldSpec("marginal_target", .array, .output, shape: "(m,)", "P' 1."),
        FieldSpec(
          "potential_source", .array, .output, shape: "(n,)",
          "f of the problem with one factor held."),
        FieldSpec("potential_target", .array, .output, shape: "(m,)", "g of the same."),
      ]
  }
}
