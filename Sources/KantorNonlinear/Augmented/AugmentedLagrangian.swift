import KantorBlocks
import KantorCore

/// **Solves** min f(x) subject to bounds of x and of c(x), also where constraint qualifications
/// fail and with many rows; products with derivatives are enough.
///
/// **Method** The safeguarded augmented Lagrangian method: a sequence of problems with bounds
/// only, each minimised approximately from the solution of the one before.
///
/// **Symbols** C the box of the rows' bounds; y multipliers; rho the penalty; p = t - proj_C(t) at
/// t = c(x) + y/rho; A(x) = f + rho |p|^2 / 2; V = max |c - proj_C(c + y/rho)|, which is
/// violation and complementarity in one.
///
/// **Iteration** 1. x: minimise A over the bounds until its projected gradient is eps. 2. y is
/// rho p, clipped to 1e16. 3. From the residual of the optimality conditions at which it was last
/// in vain, times 0.3: Newton's steps for those conditions, each a step of 1 with a penalty that
/// leaves next to nothing of the rows, as long as each halves the residual. 4. rho grows tenfold
/// if V is not a quarter. 5. eps = max(tolerance, min(eps / 2, V / 10)). Inner steps: the minimum
/// of A with f quadratic and the rows linear, their sides kept (`PiecewiseStep`), by Cholesky's
/// factorisation of W + rho J'J for up to 300 variables, W the Hessian of f + (rho p)'c or its
/// symmetric rank-one approximation; by conjugate gradients with products for more; by
/// limited-memory BFGS without second derivatives. Where only the bend of the rows spoils a step,
/// one with their values at its end.
///
/// **Stops when** stationarity, violation and complementarity are within the tolerance; when rho
/// grew past 1e14, or past 1e8 with a violation that is stationary.
///
/// **Guarantee** Every limit is stationary for the violation; a feasible one at which multipliers
/// exist and the constant positive linear dependence condition holds satisfies the first-order
/// conditions. The checker judges the end.
///
/// **Cost** One f and c for each trial; one gradient and Jacobian, or one transposed product, for
/// each inner iteration; memory for n^2, or for products some vectors.
///
/// **Reference** birgin2014practical; andreani2007augmented; birgin2008improving (step 3).
///
/// Deviation: Bertsekas' rule tells which variables bounds hold; rho does not grow when the inner
/// solver stopped at rounding level, because that would only make rounding worse. Step 3 keeps
/// inequalities as they are where the source takes those that count for equations.
public enum AugmentedLagrangian: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "augmented_lagrangian", kind: NonlinearKind.kind.name,
    summary: "Safeguarded augmented Lagrangian: many rows, failing constraint qualifications, "
      + "products in place of matrices.",
    source: "R. Andreani, E. G. Birgin, J. M. Martínez, M. L. Schuverdt, On augmented Lagrangian "
      + "methods with general lower-level constraints (2007)",
    guarantee: "Stationarity, violation and complementarity within the tolerance, scaled.",
    options: options, outputs: NonlinearOutputs.certificate + NonlinearOutputs.common + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    NonlinearOptions.tolerance, NonlinearOptions.evaluations,
    NonlinearOptions.iterations(10_000), NonlinearOptions.secondOrder,
    OptionSpec(
      "inner", .text("auto", choices: ["auto", "newton", "cg", "lbfgs"]),
      "How the bound-constrained problems are solved; auto: newton for up to 300 variables, else "
        + "cg where there are second derivatives, else lbfgs."),
    OptionSpec(
      "penalty", .real(0, min: 0, max: 1e10), "First rho; 0 finds one from f and the violation."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("outer_iterations", .int, .output, "Updates of the multipliers."),
    FieldSpec("penalty", .real, .output, "The last rho, for f and rows as scaled."),
    FieldSpec("cg_iterations", .int, .output, "Products of the conjugate gradient method."),
  ]

  /// Variables up to which matrices are factored unless an option asks for more.
  static let mostForNewton = 300

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try AugmentedSolve(problem, run).propose()
  }
}
