import KantorCore
import KantorNumerics

/// **Solves** min over maps T of a family
///     S(T(x), y) + lambda M(x, T(x)) + rho mean |w_k|^2,
/// S the Sinkhorn divergence between images and targets under squared distances, M the debiased
/// Monge gap under a cost of choice, w the weights of radial functions.
///
/// **Method** T is linear in its parameters. Quasi-Newton steps on them; the derivative with
/// respect to the images comes from the plans of the entropic problems in S and M.
///
/// **Symbols** F features (x - mean, 1, radial functions) of the sources, W their weights, T(x) =
/// x + F W; G the derivative of the loss with respect to T(x).
///
/// **Iteration** 1. T(x) from W. 2. Entropic plans between T(x) and y, within T(x), between x and
/// T(x), each from the potentials of the step before. 3. Gradient F' G; L-BFGS step.
///
/// **Stops when** no derivative is larger than the tolerance, relative to the size of its terms.
///
/// **Guarantee** a stationary point of the loss; with the identity moved to the mean of the
/// targets for a start, in general not the global minimum. The loss is known up to `gap`.
///
/// **Cost** three or four entropic problems an evaluation, and O((d + k) d n).
///
/// **Reference** uscidda2023monge, section 5; feydy2019interpolating.
/// Deviation: a map that is linear in its parameters instead of a network, all samples in every
/// step instead of batches, and the debiased gap, whose gradient is nearly 0 at optimal maps.
public enum FitMap {
  public static let spec = MethodSpec(
    name: "fit_map", kind: MapFitKind.kind.name,
    summary: "Affine or radial map between two clouds, fitted by divergence and Monge gap.",
    source: "T. Uscidda, M. Cuturi, The Monge gap: a regularizer to learn all transport maps "
      + "(2023)",
    guarantee: "The loss is stationary: derivatives within the tolerance relative to their terms.",
    options: options, outputs: outputs, usesWarmStart: false, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "gap_weight", .real(1, min: 0, max: 1e6),
      "lambda: weight of the Monge gap. 0 fits the cloud only, by any map of the family."),
    OptionSpec(
      "ridge", .real(1e-3, min: 0, max: .greatestFiniteMagnitude),
      "rho: weight of the mean square length of the radial functions' weights."),
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy in the divergence; 0 takes 0.05 times the mean squared distance "
        + "within the targets."),
    OptionSpec(
      "gap_epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy in the Monge gap; 0 takes 0.05 times the mean cost within the "
        + "targets, and epsilon for squared distances."),
    OptionSpec(
      "tolerance", .real(1e-6, min: 0, max: 1),
      "Largest derivative for a parameter relative to the size of its terms."),
    OptionSpec("max_iterations", .int(500, min: 1, max: .max), "Quasi-Newton steps."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output, "The loss: fitting_loss + gap_weight monge_gap + penalty."),
    FieldSpec("fitting_loss", .real, .output, "S: divergence between images and targets."),
    FieldSpec("monge_gap", .real, .output, "M: debiased Monge gap of the map on the sources."),
    FieldSpec("penalty", .real, .output, "ridge times the mean of |w_k|^2."),
    FieldSpec(
      "gradient_residual", .real, .certificate,
      "Largest derivative of the loss for a parameter over the size of its terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "Largest L1 error of the marginals of the entropic plans."),
    FieldSpec(
      "gap", .real, .certificate,
      "What the primal-dual gaps leave open about the objective; +infinity if interrupted."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the loss's terms."),
    FieldSpec("epsilon", .real, .output, "Strength of the entropy in the divergence."),
    FieldSpec("gap_epsilon", .real, .output, "Strength of the entropy in the Monge gap."),
    FieldSpec("evaluations", .int, .output, "Evaluations of loss and gradient."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec("matrix", .array, .output, shape: "(d, d)", "A of T(x) = A x + b + ..."),
    FieldSpec("offset", .array, .output, shape: "(d,)", "b of T(x) = A x + b + ..."),
    FieldSpec("centres", .array, .output, shape: "(k, d)", "Radial maps: the centres c_k."),
    FieldSpec("radial_weights", .array, .output, shape: "(k, d)", "Radial maps: the weights w_k."),
    FieldSpec("width", .real, .output, "Radial maps: the width r."),
    FieldSpec("mapped", .array, .output, shape: "(n, d)", "T of the sources."),
    FieldSpec("mapped_new", .array, .output, shape: "(q, d)", "T of points_new, if set."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? MapFitProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind map_fit")
    }
    let solver = try MapFitSolver(problem, run)
    try solver.solve()
    let check = try MapFitCheck(problem, try solver.parameters(), threads: run.threads)
    let interrupted = run.monitor.stop.map { $0 != .iterationLimit } ?? false
    let certificate = try check.certify(
      solver.parts, gapWeight: solver.gapWeight, ridge: solver.ridge, isInterrupted: interrupted)
    return try MapFitResult.make(spec, solver, check, certificate, run)
  }
}
