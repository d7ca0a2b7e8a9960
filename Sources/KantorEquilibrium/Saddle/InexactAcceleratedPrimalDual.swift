import KantorBlocks
import KantorCore

/// **Solves** min over x, max over y of f(x) + phi(x, y) + g(x) - h(y), phi convex in x and concave
/// in y with strength mu > 0, f smooth and convex.
///
/// **Method** The inexact accelerated linearised primal-dual method: f is linearised with
/// Nesterov's extrapolation, phi in y with that of primal-dual methods, and the step of x on phi
/// itself is solved by accelerated gradient steps to an accuracy that grows with the iteration.
///
/// **Symbols** q(x, y) = phi_y + mu y; Lxy, Lyy Lipschitz constants of q in x and in y, Lf and Lxx
/// of f' and of phi_x in x; s = t + t0, t0 = 8 Lyy/mu, S the sum of s so far, E = max(s^2/S, 2); xb
/// the mean of x with the weights s; x-, q- those before.
///
/// **Iteration** for t = 1, 2, ...
/// 1. xu = xb + s/S (x - xb);  r = q + (s - 1)/s (q - q-), r = q at t = 1.
/// 2. y+ = argmin of h(v) + mu |v|^2/2 - <r, v> + tau |v - y|^2/2,  tau = mu (s - 1)/2.
/// 3. x+ = about argmin of <f'(xu), u> + phi(u, y+) + g(u) + eta |u - x|^2/2,
///    eta = (Lf E + 4 Lxy^2/mu)/s: a subgradient there is of size R/(t + 1)^3 at most, R the
///    residual of the stage's first point.
/// 4. xb <- xb + s/S (x+ - xb), yb likewise.
///
/// **Stops when** the residual of (x, y) or of (xb, yb) is at most the tolerance; limits.
///
/// **Guarantee** The primal-dual gap of the means falls like (Lf + Lxy^2/mu)/t^2; step 3 needs some
/// sqrt(Lxx/eta) log t gradients of phi, and one of f.
///
/// **Cost** One gradient of f, and of phi those of step 3, at least two; one more of each every ten
/// steps for the means.
///
/// **Reference** khalafi2023accelerated.
///
/// Deviation: the constants are ours, by the method's analysis with an error term; they are
/// searched for, and a step that contradicts one begins a new stage. Stages also begin when the
/// residual has fallen by the factor e.
public enum InexactAcceleratedPrimalDual: InclusionMethod {
  public static let template = MethodTemplate(
    name: "inexact_alpd",
    summary: "Accelerated primal-dual steps for nonlinear couplings, strongly concave in y.",
    source: "M. Khalafi, D. Boob, Accelerated primal-dual methods for convex-strongly-concave "
      + "saddle point problems (2023)",
    guarantee: CommonChoices.residualGuarantee,
    options: CommonChoices.stops + [
      OptionSpec(
        "restart", .flag(true), "Begins anew when the residual has fallen by the factor e."),
      OptionSpec(
        "inner_accuracy", .real(1, min: 1e-6, max: 1e6),
        "Factor of the accuracy of the steps in x.", advanced: true),
      OptionSpec(
        "max_inner", .int(500, min: 1, max: 1_000_000),
        "Gradient steps for one step in x at most.", advanced: true),
    ],
    outputs: [
      FieldSpec("restarts", .int, .output, "New stages."),
      FieldSpec("inner_iterations", .int, .output, "Gradient steps for all steps in x."),
      FieldSpec(
        "lipschitz", .array, .output, shape: "(4,)",
        "Lf, Lxy, Lyy and Lxx as they were in the end."),
    ])

  public static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal {
    guard case .saddle(let split) = problem.form, problem.strength > 0 else {
      throw KantorError(
        .unsupported,
        "'\(template.name)' needs field 'mu' > 0: phi(x, y) + mu |y|^2/2 concave in y; "
          + "golden_ratio does not")
    }
    let oracle = try Oracle(problem, run)
    let track = try Track(oracle, run)
    let steps = try InexactSteps(oracle, track, split: split, run)
    try steps.solve(track, run)
    if let evidence = steps.evidence { track.note(evidence) }
    var figures = ResultFields()
    figures.add("restarts", steps.clock.restarts)
    figures.add("inner_iterations", steps.inner)
    let l = steps.slopes
    figures.add("lipschitz", Tensor(try Buffer([l.f, l.xy, l.yy, l.xx])))
    return try track.proposal(figures)
  }
}

