import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x) subject to lower <= x <= upper and constraint_lower <= c(x) <=
/// constraint_upper, f and c twice differentiable.
///
/// **Method** A primal-dual barrier method with a filter line search. Rows that are not equations
/// get slacks; fixed variables drop out; objective and rows are scaled so that no derivative at the
/// start is above 100.
///
/// **Symbols** v = (x, s) variables and slacks; C(v) = 0 the rows; mu barrier parameter; zl, zu
/// multipliers of bounds; theta = |C|_1; phi the barrier function; W Hessian of the Lagrangian.
///
/// **Iteration**
/// 1. mu = max((r/q)^3, min(0.01, E)) q, with q the mean of slack times multiplier, r what the step
///    towards mu = 0 leaves of it, and E the largest scaled residual. When E is no smaller than
///    four times before, mu stays 0.8 q until the error of its problem is at most 10 mu, and falls
///    to min(0.2 mu, mu^1.5) then, which is the only rule for sparse systems.
/// 2. Factor [W + Sigma + w I, J'; J, -c I]; w and c rise until there are as many negative
///    eigenvalues as rows.
/// 3. Newton step for the barrier problem; a_max is 1 - tau short of the boundary.
/// 4. Backtrack until a trial point is acceptable to the filter: phi or theta fall enough. The full
///    step gets up to four second-order corrections. After ten shortened steps up to three full
///    ones are tried for good; if none is acceptable from where they began, that is gone back to.
/// 5. Without an acceptable step: minimise the violation (|p + q|_1 with C - p + q = 0, plus a
///    proximal term) by the same loop, until the filter accepts; if that converges first, the
///    problem is infeasible near there.
///
/// **Stops when** the residuals that the checker measures are at most half of `tolerance`; at a
/// stationary point of the violation; when feasible points grow without bound; or when nothing
/// improves.
///
/// **Guarantee** A `solved` result meets the tolerance on the caller's functions, as evaluated by
/// the checker. Points where functions are evaluated lie inside the bounds of x.
///
/// **Cost** One evaluation of all derivatives and one factorisation of order n + m for each
/// iteration, some more factorisations where the problem is not convex.
///
/// **Reference** waechter2006implementation; nocedal2009adaptive.
///
/// Deviation: bounds of rows are relaxed by a tenth of the tolerance; one of x is, by a fiftieth,
/// when equations leave the variable no room beside it. No function is evaluated outside for that:
/// there they go on as the last derivatives say. A last step that promises an answer is taken
/// without f. Slacks are eliminated from the system. Without second derivatives W is a damped BFGS
/// matrix, and differences of gradients when that gets stuck; in sparse systems the compact form of
/// the last steps; y is then that of least squares once the rows hold. A solve that gets stuck far
/// from everything starts once more with y = 0 and the second rule for mu alone. Where f is too
/// flat for the filter, the residuals decide.
public enum NonlinearInteriorPoint: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "interior_point", kind: NonlinearKind.kind.name,
    summary: "Interior-point method with a filter line search for smooth nonlinear programs.",
    source: "A. Waechter, L. T. Biegler, On the implementation of an interior-point filter "
      + "line-search algorithm for large-scale nonlinear programming (2006)",
    guarantee: "Scaled residuals of the first-order optimality conditions within the tolerance, on "
      + "the caller's functions.",
    options: options, outputs: NonlinearOutputs.certificate + NonlinearOutputs.common + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    NonlinearOptions.tolerance,
    NonlinearOptions.iterations(3000),
    NonlinearOptions.evaluations,
    OptionSpec(
      "hessian", .text("auto", choices: ["auto", "exact", "differences", "bfgs"]),
      "Second derivatives: the caller's; differences of the gradient of the Lagrangian; a damped "
        + "BFGS matrix; auto: the caller's, else differences where a sparse pattern is declared, "
        + "else BFGS."),
    OptionSpec(
      "barrier", .text("auto", choices: ["auto", "adaptive", "monotone"]),
      "How the barrier parameter falls: chosen at each step while the residuals fall, or only "
        + "when its problem is solved; auto: adaptive where the system is dense.", advanced: true),
    OptionSpec(
      "initial_barrier", .real(0.1, min: 1e-12, max: 1e6),
      "Barrier parameter at the start; a start with multipliers sets its own.", advanced: true),
    OptionSpec(
      "bound_push", .real(0.01, min: 1e-12, max: 0.5),
      "How far the start is moved inside the bounds, relative to their size or distance.",
      advanced: true),
    OptionSpec(
      "scaling", .flag(true), "Scale objective and rows by their derivatives at the start.",
      advanced: true),
    NonlinearOptions.secondOrder,
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("factorisations", .int, .output, "Factorisations of the Newton system."),
    FieldSpec("restorations", .int, .output, "How often feasibility had to be restored."),
    FieldSpec("barrier", .real, .output, "The last barrier parameter."),
  ]

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    let oracle = try NonlinearOracle(problem, run, scheme: .forward)
    return try BarrierSolve(problem, run, oracle, BarrierSettings(run.options)).propose()
  }
}

