import KantorCore
import KantorNumerics

/// **Solves** the squared 2-Wasserstein distance of two normal laws, and the map between them.
///
/// **Method** Closed form, by eigenvalues of symmetric matrices.
///
/// **Symbols** m_0, S_0 and m_1, S_1 means and covariances; S_0 = U'U by Cholesky.
///
/// **Iteration** None: T = U^-1 (U S_1 U')^(1/2) U^-T, x -> m_1 + T (x - m_0), and
/// W^2 = |m_0 - m_1|^2 + tr S_0 + tr S_1 - 2 tr T S_0.
///
/// **Stops when** done; limits are not consulted.
///
/// **Guarantee** T is symmetric and positive semidefinite with T S_0 T = S_1 to the tolerance,
/// which makes it the gradient of a convex function and so optimal. Quadratic potentials bound the
/// distance from below.
///
/// **Cost** One eigenvalue problem of d x d and a dozen products, some 40 d^3 operations.
///
/// **Reference** givens1984class; dowson1982frechet.
public enum BuresWasserstein {
  public static let spec = MethodSpec(
    name: "bures_wasserstein", kind: GaussianTransportKind.kind.name,
    summary: "Squared Wasserstein distance of two normal laws and the map, in closed form.",
    source: "C. R. Givens, R. M. Shortt, A class of Wasserstein metrics for probability "
      + "distributions (1984)",
    guarantee: "A symmetric positive semidefinite map that carries one covariance to the other, "
      + "and a lower bound by quadratic potentials.",
    options: [GaussianOutputs.tolerance(1e-8)],
    outputs: GaussianOutputs.outputs(
      objective: "The squared distance.",
      [
        FieldSpec(
          "map_matrix", .array, .output, shape: "(d, d)", "T of the map x -> T x + map_offset."),
        FieldSpec("map_offset", .array, .output, shape: "(d,)", "m_1 - T m_0."),
      ]),
    usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? GaussianProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind gaussian_transport")
    }
    let d = problem.dimension
    let map = try Buffer<Double>(count: d * d)
    try BuresMap(
      from: problem.covariance(0), d, try MatrixProduct(threads: run.threads),
      try SymmetricSpectrum(order: d)
    ).map(to: problem.covariance(1), map.pointer)
    _ = run.monitor.check(iteration: 1)
    let mean = try Buffer<Double>(copying: problem.mean(0), count: d)
    let covariance = try Buffer<Double>(copying: problem.covariance(0), count: d * d)
    let one = try Buffer<Double>([0.0, 1.0])
    let certificate = try GaussianCheck(problem, lambda: one, threads: run.threads).certify(
      mean: mean, covariance: covariance, maps: map, first: 1, isStationary: false)
    let offset = try Buffer<Double>(copying: problem.mean(1), count: d)
    for i in 0..<d {
      for j in 0..<d { offset.pointer[i] -= map.pointer[i * d + j] * mean.pointer[j] }
    }
    var extra = ResultFields()
    extra.add("map_matrix", Tensor(map, shape: [d, d]))
    extra.add("map_offset", Tensor(offset))
    return try GaussianOutputs.result(
      spec, certificate, run, extra,
      derivative: GaussianDerivative.transport(problem, certificate))
  }
}
