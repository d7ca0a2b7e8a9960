import KantorCore

/// Outputs of barycentres with free points.
enum PointBarycentreOutputs {
  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "Sum of lambda_k W_2^2 to the measures."),
    FieldSpec(
      "marginal_residual", .real, .certificate, "Largest L1 error of the plans' marginals."),
    FieldSpec(
      "stationarity", .real, .certificate,
      "Root mean square distance of the points from the means that the plans give them, relative "
        + "to the spread of all points."),
    FieldSpec(
      "relative_gap", .real, .certificate,
      "Duality gaps of the plans together, over the size of their costs' terms."),
    FieldSpec(
      "lower_bound", .real, .certificate,
      "Lower bound of the optimum over barycentres of any size; -infinity if not asked for."),
    FieldSpec("mass", .real, .output, "Mass of the measures and of the barycentre."),
    FieldSpec("iterations", .int, .output, "Iterations of the method."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec("points", .array, .output, shape: "(m, d)", "Points of the barycentre."),
    FieldSpec("weights", .array, .output, shape: "(m,)", "Their weights."),
    FieldSpec(
      "plan_measure", .array, .output, shape: "(e,)", "Measures of the plans' entries (i64)."),
    FieldSpec("plan_row", .array, .output, shape: "(e,)", "Points of the barycentre (i64)."),
    FieldSpec(
      "plan_column", .array, .output, shape: "(e,)",
      "Points of the measures (i64), as numbered in the field points."),
    FieldSpec("plan_value", .array, .output, shape: "(e,)", "Masses of the entries."),
  ]

  static func result(
    _ spec: MethodSpec, _ problem: PointBarycentreProblem, _ status: Status,
    _ certificate: PointBarycentreCertificate, points: Buffer<Double>, weights: Buffer<Double>,
    plans: [PointBarycentreCheck.Plan], _ run: Run
  ) throws(KantorError) -> Result {
    let mass = problem.mass
    var fields = ResultFields()
    fields.add("objective", mass * certificate.value)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.certify("stationarity", certificate.stationarity)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("lower_bound", mass * certificate.lower)
    fields.add("mass", mass)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): stationarity \(shortText(certificate.stationarity)), relative gap of the "
        + "plans \(shortText(certificate.relativeGap)), \(run.monitor.iterations) iterations")
    let m = weights.count
    fields.add("points", Tensor(points, shape: [m, problem.dimension]))
    let scaled = try weights.copy()
    for i in 0..<m { scaled.pointer[i] *= mass }
    fields.add("weights", Tensor(scaled))
    try addPlans(&fields, problem, plans)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: derivative(problem, points, plans.map(\.plan)))
  }

  private static func addPlans(
    _ fields: inout ResultFields, _ problem: PointBarycentreProblem,
    _ plans: [PointBarycentreCheck.Plan]
  ) throws(KantorError) {
    let total = plans.reduce(0) { $0 + $1.plan.count }
    let measure = try Buffer<Int64>(count: total)
    var all = try SparsePlan(capacity: total)
    for (k, item) in plans.enumerated() {
      for e in 0..<item.plan.count {
        measure.pointer[all.count] = Int64(k)
        all.append(
          Int(item.plan.rows.pointer[e]), problem.first[k] + Int(item.plan.columns.pointer[e]),
          problem.mass * item.plan.values.pointer[e])
      }
    }
    fields.add("plan_measure", Tensor(measure))
    fields.add("plan_row", Tensor(all.rows))
    fields.add("plan_column", Tensor(all.columns))
    fields.add("plan_value", Tensor(all.values))
  }

  /// d objective / d y_j = 2 lambda_k sum_i P_ij (y_j - x_i), by the envelope theorem.
  private static func derivative(
    _ problem: PointBarycentreProblem, _ points: Buffer<Double>, _ plans: [SparsePlan]
  ) -> Result.Derivative {
    let d = problem.dimension
    return { (cotangents, wanted) throws(KantorError) in
      let scale = try EnvelopeCotangent.scalar(cotangents)
      var answer: [String: Tensor] = [:]
      for name in wanted {
        guard name == "points" else {
          throw KantorError(
            .name, "no gradient with respect to '\(name.prefix(60))'; this problem has points")
        }
        let out = try Buffer<Double>(count: problem.points.count)
        for (k, plan) in plans.enumerated() {
          let (y, g) = (problem.points(of: k), out.pointer + problem.first[k] * d)
          let weight = 2 * scale * problem.mass * problem.lambda.pointer[k]
          for e in 0..<plan.count {
            let (i, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
            let p = weight * plan.values.pointer[e]
            for c in 0..<d { g[j * d + c] += p * (y[j * d + c] - points.pointer[i * d + c]) }
          }
        }
        answer[name] = Tensor(out, shape: problem.pointsShape)
      }
      return answer
    }
  }
}
