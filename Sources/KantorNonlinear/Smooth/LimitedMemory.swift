import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x) subject to l <= x <= u, f differentiable.
///
/// **Method** Limited-memory BFGS with a line search for the strong Wolfe conditions; with bounds,
/// projected steps in the variables that no bound holds.
///
/// **Symbols** g gradient; s, y the last moves of x and g, `memory` of them; B^-1 the inverse
/// Hessian they stand for; F the variables that are not held at a bound to which -g points.
///
/// **Iteration**
/// 1. d = -B^-1 g in F, -g elsewhere.
/// 2. x <- P(x + a d), with a that satisfies the conditions of Wolfe (without bounds), or the first
///    of 1, 1/2, 1/4, ... with enough decrease.
///
/// **Stops when** the largest entry of g that no bound holds is at most `tolerance`.
///
/// **Guarantee** Converges to a minimum for convex f with a Lipschitz gradient; linearly where f is
/// strongly convex.
///
/// **Cost** One value and gradient per step tried, some 4 n `memory` multiplications.
///
/// **Reference** liu1989limited; bertsekas1982projected; byrd1995limited.
///
/// Deviation: see `LBFGS` and `BoundedLBFGS`.
public enum LimitedMemory: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "lbfgs", kind: NonlinearKind.kind.name,
    summary: "Limited-memory BFGS, with bounds on the variables.",
    source: "D. C. Liu, J. Nocedal, On the limited memory BFGS method for large scale optimization "
      + "(1989); D. P. Bertsekas, Projected Newton methods (1982)",
    guarantee: "Scaled projected gradient within the tolerance.",
    options: options, outputs: SmoothOutputs.all,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] =
    SmoothOptions.shared(iterations: 15_000) + [
      OptionSpec(
        "memory", .int(10, min: 1, max: 1000), "Pairs of vectors that are kept.")
    ]

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try SmoothIterate.check(problem, spec.name, takesBounds: true)
    let iterate = try SmoothIterate(problem, run)
    guard try iterate.begin() else { return try iterate.propose() }
    let solve = try LimitedMemorySolve(iterate)
    try solve.minimise()
    // One-sided differences do not reach the tolerance: once more with central ones.
    if run.monitor.stop == nil, iterate.residual > iterate.goal, try iterate.sharpen() {
      try solve.minimise()
    }
    return try iterate.propose()
  }
}

/// Runs the block and keeps the iterate in step with it.
private final class LimitedMemorySolve {
  private let iterate: SmoothIterate
  private let point: Buffer<Double>
  private let gradient: Buffer<Double>
  private let value: Buffer<Double>
  private let memory: Int
  private var base = 0
  private var isFirst = true
  private var isBottomless = false

  init(_ iterate: SmoothIterate) throws(KantorError) {
    self.iterate = iterate
    point = try Buffer(count: iterate.n)
    gradient = try Buffer(count: iterate.n)
    value = try Buffer(count: 1)
    memory = min(iterate.run.options.int("memory"), max(iterate.n, 1))
  }

  func minimise() throws(KantorError) {
    let (iterate, point) = (iterate, point)
    let problem = iterate.problem
    let n = iterate.n
    base = iterate.iteration
    isFirst = true
    point.pointer.update(from: iterate.x.pointer, count: n)
    let evaluate = {
      (x: UnsafePointer<Double>, g: UnsafeMutablePointer<Double>) throws(KantorError) -> Double in
      try self.evaluate(x, g)
    }
    let goesOn = { (now: LBFGS.Iterate) -> Bool in self.goesOn(now) }
    let limit = iterate.run.monitor.iterationLimit
    let most = limit == .max ? limit : limit - base
    let outcome: LBFGS.Outcome
    if problem.isUnconstrained {
      var method = try LBFGS(count: n, memory: memory)
      outcome = try method.minimise(
        x: point.pointer, tolerance: iterate.goal, maxIterations: most, evaluate: evaluate,
        goesOn: goesOn)
    } else {
      var method = try BoundedLBFGS(count: n, memory: memory)
      outcome = try method.minimise(
        x: point.pointer, lower: problem.lower.pointer, upper: problem.upper.pointer,
        tolerance: iterate.goal, maxIterations: most, evaluate: evaluate, goesOn: goesOn)
    }
    if outcome.end == .iterationLimit {
      _ = iterate.run.monitor.reachesIterationLimit(base + outcome.iterations)
    }
  }

  private func evaluate(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    if isFirst {
      // Known from the start, or from the last run.
      isFirst = false
      gradient.pointer.update(from: iterate.gradient.pointer, count: iterate.n)
      g.update(from: gradient.pointer, count: iterate.n)
      value.pointer[0] = iterate.value
      return iterate.value
    }
    let (outcome, f) = try iterate.oracle.valueAndGradient(at: x, into: gradient.pointer)
    guard case .fine = outcome, !isBottomless else { return .infinity }
    if f <= SmoothIterate.bottomless {
      // Down for ever: no step would meet the conditions of the search.
      isBottomless = true
      iterate.move(to: x, f, gradient.pointer, iteration: iterate.iteration + 1)
    }
    g.update(from: gradient.pointer, count: iterate.n)
    value.pointer[0] = f
    return f
  }

  /// Called with the point of the last evaluation, or with the point before when a search failed.
  private func goesOn(_ now: LBFGS.Iterate) -> Bool {
    if isBottomless { return false }
    if now.value == value.pointer[0], now.iteration == 0 || now.value <= iterate.value {
      iterate.move(to: now.x, now.value, gradient.pointer, iteration: base + now.iteration)
    }
    let stop = iterate.run.monitor.check(
      iteration: base + now.iteration, objective: now.value, residual: iterate.residual)
    return stop == nil && iterate.residual > iterate.goal
  }
}