private final class InexactSteps: Iteration {
  let point: Buffer<Double>
  let value: Buffer<Double>
  private(set) var stride = 0
  private(set) var clock: AnchorClock
  private(set) var slopes = SaddleSlopes(all: 1, hasPrimal: false)
  private(set) var inner = 0
  /// That mu is too large for phi.
  private(set) var evidence: String?
  private let oracle: Oracle
  private let track: Track
  private let mu: Double
  private let n: Int
  private let nx: Int
  private let ny: Int
  private let accuracy: Double
  private let mostInner: Int
  private let limit: Int
  /// (x, y), their mean, F without f there, and the same at points on the way; joined vectors.
  private let z: Buffer<Double>
  private let mean: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialValue: Buffer<Double>
  private let image: Buffer<Double>
  private let first: Buffer<Double>
  private let work: Buffer<Double>
  private let meanValue: Buffer<Double>
  /// q and q-.
  private let force: Buffer<Double>
  private let oldForce: Buffer<Double>
  /// f' at xu, and xu; those before.
  private let slope: Buffer<Double>
  private let oldSlope: Buffer<Double>
  private let under: Buffer<Double>
  private let oldUnder: Buffer<Double>
  /// The steps of the inner iteration.
  private let u: Buffer<Double>
  private let v: Buffer<Double>
  private let oldV: Buffer<Double>
  private let oldGradient: Buffer<Double>
  private var t = 0
  private var weights = 0.0
  /// Residual of the stage's first point.
  private var size = 1.0

  private static let period = 10
  /// Of what speaks against concavity: shorter differences, and smaller parts of mu, say nothing.
  private static let shortest = 1e-6
  private static let slack = 1e-3

  init(
    _ oracle: Oracle, _ track: Track, split: Int, _ run: Run
  ) throws(KantorError) {
    self.oracle = oracle
    self.track = track
    mu = oracle.problem.strength
    (n, nx, ny) = (oracle.n, split, oracle.n - split)
    accuracy = run.options.real("inner_accuracy")
    mostInner = run.options.int("max_inner")
    limit = run.options.int("max_iterations")
    clock = AnchorClock(restarts: run.options.flag("restart"))
    (point, value) = (try Buffer(count: n), try Buffer(count: n))
    (z, mean) = (try Buffer(count: n), try Buffer(count: n))
    (trial, trialValue) = (try Buffer(count: n), try Buffer(count: n))
    (image, first) = (try Buffer(count: n), try Buffer(count: n))
    (work, meanValue) = (try Buffer(count: n), try Buffer(count: n))
    (force, oldForce) = (try Buffer(count: ny), try Buffer(count: ny))
    (slope, oldSlope) = (try Buffer(count: nx), try Buffer(count: nx))
    (under, oldUnder) = (try Buffer(count: nx), try Buffer(count: nx))
    (u, v) = (try Buffer(count: nx), try Buffer(count: nx))
    (oldV, oldGradient) = (try Buffer(count: nx), try Buffer(count: nx))
  }

  func begin() throws(KantorError) -> Bool {
    size = try track.residual(point, value)
    guard let l = try Probe.lipschitz(oracle, point, value, trialValue) else { return false }
    slopes = SaddleSlopes(all: l, hasPrimal: oracle.problem.primal != nil)
    return try setStage()
  }

  /// A new stage at `point`; false when phi is not defined there.
  private func setStage() throws(KantorError) -> Bool {
    for part in [z, mean] { part.pointer.update(from: point.pointer, count: n) }
    guard case .fine = try oracle.coupling(at: z.pointer, into: image.pointer) else {
      return false
    }
    readForce(image)
    (t, weights) = (0, 0)
    return true
  }

