import KantorCore
import KantorNumerics

/// **Solves** the mean over directions theta of W_p^p(theta'x, theta'y), transport of the clouds
/// seen along lines.
///
/// **Method** Exact transport on each line, by sorting; the mean over the sphere by Monte Carlo.
///
/// **Symbols** theta_l directions, c_l the cost along them, L how many there are.
///
/// **Iteration** For each theta_l: project both clouds, sort both, match from left to right.
///
/// **Stops when** all directions are done.
///
/// **Guarantee** Each c_l is exact, which the checker confirms for each direction by itself. The
/// mean over the given directions is therefore exact too. As an estimate of the mean over the
/// sphere it has the standard error that is returned, and no bias.
///
/// **Cost** O(L (n + m) (d + log(n + m))); memory for 44 bytes a point and thread.
///
/// **Reference** bonneel2015sliced; rowland2019orthogonal for orthogonal directions.
public enum SlicedTransport {
  public static let spec = MethodSpec(
    name: "sliced", kind: SlicedKind.kind.name,
    summary: "Sliced Wasserstein distance: exact transport along many directions, averaged.",
    source: "N. Bonneel, J. Rabin, G. Peyre, H. Pfister, Sliced and Radon Wasserstein barycenters "
      + "of measures (2015)",
    guarantee: "Optimal along each direction up to rounding; an unbiased mean over the sphere with "
      + "the standard error given.",
    options: [
      OptionSpec(
        "slices", .int(50, min: 1, max: 1 << 30),
        "Directions to draw. Not used where the problem has projections of its own, nor on a "
          + "line, where one is enough."),
      OptionSpec(
        "directions", .text("random", choices: ["random", "orthogonal"]),
        "Independent directions, or blocks of orthogonal ones, whose mean varies less."),
    ],
    outputs: SlicedOutputs.sliced, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? SlicedProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind sliced_transport")
    }
    let isOrthogonal = run.options.text("directions") == "orthogonal"
    let directions = try directions(problem, run, isOrthogonal)
    let count = directions.count / problem.dimension
    let loop = try SliceLoop(problem, threads: run.threads, slices: count)
    let check = SliceCheck(problem)
    let certificates = try Buffer<SliceCertificate>(count: count)
    let found = certificates.pointer
    let done = try loop.run(directions.pointer, count: count) { done in
      run.monitor.check(iteration: done) == nil
    } visit: { slice, _ in
      found[slice.k] = check.certify(
        slice.direction, rows: slice.rows, columns: slice.columns, slice.part.checkRoom)
    }
    return try SlicedOutputs.result(
      spec, problem, directions, certificates, done: done,
      blocks: problem.projections == nil && isOrthogonal ? problem.dimension : 1, run)
  }

  private static func directions(
    _ problem: SlicedProblem, _ run: Run, _ isOrthogonal: Bool
  ) throws(KantorError) -> Buffer<Double> {
    if let given = problem.projections { return given }
    if problem.dimension == 1 { return try Buffer([1.0]) }
    return try SliceDirections.draw(
      run.options.int("slices"), dimension: problem.dimension, seed: run.seed, stream: 0,
      orthogonal: isOrthogonal)
  }
}
