import KantorBlocks
import KantorCore

/// **Solves** min (1/m) sum_i F_i(x, y_i(x)) over x in X, where the lower level separates into m
/// strongly convex blocks: y_i minimises f_i(x, .). From batches of blocks and of their samples.
///
/// **Method** Every block keeps running estimates of its gradient and of its adjoint equation. A
/// step refreshes those of a few blocks; what the others miss meanwhile is made up for by larger
/// corrections for the change of the point, as the same batch shows it at two iterates.
///
/// **Symbols** I (`block_batch`) sampled blocks, B (`batch_size`) samples of each; s_i the estimate
/// of f_y of block i; v_i its adjoint, u_i the estimate of f_yy v_i - F_y, H_i that of f_yy; z the
/// estimate of the hypergradient; a, b their memories; g = (m - I) / (I (1 - a)) + 1 - a.
///
/// **Iteration** on one batch, where q and q' are the values at this iterate and the last one
/// 1. s_i <- (1 - a) s_i + a q + g (q - q'), of q = f_y; likewise u_i of q = f_yy v_i - F_y
///    (`vector`), or H_i of q = f_yy (`matrix`).
/// 2. y_i <- y_i - t s_i; v_i <- v_i - t u_i, or v_i = H_i^-1 F_y with eigenvalues made positive.
/// 3. z <- (1 - b) (z - q') + q of q = F_x - f_xy v, the mean over the sampled blocks.
/// 4. x <- P_X(x - eta z / |z|).
///
/// `adaptive`: t is 0.6 over the curvature of the blocks; eta falls as 1 / sqrt(1 + k / 500); a
/// block that was away for more than 5 m / I iterations starts its estimates anew; the answer is
/// the mean of the last quarter of the x, with y solved for, and polished on the active set.
/// `published`: x <- x - eta z with fixed steps, g = 1.
///
/// **Stops when** the mean direction over a window is small or F no longer falls, or at a limit.
///
/// **Guarantee** A point with |grad| <= e in O(m e^-3 / (I sqrt B)) batches.
///
/// **Cost** Of an iteration: two gradients of f and F and two Hessian products of f, each of I B
/// components; `matrix` takes twice as many further products as a block has variables. Memory of
/// the blocks: 4 vectors of y, or m matrices.
///
/// **Reference** hu2023blockwise.
///
/// Deviation: no ball for v_i; (`adaptive`) see above. g = 1 of the published constants is kept for
/// them only: with few of many blocks it lags behind.
public enum Bsvrb: BilevelMethod {
  public static let spec = MethodSpec(
    name: "bsvrb", kind: BilevelKind.kind.name,
    summary: "Many independent lower blocks, a few of them sampled in a step; variance reduction.",
    source: "Q. Hu, Z.-H. Qiu, Z. Guo, L. Zhang, T. Yang, Blockwise stochastic variance-reduced "
      + "methods with parallel speedup for multi-block bilevel optimization (2023)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 5000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Estimated curvature with falling normalised steps, or the fixed ones of the paper."),
      OptionSpec(
        "adjoint_form", .text("vector", choices: ["vector", "matrix"]),
        "Whether blocks keep an estimate of their adjoint equation, or of f_yy to invert."),
      OptionSpec(
        "block_batch", .int(0, min: 0, max: 1 << 40),
        "Blocks in a step; 0 takes a fifth of them, at least 8. All of them where the lower level "
          + "has no batch functions."),
      OptionSpec(
        "alpha", .real(0, min: 0, max: 0.999), "Memory a; 0 takes 0.5 (published: 0.9)."),
      OptionSpec("beta", .real(0.9, min: 0.001, max: 1), "Memory b."),
      OptionSpec(
        "tau", .real(0, min: 0, max: 1e6),
        "Step of y and v; 0 takes 0.6 over the blocks' curvature (published: 0.5)."),
      OptionSpec(
        "eta", .real(0, min: 0, max: 1e6),
        "Length of the steps of x; 0 takes 0.06 sqrt(nx) (1 + median |x|). Published: their "
          + "factor, 0.001."),
      BilevelOptions.polish,
      BilevelOptions.batchSize,
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("blocks_used", .int, .output, "Blocks in a step."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    guard problem.lowerIsFree else {
      throw KantorError(
        .unsupported,
        "'bsvrb' takes no rows and bounds of the lower level; 'lv_hba' and 'implicit' do")
    }
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      try BsvrbLoop(oracle, run, start).propose()
    }
  }
}
