import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x), f differentiable, with a symmetric matrix H(x) that approximates its
/// Hessian.
///
/// **Method** Newton's with a multiple of the identity added that is proportional to the gradient
/// and needs no constant: how far the linear model of the gradient can be believed, relative to the
/// gradient, is what adapts. The matrix that the functions give as the Hessian may be any
/// approximation of it, such as a Gauss-Newton or a Fisher matrix.
///
/// **Symbols** g gradient; H the matrix; gamma the gradient-normalised smoothness, a length; lambda
/// = |g| / gamma.
///
/// **Iteration**
/// 1. (H + lambda I) d = -g, lambda = |g| / gamma.
/// 2. f(x) - f(x + d) >= |g(x + d)|^2 / (8 lambda): x <- x + d, gamma <- 2 gamma.
///    Else gamma <- gamma / 2, and again.
///
/// **Stops when** the largest entry of g, over max(1, that), is at most `tolerance`.
///
/// **Guarantee** Without knowing which case holds: for convex f with Lipschitz second derivatives
/// and the exact Hessian f(x_k) - f* = O(k^-2), for quasi-self-concordant f linear convergence,
/// with H = 0 or any bounded H the O(1/k) of gradient descent; superlinear convergence in the end
/// for exact H that is positive definite at the solution.
///
/// **Cost** One H per iteration, one factorisation, value and gradient per trial.
///
/// **Reference** semenov2025gradient.
///
/// Deviation: lambda grows until H + lambda I is positive definite where f is not convex.
public enum RegularisedNewton: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "regularised_newton", kind: NonlinearKind.kind.name,
    summary: "Gradient-regularised Newton method for exact and approximate Hessians.",
    source: "A. Semenov, M. Jaggi, N. Doikov, Gradient-normalized smoothness for optimization with "
      + "approximate Hessians (2025)",
    guarantee: "Scaled gradient within the tolerance; a minimum where f is convex.",
    options: options, outputs: SmoothOutputs.all
      + DampedNewton.outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] =
    SmoothOptions.shared(iterations: 1000) + [
      OptionSpec(
        "smoothness", .real(1, min: 1e-12, max: 1e12), "gamma at the start.", advanced: true)
    ]

  private static let mostTrials = 60
  private static let leastSmoothness = 1e-14
  private static let mostSmoothness = 1e20

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try SmoothIterate.check(problem, spec.name)
    let iterate = try SmoothIterate(problem, run)
    try ShiftedHessian.check(iterate.oracle, spec.name)
    let system = try ShiftedHessian(iterate)
    var gamma = run.options.real("smoothness")
    if try iterate.begin() {
      while try iterate.goesOn() {
        guard try system.evaluate(), try advance(iterate, system, &gamma) else { break }
      }
    }
    iterate.show("factorisations", system.factorisations)
    return try iterate.propose()
  }

  private static func advance(
    _ iterate: SmoothIterate, _ system: ShiftedHessian, _ gamma: inout Double
  ) throws(KantorError) -> Bool {
    let size = iterate.gradientNorm
    for _ in 0..<mostTrials {
      guard let lambda = try system.step(lambda: size / gamma) else { return false }
      if iterate.isStuck { return false }
      guard let f = try iterate.trialWithGradient() else { return false }
      if f.isFinite {
        let square = dotProduct(
          iterate.newGradient.pointer, iterate.newGradient.pointer, iterate.n)
        let slack = SmoothIterate.rounding * abs(iterate.value)
        if iterate.value - f + slack >= square / (8 * lambda) {
          guard try iterate.accept() != nil else { return false }
          gamma = min(mostSmoothness, 2 * gamma)
          return true
        }
      }
      // lambda may have been raised for definiteness.
      gamma = max(leastSmoothness, 0.5 * min(gamma, size / lambda))
    }
    return false
  }
}
