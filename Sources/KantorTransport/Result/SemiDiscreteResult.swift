import KantorCore
import KantorNumerics

/// Options and outputs of the semi-discrete methods.
enum SemiDiscreteOutputs {
  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the soft minimum, in units of the squared distance; 0 for none."),
    OptionSpec(
      "tolerance", .real(1e-2, min: 0, max: 2),
      "L1 distance of the cells' masses from those asked for, relative to the mass. What can be "
        + "reached without epsilon depends on how dense the samples are."),
  ]

  /// Pairs of samples and points.
  private static let mostAfterStop = 1 << 24

  static let outputs: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "Cost of the plan by cells; with epsilon plus epsilon KL(P | w b' / mass)."),
    FieldSpec("transport_cost", .real, .output, "Cost of the plan by cells."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "Value of the potential in the semi-dual: a lower bound of the problem solved."),
    FieldSpec(
      "marginal_residual", .real, .certificate, "|cell masses - b|_1 / mass on the samples."),
    FieldSpec(
      "lower_bound", .real, .certificate,
      "Lower bound of the transport cost of the samples, without entropy."),
    FieldSpec(
      "upper_bound", .real, .certificate,
      "Cost of a plan of the samples that has the masses b: an upper bound of the same."),
    FieldSpec("gap", .real, .certificate, "upper_bound minus lower_bound."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the bounds' terms."),
    FieldSpec("mass", .real, .output, "Mass of the points and of the density."),
    FieldSpec("sample_count", .int, .output, "Samples of positive mass."),
    FieldSpec("iterations", .int, .output, "Steps of the method."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "potential_target", .array, .output, shape: "(m,)",
      "g: cell j is where |x - y_j|^2 - g_j is least; of mean 0 under b."),
    FieldSpec("cell_masses", .array, .output, shape: "(m,)", "Masses of the cells."),
    FieldSpec(
      "cell_means", .array, .output, shape: "(m, d)",
      "Centres of mass of the cells; the point itself where a cell is empty."),
  ]

  static func problem(
    _ sealed: any SealedProblem, _ spec: MethodSpec
  ) throws(KantorError) -> SemiDiscreteProblem {
    guard let problem = sealed as? SemiDiscreteProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind "
          + "semi_discrete_transport")
    }
    return problem
  }

  static func result(
    _ spec: MethodSpec, _ problem: SemiDiscreteProblem, _ g: Buffer<Double>, _ run: Run
  ) throws(KantorError) -> Result {
    let (m, d) = (problem.m, problem.dimension)
    var mean = CompensatedSum()
    for j in 0..<m { mean.add(problem.b.pointer[j] / problem.mass * g.pointer[j]) }
    for j in 0..<m { g.pointer[j] -= mean.value }
    let check = SemiDiscreteCheck(
      problem, epsilon: run.options.real("epsilon"), threads: run.threads)
    // What was stopped from outside is looked at only if that takes no time to speak of.
    let isSmall = problem.count <= mostAfterStop / problem.m
    let (certificate, cells) = try check.certify(g.pointer) {
      let stop = run.monitor.heartbeat()
      return isSmall || stop == nil || stop == .iterationLimit
    }
    let status = Status.judge(
      residual: certificate.residual, tolerance: run.options.real("tolerance"),
      stop: run.monitor.stop)
    let gap = certificate.upper - certificate.lower
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("transport_cost", certificate.cost)
    fields.certify("dual_objective", certificate.dual)
    fields.certify("marginal_residual", certificate.residual)
    fields.certify("lower_bound", certificate.lower)
    fields.certify("upper_bound", certificate.upper)
    fields.certify("gap", gap)
    fields.certify("relative_gap", gap == 0 ? 0 : gap / certificate.scale)
    fields.add("mass", problem.mass)
    fields.add("sample_count", problem.count)
    fields.add("iterations", run.monitor.iterations)
    fields.add("seconds", run.monitor.seconds)
    fields.add(
      "message",
      "\(status.name): masses of the cells off by \(shortText(certificate.residual)), cost between "
        + "\(shortText(certificate.lower)) and \(shortText(certificate.upper)), "
        + "\(run.monitor.iterations) iterations")
    fields.add("potential_target", Tensor(g))
    fields.add("cell_masses", Tensor(cells.masses))
    let means = try Buffer<Double>(count: m * d)
    for j in 0..<m {
      let q = cells.masses.pointer[j]
      for c in 0..<d {
        means.pointer[j * d + c] = q > 0
          ? cells.moments.pointer[j * d + c] / q : problem.y.pointer[j * d + c]
      }
    }
    fields.add("cell_means", Tensor(means, shape: [m, d]))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: derivative(
        problem.y, shape: problem.targetShape, mass: problem.mass, g, cells.masses, means,
        certificate.dual))
  }

  /// Envelope theorem at the potential: d/dy_j = 2 q_j (y_j - cell mean), and d/db_j = g_j plus
  /// the mean transform of the samples, whose mass follows that of the points.
  static func derivative(
    _ y: Buffer<Double>, shape: [Int], mass: Double, _ g: Buffer<Double>,
    _ masses: Buffer<Double>, _ means: Buffer<Double>, _ dual: Double
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let scale = try EnvelopeCotangent.scalar(cotangents)
      var answer: [String: Tensor] = [:]
      let d = y.count / g.count
      for name in wanted {
        switch name {
        case "points_target":
          let out = try Buffer<Double>(count: means.count)
          for k in 0..<out.count {
            let step = y.pointer[k] - means.pointer[k]
            out.pointer[k] = 2 * scale * masses.pointer[k / d] * step
          }
          answer[name] = Tensor(out, shape: shape)
        case "weights_target":
          // The potential has the mean 0, so all of the dual value is that of the transform.
          let out = try Buffer<Double>(count: g.count)
          for j in 0..<g.count {
            out.pointer[j] = scale * (g.pointer[j] + dual / mass)
          }
          answer[name] = Tensor(out)
        default:
          throw KantorError(
            .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
              + "points_target, weights_target")
        }
      }
      return answer
    }
  }
}
