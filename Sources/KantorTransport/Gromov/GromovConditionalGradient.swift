import KantorCore
import KantorNumerics

/// **Solves** min over couplings P of a and b of
///     F(P) = (1 - alpha) <M, P> + alpha sum_ijkl L(C_ik, D_jl) P_ij P_kl,
/// the Gromov-Wasserstein problem (alpha = 1) and its fused form, to a stationary point.
///
/// **Method** Conditional gradient (Frank-Wolfe): exact transport with the gradient as its cost,
/// then an exact line search towards the vertex found.
///
/// **Symbols** K(P) = (h1(C) P h2(D)^T + h1(C)^T P h2(D)) / 2 (`GromovModel`); X the vertex;
/// D = X - P; gap = <grad F(P), P - X>; q = -alpha <K(D), D>.
///
/// **Iteration**
/// 1. G = grad F(P) from K(P).
/// 2. X = argmin <G, X> over couplings (`network_simplex`; `assignment` for matchings).
/// 3. K(X) by one product of matrices, since X has at most n + m - 1 entries.
/// 4. t = 1 where q <= 0, else min(1, gap / (2 q)); P and K move by t.
/// 5. After five short steps (t < 0.1) pairwise ones: P is kept as the mean of a plan and of
///    vertices; the mass of the one with the largest <G, .> moves to X, as far as is best.
///
/// **Stops when** gap <= tolerance times the size of its terms (at a vertex: when it is rounding),
/// or F decreases by less than decrease_tolerance relative to F.
///
/// **Guarantee** F decreases monotonically; every limit point is stationary. The problem is not
/// convex: the value is that of a local optimum, and depends on the start. For conditionally
/// negative definite structures (squared or plain Euclidean distances) F is concave in P, t is
/// always 1, and the end is a vertex, reached after finitely many steps. Ends inside a face, which
/// plain steps approach like 1/k, are reached by pairwise ones, linearly where F is convex there.
///
/// **Cost** 2 n m min(n, m) operations and one exact transport per step, twice that per pairwise
/// step; memory for five n x m matrices, eight with pairwise steps.
///
/// **Reference** vayer2020fused, section 4; peyre2016gromov, proposition 1; frank1956algorithm;
/// lacostejulien2015global (pairwise steps).
/// Deviation: K is kept along the iteration and moved with P, so a step needs one product of
/// matrices where the textbook form needs two to four.
public enum GromovConditionalGradient: GromovMethod {
  public static let spec = MethodSpec(
    name: "gromov_conditional_gradient", kind: GromovKind.kind.name,
    summary: "Gromov-Wasserstein and fused problems: exact transport steps, exact line search.",
    source: "T. Vayer and others, Fused Gromov-Wasserstein distance for structured objects (2020); "
      + "M. Frank, P. Wolfe (1956)",
    guarantee: "The plan is feasible to rounding and stationary: its Frank-Wolfe gap is at most "
      + "the tolerance times the size of its terms. The value is a local optimum.",
    options: [
      OptionSpec(
        "tolerance", .real(1e-7, min: 0, max: 1),
        "Frank-Wolfe gap, relative to the size of its terms, at which a plan is stationary. At "
          + "vertices the descent goes on until the gap is rounding."),
      OptionSpec(
        "decrease_tolerance", .real(0, min: 0, max: 1),
        "Stop as well when a step lowers the objective by less than this part of it; the status "
          + "then tells what the gap is worth."),
      OptionSpec(
        "max_iterations", .int(10000, min: 1, max: .max),
        "Steps of all starts together after which the solve stops."),
      OptionSpec(
        "starts", .int(1, min: 1, max: 1_000_000),
        "Starting points: the one given or the product of the weights, then vertices drawn by "
          + "random costs; the best end is returned."),
    ],
    outputs: GromovOutputs.with([
      FieldSpec(
        "start_values", .array, .output, shape: "(s,)", "Objectives that the starts ended at."),
      FieldSpec("best_start", .int, .output, "Index of the start that is returned."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  public static func propose(
    _ problem: GromovProblem, _ run: Run
  ) throws(KantorError) -> GromovProposal {
    let model = try GromovModel(problem, run)
    let tolerance = run.options.real("tolerance")
    let start = try GromovStart(problem, run)
    let descent = try ConditionalGradient(
      model, run,
      .init(
        tolerance: tolerance, decreaseTolerance: run.options.real("decrease_tolerance")),
      plan: start.plan, g: start.g)
    var best: (value: Double, plan: Buffer<Double>, g: Buffer<Double>)?
    var (values, chosen) = ([Double](), 0)
    for k in 0..<run.options.int("starts") {
      if k > 0 {
        guard let plan = try randomVertex(descent.step, problem, run, k) else { break }
        descent.restart(from: plan)
      }
      let isComplete = try descent.run()
      values.append(descent.value)
      if best == nil || descent.value < (best?.value ?? .infinity) {
        best = (descent.value, descent.plan, descent.step.g)
        chosen = k
      }
      if !isComplete, run.monitor.stop != nil { break }
    }
    var figures = ResultFields()
    figures.add("start_values", Tensor(try Buffer(values)))
    figures.add("best_start", chosen)
    return GromovProposal(
      model: .balanced, plan: best?.plan ?? descent.plan, g: best?.g ?? descent.step.g,
      figures: figures, marginalTolerance: 1e-12, gapTolerance: tolerance)
  }

  /// A dense plan that is optimal for random costs.
  private static func randomVertex(
    _ step: LinearisedStep, _ problem: GromovProblem, _ run: Run, _ k: Int
  ) throws(KantorError) -> Buffer<Double>? {
    var stream = RandomStream(seed: run.seed, stream: UInt64(k))
    for e in 0..<step.gradient.count { step.gradient.pointer[e] = stream.uniform() }
    step.expect(near: false)
    guard let vertex = try step.solve() else { return nil }
    let plan = try Buffer<Double>(count: step.gradient.count)
    for e in 0..<vertex.count {
      let (i, j) = (Int(vertex.rows.pointer[e]), Int(vertex.columns.pointer[e]))
      plan.pointer[i * problem.m + j] += vertex.values.pointer[e]
    }
    return plan
  }
}
