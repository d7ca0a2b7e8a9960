import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min over x, max over y of x'Px/2 + c'x + g(x) + x'Ky - b'y - h(y) - mu |y|^2/2 with
/// mu > 0.
///
/// **Method** The accelerated linearised primal-dual method: Nesterov's extrapolation for the
/// smooth quadratic in x, growing steps for the strongly concave y.
///
/// **Symbols** L the largest eigenvalue of P, theta = (t - 1)/t, beta = (t + 1)/2, x- the x before.
///
/// **Iteration** for t = 1, 2, ...
/// 1. xu <- (1 - 1/beta) xb + x/beta.
/// 2. y <- argmin h(u) + mu |u|^2/2 - u'(K'(x + theta (x - x-)) - b) + tau |u - y|^2/2,
///    tau = mu (t - 1)/2.
/// 3. x <- argmin g(u) + u'(c + P xu + Ky) + eta |u - x|^2/2, eta = 2 L/t + 4 |K|^2/(mu t).
/// 4. xb <- (1 - 1/beta) xb + x/beta; the same for y.
///
/// **Stops when** gap and violations of (xb, yb), or of xb and the best answer to it, all relative,
/// are at most the tolerance; limits.
///
/// **Guarantee** The gap falls like (L + |K|^2/mu)/t^2.
///
/// **Cost** One product each with K, K' and P, and one prox of g and of h.
///
/// **Reference** khalafi2023accelerated.
///
/// Deviation: the constants of step 3 are ours, chosen by experiment; points are measured every 20
/// steps.
public enum AcceleratedPrimalDual {
  public static let spec = MethodSpec(
    name: "alpd", kind: BilinearKind.kind.name,
    summary: "Accelerated linearised primal-dual method for mu > 0: gaps that fall like 1/t^2.",
    source: "M. Khalafi, D. Boob, Accelerated primal-dual methods for convex-strongly-concave "
      + "saddle point problems (2023)",
    guarantee: BilinearOutputs.guarantee, options: BilinearOutputs.options,
    outputs: BilinearOutputs.fields.filter { $0.name != "restarts" }, usesWarmStart: true,
    hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? BilinearProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind bilinear")
    }
    guard problem.mu > 0 else {
      throw KantorError(
        .unsupported, "'\(spec.name)' needs field 'mu' > 0; primal_dual_hybrid_gradient does not")
    }
    let loop = try AcceleratedLoop(problem, run)
    let point = try loop.solve()
    return try BilinearResult.make(spec, problem, point, run, claim: loop.rays.claim)
  }
}

private final class AcceleratedLoop {
  private let form: BilinearForm
  private let run: Run
  private let mean: BilinearPoint
  private let candidate: BilinearPoint
  private let best: BilinearPoint
  private var bestMeasure = BilinearMeasure()
  private let x: Buffer<Double>
  private let before: Buffer<Double>
  private let y: Buffer<Double>
  private let probe: Buffer<Double>
  private let slopeX: Buffer<Double>
  private let slopeY: Buffer<Double>
  /// K'x and K'x-.
  private var image: Buffer<Double>
  private var imageBefore: Buffer<Double>

  let rays: RaySearch

  private static let period = 20

  init(_ problem: BilinearProblem, _ run: Run) throws(KantorError) {
    form = try BilinearForm(problem, seed: run.seed)
    self.run = run
    mean = try BilinearPoint(problem)
    candidate = try BilinearPoint(problem)
    best = try BilinearPoint(problem)
    if let given = try run.start.vector("x", count: problem.n) { x = given } else {
      x = try Buffer(count: problem.n)
    }
    if let given = try run.start.vector("y", count: problem.m) { y = given } else {
      y = try Buffer(count: problem.m)
    }
    before = try Buffer(count: problem.n)
    probe = try Buffer(count: problem.n)
    slopeX = try Buffer(count: problem.n)
    slopeY = try Buffer(count: problem.m)
    image = try Buffer(count: problem.m)
    imageBefore = try Buffer(count: problem.m)
    rays = try RaySearch(problem)
  }

