import KantorCore

/// The value and the derivative of F(x, z(x)) at one x of a nested problem, for callers with an
/// outer loop of their own.
enum NestedHypergradient {
  /// Stands for the results; options are those of `implicit_programming`.
  static let spec = MethodSpec(
    name: "hypergradient", kind: NestedKind.kind.name,
    summary: "The derivative of the upper objective along the lower problem's answer, at one x.",
    source: ImplicitProgramming.spec.source,
    guarantee: "The lower problem solved, by the checker of its kind.",
    options: ImplicitProgramming.options, outputs: NestedResult.outputs, usesWarmStart: false,
    hasDerivatives: false)

  static func evaluate(
    _ problem: NestedProblem, x: Buffer<Double>, run: Run
  ) throws(KantorError) -> Result {
    let limits = NestedLimits(
      calls: run.options.int("max_evaluations"),
      lowerSolves: run.options.int("max_lower_solves"))
    let oracle = try NestedOracle(
      problem, monitor: run.monitor, limits: limits, presets: run.lowerPresets)
    let gradient = try Buffer<Double>(count: problem.nx)
    let outcome = try oracle.differentiate(
      x.pointer, tolerance: run.options.real("lower_tolerance"), start: nil,
      into: gradient.pointer)
    guard case .fine = outcome, let sight = try NestedSight(oracle, gradient: gradient.pointer)
    else { return failed(x, oracle, run) }
    var certificate = NestedCertificate()
    if run.options.isSet("check_directions"), run.options.int("check_directions") > 0 {
      certificate = try NestedCheck(
        problem, run, directions: run.options.int("check_directions")
      ).certify(x, seen: sight.value)
    } else {
      let room = try Buffer<Double>(count: problem.nx)
      certificate.hypergradient = problem.leader.residual(
        x.pointer, gradient.pointer, room: room.pointer)
      certificate.lowerStatus = sight.lower.status
    }
    let status = run.monitor.stop ?? sight.lower.status
    var fields = ResultFields()
    fields.add("objective", sight.value)
    NestedResult.add(certificate, sight, to: &fields)
    fields.append(oracle.counts.fields)
    fields.add("status", status.name)
    fields.add("message", "\(status.name): the lower problem is \(sight.lower.status.name)")
    return Result(spec: spec, status: status, fields: fields)
  }

  private static func failed(_ x: Buffer<Double>, _ oracle: NestedOracle, _ run: Run) -> Result {
    let (status, reason) = NestedResult.ends(oracle.lowerEnd)
    let ended = run.monitor.stop ?? status
    var fields = ResultFields()
    fields.add("objective", Double.nan)
    fields.add("reason", reason.rawValue)
    fields.add("status", ended.name)
    fields.add("message", "\(ended.name): " + (oracle.complaint ?? "the evaluation was ended"))
    fields.add("x", Tensor(x))
    fields.append(oracle.counts.fields)
    return Result(spec: spec, status: ended, fields: fields)
  }
}
