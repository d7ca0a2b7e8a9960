import KantorCore
import KantorNumerics

/// Turns points of bilinear problems and of matrix games into results.
enum BilinearResult {
  static func make(
    _ spec: MethodSpec, _ problem: BilinearProblem, _ point: BilinearPoint, _ run: Run,
    claim: (kind: RaySearch.Claim, ray: Buffer<Double>)? = nil, steps: ResultFields = ResultFields()
  ) throws(KantorError) -> Result {
    if let claim { return try ray(spec, problem, claim.kind, claim.ray, run, steps) }
    let tolerance = run.options.real("tolerance")
    let found = try BilinearCheck(problem).certify(point.x, point.y)
    let status = Status.judge(
      worst: found.worst, tolerance: tolerance, stop: run.monitor.stop,
      inaccurate: BilinearCheck.inaccurate)
    var fields = ResultFields()
    fields.add("objective", found.upper)
    fields.certify("dual_objective", found.lower)
    fields.certify("gap", found.gap)
    fields.certify("relative_gap", found.relativeGap)
    fields.certify("violation", found.violation)
    fields.certify("relative_violation", found.relativeViolation)
    fields.certify("dual_violation", found.dualViolation)
    fields.certify("relative_dual_violation", found.relativeDualViolation)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(steps)
    fields.add(
      "message",
      "\(status.name): gap \(shortText(found.relativeGap)), violation "
        + "\(shortText(found.relativeViolation)), dual violation "
        + "\(shortText(found.relativeDualViolation)), all relative, tolerance "
        + "\(shortText(tolerance)), \(run.monitor.iterations) iterations")
    fields.add("x", Tensor(point.x))
    fields.add("y", Tensor(point.y))
    return Result(spec: spec, status: status, fields: fields)
  }

  /// Of a problem that is said to have no saddle point.
  private static func ray(
    _ spec: MethodSpec, _ problem: BilinearProblem, _ claim: RaySearch.Claim,
    _ direction: Buffer<Double>, _ run: Run, _ steps: ResultFields
  ) throws(KantorError) -> Result {
    let isDual = claim == .infeasible
    let check = BilinearCheck(problem)
    let found = try isDual ? check.infeasible(direction) : check.unbounded(direction)
    let claimed: Status = isDual ? .infeasible : .unbounded
    let status = found.holds ? claimed : run.monitor.stop ?? .numericalError
    var fields = ResultFields()
    fields.add(
      "objective", found.holds ? (isDual ? Double.infinity : -Double.infinity) : .nan)
    fields.certify("radius", found.radius)
    fields.certify("advantage", found.advantage)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(steps)
    fields.add(
      "message",
      isDual
        ? "\(status.name): along ray_dual the payoff of y grows without end, for every x up to the "
          + "size \(shortText(found.radius))"
        : "\(status.name): along ray_primal the cost of x falls without end, for every y up to the "
          + "size \(shortText(found.radius))")
    fields.add(isDual ? "ray_dual" : "ray_primal", Tensor(found.ray ?? direction))
    return Result(spec: spec, status: status, fields: fields)
  }

  static func make(
    _ spec: MethodSpec, _ problem: MatrixGameProblem, _ p: Buffer<Double>, _ q: Buffer<Double>,
    _ run: Run, steps: ResultFields = ResultFields()
  ) throws(KantorError) -> Result {
    let tolerance = run.options.real("tolerance")
    let isFine = [p, q].map(MatrixGameCheck.normalise)
    let found = try MatrixGameCheck(problem).certify(p, q)
    let status = Status.judge(
      worst: found.relativeGap, tolerance: tolerance,
      stop: run.monitor.stop ?? (isFine.contains(false) ? .numericalError : nil),
      inaccurate: MatrixGameCheck.inaccurate)
    var fields = ResultFields()
    fields.add("objective", 0.5 * found.lower + 0.5 * found.upper)
    fields.certify("lower", found.lower)
    fields.certify("upper", found.upper)
    fields.certify("gap", found.gap)
    fields.certify("relative_gap", found.relativeGap)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.append(steps)
    fields.add(
      "message",
      "\(status.name): the value lies between \(shortText(found.lower)) and "
        + "\(shortText(found.upper)); gap \(shortText(found.relativeGap)) of the range of payoffs, "
        + "tolerance \(shortText(tolerance)), \(run.monitor.iterations) iterations")
    fields.add("row_strategy", Tensor(p))
    fields.add("column_strategy", Tensor(q))
    fields.add("row_payoffs", Tensor(found.rowPayoffs))
    fields.add("column_payoffs", Tensor(found.columnPayoffs))
    return Result(spec: spec, status: status, fields: fields)
  }
}