/// What the options say; the defaults are those of another method that calls for help.
struct BarrierSettings {
  var hessian = "auto"
  var initialBarrier = 0.1
  var push = 0.01
  var scales = true
  /// Iterations that were made before.
  var iterations = 0
  /// Starts of the run do not count; multipliers of the rows start at 0.
  var isCold = false
  var startsAtZero = false
  /// Nil: where the system is dense.
  var isAdaptive: Bool?

  init() {}

  init(_ options: OptionValues) {
    hessian = options.text("hessian")
    initialBarrier = options.real("initial_barrier")
    push = options.real("bound_push")
    scales = options.flag("scaling")
    let rule = options.text("barrier")
    isAdaptive = rule == "auto" ? nil : rule == "adaptive"
  }
}

/// One solve.
struct BarrierSolve {
  private let problem: NonlinearProblem
  private let run: Run
  private let oracle: NonlinearOracle
  private let settings: BarrierSettings
  private let tolerance: Double

  init(
    _ problem: NonlinearProblem, _ run: Run, _ oracle: NonlinearOracle,
    _ settings: BarrierSettings
  ) throws(KantorError) {
    self.problem = problem
    self.run = run
    self.oracle = oracle
    self.settings = settings
    tolerance = run.options.real("tolerance")
  }

  private func source() throws(KantorError) -> HessianSource {
    let offers = oracle.offersHessian || oracle.offersHessianProduct
    switch settings.hessian {
    case "exact":
      guard offers else {
        throw KantorError(
          .missing,
          "option 'hessian' is exact, but the functions have neither 'hessian' nor "
            + "'hessian_product'")
      }
      return .exact
    case "differences":
      guard oracle.offersLagrangianGradient else {
        throw KantorError(
          .missing, "option 'hessian' is differences; that needs 'gradient' and 'jacobian'")
      }
      return .differences
    case "bfgs": return .quasiNewton
    default:
      if offers { return .exact }
      let isLarge = problem.hessianPattern != nil && problem.n > 50
      return isLarge && oracle.offersLagrangianGradient ? .differences : .quasiNewton
    }
  }

  func propose() throws(KantorError) -> NonlinearProposal {
    let hessian = try source()
    let context = BarrierContext(run, tolerance: tolerance, hessian: hessian, settings)
    context.analysis = (run.start.reusable as? BarrierReuse)?.analysis
    let start = try BarrierStart(problem, run, settings)
    let isFree = (0..<problem.n).contains {
      problem.lower.pointer[$0] < problem.upper.pointer[$0]
    }
    guard isFree else { return try fixed(start) }
    let (loop, outcome) = try attempt(start, context)
    guard let loop else { return try unfinished(start, isStart: outcome == .undefinedStart) }
    guard outcome == .stuck, let best = loop.best, best.estimate > 1e-5 else {
      return try finish(loop, outcome, context)
    }
    // Far from everything: once more, more carefully.
    var other = settings
    (other.isCold, other.isAdaptive, other.startsAtZero) = (true, false, true)
    context.isAdaptive = false
    let (second, end) = try attempt(try BarrierStart(problem, run, other), context)
    guard let second, end == .converged || end == .infeasible || end == .unbounded else {
      return try finish(loop, outcome, context)
    }
    return try finish(second, end, context)
  }

