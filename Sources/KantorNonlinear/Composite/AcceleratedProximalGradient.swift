import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x) + g(x), f with a Lipschitz gradient, g with a proximal map.
///
/// **Method** Steps along the gradient of f at a point that is ahead of the iterates, followed by
/// the proximal map of g. The lead grows with time, and is taken back when it points uphill.
///
/// **Symbols** L estimate of the Lipschitz constant; y the point ahead; t its clock; P_s the
/// proximal map of g with step s.
///
/// **Iteration**
/// 1. x+ = P_{1/L}(y - f'(y)/L); L doubles until f(x+) <= f(y) + f'(y)'(x+ - y) + L |x+ - y|^2/2.
/// 2. t+ = (1 + sqrt(1 + 4 t^2))/2, y+ = x+ + ((t - 1)/t+)(x+ - x).
/// 3. If (y - x+)'(x+ - x) > 0 the clock starts again, y+ = x+, and L falls by 2.
///
/// **Stops when** the largest entry of x - P_1(x - f'(x)), over max(1, largest |f'(x)|), is at most
/// `tolerance`.
///
/// **Guarantee** For convex f the gap is O(1/k^2) until the first restart; linear convergence with
/// the root of the condition number where f + g grows quadratically. For f that is not convex,
/// steps that raise f + g are taken again without the lead, so that limit points are stationary.
///
/// **Cost** One gradient and one value of f, and one proximal map, per iteration; one more of each
/// for the test of convergence where the lead is not 0.
///
/// **Reference** beck2009fast; odonoghue2015adaptive.
///
/// Deviation: L falls at restarts; where values of f agree to rounding, gradients decide about L.
public enum AcceleratedProximalGradient {
  public static let spec = MethodSpec(
    name: "accelerated_proximal_gradient", kind: CompositeKind.kind.name,
    summary: "Accelerated proximal gradient method with adaptive restarts and steps.",
    source: "A. Beck, M. Teboulle, A fast iterative shrinkage-thresholding algorithm (2009); B. "
      + "O'Donoghue, E. Candes, Adaptive restart for accelerated gradient schemes (2015)",
    guarantee: "Scaled proximal-gradient residual within the tolerance; a minimum where f is "
      + "convex.",
    options: options, outputs: CompositeOutputs.all, usesWarmStart: true, hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-8, min: 1e-14, max: 1),
      "Largest scaled residual x - P(x - f'(x)) of a solved result."),
    OptionSpec(
      "max_iterations", .int(100_000, min: 0, max: .max),
      "Iterations after which the solve stops."),
    OptionSpec(
      "max_evaluations", .int(.max, min: 1, max: .max),
      "Most calls of value and value_gradient together; exact."),
    OptionSpec("restart", .flag(true), "Start the clock again where the lead points uphill."),
    OptionSpec(
      "curvature", .real(1, min: 1e-300, max: 1e300), "L at the start.", advanced: true),
  ]

  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? CompositeProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind composite")
      }
      let solve = try CompositeSolve(problem, run)
      return try CompositeResult.make(spec, problem, try solve.propose(), run)
    }
  }
}

/// What a method for composite problems proposes.
struct CompositeProposal {
  var x: Buffer<Double>
  /// What could not be evaluated at the start.
  var failure: String?
  var tolerance: Double
  var figures: ResultFields
}
