import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** entropic optimal transport,
///     V = min_{P 1 = a, P^T 1 = b} <P, C> + eps KL(P | a b^T)
///       = max_{f,g} <a,f> + <b,g> - eps sum_ij a_i b_j (exp((f_i + g_j - C_ij)/eps) - 1).
///
/// **Method** Sinkhorn's iteration with one read of the costs per iteration, down a ladder of
/// decreasing eps, over-relaxed where it is slow; Newton's method on the pairs that matter once
/// these are few; the answer is checked on all pairs.
///
/// **Symbols** phi = f/eps + log a, gamma = g/eps + log b (`EntropicState`); w column sums of the
/// plan with exact rows; E = |w - b|_1 / mass.
///
/// **Iteration**
/// 1. phi_i = log a_i - log sum_j exp(gamma_j - C_ij/eps), w_j = sum_i P_ij: one fused pass.
/// 2. gamma_j <- gamma_j + log(b_j / w_j), over-relaxed (`Relaxation`).
/// 3. Ladder: eps from the mean cost by `scaling_factor` per level, g extrapolated.
/// 4. Few pairs matter: `SparseNewton` on them, then step 1 on all pairs as the test.
///
/// **Stops when** E <= tolerance, measured in f64 over all pairs, and the certified relative gap is
/// at most gap_tolerance if that is asked for.
///
/// **Guarantee** The plan exp(phi_i + gamma_j - C_ij/eps) has rows a exactly, columns b within the
/// tolerance. The iteration converges for every finite cost; E contracts by theta, the second
/// eigenvalue of diag(1/b) P^T diag(1/a) P, and by (1 - sqrt(1-theta)) / (1 + sqrt(1-theta)) when
/// relaxed.
///
/// **Cost** One exponential per pair and iteration; O(n + m) memory beyond the costs, plus 20 bytes
/// per stored pair for Newton's method (limited by newton_density, for points also by a multiple
/// of n + m) or 4 to 8 bytes per pair for engine `scaling`.
///
/// **Reference** cuturi2013sinkhorn; schmitzer2019stabilized (ladder, truncation);
/// lehmann2022overrelaxation; tang2024sns (sparse Newton).
public enum Sinkhorn: TransportMethod {
  public static let spec = MethodSpec(
    name: "sinkhorn", kind: TransportKind.kind.name,
    summary: "Entropic optimal transport: min <P, C> + epsilon KL(P | a b^T).",
    source: "M. Cuturi, Sinkhorn distances: lightspeed computation of optimal transport (2013); "
      + "B. Schmitzer, Stabilized sparse scaling algorithms (2019); X. Tang and others, "
      + "Accelerating Sinkhorn algorithm with sparse Newton iterations (2024)",
    guarantee: "Marginals of the plan within the tolerance (L1, relative to the mass), measured "
      + "on all pairs in f64; the entropic primal-dual gap and bounds of the unregularised cost "
      + "are computed.",
    options: options,
    outputs: TransportOutputs.with([
      FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
      FieldSpec("passes", .int, .output, "Passes over all pairs."),
      FieldSpec("newton_steps", .int, .output, "Newton steps on the pairs that matter."),
      FieldSpec("inner_iterations", .int, .output, "Conjugate gradient iterations in them."),
      FieldSpec("stored_pairs", .int, .output, "Pairs that Newton's method worked on at last."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost under the "
        + "product of the weights."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 0, max: 1),
      "L1 error of the marginals relative to the mass. With precision single or mixed about 1e-6 "
        + "can be reached."),
    OptionSpec(
      "gap_tolerance", .real(0, min: 0, max: 1),
      "Certified relative primal-dual gap asked for in addition; 0 asks for none."),
    OptionSpec(
      "max_iterations", .int(10000, min: 1, max: .max),
      "Passes over the pairs, all or stored, after which the solve stops."),
    OptionSpec(
      "engine", .text("auto", choices: ["auto", "log", "scaling", "newton"]),
      "log: exponentials in every iteration. scaling: a stored kernel that is rebuilt when the "
        + "potentials have moved far. newton: sparse Newton steps wherever few pairs matter. auto "
        + "chooses by predicted work."),
    OptionSpec(
      "precision", .text("auto", choices: ["auto", "double", "mixed", "single"]),
      "Exponentials of the sweeps: f64, f32 with exponents in f64, or f32. auto ends in f64."),
    OptionSpec(
      "epsilon_scaling", .flag(true),
      "Approach epsilon from the mean cost in steps; not done from a good warm start."),
    OptionSpec(
      "scaling_factor", .real(0.25, min: 0.01, max: 0.95), "Ratio of neighbouring steps.",
      advanced: true),
    OptionSpec(
      "overrelaxation", .real(0, min: 0, max: 1.99),
      "Over-relaxation of the sweeps: 0 chooses it by the speed observed, 1 turns it off.",
      advanced: true),
    OptionSpec(
      "newton_density", .real(0.15, min: 0, max: 1),
      "Share of the pairs up to which Newton's method stores those that matter.", advanced: true),
    OptionSpec(
      "newton_drop", .real(0.01, min: 0, max: 1),
      "Mass left out of a column of the Newton matrix, relative to the norm of the gradient.",
      advanced: true),
    OptionSpec(
      "round", .flag(false),
      "Return the plan rounded to exactly feasible marginals, and its value; where pairs are "
        + "forbidden the plan is left as it is."),
    OptionSpec(
      "plan_threshold", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "mass",
      "Entries of the plan above this mass are listed in plan_row, plan_column, plan_value."),
  ]

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    let solver = try SinkhornSolver(
      problem, SinkhornSettings(run), run.monitor,
      warmG: try SinkhornSolver.warmStart(problem, run))
    try solver.run()
    return try solver.proposal()
  }
}