  func solve() throws(KantorError) -> BilinearPoint {
    let tolerance = run.options.real("tolerance")
    _ = form.proxPrimal(x, step: 1e-12)
    _ = form.proxDual(y, step: 1e-12)
    before.pointer.update(from: x.pointer, count: form.n)
    mean.x.pointer.update(from: x.pointer, count: form.n)
    mean.y.pointer.update(from: y.pointer, count: form.m)
    form.applyTransposed(x, into: image)
    imageBefore.pointer.update(from: image.pointer, count: form.m)
    measure()
    var t = 0
    while bestMeasure.worst > tolerance {
      if run.monitor.reachesIterationLimit(t) { break }
      t += 1
      guard advance(Double(t)) else { break }
      let isCheck = t % Self.period == 0 || t < 4
      if isCheck {
        measure()
        if try rays.observe(t, x, y) { break }
      }
      let stop = run.monitor.check(
        iteration: t, objective: isCheck ? bestMeasure.objective : .nan,
        residual: isCheck ? bestMeasure.worst : .nan, gap: isCheck ? bestMeasure.gap : .nan)
      if stop != nil { break }
    }
    if run.monitor.stop != nil { measure() }
    return best
  }

  private func advance(_ t: Double) -> Bool {
    let (n, m, mu) = (form.n, form.m, form.problem.mu)
    let (theta, weight, tau) = ((t - 1) / t, 2 / (t + 1), 0.5 * mu * (t - 1))
    let (c, b) = (form.problem.c.pointer, form.problem.b.pointer)
    for i in 0..<n {
      probe.pointer[i] = mean.x.pointer[i] + weight * (x.pointer[i] - mean.x.pointer[i])
    }
    // Maximiser: prox of h with step 1/(mu + tau).
    let strength = mu + tau
    for j in 0..<m {
      let (k, old) = (image.pointer[j], imageBefore.pointer[j])
      let force = k + theta * (k - old) - b[j]
      y.pointer[j] = (force + tau * y.pointer[j]) / strength
    }
    guard form.h.apply(y.pointer, step: 1 / strength, into: y.pointer) else { return false }
    form.apply(y, into: slopeX)
    form.curve(probe, into: mean.px)
    let norm = form.norm
    let eta = max(2 * form.curvature / t + 4 * norm * norm / (mu * t), 1e-300)
    before.pointer.update(from: x.pointer, count: n)
    for i in 0..<n {
      x.pointer[i] -= (c[i] + mean.px.pointer[i] + slopeX.pointer[i]) / eta
    }
    guard form.proxPrimal(x, step: 1 / eta) else { return false }
    swap(&image, &imageBefore)
    form.applyTransposed(x, into: image)
    let moved = Vectors.distance(x.pointer, before.pointer, n)
    if moved > 0 {
      _ = form.observe(norm: Vectors.distance(image.pointer, imageBefore.pointer, m) / moved)
    }
    for i in 0..<n { mean.x.pointer[i] += weight * (x.pointer[i] - mean.x.pointer[i]) }
    for j in 0..<m { mean.y.pointer[j] += weight * (y.pointer[j] - mean.y.pointer[j]) }
    return true
  }

  /// The mean, and its x with the best answer to it.
  private func measure() {
    form.fill(mean)
    consider(mean)
    candidate.copy(mean)
    let mu = form.problem.mu
    for j in 0..<form.m {
      candidate.y.pointer[j] = (mean.kx.pointer[j] - form.problem.b.pointer[j]) / mu
    }
    let y = candidate.y.pointer
    guard form.h.apply(y, step: 1 / mu, into: y) else { return }
    form.apply(candidate.y, into: candidate.ky)
    consider(candidate)
  }

  private func consider(_ point: BilinearPoint) {
    let measure = form.measure(point)
    guard measure.worst < bestMeasure.worst else { return }
    bestMeasure = measure
    best.copy(point)
  }
}
