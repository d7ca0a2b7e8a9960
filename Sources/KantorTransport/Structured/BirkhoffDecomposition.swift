import KantorCore
import KantorNumerics

/// **Solves** X = sum_k w_k P_k for each doubly stochastic X of a batch: permutation matrices with
/// non-negative weights.
///
/// **Method** Greedy: a perfect matching on the positive entries is taken out with the weight of
/// its smallest entry, again and again.
///
/// **Symbols** X what is left of the matrix; P a permutation within its positive entries.
///
/// **Iteration**
/// 1. P: with strategy `bottleneck` the permutation whose smallest entry is largest, by widest
///    augmenting paths; with `any` the one before, repaired where entries have vanished.
/// 2. w = min_i X_{i, P(i)}; X <- X - w P.
///
/// **Stops when** the weight left is at most the tolerance, or no matching is left.
///
/// **Guarantee** Every term removes an entry, so there are at most (n - 1)^2 + 1 of them. The
/// weight of a bottleneck term is at least 1 / ((n - 1)^2 + 1) of the weight left, so that few
/// terms already hold most of X.
///
/// **Cost** O(n^2) for each entry that vanishes; with `bottleneck` for each that falls below the
/// bottleneck.
///
/// **Reference** birkhoff1946tres; dufosse2016notes, section 3, for the bottleneck strategy.
public enum BirkhoffDecomposition {
  public static let spec = MethodSpec(
    name: "birkhoff_decomposition", kind: DoublyStochasticKind.kind.name,
    summary: "A doubly stochastic matrix as a convex combination of permutations, batched.",
    source: "G. Birkhoff, Tres observaciones sobre el algebra lineal (1946)",
    guarantee: "The weighted permutations add up to the given matrices within the tolerance.",
    options: [
      OptionSpec(
        "tolerance", .real(1e-9, min: 0, max: 1),
        "Largest error of an entry of the sum that counts as solved; the sums of the given "
          + "matrices must be 1 to 1e-6."),
      OptionSpec(
        "strategy", .text("bottleneck", choices: ["bottleneck", "any"]),
        "Which permutation comes next: the one with the largest weight, or the first found."),
      OptionSpec(
        "max_terms", .int(0, min: 0, max: 1_000_000_000),
        "Terms for each matrix, after which it is left as it is; 0: as many as are needed."),
    ],
    outputs: outputs, usesWarmStart: false, hasDerivatives: false)

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "Number of terms of the batch."),
    FieldSpec(
      "residual", .real, .certificate, "Largest |sum_k w_k P_k - X| of an entry, over the batch."),
    FieldSpec("negativity", .real, .certificate, "Minus the smallest weight if negative, else 0."),
    FieldSpec(
      "weight_residual", .real, .certificate, "Largest |sum of weights - 1| of a matrix."),
    FieldSpec(
      "term_start", .array, .output, shape: "(b + 1,)",
      "Where the terms of each matrix begin, and the end (i64)."),
    FieldSpec("weights", .array, .output, shape: "(k,)", "Weights of the terms, matrix by matrix."),
    FieldSpec(
      "permutations", .array, .output, shape: "(k, n)",
      "Permutations of the terms: the column of each row (i64)."),
    FieldSpec("matrix_residuals", .array, .output, shape: "(b,)", "The residual of each matrix."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? DoublyStochasticProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind doubly_stochastic")
    }
    return try solve(problem, run)
  }

  static func solve(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> Result {
    let (given, n) = try problem.needMatrices(spec.name)
    try refuseOthers(given, n, problem.batch)
    let (tolerance, most) = (run.options.real("tolerance"), run.options.int("max_terms"))
    let greedy = try GreedyPermutations(
      n: n, isBottleneck: run.options.text("strategy") == "bottleneck",
      rest: min(1e-3 * tolerance, 1e-12), most: most == 0 ? .max : most)
    let starts = try Buffer<Int64>(count: problem.batch + 1)
    let weights = try GrowingTerms(n)
    for b in 0..<problem.batch {
      if run.monitor.stop == nil { try greedy.run(given.pointer + b * n * n, weights, run.monitor) }
      starts.pointer[b + 1] = Int64(weights.count)
    }
    let check = try DecompositionCheck(
      given, n: n, batch: problem.batch, starts: starts, weights: weights.weights,
      permutations: weights.permutations)
    let worst = max(check.residual, check.negativity, check.weightResidual)
    let status = Status.judge(
      residual: check.residual.isNaN ? .nan : worst, tolerance: tolerance,
      stop: run.monitor.stop ?? (greedy.isCut ? .iterationLimit : nil))
    var fields = ResultFields()
    fields.add("objective", Double(weights.count))
    fields.certify("residual", check.residual)
    fields.certify("negativity", check.negativity)
    fields.certify("weight_residual", check.weightResidual)
    fields.add(
      "message",
      "\(status.name): residual \(shortText(check.residual)), tolerance \(shortText(tolerance)), "
        + "\(weights.count) terms for \(problem.batch) of \(n) x \(n)")
    fields.add("term_start", Tensor(starts))
    fields.add("weights", Tensor(weights.weights, count: weights.count))
    fields.add("permutations", Tensor(weights.permutations, shape: [weights.count, n]))
    fields.add("matrix_residuals", Tensor(check.residuals))
    return Result(spec: spec, status: status, fields: fields)
  }

  /// Matrices that are not doubly stochastic have no decomposition.
  private static func refuseOthers(
    _ given: Buffer<Double>, _ n: Int, _ batch: Int
  ) throws(KantorError) {
    let certificate = try DoublyStochasticCheck(n: n, form: .sums, threads: 1)
      .certify(given, batch: batch)
    guard certificate.residual > 1e-6 else { return }
    let b = (0..<batch).first { certificate.residuals.pointer[$0] > 1e-6 } ?? 0
    throw KantorError(
      .range, "matrices: the matrix \(b) is not doubly stochastic: its largest error is "
        + "\(shortText(certificate.residuals.pointer[b])); at most 1e-6 is allowed "
        + "('birkhoff_projection' gives the nearest one)")
  }
}

/// Weights and permutations of a number of terms that is not known before.
final class GrowingTerms {
  let n: Int
  private(set) var count = 0
  private(set) var weights: Buffer<Double>
  private(set) var permutations: Buffer<Int64>

  init(_ n: Int) throws(KantorError) {
    self.n = n
    weights = try Buffer(count: 64)
    permutations = try Buffer(count: 64 * n)
  }

  func add(_ weight: Double, _ columns: UnsafePointer<Int>) throws(KantorError) {
    if count == weights.count {
      let wider = try Buffer<Double>(count: 2 * count)
      wider.pointer.update(from: weights.pointer, count: count)
      let longer = try Buffer<Int64>(count: try checkedProduct(2 * count, n, of: "permutations"))
      longer.pointer.update(from: permutations.pointer, count: count * n)
      (weights, permutations) = (wider, longer)
    }
    weights.pointer[count] = weight
    for i in 0..<n { permutations.pointer[count * n + i] = Int64(columns[i]) }
    count += 1
  }
}
