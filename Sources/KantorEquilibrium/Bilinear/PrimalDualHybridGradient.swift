import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min over x, max over y of x'Px/2 + c'x + g(x) + x'Ky - b'y - h(y) - mu |y|^2/2.
///
/// **Method** The primal-dual hybrid gradient method, restarted at averages: linear convergence on
/// problems that are sharp, such as linear programs and matrix games, and on strongly convex ones.
///
/// **Symbols** tau, sigma steps of x and y, omega their balance, e the largest relative error.
///
/// **Iteration**
/// 1. x+ <- prox of g at x - tau (c + Px + Ky), step tau.
/// 2. y+ <- prox of h + mu |.|^2/2 at y + sigma (K'(2 x+ - x) - b), step sigma.
/// 3. Every 40 iterations the errors of the point and of the average since the restart are
///    compared; a restart at the better one when e has fallen to a fifth, when it fell at all and
///    now rises, or after long. Then omega <- sqrt(omega |dy|/|dx|).
/// 4. Between restarts, with `acceleration`: the step after (x+, y+) starts from Anderson's
///    extrapolation of the last ones, as long as that makes |(x, y) - (x+, y+)| fall.
///
/// **Stops when** gap and violations, all relative, are at most the tolerance; the way of the
/// iterates proves that there is no saddle point; limits.
///
/// **Guarantee** The gap of averages falls like 1/k; with sharpness the errors fall linearly.
///
/// **Cost** One product each with K, K' and P, and one prox of g and of h.
///
/// **Reference** chambolle2011first; condat2013primal; applegate2023faster; walker2011anderson.
///
/// Deviation: norms are estimated by the power method, and raised when a step shows a larger one.
public enum PrimalDualHybridGradient {
  public static let spec = MethodSpec(
    name: "primal_dual_hybrid_gradient", kind: BilinearKind.kind.name,
    summary: "First-order primal-dual steps with restarts; only products and proximal maps.",
    source: "A. Chambolle, T. Pock, A first-order primal-dual algorithm for convex problems with "
      + "applications to imaging (2011); D. Applegate, O. Hinder, H. Lu, M. Lubin, Faster "
      + "first-order primal-dual methods for linear programming using restarts and sharpness "
      + "(2023)",
    guarantee: BilinearOutputs.guarantee, options: BilinearOutputs.accelerated,
    outputs: BilinearOutputs.fields + [CommonChoices.extrapolations], usesWarmStart: true,
    hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? BilinearProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind bilinear")
    }
    let loop = try PrimalDualLoop(try BilinearForm(problem, seed: run.seed), run)
    try loop.start(x: "x", y: "y")
    let point = try loop.solve()
    return try BilinearResult.make(
      spec, problem, point, run, claim: loop.rays.claim, steps: loop.figures)
  }
}

/// The restarted iteration.
final class PrimalDualLoop {
  private let form: BilinearForm
  private let run: Run
  private let point: BilinearPoint
  private let next: BilinearPoint
  private let average: BilinearPoint
  private let origin: BilinearPoint
  private let best: BilinearPoint
  private var bestMeasure = BilinearMeasure()
  private var restarts = 0
  private let extrapolation: BilinearExtrapolation?
  /// tau and sigma of the steps that are extrapolated.
  private var steps = (tau: 0.0, sigma: 0.0)
  let rays: RaySearch
  private var omega = 1.0
  private var length = 0
  /// Errors at the last restart and at the last check.
  private var atRestart = Double.infinity
  private var before = Double.infinity

  private static let period = 40

  init(_ form: BilinearForm, _ run: Run) throws(KantorError) {
    self.form = form
    self.run = run
    point = try BilinearPoint(form.problem)
    next = try BilinearPoint(form.problem)
    average = try BilinearPoint(form.problem)
    origin = try BilinearPoint(form.problem)
    best = try BilinearPoint(form.problem)
    rays = try RaySearch(form.problem)
    let isAccelerated = run.options.text("acceleration") == "anderson"
    extrapolation =
      isAccelerated
      ? try BilinearExtrapolation(form.problem, memory: run.options.int("memory")) : nil
  }

  var figures: ResultFields {
    var fields = ResultFields()
    fields.add("restarts", restarts)
    fields.add("extrapolations", extrapolation?.kept ?? 0)
    return fields
  }

