import KantorCore
import KantorNumerics

/// **Solves** entropic Gromov-Wasserstein and fused problems, to a stationary point: with the
/// scheme `projected`
///     min over couplings P of a and b of F(P) + eps KL(P | a b^T),
///     F(P) = (1 - alpha) <M, P> + alpha sum_ijkl L(C_ik, D_jl) P_ij P_kl,
/// with the scheme `proximal` F alone, the entropy being only that of each step.
///
/// **Method** Mirror descent in the Kullback-Leibler geometry: each step is entropic transport,
/// solved by `sinkhorn` in the log domain from the potentials of the step before.
///
/// **Symbols** G = grad F(P); W effective costs, P = a b^T exp((f + g - W) / eps); s in (0, 1] the
/// share of a step.
///
/// **Iteration**
/// 1. projected: W <- (1 - s) W + s G; proximal: W <- W - f - g + s G, which is -eps log P + s G up
///    to the weights.
/// 2. P = argmin over couplings of <W, X> + eps KL(X | a b^T).
/// 3. If the objective rose, the step is taken back and s halved.
/// 4. proximal, with `polish`: conditional gradient from the plan reached.
///
/// **Stops when** the gap of the linearised problem is at most tolerance times the size of its
/// terms and the plan moved by at most plan_tolerance. Sinkhorn's own tolerance follows the
/// movement of the plan down to marginal_tolerance.
///
/// **Guarantee** The objective does not rise (up to the inner tolerance). Where F is concave, as
/// for Euclidean distances, full steps do that by themselves: they minimise a majorant. Limit
/// points are stationary; the problem is not convex, so they are local optima.
///
/// **Cost** Two products of matrices and one warm entropic solve per step; memory for seven n x m
/// matrices.
///
/// **Reference** peyre2016gromov, section 3 (projected); xu2019gromov (proximal).
/// Deviation: shares below 1 where a full step would raise the objective, and polishing: proximal
/// steps get near a vertex quickly and to it slowly.
public enum GromovEntropic: GromovMethod {
  public static let spec = MethodSpec(
    name: "gromov_entropic", kind: GromovKind.kind.name,
    summary: "Entropic Gromov-Wasserstein and fused problems: steps of entropic transport, "
      + "projected or proximal.",
    source: "G. Peyre, M. Cuturi, J. Solomon, Gromov-Wasserstein averaging of kernel and distance "
      + "matrices (2016); H. Xu and others, Gromov-Wasserstein learning (2019)",
    guarantee: "Marginals within marginal_tolerance and a certified Frank-Wolfe gap of the "
      + "respective objective within the tolerance. The value is a local optimum.",
    options: options,
    outputs: GromovOutputs.with([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
      FieldSpec("inner_iterations", .int, .output, "Iterations of Sinkhorn in all steps."),
      FieldSpec(
        "polish_steps", .int, .output, "Conditional gradient steps after the proximal ones."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the gradient. 0 takes 0.05 times the objective of the "
        + "product of the weights over the mass."),
    OptionSpec(
      "scheme", .text("projected", choices: ["projected", "proximal"]),
      "projected: the objective with the entropy. proximal: without it; each step stays near the "
        + "plan before."),
    OptionSpec(
      "polish", .flag(true),
      "End proximal steps by conditional gradient, which reaches stationary plans exactly."),
    OptionSpec(
      "tolerance", .real(1e-7, min: 0, max: 1),
      "Frank-Wolfe gap, relative to the size of its terms, at which a plan is stationary."),
    OptionSpec(
      "plan_tolerance", .real(1e-6, min: 0, max: 2),
      "L1 change of the plan in a step, relative to the mass, to stop at; both have to hold."),
    OptionSpec(
      "marginal_tolerance", .real(1e-9, min: 0, max: 1),
      "L1 error of the marginals relative to the mass."),
    OptionSpec(
      "max_iterations", .int(1000, min: 1, max: .max), "Steps after which the solve stops."),
  ]

  /// Change of the plan at which conditional gradient takes over.
  private static let polishFrom = 1e-4

  public static func propose(
    _ problem: GromovProblem, _ run: Run
  ) throws(KantorError) -> GromovProposal {
    let model = try GromovModel(problem, run)
    let start = try GromovStart(problem, run)
    let options = run.options
    let isProximal = options.text("scheme") == "proximal"
    let polishes = isProximal && options.flag("polish")
    let epsilon = try strength(model, run)
    let tolerance = options.real("tolerance")
    let marginal = options.real("marginal_tolerance")
    let descent = try EntropicDescent(
      model, run,
      .init(
        epsilon: epsilon, isProximal: isProximal,
        marginalTolerance: isProximal ? min(marginal, 1e-7) : marginal,
        tolerance: polishes ? 1 : tolerance,
        planTolerance: polishes ? polishFrom : options.real("plan_tolerance")),
      start: start, isGiven: start.isGiven)
    _ = try descent.descend()
    var figures = ResultFields()
    figures.add("epsilon", epsilon)
    figures.add("inner_iterations", descent.innerIterations)
    guard isProximal else {
      figures.add("polish_steps", 0)
      return GromovProposal(
        model: .entropic(epsilon: epsilon), plan: descent.plan, g: descent.g, figures: figures,
        marginalTolerance: marginal, gapTolerance: tolerance)
    }
    try GromovStart.correct(descent.plan, problem, false)
    let (plan, g, steps) = try finish(descent, run, tolerance, polishes)
    figures.add("polish_steps", steps)
    return GromovProposal(
      model: .balanced, plan: plan, g: g, figures: figures, marginalTolerance: 1e-12,
      gapTolerance: tolerance)
  }

  /// Conditional gradient, or only its first linear problem, whose potentials bound the gap best.
  private static func finish(
    _ descent: EntropicDescent, _ run: Run, _ tolerance: Double, _ polishes: Bool
  ) throws(KantorError) -> (Buffer<Double>, Buffer<Double>, Int) {
    guard run.monitor.stop == nil else { return (descent.plan, descent.g, 0) }
    if polishes {
      let polish = try ConditionalGradient(
        descent.model, run, .init(tolerance: tolerance, decreaseTolerance: 0),
        plan: descent.plan, g: nil, iterations: descent.iterations)
      _ = try polish.run()
      return (polish.plan, polish.step.g, polish.iterations - descent.iterations)
    }
    let step = try LinearisedStep(descent.model.problem, run, g: nil)
    let product = try Buffer<Double>(count: descent.plan.count)
    if try descent.model.cross(descent.plan, into: product) {
      descent.model.gradient(product, into: step.gradient)
      _ = try step.solve()
    }
    return (descent.plan, step.g, 0)
  }

  /// The strength asked for, or one that suits the size of the objective.
  private static func strength(_ model: GromovModel, _ run: Run) throws(KantorError) -> Double {
    let given = run.options.real("epsilon")
    if given > 0 { return given }
    let (problem, m) = (model.problem, model.m)
    let product = try Buffer<Double>(count: model.n * m)
    for i in 0..<model.n {
      for j in 0..<m {
        product.pointer[i * m + j] = problem.a.pointer[i] * problem.b.pointer[j] / problem.mass
      }
    }
    let cross = try Buffer<Double>(count: product.count)
    guard try model.cross(product, into: cross) else { return 1 }
    let gradient = try Buffer<Double>(count: product.count)
    model.gradient(cross, into: gradient)
    let value = model.value(
      slope: GromovModel.inner(gradient, product), linear: model.linearCost(product))
    let epsilon = 0.05 * abs(value) / problem.mass
    return epsilon > 0 && epsilon.isFinite ? epsilon : 1
  }
}
