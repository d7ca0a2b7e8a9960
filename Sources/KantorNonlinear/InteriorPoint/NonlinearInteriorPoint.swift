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
/// 1. While the error of the barrier problem is at most 10 mu, mu falls to min(0.2 mu, mu^1.5).
/// 2. Factor [W + Sigma + w I, J'; J, -c I]; w and c rise until there are as many negative
///    eigenvalues as rows.
/// 3. Newton step for the barrier problem; a_max is 1 - tau short of the boundary.
/// 4. Backtrack until a trial point is acceptable to the filter: phi or theta fall enough. The full
///    step gets up to four second-order corrections.
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
/// **Reference** waechter2006implementation.
///
/// Deviation: bounds of x are not relaxed, so that no function is evaluated outside them; those of
/// rows are, by a tenth of the tolerance. Slacks are eliminated from the system. Without second
/// derivatives W is a damped BFGS matrix, and differences of gradients when that gets stuck; in
/// sparse systems the compact form of the last steps.
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
    try BarrierSolve(problem, run).propose()
  }
}

/// One solve.
struct BarrierSolve {
  private let problem: NonlinearProblem
  private let run: Run
  private let oracle: NonlinearOracle
  private let tolerance: Double

  init(_ problem: NonlinearProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    tolerance = run.options.real("tolerance")
    oracle = try NonlinearOracle(problem, run, scheme: .forward)
  }

  private func source() throws(KantorError) -> HessianSource {
    let offers = oracle.offersHessian || oracle.offersHessianProduct
    switch run.options.text("hessian") {
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
    let context = BarrierContext(
      run, tolerance: tolerance, hessian: hessian,
      mayDifference: run.options.text("hessian") == "auto")
    context.analysis = (run.start.reusable as? BarrierReuse)?.analysis
    let model = try ScaledModel(problem, oracle, hessian: hessian)
    let start = try BarrierStart(problem, run)
    guard model.count > 0 else { return try fixed(start) }
    let form = try BarrierForm(model, relaxation: min(0.1 * tolerance, 1e-8))
    let loop = try BarrierLoop(form, context)
    guard loop.system.isUsable else { return try unfinished(start, isStart: false) }
    let begun = try start.begin(loop, run)
    switch begun {
    case .fine: break
    case .undefined: return try unfinished(start, isStart: true)
    case .stop: return try unfinished(start, isStart: false)
    }
    let outcome = try loop.run()
    return try finish(loop, outcome, context)
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
  let analysis: BarrierAnalysis?
}
