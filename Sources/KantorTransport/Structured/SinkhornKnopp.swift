import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** min KL(X | exp(L / t)) over the doubly stochastic X, for each matrix L of a batch:
/// X = diag(exp u) exp(L / t) diag(exp v).
///
/// **Method** Sinkhorn and Knopp's alternating scalings; Newton's method on the dual for matrices
/// that have not converged after some sweeps.
///
/// **Symbols** L logits, t the temperature, u and v logarithms of the scalings.
///
/// **Iteration**
/// 1. v_j <- -log sum_i exp(L_ij / t + u_i); u_i <- -log sum_j exp(L_ij / t + v_j).
/// 2. Newton: [diag(X 1), X; X', diag(X' 1)] d = (1 - X 1, 1 - X' 1), with a line search on
///    sum exp(L / t + u + v) - <1, u> - <1, v>, then a sweep.
///
/// **Stops when** all sums are within the tolerance of 1, or after the option `sweeps`, if given.
///
/// **Guarantee** Rows sum to 1 to the last digits after every sweep; columns converge. The limit is
/// the unique projection in the Kullback-Leibler divergence.
///
/// **Cost** 4 n^2 operations per sweep; n^3 per Newton step.
///
/// **Reference** sinkhorn1967matrices. Deviation: matrices of at most 32 rows are scaled eight at
/// a time, one in each lane of the vectors; exponents beyond 300 go through logarithms.
public enum SinkhornKnopp: DoublyStochasticMethod {
  public static let spec = describe(
    name: "sinkhorn_knopp",
    summary: "Rows and columns of exp(matrices / temperature) scaled to the sum 1, batched.",
    source: "R. Sinkhorn and P. Knopp, Concerning nonnegative matrices and doubly stochastic "
      + "matrices (1967)",
    guarantee: "Row and column sums are 1 within the tolerance, and the duality gap bounds the "
      + "distance from the exact projection in the Kullback-Leibler divergence.",
    options: [
      OptionSpec(
        "temperature", .real(1, min: 1e-12, max: 1e12),
        "The matrices are divided by this before the exponential."),
      OptionSpec(
        "sweeps", .int(0, min: 0, max: 1_000_000_000),
        "Exactly this many sweeps over columns and rows, differentiated as they were done; 0: "
          + "until the tolerance is met, differentiated at the limit."),
      toleranceOption(1e-9),
      OptionSpec(
        "max_iterations", .int(10000, min: 1, max: 1_000_000_000),
        "Sweeps and Newton steps on one matrix, after which it is left as it is."),
    ],
    outputs: DoublyStochasticResult.projectionOutputs)

  /// Rows up to which eight matrices at a time are quicker than one.
  static let groupedSize = 32
  /// Spread of the exponents up to which products of scalings neither over- nor underflow.
  static let plainSpread = 300.0

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let (given, n) = try problem.needMatrices(spec.name)
    let (batch, options) = (problem.batch, run.options)
    let x = try Buffer<Double>(count: given.count)
    let u = try Buffer<Double>(count: try checkedProduct(batch, n, of: "dual vectors"))
    let v = try Buffer<Double>(count: u.count)
    let (sweeps, tolerance) = (options.int("sweeps"), options.real("tolerance"))
    let plan = KnoppPlan(
      n: n, rate: 1 / options.real("temperature"), sweeps: sweeps, tolerance: 0.5 * tolerance,
      limit: options.int("max_iterations"), given: given.pointer, x: x.pointer, u: u.pointer,
      v: v.pointer)
    let groups = n <= groupedSize ? (batch + Int(KN_GROUP) - 1) / Int(KN_GROUP) : batch
    let each = n <= groupedSize ? Int(KN_GROUP) : 1
    let counts = try Buffer<Int64>(count: groups)
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(run.threads, groups), KnoppPlan.room(n), of: "workspace"))
    let (rooms, done) = (scratch.pointer, counts.pointer)
    defer { withExtendedLifetime(scratch) {} }
    let monitor = run.monitor
    BatchLoop(run).run(
      groups, work: 100 * each * n * n,
      progress: { part in monitor.check(iteration: largest(counts, part)) }
    ) { part, first, end, pause in
      for group in first..<end {
        let matrices = (group * each)..<min((group + 1) * each, batch)
        done[group] = Int64(
          plan.run(matrices, isGroup: each > 1, rooms + part * KnoppPlan.room(n), pause))
        if pause() { return }
      }
    }
    let limit = sweeps > 0 ? sweeps : plan.limit
    if largest(counts, groups) > limit { _ = monitor.reachesIterationLimit(limit) }
    withExtendedLifetime(given) {}
    let (threads, rate) = (run.threads, plan.rate)
    return MatrixProposal(
      n: n, matrices: x, form: .entropic(temperature: options.real("temperature")), u: u, v: v,
      tolerance: tolerance,
      pull: { (cotangent) throws(KantorError) in
        if sweeps > 0 {
          return try UnrolledSweeps(n: n, rate: rate, sweeps: sweeps).pull(
            given, batch: batch, threads: threads, cotangent)
        }
        return try MarginalDerivative.pull(
          problem, n: n, weights: x, rate: rate, threads: threads, cotangent)
      })
  }

  private static func largest(_ counts: Buffer<Int64>, _ done: Int) -> Int {
    var most: Int64 = 0
    for b in 0..<done { most = max(most, counts.pointer[b]) }
    return Int(most)
  }
}
