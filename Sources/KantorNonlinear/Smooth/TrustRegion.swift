import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x), f twice differentiable, not necessarily convex.
///
/// **Method** Newton's in a ball: the step minimises the quadratic model of f where the model has
/// earned trust. With a dense Hessian of few hundred variables the model is minimised to 1 %, hard
/// case included; else by conjugate gradients, of which only products with the Hessian are needed.
///
/// **Symbols** g gradient; H Hessian; d step; Delta radius of the ball; rho how much of the
/// promised decrease came.
///
/// **Iteration**
/// 1. d nearly minimises g'd + d'Hd/2 over |d| <= Delta.
/// 2. rho = (f(x) - f(x + d)) / -(g'd + d'Hd/2).
/// 3. rho > 1e-4: x <- x + d. rho < 1/4: Delta <- |d|/4; rho > 3/4 with d at the boundary:
///    Delta <- 2 Delta.
///
/// **Stops when** the largest entry of g, over max(1, that), is at most `tolerance`.
///
/// **Guarantee** Gradients tend to 0 for f bounded below with a continuous Hessian; limit points
/// satisfy the second-order necessary condition when the model is minimised exactly. Quadratic
/// convergence (superlinear with conjugate gradients) where H is positive definite at the limit.
///
/// **Cost** One Hessian and some three factorisations, or some products, per iteration.
///
/// **Reference** more1983computing; steihaug1983conjugate; conn2000trust.
///
/// Deviation: decreases are compared with the rounding of f added to both, so that the last steps
/// are not refused.
public enum TrustRegion: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "trust_region", kind: NonlinearKind.kind.name,
    summary: "Newton's method in a trust region, exact for dense Hessians, else by products.",
    source: "J. J. More, D. C. Sorensen, Computing a trust region step (1983); T. Steihaug, The "
      + "conjugate gradient method and trust regions in large scale optimization (1983)",
    guarantee: "Scaled gradient within the tolerance.",
    options: options, outputs: SmoothOutputs.all,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] =
    SmoothOptions.shared(iterations: 10_000) + [
      OptionSpec(
        "subproblem", .text("auto", choices: ["auto", "exact", "truncated"]),
        "exact: by factorisations of a dense Hessian; truncated: by conjugate gradients; auto: "
          + "exact for dense Hessians of at most 500 variables."),
      OptionSpec(
        "radius", .real(1, min: 1e-12, max: 1e12), "Delta at the start.", advanced: true),
      OptionSpec(
        "max_radius", .real(1e20, min: 1e-12, max: 1e300), "Largest Delta.", advanced: true),
    ]

  private static let mostExact = 500
  private static let leastRatio = 1e-4

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try SmoothIterate.check(problem, spec.name)
    let iterate = try SmoothIterate(problem, run)
    try ShiftedHessian.check(iterate.oracle, spec.name)
    let isExact = try usesFactors(problem, run)
    var radius = run.options.real("radius")
    let model = try TrustModel(iterate, isExact: isExact)
    if try iterate.begin() {
      while try iterate.goesOn() {
        guard try model.renew(), try advance(iterate, model, &radius) else { break }
      }
    }
    return try iterate.propose()
  }

  private static func usesFactors(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> Bool {
    let isDense = problem.hessianPattern == nil
    switch run.options.text("subproblem") {
    case "truncated": return false
    case "exact":
      guard isDense else {
        throw KantorError(
          .unsupported, "option 'subproblem': 'exact' is for dense Hessians; this has a pattern")
      }
      return true
    default:
      // A host with products and no matrix wants no matrix made.
      return isDense && problem.n <= mostExact
        && (problem.functions.hessian != nil || problem.functions.hessianProduct == nil)
    }
  }

  private static func advance(
    _ iterate: SmoothIterate, _ model: TrustModel, _ radius: inout Double
  ) throws(KantorError) -> Bool {
    let top = iterate.run.options.real("max_radius")
    while true {
      guard let promised = try model.step(radius: radius) else { return false }
      let size = dotProduct(iterate.step.pointer, iterate.step.pointer, iterate.n).squareRoot()
      guard size > 0, !iterate.isStuck, promised.isFinite else { return false }
      guard let f = try iterate.trial() else { return false }
      let slack = 10 * Double.ulpOfOne * max(1, abs(iterate.value))
      let ratio = (iterate.value - f + slack) / (promised + slack)
      var taken = false
      if ratio > leastRatio {
        guard let answer = try iterate.accept() else { return false }
        taken = answer
      }
      if !taken || ratio < 0.25 {
        radius = 0.25 * size
      } else if ratio > 0.75, size > 0.9 * radius {
        radius = min(top, 2 * radius)
      }
      if taken { return true }
    }
  }
}

/// The quadratic model at an iterate, by either way.
private final class TrustModel {
  private let iterate: SmoothIterate
  private let system: ShiftedHessian?
  private let exact: ExactSubproblem?
  private let truncated: TruncatedSubproblem
  private let image: Buffer<Double>

  init(_ iterate: SmoothIterate, isExact: Bool) throws(KantorError) {
    self.iterate = iterate
    system = isExact ? try ShiftedHessian(iterate) : nil
    if let system { exact = try ExactSubproblem(system) } else { exact = nil }
    truncated = try TruncatedSubproblem(iterate)
    image = try Buffer(count: iterate.n)
  }

  /// The Hessian at the iterate, where a matrix is wanted.
  func renew() throws(KantorError) -> Bool {
    if let system { return try system.evaluate() }
    guard iterate.oracle.offersHessian, !iterate.oracle.offersHessianProduct else { return true }
    let outcome = try iterate.oracle.hessian(
      at: iterate.x.pointer, sigma: 1, y: iterate.none.pointer)
    if case .fine = outcome { return true }
    return false
  }

  /// The step, and the decrease it promises; nil when there is none.
  func step(radius: Double) throws(KantorError) -> Double? {
    let (n, d, q) = (iterate.n, iterate.step.pointer, image.pointer)
    if let exact, let system {
      guard try exact.solve(radius: radius) else { return nil }
      for j in 0..<n { q[j] = 0 }
      system.multiply(d, into: q)
    } else {
      guard try truncated.solve(radius: radius) else { return nil }
      let outcome = try iterate.oracle.hessianProduct(
        at: iterate.x.pointer, sigma: 1, y: iterate.none.pointer, times: d, into: q)
      guard case .fine = outcome else { return nil }
    }
    return -dotProduct(iterate.gradient.pointer, d, n) - 0.5 * dotProduct(d, q, n)
  }
}
