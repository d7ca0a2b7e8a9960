import KantorBlocks
import KantorCore

/// **Solves** min f(x) subject to bounds of x and of c(x), for at most 500 variables; f and c
/// smooth, second derivatives not needed.
///
/// **Method** Sequential quadratic programming: a line search on the penalty function along the
/// solutions of quadratic programs, which the dual active-set method of the cone engine solves,
/// each from the working set of the one before.
///
/// **Symbols** B approximates the Hessian W of f + y'c; J = c'(x); v_i the violation of row i; nu_i
/// its penalty; phi = f + sum nu_i v_i.
///
/// **Iteration** 1. d, y minimise g'd + d'Bd/2 subject to the linearised rows and the bounds.
/// 2. nu_i = max(|y_i|, (nu_i + |y_i|)/2). 3. The first a of 1, then shorter by interpolation, for
/// which phi(x + a d) <= phi(x) + 1e-4 a D, with D = g'd - sum nu_i v_i; when a = 1 fails, the
/// program is solved once more with c(x + d) - J d in place of c. 4. x += a d; B takes Powell's
/// damped BFGS update, or is W made positive definite. When the linearised rows contradict each
/// other, or no a is found at an infeasible point, steps minimise the violation until they agree.
///
/// **Stops when** stationarity, violation and complementarity with the program's multipliers are
/// within the tolerance; the violation is stationary and not zero; or f falls without end.
///
/// **Guarantee** Limits of bounded multipliers and B satisfy the first-order conditions, or are
/// stationary for the violation; with W, locally quadratic. The checker judges the end.
///
/// **Cost** One f and c for each trial, one gradient and Jacobian for each iteration; n^3 plus
/// n^2 + m n for each change of the working set; no memory after the start.
///
/// **Reference** powell1978fast; kraft1988slsqp; fletcher2002global.
///
/// Deviation: W becomes positive definite by multiples of the working set's rows first, which
/// leave the solution as it is, and by a diagonal only after that. Inconsistent programs lead to
/// a phase that restores feasibility instead of one relaxed by a single variable. Where no step is
/// left, and before a problem is called infeasible, the barrier method starts anew.
public enum SQP: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "sqp", kind: NonlinearKind.kind.name,
    summary: "Sequential quadratic programming for small dense problems and for sequences of them.",
    source: "M. J. D. Powell, A fast algorithm for nonlinearly constrained optimization "
      + "calculations (1978); D. Kraft, A software package for sequential quadratic programming "
      + "(1988)",
    guarantee: "Stationarity, violation and complementarity within the tolerance, scaled.",
    options: options, outputs: NonlinearOutputs.certificate + NonlinearOutputs.common + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    NonlinearOptions.tolerance, NonlinearOptions.evaluations, NonlinearOptions.iterations(1000),
    NonlinearOptions.secondOrder,
    OptionSpec(
      "hessian", .text("auto", choices: ["auto", "exact", "bfgs"]),
      "The matrix of the programs: the functions' Hessian, or BFGS updates; auto takes the "
        + "Hessian if there is one."),
    OptionSpec(
      "rescue", .flag(true),
      "Let the barrier method try from the start, within the same limits, where no step is left."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("programs", .int, .output, "Quadratic programs that were solved."),
    FieldSpec("working_set_changes", .int, .output, "Changes of the working set in all of them."),
    FieldSpec(
      "restorations", .int, .output, "Times that the linearised constraints had no solution."),
  ]

  /// Between two looks at the clock lies at most a factorisation of this size.
  static let mostVariables = 500

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    guard problem.n <= mostVariables else {
      throw KantorError(
        .unsupported,
        "'sqp' takes at most \(mostVariables) variables, these are \(problem.n); "
          + "'interior_point' takes more")
    }
    return try SQPSolve(problem, run).propose()
  }
}

/// The working set and B of a finished solve, for the next one.
struct SQPReuse: Sendable {
  let active: [Int32]
  let hessian: Buffer<Double>
}