  /// q at z, from F without f there.
  private func readForce(_ image: Buffer<Double>) {
    for j in 0..<ny { force.pointer[j] = mu * z.pointer[nx + j] - image.pointer[nx + j] }
  }

  /// Ten steps, and a look at the last point and at the mean.
  func advance() throws(KantorError) -> Evaluation {
    stride = 0
    let most = max(1, min(Self.period, limit - oracle.monitor.iterations))
    while stride < most {
      let outcome = try step()
      guard case .fine = outcome else { return outcome }
      stride += 1
      if oracle.monitor.heartbeat() != nil { return .stop }
    }
    return try choose()
  }

  /// The better one of the last point and the mean, which is the candidate.
  private func choose() throws(KantorError) -> Evaluation {
    let (p, f) = (point.pointer, value.pointer)
    p.update(from: z.pointer, count: n)
    f.update(from: image.pointer, count: n)
    slope.fill(0)
    var outcome = try oracle.primalSlope(at: p, into: slope.pointer)
    guard case .fine = outcome else { return outcome }
    for i in 0..<nx { f[i] += slope.pointer[i] }
    outcome = try oracle.value(at: mean.pointer, into: meanValue.pointer)
    guard case .fine = outcome else { return outcome }
    let (last, average) = (
      try track.residual(point, value), try track.residual(mean, meanValue)
    )
    // The proven rate is that of the mean.
    if average < last || !clock.restartsAtAll {
      p.update(from: mean.pointer, count: n)
      f.update(from: meanValue.pointer, count: n)
    }
    guard clock.step(residual: min(last, average)) else { return .fine }
    size = min(last, average)
    slopes.relax()
    return try setStage() ? .fine : .undefined
  }

  private func step() throws(KantorError) -> Evaluation {
    t += 1
    let offset = 8 * slopes.yy / mu
    let s = Double(t) + offset
    weights += s
    let share = s / weights
    var outcome = try linearise(share)
    guard case .fine = outcome else { return outcome }
    outcome = try moveDual(s)
    guard case .fine = outcome else { return outcome }
    let curve = slopes.f * max(s * share, 2) + 4 * slopes.xy * slopes.xy / mu
    let moved = try movePrimal(max(curve / s, 1e-12 * mu))
    guard case .fine = moved.outcome else { return moved.outcome }
    let a = z.pointer
    a.update(from: trial.pointer, count: n)
    image.pointer.update(from: trialValue.pointer, count: n)
    oldForce.pointer.update(from: force.pointer, count: ny)
    readForce(image)
    for i in 0..<n { mean.pointer[i] += share * (a[i] - mean.pointer[i]) }
    // The next step is the first one with the new constants.
    if !moved.isTrue {
      mean.pointer.update(from: a, count: n)
      (t, weights) = (0, 0)
    }
    return .fine
  }

  /// xu, and f' there.
  private func linearise(_ share: Double) throws(KantorError) -> Evaluation {
    let (x, m, w) = (z.pointer, mean.pointer, under.pointer)
    oldUnder.pointer.update(from: w, count: nx)
    oldSlope.pointer.update(from: slope.pointer, count: nx)
    for i in 0..<nx { w[i] = m[i] + share * (x[i] - m[i]) }
    slope.fill(0)
    let outcome = try oracle.primalSlope(at: w, into: slope.pointer)
    if t > 1 {
      _ = slopes.accepts(
        .f, Vectors.distance(slope.pointer, oldSlope.pointer, nx),
        Vectors.distance(w, oldUnder.pointer, nx), 1 + Vectors.norm(w, nx))
    }
    return outcome
  }

  /// y+ into `trial`, next to x, and F without f there into `trialValue`.
  private func moveDual(_ s: Double) throws(KantorError) -> Evaluation {
    let (theta, tau) = (t == 1 ? 0 : (s - 1) / s, 0.5 * mu * (s - 1))
    let (w, q, old) = (trial.pointer, force.pointer, oldForce.pointer)
    let y = z.pointer + nx
    w.update(from: z.pointer, count: nx)
    for j in 0..<ny {
      w[nx + j] = (q[j] + theta * (q[j] - old[j]) + tau * y[j]) / (mu + tau)
    }
    guard case .fine = try prox(w + nx, ny, at: nx, step: 1 / (mu + tau)) else {
      return .undefined
    }
    return try oracle.coupling(at: w, into: trialValue.pointer)
  }