  /// A loop from a start, with a model of its own; no loop where it cannot begin.
  private func attempt(
    _ start: BarrierStart, _ context: BarrierContext
  ) throws(KantorError) -> (BarrierLoop?, BarrierLoop.Outcome) {
    let model = try ScaledModel(problem, oracle, hessian: context.hessian)
    let form = try BarrierForm(model, relaxation: min(0.1 * tolerance, 1e-8))
    let loop = try BarrierLoop(form, context)
    guard loop.system.isUsable else { return (nil, .stopped) }
    switch try start.begin(loop) {
    case .fine: return (loop, try loop.run())
    case .undefined: return (nil, .undefinedStart)
    case .stop: return (nil, .stopped)
    }
  }

  /// The start itself, when nothing could be done.
  private func unfinished(
    _ start: BarrierStart, isStart: Bool
  ) throws(KantorError) -> NonlinearProposal {
    var proposal = NonlinearProposal(
      x: start.x, y: try Buffer(count: problem.m), tolerance: tolerance, oracle: oracle)
    proposal.failedAtStart = isStart
    return proposal
  }

  /// All variables are fixed: there is nothing to choose.
  private func fixed(_ start: BarrierStart) throws(KantorError) -> NonlinearProposal {
    var proposal = try unfinished(start, isStart: false)
    let x = try problem.lower.copy()
    proposal.x = x
    let c = try Buffer<Double>(count: problem.m)
    if case .fine = try oracle.constraints(at: x.pointer, into: c.pointer) {
      var isViolated = false
      for i in 0..<problem.m {
        let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
        let out = max(c.pointer[i] - high, 0) - max(low - c.pointer[i], 0)
        c.pointer[i] = out
        if abs(out) > tolerance * max(1, abs(out > 0 ? high : low)) { isViolated = true }
      }
      if isViolated {
        proposal.claim = .infeasible
        proposal.y = c
      }
    }
    proposal.remark = "all variables are fixed"
    return proposal
  }

  private func finish(
    _ loop: BarrierLoop, _ outcome: BarrierLoop.Outcome, _ context: BarrierContext
  ) throws(KantorError) -> NonlinearProposal {
    if outcome == .stopped || outcome == .stuck { loop.takeBest(isStuck: outcome == .stuck) }
    let answer = try BarrierAnswer(loop, weights: outcome == .infeasible ? loop.weights : nil)
    var proposal = NonlinearProposal(
      x: answer.x, y: answer.y, zLower: answer.zLower, zUpper: answer.zUpper,
      tolerance: tolerance, oracle: oracle)
    if outcome == .infeasible || outcome == .unbounded {
      loop.takeBest(isStuck: true)
      let best = try BarrierAnswer(loop, weights: nil)
      proposal.fallback = NonlinearPoint(
        x: best.x, y: best.y, zLower: best.zLower, zUpper: best.zUpper)
    }
    proposal.isDone = outcome == .converged
    switch outcome {
    case .infeasible: proposal.claim = .infeasible
    case .unbounded: proposal.claim = .unbounded
    case .stuck: proposal.remark = "no acceptable step was found"
    default: break
    }
    proposal.figures.add("factorisations", context.factorisations)
    proposal.figures.add("restorations", context.restorations)
    proposal.figures.add("barrier", loop.mu)
    proposal.secondOrder = run.options.flag("second_order")
    proposal.reusable = BarrierReuse(analysis: context.analysis)
    return proposal
  }
}

/// What one solve leaves to the next.
struct BarrierReuse: Sendable {
  let analysis: PatternAnalysis?
}
