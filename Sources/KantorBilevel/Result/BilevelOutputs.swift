import KantorCore

/// The outputs that every bilevel method has, for the methods' descriptions.
public enum BilevelOutputs {
  public static let specs: [FieldSpec] = certificate + others + BilevelCounts.specs

  static let certificate: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "F(x, y)."),
    FieldSpec("lower_objective", .real, .output, "f(x, y)."),
    FieldSpec(
      "lower_gap", .real, .certificate,
      "f(x, y) less the least value that own solves of the check found for this x, at least 0; "
        + "relative to 1 + |f| for the status."),
    FieldSpec(
      "lower_stationarity", .real, .certificate,
      "Largest entry of the gradient in y of the lower Lagrangian, multipliers fitted."),
    FieldSpec(
      "lower_feasibility", .real, .certificate,
      "Largest violation of the lower rows and bounds; relative to the largest of 1, |x|, |y|."),
    FieldSpec(
      "lower_complementarity", .real, .certificate,
      "Largest product of a lower multiplier with its slack."),
    FieldSpec(
      "lower_residual", .real, .certificate,
      "Lower stationarity and complementarity, relative, or the root of the relative gap if "
        + "that is less: the distance of y from a lower solution."),
    FieldSpec(
      "upper_feasibility", .real, .certificate,
      "Largest violation of the upper rows and of the set of x; relative as the lower one."),
    FieldSpec(
      "hypergradient_norm", .real, .certificate,
      "Largest entry of the projected derivative of F along y(x): the residual of the first-order "
        + "conditions of the single-level problem; relative to the largest of 1, |F| and its "
        + "gradient."),
    FieldSpec(
      "improvement", .real, .certificate,
      "How far F falls at an x nearby, by the certificate's own lower solves; 0 if nothing was "
        + "found."),
    FieldSpec(
      "residual", .real, .certificate,
      "Largest relative entry: gap, lower residual, feasibilities, hypergradient, improvement."),
  ]

  static let others: [FieldSpec] = [
    FieldSpec(
      "selection", .text, .output,
      "How y was chosen among lower solutions: 'unique', 'optimistic', 'nearest_to_start' or "
        + "'unknown'."),
    FieldSpec(
      "reason", .text, .output,
      "Which entry keeps the result from 'solved': 'none', 'lower_infeasible', 'lower_unbounded', "
        + "'upper_infeasible', 'lower_not_global', 'lower_not_stationary', 'not_stationary', "
        + "'not_minimal', 'undefined'."),
    FieldSpec("x", .array, .output, shape: "(nx,)", "Upper variables."),
    FieldSpec("y", .array, .output, shape: "(ny,)", "Lower variables."),
    FieldSpec(
      "lower_multipliers", .array, .output, shape: "(lower_rows,)",
      "Multipliers of the lower rows, >= 0 of inequalities, fitted by the certificate."),
    FieldSpec(
      "lower_bound_multipliers", .array, .output, shape: "(ny,)",
      "Multipliers of the bounds of y: positive at upper, negative at lower ones."),
    FieldSpec(
      "adjoint", .array, .output, shape: "(ny,)",
      "The adjoint vector v of the hypergradient F_x - f_xy v."),
    FieldSpec(
      "better_y", .array, .output, shape: "(ny,)",
      "The y with the least f that the certificate's solves found for this x; y itself where they "
        + "found none below."),
  ]
}

extension BilevelMethod {
  public static var entry: MethodEntry {
    MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
      guard let problem = sealed as? BilevelProblem else {
        throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind bilevel")
      }
      let proposal = try propose(problem, run)
      return try BilevelResult.make(spec, problem, proposal, run)
    }
  }

  /// The start of x and y: what the run brings, else the problem's.
  public static func start(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> (x: Buffer<Double>, y: Buffer<Double>) {
    let (warmX, warmY) = (
      try run.start.vector("x", count: problem.nx), try run.start.vector("y", count: problem.ny)
    )
    let x = try (warmX ?? problem.startX).copy()
    let y = try (warmY ?? problem.startY).copy()
    problem.projectX(x.pointer)
    problem.clampY(y.pointer)
    return (x, y)
  }
}
