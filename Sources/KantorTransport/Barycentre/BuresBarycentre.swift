import KantorCore
import KantorNumerics

/// **Solves** the normal law N(m, S) of least sum_k lambda_k W^2(N(m, S), N(m_k, S_k)).
///
/// **Method** The fixed-point iteration on the covariance; the mean is the mean of the means.
///
/// **Symbols** T_k the map from N(0, S) to N(0, S_k), symmetric with T_k S T_k = S_k.
///
/// **Iteration** T = sum_k lambda_k T_k, then S <- T S T.
///
/// **Stops when** |T - I|_F <= tolerance sqrt(d) / 4.
///
/// **Guarantee** T = I is the optimality condition, and the objective decreases from step to step.
/// The checker verifies the maps and T, and bounds the optimum from below by quadratic potentials.
///
/// **Cost** k eigenvalue problems of d x d per iteration, some 30 d^3 operations each; about ten
/// iterations.
///
/// **Reference** alvarezesteban2016fixed.
public enum BuresBarycentre {
  public static let spec = MethodSpec(
    name: "bures_barycentre", kind: GaussianBarycentreKind.kind.name,
    summary: "Wasserstein barycentre of normal laws, by the fixed-point iteration.",
    source: "P. C. Alvarez-Esteban and others, A fixed-point approach to barycenters in "
      + "Wasserstein space (2016)",
    guarantee: "The mean of the maps to the laws is the identity within the tolerance, and a lower "
      + "bound by quadratic potentials.",
    options: [
      GaussianOutputs.tolerance(1e-8),
      OptionSpec(
        "max_iterations", .int(1000, min: 1, max: .max),
        "Iterations after which the solve stops."),
    ],
    outputs: GaussianOutputs.outputs(
      objective: "Sum of lambda_k times the squared distances to the laws.",
      [
        FieldSpec("mean", .array, .output, shape: "(d,)", "Mean of the barycentre."),
        FieldSpec("covariance", .array, .output, shape: "(d, d)", "Its covariance."),
        FieldSpec("maps", .array, .output, shape: "(k, d, d)", "Maps to the covariances."),
      ]),
    usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? GaussianProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind gaussian_barycentre")
    }
    let (d, count) = (problem.dimension, problem.count)
    let mean = try Buffer<Double>(count: d)
    for k in 0..<count {
      for i in 0..<d { mean.pointer[i] += problem.lambda.pointer[k] * problem.mean(k)[i] }
    }
    let solution = try iterate(problem, run)
    let check = GaussianCheck(problem, lambda: problem.lambda, threads: run.threads)
    let certificate = try check.certify(
      mean: mean, covariance: solution.covariance, maps: solution.maps, first: 0,
      isStationary: true)
    var extra = ResultFields()
    extra.add("mean", Tensor(mean))
    extra.add("covariance", Tensor(solution.covariance, shape: [d, d]))
    extra.add("maps", Tensor(solution.maps, shape: [count, d, d]))
    return try GaussianOutputs.result(
      spec, certificate, run, extra,
      derivative: GaussianDerivative.barycentre(problem, certificate, mean: mean))
  }

  private static func iterate(
    _ problem: GaussianProblem, _ run: Run
  ) throws(KantorError) -> (covariance: Buffer<Double>, maps: Buffer<Double>) {
    let (d, count, lambda) = (problem.dimension, problem.count, problem.lambda.pointer)
    let size = d * d
    let covariance = try Buffer<Double>(count: size)
    let maps = try Buffer<Double>(count: try checkedProduct(count, size, of: "maps"))
    let (mean, work) = (try Buffer<Double>(count: size), try Buffer<Double>(count: size))
    let engine = try MatrixProduct(threads: run.threads)
    let spectrum = try SymmetricSpectrum(order: d)
    // Start at the square of the mean root, which is exact when all covariances commute.
    for k in 0..<count {
      guard spectrum.decompose(problem.covariance(k)) else {
        throw KantorError(.internal, "no eigenvalues of covariance \(k) could be found")
      }
      spectrum.assemble(into: work.pointer) { max($0, 0).squareRoot() }
      for i in 0..<size { mean.pointer[i] += lambda[k] * work.pointer[i] }
    }
    try multiply(engine, mean, mean, covariance, d)
    let goal = 0.25 * run.options.real("tolerance") * Double(d).squareRoot()
    var iteration = 0
    while true {
      let from = try BuresMap(from: covariance.pointer, d, engine, spectrum)
      for i in 0..<size { mean.pointer[i] = 0 }
      for k in 0..<count {
        let map = maps.pointer + k * size
        try from.map(to: problem.covariance(k), map)
        for i in 0..<size { mean.pointer[i] += lambda[k] * map[i] }
        if run.monitor.shouldStop { _ = run.monitor.heartbeat() }
      }
      iteration += 1
      var error = 0.0
      for i in 0..<d {
        for j in 0..<d {
          let off = mean.pointer[i * d + j] - (i == j ? 1 : 0)
          error += off * off
        }
      }
      error = error.squareRoot()
      if run.monitor.check(iteration: iteration, residual: error) != nil { break }
      if error <= goal || run.monitor.reachesIterationLimit(iteration) { break }
      try multiply(engine, mean, covariance, work, d)
      try multiply(engine, work, mean, covariance, d)
    }
    return (covariance, maps)
  }

  private static func multiply(
    _ engine: MatrixProduct, _ a: Buffer<Double>, _ b: Buffer<Double>, _ out: Buffer<Double>,
    _ d: Int
  ) throws(KantorError) {
    try engine.multiply(
      MatrixView(a.pointer, rows: d, columns: d), MatrixView(b.pointer, rows: d, columns: d),
      into: out.pointer)
  }
}
