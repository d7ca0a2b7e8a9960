import KantorCore
import KantorNumerics

/// **Solves** H = sum_k softmax(theta)_k P_k: a doubly stochastic matrix from parameters, for each
/// theta of a batch.
///
/// **Method** The sum itself. By Birkhoff's theorem the mixtures of all n! permutations reach every
/// doubly stochastic matrix with positive weights.
///
/// **Symbols** theta logits (the parameters), P_k permutation matrices: all n! of them in
/// lexicographic order, or those of the field `permutations`.
///
/// **Iteration** none.
///
/// **Stops when** the sum is done.
///
/// **Guarantee** Doubly stochastic up to rounding, whatever the parameters.
///
/// **Cost** n additions and one exponential per permutation.
///
/// **Reference** yang2026mhclite; birkhoff1946tres.
public enum PermutationMixture: DoublyStochasticMethod {
  public static let spec = describe(
    name: "permutation_mixture",
    summary: "Convex combination of permutation matrices with softmax weights, batched.",
    source: "Y. Yang and J. Gao, mHC-lite: you don't need 20 Sinkhorn-Knopp iterations (2026)",
    guarantee: "Row and column sums are 1 and entries non-negative within the tolerance.",
    options: [toleranceOption(1e-12)],
    outputs: [
      FieldSpec(
        "mixture_weights", .array, .output, shape: "(b, k)", "Weights of the permutations.")
    ])

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let theta = try problem.needParameters(spec.name)
    let (permutations, n) = try permutations(problem)
    let (count, batch) = (problem.width, problem.batch)
    let weights = try Buffer<Double>(count: theta.count)
    let h = try Buffer<Double>(count: try checkedProduct(batch, n * n, of: "matrices"))
    let term = MixtureTerm(n: n, count: count, permutations: permutations.pointer)
    let (ts, ws, hs) = (theta.pointer, weights.pointer, h.pointer)
    let monitor = run.monitor
    BatchLoop(run).run(
      batch, work: 20 * count * (n + 1), progress: { _ in monitor.check(iteration: 1) }
    ) { _, first, end, _ in
      for b in first..<end { term.form(ts + b * count, ws + b * count, hs + b * n * n) }
    }
    withExtendedLifetime(permutations) {}
    var figures = ResultFields()
    figures.add("mixture_weights", Tensor(weights, shape: [batch, count]))
    let threads = run.threads
    return MatrixProposal(
      n: n, matrices: h, form: .sums, tolerance: run.options.real("tolerance"), figures: figures,
      pull: { (cotangent) throws(KantorError) in
        let out = try Buffer<Double>(count: theta.count)
        let term = MixtureTerm(n: n, count: count, permutations: permutations.pointer)
        let (ws, bars, outs) = (weights.pointer, cotangent.pointer, out.pointer)
        BatchLoop(monitor: Monitor(), threads: threads).run(
          batch, work: 20 * count * (n + 1), progress: { _ in nil }
        ) { _, first, end, _ in
          for b in first..<end {
            term.pull(ws + b * count, bars + b * n * n, outs + b * count)
          }
        }
        withExtendedLifetime((permutations, weights, cotangent)) {}
        return out
      })
  }

  private static func permutations(
    _ problem: DoublyStochasticProblem
  ) throws(KantorError) -> (Buffer<Int64>, Int) {
    if let given = problem.permutations, let n = problem.size {
      guard problem.width == problem.permutationCount else {
        throw KantorError(
          .shape, "there are \(problem.width) parameters for \(problem.permutationCount) "
            + "permutations; one each is needed")
      }
      return (given, n)
    }
    guard let n = PermutationList.size(of: problem.width) else {
      throw KantorError(
        .shape, "\(problem.width) parameters: without 'permutations' their number must be n! for "
          + "an n of at most \(PermutationList.largest)")
    }
    guard problem.size == nil || problem.size == n else {
      throw KantorError(
        .shape, "\(problem.width) parameters are those of n = \(n), but size is "
          + "\(problem.size ?? 0)")
    }
    return (try PermutationList.all(n), n)
  }
}
