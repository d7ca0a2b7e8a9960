import Glibc
import KantorCore

/// Names what the certificate of a game says.
enum SmallGainResult {
  static func make(
    _ spec: MethodSpec, _ bounds: GameBounds, _ proposal: SmallGainProposal,
    _ found: SmallGainCertificate, _ run: Run, samples: Int?, complaint: String?
  ) throws(KantorError) -> Result {
    let isWhole = run.monitor.stop == nil && samples != 0
    var status = run.monitor.stop ?? .numericalError
    if isWhole && found.margin > 0 { status = .solved }
    // Samples are points of the region: what they exclude is excluded.
    if found.isExcluded && !(found.margin > 0) && samples != 0 { status = .infeasible }
    var fields = ResultFields()
    fields.add("objective", found.margin)
    fields.certify("margin", found.margin)
    fields.certify("euclidean_margin", found.euclideanMargin)
    fields.certify("lipschitz", found.lipschitz)
    let (alpha, beta) = (found.margin, found.lipschitz)
    if alpha > 0, beta.isFinite {
      fields.add("step", alpha / beta / beta)
      fields.add("step_largest", 2 * alpha / beta / beta)
      fields.add("contraction", max(0, 1 - alpha / beta * (alpha / beta)).squareRoot())
    }
    if let samples {
      fields.add("samples", samples)
      fields.add("uncovered", uncovered(samples, bounds.players, run))
    }
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add("message", message(status, found, bounds, run, samples, complaint))
    fields.add("weights", Tensor(proposal.weights))
    if found.isExcluded, let witness = proposal.witness { fields.add("witness", Tensor(witness)) }
    fields.add("curvature", Tensor(bounds.curvature))
    fields.add(
      "coupling", Tensor(bounds.coupling, shape: [bounds.players, bounds.players]))
    return Result(spec: spec, status: status, fields: fields)
  }

  /// Each of the q bounds is passed on a part e of the region with probability (1 - e)^S at most:
  /// e with q (1 - e)^S = 1 - confidence. The parts of all bounds together are q e.
  private static func uncovered(_ samples: Int, _ players: Int, _ run: Run) -> Double {
    guard samples > 0 else { return 1 }
    let doubt = 1 - run.options.real("confidence")
    let q = Double(players) * Double(players + 1)
    return min(1, q * -expm1(log(doubt / q) / Double(samples)))
  }

  private static func message(
    _ status: Status, _ found: SmallGainCertificate, _ bounds: GameBounds, _ run: Run,
    _ samples: Int?, _ complaint: String?
  ) -> String {
    var text = "\(status.name): "
    switch status {
    case .solved:
      text += "gradient play contracts in the metric of the weights, margin "
        + "\(shortText(found.margin)) (\(shortText(found.euclideanMargin)) with equal weights)"
    case .infeasible: text += "no weights certify contraction for these bounds"
    default: text += "the margin \(shortText(found.margin)) was not decided"
    }
    if let samples {
      text += "; bounds from \(samples) samples, which all but the part "
        + "\(shortText(uncovered(samples, bounds.players, run))) of the region keeps"
    }
    if let complaint { text += "; " + complaint }
    return text
  }
}

enum SmallGainOutputs {
  static let fields: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "The margin."),
    FieldSpec(
      "margin", .real, .certificate,
      "alpha: strong monotonicity of the players' gradients in the metric of the weights."),
    FieldSpec(
      "euclidean_margin", .real, .certificate, "The same for equal weights; often negative."),
    FieldSpec(
      "lipschitz", .real, .certificate,
      "beta: their Lipschitz constant in the metric; NaN without 'smoothness'."),
    FieldSpec("step", .real, .output, "alpha/beta^2, the step with the best factor."),
    FieldSpec("step_largest", .real, .output, "2 alpha/beta^2; smaller steps contract."),
    FieldSpec(
      "contraction", .real, .output, "sqrt(1 - alpha^2/beta^2), the factor of that step."),
    FieldSpec("weights", .array, .output, shape: "(players,)", "w, the first of them 1."),
    FieldSpec(
      "witness", .array, .output, shape: "(players,)",
      "v >= 0 with (diag(curvature) - coupling) v <= 0, where no weights will do."),
    FieldSpec("curvature", .array, .output, shape: "(players,)", "The bounds that were used."),
    FieldSpec(
      "coupling", .array, .output, shape: "(players, players)", "The bounds that were used."),
    FieldSpec("samples", .int, .output, "Derivatives that were sampled."),
    FieldSpec(
      "uncovered", .real, .output,
      "With the confidence asked for, bounds from samples hold on all but this part of the "
        + "region."),
  ]
}
