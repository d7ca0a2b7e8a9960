import KantorBlocks
import KantorCore

/// Options and outputs that most methods of the engine share.
enum CommonChoices {
  static let tolerance = OptionSpec(
    "tolerance", .real(1e-6, min: 1e-14, max: 1),
    "Largest residual norm(x - prox(x - F(x))) of a solved result, relative to 1 + norm(F(start)).")
  static let iterations = OptionSpec(
    "max_iterations", .int(1_000_000, min: 1, max: .max),
    "Iterations after which the solve stops.")
  static let evaluations = OptionSpec(
    "max_evaluations", .int(.max, min: 1, max: .max),
    "Calls of 'map', and components evaluated by 'batch_map', after which the solve stops.")
  static let step = OptionSpec(
    "step", .real(0, min: 0, max: 1e12),
    "Step size; 0 chooses it from the Lipschitz constant, or from differences of F.")
  static let force = OptionSpec(
    "force", .flag(false), "Takes step sizes for which convergence is not proven.",
    advanced: true)
  static let stops: [OptionSpec] = [tolerance, iterations, evaluations]
  /// Read by `MovableIteration.solve`.
  static func acceleration(_ standard: String = "none") -> [OptionSpec] {
    [
      OptionSpec(
        "acceleration", .text(standard, choices: ["none", "anderson", "newton"]),
        "'anderson': extrapolation of the last points, kept when it lowers the residual; 'newton': "
          + "also steps of Newton's by GMRES, where the residual falls slowly."),
      OptionSpec(
        "memory", .int(10, min: 1, max: 50), "Differences that the extrapolation uses.",
        advanced: true),
    ]
  }

  static let counts: [FieldSpec] = [
    FieldSpec("evaluations", .int, .output, "Evaluations of the whole F."),
    FieldSpec(
      "component_evaluations", .int, .output,
      "Evaluations of single components of a finite sum, those of the whole F included."),
    FieldSpec("prox_evaluations", .int, .output, "Evaluations of prox."),
  ]
  static let extrapolations = FieldSpec(
    "extrapolations", .int, .output, "Extrapolations that were kept.")
  /// Of `MovableIteration.solve`.
  static let accelerated = [
    extrapolations,
    FieldSpec("newton_steps", .int, .output, "Newton's steps that were kept."),
  ]
  static let stepOutput = FieldSpec("step", .real, .output, "The last step size.")

  static let residualGuarantee =
    "A residual norm(x - prox(x - F(x))) of at most the tolerance times 1 + norm(F(start))."
}

/// Slopes of F between nearby points: a first guess of its Lipschitz constant.
enum Probe {
  /// |F(z) - F(z - t F(z))| / |t F(z)| for a small t; nil when the host ends the solve.
  static func lipschitz(
    _ oracle: Oracle, _ z: Buffer<Double>, _ f: Buffer<Double>, _ scratch: Buffer<Double>
  ) throws(KantorError) -> Double? {
    let n = oracle.n
    let size = Vectors.norm(f.pointer, n)
    guard size > 0 else { return 1 }
    let length = 1e-4 * max(1, Vectors.norm(z.pointer, n))
    let u = try Buffer<Double>(count: n)
    defer { withExtendedLifetime(u) {} }
    var t = length / size
    // A shorter probe where F is not defined.
    for _ in 0..<8 {
      for i in 0..<n { u.pointer[i] = z.pointer[i] - t * f.pointer[i] }
      let outcome = try oracle.value(at: u.pointer, into: scratch.pointer)
      if case .stop = outcome { return nil }
      if case .fine = outcome {
        let slope =
          Vectors.distance(scratch.pointer, f.pointer, n)
          / Vectors.distance(u.pointer, z.pointer, n)
        return slope.isFinite && slope > 0 ? slope : 1
      }
      t *= 1e-2
    }
    return 1
  }
}
