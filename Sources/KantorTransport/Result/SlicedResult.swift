import Glibc
import KantorCore
import KantorNumerics

/// Outputs of the sliced methods.
enum SlicedOutputs {
  /// Certificates have to hold to this: rounding of the sums, far below what any use can see.
  static let tolerance = 1e-10

  private static let first: [FieldSpec] = [
    FieldSpec(
      "distance", .real, .output, "objective / mass to the power 1/p, in units of the points."),
    FieldSpec(
      "gap", .real, .certificate, "Upper minus lower bound of the objective, at its directions."),
    FieldSpec(
      "relative_gap", .real, .certificate,
      "gap over the mean p-th power of the lengths that the projections cover, times the mass."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "Largest part of the mass that the matching of a direction leaves."),
  ]

  private static let last: [FieldSpec] = [
    FieldSpec("mass", .real, .output, "Mass of each cloud."),
    FieldSpec("iterations", .int, .output, "Directions, or steps of the ascents."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "best_direction", .array, .output, shape: "(d,)", "The direction of the largest cost."),
  ]

  static let sliced = [
    FieldSpec("objective", .real, .output, "Mean of W_p^p of the projections over the directions.")
  ] + first + [
    FieldSpec(
      "lower_bound", .real, .certificate, "Lower bound of the mean over the same directions."),
    FieldSpec(
      "standard_error", .real, .output,
      "Standard error of the objective as an estimate of the mean over the sphere; NaN if there "
        + "are too few directions to tell."),
    FieldSpec("largest", .real, .output, "Largest cost of a direction."),
    FieldSpec("slice_costs", .array, .output, shape: "(k,)", "W_p^p along each direction."),
    FieldSpec("projections", .array, .output, shape: "(k, d)", "The directions."),
  ] + last

  static let largest = [
    FieldSpec(
      "objective", .real, .output,
      "W_p^p along the best direction found: a lower bound of the largest over the sphere.")
  ] + first + [
    FieldSpec("lower_bound", .real, .certificate, "Proved lower bound of the largest cost."),
    FieldSpec(
      "upper_bound", .real, .certificate,
      "Proved upper bound of the largest cost over all directions, from the plan found."),
    FieldSpec(
      "bound_gap", .real, .certificate, "upper_bound minus lower_bound, over upper_bound."),
    FieldSpec(
      "probe_gain", .real, .certificate,
      "Largest relative gain over the objective among directions nearby that the checker tried."),
    FieldSpec("ascents", .int, .output, "Directions from which it was climbed."),
    FieldSpec(
      "ascent_costs", .array, .output, shape: "(k,)", "What the ascents ended at."),
  ] + last

  static func result(
    _ spec: MethodSpec, _ problem: SlicedProblem, _ directions: Buffer<Double>,
    _ certificates: Buffer<SliceCertificate>, done: Int, blocks: Int, _ run: Run
  ) throws(KantorError) -> Result {
    let (d, all) = (problem.dimension, certificates.count)
    var (cost, lower, upper, scale) = (
      CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()
    )
    var (residual, best) = (done == all ? 0.0 : .infinity, 0)
    let costs = try Buffer<Double>(count: done)
    for k in 0..<done {
      let own = certificates.pointer[k]
      costs.pointer[k] = own.cost
      cost.add(own.cost)
      lower.add(own.lower)
      upper.add(own.upper)
      scale.add(own.scale)
      residual = max(residual, own.residual)
      if own.cost > costs.pointer[best] { best = k }
    }
    let share = 1 / Double(done)
    let gap = share * (upper.value - lower.value)
    let relative = gap == 0 ? 0 : gap / (share * scale.value)
    let status = Status.judge(
      residual: residual, tolerance: tolerance, gap: relative, gapTolerance: tolerance,
      stop: run.monitor.stop)
    let error = problem.dimension == 1 && problem.projections == nil
      ? 0 : standardError(costs, blocks)
    var fields = ResultFields()
    fields.add("objective", share * cost.value)
    fields.add("distance", pow(share * cost.value / problem.mass, 1 / problem.power))
    fields.certify("gap", gap)
    fields.certify("relative_gap", relative)
    fields.certify("marginal_residual", residual)
    fields.certify("lower_bound", share * lower.value)
    fields.add("standard_error", error)
    fields.add("largest", costs.pointer[best])
    fields.add("slice_costs", Tensor(costs))
    let used = try Buffer(copying: directions.pointer, count: done * d)
    fields.add("projections", Tensor(used, shape: [done, d]))
    fields.add("mass", problem.mass)
    fields.add("iterations", done)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): \(done) directions, standard error \(shortText(error)), relative gap "
        + "\(shortText(relative))")
    let top = try Buffer(copying: directions.pointer + best * d, count: d)
    fields.add("best_direction", Tensor(top))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: SlicedDerivative.make(problem, directions: used, threads: run.threads))
  }

  /// Of the mean of independent blocks of costs; whole blocks only.
  private static func standardError(_ costs: Buffer<Double>, _ size: Int) -> Double {
    let blocks = costs.count / size
    guard blocks >= 2 else { return .nan }
    func mean(_ block: Int) -> Double {
      var sum = 0.0
      for k in 0..<size { sum += costs.pointer[block * size + k] }
      return sum / Double(size)
    }
    var (sum, square) = (CompensatedSum(), CompensatedSum())
    for k in 0..<blocks { sum.add(mean(k)) }
    let centre = sum.value / Double(blocks)
    for k in 0..<blocks { square.add((mean(k) - centre) * (mean(k) - centre)) }
    return (square.value / Double(blocks * (blocks - 1))).squareRoot()
  }
}

extension SlicedOutputs {
  static func largest(
    _ spec: MethodSpec, _ problem: SlicedProblem, _ direction: Buffer<Double>,
    _ certificate: MaxSliceCertificate, ends: [Double], _ run: Run
  ) throws(KantorError) -> Result {
    let slice = certificate.slice
    let gap = slice.upper - slice.lower
    let relative = gap == 0 ? 0 : gap / slice.scale
    // Clouds without any extent differ along no direction.
    let open = slice.cost == 0 && certificate.upper == 0
      ? 0 : min(certificate.probeGain, certificate.boundGap)
    let status = Status.judge(
      residual: max(slice.residual, relative), tolerance: tolerance, gap: open,
      gapTolerance: run.options.real("tolerance"), stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", slice.cost)
    fields.add("distance", pow(slice.cost / problem.mass, 1 / problem.power))
    fields.certify("gap", gap)
    fields.certify("relative_gap", relative)
    fields.certify("marginal_residual", slice.residual)
    fields.certify("lower_bound", slice.lower)
    fields.certify("upper_bound", certificate.upper)
    fields.certify("bound_gap", certificate.boundGap)
    fields.certify("probe_gain", certificate.probeGain)
    fields.add("ascents", ends.count)
    fields.add("ascent_costs", Tensor(try Buffer(ends)))
    fields.add("mass", problem.mass)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): largest cost found \(shortText(slice.cost)), no direction has more than "
        + "\(shortText(certificate.upper)); directions tried nearby gain "
        + "\(shortText(certificate.probeGain)) of it")
    fields.add("best_direction", Tensor(try direction.copy()))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: SlicedDerivative.make(problem, directions: direction, threads: run.threads))
  }
}