/// Options and outputs that methods for bilinear problems and for matrix games share.
enum BilinearOutputs {
  static let guarantee =
    "A duality gap, and violations of the domains of g, h and their conjugates, within the "
    + "tolerance, all relative."
  static let gameGuarantee =
    "Strategies that prove the value of the game within the tolerance times the range of payoffs."

  static let tolerance = OptionSpec(
    "tolerance", .real(1e-6, min: 1e-13, max: 1),
    "Largest relative gap and violation of a solved result.")
  static let iterations = OptionSpec(
    "max_iterations", .int(1_000_000, min: 1, max: .max),
    "Iterations after which the solve stops.")
  static let options = [tolerance, iterations]
  /// With those that `PrimalDualLoop` reads.
  static let accelerated =
    options + [
      OptionSpec(
        "acceleration", .text("anderson", choices: ["none", "anderson"]),
        "Anderson's extrapolation of the last steps, kept when it makes them shorter."),
      OptionSpec(
        "memory", .int(10, min: 1, max: 50), "Differences that the extrapolation uses.",
        advanced: true),
    ]

  static let restarts = FieldSpec("restarts", .int, .output, "Restarts of the iteration.")

  static let fields: [FieldSpec] =
    certificate + [
      FieldSpec("x", .array, .output, shape: "(n,)", "The minimising point."),
      FieldSpec("y", .array, .output, shape: "(m,)", "The maximising point."), restarts,
      FieldSpec(
        "ray_dual", .array, .output, shape: "(m,)",
        "Infeasible problems: a direction of y along which the maximum grows without end for every "
          + "x, by 1 each unit."),
      FieldSpec(
        "ray_primal", .array, .output, shape: "(n,)",
        "Unbounded problems: a direction of x along which the minimum falls without end for every "
          + "y, by 1 each unit."),
    ]

  static let certificate: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "x'Px/2 + c'x + g(x) and an upper bound of the maximum over y of the rest."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "-b'y - h(y) - mu |y|^2/2 and a lower bound of the minimum over x of the rest."),
    FieldSpec("gap", .real, .certificate, "objective less dual_objective."),
    FieldSpec(
      "relative_gap", .real, .certificate, "gap over 1 + the smaller of the two in size."),
    FieldSpec(
      "violation", .real, .certificate, "Largest violation of the domains of g by x and h by y."),
    FieldSpec(
      "relative_violation", .real, .certificate, "The same over 1 + the largest entry."),
    FieldSpec(
      "dual_violation", .real, .certificate,
      "Largest violation of the domains of the conjugates g* and h* by the slopes in x and y."),
    FieldSpec(
      "relative_dual_violation", .real, .certificate,
      "The same over the largest term of the slopes, or 1."),
    FieldSpec(
      "radius", .real, .certificate,
      "Infeasible or unbounded problems: the ray proves it for points of the other side up to this "
        + "size."),
    FieldSpec(
      "advantage", .real, .certificate,
      "radius over the size that the data suggest; 1e7 is needed for a claim."),
  ]

  static let game: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output, "Value of the game: the middle of lower and upper."),
    FieldSpec(
      "lower", .real, .certificate, "What row_strategy gains at the least; the value is no less."),
    FieldSpec(
      "upper", .real, .certificate,
      "What column_strategy loses at the most; the value is no more."),
    FieldSpec("gap", .real, .certificate, "upper less lower."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the range of the payoffs."),
    FieldSpec("row_strategy", .array, .output, shape: "(n,)", "Probabilities of the rows."),
    FieldSpec("column_strategy", .array, .output, shape: "(m,)", "Probabilities of the columns."),
    FieldSpec(
      "row_payoffs", .array, .output, shape: "(n,)",
      "What each row gains against column_strategy."),
    FieldSpec(
      "column_payoffs", .array, .output, shape: "(m,)",
      "What each column loses against row_strategy."),
  ]
}