  /// prox of one side's term: the other side's part does not matter.
  private func prox(
    _ part: Vectors.Out, _ count: Int, at start: Int, step: Double
  ) throws(KantorError) -> Evaluation {
    let w = work.pointer
    w.update(from: z.pointer, count: n)
    (w + start).update(from: part, count: count)
    let outcome = try oracle.prox(w, step: step)
    part.update(from: w + start, count: count)
    return outcome
  }

  /// x+ into `trial`, and F without f there into `trialValue`, which both hold those of (x, y+);
  /// and whether the constants held.
  private func movePrimal(
    _ eta: Double
  ) throws(KantorError) -> (isTrue: Bool, outcome: Evaluation) {
    let (x, w, f, start) = (z.pointer, trial.pointer, trialValue.pointer, first.pointer)
    let (p, q, old) = (u.pointer, v.pointer, oldV.pointer)
    let scale = 1 + Vectors.norm(x, n)
    start.update(from: f, count: n)
    var (change, inner) = (0.0, 0.0)
    for j in 0..<ny {
      let moved = mu * w[nx + j] - f[nx + j] - force.pointer[j]
      change += moved * moved
      inner += moved * (w[nx + j] - x[nx + j])
    }
    let length = Vectors.distance(w + nx, x + nx, ny)
    if length > Self.shortest * scale, inner > Self.slack * mu * length * length {
      evidence =
        "phi(x, y) + mu |y|^2/2 is not concave in y for mu = \(shortText(mu)): <dq, dy> was "
        + "\(shortText(inner / (length * length))) |dy|^2"
      return (false, .stop)
    }
    var isTrue = slopes.accepts(.yy, change.squareRoot(), length, scale)
    let cube = Double(t + 1) * Double(t + 1) * Double(t + 1)
    for part in [p, q] { part.update(from: x, count: nx) }
    for k in 1...mostInner {
      self.inner += 1
      let strength = slopes.xx + eta
      let root = (strength / eta).squareRoot()
      let momentum = (root - 1) / (root + 1)
      old.update(from: q, count: nx)
      oldGradient.pointer.update(from: f, count: nx)
      for i in 0..<nx {
        let step = (f[i] + slope.pointer[i] + eta * (q[i] - x[i])) / strength
        (q[i], p[i]) = (p[i], q[i] - step)
      }
      guard case .fine = try prox(p, nx, at: 0, step: 1 / strength) else {
        return (isTrue, .undefined)
      }
      let error = 2 * strength * Vectors.distance(p, old, nx)
      let needed = max(accuracy * size / cube, 1e-15 * strength * scale)
      let isDone = error <= needed || k == mostInner
      for i in 0..<nx { q[i] = isDone ? p[i] : p[i] + momentum * (p[i] - q[i]) }
      w.update(from: q, count: nx)
      let outcome = try oracle.coupling(at: w, into: f)
      guard case .fine = outcome else { return (isTrue, outcome) }
      let isSteep = !slopes.accepts(
        .xx, Vectors.distance(f, oldGradient.pointer, nx), Vectors.distance(q, old, nx), scale)
      if isDone { break }
      // Too long steps: from x again.
      guard isSteep else { continue }
      for part in [p, q] { part.update(from: x, count: nx) }
      f.update(from: start, count: n)
    }
    let kept = slopes.accepts(
      .xy, Vectors.distance(f + nx, start + nx, ny), Vectors.distance(p, x, nx), scale)
    isTrue = isTrue && kept
    return (isTrue, .fine)
  }

  func resume(_ reason: Resumption) -> Bool {
    slopes.distrust()
    // Points at which phi is not defined have ended the iteration before.
    return (try? setStage()) ?? false
  }
}
