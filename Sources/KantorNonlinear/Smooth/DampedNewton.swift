import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x), f twice differentiable; made for convex f.
///
/// **Method** Newton's with a step length in closed form: the minimiser along the Newton direction
/// of a bound on f that follows from Hölder continuity of the second or third derivative in the
/// local norm, so that the method does not depend on the choice of coordinates.
///
/// **Symbols** g gradient; H Hessian; N = H^-1 g; nu = (g'N)^(1/2) the Newton decrement; p the
/// `order`, 3 for Lipschitz second and 4 for Lipschitz third derivatives; sigma the strength of the
/// bound; a the step length.
///
/// **Iteration**
/// 1. N = H^-1 g, nu^2 = g'N.
/// 2. a in (0, 1] with 1 - a = sigma a^(p - 1) nu^(p - 2), which minimises
///    -a nu^2 + a^2 nu^2 / 2 + sigma (a nu)^p / p.
/// 3. f(x - a N) <= f(x) - a nu^2 / 4: x <- x - a N, sigma <- sigma / 4; else sigma grows by 2, 4,
///    8, ...
///
/// **Stops when** the largest entry of g, over max(1, that), is at most `tolerance`.
///
/// **Guarantee** For convex f with a bound of order p in the local norm: f(x_k) - f* = O(k^-(p-1)),
/// O(k^-3) by default, which is near the best that second-order methods can do; quadratic
/// convergence in the end, as a tends to 1.
///
/// **Cost** One Hessian and one factorisation per iteration, one value per step length tried.
///
/// **Reference** hanzely2024damped.
///
/// Deviation: sigma is found by trial; where H is not positive definite a multiple of I is added,
/// which is not in the paper, as its functions are convex.
public enum DampedNewton: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "damped_newton", kind: NonlinearKind.kind.name,
    summary: "Affine-invariant Newton method with the near-optimal O(k^-3) step lengths.",
    source: "S. Hanzely, F. Abdukhakimov, M. Takac, Damped Newton method with near-optimal global "
      + "O(k^-3) convergence rate (2024)",
    guarantee: "Scaled gradient within the tolerance; a minimum where f is convex.",
    options: options, outputs: SmoothOutputs.all + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] =
    SmoothOptions.shared(iterations: 1000) + [
      OptionSpec(
        "order", .real(4, min: 2.1, max: 4),
        "p: 3 for Lipschitz second derivatives, 4 for Lipschitz third ones.", advanced: true),
      OptionSpec(
        "bound", .real(1, min: 1e-12, max: 1e12), "sigma at the start.", advanced: true),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("factorisations", .int, .output, "Factorisations of the Hessian.")
  ]

  private static let mostTrials = 60
  private static let leastBound = 1e-12

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try SmoothIterate.check(problem, spec.name)
    let iterate = try SmoothIterate(problem, run)
    try ShiftedHessian.check(iterate.oracle, spec.name)
    let system = try ShiftedHessian(iterate)
    let p = run.options.real("order")
    var sigma = run.options.real("bound")
    if try iterate.begin() {
      while try iterate.goesOn() {
        guard try system.evaluate(), try system.step(lambda: 0) != nil,
          try advance(iterate, p, &sigma)
        else { break }
      }
    }
    iterate.show("factorisations", system.factorisations)
    return try iterate.propose()
  }

  /// Shortens the Newton step that the iterate holds until f falls enough.
  private static func advance(
    _ iterate: SmoothIterate, _ p: Double, _ sigma: inout Double
  ) throws(KantorError) -> Bool {
    let n = iterate.n
    let square = -dotProduct(iterate.gradient.pointer, iterate.step.pointer, n)
    guard square > 0, square.isFinite else { return false }
    let nu = square.squareRoot()
    sigma = max(leastBound, sigma / 4)
    var (whole, growth) = (1.0, 2.0)
    for _ in 0..<mostTrials {
      let a = length(sigma * pow(nu, p - 2), p)
      for j in 0..<n { iterate.step.pointer[j] *= a / whole }
      whole = a
      if iterate.isStuck { return false }
      guard let f = try iterate.trial() else { return false }
      let slack = SmoothIterate.rounding * abs(iterate.value)
      if f <= iterate.value - 0.25 * a * square + slack {
        guard let taken = try iterate.accept() else { return false }
        if taken { return true }
      }
      sigma *= growth
      growth *= 2
    }
    return false
  }

  /// The root of 1 - a = c a^(p - 1) in (0, 1], by Newton's method from the right, where the
  /// difference is concave: it never passes the root.
  static func length(_ c: Double, _ p: Double) -> Double {
    var a = min(1, pow(1 / max(c, 1e-300), 1 / (p - 1)))
    for _ in 0..<60 {
      let power = pow(a, p - 2)
      let next = a - (c * a * power + a - 1) / (c * (p - 1) * power + 1)
      guard next < a, next > 0 else { break }
      a = next
    }
    return a
  }
}
