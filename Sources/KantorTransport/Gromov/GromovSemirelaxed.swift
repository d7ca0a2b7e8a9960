import KantorCore
import KantorNumerics

/// **Solves** semi-relaxed Gromov-Wasserstein and fused problems,
///     min over P >= 0 with P 1 = a of (1 - alpha) <M, P> + alpha sum_ijkl L(C_ik, D_jl) P_ij P_kl,
/// in which the targets' marginal is free, to a stationary point.
///
/// **Method** Conditional gradient with the linear problem solved row by row and exact line search;
/// or mirror descent, each row scaled by exp(-G / epsilon).
///
/// **Symbols** G = grad F(P), q = P' 1; c(q) = (f2(D) + f2(D)') q, the part of G that changes with
/// q; X_i = a_i at the least entry of row i of G; gap = <G, P - X>.
///
/// **Iteration** conditional_gradient:
/// 1. D = X - P; after a short step instead, in each row, from the worst column that is used all
///    mass to the best one.
/// 2. t = argmin over [0, 1] of F(P + t D), a parabola; P, q, c(q) and K(P) move by t.
/// mirror_descent:
/// 1. P_ij <- P_ij exp(-s G_ij / epsilon), rows scaled to a; s starts at 1, is halved until F does
///    not rise, and grows by a third after each step.
///
/// **Stops when** gap <= tolerance times the size of its terms, or F decreases by less than
/// decrease_tolerance relative to F.
///
/// **Guarantee** F does not rise; limit points are stationary, local optima in general. With one
/// row the best column alone counts.
///
/// **Cost** 2 n m min(n, m) operations per conditional gradient step, twice that per mirror step;
/// memory for five n x m matrices.
///
/// **Reference** vincent2022semirelaxed, algorithms 1 and 2.
/// Deviation: steps between two columns of each row where plain steps get short: the ends of
/// graph clustering lie inside faces, where plain steps zigzag.
public enum GromovSemirelaxed: GromovMethod {
  public static let spec = MethodSpec(
    name: "gromov_semirelaxed", kind: GromovKind.kind.name,
    summary: "Semi-relaxed Gromov-Wasserstein and fused problems: the targets' weights are free.",
    source: "C. Vincent-Cuaz and others, Semi-relaxed Gromov-Wasserstein divergence and "
      + "applications on graphs (2022)",
    guarantee: "Rows are exact and the certified Frank-Wolfe gap is at most the tolerance times "
      + "the size of its terms. The value is a local optimum.",
    options: [
      OptionSpec(
        "solver",
        .text("conditional_gradient", choices: ["conditional_gradient", "mirror_descent"]),
        "Steps to the best column of each row, or rows scaled by exponentials of the gradient."),
      OptionSpec(
        "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
        "Of mirror_descent: the larger, the shorter the first steps. 0 takes the mean difference "
          + "of the gradient's rows from their least entry, at the start."),
      OptionSpec(
        "tolerance", .real(1e-7, min: 0, max: 1),
        "Frank-Wolfe gap, relative to the size of its terms, at which a plan is stationary."),
      OptionSpec(
        "decrease_tolerance", .real(0, min: 0, max: 1),
        "Stop as well when a step lowers the objective by at most this part of it; the status then "
          + "tells what the gap is worth."),
      OptionSpec(
        "max_iterations", .int(10000, min: 1, max: .max),
        "Steps after which the solve stops."),
    ],
    outputs: GromovOutputs.with([
      FieldSpec("target_weights", .array, .output, shape: "(m,)", "P' 1, the weights found."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  public static func propose(
    _ problem: GromovProblem, _ run: Run
  ) throws(KantorError) -> GromovProposal {
    let model = try GromovModel(problem, run)
    let start = try GromovStart(problem, run, isRelaxed: true)
    let tolerance = run.options.real("tolerance")
    let isMirror = run.options.text("solver") == "mirror_descent"
    let descent = try RelaxedDescent(
      model, run,
      .init(
        tolerance: tolerance, decreaseTolerance: run.options.real("decrease_tolerance"),
        epsilon: isMirror ? try strength(model, start.plan, run) : 0),
      plan: start.plan)
    _ = try descent.descend()
    let weights = try Buffer<Double>(count: problem.m)
    for i in 0..<problem.n {
      for j in 0..<problem.m { weights.pointer[j] += descent.plan.pointer[i * problem.m + j] }
    }
    var figures = ResultFields()
    figures.add("target_weights", Tensor(weights))
    return GromovProposal(
      model: .semirelaxed, plan: descent.plan, g: try Buffer(count: problem.m), figures: figures,
      marginalTolerance: 1e-12, gapTolerance: tolerance)
  }

  /// The strength asked for, or a mean difference within the gradient's rows.
  private static func strength(
    _ model: GromovModel, _ plan: Buffer<Double>, _ run: Run
  ) throws(KantorError) -> Double {
    let given = run.options.real("epsilon")
    if given > 0 { return given }
    let (problem, m) = (model.problem, model.m)
    let product = try Buffer<Double>(count: plan.count)
    guard try model.cross(plan, into: product) else { return 1 }
    let weights = try Buffer<Double>(count: m)
    for k in 0..<plan.count { weights.pointer[k % m] += plan.pointer[k] }
    try model.setColumnPart(weights)
    let gradient = try Buffer<Double>(count: plan.count)
    model.gradient(product, into: gradient)
    var total = CompensatedSum()
    for i in 0..<model.n {
      let g = gradient.pointer + i * m
      var (sum, low) = (0.0, Double.infinity)
      for j in 0..<m {
        sum += g[j]
        low = min(low, g[j])
      }
      total.add(problem.a.pointer[i] * (sum / Double(m) - low))
    }
    let epsilon = total.value / problem.mass
    return epsilon > 0 && epsilon.isFinite ? epsilon : 1
  }
}