  /// Where the caller asks to start, moved into the domains.
  func start(x: String, y: String) throws(KantorError) {
    if let given = try run.start.vector(x, count: form.n) {
      point.x.pointer.update(from: given.pointer, count: form.n)
    }
    if let given = try run.start.vector(y, count: form.m) {
      point.y.pointer.update(from: given.pointer, count: form.m)
    }
    _ = form.proxPrimal(point.x, step: 1e-12)
    _ = form.proxDual(point.y, step: 1e-12)
    form.fill(point)
    next.copy(point)
  }

  /// The best point found.
  func solve() throws(KantorError) -> BilinearPoint {
    let tolerance = run.options.real("tolerance")
    let (sizeB, sizeC) = (
      Vectors.norm(form.problem.b.pointer, form.m), Vectors.norm(form.problem.c.pointer, form.n)
    )
    if sizeB > 0, sizeC > 0 { omega = min(max(sizeC / sizeB, 1e-4), 1e4) }
    origin.copy(point)
    consider(point)
    var iteration = 0
    while bestMeasure.worst > tolerance {
      if run.monitor.reachesIterationLimit(iteration) { break }
      guard advance() else { break }
      iteration += 1
      length += 1
      average.move(to: next, 1 / Double(length))
      let isCheck = iteration % Self.period == 0 || iteration < 4
      if isCheck {
        judge(iteration)
        if try rays.observe(iteration, next.x, next.y) { break }
      }
      let stop = run.monitor.check(
        iteration: iteration, objective: isCheck ? bestMeasure.objective : .nan,
        residual: isCheck ? bestMeasure.worst : .nan, gap: isCheck ? bestMeasure.gap : .nan)
      if stop != nil { break }
    }
    // What the last steps since the last check brought.
    if run.monitor.stop != nil { consider(next) }
    return best
  }

  @discardableResult
  private func consider(_ candidate: BilinearPoint) -> BilinearMeasure {
    let measure = form.measure(candidate)
    if measure.worst < bestMeasure.worst {
      bestMeasure = measure
      best.copy(candidate)
    }
    return measure
  }

  private func judge(_ iteration: Int) {
    let (now, mean) = (consider(next), consider(average))
    let isMean = mean.worst < now.worst
    let error = min(now.worst, mean.worst)
    if atRestart == .infinity { atRestart = error }
    let isLong = Double(length) >= 0.36 * Double(iteration)
    guard
      error <= 0.2 * atRestart || (error <= 0.8 * atRestart && error > before)
        || (isLong && iteration >= 4 * Self.period)
    else {
      before = error
      return
    }
    point.copy(isMean ? average : next)
    balance()
    origin.copy(point)
    (atRestart, before, length) = (error, error, 0)
    restarts += 1
    steps = (0, 0)
  }

  /// Steps in proportion to the distances gone.
  private func balance() {
    let dx = Vectors.distance(point.x.pointer, origin.x.pointer, form.n)
    let dy = Vectors.distance(point.y.pointer, origin.y.pointer, form.m)
    guard dx > 1e-14, dy > 1e-14, dx.isFinite, dy.isFinite else { return }
    omega = min(max((omega * dy / dx).squareRoot(), 1e-6), 1e6)
  }

  /// One step; false when a number is no longer finite.
  private func advance() -> Bool {
    let norm = max(form.norm, 1e-300)
    let reach = form.norm > 0 ? 0.99 / norm : 1
    let sigma = reach * omega
    let tau = 1 / (omega / reach + 0.5 * form.curvature)
    if steps != (tau, sigma) {
      steps = (tau, sigma)
      extrapolation?.begin(tau: tau, sigma: sigma)
    }
    let (n, m) = (form.n, form.m)
    let (c, b) = (form.problem.c.pointer, form.problem.b.pointer)
    let (x, y, u, v) = (
      point.x.pointer, point.y.pointer, next.x.pointer, next.y.pointer
    )
    for i in 0..<n { u[i] = x[i] - tau * (c[i] + point.px.pointer[i] + point.ky.pointer[i]) }
    guard form.proxPrimal(next.x, step: tau) else { return false }
    form.applyTransposed(next.x, into: next.kx)
    let (old, new) = (point.kx.pointer, next.kx.pointer)
    for j in 0..<m { v[j] = y[j] + sigma * (2 * new[j] - old[j] - b[j]) }
    let moved = Vectors.distance(u, x, n)
    if moved > 0, form.observe(norm: Vectors.distance(new, old, m) / moved) {
      next.copy(point)
      return true
    }
    guard form.proxDual(next.y, step: sigma) else { return false }
    form.apply(next.y, into: next.ky)
    form.curve(next.x, into: next.px)
    if let extrapolation { extrapolation.follow(point, next) } else { point.copy(next) }
    return true
  }
}
