import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min 1/2 sum_i s^2 rho((r_i(x) / s)^2) subject to l <= x <= u; with rho(z) = z, the
/// system of equations r(x) = 0 where it has a solution.
///
/// **Method** Levenberg and Marquardt's: the linear model of r, with a damping that tends to 0 with
/// the residual and the gradient as Hölder metric subregularity asks, so that no inverse of J'J has
/// to exist at the solution. A step is taken when the cost falls by a part of what the model
/// promised; else the damping grows.
///
/// **Symbols** h = r residuals; J Jacobian, rows weighted for rho; g = J'r; mu damping; xi, omega
/// weights of residual and gradient in it, eta their exponent; lambda its adaptive factor; D sizes
/// of the columns of J; F the free variables.
///
/// **Iteration**
/// 1. F: all variables but those at a bound to which -g points.
/// 2. mu = lambda (xi (|r| / |r_0|)^eta + omega (|D^-1 g| / |D_0^-1 g_0|)^eta).
/// 3. d = argmin |J d + r|^2 + mu |D d|^2 over d_F; those that leave the bounds are put there and
///    leave F, until none does.
/// 4. rho_k = (cost(x) - cost(x + d)) / (model(0) - model(d)). rho_k > 1e-4: x <- x + d, and lambda
///    falls by up to 5; else lambda grows by 2, 4, 8, ...
///
/// **Stops when** the scaled gradient, largest |D_j step_j| / |r| with step the projected step
/// -g_j / D_j^2, is at most `tolerance`, or the residuals are so small beside their terms
/// (`residual_tolerance`) that x cannot be told from a root.
///
/// **Guarantee** Every limit point is stationary for Lipschitz J. If the distance to the roots is
/// at most a multiple of |r|^delta near a root, convergence is of an order above 1 that depends on
/// delta and eta; quadratic for delta = 1 and eta in [1, 2]. The checker computes residuals and
/// scaled gradient anew on the caller's functions.
///
/// **Cost** One Jacobian per iteration, one call of the residuals per step that is tried; m n^2/2 +
/// n^3/6 multiplications for dense J (2 (m + n) n^2 by reflections), a sparse factor of order m +
/// n, or some products.
///
/// **Reference** ahookhosh2019local; ahookhosh2020finding; more1978levenberg;
/// triggs2000bundle.
///
/// Deviation: columns are scaled, and residual and gradient enter mu relative to their sizes at the
/// start, so that neither units of x nor of r matter; lambda adapts mu where the rate needs only
/// its order. Bounds and losses are not in the paper.
public enum LevenbergMarquardt {
  public static let spec = MethodSpec(
    name: "levenberg_marquardt", kind: LeastSquaresKind.kind.name,
    summary: "Levenberg-Marquardt with damping for singular solutions, bounds and robust losses.",
    source: "M. Ahookhosh, F. J. Aragon Artacho, R. M. T. Fleming, P. T. Vuong, Local convergence "
      + "of the Levenberg-Marquardt method under Hölder metric subregularity (2019)",
    guarantee: "Scaled projected gradient within the tolerance, or residuals that cannot be told "
      + "from 0 at the precision of x.",
    options: options, outputs: LeastSquaresOutputs.all, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-8, min: 1e-14, max: 1),
      "Largest scaled gradient of a solved result: the cosine between the residuals and a column "
        + "of the Jacobian."),
    OptionSpec(
      "residual_tolerance", .real(1e-12, min: 0, max: 1),
      "Residuals below this part of the terms they are made of count as 0."),
    OptionSpec(
      "max_iterations", .int(1000, min: 0, max: .max), "Iterations after which the solve stops."),
    OptionSpec(
      "max_evaluations", .int(.max, min: 1, max: .max),
      "Most calls of map, those for finite differences included."),
    OptionSpec(
      "exponent", .real(1, min: 1e-3, max: 2), "eta: power of residual and gradient in mu.",
      advanced: true),
    OptionSpec(
      "residual_weight", .real(0.5, min: 0, max: 1e6), "xi: weight of the residual in mu.",
      advanced: true),
    OptionSpec(
      "gradient_weight", .real(0.5, min: 0, max: 1e6), "omega: weight of the gradient in mu.",
      advanced: true),
    OptionSpec(
      "damping", .real(1e-2, min: 1e-12, max: 1e12), "lambda at the start.", advanced: true),
    OptionSpec(
      "linear_algebra", .text("auto", choices: ["auto", "normal", "orthogonal"]),
      "Dense steps by Cholesky's factor of the normal equations, by Householder reflections, or by "
        + "the first while it is accurate enough.", advanced: true),
  ]

  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? LeastSquaresProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind least_squares")
      }
      let proposal = try LevenbergMarquardtSolve(problem, run).propose()
      return try LeastSquaresResult.make(spec, problem, proposal, run)
    }
  }
}

/// What a method for least squares proposes.
struct LeastSquaresProposal {
  var x: Buffer<Double>
  /// Why there is nothing but the start: a residual that could not be evaluated.
  var failure: String?
  var tolerance: Double
  var residualTolerance: Double
  var figures: ResultFields
}
